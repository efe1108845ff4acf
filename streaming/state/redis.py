"""The state of a room in Redis, for the one gateway that owns it.

Every act is a script that first looks whether the writer still owns the room (``room.lua``): whoever lost it without
noticing can write nothing. While Redis cannot be reached, or is full, or says that the epoch is another, what is
written waits, in order: the lease decides whether the room is still ours, and with which epoch. A Redis that comes back
empty is told again what is open.
"""

import asyncio
import contextlib
import itertools
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.resources import files
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004
)

from streaming.backoff import Backoff
from streaming.errors import EverhostError
from streaming.mutes import FORGIVEN_S, Muted
from streaming.programme.schedule import Aired
from streaming.questions import Outcome, Question
from streaming.state.state import Desk, ended_as
from streaming.tasks import heeding

log = logging.getLogger(__name__)

PREFIX: Final = "everhost"
_KEYS: Final = (
    "lease",
    "questions",
    "entries",
    "open",
    "ended",
    "outcomes",
    "failed",
    "muted",
    "desk",
    "aired",
    "lines",
)
_PASSING: Final = (ConnectionError, TimeoutError, BusyLoadingError, OutOfMemoryError, ReadOnlyError)
_PASSING_CODES: Final = (
    "UNOWNED", "FENCED", "NOREPLICAS", "MISCONF", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "LOADING", "OOM", "READONLY",
)  # fmt: skip
"""What a server answers that may take it later: it wants a replica, has no room on its disk, is no master just now."""
RETRY_S: Final = (0.05, 1.0)
"""The first wait for a Redis that cannot be reached, and the longest."""
CLOSING_S: Final = 2.0
"""What is still to be written may take so long when a room closes."""
ANSWER_S: Final = 1.0
"""Redis may take so long."""
MOST: Final = 10_000
"""Writes that may wait; then lines of the programme are let go."""

Act = tuple[str, ...]
_numbers: Final = itertools.count(1)
"""Of whatever this process writes: what the network delivers late is known by a number that is too low."""


def connected(url: str, *, checked_s: float = 5.0) -> Redis:
    """``checked_s``: a connection that is new, or was idle for longer, is tried before it is used; 0: none is.

    Raises :class:`EverhostError` when the URL is none of Redis.
    """
    try:
        return Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            health_check_interval=checked_s,
            retry=Retry(NoBackoff(), 1),  # whoever asks tries again in their own time, and needs no wait within it
            # But for that check, a new connection says nothing before its first command: each word is a way and back.
            protocol=2,
            driver_info=DriverInfo(name="", lib_version=""),
        )
    except ValueError as error:
        raise EverhostError(f"this is no address of a Redis ({error}); one is redis://localhost:6379/0") from error


def key(room: str, name: str) -> str:
    """All of a room are in one slot of a cluster."""
    return f"{PREFIX}:{{{room}}}:{name}"


