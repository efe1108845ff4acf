"""Speech: sound with what is known about it, in pieces, the first as early as the engine can."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from avatar.clock import TICKS_PER_SECOND

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


Timed = TypeVar("Timed", Phoneme, Word)


@dataclass(frozen=True, slots=True)
class Mark:
    """A delivery mark: how something is to be said, for voices as far as they can and for faces always."""

    kind: Literal["emotion", "emphasis", "gesture"]
    value: str
    at: float
    """Seconds from the first sample of its chunk."""


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A clause of speech or a piece of one, ready to be played right after the one before it."""

    pcm: Pcm
    """(n,) float32 mono in [-1, 1]."""
    rate: int
    """Samples a second, Hz."""
    text: str
    """What is said, as it should stand in a caption, with the first piece of a clause; "" with those that follow."""
    phonemes: tuple[Phoneme, ...] = ()
    """In order, without gaps; empty when the engine does not know."""
    words: tuple[Word, ...] = ()
    marks: tuple[Mark, ...] = ()
    mouth: npt.NDArray[np.float32] | None = None
    """(ticks, :data:`avatar.lips.MOUTH`) from the first sample on: what the mouth does, where it was heard from the
    sound (:mod:`avatar.listening`) rather than told by phonemes; nothing but zeros with sound that the host does not
    make, as music."""
    rest: float = 0.0
    """Seconds of its clause that are still to come, in the next chunks."""

    @property
    def seconds(self) -> float:
        return len(self.pcm) / self.rate


def rest_of(chunk: SpeechChunk, samples: int) -> SpeechChunk:
    """What is left of a chunk after its first ``samples``; its caption stays whole."""
    gone = samples / chunk.rate
    mouth = chunk.mouth if chunk.mouth is None else chunk.mouth[samples * TICKS_PER_SECOND // chunk.rate :]
    return replace(
        chunk,
        pcm=chunk.pcm[samples:],
        phonemes=_left(chunk.phonemes, gone),
        words=_left(chunk.words, gone),
        marks=tuple(replace(mark, at=mark.at - gone) for mark in chunk.marks if mark.at >= gone),
        mouth=mouth,
    )


def joined(pieces: Iterable[SpeechChunk]) -> Iterator[SpeechChunk]:
    """Clauses whole, of chunks of which some are pieces."""
    clause: list[SpeechChunk] = []
    for piece in pieces:
        clause.append(piece)
        if piece.rest <= 0.0:
            yield _whole(clause)
            clause = []
    if clause:
        yield _whole(clause)


def _left(timed: Sequence[Timed], gone: float) -> tuple[Timed, ...]:
    return tuple(replace(one, start=max(0.0, one.start)) for one in moved(timed, -gone) if one.end > 0)


def _whole(pieces: Sequence[SpeechChunk]) -> SpeechChunk:
    if len(pieces) == 1:
        return pieces[0]
    placed = list(zip(accumulate((p.seconds for p in pieces[:-1]), initial=0.0), pieces, strict=True))
    return replace(
        pieces[0],
        pcm=np.concatenate([p.pcm for p in pieces]),
        phonemes=tuple(one for at, p in placed for one in moved(p.phonemes, at)),
        words=tuple(one for at, p in placed for one in moved(p.words, at)),
        marks=tuple(replace(mark, at=mark.at + at) for at, p in placed for mark in p.marks),
        rest=pieces[-1].rest,
    )


def moved(timed: Iterable[Timed], seconds: float) -> tuple[Timed, ...]:
    """The same so much later."""
    return tuple(replace(one, start=one.start + seconds, end=one.end + seconds) for one in timed)


Speech = AsyncIterator[SpeechChunk]
"""Closing the iterator (``aclose``) cancels what has not been made yet."""
