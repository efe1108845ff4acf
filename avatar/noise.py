"""Chance that is a function of (seed, stream, index) alone.

Nothing is drawn in sequence, so any tick can be asked for first, after days as after seconds, and two hosts with one
seed live the same life.
"""

import math
from functools import lru_cache
from typing import Final

_MASK: Final = (1 << 64) - 1


def uniform(seed: int, stream: int, index: int) -> float:
    """A number in [0, 1), evenly spread: SplitMix64 (Steele, Lea & Flood 2014) over the three keys."""
    z = seed & _MASK
    for key in (stream, index):
        z = (z + 0x9E3779B97F4A7C15 * (2 * key + 1)) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        z ^= z >> 31
    return (z >> 11) / (1 << 53)


def smooth(seed: int, stream: int, tick: int, period: int) -> float:
    """Value noise in [−1, 1]: a new random value every ``period`` ticks, joined by cubic (Catmull-Rom) curves."""
    cell, offset = divmod(tick, period)
    a, b, c, d = _curve(seed, stream, cell)
    t = offset / period
    return max(-1.0, min(1.0, a + 0.5 * t * (b + t * (c + t * d))))


@lru_cache(maxsize=1024)  # asked again for each tick of a cell
def _curve(seed: int, stream: int, cell: int) -> tuple[float, float, float, float]:
    p0, p1, p2, p3 = (2.0 * uniform(seed, stream, cell + i) - 1.0 for i in (-1, 0, 1, 2))
    return p1, p2 - p0, 2 * p0 - 5 * p1 + 4 * p2 - p3, 3 * (p1 - p2) + p3 - p0


def smoothstep(x: float) -> float:
    """0 up to 0, 1 from 1 on, level at both ends."""
    x = max(0.0, min(1.0, x))
    return x * x * (3.0 - 2.0 * x)


def pulse(x: float) -> float:
    """One raised-cosine hump over [0, 1]; 0 outside."""
    return 0.5 - 0.5 * math.cos(2.0 * math.pi * x) if 0.0 < x < 1.0 else 0.0
