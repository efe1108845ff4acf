"""Engines that misbehave on request, to run in real worker processes."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class Retryable(Exception):
    retryable = True


class Engine:
    def __init__(self, journal: Path | None = None, refuse: str = "") -> None:
        if refuse:
            raise ValueError(refuse)
        self._journal = journal

    def echo(self, *args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    def pid(self) -> int:
        return os.getpid()

    def surroundings(self) -> dict[str, Any]:
        return {
            "threads": os.environ["OMP_NUM_THREADS"],
            "niceness": os.nice(0),
            "sigint": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
            "stdin": sys.stdin.read(),
        }

    def scaled(self, array: npt.NDArray[np.float32], by: float) -> npt.NDArray[np.float32]:
        return array * np.float32(by)

    def say(self, line: str) -> None:
        print(line)

    def fail(self, message: str, retryable: bool = False) -> None:
        raise Retryable(message) if retryable else ValueError(message)

    def unpicklable(self) -> threading.Lock:
        return threading.Lock()

    def crash(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(10)

    def leave(self, status: int) -> None:
        os._exit(status)

    def hang(self) -> None:
        time.sleep(3600)

    def wait_for(self, file: Path) -> None:
        while not file.exists():
            time.sleep(0.005)

    def note(self, text: str) -> None:
        assert self._journal is not None
        with self._journal.open("a") as journal:
            journal.write(text + "\n")

    def count(self, start: int, stop: int) -> Iterator[int]:
        try:
            yield from range(start, stop)
        finally:
            if self._journal is not None:
                self.note("closed")

    def stream_then(self, items: int, end: str) -> Iterator[int]:
        yield from range(items)
        getattr(self, end)(*(["the stream broke"] if end == "fail" else []))


def die_while_loading() -> Engine:
    os._exit(3)


def hang_while_loading() -> Engine:
    time.sleep(3600)
    raise AssertionError
