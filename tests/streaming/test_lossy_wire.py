"""A room and its viewers over a network in memory that loses packets, by a clock that the test turns.

What is real: pacer, fan-out, RTP, choice of rendition. The encoder makes pictures of the right size and kind, the
viewer does what browsers do: asks for what it misses (NACK), and for a key frame (PLI) when that does not help.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from aiortc.rtp import RtpPacket

from avatar.clock import RTP_PER_TICK, SECONDS_PER_TICK, TICKS_PER_SECOND, VIDEO_CLOCK_RATE
from streaming.fanout import Fanout, Subscription
from streaming.pacer import Pacer
from streaming.packets import Encoding, Packet
from streaming.quality import Quality, Reception
from streaming.rtp import Extensions, RtpStream, ahead

WAY = 1.5 * SECONDS_PER_TICK
"""Seconds from the room to a viewer, and back."""
PATIENCE_S = 0.25
"""After which a viewer gives up on a packet."""
KEY_PARTS, PARTS, LIGHT_PARTS = 40, 5, 2
PART = 1200
PLAIN = Extensions.of(0, b"", b"")


class Encoder:
    """Pictures of the right size."""

    def __init__(self) -> None:
        self.keys: set[Encoding] = {"h264"}
        self.light: frozenset[Encoding] = frozenset()
        self.asked: list[Encoding] = []
        self._opened: frozenset[Encoding] = frozenset()

    def ask(self, encoding: Encoding) -> None:
        self.asked.append(encoding)
        self.keys.add(encoding)

    def lighten(self, encodings: frozenset[Encoding]) -> None:
        self.light = encodings

    def encode(self, tick: int) -> list[Packet]:
        packets = [self._packet("h264", tick, KEY_PARTS, PARTS)]
        if tick % 2 == 0:
            self.keys |= self.light - self._opened  # an encoder begins with a key frame
            self._opened = self.light
            packets += [self._packet(encoding, tick, KEY_PARTS // 4, LIGHT_PARTS) for encoding in self.light]
        return packets

    def _packet(self, encoding: Encoding, tick: int, key_parts: int, parts: int) -> Packet:
        key = encoding in self.keys
        self.keys.discard(encoding)
        unit = (b"\x65" if key else b"\x41") + b"\xff" * (PART * (key_parts if key else parts))
        return Packet(encoding, tick * 1000, key, b"\0\0\0\1" + unit)


class Air:
    """The clock, the room, and the network; what is in flight arrives in order of time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.encoder = Encoder()
        self.fanout = Fanout(self.encoder.ask, self.encoder.lighten, lambda: self.now)
        self.viewers: list[Viewer] = []
        self.pacer = Pacer(self.now)
        self.stalled = False
        self._flying: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def fly(self, seconds: float, land: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._flying, (self.now + seconds, self._count, land))

    async def until(self, now: float) -> None:
        """Turn the clock, tick by tick."""
        while self.pacer.due() < now:
            self.now = max(self.now, self.pacer.due())
            self._land()
            if self.pacer.begin(self.now) and not self.stalled:
                for packet in self.encoder.encode(self.pacer.tick):
                    self.fanout.send(packet)
            self.pacer.advance()
            for viewer in self.viewers:
                await viewer.step()
        self.now = max(self.now, now)
        self._land()

    async def run(self, seconds: float) -> None:
        await self.until(self.now + seconds)

    def _land(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            heapq.heappop(self._flying)[2]()


@dataclass
class Viewer:
    air: Air
    loss: float = 0.0
    seed: int = 1
    origin: int = 12345
    takes: bool = True
    shown: list[int] = field(default_factory=list)
    """Timestamps of what was decoded, counted on beyond their wrap."""
    shown_at: list[float] = field(default_factory=list)
    picture_losses: int = 0
    chooses: bool = False

    def __post_init__(self) -> None:
        self.subscription = Subscription(self.air.fanout.want_key)
        self.stream = RtpStream(
            ssrc=1,
            payload_type=96,
            rate=VIDEO_CLOCK_RATE,
            rtx=None,
            extensions=PLAIN,
            origin=self.origin,
            sequence=65000,
        )
        self.quality = Quality()
        self._random = random.Random(self.seed)
        self._arrived: dict[int, RtpPacket] = {}
        self._missing: dict[int, float] = {}
        self._next: int | None = None
        self._highest = 0
        self._whole = False
        self._asked_at = -1.0
        self._lost_packets = 0
        self.air.viewers.append(self)
        self.air.fanout.add(self.subscription)

    def leave(self) -> None:
        self.air.viewers.remove(self)
        self.air.fanout.unsubscribe(self.subscription)

    # At the room

    async def step(self) -> None:
        while self.takes and len(self.subscription):
            payloads = await self.subscription.get("video")
            for data in self.stream.send(payloads, self.air.now):
                self._over(data)
        if self.air.now - self._asked_at >= 2 * WAY:
            self._ask()
        if self.air.pacer.tick % TICKS_PER_SECOND == 0:
            self._report()

    def _over(self, data: bytes | None) -> None:
        if data is None:
            return
        if self._random.random() < self.loss:
            self._lost_packets += 1
            return
        packet = RtpPacket.parse(data)
        self.air.fly(WAY, lambda: self._take(packet))

    def _report(self) -> None:
        if not self.chooses:
            return
        seen = Reception(
            packets=self.stream.packets,
            octets=self.stream.octets,
            lost=self._lost_packets,
            estimate=None,
            round_trip_s=2 * WAY,
            picture_losses=self.picture_losses,
        )
        if self.quality.look(self.air.now, seen):
            self.air.fanout.switch(self.subscription, "h264-light" if self.quality.light else "h264")

    # At the viewer

    def _take(self, packet: RtpPacket) -> None:
        number = packet.sequence_number
        if self._next is None:
            self._next = self._highest = number
        if (ahead := _after(self._highest, number)) > 0:
            for k in range(1, ahead):
                self._missing[(self._highest + k) & 0xFFFF] = self.air.now
            self._highest = number
        self._missing.pop(number, None)
        if _after(self._next, number) >= 0:
            self._arrived[number] = packet
        self._show()

    def _show(self) -> None:
        """Decode whole pictures, in order."""
        assert self._next is not None
        while True:
            parts, number = [], self._next
            while number in self._arrived:
                parts.append(self._arrived[number])
                number = (number + 1) & 0xFFFF
                if parts[-1].marker:
                    break
            if not parts or not parts[-1].marker:
                return
            for part in parts:
                del self._arrived[part.sequence_number]
            self._next = number
            first = parts[0].payload
            key = first[1 if first[0] & 31 == 28 else 0] & 31 == 5  # of a fragment (FU-A), its second byte says
            self._whole = self._whole or (key and bool(first[0] & 31 != 28 or first[1] & 0x80))
            if self._whole:
                last = self.shown[-1] if self.shown else parts[0].timestamp
                self.shown.append(last + ahead(parts[0].timestamp, last))
                self.shown_at.append(self.air.now)

    def _ask(self) -> None:
        """For what is missing, or for a key frame when it has been missing too long."""
        self._asked_at = self.air.now
        if any(self.air.now - since > PATIENCE_S for since in self._missing.values()):
            self._missing.clear()
            self._arrived.clear()
            self._next, self._whole = (self._highest + 1) & 0xFFFF, False
        for number in sorted(self._missing):
            self.air.fly(WAY, lambda number=number: self._over(self.stream.again(number, self.air.now, 2 * WAY)))  # type: ignore[misc]
        if not self._whole and self._next is not None:
            self.air.fly(WAY, self._lost)

    def _lost(self) -> None:
        self.picture_losses += 1
        self.air.fanout.want_key(self.subscription.encoding)

    # For the tests

    @property
    def ticks(self) -> list[int]:
        return [(timestamp - self.origin) // RTP_PER_TICK for timestamp in self.shown]

    @property
    def longest(self) -> float:
        """Seconds without a picture."""
        return max(b - a for a, b in pairwise(self.shown_at))


def _after(one: int, other: int) -> int:
    """By how much a sequence number is after another, over the wrap."""
    return (other - one + 0x8000) % 0x10000 - 0x8000


def steps(ticks: list[int]) -> set[int]:
    return {b - a for a, b in pairwise(ticks)}


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.05])
async def test_lost_packets_come_again_and_nothing_is_missing(loss: float) -> None:
    air = Air()
    viewer = Viewer(air, loss)
    await air.run(20)
    assert steps(viewer.ticks) == {1}
    assert len(viewer.ticks) > 20 * TICKS_PER_SECOND - 30
    assert viewer.longest < 0.3
    assert len(air.encoder.asked) <= 2
    assert (viewer.stream.again_count > 0) is (loss > 0)


