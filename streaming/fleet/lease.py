"""Who may speak in a room: the lease as one gateway sees it. Sans-I/O.

A lease lasts for some seconds from when Redis gave it. Its holder counts them from before asking, and falls silent a
margin before they end, so that it is silent before Redis gives the room to another, however long the answer took. Each
counts on its own monotonic clock: nothing depends on what the clocks say, only on seconds being about as long.

A Redis that was restarted, or a replica that is promoted, may know nothing of a lease that somebody still holds.
Whoever sees another run of the server than before (also whoever has just come) waits for as long as any lease lasts;
whoever holds one need not.

The epoch that comes with a lease is its fencing token (Kleppmann, *How to do distributed locking*, 2016): every write
carries it.
"""

from dataclasses import dataclass
from typing import Final, Literal

LASTS_S: Final = 2.5
"""From the last renewal on; another takes the room over within this and some."""
LOOKED_S: Final = 0.6
"""Between two looks, each of which renews: two may fail at once, or one in silence."""
MARGIN_S: Final = 0.4
"""For what is on its way to viewers when the holder falls silent, and for how much two clocks may differ meanwhile."""

Became = Literal["begun", "again", "forgotten", "replaced", "lost"]
"""It is ours; ours again after it had run out, and nobody had it meanwhile; so, and Redis has lost its memory; ours
again, and somebody had it; ours no more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What Redis says of a lease."""

    gateway: str
    """Who holds it; "" for nobody."""
    epoch: int
    address: str
    """Where its holder's viewers go."""
    before: int
    """The last epoch that was given before this one; 0: Redis knew of none."""
    run: str
    """Of which server this is."""


class Lease:
    """A room's. Times are monotonic, in seconds."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self.epoch = 0
        """Of this gateway's ownership; 0: the room does not run here."""
        self.since = 0
        """The first epoch since when nobody else had it; 0: it is not ours."""
        self.address = ""
        """Where the room's viewers go; "" while nobody is known to have it."""
        self._until = 0.0
        self._run = ""
        self._run_since = 0.0

    def held(self, now: float) -> bool:
        """Whether the room may speak here."""
        return now < self._until

    def may_take(self, now: float) -> bool:
        """Whether nobody else can hold what Redis says is free."""
        return self.held(now) or (self._run != "" and now - self._run_since >= LASTS_S)

    def saw(self, seen: Seen, asked_at: float, now: float) -> Became | None:
        """What Redis answered."""
        if seen.run != self._run:
            self._run, self._run_since = seen.run, now
        self.address = seen.address
        if seen.gateway == self._gateway:
            # A replica that is promoted may still have it ours from long ago.
            return self._ours(seen, asked_at) if self.held(asked_at) or self.may_take(now) else None
        if self.epoch and seen.gateway:
            self.left()
            return "lost"
        return None

    def _ours(self, seen: Seen, asked_at: float) -> Became | None:
        before, self.epoch = self.epoch, seen.epoch
        self._until = max(self._until, asked_at + LASTS_S - MARGIN_S)
        if before == seen.epoch:
            return None
        if before and seen.before in (0, before):
            return "again" if seen.before else "forgotten"
        self.since = seen.epoch
        return "replaced" if before else "begun"

    def left(self) -> None:
        """Silent from now on."""
        self.epoch, self.since, self._until = 0, 0, 0.0
