"""Takes the rooms that nobody runs, renews those that run here, and notices those that were lost.

The deciding is :class:`streaming.fleet.lease.Lease`'s; this asks Redis.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streaming.fleet.lease import LASTS_S, LOOKED_S, Became, Lease, Seen
from streaming.state.redis import PREFIX, key
from streaming.steady import SteadyClock
from streaming.tasks import heeding

log = logging.getLogger(__name__)

ANSWER_S: Final = 1.0
"""Whoever waits longer for Redis asks anew, over another connection, which costs a slow way twice as much again. A
lease outlasts one such loss.
"""
PAUSE_S: Final = 0.05
"""At least, between two looks."""
ENDS_S: Final = 20.0
"""A room may take so long to end; whatever hangs is left behind."""
SECRET: Final = f"{PREFIX}:secret"
SECRET_S: Final = 20.0
"""Between two looks at it."""
HESITATES_S: Final = 0.4
"""For each room that it runs already, a gateway leaves a free one to others;"""
HESITATES_MOST_S: Final = 1.2
"""for so long at most."""
BROKEN_S: Final = 30.0
"""A room that could not begin here is left to others for so long."""

Act = Literal["take", "look", "leave"]


@dataclass(frozen=True, slots=True)
class Fleet:
    """How a gateway belongs to one."""

    redis: str
    """Its URL."""
    address: str
    """Where the other gateways reach this one, as http://10.0.0.5:8080."""
    most: int | None = None
    """Rooms that it takes; None: as many as the machine carries, which is tried."""


class Owner(Protocol):
    """What runs rooms. Leases are renewed meanwhile."""

    async def begin(self, room: str, lease: Lease) -> None:
        """It is ours. Cancelled when it is ours no more, or ours anew; :meth:`end` is called then as well."""

    def again(self, room: str, epoch: int, *, forgotten: bool) -> None:
        """It is ours again, and nobody had it meanwhile. ``forgotten``: Redis has lost its memory."""

    async def end(self, room: str) -> None:
        """It is ours no more; it is silent already, since its lease ran out."""

    def most(self) -> int | None:
        """How many rooms it runs at most; None: all."""


