"""The inside of a worker process: one engine, one request at a time, one thread.

Started by :class:`streaming.workers.Worker` as ``python -m streaming.worker_main FD PARENT_PID``.
"""

import contextlib
import faulthandler
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from streaming.parent import die_with_parent
from streaming.worker_frames import Frame, Kind, encode, receive

_OOM_SCORE = "500"


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    _settle(parent=int(sys.argv[2]))
    # Interpreter shutdown is skipped: inference libraries are known to crash in it, and there is nothing to save.
    try:
        _serve(channel)
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


def _serve(channel: socket.socket) -> None:
    engine = _load(channel)
    if engine is None:
        return
    while True:
        frame = receive(channel)
        if frame.kind is not Kind.CANCEL:  # a cancel that crossed its request's end has nothing left to stop
            _answer(channel, engine, frame)


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


def _answer(channel: socket.socket, engine: object, frame: Frame) -> None:
    try:
        method, args, kwargs = frame.value()
        result = getattr(engine, method)(*args, **kwargs)
        if frame.kind is Kind.STREAM:
            _send_items(channel, frame.request, result)
            result = None
        reply = encode(Kind.DONE, frame.request, result)
    except (BrokenPipeError, ConnectionResetError, EOFError) as error:
        if _hung_up(channel):
            raise
        reply = encode(Kind.FAILED, frame.request, _describe(error))
    except Exception as error:
        traceback.print_exc()
        reply = encode(Kind.FAILED, frame.request, _describe(error))
    channel.sendall(reply)


def _send_items(channel: socket.socket, request: int, items: Iterable[Any]) -> None:
    iterator = iter(items)
    try:
        for item in iterator:
            if _cancelled(channel, request):
                break
            channel.sendall(encode(Kind.ITEM, request, item))
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def _cancelled(channel: socket.socket, request: int) -> bool:
    while _readable(channel):
        frame = receive(channel)
        if frame.kind is Kind.CANCEL and frame.request == request:
            return True
    return False


def _readable(channel: socket.socket) -> bool:
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(0))


def _hung_up(channel: socket.socket) -> bool:
    return _readable(channel) and not channel.recv(1, socket.MSG_PEEK)


def _describe(error: Exception) -> tuple[str, bool]:
    return str(error) or type(error).__name__, bool(getattr(error, "retryable", False))


if __name__ == "__main__":
    main()
