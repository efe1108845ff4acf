"""The processes of a gateway, as Linux shows them in /proc: which is its stage, which each engine's."""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STAGE: Final = "stage"
_STAGE: Final = "streaming.stage_main"
_WORKER: Final = "streaming.worker_main"
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    began: int
    """When, in the kernel's ticks since it was started: a process id may be used again."""
    what: str
    """"stage", an engine's name, or the program's."""

    @property
    def alive(self) -> bool:
        """Whether it still runs; one that has ended and is not waited for does not."""
        stat = _stat(self.pid)
        return stat is not None and stat.began == self.began and stat.state not in "ZX"

    @property
    def resident(self) -> float:
        """MB of memory; 0 when it has ended."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1]) * _PAGE / 1e6
        except (OSError, IndexError):
            return 0.0


@dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    parent: int
    began: int


def find(pid: int, what: str) -> Process | None:
    """A process that is called ``what``, while there is one of this id."""
    stat = _stat(pid)
    return None if stat is None else Process(pid, stat.began, what)


def below(parent: int) -> list[Process]:
    """All that a process has started, and what these have."""
    stats = {pid: stat for pid in _pids() if (stat := _stat(pid)) is not None}
    family = [parent]
    for pid in family:
        family += [child for child, stat in stats.items() if stat.parent == pid]
    return [Process(pid, stats[pid].began, _what(pid)) for pid in family[1:]]


def strike(process: Process, how: signal.Signals) -> None:
    """Send a signal to a process and all that it has started."""
    for one in (process, *below(process.pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.pid, how)


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _stat(pid: int) -> _Stat | None:
    """proc(5); the name in brackets may hold anything."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return _Stat(fields[0], int(fields[1]), int(fields[19])) if len(fields) > 19 else None


def _what(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return ""
    if _STAGE in words:
        return STAGE
    if _WORKER in words:
        return words[-1]
    return Path(words[0]).name
