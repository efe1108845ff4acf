"""``everhost bench latency``: from a tick to its picture at a viewer, from an interrupt to silence there."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import httpx
import numpy as np

from avatar.bench.machine import machine
from avatar.clock import RTP_PER_TICK, TICKS_PER_SECOND
from streaming.bench.origin import ROOM, measure, origin
from streaming.bench.stage import Spread
from streaming.bench.viewer import SOUND, Seen, watcher
from streaming.cues import StageConfig
from streaming.errors import StageError

TICK_P95: Final = 150.0
SILENCE: Final = 200.0
"""Milliseconds that must be reached."""
_SETTLE_S: Final = 3.0
_QUIET_S, _TALK_S = 1.0, 3.0


@dataclass(frozen=True, slots=True)
class Report:
    machine: str
    pictures: int
    decoded: Spread
    """Milliseconds from when a tick was due to its picture at the viewer, decoded."""
    stage: float
    """Of which the stage holds it, by its depth."""
    interrupts: int
    silence_p50: float
    silence_worst: float
    """Milliseconds."""


def run(host: str, seconds: int, interrupts: int) -> Report:
    """Raises StageError when no room comes on air, or the viewer sees or hears nothing of it."""
    return asyncio.run(_run(host, seconds, interrupts))


async def _run(host: str, seconds: int, interrupts: int) -> Report:
    async with (
        origin(StageConfig(host)) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
        watcher(address, ROOM, decode=True) as (seen, _),
    ):
        await asyncio.sleep(_SETTLE_S)
        begin = len(seen.decoded)
        await asyncio.sleep(seconds)
        pictures = seen.decoded[begin:]
        now = await measure(client)
        if not pictures:
            raise StageError("no picture came to the viewer")
        held = float(np.median(now.stage["out_ms"]))
        first = (seen.timestamps[0] - now.origins[-1]) % 2**32 / RTP_PER_TICK
        late = [1e3 * (at - now.epoch - (first + pts / RTP_PER_TICK) / TICKS_PER_SECOND) + held for pts, at in pictures]
        silences = [one for _ in range(interrupts) if (one := await _interrupt(client, seen)) is not None]
    if not silences:
        raise StageError("the viewer heard nothing that could be interrupted")
    return Report(
        machine=machine(),
        pictures=len(pictures),
        decoded=Spread.of(late),
        stage=held,
        interrupts=len(silences),
        silence_p50=float(np.median(silences)),
        silence_worst=max(silences),
    )


async def _interrupt(client: httpx.AsyncClient, seen: Seen) -> float | None:
    """Milliseconds until the last sound; None where the host was silent anyway."""
    asked = time.monotonic()
    await client.post("/hush")
    await asyncio.sleep(_QUIET_S)
    loud = [at for at, (_, rms) in zip(seen.sound_at, seen.sound, strict=True) if rms > SOUND]
    await client.post("/talk")
    await asyncio.sleep(_TALK_S)
    return None if not loud or loud[-1] < asked else 1e3 * (loud[-1] - asked)


def table(report: Report) -> str:
    return "\n".join(
        [
            f"Latency at a viewer on this machine; {report.machine}",
            f"tick to decoded picture  {report.decoded.p50:7.1f} ms p50 {report.decoded.p95:7.1f} p95 "
            f"{report.decoded.p99:7.1f} p99 of {report.pictures}   p95 at most {TICK_P95:.0f}",
            f"  held by the stage      {report.stage:7.1f} ms",
            f"interrupt to silence     {report.silence_p50:7.1f} ms p50 {report.silence_worst:7.1f} worst of "
            f"{report.interrupts}   at most {SILENCE:.0f}",
        ]
    )
