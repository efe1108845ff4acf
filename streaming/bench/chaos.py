"""``everhost bench chaos``: a room on air whose processes are killed, and what its viewers have of it.

Everything is real: the gateway, kept alive as a service manager would; a viewer who watches all the time, others who
ask, and a bridge that posts a live platform's comments. What happens when is drawn by a seed (:mod:`.mishaps`), and
what came of it reckoned in :mod:`.endurance`.
"""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import websockets
from tqdm import tqdm

from avatar.bench.machine import machine
from avatar.clock import TICKS_PER_SECOND
from avatar.voice import marks
from streaming import roomfile
from streaming.bench import endurance, processes
from streaming.bench.endurance import Asked, Caption, Diary, Flow, Kept, Report, Struck
from streaming.bench.mishaps import GATEWAY, Ask, Deed, Kill, plan
from streaming.bench.processes import Process
from streaming.bench.service import Service, left_of
from streaming.bench.viewer import Seen, viewer
from streaming.engines import Engines
from streaming.errors import EverhostError, StageError
from streaming.models.store import Store
from streaming.room import language_of
from streaming.roomfile import RoomFile
from streaming.state.sqlite import FILE as STATE
from streaming.tasks import keep

ASKERS: Final = 3
_AGAIN_S: Final = 0.1
"""Until somebody who has lost the room tries again."""
_POSTED: Final = 300
"""Times that a comment is posted until it is taken."""
_THERE_S: Final = 20.0
"""How long is waited for what is to be killed: it may be starting."""
_READY_S: Final = 180.0
_OUTCOMES_S: Final = 320.0
"""After the end, until all questions have their outcome: none waits longer than five minutes."""
_SIGNALS: Final = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}
_LOST: Final = (OSError, httpx.HTTPError, websockets.WebSocketException, StageError)
"""What a viewer has of a gateway that is killed."""


def run(room: Path, minutes: float, seed: int, models: Path | None, folder: Path | None) -> Report:
    """``folder``: where the room's state and log are left. Raises EverhostError when the room does not come on air."""
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise EverhostError(f"the folder {folder} is not empty; name another")
    with contextlib.ExitStack() as stack:
        kept = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kept.mkdir(parents=True, exist_ok=True)
        settings = roomfile.load(room)
        engines = [need.name for need in Engines(Store.from_environment(folder=models), [settings]).needs]
        deeds = plan(seed, minutes, engines, settings.suggestions)
        diary = asyncio.run(_run(Service(room, kept, models), settings.id, deeds, 60 * minutes))
    return endurance.reported(diary, _lines(settings), machine=machine(), room=settings.id, minutes=minutes, seed=seed)


def _lines(settings: RoomFile) -> dict[str, list[str]]:
    """What hosts say around mishaps and questions, as captions have it."""
    host, programme = settings.host, settings.programme
    lines = {
        "cut off": list(host.cut_off.values()),
        "one moment": list(itertools.chain(*host.acknowledgements.values(), *host.reassurances.values())),
        "going on": list(itertools.chain(*programme.bridges.values())) if programme else [],
    }
    return {what: [marks.plain(text) for text in texts] for what, texts in lines.items()}


async def _run(service: Service, room: str, deeds: list[tuple[float, Deed]], seconds: float) -> Diary:
    diary = Diary()
    async with service:
        await service.ready()
        async with _people(service, room, diary) as people:
            await _pictures(diary)
            before = _memory(service)
            diary.begun = time.monotonic()
            await _misfortunes(service, people, deeds, seconds)
            diary.ended = time.monotonic()
            await _outcomes(service, room)
            diary.memory = before, _memory(service)
    diary.left_over += await left_of(service.seen)
    diary.kept = _kept(service, room)
    diary.log = service.log.read_text("utf-8", "replace")
    diary.deaths = service.deaths
    return diary


async def _pictures(diary: Diary) -> None:
    """Wait for the first."""
    async with asyncio.timeout(_READY_S):
        while not any(flow.arrived for flow in diary.flows):  # noqa: ASYNC110
            await asyncio.sleep(_AGAIN_S)


def _memory(service: Service) -> dict[str, float]:
    return {one.what: one.resident for one in service.family()}


async def _misfortunes(service: Service, people: "_People", deeds: list[tuple[float, Deed]], seconds: float) -> None:
    """Everything in its time; what a kill is to be followed by is waited for beside it."""
    begun, tasks = time.monotonic(), set[asyncio.Task[Any]]()
    with tqdm(total=round(seconds), desc="chaos", unit="s", disable=None) as bar:

        async def until(at: float) -> None:
            while (now := time.monotonic() - begun) < at:
                await asyncio.sleep(min(1.0, at - now))
                service.family()  # so that whoever was there for a second only is known
                bar.update(min(round(seconds), int(time.monotonic() - begun)) - bar.n)

        for at, deed in deeds:
            await until(at)
            match deed:
                case Ask():
                    keep(tasks, people.ask(deed))
                case Kill():
                    bar.set_postfix_str(f"{deed.target} {deed.how}")
                    keep(tasks, _kill(service, people.diary, deed))
        await until(seconds)
    for task in tasks:
        task.cancel()
    for end in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(end, Exception):
            raise end


async def _kill(service: Service, diary: Diary, kill: Kill) -> None:
    deadline = time.monotonic() + _THERE_S
    while (victim := service.find(kill.target)) is None and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_AGAIN_S)
    if victim is None:
        diary.missed.append(kill)
        return
    struck = Struck(kill, time.monotonic())
    diary.struck.append(struck)
    if kill.target == GATEWAY:
        await _kill_gateway(service, diary, victim)
    else:
        processes.strike(victim, _SIGNALS[kill.how])
    struck.ready_at = await service.replaced(victim, _READY_S)


