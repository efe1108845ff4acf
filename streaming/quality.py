"""Which rendition a viewer is sent: sans-I/O, told how they fare about once a second.

Down when pictures are lost or the network is full, three looks in a row; up again on a timer, since a receiver's
estimate (REMB) does not rise while little is sent. A try that fails doubles the time to the next.
"""

from dataclasses import dataclass
from typing import Final

LOOK_S: Final = 1.0
"""Between two looks."""
FORGET_S: Final = 0.001
"""By which the shortest round trip seen grows a look: viewers move, and clocks are set."""
BAD_LOOKS: Final = 3
TRIAL_S: Final = 10.0
"""While the full picture is being tried again, one bad look is enough."""
LOSS: Final = 0.1
"""Share of packets lost from which on sending again is not enough: at 5 % nothing freezes (docs/performance.md)."""
HEAVY_LOSS: Final = 0.3
"""From here on a look counts twice."""
FULL: Final = 0.9
"""A receiver's estimate below this share of what it is sent says that the network is full,"""
WAITING_S: Final = 0.1
"""if the round trip has grown by this as well: packets wait in it. An estimate alone says little: Chromium's begins at
half a Mbit/s, rises by 8 % a second, and not while less is sent."""
WORTH_BPS: Final = 300_000
"""Less than this is not worth a change: the lighter rendition is no smaller."""
TRY_S: Final = 30.0
TRY_MOST_S: Final = 480.0
HELD_S: Final = 60.0
"""A try that lasts so long has succeeded."""


@dataclass(frozen=True, slots=True)
class Reception:
    """How a viewer fares; the counters run from their beginning."""

    packets: int
    """Sent, the first time;"""
    octets: int
    """and their payload."""
    lost: int
    """Of these, as the viewer counts. (The share that a report gives is of the packets since the report before: a few,
    with Chromium, some of which have only been overtaken.)"""
    estimate: int | None
    """Bits a second that the viewer says the network carries (REMB), None if they do not say."""
    round_trip_s: float | None
    """Of the last reports."""
    picture_losses: int
    """Times they could not go on without a key frame."""


class Quality:
    def __init__(self) -> None:
        self.light = False
        """The lighter rendition is better for this viewer."""
        self._last: tuple[float, Reception] | None = None
        self._bad = 0
        self._shortest_s = float("inf")
        """Round trip."""
        self._changed_at = float("-inf")
        self._try_after = TRY_S

    def look(self, now: float, seen: Reception) -> bool:
        """Whether :attr:`light` has changed. ``now`` in seconds."""
        if self._last is None:
            self._last = now, seen
            return False
        then, before = self._last
        if now - then < LOOK_S:
            return False
        self._last = now, seen
        badness = self._badness(now - then, before, seen)
        self._bad = self._bad + badness if badness else 0
        return self._rise(now) if self.light else self._fall(now)

    def _fall(self, now: float) -> bool:
        if self._bad < (1 if now - self._changed_at < TRIAL_S else BAD_LOOKS):
            if now - self._changed_at > HELD_S:
                self._try_after = TRY_S
            return False
        self._change(now)
        return True

    def _rise(self, now: float) -> bool:
        if self._bad or now - self._changed_at < self._try_after:
            return False
        self._try_after = min(2 * self._try_after, TRY_MOST_S)  # unless it holds
        self._change(now)
        return True

    def _change(self, now: float) -> None:
        self.light, self._changed_at, self._bad = not self.light, now, 0

    def _badness(self, seconds: float, before: Reception, seen: Reception) -> int:
        """Of one look, in looks."""
        rate = 8 * (seen.octets - before.octets) / seconds
        full = seen.estimate is not None and rate > WORTH_BPS and seen.estimate < FULL * rate
        waiting = False
        if seen.round_trip_s is not None and seen.round_trip_s > 0:
            self._shortest_s = min(self._shortest_s + FORGET_S, seen.round_trip_s)
            waiting = seen.round_trip_s > self._shortest_s + WAITING_S
        loss = (seen.lost - before.lost) / max(1, seen.packets - before.packets)
        if loss >= HEAVY_LOSS:
            return 2
        return int((full and waiting) or loss >= LOSS or seen.picture_losses > before.picture_losses)
