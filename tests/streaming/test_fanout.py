import asyncio

import pytest

from streaming.fanout import KEY_DEBOUNCE_TICKS, QUEUE, Fanout, Subscription
from streaming.packets import Encoding, Packet


def video(tick: int, key: bool = False) -> Packet:
    return Packet("h264", tick * 1000, key, b"\0\0\0\1" + bytes([tick % 256]))


class Asked:
    count = 0

    def __call__(self, encoding: Encoding) -> None:
        self.count += 1


def waiting(subscription: Subscription) -> list[int]:
    return [payloads.pts // 1000 for payloads in subscription._waiting["video"]]


def test_a_viewer_begins_with_a_key_frame() -> None:
    asked = Asked()
    fanout = Fanout(asked, lambda encodings: None)
    viewer = Subscription(fanout.want_key)
    fanout.add(viewer)
    assert asked.count == 1
    for tick in range(5):
        fanout.send(video(tick, key=tick == 3))
    assert waiting(viewer) == [3, 4]


def test_one_who_falls_behind_skips_to_the_next_key_frame_alone() -> None:
    fanout = Fanout(Asked(), lambda encodings: None)
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
    fanout = Fanout(asked, lambda encodings: None)
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
    fanout = Fanout(Asked(), lambda encodings: None)
    viewer = Subscription(fanout.want_key)
    fanout.add(viewer)
    getting = asyncio.create_task(viewer.get("audio"))
    await asyncio.sleep(0)
    fanout.send(Packet("opus", -312, True, b"opus"))
    fanout.send(video(0, key=True))
    assert (await getting).pts == -312
    assert (await viewer.get("video")).pts == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await viewer.get("video")


class Light:
    """What the fan-out has said is needed."""

    def __init__(self) -> None:
        self.told: list[frozenset[Encoding]] = []

    def __call__(self, encodings: frozenset[Encoding]) -> None:
        self.told.append(encodings)


def light(tick: int, key: bool = False) -> Packet:
    return Packet("h264-light", tick * 1000, key, b"\0\0\0\1" + bytes([tick % 256]))


def shown(subscription: Subscription) -> list[tuple[Encoding, int]]:
    return [(payloads.encoding, payloads.pts // 1000) for payloads in subscription._waiting["video"]]


def test_a_viewer_changes_to_the_lighter_rendition_at_its_key_frame_and_loses_nothing() -> None:
    needs, asked = Light(), list[Encoding]()
    fanout = Fanout(asked.append, needs)
    viewer, other = (Subscription(fanout.want_key) for _ in range(2))
    fanout.add(viewer)
    fanout.add(other)
    fanout.send(video(0, key=True))
    fanout.switch(viewer, "h264-light")
    assert needs.told == [{"h264-light"}]
    assert asked == ["h264", "h264-light"]
    for tick in range(1, 4):
        fanout.send(video(tick))
    fanout.send(light(4))  # not decodable by itself
    fanout.send(video(4))
    fanout.send(video(6))
    fanout.send(light(6, key=True))
    fanout.send(light(8))
    # Of tick 6, which both have, one only: two pictures with one timestamp would be taken for one.
    assert shown(viewer) == [("h264", tick) for tick in range(5)] + [("h264-light", 6), ("h264-light", 8)]
    assert shown(other) == [("h264", tick) for tick in (0, 1, 2, 3, 4, 6)]
    assert viewer.dropped == other.dropped == 0
    fanout.switch(viewer, "h264")
    fanout.send(light(10))
    fanout.send(video(10))
    assert needs.told == [{"h264-light"}]  # still seen
    fanout.send(video(11, key=True))
    assert shown(viewer)[-2:] == [("h264-light", 10), ("h264", 11)]
    assert needs.told == [{"h264-light"}, frozenset()]
    assert viewer.switches == 2


def test_the_lighter_rendition_is_made_until_its_last_viewer_leaves() -> None:
    needs = Light()
    fanout = Fanout(Asked(), needs)
    phones = [Subscription(fanout.want_key, "vp8-light"), Subscription(fanout.want_key, "h264-light")]
    for phone in phones:
        fanout.add(phone)
    for phone in phones:
        fanout.unsubscribe(phone)
    assert needs.told == [{"vp8-light"}, {"vp8-light", "h264-light"}, {"h264-light"}, frozenset()]


def test_a_change_taken_back_before_its_key_frame_is_none() -> None:
    needs = Light()
    fanout = Fanout(Asked(), needs)
    viewer = Subscription(fanout.want_key)
    fanout.add(viewer)
    fanout.send(video(0, key=True))
    fanout.switch(viewer, "h264-light")
    fanout.switch(viewer, "h264")
    fanout.send(light(2, key=True))
    fanout.send(video(2))
    fanout.send(video(3))
    assert shown(viewer) == [("h264", 0), ("h264", 2), ("h264", 3)]
    assert needs.told == [{"h264-light"}, frozenset()]


def test_sound_that_leaves_later_than_its_picture_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    fanout, now = Fanout(Asked(), lambda encodings: None), 0.0
    monkeypatch.setattr("streaming.fanout.time.monotonic", lambda: now)
    assert fanout.av_offset_s == 0.0
    for n in range(400):  # 20 ms each: pictures as they are due, sound 60 ms late
        now = 500.0 + 0.02 * n
        fanout.send(Packet("h264", 960 * n, True, b"\0\0\0\1a"))
        now += 0.06
        fanout.send(Packet("opus", 960 * n, True, b"a"))
    assert fanout.av_offset_s == pytest.approx(0.06)
    assert fanout.left_at["video"] == pytest.approx(507.98)
