"""What waits for an outlet. Bounded: one that falls behind goes on at the next key frame."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from streaming.packets import Packet

QUEUE: Final = 480
"""Pictures that may wait: ten seconds, more than a platform's short stall or the change from one file to the next."""
TAKEN: Final = frozenset({"h264", "aac"})


class OutletQueue:
    def __init__(self, want_key: Callable[[], None]) -> None:
        self._want_key = want_key
        self._waiting: deque[Packet] = deque()
        self._pictures = 0
        self._arrived = asyncio.Event()
        self._open = self._synchronized = False
        self.dropped = 0
        """Pictures that did not get out."""

    def open(self) -> None:
        """Take packets from now on, from the next key frame."""
        if not self._open:
            self._open = True
            self._want_key()

    def close(self) -> None:
        """Forget what waits, and take nothing."""
        self._open = self._synchronized = False
        self._clear()

    def put(self, packet: Packet) -> None:
        if not self._open or packet.encoding not in TAKEN:
            return
        video = packet.encoding == "h264"
        if video and self._pictures >= QUEUE:
            self.dropped += self._pictures
            self._synchronized = False
            self._clear()
        if not self._synchronized:
            if not (video and packet.key):
                if video:
                    self._want_key()
                return
            self._synchronized = True
        self._waiting.append(packet)
        self._pictures += video
        self._arrived.set()

    async def get(self) -> Packet:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        packet = self._waiting.popleft()
        self._pictures -= packet.encoding == "h264"
        return packet

    def put_back(self, packet: Packet) -> None:
        """The one that was got last."""
        self._waiting.appendleft(packet)
        self._pictures += packet.encoding == "h264"

    def __len__(self) -> int:
        """Pictures that wait."""
        return self._pictures

    def _clear(self) -> None:
        self._waiting.clear()
        self._pictures = 0
