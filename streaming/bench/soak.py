"""``everhost bench soak``: viewers come and go, and then stay; what the gateway keeps of them, and whether it grows.

Those who stay joined shortly before their RTP timestamps wrap, as those of a room that never closes do every 13 hours
(picture) and 25 (sound).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import numpy as np
from aiortc import RTCPeerConnection
from tqdm import tqdm

from avatar.bench import chart
from avatar.bench.machine import machine
from avatar.clock import SAMPLE_RATE, TICKS_PER_SECOND, VIDEO_CLOCK_RATE
from streaming.bench.origin import ROOM, measure, origin
from streaming.bench.viewer import Seen, first_picture, overhear, watcher
from streaming.cues import StageConfig
from streaming.rtp import ahead

LEAK: Final = 1024.0
"""Bytes a join that may stay."""
_WARM: Final = 200
"""Joins before the first that counts: pools and caches fill."""
_AT_ONCE: Final = 4
_EVERY: Final = 100
"""Joins between two looks."""
_LOOK_S: Final = 15.0
_PASSING_S: Final = 10.0
"""While some stay, another comes and goes so often."""
_WRAP: Final = 0.1
"""Of the time that viewers stay, until their timestamps wrap."""
_RATES: Final = {"video": VIDEO_CLOCK_RATE, "audio": SAMPLE_RATE}


@dataclass(frozen=True, slots=True)
class Slope:
    """Of a line through what was seen, give or take (95 %)."""

    value: float
    error: float

    @classmethod
    def of(cls, points: list[tuple[float, float]]) -> "Slope":
        if len(points) < 4:
            return cls(0.0, float("inf"))
        x, y = np.array(points).T
        (slope, _), covariance = np.polyfit(x, y, 1, cov=True)
        return cls(float(slope), 1.96 * float(np.sqrt(covariance[0, 0])))

    def __str__(self) -> str:
        return f"{self.value:.3g} ± {self.error:.2g}"


@dataclass(frozen=True, slots=True)
class Look:
    """One moment of the hour."""

    at: float
    """Seconds from the first."""
    rss: float
    """MB,"""
    in_use: float
    """and how much of it something uses."""
    offset_ms: float
    """By how much sound has moved against picture since the first look, by sender reports; NaN before they came."""
    fps: float
    """Decoded at a viewer since the look before."""


@dataclass(frozen=True, slots=True)
class Report:
    machine: str
    joins: int
    seconds: float
    """Of joining and leaving."""
    leaked: Slope
    """Bytes in use a join."""
    minutes: float
    """With viewers who stay."""
    growth: Slope
    """KiB in use an hour meanwhile,"""
    growth_rss: Slope
    """and of memory held."""
    drift: Slope
    """Milliseconds an hour of sound against picture."""
    wraps: tuple[int, int]
    """Of timestamps at those who stayed: of the picture, and of the sound."""
    torn: int
    """Packets at those who stayed whose timestamp did not follow the one before."""
    freeze_ms: float
    """Longest time between two decoded pictures."""
    decoded: int
    descriptors: tuple[int, int]
    """Before, and after everybody has left."""
    tasks: tuple[int, int]
    threads: tuple[int, int]
    skipped: int
    restarts: int
    looks: tuple[Look, ...]


def run(host: str, joins: int, minutes: float, pictures: str = "") -> Report:
    """``pictures``: a folder for the chart. Raises StageError when no room comes on air."""
    with tqdm(desc="joins", total=joins) as bar:

        def told(done: int) -> None:
            bar.update(done - bar.n)

        report = asyncio.run(_run(host, joins, minutes, told))
    if pictures and report.looks:
        _draw(report, Path(pictures) / "soak.png")
    return report


async def _run(host: str, joins: int, minutes: float, progress: Callable[[int], None]) -> Report:
    async with (
        origin(StageConfig(host), wrap=60 * minutes * _WRAP, exact=True) as address,
        httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as client,
    ):
        await _come_and_go(address, _WARM)
        first = await measure(client)
        counted, done = [(0, first)], 0
        while done < joins:
            done += await _come_and_go(address, min(_EVERY, joins - done))
            counted.append((done, await measure(client)))
            progress(done)
        stay = await _stay(address, client, minutes)
        await asyncio.sleep(2)
        last = await measure(client)
    looks = stay.looks
    hours = [(look.at / 3600, look) for look in looks[len(looks) // 10 :]]  # the first minutes fill buffers
    return Report(
        machine=machine(),
        joins=joins,
        seconds=counted[-1][1].at - first.at,
        leaked=Slope.of([(float(n), float(one.in_use)) for n, one in counted]),
        minutes=minutes,
        growth=Slope.of([(hour, 1e6 * look.in_use / 1024) for hour, look in hours]),
        growth_rss=Slope.of([(hour, 1e6 * look.rss / 1024) for hour, look in hours]),
        drift=Slope.of([(hour, look.offset_ms) for hour, look in hours if not np.isnan(look.offset_ms)]),
        wraps=(stay.wraps["video"], stay.wraps["audio"]),
        torn=stay.torn,
        freeze_ms=stay.freeze_ms,
        decoded=stay.decoded,
        descriptors=(first.descriptors, last.descriptors),
        tasks=(first.tasks, last.tasks),
        threads=(first.threads, last.threads),
        skipped=last.stage["skipped"] - first.stage["skipped"],
        restarts=last.restarts - first.restarts,
        looks=tuple(looks),
    )


async def _come_and_go(address: str, count: int) -> int:
    """So many join, see a picture, and leave, a few at once."""
    waiting = iter(range(count))

    async def one_after_another() -> None:
        for _ in waiting:
            async with watcher(address, ROOM) as (seen, _connection):
                await first_picture(seen)

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(one_after_another())
    return count


@dataclass(slots=True)
class _Kind:
    """Timestamps of one kind at one viewer, counted on beyond their wrap."""

    rate: int
    last: int | None = None
    wraps: int = 0
    torn: int = 0
    report: tuple[int, float] | None = None
    """(RTP timestamp counted on, NTP seconds) of the last sender report."""

    def see(self, timestamp: int) -> None:
        if self.last is not None:
            step = ahead(timestamp, self.last)
            if step < -self.rate or step > self.rate:  # a second: what a stage's restart would take
                self.torn += 1
            if step > 0 and timestamp < (self.last & 0xFFFFFFFF):
                self.wraps += 1
            self.last += max(0, step)  # what was overtaken or sent again says nothing new
        else:
            self.last = timestamp

    def hear(self, timestamp: int, seconds: float) -> None:
        if self.last is not None:
            self.report = self.last + ahead(timestamp, self.last), seconds

    @property
    def began(self) -> float | None:
        """When timestamp 0 was, by the wall clock and the last report: the same for ever, if nothing drifts."""
        return None if self.report is None else self.report[1] - self.report[0] / self.rate


@dataclass(slots=True)
class _Stay:
    looks: list[Look] = field(default_factory=list)
    kinds: list[dict[str, _Kind]] = field(default_factory=list)
    """Of each who stays."""
    seen: Seen = field(default_factory=Seen)
    """By the one who decodes."""

    @property
    def wraps(self) -> dict[str, int]:
        return {kind: sum(one[kind].wraps for one in self.kinds) for kind in _RATES}

    @property
    def torn(self) -> int:
        return sum(kind.torn for one in self.kinds for kind in one.values())

    @property
    def decoded(self) -> int:
        return len(self.seen.decoded)

    @property
    def freeze_ms(self) -> float:
        at = np.array([when for _, when in self.seen.decoded])
        return float(1e3 * np.diff(at).max()) if len(at) > 1 else float("inf")

    @property
    def offset_ms(self) -> float:
        """Of sound against picture at the first who stays, up to a constant."""
        began = [self.kinds[0][kind].began for kind in ("audio", "video")]
        return float("nan") if None in began else 1e3 * (float(began[0] or 0) - float(began[1] or 0))


async def _stay(address: str, client: httpx.AsyncClient, minutes: float) -> _Stay:
    stay = _Stay()
    async with contextlib.AsyncExitStack() as here:
        for decode in (True, False):
            seen, connection = await here.enter_async_context(watcher(address, ROOM, decode=decode))
            stay.kinds.append(_follow(connection))
            if decode:
                stay.seen = seen
        await here.enter_async_context(_passing(address))
        begun = time.monotonic()
        zero: float | None = None
        then, decoded = begun, stay.decoded
        while (now := time.monotonic()) < begun + 60 * minutes:
            await asyncio.sleep(min(_LOOK_S, 10 * minutes))
            one = await measure(client)
            offset = stay.offset_ms
            zero = offset if zero is None and not np.isnan(offset) else zero
            now = time.monotonic()
            fps = (stay.decoded - decoded) / (now - then)
            then, decoded = now, stay.decoded
            moved = offset - (0.0 if zero is None else zero)
            stay.looks.append(Look(one.at, one.rss, 1e-6 * one.in_use, moved, fps))
    return stay


@contextlib.asynccontextmanager
async def _passing(address: str) -> AsyncIterator[None]:
    """Others come and go meanwhile."""

    async def come_and_go() -> None:
        while True:
            await asyncio.sleep(_PASSING_S)
            await _come_and_go(address, 1)

    task = asyncio.create_task(come_and_go(), name="passing viewers")
    try:
        yield
    finally:
        task.cancel()
        (end,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(end, Exception):  # one could not join, and nobody came after them
            raise end


def _follow(connection: RTCPeerConnection) -> dict[str, _Kind]:
    """Listen to what a viewer's receivers get."""
    kinds = {}
    for receiver in connection.getReceivers():
        kind = kinds[receiver.track.kind] = _Kind(_RATES[receiver.track.kind])
        overhear(receiver, kind.see, kind.hear)
    return kinds


