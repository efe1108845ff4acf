"""Speech: sound with what is known about it, in pieces, the first as early as the engine can."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Phoneme:
    """One sounded symbol. Times are seconds from the first sample of its chunk."""

    symbol: str
    """IPA, one phone (diphthongs and affricates may be one symbol); "" is silence."""
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Word:
    """One caption unit (a word, or one Chinese character). Times are seconds from the first sample of its chunk."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A delivery mark: how something is to be said, for voices as far as they can and for faces always."""

    kind: Literal["emotion", "emphasis", "gesture"]
    value: str
    at: float
    """Seconds from the first sample of its chunk."""


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """One clause of speech, ready to be played right after the one before it."""

    pcm: Pcm
    """(n,) float32 mono in [-1, 1]."""
    rate: int
    """Samples a second, Hz."""
    text: str
    """What is said, as it should stand in a caption."""
    phonemes: tuple[Phoneme, ...] = ()
    """In order, without gaps; empty when the engine does not know."""
    words: tuple[Word, ...] = ()
    marks: tuple[Mark, ...] = ()
    mouth: npt.NDArray[np.float32] | None = None
    """(ticks, :data:`avatar.lips.MOUTH`) from the first sample on: what the mouth does, where it was heard from the
    sound (:mod:`avatar.listening`) rather than told by phonemes."""

    @property
    def seconds(self) -> float:
        return len(self.pcm) / self.rate


Speech = AsyncIterator[SpeechChunk]
"""Closing the iterator (``aclose``) cancels what has not been made yet."""
