"""``everhost bench stage``: one room speaking and swaying, and what each tick of it costs.

In the same run, the bare encoder on the pictures of the same talk: what a tick costs besides it is the stage's own.
"""

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.bench.machine import machine
from avatar.bench.talk import act
from avatar.clock import TICKS_PER_SECOND
from avatar.hosts import load_host
from avatar.life import Attention
from avatar.picture import Picture
from avatar.speech import SpeechChunk
from streaming import encoders
from streaming.bench.origin import speech
from streaming.cues import Attend, Finish, Report, Say, StageConfig, Told
from streaming.errors import StageError
from streaming.packets import Packet
from streaming.playout import Ended
from streaming.stage import Stage

OWN: Final = 0.7
"""All but the encoder may take at most this many times what the bare encoder takes."""
CORE: Final = 0.75
"""Share of one core for everything."""
SEED: Final = 3
_WARM: Final = 3
"""Seconds before the first that counts."""
_QUEUED: Final = 2
"""Talks that wait to be said."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds a picture, by the clock."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Spread":
        p50, p95, p99 = (float(v) for v in np.percentile(samples, (50, 95, 99)))
        return cls(p50, p95, p99)


@dataclass(frozen=True, slots=True)
class Cost:
    host: str
    width: int
    height: int
    preset: str
    machine: str
    seconds: float
    fps: float
    skipped: int
    draw: Spread
    encode: Spread
    out: Spread
    """From when a tick was due until its picture left."""
    cpu_ms: float
    """Processor time a tick, of everything,"""
    draw_cpu_ms: float
    encode_cpu_ms: float
    bare_cpu_ms: float
    """and of the bare encoder on the pictures of the same talk."""
    core: float
    """Share of a core."""
    own: float
    """All but the encoder, as a multiple of the bare encoder."""
    kbps: float


def run(host: str, seconds: int, size: str, preset: str) -> Cost:
    """Raises what :func:`avatar.hosts.load_host` does, and StageError when the stage breaks."""
    if not re.fullmatch(r"\d+x\d+", size):
        raise StageError(f"--size is WIDTHxHEIGHT, 1920x1080 or 1080x1920, not {size!r}")
    width, height = (int(side) for side in size.split("x"))
    chunks = speech()
    config = StageConfig(host, width, height, seed=SEED, x264=encoders.X264(preset), maker="x264")
    aired = _air(config, chunks, seconds)
    (begun, first), (ended, last) = aired.reports[0], aired.reports[-1]
    counted = [report for _, report in aired.reports[1:]]
    ticks = last.tick - first.tick
    cpu, draw, encode = (
        1e3 * (getattr(last, name) - getattr(first, name)) / ticks for name in ("cpu_s", "draw_cpu_s", "encode_cpu_s")
    )
    bare = _bare(config, chunks, ticks)
    return Cost(
        host=host,
        width=width,
        height=height,
        preset=preset,
        machine=machine(),
        seconds=ended - begun,
        fps=(last.encoded - first.encoded) / (ended - begun),
        skipped=last.skipped - first.skipped,
        draw=Spread.of([ms for report in counted for ms in report.draw_ms]),
        encode=Spread.of([ms for report in counted for ms in report.encode_ms]),
        out=Spread.of([ms for report in counted for ms in report.out_ms]),
        cpu_ms=cpu,
        draw_cpu_ms=draw,
        encode_cpu_ms=encode,
        bare_cpu_ms=bare,
        core=cpu * TICKS_PER_SECOND / 1e3,
        own=(cpu - encode) / bare,
        kbps=8e-3 * aired.video_bytes / (ended - begun),
    )


def table(cost: Cost) -> str:
    rest = cost.cpu_ms - cost.draw_cpu_ms - cost.encode_cpu_ms
    lines = [
        f"A stage of {cost.host} at {cost.width}x{cost.height}, x264 {cost.preset}, {cost.seconds:.0f} s of speech; "
        f"{cost.machine}",
        f"pictures a second   {cost.fps:8.2f}   must be {TICKS_PER_SECOND}",
        f"skipped ticks       {cost.skipped:8d}   must be 0",
        f"video               {cost.kbps:8.0f} kbit/s",
        f"{'ms by the clock':19} {'p50':>8} {'p95':>8} {'p99':>8}",
    ]
    for name, spread in (("draw", cost.draw), ("encode", cost.encode), ("tick to packet", cost.out)):
        lines.append(f"{name:19} {spread.p50:8.2f} {spread.p95:8.2f} {spread.p99:8.2f}")
    lines += [
        f"processor ms a tick {cost.cpu_ms:8.2f}   draw {cost.draw_cpu_ms:.2f}, encode {cost.encode_cpu_ms:.2f}, "
        f"the rest {rest:.2f}; the bare encoder {cost.bare_cpu_ms:.2f}",
        f"share of a core     {cost.core:8.2f}   at most {CORE}",
        f"own / bare encoder  {cost.own:8.2f}   at most {OWN}",
    ]
    return "\n".join(lines)


@dataclass(slots=True)
class _Aired:
    reports: list[tuple[float, Report]]
    """With time.monotonic(); the first is where counting begins."""
    video_bytes: int


def _air(config: StageConfig, chunks: Sequence[SpeechChunk], seconds: int) -> _Aired:
    aired, enough = _Aired([], 0), threading.Event()
    reports = 0

    def tell(told: Told) -> bool:
        nonlocal reports
        match told:
            case Report():
                reports += 1
                if _WARM <= reports <= _WARM + seconds:
                    aired.reports.append((time.monotonic(), told))
                if reports >= _WARM + seconds:
                    enough.set()
            case Packet(kind="video", data=data) if aired.reports and not enough.is_set():
                aired.video_bytes += len(data)
            case Ended():
                talk()
        return True

    def talk() -> None:
        for chunk in chunks:
            stage.command(Say("talk", chunk))
        stage.command(Finish("talk"))

    stage = Stage(config, tell)
    stage.command(Attend(Attention.SPEAKING))
    for _ in range(_QUEUED):
        talk()
    running = threading.Thread(target=stage.run, name="stage")
    running.start()
    try:
        while not enough.wait(1):
            if not running.is_alive():
                raise StageError("the stage broke; its error is above")
    finally:
        stage.command(None)
        running.join()
    return aired


def _bare(config: StageConfig, chunks: Sequence[SpeechChunk], ticks: int) -> float:
    """Processor milliseconds that encoding takes, a tick."""
    frames = act(chunks, "en", config.seed).frames
    renderer = load_host(config.host, config.width, config.height)
    picture = Picture(config.width, config.height)
    renderer.prepare(picture)
    encoder = encoders.h264(config.width, config.height, config.x264, "x264")
    spent = 0.0
    for tick in range(ticks):
        renderer.draw(frames[tick % len(frames)], picture)
        cpu = time.thread_time()
        encoder.encode(picture, tick, key=tick == 0)
        spent += time.thread_time() - cpu
    return 1e3 * spent / ticks
