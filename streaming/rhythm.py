"""The rhythm label: Morse for "AI" (short long, short short), mixed softly into a room's sound.

GB 45438-2025 lets a sound be labelled by this rhythm instead of by words.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND

Pcm = npt.NDArray[np.float32]

UNIT: Final = 4 * SAMPLES_PER_TICK
"""A dot, in samples: 83 ms."""
PATTERN: Final = (1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1)
"""On and off, a unit each: a dash is three dots, a pause in a letter one, between letters three (ITU-R M.1677)."""
FREQUENCY: Final = 960.0
"""Hz."""
AMPLITUDE: Final = 0.06
"""-24 dBFS: below speech, above a room's noise."""
_EDGE: Final = 240
"""Samples in which a tone rises and falls, so that it does not click."""
PATIENCE_S: Final = 60.0
"""So long it waits for the host to be silent."""


def rhythm() -> Pcm:
    """(44000,): once, at 48 kHz."""
    on = np.repeat(np.array(PATTERN, np.float32), UNIT)
    edge = np.hanning(2 * _EDGE + 1).astype(np.float32)
    shape = np.convolve(on, edge / edge.sum(), "same")
    tone = np.sin(2 * np.pi * FREQUENCY / SAMPLE_RATE * np.arange(len(on)))
    pcm: Pcm = (AMPLITUDE * shape * tone).astype(np.float32)
    return pcm


class Rhythm:
    """Told every tick's sound, in order."""

    def __init__(self, every_s: float) -> None:
        self._every = round(every_s * TICKS_PER_SECOND)
        self._latest = round(PATIENCE_S * TICKS_PER_SECOND)
        self._parts: tuple[Pcm, ...] = tuple(rhythm().reshape(-1, SAMPLES_PER_TICK))
        self._at = len(self._parts)
        self._due = 0

    def mix(self, sound: Pcm, *, speaking: bool) -> None:
        """Into one tick's samples, in place; begins at once at first, and later when nobody speaks."""
        self._due -= 1
        if self._due < 0 and (not speaking or self._due < -self._latest):
            self._at, self._due = 0, self._every - 1
        if self._at < len(self._parts):
            sound += self._parts[self._at]
            self._at += 1


class Listener:
    """Finds the rhythm in a long sound, piece by piece."""

    _PIECE: Final = 20 * SAMPLE_RATE

    def __init__(self) -> None:
        self._pieces: list[Pcm] = []
        self._held = 0
        self._begin = 0
        self.found: list[float] = []
        """When it begins, in seconds."""

    def hear(self, pcm: Pcm) -> None:
        """(n,), at 48 kHz."""
        self._pieces.append(pcm)
        self._held += len(pcm)
        if self._held >= self._PIECE:
            self.finish(len(PATTERN) * UNIT)

    def finish(self, keep: int = 0) -> None:
        """Look through what was heard; the last ``keep`` samples may be the beginning of one."""
        sound = np.concatenate([*self._pieces, np.zeros(0, np.float32)])
        last = self.found[-1] if self.found else -np.inf
        times = (self._begin / SAMPLE_RATE + at for at in found(sound))
        self.found += [at for at in times if at - last > len(PATTERN) * UNIT / SAMPLE_RATE / 2]
        rest = sound[max(0, len(sound) - keep) :] if keep else sound[:0]
        self._begin += len(sound) - len(rest)
        self._pieces, self._held = [rest.copy()], len(rest)


def found(pcm: Pcm) -> Iterator[float]:
    """When the rhythm begins in (n,) samples at 48 kHz, in seconds."""
    step = UNIT // 8
    phase = np.exp(-2j * np.pi * FREQUENCY / SAMPLE_RATE * np.arange(len(pcm)))
    baseband = (pcm * phase)[: len(pcm) // step * step].reshape(-1, step).mean(1)
    # A narrow filter over half a unit: speech has little there for as long as a dot.
    level = np.abs(np.convolve(baseband, np.ones(4) / 4, "same"))
    wanted = np.repeat(np.array(PATTERN, float), UNIT // step)
    wanted -= wanted.mean()
    n = len(wanted)
    if len(level) < n:
        return
    windows = np.lib.stride_tricks.sliding_window_view(level, n)
    spread = windows.std(1)
    likeness = windows @ wanted / (n * wanted.std() * np.maximum(spread, AMPLITUDE / 50))
    at = 0
    while at < len(likeness):
        if likeness[at] > _LIKE:
            best = at + int(likeness[at : at + n].argmax())
            yield best * step / SAMPLE_RATE
            at = best + n
        else:
            at += 1


_LIKE: Final = 0.8
"""Correlation from which on it is one."""
