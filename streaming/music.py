"""Music from a file to the stage: read piece by piece while it plays, no faster than it is heard."""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from avatar.lips import MOUTH
from avatar.speech import Pcm, SpeechChunk

BLOCK: Final = SAMPLE_RATE
"""Samples that are read at once: whole ticks, so that none is played in two."""
FADE: Final = SAMPLE_RATE
"""Samples over which a piece comes, and goes at its end; a quarter each of a short one."""
AHEAD_S: Final = 3.0
"""So much of it may lie in the stage, which drops it when the music gives way."""


def seconds(path: Path) -> float:
    """How long a piece is. Raises ValueError where a file holds no sound that can be read."""
    with _opened(path) as container:
        stream = container.streams.audio[0]
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        if container.duration is not None:
            return container.duration / av.time_base
        return sum(map(len, _sound(container))) / SAMPLE_RATE


async def played(path: Path, level_db: float) -> AsyncGenerator[SpeechChunk, None]:
    """A piece in chunks of about 1 s that no mouth says, each not before it is wanted.

    Raises ValueError when it cannot be read, or not to its end. Closing the iterator stops it.
    """
    reading = blocks(path, level_db)
    block = None
    begun, sent = None, 0.0
    try:
        while True:
            block = asyncio.get_running_loop().run_in_executor(None, next, reading, None)
            pcm = await asyncio.shield(block)
            if pcm is None:
                return
            if begun is None:
                begun = time.monotonic()
            else:
                await asyncio.sleep(begun + sent - time.monotonic() - AHEAD_S + BLOCK / SAMPLE_RATE)
            sent += len(pcm) / SAMPLE_RATE
            silent = np.zeros((-(-len(pcm) // SAMPLES_PER_TICK), MOUTH), np.float32)
            yield SpeechChunk(pcm, SAMPLE_RATE, "", mouth=silent)
    finally:
        if block is not None:
            await asyncio.wait([block])  # a thread that still reads
        reading.close()


def blocks(path: Path, level_db: float) -> Generator[Pcm, None, None]:
    """(n,) float32 mono at 48 kHz, :data:`BLOCK` samples each and what is left at last; faded in and out.

    Raises ValueError when the file cannot be read.
    """
    gain = np.float32(10 ** (level_db / 20))
    left: Pcm = np.zeros(0, np.float32)
    at = 0
    with _opened(path) as container:
        for sound in _sound(container):
            left = np.concatenate([left, sound])
            while len(left) >= BLOCK + FADE:  # what fades out is kept back
                block, left = left[:BLOCK] * gain, left[BLOCK:]
                yield _risen(block, at, FADE)
                at += BLOCK
    fade = min(FADE, (at + len(left)) // 4)
    left = _risen(left * gain, at, fade)
    left[len(left) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    for begin in range(0, len(left), BLOCK):
        yield left[begin : begin + BLOCK]


def decoded(path: Path) -> Iterator[Pcm]:
    """(n,) float32 mono at 48 kHz, in pieces as they come. Raises ValueError when the file cannot be read."""
    with _opened(path) as container:
        yield from _sound(container)


def _risen(block: Pcm, at: int, fade: int) -> Pcm:
    """``block``, which begins ``at`` samples into its piece, as far as that has come up within ``fade`` samples."""
    if at < fade:
        block *= np.clip(np.arange(at, at + len(block), dtype=np.float32) / fade, 0, 1)
    return block


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise ValueError(f"there is no sound in {path}")
            yield container
    except (av.FFmpegError, OSError) as error:
        raise ValueError(f"{path} cannot be read as sound: {error.strerror or error}") from None


def _sound(container: InputContainer) -> Iterator[Pcm]:
    """As it is decoded, (n,) float32 mono at 48 kHz."""
    resampler = AudioResampler(format="fltp", rate=SAMPLE_RATE)
    for frame in chain(container.decode(audio=0), (None,)):
        for resampled in resampler.resample(frame):
            yield resampled.to_ndarray().mean(axis=0, dtype=np.float32)  # FFmpeg's own sum of two is 3 dB louder
