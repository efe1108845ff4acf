"""A room's stage as the gateway sees it: a process that is started, told things, heard, and started again."""

import asyncio
import contextlib
import logging
import os
import pickle
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from avatar.clock import TICKS_PER_SECOND
from streaming.errors import StageError
from streaming.packets import Packet
from streaming.stage import Command, Failed, Ready, Slate, StageConfig, Told
from streaming.wire import LENGTH, frame
from streaming.workers import CHILD_ENVIRONMENT

log = logging.getLogger(__name__)

RESTART_PAUSE_S: Final = 0.2
GIVE_UP_AFTER: Final = 5
"""Starts in a row that never came to :class:`~streaming.stage.Ready`."""
START_TIMEOUT_S: Final = 90
COMING_S: Final = 5
"""How long what is to be said waits for a stage that is being started again."""
SILENCE_S: Final = 2.5
"""A stage speaks 98 times a second; silent for so long it hangs. The next is there some two seconds later."""


class StageProcess:
    """Runs one stage and keeps it running.

    ``hear`` is called in the event loop with everything the stage tells; ``lost`` when a stage died, before the next
    is started, since what it was told to say is gone.
    """

    def __init__(self, config: StageConfig, hear: Callable[[Told], None], lost: Callable[[], None]) -> None:
        self._config = config
        self._hear = hear
        self._lost = lost
        self._writer: asyncio.StreamWriter | None = None
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._takes = asyncio.Event()
        """There is a stage, or will be in a moment, that takes what it is told."""
        self._shown = asyncio.Event()
        self._tick = config.first_tick
        self._seen = time.monotonic()
        self.restarts = 0
        self.error: str | None = None
        """Why it is not on air."""
        self.ready: Ready | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self._task = asyncio.create_task(self._supervise(), name="stage supervisor")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def there(self) -> None:
        """Wait for a stage that takes what it is told: while one is started again there is none. Where none comes, what
        it would have been told is lost, and the room goes on.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(COMING_S):
                await self._takes.wait()

    async def shown(self) -> None:
        """Wait until the first stage is on air."""
        await self._shown.wait()

    def slate(self, on: bool) -> None:
        """Show a still picture instead of the host, also when the stage is started again."""
        self._config = replace(self._config, slate=on)
        self.tell(Slate(on))

    def tell(self, command: Command) -> bool:
        """Send a command; False when there is no stage to take it."""
        if self._writer is None or self._writer.is_closing():
            return False
        self._writer.write(frame(command))
        return True

    async def _supervise(self) -> None:
        failures = 0
        while True:
            try:
                await self._live()
            except Exception as error:  # whatever it was, the room must come back
                failures = 1 if self.ready else failures + 1
                self.error = str(error)
                log.warning("the stage %s", error, exc_info=not isinstance(error, StageError))
            self.restarts += 1
            self.ready = None
            self._lost()
            if failures >= GIVE_UP_AFTER:
                log.error("the stage cannot be started: %s", self.error)
                await asyncio.sleep(30)
            await asyncio.sleep(RESTART_PAUSE_S * failures)

    async def _live(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        environment = {**os.environ, **CHILD_ENVIRONMENT}
        process = None
        try:
            with theirs:
                reader, self._writer = await asyncio.open_connection(sock=ours, limit=1 << 24)
                # Before anything that is told: from here on commands are taken, and wait in the socket.
                self._writer.write(frame(self._going_on()))
                self._takes.set()
                process = self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "streaming.stage_main", str(theirs.fileno())),
                    stdin=DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=environment,
                )
            while True:
                timeout = SILENCE_S if self.ready else START_TIMEOUT_S
                async with asyncio.timeout(timeout):
                    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
                    told: Told = pickle.loads(await reader.readexactly(length))  # noqa: S301 (our own stage wrote it)
                if isinstance(told, Failed):
                    raise StageError(told.reason)
                if isinstance(told, Ready):
                    self.ready, self.error = told, None
                    self._shown.set()
                elif isinstance(told, Packet) and told.kind == "video":
                    self._tick, self._seen = told.pts // 1000, time.monotonic()
                self._hear(told)
                await asyncio.sleep(0)  # what has piled up while the loop stood still must not starve the senders
        except TimeoutError:
            raise StageError("hung and is being restarted") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise StageError("died and is being restarted") from None
        finally:
            self._takes.clear()
            if self._writer is not None:
                self._writer.close()
            if process is not None:
                if process.returncode is None:
                    process.kill()
                await process.wait()
            self._process = None

    def _going_on(self) -> StageConfig:
        """A new stage goes on by the clock of the one before: the timeline has a hole, no repeat and no delay."""
        if self._tick == self._config.first_tick:
            return self._config
        due = self._seen - self._config.depth / TICKS_PER_SECOND  # packets leave so much later
        return replace(self._config, first_tick=self._tick + 1, first_at=due + 1 / TICKS_PER_SECOND)
