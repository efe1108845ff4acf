"""A process of its own for parsers: a document that crashes, hangs or swells one takes nobody along."""

import multiprocessing
import os
import resource
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Final, Self

from knowledge.document import Outline
from knowledge.errors import DocumentError
from knowledge.formats import outline

_SECONDS: Final = 60.0
_MEMORY: Final = 2 << 30
"""Bytes of address space, libraries included."""


class Apart:
    """Reads documents in another process, one after the other; a context manager. Blocks."""

    def __init__(self, *, seconds: float = _SECONDS, memory: int = _MEMORY) -> None:
        self._limits = seconds, memory
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def outline(self, source: str, content: bytes) -> Outline:
        """See :func:`knowledge.formats.outline`. Raises :class:`DocumentError` whatever happens to the parser."""
        seconds, _ = self._limits
        pipe = self._connected()
        try:
            pipe.send((source, content))
            if not pipe.poll(seconds):
                self._end()
                raise DocumentError(f"took longer than {seconds:g} s to read: split it, or save it as text")
            said: Outline | str = pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            self._end()
            raise DocumentError("crashed the program that reads it: it is damaged, save it again") from error
        if isinstance(said, str):
            raise DocumentError(said)
        return said

    def _connected(self) -> Connection:
        if self._pipe is None:
            spawn = multiprocessing.get_context("spawn")
            self._pipe, theirs = spawn.Pipe()
            self._process = spawn.Process(target=_serve, args=(theirs, self._limits[1]), daemon=True)
            self._process.start()
            theirs.close()
        return self._pipe

    def _end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None


def _serve(pipe: Connection, memory: int) -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            source, content = pipe.recv()
        except EOFError:
            return
        pipe.send(_read(source, content))


def _read(source: str, content: bytes) -> Outline | str:
    try:
        return outline(source, content)
    except DocumentError as error:
        return str(error)
    except MemoryError:
        return "takes more memory to read than a document may: split it"
    except Exception as error:  # whatever a parser raises at a bad file is that file's fault
        return f"cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:200]}): save it again"
