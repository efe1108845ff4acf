"""The open microphones of a room: how many, how long, how fast."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from streaming import ears
from streaming.ears import Ears, Talker
from streaming.engines import Engines
from streaming.hearing import listener as told
from streaming.hearing.microphone import OpusPacket, Pcm
from streaming.hearing.transcript import Transcript
from streaming.models.store import Store
from streaming.protocol import TalkStart
from streaming.roomfile import Hearing
from tests.streaming.settings import room_file


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Wire:
    """20 ms of sound a packet."""

    gap = False
    taken = 0

    def hear(self, packet: OpusPacket) -> Pcm:
        Wire.taken += 1
        return np.zeros(320, np.float32)

    def rest(self) -> Pcm:
        return np.zeros(0, np.float32)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> tuple[Ears, Clock, list[tuple[Talker, told.Heard]]]:
    async def recognized(*_: object) -> Transcript:
        return Transcript("", "en", no_speech=True, confidence=0.0)

    monkeypatch.setattr("streaming.hearing.listener.Microphone", Wire)
    Wire.taken = 0
    engines = Engines(Store.from_environment(), [room_file()], hearing=False)
    monkeypatch.setattr(engines, "recognize", recognized)
    heard: list[tuple[Talker, told.Heard]] = []
    clock = Clock()
    tell: Callable[[Talker, told.Heard], None] = lambda talker, one: heard.append((talker, one))  # noqa: E731
    return Ears(engines, Hearing(), tell, clock), clock, heard


Opened = tuple[Ears, Clock, list[tuple[Talker, told.Heard]]]


def start(*, hands_free: bool = False) -> TalkStart:
    return TalkStart(type="talk.start", id="t", hands_free=hands_free)


@pytest.mark.parametrize("hands_free", [False, True])
async def test_a_button_that_is_never_let_go_is_taken_to_be(opened: Opened, hands_free: bool) -> None:
    some, clock, heard = opened
    some.open("v1", start(hands_free=hands_free))
    clock.now += ears.LONGEST_S - 1
    some.tick()
    assert not heard
    clock.now += 2
    some.tick()
    async with asyncio.timeout(2):
        while not hands_free and not heard:
            await asyncio.sleep(0)
    assert [one for _, one in heard] == ([] if hands_free else [told.Nothing()])
    await some.close()


async def test_sound_comes_no_faster_than_time_passes(opened: Opened) -> None:
    some, clock, _ = opened
    some.open("v1", start())
    for _ in range(1000):
        some.hear("v1", OpusPacket(0, b"x"))
    assert Wire.taken == pytest.approx(100, abs=2)  # two seconds ahead
    for _ in range(500):  # ten seconds as they are
        clock.now += 0.02
        some.hear("v1", OpusPacket(0, b"x"))
    assert Wire.taken == pytest.approx(600, abs=4)
    await some.close()


async def test_so_many_microphones_are_open(opened: Opened) -> None:
    some, _, _ = opened
    for k in range(ears.MOST):
        assert not some.full(f"v{k}")
        some.open(f"v{k}", start(hands_free=True))
    assert some.full("another")
    assert not some.full("v3")  # it only begins anew
    some.leave("v3")
    assert not some.full("another")
    await some.close()
