"""``everhost bench fleet``: gateways that share a room, and what happens to them and to the way to their Redis.

Everything is real: ``everhost serve`` processes, a redis-server, and between each gateway and Redis a relay that cuts,
holds up or delays; a wall clock of each gateway's own is wrong by as much as it happens to be. Somebody listens at each
gateway for itself, so that two that speak at once are heard; a viewer watches through whichever gateway is there;
others ask. What happens when is drawn by a seed.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import secrets
import shutil
import signal
import struct
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final, Literal, get_args

import httpx
import websockets
from redis.exceptions import RedisError
from tqdm import tqdm

from avatar.bench.machine import machine
from streaming import roomfile
from streaming.bench.mishaps import GATEWAY, UNCOVERED
from streaming.bench.service import Service, free_port
from streaming.bench.viewer import SOUND, Seen, viewer
from streaming.errors import EverhostError, StageError
from streaming.fleet.relay import RELAYED
from streaming.state.redis import connected, key

ROOM: Final = Path(__file__).with_name("data") / "small.yaml"
GATEWAYS: Final = 2
TAKEOVER_S: Final = 5.0
"""Until the room is seen again, whatever happened."""
APART_S: Final = 24.0
"""Between two mishaps; each lasts up to"""
LONGEST_S: Final = 8.0
RECOVERS_S: Final = 60.0
"""A mishap waits for so long for the gateways to have recovered from the last."""
_QUIET_S: Final = 12.0
"""Before the first, and in the end."""
_ASKED_S: Final = 12.0
_AGAIN_S: Final = 0.1
ANSWERS_S: Final = 0.5
STILL_S: Final = 1.5
"""Without a picture, until who watches connects anew."""
HOLE_S: Final = 0.2
"""Without one, and they notice."""
_TOGETHER_S: Final = 0.06
"""Sound of two gateways that is heard so close together is heard at once; packets are 20 ms."""
_OUTCOMES_S: Final = 120.0
_LOST: Final = (OSError, httpx.HTTPError, websockets.WebSocketException, StageError, TimeoutError)

SKEW_S: Final = 300.0
"""A clock is wrong by so much at most."""

What = Literal["killed", "ended", "stopped", "cut off", "held up", "slow", "redis restarted", "clock set"]
WHATS: Final[tuple[What, ...]] = get_args(What)


@dataclass(frozen=True, slots=True)
class Mishap:
    """Of the gateway that runs the room, or of Redis."""

    at: float
    what: What
    lasts_s: float


@dataclass(slots=True)
class Struck:
    mishap: Mishap
    at: float
    """time.monotonic()"""
    gateway: int
    """That ran the room."""
    away_s: float = 0.0
    """The longest that who watches had no picture, from then on until the next mishap."""
    taken_s: float | None = None
    """Until another gateway showed the room; None: none did."""


@dataclass(frozen=True, slots=True)
class Report:
    machine: str
    room: str
    minutes: float
    seed: int
    planned: int
    """Mishaps; one that waited for the gateways pushes the last ones out of the time."""
    away: dict[str, list[float]]
    """How long who watches had no picture, by mishap; s."""
    taken: dict[str, list[float]]
    """Until another gateway showed the room, where one did; s."""
    accepted: int
    lost: list[str]
    """Accepted, and without an outcome."""
    outcomes: dict[str, int]
    owners: int
    """How often the room had another."""
    on_air: float
    """Of time, with a picture."""
    heard_s: float
    both_s: float
    """Two gateways were heard at once."""

    @property
    def good(self) -> bool:
        over = (taken for times in self.taken.values() for taken in times)
        return not self.lost and not self.both_s and all(taken <= TAKEOVER_S for taken in over)


def plan(seed: int, minutes: float) -> list[Mishap]:
    """What happens when, s from the beginning."""
    rng = random.Random(seed)  # noqa: S311
    at, mishaps, deck = _QUIET_S, [], list[What]()
    while at < 60 * minutes - _QUIET_S - LONGEST_S:
        deck = deck or rng.sample(WHATS, len(WHATS))
        mishaps.append(Mishap(at, deck.pop(), rng.uniform(1, LONGEST_S)))
        at += APART_S * rng.uniform(0.8, 1.2)
    return mishaps


def run(room: Path, minutes: float, seed: int, models: Path | None, folder: Path | None) -> Report:
    """Raises EverhostError when there is no redis-server, or the room does not come on air."""
    if shutil.which("redis-server") is None:
        raise EverhostError("the bench needs a redis-server: apt-get install redis-server")
    with contextlib.ExitStack() as stack:
        kept = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = roomfile.load(room)
        texts = [*settings.suggestions.get("en", ()), *settings.suggestions.get("zh", ()), *UNCOVERED["en"]]
        return asyncio.run(_run(room, settings.id, texts, minutes, seed, models, kept))


async def _run(
    file: Path, room: str, texts: Sequence[str], minutes: float, seed: int, models: Path | None, folder: Path
) -> Report:
    async with _redis(folder) as redis, contextlib.AsyncExitStack() as stack:
        token, gateways = secrets.token_urlsafe(24), []
        for n in range(GATEWAYS):
            way = await stack.enter_async_context(Way.opened(redis.port))
            own = folder / f"gateway{n}"
            own.mkdir(parents=True, exist_ok=True)
            clock = _Clock(own / "clock")
            redis_at = f"redis://127.0.0.1:{way.port}/0"
            service = Service(file, own, models, "--redis", redis_at, token=token, environment=clock.environment)
            gateways.append(_Gateway(await stack.enter_async_context(service), way, clock, room))
        await asyncio.gather(*(one.service.ready() for one in gateways))
        diary = _Diary()
        async with _people(gateways, room, texts, seed, diary):
            while not diary.watched.pictures:  # noqa: ASYNC110
                await asyncio.sleep(_AGAIN_S)
            begun = time.monotonic()
            rng = random.Random(seed)  # noqa: S311
            await _mishaps(gateways, redis, plan(seed, minutes), begun, 60 * minutes, rng, diary)
            ended = time.monotonic()
            diary.asking.clear()
            outcomes = await _outcomes(redis, room, diary)
        epochs = {epoch for one in gateways for epoch in one.epochs()}
    away = _away(diary, begun, ended)
    _take(diary, [one.shown for one in gateways], ended)
    gone, taken = dict[str, list[float]](), dict[str, list[float]]()
    for one in diary.struck:
        gone.setdefault(one.mishap.what, []).append(round(one.away_s, 2))
        if one.taken_s is not None:
            taken.setdefault(one.mishap.what, []).append(round(one.taken_s, 2))
    heard, both = _overlap([one.heard for one in gateways])
    lost = sorted(name for name in diary.accepted if name not in outcomes)
    counted = Counter(outcome for name, outcome in outcomes.items() if name in diary.accepted)
    on_air, accepted = 1 - away / (ended - begun), len(diary.accepted)
    planned = len(plan(seed, minutes))
    return Report(
        machine(), room, minutes, seed, planned, gone, taken, accepted, lost, dict(counted), len(epochs), on_air, heard,
        both,
    )  # fmt: skip


# Redis, and the way there


class _Redis:
    """A redis-server of the bench's own, which keeps what it is told on disk."""

    def __init__(self, folder: Path) -> None:
        self.port: Final = free_port()
        kept = ["--dir", str(folder), "--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self._command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), *kept]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        null = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(*self._command, stdin=null, stdout=null)
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(0.02)

    async def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None


@asynccontextmanager
async def _redis(folder: Path) -> AsyncIterator[_Redis]:
    (folder / "redis").mkdir(parents=True, exist_ok=True)
    redis = _Redis(folder / "redis")
    await redis.start()
    try:
        yield redis
    finally:
        await redis.kill()


class Way:
    """TCP from one gateway to Redis."""

    def __init__(self, there: int) -> None:
        self._there = there
        self._open = asyncio.Event()
        """Bytes pass."""
        self._open.set()
        self.cut = False
        """Nobody is connected, and nobody can be."""
        self.delay_s = 0.0
        self._connections: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def opened(cls, there: int) -> AsyncIterator["Way"]:
        way = cls(there)
        server = await asyncio.start_server(way._accept, "127.0.0.1", 0)
        way.port = server.sockets[0].getsockname()[1]
        try:
            yield way
        finally:
            server.close()
            way.break_off()
            for task in way._tasks:
                task.cancel()
            await asyncio.gather(*way._tasks, return_exceptions=True)

    def hold_up(self, on: bool) -> None:
        """Connections stay, and nothing comes through."""
        (self._open.clear if on else self._open.set)()

    def break_off(self) -> None:
        for writer in self._connections:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self._tasks.add(task)
        self._connections.add(writer)
        try:
            if self.cut:
                return
            their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._there)
            self._connections.add(their_writer)
            ways = self._carry(reader, their_writer), self._carry(their_reader, writer)
            carrying = [asyncio.ensure_future(one) for one in ways]
            try:
                await asyncio.gather(*carrying)
            finally:
                for one in carrying:
                    one.cancel()
                await asyncio.gather(*carrying, return_exceptions=True)
                their_writer.transport.abort()
                self._connections.discard(their_writer)
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self._connections.discard(writer)
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while some := await reader.read(1 << 16):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._open.wait()
            writer.write(some)
            await writer.drain()
        raise ConnectionResetError


