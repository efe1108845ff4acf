"""Supervised worker processes: each model engine lives in one of its own, shared by all rooms.

An engine is any class whose constructor loads its model and whose methods return a value or an iterator. It is named
by an :class:`EngineSpec`, never imported here: its libraries, its memory and its crashes stay in the worker.

What the supervisor promises:

- a crash or a hang fails the request that was running (``EngineError``, retryable) and the engine is started again;
  requests that were waiting stay in line and never notice. A process that stands still is noticed by its pulse, within
  seconds and whether or not anybody waits for it; one whose engine does not come to an end, by whoever waits;
- an exception raised by the engine's method fails that request alone;
- an engine whose constructor raised is *failed*, with the constructor's own words, until :meth:`Worker.start` is
  called again;
- a worker never outlives its parent, and :meth:`Worker.close` leaves no task, process or descriptor behind.
"""

import asyncio
import bisect
import contextlib
import itertools
import logging
import os
import pickle
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from streaming.child import CHILD_ENVIRONMENT
from streaming.errors import EngineError
from streaming.worker_frames import HEADER, PULSE_S, Frame, Kind, encode

_log = logging.getLogger("everhost.engine")

_QUEUE_LIMIT = 16
"""Requests in line; when full the new one is refused, so that its asker hears it at once."""
_ITEMS_AHEAD = 256
"""Items of one stream that may wait for their reader; when full the engine waits (and with it everybody in line)."""
_BACKOFF_FIRST, _BACKOFF_MOST = 0.1, 30.0  # seconds
_SILENT_BEATS = 4
"""Beats of its pulse that a process may leave out once its engine is loaded; it beats while the engine works, too. What
loads a large model may hold the interpreter's lock all the time."""
_DEATHS_BEFORE_FAILED = 3
"""Deaths in a row while loading after which those in line are told; the engine is still tried again."""


@dataclass(frozen=True)
class EngineSpec:
    """What a worker runs and how long it may take. Times are seconds."""

    name: str
    """How the engine is called in messages and logs: "voice zh"."""
    factory: str
    """``module:callable`` that makes the engine: "avatar.voice.kokoro:Kokoro"."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    """The factory's arguments; anything that pickles."""
    nice: int = 5
    load_timeout: float = 120
    idle_timeout: float = 30
    """A request that makes no progress (no item, no result) for so long is taken for a hang."""


@dataclass(eq=False)
class _Request:
    id: int
    priority: int
    frame: bytes
    yielding: bool = False
    """It makes way for one of higher priority as long as it is not done,"""
    preempted: bool = False
    """has been told to, and is done anew after that."""
    _replies: asyncio.Queue[Frame | EngineError] = field(default_factory=asyncio.Queue)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_ITEMS_AHEAD))
    abandoned: bool = False

    async def put(self, reply: Frame) -> None:
        """Hand a reply to the asker, waiting while too many lie unread."""
        await self._room.acquire()
        if self.abandoned:
            self._room.release()
        else:
            self._replies.put_nowait(reply)

    def fail(self, error: EngineError) -> None:
        self._replies.put_nowait(error)

    async def get(self) -> Frame:
        reply = await self._replies.get()
        if isinstance(reply, EngineError):
            raise reply
        self._room.release()
        return reply

    def abandon(self) -> None:
        self.abandoned = True
        self._room.release()  # lets a supervisor that waits for room go on


class _Died(Exception):
    """The process is gone, or was killed for not answering."""