class RedisRoom:
    """See :class:`streaming.state.state.RoomState`. Reading waits for as long as the room is not ours."""

    def __init__(self, redis: Redis, room: str, epoch: int, clock: Callable[[], float] = time.time) -> None:
        """``epoch``: of its ownership, which :meth:`owned` renews; ``clock``: Unix time, s."""
        self._clock = clock
        self._room = room
        self._keys = [key(room, name) for name in _KEYS]
        self._script = redis.register_script(files("streaming.state").joinpath("room.lua").read_text("utf-8"))
        self._epoch = epoch
        self._fenced = asyncio.Event()
        """The epoch is not ours. Redis may have given us the next without our knowing: it is for the lease to say."""
        self._renewed = asyncio.Event()
        self._lost_some = False
        """Something that Redis did not take, since it was last asked what is kept."""
        self._open: dict[str, Act] = {}
        """What was told and still counts, for a Redis that forgets: questions by their ids,"""
        self._standing: dict[str, Act] = {}
        """and mutes and switches."""
        self._acts: asyncio.Queue[tuple[Act, asyncio.Future[Any] | None]] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write_all(), name=f"state of {room}")

    def owned(self, epoch: int, *, forgotten: bool) -> None:
        """The lease is held again, by the same owner as before. ``forgotten``: by a Redis that knows nothing more."""
        self._epoch = epoch
        self._fenced.clear()
        self._renewed.set()
        if forgotten:
            for act in (*self._standing.values(), *self._open.values()):
                self._write(*act)

    async def close(self) -> None:
        """What waits is still written, unless the room is another's by now, who began with what was written before."""
        joined, fenced = asyncio.ensure_future(self._acts.join()), asyncio.ensure_future(self._fenced.wait())
        await asyncio.wait([joined, fenced], timeout=CLOSING_S, return_when=asyncio.FIRST_COMPLETED)
        for task in (joined, fenced, self._writer):
            task.cancel()
        await asyncio.gather(joined, fenced, self._writer, return_exceptions=True)
        left = self._acts.qsize()
        while not self._acts.empty():
            self._close(self._acts.get_nowait()[1])
        if left:
            log.error("%s: %d changes of the state could not be written", self._room, left)

    # What is kept

    def record(self, question: Question, outcome: Outcome | None) -> None:
        if outcome is None:
            self._open[question.id] = ("asked", question.id, _json(_asked(question)))
            self._write(*self._open[question.id])
            return
        if self._open.pop(question.id, None) is None:
            return  # it has ended already
        at = self._clock()
        told = {"outcome": outcome, "answer": question.answer, "ended_at": at}
        citations = [asdict(cited) for cited in question.citations]
        self._write(
            "ended", question.id, outcome, _json({**_asked(question), **told, "citations": citations}), repr(at)
        )

    async def unfinished(self) -> list[Question]:
        waiting = [_question(json.loads(one)) for one in await self._ask("unfinished")]
        for one in waiting:
            self._open[one.id] = ("asked", one.id, _json(_asked(one)))
        return sorted(waiting, key=lambda one: one.asked_at)

    async def ended(self, since: float, limit: int) -> list[tuple[Question, Outcome, float]]:
        return [_ended(json.loads(one)) for one in await self._ask("last", repr(since), str(limit))]

    async def kept(self) -> None:
        await self._ask("kept")
        if self._lost_some:
            self._lost_some = False
            raise EverhostError("Redis took not all of it")

    def mute(self, muted: Muted) -> None:
        self._stand(f"mute {muted.viewer}", "mute", muted.viewer, _json(asdict(muted)))

    async def muted(self, now: float) -> list[Muted]:
        mutes = [Muted(**json.loads(one)) for one in await self._ask("muted")]
        counting = []
        for one in sorted(mutes, key=lambda one: one.until):
            if one.until <= (now - FORGIVEN_S if one.grade else now):
                self._standing.pop(f"mute {one.viewer}", None)
                self._write("forgive", one.viewer)
            else:
                self._standing[f"mute {one.viewer}"] = ("mute", one.viewer, _json(asdict(one)))
                counting.append(one)
        return counting

    def switch(self, *, paused: bool, cut: bool) -> None:
        self._stand("switch", "switch", str(int(paused)), str(int(cut)))

    def is_on_air(self, at: float) -> None:
        self._write("alive", repr(at))

    async def desk(self) -> Desk:
        paused, cut, at = await self._ask("desk")
        return Desk(paused == "1", cut == "1", float(at or 0))

    def air(self, aired: Aired) -> None:
        if self._acts.qsize() < MOST:
            self._write("air", repr(aired.at), _json(asdict(aired)))

    async def aired(self, since: float) -> list[Aired]:
        return [Aired(**json.loads(one)) for one in await self._ask("aired", repr(since))]

    # In order, and until it is done

    def _stand(self, name: str, *act: str) -> None:
        self._standing[name] = act
        self._write(*act)

    def _write(self, *act: str) -> None:
        self._acts.put_nowait((act, None))

    async def _ask(self, *act: str) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._acts.put_nowait((act, answer))
        return await answer

    async def _write_all(self) -> None:
        while True:
            act, wanted = await self._acts.get()
            try:
                answer = await self._done(act, 0 if wanted else next(_numbers))
            except (RedisError, OSError) as error:
                log.error("%s: the state could not be written (%s): %s", self._room, act[0], error)
                self._lost_some = self._lost_some or wanted is None
                if wanted is not None and not wanted.done():
                    wanted.set_exception(EverhostError(f"Redis: {error}"))
            except asyncio.CancelledError:
                self._close(wanted)
                raise
            else:
                if wanted is not None and not wanted.done():
                    wanted.set_result(answer)
            self._acts.task_done()

    def _close(self, wanted: "asyncio.Future[Any] | None") -> None:
        if wanted is not None and not wanted.done():
            wanted.set_exception(EverhostError(f"the room {self._room} does not run here any more"))

    async def _done(self, act: Act, number: int) -> Any:
        """Redis's answer, however long it has to be waited for. ``number``: of what is written; 0: it only reads."""
        waits, told = Backoff(*RETRY_S), False
        while True:
            self._renewed.clear()
            try:
                return await heeding(self._script(keys=self._keys, args=[self._epoch, number, *act]))
            except _PASSING as error:
                trouble: Exception = error
            except ResponseError as error:
                if not str(error).startswith(_PASSING_CODES):
                    raise
                trouble = error
                if str(error).startswith("FENCED"):
                    self._fenced.set()
            if not told:
                log.warning("%s: the state waits for Redis: %s", self._room, trouble)
            told = True
            with contextlib.suppress(asyncio.TimeoutError):
                async with asyncio.timeout(waits.next()):
                    await self._renewed.wait()


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _asked(q: Question) -> dict[str, Any]:
    return {
        "id": q.id,
        "text": q.text,
        "language": q.language,
        "viewer": q.viewer,
        "client_id": q.client_id,
        "name": q.name,
        "asked_at": q.asked_at,
        "kind": q.kind,
        "tries": q.tries,
        "held": q.held,
        "pinned": q.pinned,
        "reply": q.reply,
        "flagged": q.flagged,
    }


def _question(kept: Mapping[str, Any]) -> Question:
    return Question(**kept)


def _ended(kept: dict[str, Any]) -> tuple[Question, Outcome, float]:
    outcome, answer, at, citations = (kept.pop(name) for name in ("outcome", "answer", "ended_at", "citations"))
    return ended_as(_question(kept), outcome, answer, citations), outcome, at
