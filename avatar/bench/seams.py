"""Where clauses meet: what an ear would stumble over."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from avatar.speech import Pcm, SpeechChunk, joined
from avatar.voice.loudness import loudness
from avatar.voice.trim import audible

GAP_S: Final = 0.35
"""Silence inside a sentence that is heard as a hole."""
JUMP_DB: Final = 3.0
"""Difference of loudness between clauses that is heard as another distance."""
CLICK: Final = 0.02
"""Jump between two samples in what should be silence, of full scale, that is heard as a click."""
_WINDOW_S: Final = 0.01
_SILENT: Final = 0.003
_SHORT_S: Final = 0.4
"""A clause shorter than a block of the loudness measure has none that means anything."""


@dataclass(frozen=True, slots=True)
class Seams:
    clauses: int
    gaps: int
    """Holes inside a sentence: within clauses, and between clauses of one sentence."""
    clicks: int
    jumps: int
    longest_gap_s: float
    largest_jump_db: float

    def __add__(self, other: "Seams") -> "Seams":
        return Seams(
            self.clauses + other.clauses,
            self.gaps + other.gaps,
            self.clicks + other.clicks,
            self.jumps + other.jumps,
            max(self.longest_gap_s, other.longest_gap_s),
            max(self.largest_jump_db, other.largest_jump_db),
        )


NONE: Final = Seams(0, 0, 0, 0, 0.0, 0.0)


def seams(sentence: Sequence[SpeechChunk]) -> Seams:
    """Of the chunks of one sentence, in order."""
    sentence = list(joined(sentence))
    gaps = [gap for chunk in sentence for gap in _holes(chunk.pcm, chunk.rate)]
    gaps += [_tail(a) + _head(b) for a, b in pairwise(sentence)]
    levels = [loudness(c.pcm, c.rate) for c in sentence if c.seconds >= _SHORT_S]
    jumps = [abs(a - b) for a, b in pairwise(levels)]
    clicks = sum(_clicks(c.pcm) for c in sentence)
    return Seams(
        len(sentence),
        sum(gap > GAP_S for gap in gaps),
        clicks,
        sum(jump > JUMP_DB for jump in jumps),
        max(gaps, default=0.0),
        max(jumps, default=0.0),
    )


def _holes(pcm: Pcm, rate: int) -> list[float]:
    """Lengths of the silences inside speech, in seconds."""
    found = audible(pcm, rate)
    if found is None:
        return []
    window = round(_WINDOW_S * rate)
    inside = pcm[round(found[0] * rate) : round(found[1] * rate)]
    n = len(inside) // window
    quiet = np.sqrt(np.mean(np.square(inside[: n * window].reshape(n, window)), axis=1)) < _SILENT
    edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet.astype(np.int8), [0]))))
    return [float(b - a) * _WINDOW_S for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _head(chunk: SpeechChunk) -> float:
    found = audible(chunk.pcm, chunk.rate)
    return found[0] if found else chunk.seconds


def _tail(chunk: SpeechChunk) -> float:
    found = audible(chunk.pcm, chunk.rate)
    return chunk.seconds - found[1] if found else 0.0


def _clicks(pcm: Pcm) -> int:
    """Edges of a clause that do not begin or end in silence."""
    return sum(abs(float(edge)) > CLICK for edge in (pcm[:1].sum(), pcm[-1:].sum())) if len(pcm) else 0
