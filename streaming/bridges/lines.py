"""Comments on standard input: one a line, in JSON. For whatever a script can read."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from streaming.comment import Comment

log = logging.getLogger(__name__)

RIGHT: Final = '{"platform": "twitch", "id": "8812", "author": "42", "name": "Ann", "text": "How long may it last?"}'
MOST_BYTES: Final = 100_000
"""Of a line."""
_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Wrong:
    number: int
    reason: str


class Lines:
    """Bytes in, comments out, and what is none. Sans-I/O."""

    def __init__(self) -> None:
        self._number = 0
        self._rest = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> Iterator[Comment | Wrong]:
        """Of the lines that are complete with it."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._add(line)
            yield from self._line()
        self._add(rest)

    def end(self) -> Iterator[Comment | Wrong]:
        """Of a last line without an end."""
        if self._rest or self._too_long:
            yield from self._line()

    def _add(self, part: bytes) -> None:
        if len(self._rest) + len(part) > MOST_BYTES:
            self._too_long = True
            self._rest.clear()
        elif not self._too_long:
            self._rest += part

    def _line(self) -> Iterator[Comment | Wrong]:
        self._number += 1
        line, too_long = bytes(self._rest).strip(), self._too_long
        self._rest.clear()
        self._too_long = False
        if too_long:
            yield Wrong(self._number, f"longer than {MOST_BYTES} bytes")
        elif line:
            try:
                yield Comment.model_validate_json(line)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(map(str, first["loc"]))
                yield Wrong(self._number, f"{where}: {first['msg']}" if where else first["msg"])


async def read_lines(put: Callable[[Comment], None], descriptor: int = 0) -> None:
    """Until there are no more."""
    lines = Lines()
    async for data in _chunks(descriptor):
        _tell(lines.feed(data), put)
    _tell(lines.end(), put)


def _tell(read: Iterator[Comment | Wrong], put: Callable[[Comment], None]) -> None:
    for one in read:
        if isinstance(one, Wrong):
            log.warning("line %d is passed over: %s; right would be %s", one.number, one.reason, RIGHT)
        else:
            put(one)


async def _chunks(descriptor: int) -> AsyncIterator[bytes]:
    """Without a thread that nobody could end while it waits for a line."""
    while True:
        await _readable(descriptor)
        if not (data := os.read(descriptor, _CHUNK)):
            return
        yield data


async def _readable(descriptor: int) -> None:
    """Until it can be read without waiting. Asked anew each time: what held before a read need not hold after it."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        loop.remove_reader(descriptor)
        ready.set()

    try:
        loop.add_reader(descriptor, tell)
    except PermissionError:  # a file is always ready
        await asyncio.sleep(0)
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
