"""What a text means: a small network's reading of it, and the pieces it is made of.

Two parts, whose log odds are added. The network (``senses.py``) reads the text as it is and with tricks undone. A
weight for each piece of one to four characters, and of one to three syllables, knows slang, and how it is dressed up.
What the lists found is evidence beside these: in a legal room, people ask what becomes of who "sells drugs".
``train.py`` makes network and weights.
"""

import io
import json
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from streaming.moderation import folding
from streaming.moderation.folding import Alternates
from streaming.moderation.lists import PATTERNED
from streaming.moderation.senses import Senses
from streaming.moderation.sounds import reading, syllables, unmixed
from streaming.moderation.verdict import CATEGORIES, MEANING, SEVERITY, Verdict, What

CELLS: Final = 1 << 18
"""Weights of pieces; those that fall on the same share it."""
_CHARACTERS: Final = 400
"""The rest of a text is not read."""
_PIECE: Final = 4
_SYLLABLES: Final = 3

Found = Literal["pattern", "disguised", "sounding", "high", "medium", "low"]
"""What the lists found: a number or link, a phrase that is disguised or only sounds so, or one of this severity."""
KINDS: Final[tuple[Found, ...]] = get_args(Found)


@dataclass(frozen=True, slots=True)
class Weights:
    pieces: NDArray[np.float32]
    """(CELLS,): how far each speaks for any of them."""
    pieces_bias: float
    trust: float
    """In what the network reads."""
    found: dict[str, float]
    """Log odds that what the lists found adds, by its kind."""
    threshold: dict[str, float]
    """Log odds from which a text is stopped, by what it is."""

    def packed(self) -> bytes:
        buffer = io.BytesIO()
        scale = max(float(np.abs(self.pieces).max()), 1e-9) / 127
        np.savez_compressed(
            buffer,
            pieces=np.round(self.pieces / scale).astype(np.int8),
            scale=np.array([scale, self.pieces_bias, self.trust]),
            found=np.array(json.dumps(self.found)),
            threshold=np.array(json.dumps(self.threshold)),
        )
        return buffer.getvalue()

    @classmethod
    def unpacked(cls, packed: bytes) -> "Weights":
        with np.load(io.BytesIO(packed), allow_pickle=False) as kept:
            scale, bias, trust = map(float, kept["scale"])
            return cls(
                pieces=kept["pieces"].astype(np.float32) * np.float32(scale),
                pieces_bias=bias,
                trust=trust,
                found=json.loads(str(kept["found"])),
                threshold=json.loads(str(kept["threshold"])),
            )


@cache
def standard() -> Weights:
    """Those that come with everhost."""
    return Weights.unpacked(files("streaming.moderation").joinpath("meaning.npz").read_bytes())


class Meaning:
    def __init__(
        self, alternates: Alternates, off: frozenset[str] = frozenset(), weights: Weights | None = None
    ) -> None:
        """``off``: categories, and category.meaning, that a room has removed."""
        self._alternates = alternates
        self._weights = standard() if weights is None else weights
        self._on = np.array([not {one, f"{one}.{MEANING}"} & off for one in CATEGORIES])

    def readings(self, text: str) -> tuple[str, str]:
        """That the network is to read."""
        return readings(text, self._alternates)

    def verdict(self, text: str, what: What, found: Verdict | None, senses: Senses) -> Verdict | None:
        """``senses`` (2, 16): of the text's readings; ``found``: by the lists, which this may overrule, unless the
        room's own say so.
        """
        if found is not None and (found.own or found.name in _CERTAIN):
            return found
        weights = self._weights
        logits = against_none(senses)
        # What is of a category that the room has removed is as good as nothing.
        fine = np.logaddexp.reduce(logits[~self._on], initial=0.0)
        logits = np.where(self._on, logits, -np.inf)
        odds = self.by_pieces(text) + weights.trust * float(np.logaddexp.reduce(logits) - fine)
        if found is not None:
            odds += weights.found[kind_of(found)]
        if odds < weights.threshold[what]:
            return None
        if found is not None or not self._on.any():
            return found
        category = CATEGORIES[int(logits.argmax())]
        return Verdict(category, MEANING, SEVERITY[category], (0, len(text)), text)

    def by_pieces(self, text: str) -> float:
        """Log odds of being anything that is stopped."""
        weights = self._weights
        cells = list(pieces(self.readings(text)[1]))
        return weights.pieces_bias + float(weights.pieces[cells].sum()) / math.sqrt(max(1, len(cells)))