def _draw(report: Report, path: Path) -> None:
    looks = report.looks
    span = f"over {report.minutes:g} minutes, a look every {_LOOK_S:g} s"
    memory = {"held (MB)": [look.rss for look in looks], "in use (MB)": [look.in_use for look in looks]}
    offset = {"ms": [look.offset_ms for look in looks if not np.isnan(look.offset_ms)] or [0.0]}
    pictures = {"a second": [look.fps for look in looks]}
    parts = [
        chart.line_chart(title, {name: np.array(row) for name, row in rows.items()}, (960, 260))
        for title, rows in (
            (f"Memory of the gateway {span}", memory),
            ("Sound against picture since the first look", offset),
            ("Pictures decoded at a viewer", pictures),
        )
    ]
    chart.save(path, np.vstack(parts))


def table(report: Report) -> str:
    return "\n".join(
        [
            f"{report.joins} joins and leaves in {report.seconds:.0f} s, then {report.minutes:g} min of viewers; "
            f"{report.machine}",
            f"kept of a join        {report.leaked} bytes   less than {LEAK:.0f}",
            f"growth with viewers   {report.growth} KiB an hour in use, {report.growth_rss} held",
            f"sound against picture {report.drift} ms an hour",
            f"timestamps wrapped    {report.wraps[0]} (picture) and {report.wraps[1]} (sound), {report.torn} torn",
            f"decoded at a viewer   {report.decoded} pictures of {report.minutes * 60 * TICKS_PER_SECOND:.0f}, longest "
            f"time between two {report.freeze_ms:.0f} ms",
            f"descriptors           {report.descriptors[0]} before, {report.descriptors[1]} after",
            f"tasks                 {report.tasks[0]} before, {report.tasks[1]} after",
            f"threads               {report.threads[0]} before, {report.threads[1]} after",
            f"skipped ticks         {report.skipped}, stage restarts {report.restarts}",
        ]
    )
