"""Time that does not leap, for a room: a machine's clock is set now and then, by NTP or by somebody, and what waits for
an answer has not waited for five minutes more.
"""

import time
from collections.abc import Callable
from typing import Final

SLEW: Final = 0.5
"""Seconds by which the time may hurry or linger in one second, until it is what the clock says."""
WRONG_S: Final = 3600.0
"""A clock that is wrong by more was never right, as a small computer's without a battery: what it is set to counts at
once.
"""
_SINCE: Final = time.time() - time.monotonic()


def uniform() -> float:
    """Unix time as it was when this process began, and the seconds since: for what compares times of one process only,
    and to which a second must be a second.
    """
    return _SINCE + time.monotonic()


class SteadyClock:
    """Unix time, s."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._at = steady()
        self._ahead = wall() - self._at
        """Of the monotonic clock."""
        self._told: float | None = None

    def tell(self, unix: float, at: float) -> None:
        """A better clock than this machine's, as it was ``at``, time.monotonic(): of the Redis that gateways share."""
        if self._told is None:
            self._ahead = unix - at  # nothing has been measured by this one yet
        self._told = unix - at

    def now(self) -> float:
        at = self._steady()
        wanted = self._wall() - at if self._told is None else self._told
        most = SLEW * (at - self._at)
        missing = wanted - self._ahead
        self._ahead += missing if abs(missing) > WRONG_S else max(-most, min(most, missing))
        self._at = at
        return at + self._ahead
