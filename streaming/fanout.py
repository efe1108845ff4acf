"""One room's packets to many viewers, each at their own pace and in the rendition that they can take.

A viewer has a bounded queue. One who falls behind loses everything up to the next key frame, alone; a key frame is
asked of the encoder once for all who want one. Viewers change to another rendition at its next key frame, and see the
one they have until then.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final, get_args

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from streaming.packets import LIGHT, Encoding, Kind, Packet
from streaming.rtp import Epoch, Payloads, cut
from streaming.steady import uniform

QUEUE: Final = 48
"""Pictures that may wait for one viewer: a second."""

_LATELY: Final = 0.05
"""What one packet adds to a running mean: half a second's."""
KEY_DEBOUNCE_TICKS: Final = 24
"""A room makes at most two key frames a second of each rendition, however many ask."""


class Subscription:
    """What one viewer still has to be sent. ``get`` is for one reader a kind."""

    def __init__(self, want_key: Callable[[Encoding], None], encoding: Encoding = "h264") -> None:
        self._want_key = want_key
        self.encoding = encoding
        """What they see."""
        self.coming: Encoding | None = None
        """What they will see from its next key frame on."""
        self._waiting: dict[Kind, deque[Payloads]] = {"video": deque(), "audio": deque()}
        self._arrived = {"video": asyncio.Event(), "audio": asyncio.Event()}
        self._held: Payloads | None = None
        """The last picture of the rendition they are leaving, until it is known that the other has none of that tick:
        two with one timestamp would be taken for one."""
        self._synchronized = False
        self.dropped = 0
        """Pictures this viewer was not sent because they did not take them in time."""
        self.switches = 0

    @property
    def needs(self) -> set[Encoding]:
        """Encodings of the picture that have to be made for this viewer."""
        return {self.encoding} if self.coming is None else {self.encoding, self.coming}

    def takes(self, packet: Packet) -> bool:
        return (
            packet.encoding == self.encoding
            or packet.encoding == "opus"
            or (packet.key and packet.encoding == self.coming)
        )

    def put(self, payloads: Payloads) -> None:
        """Something that they take."""
        if payloads.kind == "audio":
            sounds = self._waiting["audio"]
            if len(sounds) >= QUEUE:
                sounds.popleft()
            self._append(payloads)
            return
        held, self._held = self._held, None
        if held is not None and held.pts != payloads.pts:
            self._put_picture(held)
        if payloads.encoding == self.coming:
            self.encoding, self.coming = self.coming, None
            self.switches += 1
        if self.coming is None:
            self._put_picture(payloads)
        else:
            self._held = payloads

    def _put_picture(self, payloads: Payloads) -> None:
        pictures = self._waiting["video"]
        if len(pictures) >= QUEUE:
            self.dropped += len(pictures)
            pictures.clear()
            self._synchronized = False
        if not self._synchronized and not payloads.key:
            self.dropped += 1
            self._want_key(self.encoding)
            return
        self._synchronized = True
        self._append(payloads)

    def _append(self, payloads: Payloads) -> None:
        self._waiting[payloads.kind].append(payloads)
        self._arrived[payloads.kind].set()

    def __len__(self) -> int:
        """Pictures that wait."""
        return len(self._waiting["video"])

    async def get(self, kind: Kind) -> Payloads:
        queue, arrived = self._waiting[kind], self._arrived[kind]
        while not queue:
            arrived.clear()
            await arrived.wait()
        return queue.popleft()


class KeyRequests:
    """When the encoder of one rendition is asked for a key frame: once for all, and not too often."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._tick = 0
        self._asked_at = -KEY_DEBOUNCE_TICKS
        self._wanted = False
        self.count = 0

    def want(self) -> None:
        """Asked at once, or as soon as the last one is old enough."""
        self._wanted = True
        self._ask_if_due()

    def see(self, tick: int, key: bool) -> None:
        self._tick = tick
        if key:
            self._wanted = False
        self._ask_if_due()

    def _ask_if_due(self) -> None:
        # A stage that starts again may start its ticks anywhere, so "in the future" counts as long ago.
        if self._wanted and not 0 <= self._tick - self._asked_at < KEY_DEBOUNCE_TICKS:
            self._asked_at = self._tick
            self.count += 1
            self._ask()


class Fanout:
    """``ask`` asks an encoder for a key frame, ``lighten`` says in what the lighter rendition is needed from now on;
    ``now`` is the wall clock, seconds."""

    def __init__(
        self,
        ask: Callable[[Encoding], None],
        lighten: Callable[[frozenset[Encoding]], None],
        now: Callable[[], float] = uniform,
    ) -> None:
        self._ask, self._lighten, self._now = ask, lighten, now
        self._late: dict[Kind, float] = {}
        """How much later than their tick pictures and sound have been leaving lately, s; the zero is anywhere."""
        self.left_at: dict[Kind, float] = {}
        """When the last of each left, time.monotonic()."""
        self.epoch = Epoch()
        self._subscriptions: set[Subscription] = set()
        self._keys: dict[Encoding, KeyRequests] = {}
        self.pts = 0
        """Of the last packet."""
        self.light: frozenset[Encoding] = frozenset()
        """Encodings of the lighter rendition that somebody needs."""

    def __len__(self) -> int:
        return len(self._subscriptions)

    @property
    def key_requests(self) -> int:
        return sum(keys.count for keys in self._keys.values())

    @property
    def av_offset_s(self) -> float:
        """How much later than the picture the sound of the same moment has been leaving lately; the viewer's player
        puts both together again, as long as it is short.
        """
        return self._late["audio"] - self._late["video"] if len(self._late) == len(get_args(Kind)) else 0.0

    def add(self, subscription: Subscription) -> None:
        """A new viewer; their first picture is the next key frame, which is asked for."""
        self._subscriptions.add(subscription)
        self._see_needs()
        self.want_key(subscription.encoding)

    def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        self._see_needs()

    def switch(self, subscription: Subscription, encoding: Encoding) -> None:
        """Show a viewer another rendition, from its next key frame on."""
        subscription.coming = None if encoding == subscription.encoding else encoding
        self._see_needs()
        if subscription.coming is not None:
            self.want_key(encoding)

    def want_key(self, encoding: Encoding = "h264") -> None:
        """Somebody cannot go on without a key frame."""
        self._keys_of(encoding).want()

    def send(self, packet: Packet) -> None:
        if packet.kind == "video":
            self._keys_of(packet.encoding).see(packet.pts // SAMPLES_PER_TICK, packet.key)
        self._see_time(packet)
        self.pts = packet.pts
        self.epoch.see(packet.pts, self._now())
        payloads = None
        for subscription in self._subscriptions:
            if subscription.takes(packet):
                payloads = payloads or cut(packet)  # once, however many watch
                subscription.put(payloads)
        if packet.key and packet.kind == "video":
            self._see_needs()  # who waited for it needs the other no more

    def _see_time(self, packet: Packet) -> None:
        if packet.encoding not in ("h264", "opus"):
            return
        now = self.left_at[packet.kind] = time.monotonic()
        late = now - packet.pts / SAMPLE_RATE
        before = self._late.get(packet.kind, late)
        self._late[packet.kind] = before + _LATELY * (late - before)

    def _keys_of(self, encoding: Encoding) -> KeyRequests:
        if encoding not in self._keys:
            self._keys[encoding] = KeyRequests(lambda: self._ask(encoding))
        return self._keys[encoding]

    def _see_needs(self) -> None:
        light = LIGHT.intersection(e for s in self._subscriptions for e in s.needs)
        if light != self.light:
            self.light = light
            self._lighten(light)
