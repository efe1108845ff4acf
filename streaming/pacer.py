"""When each tick is due. Sans-I/O: it is told the time and says how long to sleep and what to do when late."""

from dataclasses import dataclass, field
from typing import Final

from avatar.clock import SECONDS_PER_TICK, TICKS_PER_SECOND

LATE_S: Final = 1.5 * SECONDS_PER_TICK
"""Behind by more than this, a tick goes without a picture so that the next may be in time."""

LOST_S: Final = 1.0
"""Behind by more than this, the machine was suspended or starved: go on from here instead of racing to catch up."""


@dataclass(slots=True)
class Pacer:
    """Walks the ticks of one stage against a monotonic clock in seconds."""

    origin: float
    """When :attr:`first` was due. Dues are counted from here, not added up, so that days leave no rounding."""
    first: int = 0
    tick: int = field(init=False)
    skipped: int = field(default=0, init=False)
    """Ticks without a picture so far."""
    resynced: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.tick = self.first

    def due(self, tick: int | None = None) -> float:
        """When a tick, the present one if none is given, is due."""
        return self.origin + ((self.tick if tick is None else tick) - self.first) / TICKS_PER_SECOND

    def wait(self, now: float) -> float:
        """Seconds until the present tick is due; 0 when it is."""
        return max(0.0, self.due() - now)

    def begin(self, now: float, *, wanted: bool = True) -> bool:
        """Begin the present tick: whether its picture, if it is wanted, should be drawn. Its sound always is."""
        late = now - self.due()
        if late > LOST_S:
            self.origin, self.first = now, self.tick
            self.resynced += 1
        elif late > LATE_S:
            self.skipped += wanted
            return False
        return wanted

    def advance(self) -> None:
        self.tick += 1
