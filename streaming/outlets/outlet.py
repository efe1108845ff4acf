"""One way out of a room, kept open: connected, fed, renewed when it is time, tried again when it breaks.

The writing is a process of its own (:mod:`streaming.outlets.writer`): FFmpeg blocks for as long as a server or a disk
does, and a child that hangs can be ended.
"""

import asyncio
import contextlib
import logging
import re
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Literal

from streaming.backoff import Backoff
from streaming.errors import OutletError
from streaming.outlets.queue import OutletQueue
from streaming.outlets.target import Opening, Target
from streaming.packets import Packet
from streaming.wire import frame

log = logging.getLogger(__name__)

State = Literal["connecting", "live", "waiting"]

STALL_S: Final = 10.0
"""A server or disk that takes nothing for so long is left."""
FINISH_S: Final = 5.0
"""For the end of a file or connection to be written."""
STEADY_S: Final = 30.0
"""A connection that lasts so long was a good one: the next attempt comes soon again."""
CHECK_S: Final = 10.0
MASKED: Final = 4
"""Characters from which on a part of an address may be a key."""
OPENED: Final = "opened"
"""What the writer says when the header is through; anything else is why it failed."""


def _nobody(name: str, opening: Opening) -> None:
    pass


class Outlet:
    def __init__(
        self,
        target: Target,
        want_key: Callable[[], None],
        pause: Callable[[float], Any] = asyncio.sleep,
        tell: Callable[[str, Opening], None] = _nobody,
    ) -> None:
        """``pause`` waits between two attempts; ``tell`` is told its name and each connection or file that is live."""
        self._target = target
        self._queue = OutletQueue(want_key)
        self._want_key = want_key
        self._pause = pause
        self._tell = tell
        self._task: asyncio.Task[None] | None = None
        self.state: State = "connecting"
        self.error: str | None = None
        """Why the last attempt failed; None while all is well."""
        self.starts = 0
        """Connections or files begun."""
        self.failures = 0
        self.sent_bytes = 0

    @property
    def name(self) -> str:
        return self._target.name

    @property
    def dropped(self) -> int:
        """Pictures that did not get out because it took them too slowly."""
        return self._queue.dropped

    def put(self, packet: Packet) -> None:
        self._queue.put(packet)

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_open(), name=f"outlet {self.name}")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _keep_open(self) -> None:
        backoff = Backoff()
        while True:
            begun = time.monotonic()
            try:
                await self._once()
                backoff.reset()
                continue
            except OutletError as error:
                reason = str(error)
            except Exception as error:  # whatever it was, the room's way out must come back
                log.exception("%s broke", self.name)
                reason = str(error) or type(error).__name__
            self._queue.close()
            self.state, self.error = "waiting", reason
            self.failures += 1
            if time.monotonic() - begun > STEADY_S:
                backoff.reset()
            wait = backoff.next()
            log.warning("%s: %s; trying again in %.0f s", self.name, reason, wait)
            await self._pause(wait)

    async def _once(self) -> None:
        """One connection or file, until it is to be followed by another. Raises OutletError when it breaks."""
        now = time.time()
        opening, until = await self._target.open(now), self._target.renew_at(now)
        if self.state != "live":  # a file that follows another is no interruption
            self.state = "connecting"
        self.starts += 1
        self._queue.open()
        async with _writer(opening, lambda: self._opened(opening)) as writer:
            asked, checked = False, time.monotonic()
            while True:
                packet = await self._queue.get()
                if time.monotonic() - checked > CHECK_S:
                    await self._target.check()
                    checked = time.monotonic()
                if time.time() >= until and not asked:
                    self._want_key()
                    asked = True
                if asked and packet.encoding == "h264" and packet.key:
                    self._queue.put_back(packet)  # the next begins with it, and nothing is missing
                    return
                await writer.write(packet)
                self.sent_bytes += len(packet.data)

    def _opened(self, opening: Opening) -> None:
        self.state, self.error = "live", None
        self._tell(self.name, opening)
        log.info("%s is live", self.name)


class _WriterError(OutletError):
    pass


def masked(text: str, url: str) -> str:
    """What a writer says without the parts of its address beyond the host: the stream key is among them."""
    text = re.sub(r"(rtmps?://[^/\s]+)\S*", r"\1/…", text)
    _, _, path = url.partition("://")[2].partition("/")
    for part in sorted(re.split(r"[/?&=]", path), key=len, reverse=True):
        if len(part) >= MASKED:
            text = text.replace(part, "…")
    return text


class _Writer:
    """The process, seen from here."""

    def __init__(self, process: Process, opened: Callable[[], None], opening: Opening) -> None:
        assert process.stdin is not None  # noqa: S101
        self._process, self._stdin = process, process.stdin
        self._url = opening.url if opening.format == "flv" else ""
        self._opened = opened
        self._live = False
        self._last = ""
        self._said = asyncio.create_task(self._listen(), name="outlet's words")

    async def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        async for line in self._process.stdout:
            if (said := line.decode(errors="replace").strip()) == OPENED:
                self._live = True
                self._opened()
            else:
                self._last = masked(said, self._url)

    async def write(self, value: object) -> None:
        try:
            self._stdin.write(frame(value))
            async with asyncio.timeout(STALL_S):
                await self._stdin.drain()
        except TimeoutError:
            what = "took nothing" if self._live else "could not be reached"
            raise _WriterError(f"it {what} for {STALL_S:g} s") from None
        except ConnectionError:
            raise _WriterError(await self._reason()) from None
        if self._process.returncode is not None:
            raise _WriterError(await self._reason())

    async def _reason(self) -> str:
        """Why it failed, in its own words."""
        await asyncio.wait([self._said], timeout=FINISH_S)
        return self._last or "its writer died"

    async def finish(self) -> None:
        """Let it write the end. Raises OutletError when it cannot."""
        self._stdin.close()
        try:
            async with asyncio.timeout(FINISH_S):
                code = await self._process.wait()
        except TimeoutError:
            raise _WriterError(f"its end could not be written within {FINISH_S:g} s") from None
        if code:
            raise _WriterError(await self._reason())

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._said.cancel()
        await asyncio.gather(self._said, return_exceptions=True)


@contextlib.asynccontextmanager
async def _writer(opening: Opening, opened: Callable[[], None]) -> AsyncIterator[_Writer]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "streaming.outlets.writer"), stdin=PIPE, stdout=PIPE
    )
    writer = _Writer(process, opened, opening)
    try:
        await writer.write(opening)
        try:
            yield writer
        except _WriterError:
            raise
        except BaseException:
            # The room closes, or the disk is full: what was recorded is to be a whole file.
            with contextlib.suppress(OutletError):
                await writer.finish()
            raise
        await writer.finish()
    finally:
        await writer.end()
