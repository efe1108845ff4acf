"""A clip of the host saying a text: the stage's own stops, walked as fast as the machine can, not by the clock."""

import contextlib
import secrets
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from avatar.actor import Actor
from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.hosts import load_host
from avatar.life import Attention
from avatar.listening.listener import Listener, with_mouth
from avatar.picture import Picture
from avatar.speech import SpeechChunk
from streaming.errors import EverhostError
from streaming.label import Label, implicit
from streaming.playout import Playout, at_48k

LEAD_TICKS: Final = TICKS_PER_SECOND // 2
"""Before the first word and after the last."""


def render(
    chunks: Iterator[SpeechChunk],
    host: str,
    out: Path,
    *,
    width: int = 1920,
    height: int = 1080,
    seed: int = 0,
    progress: Callable[[int, float], None] = lambda tick, spoken: None,
) -> int:
    """Write an MP4 of ``host`` speaking ``chunks``; return its length in ticks.

    ``progress`` is told the ticks drawn and the seconds of speech known so far. The file appears under its name only
    when it is complete.
    """
    if out.suffix.lower() != ".mp4":
        raise EverhostError(f"{out}: clips are MP4; give a name that ends in .mp4")
    if not out.parent.is_dir():
        raise EverhostError(f"there is no folder {out.parent}; make it or choose another")
    if out.is_dir():
        raise EverhostError(f"{out} is a folder; name a file in it")
    partial = out.with_name(f".{out.stem}.{secrets.token_hex(4)}.mp4")
    try:
        ticks = _write(chunks, host, partial, width, height, seed, progress)
        partial.replace(out)
    except OSError as error:  # FFmpeg's own are of this kind too
        raise EverhostError(f"{out} cannot be written: {error.strerror}; choose another name or folder") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return ticks


def _write(
    chunks: Iterator[SpeechChunk],
    host: str,
    path: Path,
    width: int,
    height: int,
    seed: int,
    progress: Callable[[int, float], None],
) -> int:
    renderer, actor, playout = load_host(host, width, height), Actor(seed), Playout()
    picture, label = Picture(width, height), Label(width, height, renderer.region)
    renderer.prepare(picture)
    label.stamp(picture)
    pcm = np.zeros(SAMPLES_PER_TICK, np.float32)
    known, left, listener = 0.0, LEAD_TICKS, Listener()
    actor.attend(Attention.SPEAKING)
    with _Mp4(path, width, height) as file:
        for tick in range(1 << 30):
            if tick >= LEAD_TICKS and playout.ready_seconds < 1 and (chunk := next(chunks, None)) is not None:
                chunk = with_mouth(at_48k(chunk), listener)
                playout.add("clip", chunk)
                known += chunk.seconds
            elif tick >= LEAD_TICKS and not playout.ready_seconds:
                left -= 1
                if left < 0:
                    return tick
            playout.take(tick, pcm)
            for chunk, start in playout.coming:
                actor.say(chunk, start)
            renderer.draw(actor.frame(tick), picture)
            label.restamp(picture)
            file.write(tick, picture, pcm)
            progress(tick + 1, known)
    raise AssertionError("unreachable")


class _Mp4(contextlib.AbstractContextManager["_Mp4"]):
    def __init__(self, path: Path, width: int, height: int) -> None:
        # Without use_metadata_tags the MP4 muxer drops keys it does not know, and AIGC with them.
        self._file = av.open(str(path), "w", options={"movflags": "+faststart+use_metadata_tags"})
        self._file.metadata.update(implicit(secrets.token_hex(16)))
        self._video = self._file.add_stream("libx264", rate=TICKS_PER_SECOND)
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        self._video.options = {"preset": "veryfast", "crf": "18"}
        codec = self._video.codec_context
        codec.color_range = codec.color_primaries = codec.color_trc = codec.colorspace = 1
        self._audio = self._file.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        self._audio.bit_rate = 128_000

    def write(self, tick: int, picture: Picture, pcm: "np.typing.NDArray[np.float32]") -> None:
        # A copy: x264 looks ahead and may read a picture long after it was given.
        frame = VideoFrame.from_ndarray(picture.data, format="yuv420p")
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
