"""What a text means, as a small network reads it: log odds of each category of what may not be said.

It begins with the word pieces of multilingual-e5-small, whose file is mapped anyway since it searches the documents,
and with a copy of that encoder's first layers, which learned from the lessons what matters here (``network.py``). The
encoder as it is tells what a text is about; whether the asker wants it or fears it is often one word among many.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from knowledge import embedding
from knowledge.wordpieces import WordPieces

FILE: Final = "senses.onnx"
PIECES: Final = 160
"""Of a text, begin and end included; the rest is not read."""

Senses = NDArray[np.float32]
"""Shape (n, 16): logits of the categories, and of none of them, for n texts."""


def ids(pieces: WordPieces, text: str) -> list[int]:
    """As the network reads a text."""
    return [pieces.begin, *pieces.ids(text)[: PIECES - 2], pieces.end]


class Reader:
    """Some milliseconds a text, on one thread; synchronous."""

    def __init__(self, pieces: WordPieces, network: bytes | None = None) -> None:
        """``network``: as ONNX; by default the one that comes with everhost."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        if network is None:
            network = files("streaming.moderation").joinpath(FILE).read_bytes()
        self._pieces = pieces
        self._session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])

    def read(self, texts: Sequence[str]) -> Senses:
        read = {text: self._of(text) for text in dict.fromkeys(texts)}
        return np.stack([read[text] for text in texts])

    def _of(self, text: str) -> NDArray[np.float32]:
        (logits,) = self._session.run(None, {"words": self._pieces.rows(ids(self._pieces, text))[None]})
        row: NDArray[np.float32] = logits[0]
        return row


class Encoders(embedding.Encoders):
    """The embedding engine's, and what reads texts by the same table."""

    def __init__(self) -> None:
        super().__init__()
        self._reader = Reader(WordPieces())

    def senses(self, texts: Sequence[str]) -> Senses:
        return self._reader.read(texts)
