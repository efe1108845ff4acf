"""One clause on its way to a model that tells its durations: phones to ids, and how long each may last."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.voice.alignment import Unit
from avatar.voice.clauses import Clause

Frames = npt.NDArray[np.int64]
"""(symbols + 2,) of 25 ms: one value a symbol, and one for the pad at each end."""

# The models leave holes of up to half a second at marks within a clause, and a hole is no pause: so many frames at
# most, at plain speed, for such a mark and for the phone before it. The silences around a clause (0.4 s before, up
# to 1.1 s after) are a fifth of Kokoro's work and are cut away, and yet they have to be made: shortened, they swallow
# syllables (misheard: 7 % instead of 1.6 %), for phones sound a little later than their place.
_INSIDE: Final = 4
_BEFORE: Final = 9
ANY: Final = 500
_MARKS: Final = frozenset(';:,.!?—…"()“” ')


@dataclass(frozen=True, slots=True)
class Part:
    """As much of a clause as its model takes at once: nearly always the whole of it."""

    clause: Clause
    units: Sequence[Unit]
    symbols: str

    def longest(self, speed: float) -> Frames:
        """How long each symbol may last."""
        return _longest(self.symbols, speed)


def parts(
    clause: Clause, units: Sequence[Unit], vocabulary: Mapping[str, int], max_symbols: int
) -> Iterator[tuple[Part, list[int]]]:
    """What is to be said, with its ids; none when nothing in it sounds."""
    known = [Unit("".join(c for c in u.symbols if c in vocabulary), u.word) for u in units]
    split = _parts(known, max_symbols)
    for i, part in enumerate(split):
        if any(u.sounds for u in part):
            said = clause if len(split) == 1 else _part(clause, part, last=i == len(split) - 1)
            symbols = "".join(u.symbols for u in part)
            yield Part(said, part, symbols), [vocabulary[c] for c in symbols]


def _longest(symbols: str, speed: float) -> Frames:
    longest = np.full(len(symbols) + 2, ANY, np.float64)
    sounding = [i for i, c in enumerate(symbols) if c not in _MARKS]
    for i in range(sounding[0], sounding[-1]):
        if symbols[i] in _MARKS:
            longest[i + 1] = _INSIDE
        elif symbols[i + 1] in _MARKS - {" "}:
            longest[i + 1] = _BEFORE
    frames: Frames = np.maximum(1, np.round(longest / speed)).astype(np.int64)
    return frames


def _parts(units: list[Unit], max_symbols: int) -> list[list[Unit]]:
    parts: list[list[Unit]] = [[]]
    length = 0
    for unit in units:
        symbols = unit.symbols[:max_symbols]
        if length + len(symbols) > max_symbols:
            parts.append([])
            length = 0
        parts[-1].append(replace(unit, symbols=symbols))
        length += len(symbols)
    return parts


def _part(clause: Clause, units: Sequence[Unit], *, last: bool) -> Clause:
    words = [u.word for u in units if u.word]
    text = (" " if all(w.isascii() for w in words) else "").join(words)
    return replace(clause, text=text, pause=clause.pause if last else 0.0, marks=())