def against_none(senses: Senses) -> NDArray[np.float32]:
    """(..., 2, 16) logits to (..., 15): of each category against none, the mean of both readings."""
    mean: NDArray[np.float32] = senses.mean(-2)
    return mean[..., :-1] - mean[..., -1:]


_CERTAIN: Final = frozenset({"personal.id-number", "personal.bank-card"})
"""Their check digits are right."""


def kind_of(found: Verdict) -> Found:
    if found.name in PATTERNED:
        return "pattern"
    return found.severity if found.guise == "plain" else found.guise


_SPACED: Final = re.compile(r"(?<=[\u3400-\u9fff])[\s./*_\-~·|+#^、]+(?=[\u3400-\u9fff])")
_GLUED: Final = re.compile(r"(?<=[a-z])[*._\-/]+(?=[a-z])")
_SPELLED: Final = re.compile(r"(?<![a-z0-9])[a-z0-9](?:[^a-z0-9\u3400-\u9fff]+[a-z0-9](?![a-z0-9]))+")
_LENGTHENED: Final = re.compile(r"([a-z])\1{2,}")
_NO_LETTERS: Final = re.compile("[^a-z0-9]")


def readings(text: str, alternates: Alternates) -> tuple[str, str]:
    """As it is, unless something is put between its characters; and with that undone, look-alikes too."""
    text = text[:_CHARACTERS]
    view = folding.light(text)
    light = (alternates.read(view) or view).text
    meant = light
    if len(_SPACED.findall(light)) > 1:  # a single blank between ideographs is punctuation
        meant = _SPACED.sub("", light)
    meant = _GLUED.sub("", _SPELLED.sub(lambda match: _NO_LETTERS.sub("", match[0]), meant))
    meant = folding.unleeted(_LENGTHENED.sub(r"\1\1", meant))
    return (text if meant == light else meant), meant


_TOKEN: Final = re.compile(r"[a-z]+|[\u3400-\u9fff]|\d|[^\w\s]")
_BLANKS: Final = re.compile(r"\s+")


def pieces(read: str) -> Iterator[int]:
    """The cells of all that a text, as it is read, is made of; each once."""
    seen: dict[int, None] = {}
    tight = _BLANKS.sub(" ", read)
    for n in range(1, _PIECE + 1):
        for at in range(len(tight) - n + 1):
            seen[_cell(tight[at : at + n])] = None
    sounds = list(_sounds(read))
    for n in range(1, _SYLLABLES + 1):
        for at in range(len(sounds) - n + 1):
            seen[_cell("\t" + " ".join(sounds[at : at + n]))] = None
    return iter(seen)


def _cell(piece: str) -> int:
    return zlib.crc32(piece.encode("utf-8", "surrogatepass")) % CELLS


def _sounds(read: str) -> Iterator[str]:
    """Syllables of what is written in ideographs or pinyin, other words and signs as they are."""
    for match in _TOKEN.finditer(read):
        token = match[0]
        if syllable := reading(token) if len(token) == 1 else "":
            yield unmixed(syllable)
        elif token.isalpha() and 0 < len(typed := syllables(token)) <= _TYPED:
            yield from map(unmixed, typed)
        else:
            yield token


_TYPED: Final = 6
"""Syllables of a word in Latin letters at most."""
