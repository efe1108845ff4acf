"""How often somebody may do something: a bucket of tokens each (Turner 1986). Sans-I/O."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

KNOWN: Final = 20_000
"""So many are told apart; of more, whoever was not seen for longest begins anew."""


@dataclass(frozen=True, slots=True)
class Rate:
    per_s: float
    at_once: int
    """As many, after a pause."""


class Bucket:
    """One's. Times are monotonic, in seconds."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate, self._at, self._left = rate, now, float(rate.at_once)

    def wait_s(self, now: float) -> float:
        """Until it may be done once more; 0: now."""
        self._fill(now)
        return max(0.0, (1.0 - self._left) / self._rate.per_s)

    def take(self, now: float) -> bool:
        """Do it, if it may be done."""
        self._fill(now)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def _fill(self, now: float) -> None:
        self._left = min(float(self._rate.at_once), self._left + (now - self._at) * self._rate.per_s)
        self._at = now


class Buckets:
    """Everybody's."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._of: OrderedDict[Hashable, Bucket] = OrderedDict()

    def of(self, who: Hashable, now: float) -> Bucket:
        bucket = self._of.get(who)
        if bucket is None:
            bucket = self._of[who] = Bucket(self._rate, now)
            if len(self._of) > KNOWN:
                self._of.popitem(last=False)
        self._of.move_to_end(who)
        return bucket
