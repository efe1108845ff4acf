"""What benches that run a whole room share: speech as a microphone brings it, and work that ends together."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from avatar.speech import SpeechChunk
from streaming.bench.hall import heard, over_opus
from streaming.playout import at_48k


def microphone(chunks: Iterable[SpeechChunk]) -> npt.NDArray[np.float32]:
    """Speech as a recognizer gets it, (n,) float32 at 16 kHz."""

    pcm = np.concatenate([at_48k(chunk).pcm for chunk in chunks])
    return heard(over_opus(pcm, 0.0, np.random.default_rng(0)))


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
