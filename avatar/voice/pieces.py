"""A clause made piece by piece, each heard while the next is made."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from avatar.speech import Pcm, SpeechChunk, Timed, moved
from avatar.voice.alignment import Aligned
from avatar.voice.clauses import Clause
from avatar.voice.finish import emphasize, fade_in, placed
from avatar.voice.loudness import limited

_LENGTHS: Final = (0.7, 0.9, 1.2, 1.6, 2.2)
"""Seconds of the first and of later pieces, about. Each should be made while the one before it is heard, on a core that
works for others too; longer ones lose less to their margins."""
_LEAST: Final = 0.4
"""No piece is shorter."""
_PATIENCE: Final = 1.5
"""How much longer a piece may grow for its end to be that of a word."""
_BLEND_S: Final = 0.012
"""In which one piece passes into the next: int8 arithmetic gives the same moment a little otherwise in each."""
MARGIN: Final = 0.025
"""Seconds that each piece is made longer at both ends, for the blending, the limiter and the doubling of its rate."""
_TAPS: Final = 16


def _halfway() -> Pcm:
    """A windowed sinc between samples (Kaiser, β = 8)."""
    at = np.arange(-_TAPS, _TAPS) + 0.5
    taps = np.sinc(at) * np.kaiser(2 * _TAPS, 8.0)
    kernel: Pcm = (taps / taps.sum()).astype(np.float32)
    return kernel


_HALFWAY: Final = _halfway()


def pieces(clause: Clause, aligned: Aligned, make: Callable[[float, float], Pcm], rate: int) -> Iterator[SpeechChunk]:
    """``make`` gives the sound (n,) at ``rate`` between two moments, of which some lie :data:`MARGIN` outside
    ``aligned``. The chunks come at twice that rate."""
    total = aligned.phonemes[-1].end
    spoken = aligned.end - aligned.start
    marks = placed(clause, aligned.words, spoken)
    before: Pcm | None = None
    cuts = _cuts(aligned, spoken)
    edge = 2 * round(MARGIN * rate)
    for i, (a, b) in enumerate(pairwise(cuts)):
        last = i == len(cuts) - 2
        sound = make(a - MARGIN, b + MARGIN) * np.float32(10 ** (clause.delivery.energy / 20))
        emphasize(sound, rate, marks, a - MARGIN)
        sound = limited(_doubled(sound), 2 * rate)
        after, sound = sound[-edge:], sound[edge:-edge]
        if before is None:
            fade_in(sound, 2 * rate)
        else:
            n = min(len(before), len(sound), round(_BLEND_S * 2 * rate))
            sound[:n] += np.linspace(1.0, 0.0, n, dtype=np.float32) * (before[:n] - sound[:n])
        before = after
        if last:
            fade_in(sound[::-1], 2 * rate)
            sound = np.concatenate((sound, np.zeros(round(clause.pause * 2 * rate), np.float32)))
            b = total
        yield SpeechChunk(
            sound,
            2 * rate,
            clause.text if i == 0 else "",
            _within(aligned.phonemes, a, b),
            _within(aligned.words, a, b),
            tuple(replace(m, at=m.at - a) for m, _ in marks if a <= m.at < b or (last and m.at >= b)),
            rest=total - b,
        )


def _cuts(aligned: Aligned, end: float) -> list[float]:
    """Where pieces begin, each at a word or a pause, in a long word (a number) at a phone; and where the last ends."""
    cuts = [0.0]
    words = {word.start for word in aligned.words}
    for phoneme in aligned.phonemes:
        at, wanted = phoneme.start, _LENGTHS[min(len(cuts), len(_LENGTHS)) - 1]
        if at not in words and phoneme.symbol:
            wanted *= _PATIENCE
        if at - cuts[-1] >= wanted and end - at >= _LEAST:
            cuts.append(at)
    return [*cuts, end]


def _within(timed: Sequence[Timed], a: float, b: float) -> tuple[Timed, ...]:
    """Those that begin between two moments, in seconds from the first."""
    return moved((one for one in timed if a <= one.start < b), -a)


def _doubled(sound: Pcm) -> Pcm:
    """At twice the rate."""
    out = np.empty(2 * len(sound), np.float32)
    out[::2] = sound
    out[1::2] = np.convolve(sound, _HALFWAY)[_TAPS : _TAPS + len(sound)]
    return out
