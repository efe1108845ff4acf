"""The slate: what it shows, and how soon a running stage shows nothing else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np
import numpy.typing as npt
import pytest

from avatar.clock import SAMPLES_PER_TICK
from streaming import playout
from streaming.cues import Finish, Lighten, Say, Slate, StageConfig, Told
from streaming.encoders import X264
from streaming.label import Label
from streaming.packets import Encoding, Packet
from streaming.slate import slate
from tests.streaming.test_stage import FIRST_TICK, Running, heard, rms, tone

ALLOWED_S = 0.3
ALLOWED_TICKS = 14
SLATE = slate(1920, 1080, Label(1920, 1080, (0, 0, 2, 2))).y
LIGHT: frozenset[Encoding] = frozenset({"h264-light", "vp8-light"})


class Timed(Running):
    """A stage, and when it told each thing."""

    def __init__(self, config: StageConfig, *, slate: bool) -> None:
        self.at: list[float] = []
        super().__init__(config, slate=slate)

    def _tell(self, told: Told) -> bool:
        self.at.append(time.monotonic())
        return super()._tell(told)

    def since(self, moment: float, encoding: Encoding) -> list[Packet]:
        told = zip(self.at, self.told, strict=False)
        return [one for at, one in told if at > moment and isinstance(one, Packet) and one.encoding == encoding]

    def pictures(self) -> list[Packet]:
        return [packet for packet in self.packets("video") if packet.encoding == "h264"]

    def go_on(self, count: int) -> None:
        """Until so many pictures more have left."""
        after = len(self.pictures()) + count
        self.until(lambda: len(self.pictures()) >= after)


@contextmanager
def running(*, slate: bool = False) -> Iterator[Timed]:
    one = Timed(StageConfig("lin", x264=X264("ultrafast")), slate=slate)
    one.thread.start()
    try:
        yield one
    finally:
        one.stage.command(None)
        one.thread.join(30)
        assert not one.thread.is_alive()
        assert one.error is None


def decoded(packets: list[Packet], codec: str = "h264") -> list[npt.NDArray[np.uint8]]:
    """The luma of each picture."""
    decoder = av.CodecContext.create(codec, "r")
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    return [frame.to_ndarray()[: frame.height] for frame in frames]


def is_slate(luma: npt.NDArray[np.uint8]) -> bool:
    whole = SLATE[:: SLATE.shape[0] // luma.shape[0], :: SLATE.shape[1] // luma.shape[1]]
    return float(np.median(np.abs(luma.astype(int) - whole))) < 3 and float(luma.mean()) < 45


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (1366, 768), (854, 480), (426, 240), (1080, 1080)])
def test_it_says_so_in_the_middle_and_bears_the_label(size: tuple[int, int]) -> None:
    label = Label(*size, (0, 0, 2, 2))
    picture = slate(*size, label)
    width, height = size
    written = picture.y > 150
    rows, columns = np.nonzero(written[height // 4 :])
    assert columns.min() + columns.max() == pytest.approx(width, abs=0.02 * width)
    assert rows.min() + rows.max() + 2 * (height // 4) == pytest.approx(height, abs=0.02 * height)
    assert np.ptp(columns) > 0.5 * min(size)
    assert written[: height // 6, : min(size) * 7 // 10].any()  # the label
    assert np.median(picture.y) < 40


@pytest.mark.real
def test_nothing_of_the_host_leaves_after_it_and_the_slate_does_at_once() -> None:
    with running() as one:
        one.do(Say("q1", tone(30)), Finish("q1"), Lighten(LIGHT))
        one.until(lambda: bool(one.all(playout.Started)))
        one.go_on(30)
        before, asked = one.pictures()[-1].pts, time.monotonic()
        one.do(Slate(True))
        one.go_on(30)
        one.do(Slate(False))
        asked_back = time.monotonic()
        one.go_on(40)
    # Within a tick of the command the stage has heard of it.
    late = [packet for packet in one.since(asked + 0.05, "h264") if packet.pts > before]
    first = late[0]
    assert first.key
    assert (first.pts - before) / SAMPLES_PER_TICK <= ALLOWED_TICKS
    assert one.at[one.told.index(first)] - asked <= ALLOWED_S
    shown = [is_slate(luma) for luma in decoded(late)]
    back = next(n for n, packet in enumerate(late) if n and packet.key)
    assert shown == [n < back for n in range(len(late))]
    assert one.at[one.told.index(late[back])] - asked_back <= ALLOWED_S

    for encoding, codec in (("h264-light", "h264"), ("vp8-light", "vp8")):
        light = [packet for packet in one.since(asked + 0.05, encoding) if packet.pts >= first.pts]  # type: ignore[arg-type]
        assert light == one.since(asked + 0.05, encoding)  # type: ignore[arg-type]
        assert light[0].key
        shown = [is_slate(luma) for luma in decoded(light, codec)]
        assert shown == [packet.pts < late[back].pts for packet in light]

    sound = heard([packet for packet in one.packets("audio") if packet.encoding == "opus"])
    held = 4 * SAMPLES_PER_TICK  # when it was asked for, sound of so long ago had not left
    begin, end = first.pts - held - FIRST_TICK * SAMPLES_PER_TICK, late[back].pts - FIRST_TICK * SAMPLES_PER_TICK
    assert rms(sound[begin - 4000 : begin - 500]) > 0.3
    assert rms(sound[begin + playout.FADE + 500 : end - 500]) < 0.002
    assert rms(sound[end + 1500 : end + 10_000]) > 0.3


@pytest.mark.real
def test_it_may_come_and_go_in_any_order() -> None:
    with running() as one:
        one.go_on(10)
        one.do(Slate(False), Slate(True), Slate(True), Slate(False), Slate(True))
        one.go_on(10)
        one.do(Slate(False), Slate(True), Slate(False))
        one.go_on(20)
    pictures = one.pictures()
    assert [packet.pts for packet in pictures] == sorted({packet.pts for packet in pictures})
    shown = [is_slate(luma) for luma in decoded(pictures)]
    assert len(shown) == len(pictures)
    assert not shown[0]
    assert any(shown)
    assert not shown[-1]


@pytest.mark.real
def test_a_stage_that_begins_with_it_never_shows_the_host_before() -> None:
    with running(slate=True) as one:
        one.do(Say("q1", tone(30)), Finish("q1"))
        one.go_on(20)
        one.do(Slate(False))
        one.go_on(20)
    pictures = one.pictures()
    shown = [is_slate(luma) for luma in decoded(pictures)]
    assert pictures[0].key
    assert shown[0]
    back = shown.index(False)
    assert back >= 20
    assert pictures[back].key
    assert not any(shown[back:])
    sound = heard(one.packets("audio"))
    assert rms(sound[: pictures[back].pts - FIRST_TICK * SAMPLES_PER_TICK - 500]) < 0.002