class Ownership:
    def __init__(
        self, redis: Redis, rooms: Iterable[str], address: str, owner: Owner, clock: SteadyClock | None = None
    ) -> None:
        """``address``: where viewers reach this gateway; ``clock`` is told what Redis's says, so that all have one."""
        self.gateway = secrets.token_urlsafe(9)
        """Another with each start: whoever starts again is another."""
        self.secret = ""
        """By which the gateways of a fleet know each other's requests."""
        self._redis = redis
        self._script = redis.register_script(files("streaming.fleet").joinpath("lease.lua").read_text("utf-8"))
        self.address = address
        self._clock = clock
        self._owner = owner
        self.leases = {room: Lease(self.gateway) for room in rooms}
        self._tenures: dict[str, asyncio.Queue[int]] = {room: asyncio.Queue() for room in self.leases}
        """What :attr:`Lease.since` became."""
        self._leaving: set[str] = set()
        self._hurry = {room: asyncio.Event() for room in self.leases}
        """To be looked at sooner."""
        self._left = {room: asyncio.Event() for room in self.leases}
        """That Redis knows to be given away."""
        self._broken: dict[str, float] = {}
        """Until when rooms are not taken that could not begin here."""
        self.changes: Counter[tuple[str, Became]] = Counter()
        """How often a room's lease became what."""
        self._lost_since: float | None = None
        self._taking: set[str] = set()
        """Rooms that are being asked for."""
        self._free_since: dict[str, float] = {}
        """Since when a room might have been taken."""

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for room in self.leases:
                tasks.create_task(self._look_after(room), name=f"lease of {room}")
                tasks.create_task(self._follow(room), name=f"owner of {room}")
            tasks.create_task(self._share_secret(), name="the fleet's secret")

    @property
    def running(self) -> int:
        """Rooms that are run here, or just being taken."""
        return sum(bool(lease.epoch) or room in self._taking for room, lease in self.leases.items())

    @property
    def most(self) -> int | None:
        return self._owner.most()

    @property
    def lost_s(self) -> float | None:
        """For how long Redis has not answered; None: it does."""
        return None if self._lost_since is None else time.monotonic() - self._lost_since

    def held(self, room: str) -> bool:
        """Whether the room may speak here."""
        return self.leases[room].held(time.monotonic())

    def drained(self, room: str) -> bool:
        return room in self._leaving

    def where(self, room: str) -> str | None:
        """Where a room's viewers go that does not run here; "" while nobody is known to run it, None for one that there
        is not.
        """
        if (lease := self.leases.get(room)) is None:
            return None
        return "" if lease.address == self.address else lease.address

    def leave(self, room: str) -> None:
        """Give a room away, and take it no more until :meth:`stay` is called for it."""
        self._leaving.add(room)
        self._hurry[room].set()

    async def leave_all(self) -> None:
        """All rooms at once; until others may take them."""
        for room in self.leases:
            self.leave(room)
        await asyncio.gather(*(left.wait() for left in self._left.values()))

    def stay(self, room: str) -> None:
        self._leaving.discard(room)
        self._left[room].clear()

    async def close(self) -> None:
        """Give all away at once: others need not wait until the leases run out. The rooms have ended."""
        for lease in self.leases.values():
            lease.left()
        await asyncio.gather(*(self._ask(room, "leave") for room in self.leases), return_exceptions=True)

    async def _look_after(self, room: str) -> None:
        while True:
            begun = time.monotonic()
            try:
                await self._look(room)
            except (RedisError, TimeoutError, OSError) as error:
                self._note_trouble(error)
            except Exception:  # whatever it was, the lease is looked after
                log.exception("the lease of %s could not be looked at", room)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(PAUSE_S, LOOKED_S - (time.monotonic() - begun))):
                    await self._hurry[room].wait()
            self._hurry[room].clear()

    async def _look(self, room: str) -> None:
        lease, asked_at = self.leases[room], time.monotonic()
        leaving = room in self._leaving or asked_at < self._broken.get(room, 0.0)
        if leaving and lease.epoch:
            lease.left()
            self._tenures[room].put_nowait(0)
            await self._tenures[room].join()  # whoever comes next finds all that was written
        if leaving:
            act: Act = "leave"
        else:
            wanted = bool(lease.epoch) or self._has_room_for(room, asked_at)
            act = "take" if wanted and lease.may_take(asked_at) else "look"
        if act == "take":
            self._taking.add(room)
        try:
            seen = await self._ask(room, act)
        finally:
            self._taking.discard(room)
        if act == "leave" and room in self._leaving:
            self._left[room].set()
        if seen.gateway:
            self._free_since.pop(room, None)
        elif room not in self._free_since and lease.may_take(asked_at):
            self._free_since[room] = asked_at
            self._hurry[room].set()  # to be taken at once, by whoever has room for it
        self._note_trouble(None)
        became = lease.saw(seen, asked_at, time.monotonic())
        if became is not None:
            log.warning("%s: %s with epoch %d; it is run by %s", room, became, seen.epoch, seen.address)
            self.changes[room, became] += 1
            if became in ("again", "forgotten"):
                self._owner.again(room, lease.epoch, forgotten=became == "forgotten")
            else:
                self._tenures[room].put_nowait(lease.since)

    def _has_room_for(self, room: str, now: float) -> bool:
        """Whoever runs more rooms hesitates for longer, so that those who run fewer come first."""
        if self.most is not None and self.running >= self.most:
            return False
        if (since := self._free_since.get(room)) is None:
            return False  # somebody has it: asking for it would count as running it
        return now - since >= min(HESITATES_S * self.running, HESITATES_MOST_S)

    async def _follow(self, room: str) -> None:
        """Run the room for as long as it is ours, and end it; renewing goes on meanwhile, and so does losing."""
        tenures, lease, running = self._tenures[room], self.leases[room], None
        try:
            while True:
                tenure = await tenures.get()
                if running is not None:
                    await _cancelled(running)
                    running = None
                    await self._ended(room)
                if tenure and tenure == lease.since:  # else it is lost again already
                    running = asyncio.create_task(self._begin(room), name=f"begin {room}")
                tenures.task_done()
        finally:
            if running is not None:
                await _cancelled(running)

    async def _begin(self, room: str) -> None:
        try:
            await self._owner.begin(room, self.leases[room])
        except Exception:  # whatever it was, another may run it, and the other rooms go on
            log.exception("%s cannot begin here and is given away", room)
            self._broken[room] = time.monotonic() + BROKEN_S

    async def _ended(self, room: str) -> None:
        try:
            async with asyncio.timeout(ENDS_S):
                await self._owner.end(room)
        except Exception:
            log.exception("%s did not end as it should", room)

    async def _ask(self, room: str, act: Act) -> Seen:
        args: list[Any] = [self.gateway, self.address, round(1000 * LASTS_S), act]
        asked_at = time.monotonic()
        async with asyncio.timeout(ANSWER_S):
            answer = await heeding(self._script(keys=[key(room, "lease"), key(room, "epochs")], args=args))
        gateway, epoch, address, before, run, ms = answer
        if self._clock is not None:
            self._clock.tell(int(ms) / 1000, (asked_at + time.monotonic()) / 2)
        return Seen(gateway, int(epoch), address, int(before), run)

    async def _share_secret(self) -> None:
        """Whoever comes first makes it; a Redis that forgot it is told again."""
        own = secrets.token_urlsafe(32)
        while True:
            try:
                await heeding(self._redis.set(SECRET, self.secret or own, nx=True))
                self.secret = str(await heeding(self._redis.get(SECRET)) or "")
            except (RedisError, OSError, TimeoutError):  # it is noted elsewhere
                pass
            await asyncio.sleep(SECRET_S if self.secret else LOOKED_S)

    def _note_trouble(self, error: Exception | None) -> None:
        if error is not None and self._lost_since is None:
            self._lost_since = time.monotonic()
            log.error("Redis does not answer (%s); rooms are on air until their leases run out", error or "too slow")
        elif error is None and self._lost_since is not None:
            log.warning("Redis answers again, after %.1f s", time.monotonic() - self._lost_since)
            self._lost_since = None


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
