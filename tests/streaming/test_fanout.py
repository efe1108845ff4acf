import asyncio

import pytest

from streaming.fanout import KEY_DEBOUNCE_TICKS, QUEUE, Fanout, Subscription
from streaming.packets import Packet


def video(tick: int, key: bool = False) -> Packet:
    return Packet("video", tick * 1000, key, b"\0\0\0\1" + bytes([tick % 256]))


class Asked:
    count = 0

    def __call__(self) -> None:
        self.count += 1


def waiting(subscription: Subscription) -> list[int]:
    return [payloads.pts // 1000 for payloads in subscription._waiting["video"]]


def test_a_viewer_begins_with_a_key_frame() -> None:
    asked = Asked()
    fanout = Fanout(asked)
    viewer = Subscription(fanout.want_key)
    fanout.add(viewer)
    assert asked.count == 1
    for tick in range(5):
        fanout.send(video(tick, key=tick == 3))
    assert waiting(viewer) == [3, 4]


def test_one_who_falls_behind_skips_to_the_next_key_frame_alone() -> None:
    fanout = Fanout(Asked())
    slow, quick = Subscription(fanout.want_key), Subscription(fanout.want_key)
    fanout.add(slow)
    fanout.add(quick)
    for tick in range(QUEUE + 3):
        fanout.send(video(tick, key=tick == 0))
        quick._waiting["video"].clear()
    assert waiting(slow) == []
    assert slow.dropped == QUEUE + 3
    assert quick.dropped == 0
    fanout.send(video(100, key=True))
    assert waiting(slow) == [100]


def test_key_frames_are_asked_for_once_for_all() -> None:
    asked = Asked()
    fanout = Fanout(asked)
    fanout.send(video(1000, key=True))
    for _ in range(50):
        fanout.add(Subscription(fanout.want_key))
        fanout.want_key()
    assert asked.count == 1
    fanout.send(video(1001, key=True))
    fanout.want_key()
    assert asked.count == 1  # too soon
    fanout.send(video(1000 + KEY_DEBOUNCE_TICKS))
    assert asked.count == 2  # but not forgotten


async def test_packets_of_both_kinds_arrive_in_order() -> None:
    fanout = Fanout(Asked())
    viewer = Subscription(fanout.want_key)
    fanout.add(viewer)
    getting = asyncio.create_task(viewer.get("audio"))
    await asyncio.sleep(0)
    fanout.send(Packet("audio", -312, True, b"opus"))
    fanout.send(video(0, key=True))
    assert (await getting).pts == -312
    assert (await viewer.get("video")).pts == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await viewer.get("video")