# Gateways


class _Clock:
    """What the processes of one gateway take for the time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0.0)
        path = os.pathsep.join(filter(None, [str(Path(__file__).with_name("clock")), os.environ.get("PYTHONPATH")]))
        self.environment = {"PYTHONPATH": path, "EVERHOST_BENCH_CLOCK": str(file)}

    def set(self, wrong_s: float) -> None:
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("d", wrong_s))


class _Gateway:
    def __init__(self, service: Service, way: Way, clock: _Clock, room: str) -> None:
        self.service = service
        self.way = way
        self.clock = clock
        self._room = room
        self.heard: list[float] = []
        """When the host was heard at this gateway itself, time.monotonic(); 20 ms each."""
        self.shown: list[float] = []
        """When its pictures came; the slate's too."""

    async def answers(self) -> bool:
        """As a load balancer asks."""
        with contextlib.suppress(*_LOST):
            async with asyncio.timeout(ANSWERS_S):
                return bool(await self.service.health())
        return False

    async def runs(self) -> bool:
        return any(one["on_air"] for one in (await self.service.health()).get("rooms", ()))

    def epochs(self) -> Iterator[str]:
        for line in self.service.log.read_text("utf-8", "replace").splitlines():
            if ": begun with epoch " in line or ": replaced with epoch " in line:
                yield line.partition(" with epoch ")[2].split(";")[0]

    async def listen(self) -> None:
        """Hear what leaves it, whenever it runs the room."""
        headers = {RELAYED.decode(): "1"}
        while True:
            with contextlib.suppress(*_LOST):
                async with viewer(self.service.address, self._room, decode=False, headers=headers) as one:
                    try:
                        await _until_still(one.seen, one.socket)
                    finally:
                        self._note(one.seen)
            await asyncio.sleep(_AGAIN_S)

    def _note(self, seen: Seen) -> None:
        self.shown += seen.pictures
        self.heard += [at for at, (_, level) in zip(seen.sound_at, seen.sound, strict=False) if level > SOUND]