async def test_whoever_joins_sees_something_within_their_round_trip_and_a_debounced_key_frame() -> None:
    air = Air()
    Viewer(air)
    await air.run(3.3)
    for seed in range(5):
        late = Viewer(air, 0.02, seed)
        begun = air.now
        await air.run(1)
        assert late.shown_at[0] - begun < 0.5 + 2 * WAY + PATIENCE_S
        late.leave()


async def test_many_who_lose_pictures_are_answered_with_two_key_frames_a_second_at_most() -> None:
    air = Air()
    good = Viewer(air)
    lost = [Viewer(air, 0.6, seed) for seed in range(8)]
    await air.run(10)
    assert sum(viewer.picture_losses for viewer in lost) > 50
    assert len(air.encoder.asked) <= 2 * 10 + 1
    assert steps(good.ticks) == {1}


async def test_a_viewer_who_takes_nothing_for_a_while_goes_on_at_a_key_frame_and_nobody_else_notices() -> None:
    air = Air()
    slow, good = Viewer(air), Viewer(air)
    await air.run(2)
    slow.takes = False
    await air.run(3)
    slow.takes = True
    await air.run(2)
    assert slow.subscription.dropped > TICKS_PER_SECOND
    assert slow.ticks[-1] == good.ticks[-1]
    assert max(steps(slow.ticks)) > TICKS_PER_SECOND  # a hole, and then all of it
    assert steps(slow.ticks[-TICKS_PER_SECOND:]) == {1}
    assert steps(good.ticks) == {1}


