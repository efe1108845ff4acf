"""What an SDP offer lets a room send: which encodings of the picture, and whether sound."""

from dataclasses import dataclass
from typing import Final, Literal

from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.sdp import H264Profile, SessionDescription, parse_h264_profile_level_id

from streaming.encoders import H264_PROFILE_LEVEL_ID, LIGHT_PROFILE_LEVEL_ID
from streaming.errors import OfferError
from streaming.packets import Encoding

Rendition = Literal["auto", "full", "light"]
"""What a player asks for: the room chooses by how they fare, or always the one."""

_FULL_LEVEL: Final = int(H264_PROFILE_LEVEL_ID[4:], 16)


@dataclass(frozen=True, slots=True)
class Choice:
    first: Encoding
    """What they are sent first,"""
    light: Encoding | None
    """and in bad times; None when nothing is to be chosen later."""
    sound: bool

    @property
    def profile_level_id(self) -> str:
        """Of the answer, where the picture is H.264."""
        return LIGHT_PROFILE_LEVEL_ID if self.first == "h264-light" and self.light is None else H264_PROFILE_LEVEL_ID


def choose(offer: str, rendition: Rendition = "auto") -> Choice:
    """Raises :class:`OfferError`."""
    if "m=video" not in offer:
        raise OfferError("the SDP offer has no video section; offer video to receive and, for sound, audio")
    try:
        media = SessionDescription.parse(offer).media
    except Exception as error:  # aiortc raises whatever its parser stumbles over
        raise OfferError(f"the SDP offer cannot be understood: {error or type(error).__name__}") from error
    sound = any(one.kind == "audio" for one in media)  # a wall without loudspeakers may offer none
    videos = [one for one in media if one.kind == "video" and one.direction in (None, "recvonly", "sendrecv")]
    if not videos:
        raise OfferError("the SDP offer does not take video; offer it recvonly (a player, not a sender, belongs here)")
    codecs = [codec for one in videos for codec in one.rtp.codecs]
    h264 = [codec for codec in codecs if _is_constrained_baseline(codec)]
    if any(_takes_full(codec) for codec in h264):
        if rendition == "light":
            return Choice("h264-light", None, sound)
        return Choice("h264", "h264-light" if rendition == "auto" else None, sound)
    if rendition == "full":
        raise OfferError(
            "the full picture is H.264 (constrained baseline) at level 4.2, which the SDP offer does not take"
        )
    if h264:
        return Choice("h264-light", None, sound)
    if any(codec.mimeType.lower() == "video/vp8" for codec in codecs):
        return Choice("vp8-light", None, sound)
    raise OfferError("this room sends H.264 (constrained baseline, packetization-mode=1) or VP8; offer one of them")


def _is_constrained_baseline(codec: RTCRtpCodecParameters) -> bool:
    if codec.mimeType.lower() != "video/h264" or str(codec.parameters.get("packetization-mode", "0")) != "1":
        return False
    try:
        profile, _ = parse_h264_profile_level_id(str(codec.parameters.get("profile-level-id", LIGHT_PROFILE_LEVEL_ID)))
    except ValueError:
        return False
    return profile == H264Profile.PROFILE_CONSTRAINED_BASELINE


def _takes_full(codec: RTCRtpCodecParameters) -> bool:
    """Browsers name level 3.1 and take any: they say so by allowing asymmetry (RFC 6184, section 8.1)."""
    level = codec.parameters.get("profile-level-id")
    asymmetric = str(codec.parameters.get("level-asymmetry-allowed", "0")) == "1"
    return level is None or asymmetric or int(str(level)[4:6], 16) >= _FULL_LEVEL