class _Child:
    """One life of the engine's process."""

    def __init__(
        self,
        spec: EngineSpec,
        process: Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pulse: int,
    ) -> None:
        self._spec = spec
        self._process = process
        self._reader = reader
        self._writer = writer
        self._last_words: deque[str] = deque(maxlen=8)
        self._log = asyncio.create_task(self._forward_log(), name=f"log of {spec.name}")
        self._exit = asyncio.create_task(process.wait(), name=f"exit of {spec.name}")
        self._pulse = pulse
        self._silent = 0
        self._loaded = False
        self._stood_still = False
        asyncio.get_running_loop().add_reader(pulse, self._hear_pulse)
        self._watch = asyncio.create_task(self._watch_pulse(), name=f"pulse of {spec.name}")

    @classmethod
    async def spawn(cls, spec: EngineSpec) -> "_Child":
        ours, theirs = socket.socketpair()
        pulse, beating = os.pipe()
        os.set_blocking(pulse, False)
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 20)
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "streaming.worker_main"),
                    *(str(theirs.fileno()), str(beating), str(os.getpid())),
                    spec.name,  # for whoever looks at the list of processes
                    stdin=DEVNULL,
                    stdout=PIPE,
                    stderr=STDOUT,
                    pass_fds=(theirs.fileno(), beating),
                    env={**os.environ, **CHILD_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
            except BaseException:
                writer.close()
                os.close(pulse)
                raise
            finally:
                os.close(beating)
        return cls(spec, process, reader, writer, pulse)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exited(self) -> "asyncio.Task[int]":
        return self._exit

    async def load(self) -> None:
        """Make the engine. Raises :class:`EngineError` with its constructor's message, or :class:`_Died`."""
        self.write(encode(Kind.LOAD, 0, (self._spec.factory, dict(self._spec.kwargs), self._spec.nice)))
        frame = await self.read(self._spec.load_timeout)
        if frame.kind is Kind.FAILED:
            message, retryable = frame.value()
            raise EngineError(f"The engine “{self._spec.name}” could not be loaded: {message}", retryable=retryable)
        self._silent, self._loaded = 0, True

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def read(self, within: float) -> Frame:
        try:
            async with asyncio.timeout(within):
                kind, request, length = HEADER.unpack(await self._reader.readexactly(HEADER.size))
                return Frame(Kind(kind), request, await self._reader.readexactly(length))
        except TimeoutError:
            raise _Died(f"gave no sign of life for {within:g} s and was stopped") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            # The socket closes a moment before its process ends. (Killing it now would lose its exit status.)
            await asyncio.wait({self._exit}, timeout=1)
            self._kill()
            raise self.died(await asyncio.shield(self._exit)) from None

    def died(self, status: int, when: str = "") -> _Died:
        if self._stood_still:
            return _Died("stood still and was stopped")
        return _Died(f"died{when} ({_describe_exit(status)})")

    async def close(self) -> None:
        """Kill the process and leave nothing of it behind."""
        self._watch.cancel()
        asyncio.get_running_loop().remove_reader(self._pulse)
        os.close(self._pulse)
        self._kill()
        await self._exit
        await asyncio.wait({self._log}, timeout=1)  # longer only if something the engine started keeps its output open
        self._log.cancel()
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    @property
    def last_words(self) -> str:
        return " | ".join(self._last_words)

    def _hear_pulse(self) -> None:
        self._silent = 0
        if not os.read(self._pulse, 64):  # the process is gone
            asyncio.get_running_loop().remove_reader(self._pulse)

    async def _watch_pulse(self) -> None:
        """Kill a process that stands still. Beats are counted, since this event loop may have stood still itself."""
        while self._silent <= _SILENT_BEATS:
            await asyncio.sleep(PULSE_S)
            self._silent += self._loaded
        self._stood_still = True
        self._kill()

    def _kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

    async def _forward_log(self) -> None:
        log = _log.getChild(self._spec.name.replace(".", "_"))
        assert self._process.stdout is not None  # noqa: S101 (it was asked for)
        rest = b""
        while data := await self._process.stdout.read(8192):
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > 8192:  # a progress bar without line ends
                lines, rest = [*lines, rest], b""
            for line in filter(None, (line.decode(errors="replace").strip() for line in lines)):
                self._last_words.append(line[:300])
                log.debug("%s", line)


class Worker:
    """An engine in a supervised process of its own.

    Requests are served one at a time, by priority (lower first), then in the order they came. One that is being served
    is finished first, unless it is a stream asked for as ``yielding``. Not thread-safe: all use is from the event loop
    that started it.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec
        self.restarts = 0
        """How often the process had to be started again."""
        self._state = "stopped"
        self._failure: EngineError | None = EngineError(f"The engine “{spec.name}” has not been started.")
        self._settled = asyncio.Event()
        self._settled.set()
        self._line: list[_Request] = []
        self._arrived = asyncio.Event()
        self._running: _Request | None = None
        self._ids = itertools.count(1)
        self._child: _Child | None = None
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """ "starting", "ready", "restarting", "stopped", or "failed: " and why."""
        return self._state

    @property
    def pid(self) -> int | None:
        """The process's id, while there is one."""
        return self._child.pid if self._child else None

    @property
    def waiting(self) -> int:
        """Requests in line, without the one being served."""
        return len(self._line)

    async def start(self) -> None:
        """Begin to load the engine, or begin again after it failed. Does not wait: see :meth:`ready`."""
        if self._supervisor is None or self._supervisor.done():
            self._enter("starting")
            self._supervisor = asyncio.create_task(self._supervise(), name=f"supervisor of {self.spec.name}")

    async def ready(self) -> None:
        """Wait until the engine can serve. Raises :class:`EngineError` when it failed or was closed."""
        await self._settled.wait()
        self._check()

    async def call(self, method: str, *args: Any, priority: int = 0, **kwargs: Any) -> Any:
        """Run ``engine.method(*args, **kwargs)`` and return its result.

        Raises :class:`EngineError`: the engine's own exception, a crash, a hang, or a full queue. Cancelling stops the
        waiting; an engine in the middle of a call finishes it first.
        """
        request = self._ask(Kind.CALL, method, args, kwargs, priority)
        try:
            return self._value(await request.get())
        finally:
            self._forget(request)

    async def stream(
        self, method: str, *args: Any, priority: int = 0, yielding: bool = False, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        """Run ``engine.method(*args, **kwargs)`` and yield its items as they are made.

        ``yielding``: for work in the background, whose items come when all are made; until then it is stopped for a
        request of higher priority and begun anew. Closing the iterator (``aclose``) cancels: an engine with a method
        ``stop`` is told so at once, any other is left before its next item. Errors as for :meth:`call`.
        """
        request = self._ask(Kind.STREAM, method, args, kwargs, priority, yielding=yielding)
        try:
            while True:
                reply = await request.get()
                value = self._value(reply)
                if reply.kind is Kind.DONE:
                    return
                yield value
        finally:
            self._forget(request)

    async def close(self) -> None:
        """Stop the process at once; whoever still waits is told. The worker can be started again."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.gather(supervisor, return_exceptions=True)
        error = EngineError(f"The engine “{self.spec.name}” was stopped.")
        self._enter("stopped", error)
        self._fail_line(error)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # The askers' side

    def _ask(
        self,
        kind: Kind,
        method: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        priority: int,
        *,
        yielding: bool = False,
    ) -> _Request:
        self._check()
        if len(self._line) >= _QUEUE_LIMIT:
            raise EngineError(f"The engine “{self.spec.name}” has {_QUEUE_LIMIT} requests in line. Try again shortly.")
        number = next(self._ids)
        try:
            frame = encode(kind, number, (method, args, kwargs))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise EngineError(f"{self.spec.name}: the arguments cannot travel: {error}", retryable=False) from error
        request = _Request(number, priority, frame, yielding)
        self._line_up(request)
        running = self._running
        if running is not None and running.yielding and not running.preempted and priority < running.priority:
            running.preempted = True
            self._cancel(running)
        return request

    def _line_up(self, request: _Request) -> None:
        bisect.insort(self._line, request, key=lambda waiting: (waiting.priority, waiting.id))
        self._arrived.set()

    def _cancel(self, running: _Request) -> None:
        if self._child is not None:
            self._child.write(encode(Kind.CANCEL, running.id))

    def _check(self) -> None:
        if self._failure is not None:  # a fresh one each time: a raised exception collects tracebacks
            raise EngineError(str(self._failure), retryable=self._failure.retryable)

    def _value(self, reply: Frame) -> Any:
        value = reply.value()
        if reply.kind is Kind.FAILED:
            message, retryable = value
            raise EngineError(f"{self.spec.name}: {message}", retryable=retryable)
        return value

    def _forget(self, request: _Request) -> None:
        if request in self._line:
            self._line.remove(request)
        elif request is self._running:
            self._cancel(request)
        request.abandon()

    # The supervisor's side

    async def _supervise(self) -> None:
        try:
            deaths = 0
            while True:
                deaths = await self._live(deaths)
                await asyncio.sleep(min(_BACKOFF_FIRST * 2**deaths, _BACKOFF_MOST))
        except EngineError as error:  # its constructor raised; trying the same again would raise the same
            self._fail(error)
        except Exception as error:
            _log.exception("The supervisor of “%s” broke.", self.spec.name)
            self._fail(EngineError(f"The supervisor of “{self.spec.name}” broke: {error!r}", retryable=False))

    async def _live(self, deaths: int) -> int:
        """One life of the process, ended by its death; returns how many lives in a row ended before they were ready."""
        try:
            await self._load()
            deaths = 0
            await self._serve()
        except (_Died, OSError) as error:  # OSError: no memory or no process to be had
            deaths += 1
            self.restarts += 1
            last_words = await self._bury()
            _log.warning("The engine “%s” %s. Its last words: %s", self.spec.name, error, last_words)
            if deaths >= _DEATHS_BEFORE_FAILED:
                self._fail(EngineError(f"The engine “{self.spec.name}” cannot be kept alive: it {error}."))
            elif self._failure is None:
                self._enter("restarting")
        finally:
            await self._bury()
        return deaths

    async def _bury(self) -> str:
        child, self._child = self._child, None
        if child is None:
            return ""
        await child.close()
        return child.last_words

    async def _load(self) -> None:
        self._child = await _Child.spawn(self.spec)
        await self._child.load()
        self._enter("ready")

    async def _serve(self) -> None:
        child = self._child
        assert child is not None  # noqa: S101 (made by _load)
        while True:
            self._running = await self._next(child)
            try:
                await self._run(child, self._running)
            except _Died as error:
                self._running.fail(EngineError(f"The engine “{self.spec.name}” {error}. It is being restarted."))
                raise
            except asyncio.CancelledError:
                self._line.insert(0, self._running)  # close() tells it, like the others in line
                raise
            finally:
                self._running = None

    async def _next(self, child: _Child) -> _Request:
        while not (self._line or child.exited.done()):
            self._arrived.clear()
            arrived = asyncio.create_task(self._arrived.wait())
            try:
                await asyncio.wait({arrived, child.exited}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                arrived.cancel()
        if child.exited.done():
            raise child.died(child.exited.result(), " while idle")
        return self._line.pop(0)

    async def _run(self, child: _Child, request: _Request) -> None:
        child.write(request.frame)
        held: list[Frame] = []
        while True:
            frame = await child.read(self.spec.idle_timeout)
            ended = frame.kind in (Kind.DONE, Kind.FAILED)
            if request.preempted:
                if ended and not request.abandoned:
                    request.preempted = False
                    self._line_up(request)
            else:
                held.append(frame)
                if ended or not request.yielding:
                    request.yielding = False  # it is done: no need to make way any more
                    for one in held:
                        await request.put(one)
                    held = []
            if ended:
                return

    def _fail(self, error: EngineError) -> None:
        self._enter(f"failed: {error}", error)
        self._fail_line(error)

    def _fail_line(self, error: EngineError) -> None:
        line, self._line = self._line, []
        for request in line:
            request.fail(error)

    def _enter(self, state: str, failure: EngineError | None = None) -> None:
        self._state = state
        self._failure = failure
        if failure is not None or state == "ready":
            self._settled.set()
        else:
            self._settled.clear()


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    name = signal.Signals(-code).name
    return f"{name}, often a lack of memory" if -code == signal.SIGKILL else name