def _overlap(heard: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Seconds in which the host was heard at any gateway, and at two at once."""
    cells: list[set[int]] = [{int(at / _TOGETHER_S) for at in one} for one in heard]
    either = set().union(*cells)
    both = [cell for cell in either if sum(cell in one for one in cells) > 1]
    return len(either) * _TOGETHER_S, len(both) * _TOGETHER_S


# Who is there


@dataclass(slots=True)
class _Diary:
    watched: Seen = field(default_factory=Seen)
    pictures: list[float] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    """The room's ids of what was accepted, and what was asked."""
    struck: list[Struck] = field(default_factory=list)
    asking: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def _people(
    gateways: Sequence[_Gateway], room: str, texts: Sequence[str], seed: int, diary: _Diary
) -> AsyncIterator[None]:
    diary.asking.set()
    listening = [one.listen() for one in gateways]
    rng = random.Random(seed)  # noqa: S311
    asking = [_ask(gateways, room, texts, rng, diary), _type(gateways, room, texts, rng, diary)]
    work = [_watch(gateways, room, diary), *asking]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in (*listening, *work)]
        yield
        for task in tasks:
            task.cancel()


async def _watch(gateways: Sequence[_Gateway], room: str, diary: _Diary) -> None:
    """See the room through one gateway or another; who loses it comes back, by the next."""
    while True:
        for gateway in gateways:
            if not await gateway.answers():
                continue
            with contextlib.suppress(*_LOST):
                async with viewer(gateway.service.address, room, decode=False) as one:
                    diary.watched = one.seen
                    try:
                        await _until_still(one.seen, one.socket)
                    finally:
                        diary.pictures += one.seen.pictures
        await asyncio.sleep(_AGAIN_S)


async def _until_still(seen: Seen, socket: websockets.ClientConnection) -> None:
    """Until the socket is closed. Raises StageError when no picture has come for so long that a page connects anew."""
    closed = asyncio.ensure_future(socket.wait_closed())
    began = time.monotonic()
    try:
        while not closed.done():
            await asyncio.wait([closed], timeout=0.25)
            if time.monotonic() - max([began, *seen.pictures[-1:]]) > STILL_S:
                raise StageError("no picture comes")
    finally:
        closed.cancel()


