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

from avatar.errors import VoiceError
from avatar.speech import SpeechChunk
from avatar.voice.clauses import Clause


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

    def count_slowly(self, stop: int, seconds: float) -> Iterator[int]:
        for i in range(stop):
            time.sleep(seconds)
            yield i

    def stream_then(self, items: int, end: str) -> Iterator[int]:
        yield from range(items)
        getattr(self, end)(*(["the stream broke"] if end == "fail" else []))


def die_while_loading() -> Engine:
    os._exit(3)


def hang_while_loading() -> Engine:
    time.sleep(3600)
    raise AssertionError


class Parrot:
    """A voice that says every character as a tone of 50 ms."""

    languages = frozenset({"zh", "en"})

    def __init__(self, voice: str = "polly", slow: float = 0.0, journal: str = "") -> None:
        self._tone = {"polly": 440.0}.get(voice, 220.0)
        self._voice, self._slow, self._journal = voice, slow, journal
        self._stopped = threading.Event()

    def limits(self, language: str) -> tuple[int, ...]:
        return (8, 16)

    def speak(self, clause: Clause) -> Iterator[SpeechChunk]:
        self._note(f"begin {clause.text}")
        if "crash" in clause.text and self._voice == "polly":
            os.kill(os.getpid(), signal.SIGSEGV)
        if "fail" in clause.text and self._voice == "polly":
            raise VoiceError("polly lost her voice")
        if self._slow:
            self._stopped.clear()
            if self._stopped.wait(self._slow):
                self._note(f"stopped {clause.text}")
                raise VoiceError("stopped")
        n = 1200 * len(clause.text)
        tone = 0.1 * np.sin(2 * np.pi * self._tone * np.arange(n) / 24_000)
        yield SpeechChunk(tone.astype(np.float32), 24_000, clause.text)

    def stop(self) -> None:
        self._stopped.set()

    def _note(self, text: str) -> None:
        if self._journal:
            with open(self._journal, "a") as journal:
                journal.write(f"{time.monotonic():.3f} {text}\n")
