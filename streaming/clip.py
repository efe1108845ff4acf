"""A clip of the host saying a text: the stage's own stops, walked as fast as the machine can, not by the clock."""

import contextlib
import glob
import itertools
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import av
import numpy as np

from avatar.actor import Actor
from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.face import FaceFrame
from avatar.hosts import load_batch, load_host
from avatar.life import Attention
from avatar.listening.listener import Listener, with_mouth
from avatar.picture import Picture, Plane
from avatar.speech import Mark, Pcm, SpeechChunk
from streaming.clip_file import ABOUT, OPAQUE, TRANSPARENT, ClipFile
from streaming.cutout import Cutout
from streaming.errors import EverhostError
from streaming.label import Label
from streaming.music import decoded
from streaming.playout import Playout, at_48k

LEAD_TICKS: Final = TICKS_PER_SECOND // 2
"""Before the first word and after the last."""
_PIECE: Final = 8 * SAMPLE_RATE
_QUIET: Final = SAMPLE_RATE // 20
_ABANDONED_S: Final = 60.0
"""Seconds after which nobody writes a file any more that has not been written to: another batch may be running."""


class _Camera(Protocol):
    at_once: int
    """Faces that are best drawn together."""

    def drawn(self, faces: Sequence[FaceFrame]) -> Iterator[tuple[Picture, Plane | None]]:
        """The picture of each, and what shows through; both are overwritten by the next."""


class _Set:
    """A host before a background."""

    at_once: int = 1

    def __init__(self, host: str, width: int, height: int, background: str | Path | None) -> None:
        self._renderer = load_host(host, width, height, background)
        self._label = Label(width, height, self._renderer.region)
        self._picture = Picture(width, height)
        self._renderer.prepare(self._picture)
        self._label.stamp(self._picture)

    def drawn(self, faces: Sequence[FaceFrame]) -> Iterator[tuple[Picture, None]]:
        for face in faces:
            self._renderer.draw(face, self._picture)
            self._label.restamp(self._picture)
            yield self._picture, None


class _GpuSet:
    """The same on another device."""

    at_once: int = 32

    def __init__(self, host: str, width: int, height: int, background: str | Path | None, device: str) -> None:
        self._renderer = load_batch(host, width, height, (background,), device)
        self._label = Label(width, height, self._renderer.region)
        self._picture = Picture(width, height)

    def drawn(self, faces: Sequence[FaceFrame]) -> Iterator[tuple[Picture, None]]:
        for data in self._renderer.draw(faces).cpu().numpy():
            self._picture.data[:] = data
            self._label.stamp(self._picture)
            yield self._picture, None


class Film:
    """A host before a camera: loaded once, for as many clips as are wanted."""

    def __init__(
        self,
        host: str,
        width: int = 1920,
        height: int = 1080,
        background: str | Path | None = None,
        *,
        transparent: bool = False,
        device: str | None = None,
    ) -> None:
        """``transparent``: before nothing; ``device``: what else than a core draws, as torch names it.

        Raises what :func:`avatar.hosts.load_host` and :func:`avatar.hosts.load_batch` do.
        """
        self._size, self._transparent = (width, height), transparent
        self._set: _Camera
        if transparent:
            self._set = Cutout(host, width, height)
        elif device is None:
            self._set = _Set(host, width, height, background)
        else:
            self._set = _GpuSet(host, width, height, background, device)

    def shoot(
        self,
        chunks: Iterator[SpeechChunk],
        out: Path,
        *,
        seed: int = 0,
        about: str = "",
        progress: Callable[[int, float], None] = lambda tick, spoken: None,
    ) -> int:
        """Write a clip of the host speaking ``chunks``; return its length in ticks.

        ``about`` is kept in the file, see :func:`about`; ``progress`` is told the ticks drawn and the seconds of speech
        known so far. The file appears under its name only when it is complete.
        """
        check(out, transparent=self._transparent)
        partial = _partial(out, secrets.token_hex(4))
        try:
            ticks = self._write(chunks, partial, seed, about, progress)
            partial.replace(out)
        except (OSError, av.FFmpegError) as error:
            raise EverhostError(f"{out} cannot be written: {error.strerror}; choose another name or folder") from error
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        return ticks

    def _write(
        self,
        chunks: Iterator[SpeechChunk],
        path: Path,
        seed: int,
        about: str,
        progress: Callable[[int, float], None],
    ) -> int:
        ticks, moments = 0, _acted(chunks, seed)
        with ClipFile(path, *self._size, about) as file:
            while some := list(itertools.islice(moments, self._set.at_once)):
                pictures = self._set.drawn([moment.face for moment in some])
                for moment, (picture, alpha) in zip(some, pictures, strict=True):
                    file.write(ticks, picture, alpha, moment.pcm)
                    ticks += 1
                    progress(ticks, moment.known)
        return ticks


