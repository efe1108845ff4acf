"""Both encoders against FFmpeg's decoders: what goes in comes out, in the format that players are promised."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from avatar.picture import Picture
from streaming import encoders
from streaming.encoders import H264_PROFILE_LEVEL_ID
from streaming.packets import Encoding, Packet

SPS, PPS, IDR, SLICE = 7, 8, 5, 1
SIZE = (320, 192)


def units(data: bytes) -> list[bytes]:
    """The NAL units of an Annex B access unit (H.264, annex B), start codes removed."""
    assert data.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01"))
    return [unit.rstrip(b"\x00") for unit in data.split(b"\x00\x00\x01")[1:]]


def kinds(data: bytes) -> list[int]:
    return [unit[0] & 31 for unit in units(data) if unit[0] & 31 in (SPS, PPS, IDR, SLICE)]


def pictures(count: int) -> Iterator[Picture]:
    """A gradient with a bright square that moves."""
    for n in range(count):
        picture = Picture(*SIZE)
        picture.y[:] = np.linspace(40, 200, SIZE[0]).astype(np.uint8)
        picture.y[60:120, 4 * n : 4 * n + 60] = 220
        picture.u[:], picture.v[:] = 110, 150
        yield picture


def psnr(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def test_h264_is_what_the_answer_promises_and_shows_the_picture() -> None:
    encoder, decoder = encoders.h264(*SIZE), av.CodecContext.create("h264", "r")
    shown = list(pictures(24))
    packets = [encoder.encode(picture, 100 + n, key=n in (0, 10)) for n, picture in enumerate(shown)]
    assert [packet.pts for packet in packets] == [(100 + n) * SAMPLES_PER_TICK for n in range(24)]
    assert [n for n, packet in enumerate(packets) if packet.key] == [0, 10]
    for packet in packets:
        expected = [SPS, PPS, IDR] if packet.key else [SLICE]
        assert list(dict.fromkeys(kinds(packet.data))) == expected
    (sps,) = (unit for unit in units(packets[0].data) if unit[0] & 31 == SPS)
    profile, constraints, level = sps[1:4]
    promised = bytes.fromhex(H264_PROFILE_LEVEL_ID)
    assert (profile, level) == (promised[0], promised[2])
    assert constraints & promised[1] & 0x40  # constraint_set1: what "constrained" is in baseline
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    frames += decoder.decode(None)
    assert len(frames) == len(shown)  # one picture in, one out, none reordered
    for picture, frame in zip(shown, frames, strict=True):
        assert psnr(frame.to_ndarray(format="yuv420p"), picture.data) > 33
    assert frames[0].color_range == 1  # limited
    assert frames[0].colorspace == 1  # BT.709


def test_whoever_joins_at_a_key_frame_sees_the_picture() -> None:
    encoder, decoder = encoders.h264(*SIZE), av.CodecContext.create("h264", "r")
    shown = list(pictures(16))
    packets = [encoder.encode(picture, n, key=n in (0, 10)) for n, picture in enumerate(shown)]
    frames = [frame for packet in packets[10:] for frame in decoder.decode(av.Packet(packet.data))]
    frames += decoder.decode(None)
    assert len(frames) == 6
    assert psnr(frames[0].to_ndarray(format="yuv420p"), shown[10].data) > 33


def decoded(packets: list[Packet]) -> npt.NDArray[np.float32]:
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = SAMPLE_RATE, "mono"
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float32)


@pytest.mark.parametrize("first", [0, 48_000_000])
def test_opus_says_when_each_sample_is_heard(first: int) -> None:
    encoder = encoders.opus(first)
    pcm = np.zeros(48 * SAMPLES_PER_TICK, np.float32)
    onset = 20_000
    t = np.arange(len(pcm) - onset) / SAMPLE_RATE
    pcm[onset:] = 0.5 * np.sin(2 * np.pi * 1000 * t)
    packets = [p for tick in pcm.reshape(-1, SAMPLES_PER_TICK) for p in encoder.encode(tick)]
    assert len(packets) == len(pcm) // 960
    assert {p.kind for p in packets} == {"audio"}
    assert set(np.diff([p.pts for p in packets])) == {960}
    sound = decoded(packets)
    spectrum = np.abs(np.fft.rfft(sound[onset + 2000 : onset + 2000 + SAMPLE_RATE // 4]))
    assert np.argmax(spectrum) * 4 == pytest.approx(1000, abs=8)
    # The stamps of the packets, which begin before ``first`` by the codec's delay, put the onset where it was.
    begins = int(np.argmax(np.abs(sound) > 0.25 * np.abs(sound).max()))
    assert packets[0].pts < first
    assert packets[0].pts + begins == pytest.approx(first + onset, abs=48)  # 1 ms


def test_sound_out_of_range_is_clipped_and_not_wrapped() -> None:
    encoder = encoders.opus()
    loud = (4 * np.sin(2 * np.pi * 200 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)
    sound = decoded(encoder.encode(loud))
    scale = 32768 if np.abs(sound).max() > 2 else 1
    body = sound[2000:] / scale
    assert np.abs(np.diff(body)).max() < 0.6  # a wrapped sample would jump by 2


@pytest.mark.parametrize(("encoding", "decoder"), [("h264-light", "h264"), ("vp8-light", "vp8")])
def test_the_lighter_rendition_is_half_as_large_and_frequent(encoding: Encoding, decoder: str) -> None:
    lighter, codec = encoders.Lighter(*SIZE), av.CodecContext.create(decoder, "r")
    wanted: frozenset[Encoding] = frozenset({encoding})
    shown, packets = list(pictures(48)), []
    for tick, picture in enumerate(shown):
        packets += lighter.encode(picture, tick, wanted, {encoding} if tick == 21 else set())
    assert [packet.pts for packet in packets] == [tick * SAMPLES_PER_TICK for tick in range(0, 48, 2)]
    # Asked for at a tick that has none, the key frame is that of the next picture.
    assert [packet.pts // SAMPLES_PER_TICK for packet in packets if packet.key] == [0, 22]
    assert {packet.encoding for packet in packets} == {encoding}
    frames = [frame for packet in packets[11:] for frame in codec.decode(av.Packet(packet.data))] + codec.decode(None)
    assert len(frames) == 13
    assert (frames[0].width, frames[0].height) == (SIZE[0] // 2, SIZE[1] // 2)
    expected = cv2.resize(shown[46].y, (SIZE[0] // 2, SIZE[1] // 2), interpolation=cv2.INTER_AREA)
    assert psnr(frames[-1].to_ndarray(format="yuv420p")[: SIZE[1] // 2], expected) > 33


def test_a_lighter_rendition_that_nobody_wants_is_not_made_and_begins_again_with_a_key_frame() -> None:
    lighter, (picture,) = encoders.Lighter(*SIZE), pictures(1)
    both: frozenset[Encoding] = frozenset({"h264-light", "vp8-light"})
    assert {packet.encoding for packet in lighter.encode(picture, 0, both, set())} == both
    assert lighter.encode(picture, 2, frozenset(), set()) == []
    (packet,) = lighter.encode(picture, 4, frozenset({"h264-light"}), set())
    assert packet.key
    (sps,) = (unit for unit in units(packet.data) if unit[0] & 31 == SPS)
    assert sps[3] == int(encoders.LIGHT_PROFILE_LEVEL_ID[4:], 16)


def test_aac_says_when_each_sample_is_heard() -> None:
    first, onset = 48_000_000, 20_000
    encoder, pcm = encoders.aac(first), np.zeros(48 * SAMPLES_PER_TICK, np.float32)
    pcm[onset:] = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(len(pcm) - onset) / SAMPLE_RATE)
    packets = [p for tick in pcm.reshape(-1, SAMPLES_PER_TICK) for p in encoder.encode(tick)]
    assert set(np.diff([p.pts for p in packets])) == {1024}
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = bytes.fromhex("1188")  # AAC-LC, 48 kHz, mono (ISO 14496-3, 1.6.2.1)
    sound = np.concatenate([f.to_ndarray()[0] for p in packets for f in decoder.decode(av.Packet(p.data))])
    begins = int(np.argmax(np.abs(sound) > 0.25 * np.abs(sound).max()))
    assert packets[0].pts + begins == pytest.approx(first + onset, abs=240)  # 5 ms: AAC smears an onset


def test_without_a_gpu_x264_encodes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert encoders.h264(*SIZE, maker="x264").name == "libx264"
    if encoders.GPU.exists():
        pytest.skip("there is a GPU")
    assert encoders.h264(*SIZE).name == "libx264"
    with pytest.raises(av.FFmpegError):
        encoders.h264(*SIZE, maker="nvenc")
    monkeypatch.setattr(encoders, "GPU", tmp_path)  # one that does not encode
    assert encoders.h264(*SIZE).name == "libx264"