async def _ask(
    gateways: Sequence[_Gateway], room: str, texts: Sequence[str], rng: random.Random, diary: _Diary
) -> None:
    """A platform's comments, posted at any gateway, again until they are taken, as bridges do it."""
    for n in range(1_000_000):
        await asyncio.sleep(rng.expovariate(1 / _ASKED_S))
        await diary.asking.wait()
        comment = {"platform": "bench", "id": f"c{n}", "author": f"a{n}", "name": "Sam", "text": rng.choice(texts)}
        while True:
            service = rng.choice(gateways).service
            with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                async with httpx.AsyncClient(base_url=f"http://{service.address}", timeout=5) as client:
                    token = {"authorization": f"Bearer {service.token}"}
                    answer = await client.post(f"/rooms/{room}/comments", json=[comment], headers=token)
                    (told,) = answer.raise_for_status().json()["comments"]
                    if told["question"]:
                        diary.accepted[told["question"]] = comment["text"]
                    break
            await asyncio.sleep(_AGAIN_S)


async def _type(
    gateways: Sequence[_Gateway], room: str, texts: Sequence[str], rng: random.Random, diary: _Diary
) -> None:
    """A viewer's own questions; as a page does it, asked again after a reconnect until it is known what becomes of
    them.
    """
    viewer, unsettled = "", dict[str, dict[str, str]]()

    async def hear(socket: websockets.ClientConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            asked = unsettled.get(message.get("id", ""))
            if asked and message["type"] in ("accepted", "rejected"):
                del unsettled[asked["id"]]
                if message["type"] == "accepted":
                    diary.accepted[message["question"]] = asked["text"]

    async def speak(socket: websockets.ClientConnection) -> None:
        for asked in list(unsettled.values()):
            await socket.send(json.dumps(asked))
        while True:
            await asyncio.sleep(rng.expovariate(1 / _ASKED_S))
            await diary.asking.wait()
            asked = {"type": "ask", "id": f"t{next(numbers)}", "text": rng.choice(texts)}
            unsettled[asked["id"]] = asked
            await socket.send(json.dumps(asked))

    numbers = itertools.count()
    while True:
        for gateway in gateways:
            with contextlib.suppress(*_LOST, KeyError):
                address = f"ws://{gateway.service.address}/rooms/{room}/ws?viewer={viewer}"
                async with asyncio.timeout(ANSWERS_S):
                    socket = await websockets.connect(address, max_size=None)
                async with socket:
                    viewer = json.loads(await socket.recv())["viewer"]
                    speaking = asyncio.create_task(speak(socket))
                    try:
                        await hear(socket)
                    finally:
                        speaking.cancel()
                        await asyncio.gather(speaking, return_exceptions=True)
            await asyncio.sleep(_AGAIN_S)


# What happens


async def _mishaps(
    gateways: Sequence[_Gateway],
    redis: _Redis,
    mishaps: Sequence[Mishap],
    begun: float,
    seconds: float,
    rng: random.Random,
    diary: _Diary,
) -> None:
    with tqdm(total=round(seconds), desc="fleet", unit="s", disable=None) as bar:

        async def until(at: float) -> None:
            while (now := time.monotonic() - begun) < at:
                await asyncio.sleep(min(1.0, at - now))
                bar.update(min(round(seconds), int(time.monotonic() - begun)) - bar.n)

        late = 0.0
        for mishap in mishaps:
            await until(mishap.at + late)
            await _recovered(gateways)
            late = max(late, time.monotonic() - begun - mishap.at)
            if mishap.at + late > seconds - _QUIET_S - LONGEST_S:
                break
            running = [n for n, one in enumerate(gateways) if await one.runs()] or [0]
            bar.set_postfix_str(mishap.what)
            diary.struck.append(Struck(mishap, time.monotonic(), running[0]))
            await _strike(gateways[running[0]], redis, mishap, rng)
        await until(seconds)


async def _recovered(gateways: Sequence[_Gateway]) -> None:
    """All are back and have their engines, for a takeover needs somebody who can; for so long, at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RECOVERS_S):
            while not all([await one.service.does_its_work(GATEWAY) for one in gateways]):  # noqa: ASYNC110
                await asyncio.sleep(_AGAIN_S)


async def _strike(gateway: _Gateway, redis: _Redis, mishap: Mishap, rng: random.Random) -> None:
    way = gateway.way
    match mishap.what:
        case "killed":
            if one := gateway.service.find(GATEWAY):
                gateway.service.expect_death()
                os.kill(one.pid, signal.SIGKILL)
        case "ended":  # as in a rolling restart
            if one := gateway.service.find(GATEWAY):
                gateway.service.expect_death()
                os.kill(one.pid, signal.SIGTERM)
        case "stopped":
            if one := gateway.service.find(GATEWAY):
                os.kill(one.pid, signal.SIGSTOP)
                await asyncio.sleep(mishap.lasts_s)
                os.kill(one.pid, signal.SIGCONT)
        case "cut off":
            await _for(mishap.lasts_s, lambda on: _cut(way, on))
        case "held up":
            await _for(mishap.lasts_s, way.hold_up)
        case "slow":
            await _for(mishap.lasts_s, lambda on: setattr(way, "delay_s", 0.2 * on))
        case "redis restarted":
            await redis.kill()
            await asyncio.sleep(min(1.0, mishap.lasts_s / 4))
            await redis.start()
        case "clock set":  # and it stays so
            gateway.clock.set(rng.uniform(-SKEW_S, SKEW_S))


def _cut(way: Way, on: bool) -> None:
    way.cut = on
    way.break_off()


async def _for(seconds: float, turn: Callable[[bool], None]) -> None:
    turn(True)
    try:
        await asyncio.sleep(seconds)
    finally:
        turn(False)


async def _outcomes(redis: _Redis, room: str, diary: _Diary) -> dict[str, str]:
    """Of all questions that have one; waited for, as long as any has none."""
    deadline = time.monotonic() + _OUTCOMES_S
    async with connected(f"redis://127.0.0.1:{redis.port}/0") as client:
        while True:
            with contextlib.suppress(RedisError):
                kept = await client.hgetall(key(room, "outcomes"))
                outcomes = {str(name): str(json.loads(value)["outcome"]) for name, value in kept.items()}
                if time.monotonic() > deadline or all(name in outcomes for name in diary.accepted):
                    return outcomes
            await asyncio.sleep(1)


# What came of it


def _away(diary: _Diary, begun: float, ended: float) -> float:
    """Seconds without a picture for longer than a reconnect's; and of each mishap, the longest hole after it."""
    pictures = [begun, *(at for at in sorted(diary.pictures + diary.watched.pictures) if begun <= at <= ended), ended]
    holes = [(at, later - at) for at, later in pairwise(pictures) if later - at > HOLE_S]
    ends = [*(one.at for one in diary.struck[1:]), ended]
    for one, end in zip(diary.struck, ends, strict=True):
        one.away_s = max((hole for at, hole in holes if one.at - HOLE_S <= at < end), default=0.0)
    return sum(hole for _, hole in holes)


def _take(diary: _Diary, shown: Sequence[Sequence[float]], ended: float) -> None:
    """Of each mishap, when another gateway's first picture came."""
    ends = [*(one.at for one in diary.struck[1:]), ended]
    for one, end in zip(diary.struck, ends, strict=True):
        others = (at for n, times in enumerate(shown) if n != one.gateway for at in times if one.at < at < end)
        first = min(others, default=None)
        one.taken_s = None if first is None else first - one.at


def table(report: Report) -> str:
    struck = sum(map(len, report.away.values()))
    lines = [
        f"{report.room}: {report.minutes:g} minutes, seed {report.seed}, {struck} mishaps of {report.planned} planned,"
        f" on {report.machine}"
    ]
    for what, times in sorted(report.away.items()):
        each = ", ".join(f"{s:.1f}" for s in times)
        lines.append(f"{what:>16}: {len(times)} times; no picture for {median(times):.1f} s (each: {each})")
        if taken := report.taken.get(what):
            each = ", ".join(f"{s:.1f}" for s in taken)
            lines.append(f"{'':>16}  the other has it after {median(taken):.1f} s (each: {each}; goal {TAKEOVER_S:g})")
    outcomes = ", ".join(f"{n} {what}" for what, n in sorted(report.outcomes.items()))
    lines += [
        f"questions accepted: {report.accepted} ({outcomes}); lost: {len(report.lost)} (goal 0)",
        f"heard: {report.heard_s:.0f} s; two gateways at once: {report.both_s:.2f} s (goal 0)",
        f"on air: {report.on_air:.2%}; the room was begun {report.owners} times",
    ]
    return "\n".join(lines)
