"""When each tick is due. Sans-I/O: it is told the time and says how long to sleep and what to do when late."""

from dataclasses import dataclass, field

from avatar.clock import SECONDS_PER_TICK

LATE_S = 1.5 * SECONDS_PER_TICK
"""Behind by more than this, a tick goes without a picture so that the next may be in time."""

LOST_S = 1.0
"""Behind by more than this, the machine was suspended or starved: go on from here instead of racing to catch up."""


@dataclass(slots=True)
class Pacer:
    """Walks the ticks of one stage against a monotonic clock in seconds."""

    start: float
    """When tick :attr:`tick` is due."""
    tick: int = 0
    skipped: int = field(default=0, init=False)
    """Ticks without a picture so far."""
    resynced: int = field(default=0, init=False)

    def wait(self, now: float) -> float:
        """Seconds until the present tick is due; 0 when it is."""
        return max(0.0, self.start - now)

    def begin(self, now: float) -> bool:
        """Begin the present tick: whether its picture should be drawn. Its sound always is."""
        late = now - self.start
        if late > LOST_S:
            self.start = now
            self.resynced += 1
            return True
        if late > LATE_S:
            self.skipped += 1
            return False
        return True

    def advance(self) -> None:
        self.tick += 1
        self.start += SECONDS_PER_TICK
