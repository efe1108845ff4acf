"""Where speech begins and ends in a sound of which nothing else is known."""

from typing import Final

import numpy as np

from avatar.speech import Pcm

LEAD: Final = 0.03
"""Seconds kept around it: an onset cut to the sample clicks."""
_AUDIBLE: Final = 0.01
"""Share of the loudest 5 ms below which nothing is heard: −40 dB."""


def audible(pcm: Pcm, rate: int) -> tuple[float, float] | None:
    """First and last audible moment in seconds, with :data:`LEAD` around; None when nothing is heard."""
    hop = rate // 200
    n = len(pcm) // hop
    level = np.sqrt(np.mean(np.square(pcm[: n * hop].reshape(n, hop)), axis=1)) if n else np.zeros(0, np.float32)
    heard = np.flatnonzero(level > max(1e-4, _AUDIBLE * float(level.max(initial=0.0))))
    if not len(heard):
        return None
    start, end = float(heard[0]) * hop / rate - LEAD, float(heard[-1] + 1) * hop / rate + LEAD
    return max(0.0, start), min(end, len(pcm) / rate)


def trimmed(pcm: Pcm, rate: int) -> Pcm:
    """``pcm`` (n,) without the silence around it; empty when nothing is heard."""
    found = audible(pcm, rate)
    if found is None:
        return pcm[:0]
    return pcm[round(found[0] * rate) : round(found[1] * rate)]
