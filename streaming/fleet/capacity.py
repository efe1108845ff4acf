"""How many rooms a gateway can carry: by what a room's stage costs on this machine, tried once at the start.

The other costs of a room are reckoned: a voice that speaks all the time, and what all rooms share.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from avatar.clock import TICKS_PER_SECOND
from avatar.life import Attention
from streaming.child import CHILD_ENVIRONMENT, die_with_parent
from streaming.cues import Attend, Report, StageConfig, Told
from streaming.errors import StageError
from streaming.stage import Stage
from streaming.wire import frame, read

log = logging.getLogger(__name__)

USABLE: Final = 0.9
"""Of the cores; the rest is for what comes in bursts."""
VOICE: Final = 0.4
"""Of a core: a voice that speaks all the time."""
SHARED: Final = 0.3
"""Of a core: recognition, search and the gateway itself. A language model of our own takes what is left."""
ROOM_BYTES: Final = 700 << 20
"""Of memory: a stage, and the one that stands by."""
ENGINES_BYTES: Final = 4 << 30
"""What all rooms share, and that is loaded only after the measuring."""
_CGROUP: Final = Path("/sys/fs/cgroup")
_SECONDS: Final = 3
_WARM: Final = 1
_PATIENCE_S: Final = 60.0


def rooms(stage: float, cores: int, free_bytes: int) -> int:
    """``stage``: share of a core that the costliest takes. One at least: a gateway that carries none is of no use."""
    by_memory = (free_bytes - ENGINES_BYTES) // ROOM_BYTES
    return max(1, min(int((USABLE * cores - SHARED) / (stage + VOICE)), by_memory))


async def measured(configs: Iterable[StageConfig]) -> int:
    """How many rooms this machine carries of those whose stages these are."""
    largest = max(configs, key=lambda config: config.width * config.height)
    cores, share = len(os.sched_getaffinity(0)), await _tried(largest)
    most = rooms(share, cores, _free_bytes())
    log.info("a stage takes %.2f of a core here, of %d: %d rooms", share, cores, most)
    return most


def _free_bytes() -> int:
    """Memory that can be had without swapping, within what a container may have."""
    told = dict(line.split(":") for line in Path("/proc/meminfo").read_text("ascii").splitlines())
    free = 1024 * int(told["MemAvailable"].split()[0])
    with contextlib.suppress(OSError, ValueError):  # no cgroup, or "max"
        most, used = (int((_CGROUP / name).read_text("ascii")) for name in ("memory.max", "memory.current"))
        free = min(free, most - used)
    return free


async def _tried(config: StageConfig) -> float:
    """Share of a core, by a stage in a process of its own that nobody watches. Raises StageError."""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-P", "-m", "streaming.fleet.capacity"]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, env={**os.environ, **CHILD_ENVIRONMENT}
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            told, _ = await process.communicate(frame(config))
        return float(told)
    except (TimeoutError, ValueError) as error:
        raise StageError("what a stage costs here could not be found out") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def main() -> None:
    die_with_parent()
    reports: list[Report] = []

    def hear(told: Told) -> bool:
        if isinstance(told, Report):
            reports.append(told)
            if len(reports) == 1 + _WARM + _SECONDS:
                stage.command(None)
        return True

    stage = Stage(read(sys.stdin.buffer), hear)
    stage.command(Attend(Attention.SPEAKING))
    stage.run()
    first, last = reports[_WARM], reports[-1]
    pictures = last.encoded - first.encoded
    print((last.cpu_s - first.cpu_s) * TICKS_PER_SECOND / pictures)  # noqa: T201


if __name__ == "__main__":
    main()