async def test_a_viewer_on_a_bad_network_is_sent_the_lighter_rendition_and_the_full_one_when_it_is_good_again() -> None:
    air = Air()
    bad, good = Viewer(air, chooses=True), Viewer(air, chooses=True)
    await air.run(5)
    bad.loss = 0.2
    await air.run(6)
    assert bad.subscription.encoding == "h264-light"
    assert good.subscription.encoding == "h264"
    bad.loss = 0.0
    await air.run(5)
    lighter = bad.ticks[-TICKS_PER_SECOND:]
    assert steps(lighter) == {2}
    assert air.encoder.light == {"h264-light"}
    await air.run(30)
    assert bad.subscription.encoding == "h264"
    assert steps(bad.ticks[-TICKS_PER_SECOND:]) == {1}
    assert air.encoder.light == frozenset()
    assert steps(good.ticks) == {1}
    assert steps(bad.ticks) <= {1, 2} | set(range(3, 3 + TICKS_PER_SECOND))


async def test_timestamps_and_numbers_wrap_under_loss_and_nothing_is_missing() -> None:
    air = Air()
    origin = (1 << 32) - 4 * VIDEO_CLOCK_RATE
    viewer = Viewer(air, 0.05, origin=origin)
    await air.run(20)
    assert viewer.stream.packets > 2000  # over 65536, from 65000
    assert viewer.stream.timestamp(air.pacer.tick * 1000) < VIDEO_CLOCK_RATE * 20
    assert steps(viewer.ticks) == {1}


async def test_a_late_stage_skips_pictures_and_never_the_count() -> None:
    air = Air()
    viewer = Viewer(air)
    await air.run(2)
    air.now += 0.3  # something else had the machine
    await air.run(2)
    assert air.pacer.skipped == pytest.approx(0.3 * TICKS_PER_SECOND, abs=3)
    assert max(steps(viewer.ticks)) == air.pacer.skipped + 1
    assert viewer.ticks[-1] == air.pacer.tick - 1 - round(WAY / SECONDS_PER_TICK)


async def test_a_machine_that_was_suspended_goes_on_and_its_reports_follow() -> None:
    air = Air()
    viewer = Viewer(air)
    await air.run(2)
    before = air.fanout.epoch.of(0)
    air.now += 3600
    await air.run(2)
    assert air.pacer.resynced == 1
    assert steps(viewer.ticks) == {1}  # not an hour's pictures, and not one left out
    assert air.fanout.epoch.of(0) - before == pytest.approx(3600, abs=0.1)


async def test_a_stage_that_died_leaves_a_hole_in_the_timeline_and_no_jump() -> None:
    air = Air()
    viewer = Viewer(air)
    await air.run(2)
    before = air.fanout.epoch.of(0)
    air.stalled = True
    await air.run(1.2)
    air.stalled = False
    air.encoder.keys.add("h264")  # the new one begins with a key frame
    await air.run(2)
    assert sorted(steps(viewer.ticks)) == [1, pytest.approx(1.2 * TICKS_PER_SECOND, abs=2)]
    assert air.fanout.epoch.of(0) == pytest.approx(before, abs=0.001)
    assert viewer.picture_losses == 0
