"""What is chosen for a player by its SDP offer."""

import pytest

from streaming.errors import OfferError
from streaming.offer import Choice, choose


def offer(*codecs: str, sound: bool = True) -> str:
    """``codecs``: the rtpmap and, after a space, the fmtp of each."""
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if sound:
        lines += ["m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtpmap:111 opus/48000/2"]
    types = [str(96 + k) for k in range(len(codecs))]
    lines += [f"m=video 9 UDP/TLS/RTP/SAVPF {' '.join(types)}", "c=IN IP4 0.0.0.0", "a=mid:1", "a=recvonly"]
    for number, codec in zip(types, codecs, strict=True):
        name, _, parameters = codec.partition(" ")
        lines.append(f"a=rtpmap:{number} {name}")
        if parameters:
            lines.append(f"a=fmtp:{number} {parameters}")
    return "".join(f"{line}\r\n" for line in lines)


BROWSER = "H264/90000 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
STRICT = "H264/90000 packetization-mode=1;profile-level-id=42e01f"
STRONG = "H264/90000 packetization-mode=1;profile-level-id=42e02a"
PLAIN = "H264/90000 packetization-mode=1"
OLD = "H264/90000 profile-level-id=42e01f"


@pytest.mark.parametrize(
    ("codecs", "rendition", "chosen"),
    [
        (["VP8/90000", BROWSER], "auto", Choice("h264", "h264-light", True)),
        ([BROWSER], "light", Choice("h264-light", None, True)),
        ([BROWSER], "full", Choice("h264", None, True)),
        ([STRONG], "auto", Choice("h264", "h264-light", True)),
        ([PLAIN], "auto", Choice("h264", "h264-light", True)),
        ([STRICT, "VP8/90000"], "auto", Choice("h264-light", None, True)),
        (["VP8/90000"], "auto", Choice("vp8-light", None, True)),
        ([OLD, "VP8/90000"], "light", Choice("vp8-light", None, True)),
    ],
)
def test_what_a_player_is_sent(codecs: list[str], rendition: str, chosen: Choice) -> None:
    assert choose(offer(*codecs), rendition) == chosen  # type: ignore[arg-type]


def test_the_answer_names_the_level_of_what_is_sent() -> None:
    assert choose(offer(BROWSER)).profile_level_id == "42e02a"
    assert choose(offer(STRICT)).profile_level_id == "42e01f"


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_who_takes_no_video_is_told_that_players_belong_here(direction: str) -> None:
    with pytest.raises(OfferError, match="recvonly"):
        choose(offer(BROWSER).replace("a=recvonly", f"a={direction}"))


def test_sound_may_be_left_out() -> None:
    assert not choose(offer(BROWSER, sound=False)).sound


@pytest.mark.parametrize(
    ("codecs", "rendition", "message"),
    [
        (["AV1/90000"], "auto", r"H\.264 .* or VP8"),
        ([OLD], "auto", "packetization-mode=1"),
        (["VP8/90000"], "full", "level 4.2"),
        ([STRICT], "full", "level 4.2"),
        (["H264/90000 packetization-mode=1;profile-level-id=zzzzzz"], "auto", "offer one"),
    ],
)
def test_what_cannot_be_met_is_refused_with_the_reason(codecs: list[str], rendition: str, message: str) -> None:
    with pytest.raises(OfferError, match=message):
        choose(offer(*codecs), rendition)  # type: ignore[arg-type]
