"""A gateway of a bench's own, kept alive as a service manager would: begun again at once, whenever it ends."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import httpx

from streaming.bench import processes
from streaming.bench.mishaps import GATEWAY
from streaming.bench.processes import Process
from streaming.errors import StageError
from streaming.operator import VARIABLE

READY_S: Final = 3600.0
"""The first start on a machine fetches models."""
_END_S: Final = 15.0
_GONE_S: Final = 5.0
"""Within which all that a gateway has started ends after it."""
_DEATHS: Final = 3
"""Before it was ever ready: it will not be."""
_LOOK_S: Final = 0.25
_ANSWERS_S: Final = 2.0


def free_port() -> int:
    """Of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """``everhost serve ROOM`` on a free port of this machine, with its state and log in ``folder``."""

    def __init__(
        self,
        room: Path,
        folder: Path,
        models: Path | None,
        *more: str,
        token: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """``more``: of the command line; ``token``: the operator's, by default a new one; ``environment``: what it
        gets besides ours.
        """
        port = free_port()
        self.address: Final = f"127.0.0.1:{port}"
        self.log: Final = folder / "gateway.log"
        self.data: Final = folder / "data"
        self.token: Final = token or secrets.token_urlsafe(24)
        """The operator's."""
        own = ["--models", str(models)] if models else []
        arguments = ["serve", str(room), "--port", str(port), "--data", str(self.data), *more]
        self._command = [sys.executable, "-m", "streaming.bench.gateway_main", *own, *arguments]
        self._environment = {**os.environ, **(environment or {}), VARIABLE: self.token}
        self._running: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._expected = False
        self.seen: set[Process] = set()
        """All that was ever seen of its processes."""
        self._client = httpx.AsyncClient(base_url=f"http://{self.address}", timeout=_ANSWERS_S)
        self.deaths = 0
        """That nobody wanted."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep(), name="service")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._running is not None:
            await _end(self._running)
        await self._client.aclose()

    async def _keep(self) -> None:
        while True:
            with self.log.open("ab") as log:
                self._running = await asyncio.create_subprocess_exec(
                    *self._command, stdin=DEVNULL, stdout=log, stderr=log, env=self._environment
                )
                status = await self._running.wait()
                log.write(f"--- the gateway ended with status {status}; it is begun again\n".encode())
            self.deaths += not (
                self._expected or status == -signal.SIGTERM
            )  # somebody else on this machine wanted that
            self._expected = False

    def family(self) -> list[Process]:
        """The gateway and all that it has started, now."""
        gateway = self._running and processes.find(self._running.pid, GATEWAY)
        if not gateway:
            return []
        family = [gateway, *processes.below(gateway.pid)]
        self.seen.update(family)
        return family

    def find(self, what: str) -> Process | None:
        """The gateway, its stage, or the engine of a name. Of stages the one on air: its understudy is younger."""
        alive = (one for one in self.family() if one.what == what and one.alive)
        return min(alive, key=lambda one: one.began, default=None)

    def expect_death(self) -> None:
        """The gateway is about to be killed."""
        self._expected = True

    async def health(self) -> dict[str, Any]:
        """What /healthz says; nothing while there is nobody to say it."""
        with contextlib.suppress(httpx.HTTPError, ValueError):
            told: dict[str, Any] = (await self._client.get("/healthz")).json()
            return told
        return {}

    async def does_its_work(self, what: str) -> bool:
        """Whether the gateway, its stage or an engine is ready."""
        health = await self.health()
        if not health:
            return False
        if what == GATEWAY:
            return not health["missing"] and all(room["on_air"] and room["can_answer"] for room in health["rooms"])
        if what == processes.STAGE:
            return all(room["on_air"] for room in health["rooms"])
        return all(need["name"] != what for need in health["missing"])

    async def ready(self) -> None:
        """Wait until everything is. Raises StageError with its last words when the gateway does not come to it."""
        deadline = time.monotonic() + READY_S
        while not await self.does_its_work(GATEWAY):
            if self.deaths >= _DEATHS or time.monotonic() > deadline:
                words = self.log.read_text("utf-8", "replace")[-800:]
                raise StageError(f"the room did not come on air: {words}")
            await asyncio.sleep(_LOOK_S)

    async def replaced(self, old: Process, within_s: float) -> float | None:
        """When another process does the work of ``old`` (time.monotonic()); None: not in time."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            new = self.find(old.what)
            if new is not None and new != old and await self.does_its_work(old.what):
                return time.monotonic()
            await asyncio.sleep(_LOOK_S)
        return None


async def left_of(processes: Iterable[Process]) -> list[str]:
    """Those that go on living although their gateway has ended."""
    deadline = time.monotonic() + _GONE_S
    while (left := [one for one in processes if one.alive]) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_S)
    return [f"{one.what} ({one.pid})" for one in left]


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
