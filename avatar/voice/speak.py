"""One clause through a model that tells its durations: symbols to ids, ids to sound, sound to a chunk."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.speech import Pcm, SpeechChunk
from avatar.voice.alignment import Unit, make_chunk
from avatar.voice.clauses import Clause

RATE: Final = 24_000

Frames = npt.NDArray[np.int64]
"""(symbols + 2,) of 25 ms: one value a symbol, and one for the pad at each end."""
Run = Callable[[Sequence[int], float, Frames], tuple[Pcm, Frames]]
"""Ids without pads, the speed, and how long each may last, to sound (n,) and durations."""

# The models leave holes of up to half a second at marks within a clause, and a hole is no pause: so many frames at
# most, at plain speed, for such a mark and for the phone before it. The silences around a clause (0.4 s before, up
# to 1.1 s after) are a fifth of Kokoro's work and are cut away, and yet they have to be made: shortened, they swallow
# syllables (misheard: 7 % instead of 1.6 %), for phones sound a little later than their place.
_INSIDE: Final = 5
_BEFORE: Final = 11
_ANY: Final = 500
_MARKS: Final = frozenset(';:,.!?—…"()“” ')


def speak(
    clause: Clause, units: Sequence[Unit], vocabulary: Mapping[str, int], run: Run, max_symbols: int
) -> Iterator[SpeechChunk]:
    """Synthesize one clause; a clause too long for the model gives several chunks, one without sound gives none."""
    known = [Unit("".join(c for c in u.symbols if c in vocabulary), u.word) for u in units]
    parts = _parts(known, max_symbols)
    # Higher is the same sound played faster, so it is made slower by as much.
    pitch = clause.delivery.pitch_factor
    speed = clause.delivery.rate / pitch
    for i, part in enumerate(parts):
        if not any(u.sounds for u in part):
            continue
        said = clause if len(parts) == 1 else _part(clause, part, last=i == len(parts) - 1)
        symbols = "".join(u.symbols for u in part)
        pcm, durations = run([vocabulary[c] for c in symbols], speed, _longest(symbols, speed))
        yield make_chunk(said, part, pcm, durations, round(RATE * pitch))


def _longest(symbols: str, speed: float) -> Frames:
    longest = np.full(len(symbols) + 2, _ANY, np.float64)
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
