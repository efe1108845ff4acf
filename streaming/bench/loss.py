"""``everhost bench loss``: a viewer behind a bad network, and another beside them who has a good one.

It loses packets, which are sent again; or it carries less than the room sends, and the viewer gets the lighter picture.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx
import numpy as np

from avatar.bench.machine import machine
from avatar.clock import RTP_PER_TICK, TICKS_PER_SECOND
from streaming.bench.network import Impairment, relay
from streaming.bench.origin import ROOM, measure, origin
from streaming.bench.viewer import Seen, watcher
from streaming.cues import StageConfig
from streaming.encoders import LIGHT_EVERY

SHARES: Final = (0.02, 0.05)
DELAY_S, JITTER_S = 0.03, 0.01
"""Each way: 60 ms there and back, and up to 10 ms more, so that packets overtake each other."""
FREEZE_MS: Final = 1000.0
RECOVERY_S: Final = 1.0
KEYS: Final = 2.0
"""Key frames a second that a room makes at most, whatever is asked."""
SEED: Final = 5
_SETTLE_S, _AFTER_S = 4.0, 6.0
NARROW_BPS: Final = 1_000_000.0
CHANGE_S: Final = 6.0
"""From when the network is too narrow until the lighter picture is there."""
_FULL: Final = 0.96
"""Share of pictures that is all of them again."""


@dataclass(frozen=True, slots=True)
class Lossy:
    share: float
    lost: int
    """Datagrams, both ways, of"""
    of: int
    fps: float
    """Decoded at the viewer."""
    freeze_ms: float
    """The longest time between two pictures there."""
    recovery_s: float
    """From the end of the loss until all pictures come again."""
    again: float
    """Packets sent again, a second;"""
    keys: float
    """and key frames asked of the encoder."""
    fps_beside: float
    """At the viewer with a good network."""


@dataclass(frozen=True, slots=True)
class Narrow:
    bps: float
    changed_s: float
    """Until the lighter picture was there;"""
    freeze_ms: float
    """the longest time between two pictures from then on,"""
    fps: float
    """and how many came."""
    fps_beside: float


@dataclass(frozen=True, slots=True)
class Report:
    machine: str
    seconds: int
    lossy: tuple[Lossy, ...]
    narrow: Narrow
    skipped: int


def run(host: str, seconds: int) -> Report:
    """Raises StageError when no room comes on air."""
    return asyncio.run(_run(host, seconds))


async def _run(host: str, seconds: int) -> Report:
    async with origin(StageConfig(host)) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        before = await measure(client)
        lossy = [await _behind(address, client, share, seconds) for share in SHARES]
        narrow = await _narrow(address, seconds)
        after = await measure(client)
    return Report(
        machine=machine(),
        seconds=seconds,
        lossy=tuple(lossy),
        narrow=narrow,
        skipped=after.stage["skipped"] - before.stage["skipped"],
    )


@asynccontextmanager
async def _two(address: str, network: Impairment) -> AsyncIterator[tuple[Seen, Seen]]:
    """What a viewer with a good network sees, and one behind ``network``; both have settled."""
    async with (
        relay(network) as through,
        watcher(address, ROOM) as (beside, _),
        watcher(address, ROOM, decode=True, through=through) as (seen, _),
    ):
        await asyncio.sleep(_SETTLE_S)
        yield beside, seen


async def _behind(address: str, client: httpx.AsyncClient, share: float, seconds: int) -> Lossy:
    network = Impairment(0.0, DELAY_S, JITTER_S, SEED)
    async with _two(address, network) as (beside, seen):
        first = await measure(client)
        network.lost = network.passed = 0
        begin, others, network.loss = time.time(), len(beside.pictures), share
        await asyncio.sleep(seconds)
        end, others, network.loss = time.time(), len(beside.pictures) - others, 0.0
        last = await measure(client)
        lost, passed = network.lost, network.passed
        await asyncio.sleep(_AFTER_S)
    at = np.array([when for _, when in seen.decoded])
    during = at[(at >= begin) & (at < end)]
    return Lossy(
        share=share,
        lost=lost,
        of=lost + passed,
        fps=len(during) / (end - begin),
        freeze_ms=1e3 * float(np.diff(np.concatenate([[begin], during, [end]])).max()),
        recovery_s=_recovered(at, end),
        again=(last.again - first.again) / (last.at - first.at),
        keys=(last.key_requests - first.key_requests) / (last.at - first.at),
        fps_beside=others / (end - begin),
    )


async def _narrow(address: str, seconds: int) -> Narrow:
    network = Impairment(0.0, DELAY_S, JITTER_S, SEED)
    async with _two(address, network) as (beside, seen):
        others = len(beside.pictures)
        begin, network.narrow_bps = time.monotonic(), NARROW_BPS
        await asyncio.sleep(seconds + CHANGE_S)
        end, others = time.monotonic(), len(beside.pictures) - others
    at, timestamps = np.array(seen.pictures), np.array(seen.timestamps)
    steps = np.diff(timestamps) % (LIGHT_EVERY * RTP_PER_TICK)
    full = np.flatnonzero(steps)  # the lighter rendition has none of those, however many are lost
    since = at[full[-1] + 1 :] if len(full) else at
    return Narrow(
        bps=NARROW_BPS,
        changed_s=max(0.0, float(since[0] - begin)),
        freeze_ms=1e3 * float(np.diff(np.append(since, end)).max()),
        fps=len(since) / (end - float(since[0])),
        fps_beside=others / (end - begin),
    )


def _recovered(at: "np.ndarray[tuple[int], np.dtype[np.float64]]", end: float) -> float:
    """Seconds after ``end`` from which on every second has all its pictures; infinite when none has."""
    for wait in np.arange(0, _AFTER_S - 1, 0.05):
        rest = np.arange(end + wait, end + _AFTER_S - 1, 0.25)
        if all(((at >= t) & (at < t + 1)).sum() >= _FULL * TICKS_PER_SECOND for t in rest):
            return float(wait)
    return float("inf")


def table(report: Report) -> str:
    lines = [
        f"A viewer behind loss, {2e3 * DELAY_S:.0f} ms and {1e3 * JITTER_S:.0f} ms of jitter, {report.seconds} s each; "
        f"{report.machine}; skipped ticks {report.skipped}",
        f"{'loss':>5} {'fps':>6} {'freeze':>9} {'recovery':>9} {'again/s':>8} {'keys/s':>7} {'fps beside':>11}",
    ]
    lines += [
        f"{100 * one.share:4.0f} % {one.fps:6.2f} {one.freeze_ms:6.0f} ms {one.recovery_s:7.2f} s {one.again:8.1f} "
        f"{one.keys:7.2f} {one.fps_beside:11.2f}"
        for one in report.lossy
    ]
    lines.append(f"{'must':>6} {'':6} {FREEZE_MS:6.0f} ms {RECOVERY_S:7.2f} s {'':8} {KEYS:7.2f}")
    narrow = report.narrow
    lines.append(
        f"{1e-6 * narrow.bps:.1f} Mbit/s: the lighter picture after {narrow.changed_s:.1f} s (must {CHANGE_S:g}), then "
        f"{narrow.fps:.1f} a second, longest freeze {narrow.freeze_ms:.0f} ms; beside {narrow.fps_beside:.2f}"
    )
    return "\n".join(lines)
