"""The encoders of a room, each run once however many watch.

The room's picture in H.264 by x264 or a GPU, its lighter rendition, its sound in Opus and, for live platforms and
recordings, in AAC.
"""

import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal, cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.picture import Picture, Plane
from streaming.packets import Encoding, Packet
from streaming.sei import before_slices

log = logging.getLogger(__name__)

H264_PROFILE_LEVEL_ID: Final = "42e02a"
"""Constrained baseline, level 4.2: 1080p at 48 fps needs 391,680 macroblocks a second, level 4.0 ends at 245,760."""
LIGHT_PROFILE_LEVEL_ID: Final = "42e01f"
"""Constrained baseline, level 3.1: 540 lines at 24 fps need 48,960 macroblocks a second, level 3.0 ends at 40,500."""

KEY_INTERVAL_S: Final = 10
"""Key frames come when somebody joins or loses pictures; this is only the safety net for recordings."""
LIGHT_EVERY: Final = 2
"""Ticks from one picture of the lighter rendition to the next."""
LIGHT_KBPS: Final = 600
LIGHT_CRF: Final = 24
GPU: Final = Path("/dev/nvidiactl")
"""Where NVIDIA's driver is."""

Maker = Literal["auto", "x264", "nvenc"]
"""Which H.264 encoder: "auto" is the GPU's where there is one that works."""


class VideoEncoder:
    """An encoder with no delay: one picture in, one packet out."""

    def __init__(self, codec: VideoCodecContext, encoding: Encoding, sei: bytes = b"") -> None:
        """``sei``: a NAL unit that comes with every key frame."""
        self._codec, self._encoding, self._sei = codec, encoding, sei

    @property
    def name(self) -> str:
        """FFmpeg's of who does the work."""
        return self._codec.name

    def encode(self, picture: Picture, tick: int, *, key: bool) -> Packet:
        frame = VideoFrame.from_numpy_buffer(picture.data, format="yuv420p")
        frame.pts = tick
        frame.pict_type = PictureType.I if key else PictureType.NONE
        (packet,) = self._codec.encode(frame)
        data = bytes(packet)
        if self._sei and packet.is_keyframe:
            data = before_slices(data, self._sei)
        return Packet(self._encoding, tick * SAMPLES_PER_TICK, packet.is_keyframe, data)


@dataclass(frozen=True, slots=True)
class X264:
    """How x264 works; ``everhost bench encode`` shows what each costs and does to the face."""

    preset: str = "superfast"
    crf: int = 22
    """Constant quality: a still picture costs almost nothing."""
    kbps: int = 3000
    """At most, over :attr:`vbv_s` seconds; so a key frame has a bound as well."""
    vbv_s: float = 0.5
    aq: int = 0
    """Adaptive quantization gives the flat background what the face needs more, and takes a sixth of the time."""
    sps_id: int = 0
    """Of the parameter sets. Two renditions need two: where packets overtake each other, Chromium gives a key frame
    that comes before its own sets the last ones of the same number, and shows rubbish until the next."""


SUPERFAST: Final = X264()


def h264(width: int, height: int, x264: X264 = SUPERFAST, maker: Maker = "auto", sei: bytes = b"") -> VideoEncoder:
    """The room's picture, with ``sei`` in its key frames. Raises :class:`av.FFmpegError` when ``maker`` is "nvenc" and
    it cannot be opened.
    """
    if maker == "nvenc":
        return VideoEncoder(_nvenc(width, height, x264.kbps), "h264", sei)
    if maker == "auto" and GPU.exists():
        try:
            VideoEncoder(_nvenc(width, height, x264.kbps), "h264").encode(Picture(width, height), 0, key=True)
            return VideoEncoder(_nvenc(width, height, x264.kbps), "h264", sei)
        except (av.FFmpegError, ValueError) as error:  # not every GPU has an encoder, not every driver or build fits
            log.info("the GPU does not encode (%s); x264 does", error)
    return VideoEncoder(_x264(width, height, TICKS_PER_SECOND, "4.2", x264), "h264", sei)