class _Moment(NamedTuple):
    face: FaceFrame
    pcm: Pcm
    known: float
    """Seconds of speech known so far."""


def _acted(chunks: Iterator[SpeechChunk], seed: int) -> Iterator[_Moment]:
    """The host speaking ``chunks``, tick by tick."""
    actor, playout, listener = Actor(seed), Playout(), Listener()
    known, left = 0.0, LEAD_TICKS
    actor.attend(Attention.SPEAKING)
    for tick in itertools.count():
        if tick >= LEAD_TICKS and playout.ready_seconds < 1 and (chunk := next(chunks, None)) is not None:
            chunk = with_mouth(at_48k(chunk), listener)
            playout.add("clip", chunk)
            known += chunk.seconds
        elif tick >= LEAD_TICKS and not playout.ready_seconds:
            left -= 1
            if left < 0:
                return
        pcm = np.zeros(SAMPLES_PER_TICK, np.float32)
        playout.take(tick, pcm)
        for chunk, start in playout.coming:
            actor.say(chunk, start)
        yield _Moment(actor.frame(tick).copy(), pcm, known)


def check(out: Path, *, transparent: bool = False) -> None:
    """Raises :class:`EverhostError` for a name that no clip can have."""
    suffixes = TRANSPARENT if transparent else OPAQUE
    try:
        folder, itself = out.parent.is_dir(), out.is_dir()
    except OSError as error:
        raise EverhostError(f"{out} cannot be written: {error.strerror}; choose another name or folder") from error
    if out.suffix.lower() not in suffixes:
        what = "transparent clips are WebM or MOV" if transparent else "clips are MP4"
        raise EverhostError(f"{out}: {what}; give a name that ends in {' or '.join(suffixes)}")
    if not folder:
        raise EverhostError(f"there is no folder {out.parent}; make it or choose another")
    if itself:
        raise EverhostError(f"{out} is a folder; name a file in it")


def _partial(out: Path, mark: str) -> Path:
    """Where a clip is written until it is complete: an absolute path, for FFmpeg takes "12:30.mp4" for a protocol."""
    return out.absolute().with_name(f".{out.stem}.{mark}{out.suffix.lower()}")


def sweep(out: Path) -> None:
    """Remove what is left of a clip whose making was killed."""
    for left in out.absolute().parent.glob(glob.escape(f".{out.stem}.") + "?" * 8 + glob.escape(out.suffix.lower())):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_S:
                left.unlink()


def about(clip: Path) -> str:
    """What :meth:`Film.shoot` was told of a clip; "" for what is none of ours."""
    try:
        with av.open(str(clip.absolute())) as file:
            return file.metadata.get(ABOUT) or file.metadata.get(ABOUT.upper(), "")
    except (av.FFmpegError, OSError):
        return ""


def spoken(file: Path, emotion: str | None = None) -> Iterator[SpeechChunk]:
    """A recording of speech, of any kind that FFmpeg reads, in pieces that end where it is quiet.

    Raises :class:`EverhostError` when it cannot be read.
    """
    left: Pcm = np.zeros(0, np.float32)
    marks = (Mark("emotion", emotion, 0.0),) if emotion else ()
    try:
        for sound in decoded(file):
            left = np.concatenate([left, sound])
            while len(left) >= _PIECE:
                cut = _quietest(left[:_PIECE])
                yield SpeechChunk(left[:cut], SAMPLE_RATE, "", marks=marks)
                left, marks = left[cut:], ()
    except ValueError as error:
        raise EverhostError(str(error)) from error
    if len(left):
        yield SpeechChunk(left, SAMPLE_RATE, "", marks=marks)


def _quietest(sound: Pcm) -> int:
    """A sample in the second half, in the middle of the quietest moment."""
    half = len(sound) // 2 // _QUIET * _QUIET
    moments = np.square(sound[-half:]).reshape(-1, _QUIET).mean(axis=1)
    return len(sound) - half + int(moments.argmin()) * _QUIET + _QUIET // 2
