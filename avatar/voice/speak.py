"""One clause through a model: symbols to ids, ids to sound, sound and durations to a chunk."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.speech import Pcm, SpeechChunk
from avatar.voice.alignment import Unit, make_chunk
from avatar.voice.clauses import Clause

RATE: Final = 24_000

Run = Callable[[Sequence[int]], tuple[Pcm, npt.NDArray[np.int64]]]
"""Ids without pads to sound (n,) and durations (len(ids) + 2,)."""


def speak(
    clause: Clause, units: Sequence[Unit], vocabulary: Mapping[str, int], run: Run, max_symbols: int
) -> Iterator[SpeechChunk]:
    """Synthesize one clause; a clause too long for the model gives several chunks, one without sound gives none."""
    known = [Unit("".join(c for c in u.symbols if c in vocabulary), u.word) for u in units]
    parts = _parts(known, max_symbols)
    for i, part in enumerate(parts):
        if not any(u.sounds for u in part):
            continue
        last = i == len(parts) - 1
        said = clause if len(parts) == 1 else Clause(_caption(part), clause.pause if last else 0.0)
        pcm, durations = run([vocabulary[c] for u in part for c in u.symbols])
        yield make_chunk(said, part, pcm, durations, RATE)


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


def _caption(units: Sequence[Unit]) -> str:
    words = [u.word for u in units if u.word]
    return (" " if all(w.isascii() for w in words) else "").join(words)
