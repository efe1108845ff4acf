"""The inside of a worker process: one engine, one request at a time.

The engine lives in the main thread. Another reads what the parent sends, so that a request can be cancelled while it
runs: an engine with a method ``stop`` is told so at once, any other is left before its next item.

A third thread lets the parent hear the process's pulse: a byte a second.

Started by :class:`streaming.workers.Worker` as ``python -m streaming.worker_main FD PULSE_FD PARENT_PID NAME``.
"""

import contextlib
import faulthandler
import importlib
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from streaming.child import die_with_parent
from streaming.worker_frames import PULSE_S, Frame, Kind, encode, receive

_OOM_SCORE = "500"


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    _settle(parent=int(sys.argv[3]))
    threading.Thread(target=_beat, args=(int(sys.argv[2]),), name="pulse", daemon=True).start()
    # Interpreter shutdown is skipped: inference libraries are known to crash in it, and there is nothing to save.
    try:
        engine = _load(channel)
        if engine is not None:
            _serve(channel, engine)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)
    os._exit(1)


def _settle(parent: int) -> None:
    """Become a process that dies with its parent, dumps its stack on a crash and leaves Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    die_with_parent()
    if os.getppid() != parent:  # died before the line above took hold
        os._exit(0)
    # When memory runs out, an engine, which is restarted, should go before a stage, which is on air.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write(_OOM_SCORE)


def _beat(pulse: int) -> None:
    while True:
        try:
            os.write(pulse, b".")
        except BrokenPipeError:
            os._exit(0)  # the parent is gone
        time.sleep(PULSE_S)


class Requests:
    """What the parent asks for, and whether it still wants what is being done."""

    def __init__(self, channel: socket.socket, engine: object) -> None:
        self._channel = channel
        self._stop: Callable[[], None] | None = getattr(engine, "stop", None)
        self._waiting: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running: int | None = None
        self.cancelled = False
        """Nobody wants the running request any more."""
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def begin(self) -> Frame:
        """The next request, waited for; it runs until :meth:`end`."""
        frame = self._waiting.get()
        with self._lock:
            self._running, self.cancelled = frame.request, False
        return frame

    def end(self) -> None:
        with self._lock:
            self._running = None

    def _read(self) -> None:
        try:
            while True:
                frame = receive(self._channel)
                if frame.kind is Kind.CANCEL:
                    self._cancel(frame.request)
                else:
                    self._waiting.put(frame)
        except (EOFError, ConnectionResetError):
            os._exit(0)  # the parent is gone

    def _cancel(self, request: int) -> None:
        with self._lock:
            if request == self._running:  # one that crossed its request's end has nothing left to stop
                self.cancelled = True
                if self._stop is not None:
                    self._stop()


def _serve(channel: socket.socket, engine: object) -> None:
    requests = Requests(channel, engine)
    while True:
        frame = requests.begin()
        reply = _answer(channel, engine, frame, requests)
        requests.end()
        channel.sendall(reply)


def _load(channel: socket.socket) -> object | None:
    try:
        factory, kwargs, nice = receive(channel).value()
        os.nice(nice)
        module, _, name = factory.partition(":")
        make: Callable[..., object] = getattr(importlib.import_module(module), name)
        engine = make(**kwargs)
    except EOFError:
        raise
    except Exception as error:
        traceback.print_exc()
        channel.sendall(encode(Kind.FAILED, 0, _describe(error)))
        return None
    channel.sendall(encode(Kind.READY, 0))
    return engine


def _answer(channel: socket.socket, engine: object, frame: Frame, requests: Requests) -> bytes:
    try:
        method, args, kwargs = frame.value()
        result = getattr(engine, method)(*args, **kwargs)
        if frame.kind is Kind.STREAM:
            _send_items(channel, frame.request, result, requests)
            result = None
        return encode(Kind.DONE, frame.request, result)
    except Exception as error:
        if requests.cancelled:  # stopped on the way
            return encode(Kind.DONE, frame.request)
        traceback.print_exc()
        return encode(Kind.FAILED, frame.request, _describe(error))


def _send_items(channel: socket.socket, request: int, items: Iterable[Any], requests: Requests) -> None:
    iterator = iter(items)
    try:
        for item in iterator:
            if requests.cancelled:
                break
            channel.sendall(encode(Kind.ITEM, request, item))
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def _describe(error: Exception) -> tuple[str, bool]:
    return str(error) or type(error).__name__, bool(getattr(error, "retryable", False))


if __name__ == "__main__":
    main()
