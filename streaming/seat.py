"""A viewer's place in a room: the messages that wait for their socket."""

import asyncio
from functools import partial
from typing import Final

OUTBOX: Final = 256
"""Messages that may wait; a viewer who takes none is let go and comes back by themselves."""
IN_ORDER_S: Final = 1.0
"""What is said only once it holds is waited for by what comes after it for so long; after that it is said later."""


class Seat:
    """A viewer's WebSocket, as the room sees it."""

    def __init__(self, viewer: str) -> None:
        self.viewer = viewer
        self.overflowed = asyncio.Event()
        self._outbox: asyncio.Queue[str | tuple[str, asyncio.Task[bool]]] = asyncio.Queue(OUTBOX)

    def put(self, text: str, once: "asyncio.Task[bool] | None" = None) -> None:
        """``once``: say it only when this has come true, and never if it does not."""
        try:
            self._outbox.put_nowait(text if once is None else (text, once))
        except asyncio.QueueFull:
            self.overflowed.set()

    async def next(self) -> str:
        """Wait for the next message."""
        while True:
            waiting = await self._outbox.get()
            if isinstance(waiting, str):
                return waiting
            text, once = waiting
            await asyncio.wait([once], timeout=IN_ORDER_S)
            if not once.done():
                once.add_done_callback(partial(self._put_late, text))
            elif _came_true(once):
                return text

    def _put_late(self, text: str, once: "asyncio.Task[bool]") -> None:
        if _came_true(once):
            self.put(text)


def _came_true(once: "asyncio.Task[bool]") -> bool:
    return not once.cancelled() and once.exception() is None and once.result()
