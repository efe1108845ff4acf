"""What benches that run a whole room share: speech as a microphone brings it, and work that ends together."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame

from avatar.clock import SAMPLE_RATE
from avatar.speech import SpeechChunk
from streaming.hearing.microphone import at_16k
from streaming.playout import at_48k


def microphone(chunks: Iterable[SpeechChunk]) -> npt.NDArray[np.float32]:
    """Speech as a recognizer gets it, (n,) float32 at 16 kHz."""

    def frames() -> Iterator[AudioFrame]:
        for chunk in map(at_48k, chunks):
            frame = AudioFrame.from_ndarray((chunk.pcm[None] * 32767).astype(np.int16), format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            yield frame

    return at_16k(frames())


async def until(*work: Callable[[], Any]) -> None:
    """Run all until one ends, or breaks."""
    tasks = [asyncio.ensure_future(one()) for one in work]
    try:
        finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
