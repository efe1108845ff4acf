"""What a picture costs: one core, 1080p, the host speaking, swaying and blinking; and holding still."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.bench.live import Live, resident
from avatar.bench.machine import machine
from avatar.bench.talk import Talk
from avatar.errors import AvatarError
from avatar.face import FaceFrame
from avatar.hosts import pack_path
from avatar.pack import load_pack

P50, P95 = 5.0, 8.0
"""Milliseconds a picture that must be reached, speaking or still."""
MAX_MB: Final = 15.0
MAX_LOAD: Final = 2.0
"""Seconds."""
MAX_MEMORY: Final = 300.0
"""MB."""
_WARM: Final = 24
"""Pictures drawn before the first that counts: code is compiled, caches are warm."""
_STILL: Final = 240


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds a picture."""

    ticks: int
    p50: float
    p95: float
    """Of a core's own time."""
    wall_p50: float
    wall_p95: float
    """By the clock: more, where others wanted the core too."""


@dataclass(frozen=True, slots=True)
class Report:
    host: str
    machine: str
    speaking: Cost
    still: Cost
    pack_mb: float
    load_seconds: float
    """From the file to the first picture, code being compiled already."""
    compile_seconds: float
    """Once in a process's life: the first picture of the first host."""
    memory_mb: float
    """Resident memory that one more host takes, with its renderer and one picture."""
    core: int
    """The core that all pictures were drawn on."""


def run(host: str, talks: Sequence[Talk], ticks: int = 960, still: int = _STILL) -> Report:
    """``host`` is a host's name or its pack's path. ``talks`` are drawn until ``ticks`` pictures are there.

    Raises:
        PackError: no such host.
        AvatarError: no speech.
    """
    frames = [frame for talk in talks for frame in talk.frames]
    if not frames:
        raise AvatarError("there is no speech to draw")
    path = pack_path(host)
    with one_core() as core:
        began = time.monotonic()
        first = Live(load_pack(path))
        compiled = time.monotonic() - began
        before, began = resident(), time.monotonic()
        live = Live(load_pack(path))
        loaded, grown = time.monotonic() - began, resident() - before
        del first
        for frame in frames[:_WARM]:
            live.draw(frame)
        speaking = _cost(live, [frames[k % len(frames)] for k in range(ticks)])
        held = _cost(live, [FaceFrame()] * still)
    return Report(
        host=live.pack.name,
        machine=machine(),
        speaking=speaking,
        still=held,
        pack_mb=path.stat().st_size / 1e6,
        load_seconds=loaded,
        compile_seconds=max(0.0, compiled - loaded),
        memory_mb=grown,
        core=core,
    )


def table(report: Report) -> str:
    lines = [
        f"A picture of {report.host} at 1920x1080 on core {report.core}, ms; {report.machine}",
        f"{'':10} {'ticks':>6} {'p50':>7} {'p95':>7} {'wall p50':>10} {'wall p95':>10}",
    ]
    for name, cost in (("speaking", report.speaking), ("still", report.still)):
        lines.append(
            f"{name:10} {cost.ticks:6d} {cost.p50:7.2f} {cost.p95:7.2f} {cost.wall_p50:10.2f} {cost.wall_p95:10.2f}"
        )
    lines += [
        f"{'at most':10} {'':6} {P50:7.2f} {P95:7.2f}",
        f"pack {report.pack_mb:.1f} MB (at most {MAX_MB:.0f}), loads in {report.load_seconds:.2f} s (at most "
        f"{MAX_LOAD:.0f}) after {report.compile_seconds:.1f} s of compiling, takes {report.memory_mb:.0f} MB (at most "
        f"{MAX_MEMORY:.0f})",
    ]
    return "\n".join(lines)


def _cost(live: Live, frames: Sequence[FaceFrame]) -> Cost:
    own, wall = [], []
    for frame in frames:
        a, b = time.thread_time(), time.perf_counter()
        live.draw(frame)
        own.append(time.thread_time() - a)
        wall.append(time.perf_counter() - b)
    (p50, p95), (wall_p50, wall_p95) = (np.percentile(np.array(t) * 1000, (50, 95)).tolist() for t in (own, wall))
    return Cost(len(frames), p50, p95, wall_p50, wall_p95)


@contextmanager
def one_core() -> Iterator[int]:
    """Keep this process on one core, the last it may use, and let it go again; -1 where the system cannot."""
    if not hasattr(os, "sched_setaffinity"):
        yield -1
        return
    before = os.sched_getaffinity(0)
    core = max(before)
    os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)
