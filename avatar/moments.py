"""Things that happen now and then, at intervals of chance, as a function of seed and tick alone."""

import math
from bisect import bisect_left, bisect_right
from statistics import NormalDist
from typing import Final

from avatar.clock import TICKS_PER_SECOND
from avatar.noise import uniform

_BLOCK: Final = 1 << 12
"""Ticks that are drawn together, 85 s, far more than any interval; where two meet, one may be nearer or farther."""
_MOST: Final = 1 << 10
"""Moments of a block."""
_KEPT: Final = 4
"""Blocks remembered."""
_NORMAL: Final = NormalDist()


class Moments:
    """Moments of one kind, log-normal intervals apart, as those between blinks are."""

    def __init__(self, seed: int, stream: int, mean: float, spread: float, least: float, most: float) -> None:
        """``mean`` seconds apart, their logarithms spread by ``spread``; ``least`` and ``most`` seconds."""
        self._seed, self._stream = seed, stream
        self._middle, self._spread = math.log(mean) - spread**2 / 2, spread
        self._least, self._longest = least, most
        self._blocks: dict[int, list[int]] = {}

    def last(self, tick: int) -> tuple[int, int]:
        """The tick of the last moment up to ``tick``, and its number, which is its own for ever."""
        block = tick // _BLOCK
        while True:
            ticks = self._of(block)
            found = bisect_right(ticks, tick)
            if found:
                return ticks[found - 1], block * _MOST + found - 1
            block -= 1

    def after(self, tick: int) -> int:
        """The tick of the first moment after ``tick``."""
        block = tick // _BLOCK
        while True:
            ticks = self._of(block)
            found = bisect_right(ticks, tick)
            if found < len(ticks):
                return ticks[found]
            block += 1

    def within(self, first: int, end: int) -> list[tuple[int, int]]:
        """(tick, number) of the moments from ``first`` on, up to before ``end``."""
        out = list[tuple[int, int]]()
        for block in range(first // _BLOCK, (end - 1) // _BLOCK + 1):
            ticks = self._of(block)
            span = range(bisect_left(ticks, first), bisect_left(ticks, end))
            out += ((ticks[k], block * _MOST + k) for k in span)
        return out

    def _of(self, block: int) -> list[int]:
        if (known := self._blocks.get(block)) is not None:
            return known
        at, ticks = self._interval(block, 0) * uniform(self._seed, self._stream + 1, block), list[int]()
        while at < _BLOCK and len(ticks) < _MOST - 1:
            ticks.append(block * _BLOCK + int(at))
            at += self._interval(block, len(ticks))
        while len(self._blocks) >= _KEPT:
            del self._blocks[next(iter(self._blocks))]
        self._blocks[block] = ticks
        return ticks

    def _interval(self, block: int, number: int) -> float:
        """Ticks before the moment of this number of a block."""
        chance = uniform(self._seed, self._stream, block * _MOST + number)
        seconds = math.exp(self._middle + self._spread * _NORMAL.inv_cdf(min(max(chance, 1e-9), 1 - 1e-9)))
        return min(max(seconds, self._least), self._longest) * TICKS_PER_SECOND