class Lighter:
    """The lighter rendition: half as wide and high, every second picture, in the encodings that are wanted."""

    def __init__(self, width: int, height: int, preset: str = "superfast", sei: bytes = b"") -> None:
        """``width`` and ``height`` of the room's picture, multiples of 4; ``preset`` is x264's."""
        self._sei = sei
        self._picture = Picture(width // 2, height // 2)
        self._x264 = X264(preset, LIGHT_CRF, LIGHT_KBPS, sps_id=1)
        self._encoders: dict[Encoding, VideoEncoder] = {}
        self._keys: set[Encoding] = set()

    def encode(self, picture: Picture, tick: int, wanted: frozenset[Encoding], keys: set[Encoding]) -> list[Packet]:
        """One packet for each of ``wanted``, beginning with a key frame, or none at a tick between.

        ``keys``: those that are to make a key frame, at the next picture they make.
        """
        if self._encoders.keys() != wanted:
            for encoding in self._encoders.keys() - wanted:
                del self._encoders[encoding]
            for encoding in wanted - self._encoders.keys():
                self._encoders[encoding] = self._open(encoding)
        if not wanted:
            return []
        self._keys |= keys
        if tick % LIGHT_EVERY:
            return []
        for whole, half in zip(_planes(picture), _planes(self._picture), strict=True):
            cv2.resize(whole, half.shape[::-1], half, interpolation=cv2.INTER_AREA)
        keys, self._keys = self._keys, set()
        return [
            encoder.encode(self._picture, tick, key=encoding in keys) for encoding, encoder in self._encoders.items()
        ]

    def _open(self, encoding: Encoding) -> VideoEncoder:
        width, height = self._picture.width, self._picture.height
        if encoding == "vp8-light":
            return VideoEncoder(_vp8(width, height), encoding)
        fps = TICKS_PER_SECOND // LIGHT_EVERY
        return VideoEncoder(_x264(width, height, fps, "3.1", self._x264), encoding, self._sei)


def _planes(picture: Picture) -> tuple[Plane, Plane, Plane]:
    return picture.y, picture.u, picture.v


def _video(name: str, width: int, height: int, fps: int, options: dict[str, str]) -> VideoCodecContext:
    codec = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
    codec.width, codec.height = width, height
    codec.pix_fmt = "yuv420p"
    codec.time_base = Fraction(1, TICKS_PER_SECOND)
    codec.framerate = Fraction(fps, 1)
    codec.color_range = 1  # limited
    codec.color_primaries = codec.color_trc = codec.colorspace = 1  # BT.709
    codec.thread_count = 1
    codec.gop_size = KEY_INTERVAL_S * fps
    codec.options = options
    return codec


def _x264(width: int, height: int, fps: int, level: str, x264: X264) -> VideoCodecContext:
    options = {
        "preset": x264.preset,
        "tune": "zerolatency",
        "level": level,
        "crf": str(x264.crf),
        "maxrate": f"{x264.kbps}k",
        "bufsize": f"{round(x264.kbps * x264.vbv_s)}k",
        "forced-idr": "1",
        "x264-params": f"scenecut=0:repeat-headers=1:annexb=1:aq-mode={x264.aq}:sps-id={x264.sps_id}",
    }
    codec = _video("libx264", width, height, fps, options)
    codec.profile = "Baseline"
    codec.open()
    return codec


def _nvenc(width: int, height: int, max_kbps: int) -> VideoCodecContext:
    options = {
        "preset": "p4",
        "tune": "ull",
        "profile": "baseline",
        "level": "4.2",
        "rc": "vbr",
        "cq": "24",
        "maxrate": f"{max_kbps}k",
        "bufsize": f"{max_kbps // 2}k",
        "zerolatency": "1",
        "delay": "0",
        "forced-idr": "1",
        "no-scenecut": "1",
    }
    codec = _video("h264_nvenc", width, height, TICKS_PER_SECOND, options)
    codec.bit_rate = 0  # by quality, up to the maximum
    codec.open()
    return codec


def _vp8(width: int, height: int) -> VideoCodecContext:
    options = {
        "deadline": "realtime",
        "cpu-used": "-8",
        "lag-in-frames": "0",
        "error-resilient": "default",
        "static-thresh": "1000",  # leaves a still background alone
        "undershoot-pct": "95",
        "maxrate": f"{LIGHT_KBPS}k",
        "bufsize": f"{LIGHT_KBPS // 2}k",
    }
    codec = _video("libvpx", width, height, TICKS_PER_SECOND // LIGHT_EVERY, options)
    codec.bit_rate = LIGHT_KBPS * 1000
    codec.open()
    return codec


class SoundEncoder:
    """A tick's 1000 samples and a codec's frames meet in a small buffer. 48 kHz mono."""

    def __init__(self, codec: AudioCodecContext, encoding: Encoding, frame: int, first_sample: int) -> None:
        self._codec, self._encoding, self._frame = codec, encoding, frame
        self._pts = first_sample
        self._rest = np.zeros(0, np.float32)

    def encode(self, pcm: npt.NDArray[np.float32]) -> list[Packet]:
        """Take (n,) float32 mono at 48 kHz; return the packets it completes."""
        samples = np.concatenate((self._rest, np.clip(pcm, -1, 1)))
        whole = len(samples) // self._frame * self._frame
        self._rest = samples[whole:]
        packets = []
        for at in range(0, whole, self._frame):
            frame = AudioFrame.from_ndarray(samples[None, at : at + self._frame], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, self._pts
            self._pts += self._frame
            # Stamped earlier by the codec's delay, which is when a decoder will play it.
            packets += [Packet(self._encoding, p.pts or 0, True, bytes(p)) for p in self._codec.encode(frame)]
        return packets


def opus(first_sample: int = 0, kbps: int = 48) -> SoundEncoder:
    """Packets of 20 ms with in-band FEC."""
    options = {"application": "audio", "fec": "1", "packet_loss": "5", "frame_duration": "20"}
    return SoundEncoder(_audio("libopus", "flt", kbps, options), "opus", 960, first_sample)


def aac(first_sample: int = 0, kbps: int = 128) -> SoundEncoder:
    """AAC-LC."""
    return SoundEncoder(_audio("aac", "fltp", kbps, {}), "aac", 1024, first_sample)


def _audio(name: str, layout: str, kbps: int, options: dict[str, str]) -> AudioCodecContext:
    codec = cast(AudioCodecContext, av.CodecContext.create(name, "w"))
    codec.sample_rate = SAMPLE_RATE
    codec.layout = "mono"
    codec.format = layout
    codec.bit_rate = kbps * 1000
    codec.time_base = Fraction(1, SAMPLE_RATE)
    codec.options = options
    codec.open()
    return codec