async def _kill_gateway(service: Service, diary: Diary, gateway: Process) -> None:
    """Its children are to end by themselves."""
    family = service.family()
    service.expect_death()
    os.kill(gateway.pid, signal.SIGKILL)
    diary.left_over += await left_of(family)


async def _outcomes(service: Service, room: str) -> None:
    """Wait until every question has one, or never will."""
    deadline = time.monotonic() + _OUTCOMES_S
    while time.monotonic() < deadline and not all(row.outcome for row in _kept(service, room)):  # noqa: ASYNC110
        await asyncio.sleep(1)


def _kept(service: Service, room: str) -> list[Kept]:
    columns = "client_id, outcome, coalesce(ended_at - asked_at, 0)"
    with contextlib.closing(sqlite3.connect(f"file:{service.data / STATE}?mode=ro", uri=True)) as db:
        return [Kept(*row) for row in db.execute(f"SELECT {columns} FROM questions WHERE room = ?", (room,))]  # noqa: S608


# Who is there


@asynccontextmanager
async def _people(service: Service, room: str, diary: Diary) -> AsyncIterator["_People"]:
    people = _People(service, room, diary)
    tasks = [asyncio.create_task(one) for one in (people.watch(), *(asker.stay() for asker in people.askers))]
    try:
        yield people
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


class _People:
    """A viewer who watches, those who ask, and a platform's bridge."""

    def __init__(self, service: Service, room: str, diary: Diary) -> None:
        self._service, self._room = service, room
        self.diary = diary
        self._by_id: dict[str, Asked] = {}
        self.askers = [_Asker(service, room, self._by_id) for _ in range(ASKERS)]
        self._next = itertools.cycle(self.askers)

    async def watch(self) -> None:
        """See and hear everything; when the room is away, come back as soon as it is there."""
        while True:
            with contextlib.suppress(*_LOST):
                async with viewer(self._service.address, self._room, decode=False) as one:
                    self.diary.flows.append(Flow(one.seen.pictures, one.seen.timestamps))
                    try:
                        await one.socket.wait_closed()
                    finally:
                        _note(self.diary, one.seen)
            await asyncio.sleep(_AGAIN_S)

    async def ask(self, ask: Ask) -> None:
        asked = self._by_id[ask.id] = Asked(ask)
        self.diary.asked.append(asked)
        if ask.comment:
            await self._post(asked)
        else:
            await next(self._next).ask(ask)

    async def _post(self, asked: Asked) -> None:
        """As a bridge does it: again, until it is taken."""
        ask = asked.ask
        comment = {"platform": "bench", "id": ask.id, "author": ask.id, "name": _name(ask), "text": ask.text}
        async with httpx.AsyncClient(base_url=f"http://{self._service.address}") as client:
            for _ in range(_POSTED):
                with contextlib.suppress(httpx.TransportError):
                    token = {"authorization": f"Bearer {self._service.token}"}
                    answer = await client.post(f"/rooms/{self._room}/comments", json=[comment], headers=token)
                    (told,) = answer.raise_for_status().json()["comments"]
                    _take(asked, told.get("question"), told.get("code") or told["outcome"])
                    return
                await asyncio.sleep(_AGAIN_S)


def _name(ask: Ask) -> str:
    """One that the question's language can say."""
    return {"zh": "小王", "en": "Sam"}[language_of(ask.text, "en")]


@dataclass(slots=True)
class _Asker:
    """Somebody on the page, who comes back when the room was away."""

    service: Service
    room: str
    by_id: dict[str, Asked]
    """All that was asked, by anybody."""
    _viewer: str = ""
    """What the room calls them."""
    _socket: websockets.ClientConnection | None = None
    _here: asyncio.Event = field(default_factory=asyncio.Event)

    async def stay(self) -> None:
        while True:
            with contextlib.suppress(*_LOST):
                address = f"ws://{self.service.address}/rooms/{self.room}/ws?viewer={self._viewer}"
                async with websockets.connect(address, max_size=None) as socket:
                    self._viewer = json.loads(await socket.recv())["viewer"]
                    self._socket = socket
                    self._here.set()
                    try:
                        async for text in socket:
                            self._hear(json.loads(text))
                    finally:
                        self._here.clear()
            await asyncio.sleep(_AGAIN_S)

    async def ask(self, ask: Ask) -> None:
        await self._here.wait()
        assert self._socket is not None  # noqa: S101 (they are here)
        with contextlib.suppress(websockets.ConnectionClosed):
            await self._socket.send(json.dumps({"type": "ask", "id": ask.id, "text": ask.text}))

    def _hear(self, message: dict[str, Any]) -> None:
        if (asked := self.by_id.get(message.get("id", ""))) is None:
            return
        if message["type"] == "accepted":
            _take(asked, message["question"], "")
        elif message["type"] == "rejected":
            _take(asked, None, message["code"])


def _take(asked: Asked, question: str | None, code: str) -> None:
    """What became of a question: it has the room's id, or a code that says why not."""
    asked.accepted = question is not None
    asked.question, asked.code = question or "", "" if question else code


def _note(diary: Diary, seen: Seen) -> None:
    """What a viewer heard until they lost the room."""
    diary.sounds += zip(seen.sound_at, (level for _, level in seen.sound), strict=False)
    diary.captions += _captions(seen.messages)
    for kind, questions in (("speech.started", diary.started), ("speech.ended", diary.finished)):
        questions += [message["question"] for message in seen.messages if message["type"] == kind]


def _captions(messages: list[dict[str, Any]]) -> Iterator[Caption]:
    for one in messages:
        if one["type"] == "caption":
            yield Caption(one["id"], one["text"], one["at"], (one["end"] - one["start"]) / TICKS_PER_SECOND)
