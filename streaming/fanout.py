"""One room's packets to many viewers, each at their own pace.

A viewer has a bounded queue. One who falls behind loses everything up to the next key frame, alone; a key frame is
asked of the encoder once for all who want one.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from avatar.clock import SAMPLES_PER_TICK
from streaming.packets import Packet
from streaming.rtp import Epoch, Payloads, cut

QUEUE: Final = 48
"""Pictures that may wait for one viewer: a second."""

KEY_DEBOUNCE_TICKS: Final = 24
"""A room makes at most two key frames a second, however many ask."""


class Subscription:
    """What one viewer still has to be sent. ``get`` is for one reader a kind."""

    def __init__(self, want_key: Callable[[], None]) -> None:
        self._want_key = want_key
        self._waiting: dict[str, deque[Payloads]] = {"video": deque(), "audio": deque()}
        self._arrived = {"video": asyncio.Event(), "audio": asyncio.Event()}
        self._synchronized = False
        self.dropped = 0
        """Pictures this viewer was not sent because they did not take them in time."""

    def put(self, payloads: Payloads) -> None:
        queue = self._waiting[payloads.kind]
        if payloads.kind == "video":
            if len(queue) >= QUEUE:
                self.dropped += len(queue)
                queue.clear()
                self._synchronized = False
            if not self._synchronized and not payloads.key:
                self.dropped += 1
                self._want_key()
                return
            self._synchronized = True
        elif len(queue) >= QUEUE:
            queue.popleft()
        queue.append(payloads)
        self._arrived[payloads.kind].set()

    def __len__(self) -> int:
        """Pictures that wait."""
        return len(self._waiting["video"])

    async def get(self, kind: str) -> Payloads:
        queue, arrived = self._waiting[kind], self._arrived[kind]
        while not queue:
            arrived.clear()
            await arrived.wait()
        return queue.popleft()


class Fanout:
    """``want_key`` asks the encoder for a key frame; ``now`` is the wall clock, seconds."""

    def __init__(self, want_key: Callable[[], None], now: Callable[[], float] = time.time) -> None:
        self._ask, self._now = want_key, now
        self.epoch = Epoch()
        self._subscriptions: set[Subscription] = set()
        self._tick = 0
        self._asked_at = -KEY_DEBOUNCE_TICKS
        self._wanted = False
        self.key_requests = 0

    def __len__(self) -> int:
        return len(self._subscriptions)

    def add(self, subscription: Subscription) -> None:
        """A new viewer; their first picture is the next key frame, which is asked for."""
        self._subscriptions.add(subscription)
        self.want_key()

    def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def want_key(self) -> None:
        """Somebody cannot go on without a key frame; asked at once, or as soon as the last one is old enough."""
        self._wanted = True
        self._ask_if_due()

    def send(self, packet: Packet) -> None:
        if packet.kind == "video":
            self._tick = packet.pts // SAMPLES_PER_TICK
            if packet.key:
                self._wanted = False
            self._ask_if_due()
        self.epoch.see(packet.pts, self._now())
        if not self._subscriptions:
            return
        payloads = cut(packet)  # once, however many watch
        for subscription in self._subscriptions:
            subscription.put(payloads)

    def _ask_if_due(self) -> None:
        # A stage that starts again may start its ticks anywhere, so "in the future" counts as long ago.
        if self._wanted and not 0 <= self._tick - self._asked_at < KEY_DEBOUNCE_TICKS:
            self._asked_at = self._tick
            self.key_requests += 1
            self._ask()
