"""``everhost bench soak``: viewers come and go, and then stay; what the gateway keeps of them, and whether it grows."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx
import numpy as np
from tqdm import tqdm

from avatar.bench.machine import machine
from streaming.bench.origin import ROOM, Measure, measure, origin
from streaming.bench.viewer import first_picture, watcher
from streaming.stage import StageConfig

LEAK: Final = 1024.0
"""Bytes a join that may stay."""
_WARM: Final = 200
"""Joins before the first that counts: pools and caches fill."""
_AT_ONCE: Final = 4
_EVERY: Final = 100
"""Joins between two looks."""
_LOOK_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Report:
    machine: str
    joins: int
    seconds: float
    """Of joining and leaving."""
    leaked: float
    """Bytes a join, by regression,"""
    leaked_error: float
    """give or take (95 %)."""
    minutes: float
    """With viewers who stay."""
    growth: float
    """KiB an hour meanwhile,"""
    growth_error: float
    descriptors: tuple[int, int]
    """Before, and after everybody has left."""
    tasks: tuple[int, int]
    threads: tuple[int, int]
    skipped: int
    restarts: int
    resident: tuple[tuple[float, float], ...]
    """(seconds, MB) all along."""


def run(host: str, joins: int, minutes: float) -> Report:
    """Raises StageError when no room comes on air."""
    with tqdm(desc="joins", total=joins) as bar:

        def told(done: int) -> None:
            bar.update(done - bar.n)

        return asyncio.run(_run(host, joins, minutes, told))


async def _run(host: str, joins: int, minutes: float, progress: Callable[[int], None]) -> Report:
    async with origin(StageConfig(host)) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        await _come_and_go(address, _WARM)
        first = await measure(client)
        looks, done = [(0, first)], 0
        while done < joins:
            done += await _come_and_go(address, min(_EVERY, joins - done))
            looks.append((done, await measure(client)))
            progress(done)
        staying = [first, *(look for _, look in looks[1:])]
        stayed = await _stay(address, client, minutes)
        await asyncio.sleep(2)
        last = await measure(client)
    leaked, leaked_error = _slope([(float(n), 1e6 * look.rss) for n, look in looks])
    growth, growth_error = _slope([(look.at / 3600, 1e6 * look.rss / 1024) for look in stayed])
    everything = [*staying, *stayed, last]
    return Report(
        machine=machine(),
        joins=joins,
        seconds=looks[-1][1].at - first.at,
        leaked=leaked,
        leaked_error=leaked_error,
        minutes=minutes,
        growth=growth,
        growth_error=growth_error,
        descriptors=(first.descriptors, last.descriptors),
        tasks=(first.tasks, last.tasks),
        threads=(first.threads, last.threads),
        skipped=last.stage["skipped"] - first.stage["skipped"],
        restarts=last.restarts - first.restarts,
        resident=tuple((look.at - first.at, look.rss) for look in everything),
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


async def _stay(address: str, client: httpx.AsyncClient, minutes: float) -> list[Measure]:
    looks = []
    async with watcher(address, ROOM), watcher(address, ROOM):
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            await asyncio.sleep(min(_LOOK_S, 10 * minutes))
            looks.append(await measure(client))
    return looks


def _slope(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Of a line through them, and its 95 % error."""
    if len(points) < 4:
        return 0.0, float("inf")
    x, y = np.array(points).T
    (slope, _), covariance = np.polyfit(x, y, 1, cov=True)
    return float(slope), 1.96 * float(np.sqrt(covariance[0, 0]))


def table(report: Report) -> str:
    return "\n".join(
        [
            f"{report.joins} joins and leaves in {report.seconds:.0f} s, then {report.minutes:g} min of viewers; "
            f"{report.machine}",
            f"kept of a join        {report.leaked:8.0f} ± {report.leaked_error:.0f} bytes   less than {LEAK:.0f}",
            f"growth with viewers   {report.growth:8.0f} ± {report.growth_error:.0f} KiB an hour",
            f"descriptors           {report.descriptors[0]} before, {report.descriptors[1]} after",
            f"tasks                 {report.tasks[0]} before, {report.tasks[1]} after",
            f"threads               {report.threads[0]} before, {report.threads[1]} after",
            f"skipped ticks         {report.skipped}, stage restarts {report.restarts}",
        ]
    )
