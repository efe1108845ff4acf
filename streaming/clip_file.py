"""The files that clips are: MP4; with transparency WebM (VP9) for pages and screens, MOV (ProRes 4444) for editors."""

import contextlib
import secrets
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.picture import Picture, Plane
from avatar.speech import Pcm
from streaming.label import implicit

OPAQUE: Final = (".mp4",)
TRANSPARENT: Final = (".webm", ".mov")
ABOUT: Final = "everhost"
"""The key of a file's metadata for what it is made of."""

_VIDEO: Final[dict[str, tuple[str, str, dict[str, str]]]] = {
    ".mp4": ("libx264", "yuv420p", {"preset": "veryfast", "crf": "18"}),
    ".webm": ("libvpx-vp9", "yuva420p", {"crf": "20", "b:v": "0", "cpu-used": "6", "row-mt": "1", "auto-alt-ref": "0"}),
    ".mov": ("prores_ks", "yuva444p10le", {"profile": "4444", "alpha_bits": "8"}),
}
_AUDIO: Final = {".mp4": "aac", ".webm": "libopus", ".mov": "pcm_s16le"}


class ClipFile(contextlib.AbstractContextManager["ClipFile"]):
    """Written picture by picture, with the sound of each."""

    def __init__(self, path: Path, width: int, height: int, about: str) -> None:
        """By the suffix of ``path``."""
        kind = path.suffix.lower()
        # Without use_metadata_tags the MP4 muxer drops keys it does not know, and AIGC with them.
        options = {} if kind == ".webm" else {"movflags": "+faststart+use_metadata_tags"}
        self._file = av.open(str(path), "w", options=options)
        self._file.metadata.update(implicit(secrets.token_hex(16)))
        if about:
            self._file.metadata[ABOUT] = about
        codec, self._format, options = _VIDEO[kind]
        self._video = cast(Any, self._file.add_stream(codec, rate=TICKS_PER_SECOND))
        self._video.width, self._video.height, self._video.pix_fmt = width, height, self._format
        self._video.options = options
        if kind == ".webm":
            self._video.metadata["alpha_mode"] = "1"
        context = self._video.codec_context
        context.color_range = context.color_primaries = context.color_trc = context.colorspace = 1
        self._audio = cast(Any, self._file.add_stream(_AUDIO[kind], rate=SAMPLE_RATE, layout="mono"))
        if kind != ".mov":
            self._audio.bit_rate = 128_000

    def write(self, tick: int, picture: Picture, alpha: Plane | None, pcm: Pcm) -> None:
        """``alpha``: (height, width) uint8, 0 where nothing is; for what is transparent."""
        if alpha is None:
            # A copy: x264 looks ahead and may read a picture long after it was given.
            frame = VideoFrame.from_ndarray(picture.data, format="yuv420p")
        else:
            frame = _with_alpha(picture, alpha).reformat(format=self._format)
        frame.pts, frame.time_base = tick, Fraction(1, TICKS_PER_SECOND)
        self._file.mux(self._video.encode(frame))
        sound = AudioFrame.from_ndarray(pcm[None], format="flt", layout="mono")
        sound.sample_rate, sound.pts = SAMPLE_RATE, tick * SAMPLES_PER_TICK
        sound.time_base = Fraction(1, SAMPLE_RATE)
        self._file.mux(self._audio.encode(sound))

    def __exit__(self, kind: object, *_: object) -> None:
        with contextlib.closing(self._file):
            if kind is None:
                self._file.mux(self._video.encode(None))
                self._file.mux(self._audio.encode(None))


def _with_alpha(picture: Picture, alpha: Plane) -> VideoFrame:
    frame = VideoFrame(picture.width, picture.height, "yuva420p")
    for plane, drawn in zip(frame.planes, (picture.y, picture.u, picture.v, alpha), strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        rows[:, : plane.width] = drawn
    return frame
