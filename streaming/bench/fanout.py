"""``everhost bench fanout``: what one more viewer costs, how soon they see something, and who notices a stalled one."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import numpy as np
from aiortc import RTCPeerConnection

from avatar.bench.machine import machine
from avatar.clock import TICKS_PER_SECOND
from streaming.bench.origin import ROOM, Measure, measure, origin
from streaming.bench.viewer import Seen, first_picture, watcher
from streaming.cues import StageConfig

VIEWER: Final = 2.0
"""Percent of a core that one more viewer may take."""
JOIN_P95: Final = 600.0
"""Milliseconds from the offer's sending to the first whole picture."""
_SETTLE_S: Final = 3.0
_SPAN_S: Final = 10.0
_STALL_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Load:
    viewers: int
    core: float
    """Percent of a core that the gateway takes."""
    kbps: float
    """Of RTP payload to each."""
    fps: float
    """The least at any viewer."""
    encoded: float
    """Pictures a second."""


@dataclass(frozen=True, slots=True)
class Report:
    machine: str
    loads: tuple[Load, ...]
    viewer: float
    """Percent of a core for one more, by regression."""
    joins: int
    join_p50: float
    join_p95: float
    """Milliseconds."""
    fps_beside_stalled: float
    """The least at any other viewer while one takes nothing."""
    gap_beside_stalled: float
    """And the longest time between two pictures there, milliseconds."""
    skipped: int


def run(host: str, viewers: int, joins: int) -> Report:
    """Raises StageError when no room comes on air."""
    return asyncio.run(_run(host, viewers, joins))


async def _run(host: str, viewers: int, joins: int) -> Report:
    async with (
        origin(StageConfig(host)) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
        contextlib.AsyncExitStack() as stack,
    ):
        before = await measure(client)
        watching: list[tuple[Seen, RTCPeerConnection]] = []
        loads = []
        for count in sorted({1, 2, max(1, viewers // 2), viewers}):
            while len(watching) < count:
                watching.append(await stack.enter_async_context(watcher(address, ROOM)))
            await asyncio.sleep(_SETTLE_S)
            loads.append(await _load(client, [seen for seen, _ in watching]))
        fps, gap = await _beside_stalled(watching)
        apart = np.random.default_rng(1).uniform(0, 1, joins)
        took = [await _join(address, pause) for pause in apart.tolist()]
        after = await measure(client)
    slope = np.polyfit([load.viewers for load in loads], [load.core for load in loads], 1)[0]
    p50, p95 = (float(v) for v in np.percentile(took, (50, 95)))
    return Report(
        machine=machine(),
        loads=tuple(loads),
        viewer=float(slope),
        joins=joins,
        join_p50=p50,
        join_p95=p95,
        fps_beside_stalled=fps,
        gap_beside_stalled=gap,
        skipped=after.stage["skipped"] - before.stage["skipped"],
    )


async def _load(client: httpx.AsyncClient, seen: list[Seen]) -> Load:
    first = await measure(client)
    counts = [len(one.pictures) for one in seen]
    begin = time.monotonic()
    await asyncio.sleep(_SPAN_S)
    spent = time.monotonic() - begin
    fps = min((len(one.pictures) - count) / spent for one, count in zip(seen, counts, strict=True))
    last = await measure(client)
    seconds = last.at - first.at
    return Load(
        viewers=len(seen),
        core=100 * (last.cpu_s - first.cpu_s) / seconds,
        kbps=8e-3 * (last.sent_bytes - first.sent_bytes) / seconds / len(seen),
        fps=fps,
        encoded=TICKS_PER_SECOND * _ratio(first, last),
    )


def _ratio(first: Measure, last: Measure) -> float:
    """Pictures encoded a tick."""
    a, b = first.stage, last.stage
    return float((b["encoded"] - a["encoded"]) / max(1, b["tick"] - a["tick"]))


async def _beside_stalled(watching: list[tuple[Seen, RTCPeerConnection]]) -> tuple[float, float]:
    (_, stalled), *others = watching
    with _deaf(stalled):
        counts = [len(seen.pictures) for seen, _ in others]
        begin = time.monotonic()
        await asyncio.sleep(_STALL_S)
        spent = time.monotonic() - begin
    came = [seen.pictures[count:] for (seen, _), count in zip(others, counts, strict=True)]
    gaps = [float(np.diff(some).max()) for some in came if len(some) > 1]
    return min((len(some) / spent for some in came), default=0.0), 1e3 * max(gaps, default=0.0)


@contextlib.contextmanager
def _deaf(connection: RTCPeerConnection) -> Iterator[None]:
    """Nothing is read from this viewer's sockets meanwhile."""
    ice = connection.getReceivers()[0].transport.transport._connection
    transports: list[Any] = [protocol.transport for protocol in ice._protocols]
    for transport in transports:
        transport._loop._remove_reader(transport._sock_fd)
    try:
        yield
    finally:
        for transport in transports:
            transport._loop._add_reader(transport._sock_fd, transport._read_ready)


async def _join(address: str, pause: float) -> float:
    """People come when they come: seconds of pause before."""
    await asyncio.sleep(pause)
    begin = time.monotonic()
    async with watcher(address, ROOM) as (seen, _):
        return 1e3 * (await first_picture(seen) - begin)


def table(report: Report) -> str:
    lines = [
        f"Fan-out of one room at 1920x1080; {report.machine}; skipped ticks {report.skipped}",
        f"{'viewers':>8} {'gateway':>9} {'each':>11} {'least fps':>10} {'encoded/s':>10}",
    ]
    lines += [
        f"{load.viewers:8d} {load.core:7.2f} % {load.kbps:6.0f} kbps {load.fps:10.2f} {load.encoded:10.2f}"
        for load in report.loads
    ]
    lines += [
        f"one more viewer           {report.viewer:6.2f} % of a core   at most {VIEWER}",
        f"join to first picture     {report.join_p50:6.0f} ms p50, {report.join_p95:.0f} ms p95 of {report.joins}"
        f"   p95 at most {JOIN_P95:.0f}",
        f"beside a stalled viewer   {report.fps_beside_stalled:6.2f} fps, "
        f"longest gap {report.gap_beside_stalled:.0f} ms",
    ]
    return "\n".join(lines)
