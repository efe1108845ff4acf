"""All that one gateway runs: its rooms, the engines that they share, and what they must not forget."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from knowledge.answerer import CitedAnswerer
from knowledge.library import Progress
from streaming import protocol as say
from streaming import roomfile
from streaming.answering import Prompted, room_answerer, warm_up
from streaming.engines import LLM, Engines
from streaming.errors import EverhostError
from streaming.fleet.capacity import measured
from streaming.fleet.lease import Lease
from streaming.fleet.ownership import Fleet, Ownership
from streaming.journal import Journal
from streaming.loop_lag import LoopLag
from streaming.models.store import Store
from streaming.network import LOCAL, Network
from streaming.on_air import OnAir
from streaming.roomfile import RoomFile
from streaming.state import sqlite
from streaming.state.redis import RedisRoom, connected
from streaming.state.sqlite import Sqlite
from streaming.state.state import RoomState
from streaming.steady import SteadyClock
from streaming.tasks import keep
from streaming.understudy import Understudy, stage_config

log = logging.getLogger(__name__)

STATUS_S: Final = 1.0
PICTURES_FIRST_S: Final = 5.0
HANDED_OVER_S: Final = 5.0
"""Rooms may take so long to end and to be given away."""
WATCH_S: Final = 2.0
"""Between two looks at whether a room file was edited."""


class House:
    """``rooms`` are those that run here: all, or, of a fleet's, those that this gateway owns."""

    def __init__(
        self,
        settings: Sequence[RoomFile],
        store: Store,
        folder: Path,
        network: Network = LOCAL,
        files: Mapping[str, Path] | None = None,
        stages: Mapping[str, Understudy] | None = None,
        fleet: Fleet | None = None,
    ) -> None:
        """``folder``: where indexes and state are kept; ``files`` of the rooms, edits of which are taken on air, and
        ``stages`` that get ready already, by the rooms' ids. Raises :class:`EverhostError` when the state cannot be
        opened.
        """
        self.settings = {one.id: one for one in settings}
        self.rooms: dict[str, OnAir] = {}
        self.engines = Engines(store, settings)
        self.network = network
        self.folder = folder
        self.fleet = fleet
        self._ending = False
        self.lag = LoopLag()
        self.clock = SteadyClock()
        self.ownership: Ownership | None = None
        self._most = (fleet.most or 1) if fleet else None
        """Until it is known how many rooms this machine carries, one."""
        self._journal = Journal(folder)
        self._files = files or {}
        self._stages = dict(stages or {})
        self._answerers: dict[str, CitedAnswerer] = {}
        self._read = {room: asyncio.Event() for room in self.settings}
        """A room's documents are read, or cannot be."""
        self._begun = {room: asyncio.Event() for room in self.settings}
        """A room runs here, or did."""
        self._opened = contextlib.AsyncExitStack()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._teaching: dict[str, asyncio.Task[None]] = {}
        self._redis: dict[str, RedisRoom] = {}
        self._sqlite: Sqlite | None = None
        if fleet is None:
            self._sqlite = Sqlite(folder / sqlite.FILE, self.clock.now)
            self.rooms = {room: self._made(room, self._sqlite.room(room)) for room in self.settings}
        else:
            self._client = connected(fleet.redis)
            # Leases have connections of their own: one that waits behind a write, or has to be made on a slow way, is
            # late for its lease.
            self._leases = connected(fleet.redis, checked_s=0)
            self.ownership = Ownership(self._leases, self.settings, fleet.address, self, self.clock)

    def _made(self, room: str, state: RoomState, may_speak: Callable[[], bool] = lambda: True) -> OnAir:
        speech, stage = self.folder / "speech", self._stages.pop(room, None)
        return OnAir(
            self.settings[room],
            self.engines,
            state,
            self._journal,
            self.status,
            speech,
            self.network,
            stage,
            may_speak=may_speak,
            clock=self.clock.now,
        )

    async def start(self) -> None:
        for on_air in self.rooms.values():
            await self._put_on_air(on_air)
        self.engines.keep_cold(LLM)
        self._keep(self._start_engines(), "engines")
        self._keep(self._announce(), "status")
        self._keep(self.lag.watch(), "loop lag")
        self._keep(self._warm_up(), "warm up")
        for room in self.settings:
            self._keep(self._learn(room), f"learn {room}")
        for room, file in self._files.items():
            self._keep(self._watch(file, room), f"watch {file}")
        if self.ownership is not None:
            self._keep(self.ownership.run(), "ownership")
            if self.fleet and self.fleet.most is None:
                self._keep(self._find_capacity(), "capacity")

    async def hand_over(self) -> None:
        """Give all rooms to other gateways, as soon as it is known that this one ends; those that watch come back."""
        self._ending = True
        if self.ownership is not None:
            await self.ownership.leave_all()

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANDED_OVER_S):
                await self.hand_over()
        tasks = [*self._tasks, *self._teaching.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(on_air.close() for on_air in self.rooms.values()))
        await asyncio.gather(*(state.close() for state in self._redis.values()))
        if self.ownership is not None:  # when all is written: whoever comes next reads it
            await self.ownership.close()
            await self._client.aclose()
            await self._leases.aclose()
        await self._opened.aclose()
        await self.engines.close()
        for stage in self._stages.values():
            await asyncio.to_thread(stage.close)
        if self._sqlite is not None:
            self._sqlite.close()
        self._journal.close()

    def status(self) -> dict[str, Any]:
        """Which engines are missing, as pages show it."""
        missing = [
            {"name": need.name, "what": need.what, "done": need.done, "total": need.total, "error": need.error}
            for need in self.engines.missing
        ]
        return {"state": "degraded" if missing else "ready", "missing": missing}

    def answerer(self, room: str) -> CitedAnswerer | None:
        """None while a room's documents are being read."""
        return self._answerers.get(room)

    async def progress(self, room: str) -> Progress | None:
        """How far a room's documents are indexed; None while they are being read."""
        answerer = self._answerers.get(room)
        return await answerer.library.progress() if answerer else None

    # Of a fleet's rooms, those that are ours: see :class:`streaming.fleet.ownership.Owner`

    def most(self) -> int | None:
        return self._most

    async def _find_capacity(self) -> None:
        try:
            self._most = await measured(map(stage_config, self.settings.values()))
        except EverhostError as error:
            log.warning("%s; one room is run here: --most says otherwise", error)

    def elsewhere(self) -> list[str]:
        """The other rooms of the fleet."""
        return [room for room in self.settings if room not in self.rooms]

    async def begin(self, room: str, lease: Lease) -> None:
        settings, since = self.settings[room], lease.since

        def may_speak() -> bool:
            return lease.since == since and (settings.single_gateway or lease.held(time.monotonic()))

        state = self._redis[room] = RedisRoom(self._client, room, lease.epoch, self.clock.now)
        on_air = self._made(room, state, may_speak)
        try:
            await self._put_on_air(on_air)
        except BaseException:
            await on_air.close()
            raise

    def again(self, room: str, epoch: int, *, forgotten: bool) -> None:
        if state := self._redis.get(room):  # else it has yet to begin, with this epoch
            state.owned(epoch, forgotten=forgotten)

    async def end(self, room: str) -> None:
        if teaching := self._teaching.pop(room, None):
            teaching.cancel()
            await asyncio.gather(teaching, return_exceptions=True)
        if on_air := self.rooms.pop(room, None):
            await on_air.close()
        if state := self._redis.pop(room, None):
            await state.close()
        if room not in self._stages and not self._ending:
            self._stages[room] = Understudy(stage_config(self.settings[room]))

    async def _put_on_air(self, on_air: OnAir) -> None:
        """Nobody finds the room before it remembers what there was."""
        await on_air.start()
        room = on_air.settings.id
        self.rooms[room] = on_air
        self._begun[room].set()
        self._teaching[room] = asyncio.create_task(self._teach(room, on_air), name=f"teach {room}")
        self._teaching[room].add_done_callback(_log_failure)

    # What goes on behind

    def _keep(self, work: Any, name: str) -> None:
        task = keep(self._tasks, work)
        task.set_name(name)
        task.add_done_callback(_log_failure)

    async def _announce(self) -> None:
        last = None
        while True:
            status = self.status()
            if status != last:
                last = status
                text = say.dumps({"type": "status", "to": "room", **status})
                for on_air in self.rooms.values():
                    on_air.broadcast(text)
            await asyncio.sleep(STATUS_S)

    async def _start_engines(self) -> None:
        """Once there are pictures: loading models takes every core there is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PICTURES_FIRST_S):
                await asyncio.gather(*(self._shown(room) for room in self.settings))
        self.engines.start()

    async def _shown(self, room: str) -> None:
        await self._begun[room].wait()
        if on_air := self.rooms.get(room):
            await on_air.stage.shown()

    async def _warm_up(self) -> None:
        while True:
            await self.engines.to_warm(LLM)
            await warm_up(list(self.settings.values()), self.engines)

    async def _watch(self, file: Path, room: str) -> None:
        """Take the room file's edits, once it is whole; also those from before the first look."""
        known = None
        while True:
            await asyncio.sleep(WATCH_S)
            if (changed_at := await asyncio.to_thread(_changed_at, file)) in (known, None):
                continue
            known = changed_at
            on_air = self.rooms.get(room)
            try:
                settings = await asyncio.to_thread(roomfile.load, file)
                if on_air is None:
                    await self._stand_by(room, settings)
                elif settings == on_air.settings:
                    on_air.file_error = ""
                else:
                    on_air.take_edits(settings)
                    self.settings[room] = on_air.settings
            except EverhostError as error:
                if on_air is not None:
                    on_air.file_error = str(error)
                log.error("the room goes on as it was: %s", error)

    async def _stand_by(self, room: str, settings: RoomFile) -> None:
        """Be ready to take the room as it is by now."""
        before, self.settings[room] = self.settings[room], settings
        if stage_config(before) != stage_config(settings) and (stage := self._stages.pop(room, None)):
            self._stages[room] = Understudy(stage_config(settings))
            await asyncio.to_thread(stage.close)

    async def _learn(self, room: str) -> None:
        """Read a room's documents, also of one that another gateway runs: it may be taken over at any moment."""

        def note_prompt(prompted: Prompted) -> None:
            if on_air := self.rooms.get(room):
                on_air.note_prompt(prompted)

        try:
            opening = room_answerer(self.settings[room], self.engines, self.folder, note_prompt)
            self._answerers[room] = await self._opened.enter_async_context(opening)
        except Exception:
            log.exception("the documents of %s cannot be read; it is on air and cannot answer", room)
        self._read[room].set()

    async def _teach(self, room: str, on_air: OnAir) -> None:
        await self._read[room].wait()
        if (answerer := self._answerers.get(room)) is None:
            on_air.knows(None)
            return
        on_air.knows(answerer, answerer.library.mended)
        await on_air.tell_of(answerer.library)


def _changed_at(file: Path) -> int | None:
    """None while it is not there: some editors write a file anew."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def _log_failure(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s: %s", task.get_name(), error, exc_info=error)
