"""A room's stage as the gateway sees it: a process that is started, told things, heard, and started again."""

import asyncio
import contextlib
import logging
import pickle
import time
from collections.abc import Callable
from typing import Final

from avatar.clock import TICKS_PER_SECOND
from streaming.cues import Begin, Command, Failed, Ready, Slate, StageConfig, Told
from streaming.errors import StageError
from streaming.packets import Packet
from streaming.understudy import Understudy
from streaming.wire import LENGTH, frame

log = logging.getLogger(__name__)

RESTART_PAUSE_S: Final = 0.2
GIVE_UP_AFTER: Final = 5
"""Starts in a row that never came to :class:`~streaming.cues.Ready`."""
START_TIMEOUT_S: Final = 90
COMING_S: Final = 5
"""How long what is to be said waits for a stage that is being started again."""
SILENCE_S: Final = 2.5
"""A stage speaks 98 times a second; silent for so long it hangs."""
UNDERSTUDY_AFTER_S: Final = 20.0
"""From when a stage is on air until its understudy is begun: engines are loaded first."""
READY_S: Final = 10.0
"""An understudy of this age has loaded everything, and begins within"""
BEGIN_S: Final = 5.0
"""even where its memory was swapped out."""


class StageProcess:
    """Runs one stage and keeps it running.

    ``hear`` is called in the event loop with everything the stage tells; ``lost`` when a stage died, before the next
    is started, since what it was told to say is gone.
    """

    def __init__(
        self,
        config: StageConfig,
        hear: Callable[[Told], None],
        lost: Callable[[], None],
        first: Understudy | None = None,
        *,
        understudies: bool = True,
    ) -> None:
        """``first``: one that gets ready already; ``understudies``: have one stand by whenever a stage is on air."""
        self._config = config
        self._hear = hear
        self._lost = lost
        self._on_air: Understudy | None = None
        self._understudy = first
        self._understudies = understudies
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._takes = asyncio.Event()
        """There is a stage, or will be in a moment, that takes what it is told."""
        self._shown = asyncio.Event()
        self._slated = False
        self._last: tuple[int, float] | None = None
        """The last picture's tick, and when it came."""
        self.restarts = 0
        self.error: str | None = None
        """Why it is not on air."""
        self.ready: Ready | None = None

    @property
    def pid(self) -> int | None:
        """Of the stage that is on air, or about to be."""
        return self._on_air.pid if self._on_air else None

    def start(self) -> None:
        self._task = asyncio.create_task(self._supervise(), name="stage supervisor")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._understudy is not None:
            await asyncio.to_thread(self._understudy.close)
            self._understudy = None

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
        self._slated = on
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
        """One stage's time on air; its understudy is there for the next."""
        on_air, self._understudy = self._understudy or Understudy(self._config), None
        self._on_air = on_air
        loop = asyncio.get_running_loop()
        standing_by = None
        try:
            reader, self._writer = await asyncio.open_connection(sock=on_air.socket, limit=1 << 24)
            # Before anything that is told: from here on commands are taken, and wait in the socket.
            self._writer.write(frame(self._begin()))
            self._takes.set()
            timeout = BEGIN_S if time.monotonic() - on_air.since > READY_S else START_TIMEOUT_S
            while True:
                async with asyncio.timeout(timeout):
                    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
                    told: Told = pickle.loads(await reader.readexactly(length))  # noqa: S301 (our own stage wrote it)
                if isinstance(told, Failed):
                    raise StageError(told.reason)
                if isinstance(told, Ready):
                    timeout = SILENCE_S
                    self.ready, self.error = told, None
                    self._shown.set()
                    if self._understudies:
                        standing_by = loop.call_later(UNDERSTUDY_AFTER_S, self._stand_by)
                elif isinstance(told, Packet) and told.kind == "video":
                    self._last = told.pts // 1000, time.monotonic()
                self._hear(told)
                await asyncio.sleep(0)  # what has piled up while the loop stood still must not starve the senders
        except TimeoutError:
            raise StageError("hung and is being restarted") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise StageError("died and is being restarted") from None
        finally:
            self._takes.clear()
            if standing_by is not None:
                standing_by.cancel()
            if self._writer is not None:
                self._writer.transport.abort()  # nobody reads what is still on its way
            self._on_air = None
            await asyncio.to_thread(on_air.close)

    def _stand_by(self) -> None:
        self._understudy = Understudy(self._config)

    def _begin(self) -> Begin:
        """A new stage goes on by the clock of the one before: the timeline has a hole, no repeat and no delay."""
        if self._last is None:
            return Begin(slate=self._slated)
        tick, seen = self._last
        due = seen - self._config.depth / TICKS_PER_SECOND  # packets leave so much later
        return Begin(tick + 1, due + 1 / TICKS_PER_SECOND, self._slated)
