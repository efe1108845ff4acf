"""A stage with the real host and real encoders, for a second or two of its own clock."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import av
import numpy as np
import numpy.typing as npt
import pytest

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.errors import PackError
from avatar.speech import SpeechChunk
from streaming import encoders, playout
from streaming.cues import Begin, Command, Finish, Hush, KeyFrame, Lighten, Ready, Report, Say, StageConfig, Told
from streaming.encoders import X264
from streaming.errors import StageError
from streaming.packets import Packet
from streaming.stage import Stage

T = TypeVar("T")
FIRST_TICK = 1000
PRE_SKIP = 312
"""Samples of Opus's delay: 6.5 ms."""


class Running:
    """A stage in a thread, and everything it told."""

    def __init__(self, config: StageConfig, *, slate: bool = False) -> None:
        self.told: list[Told] = []
        self._begin = Begin(FIRST_TICK, slate=slate)
        self._arrived = threading.Condition()
        self.stage = Stage(config, self._tell)
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._run)

    def _tell(self, told: Told) -> bool:
        with self._arrived:
            self.told.append(told)
            self._arrived.notify_all()
        return True

    def _run(self) -> None:
        try:
            self.stage.run(self._begin)
        except StageError as error:
            self.error = error

    def all(self, kind: type[T]) -> list[T]:
        return [told for told in self.told if isinstance(told, kind)]

    def packets(self, kind: str) -> list[Packet]:
        return [packet for packet in self.all(Packet) if packet.kind == kind]

    def until(self, done: Callable[[], bool]) -> None:
        with self._arrived:
            assert self._arrived.wait_for(done, 60), self.told[-3:]

    def do(self, *commands: Command) -> None:
        for command in commands:
            self.stage.command(command)


@contextmanager
def running(depth: int = 4) -> Iterator[Running]:
    one = Running(StageConfig("lin", depth=depth, x264=X264("ultrafast")))
    one.thread.start()
    try:
        yield one
    finally:
        one.stage.command(None)
        one.thread.join(30)
        assert not one.thread.is_alive()


def tone(seconds: float, hertz: float = 440) -> SpeechChunk:
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return SpeechChunk((0.5 * np.sin(2 * np.pi * hertz * t)).astype(np.float32), SAMPLE_RATE, "la")


def heard(packets: list[Packet]) -> npt.NDArray[np.float32]:
    """Decoded sound; its first sample is that of the stage's first tick."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = SAMPLE_RATE, "mono"
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    pcm = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    return (pcm / (32768 if pcm.dtype == np.int16 else 1)).astype(np.float32)[PRE_SKIP:]


def rms(pcm: npt.NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(pcm**2)))


@pytest.mark.real
def test_sound_has_no_holes_and_pictures_stand_on_ticks() -> None:
    with running() as one:
        one.until(lambda: len(one.packets("audio")) >= 100)
    assert isinstance(one.told[0], Ready)
    sound = [packet.pts for packet in one.packets("audio")]
    assert sound[0] == FIRST_TICK * SAMPLES_PER_TICK - PRE_SKIP
    assert set(np.diff(sound)) == {960}
    pictures = [packet.pts for packet in one.packets("video")]
    assert pictures == sorted(set(pictures))
    assert all(pts % SAMPLES_PER_TICK == 0 for pts in pictures)
    assert pictures[0] == FIRST_TICK * SAMPLES_PER_TICK
    assert one.packets("video")[0].key
    (report, *_) = one.all(Report)
    # Every tick has its picture or is counted as skipped; those of the last ticks may still be in the encoder.
    walked = report.tick - FIRST_TICK
    assert walked - 5 <= report.encoded + report.skipped <= walked


@pytest.mark.real
@pytest.mark.parametrize("depth", [2, 6])
def test_sound_and_picture_of_a_tick_leave_together(depth: int) -> None:
    with running(depth) as one:
        one.until(lambda: len(one.packets("video")) >= 24)
    latest_sound = FIRST_TICK * SAMPLES_PER_TICK - PRE_SKIP
    for packet in one.all(Packet):
        if packet.kind == "audio":
            latest_sound = packet.pts
        else:  # a picture never leaves before the sound it belongs to, less one Opus packet
            assert packet.pts <= latest_sound + 960 + PRE_SKIP
    # ``depth`` ticks later: what belongs to a later tick had not left when the stage said which tick it had reached.
    report = one.all(Report)[0]
    left = [told.pts for told in one.told[: one.told.index(report)] if isinstance(told, Packet)]
    assert left
    assert max(left) <= (report.tick - 1 - depth) * SAMPLES_PER_TICK


@pytest.mark.real
def test_a_key_frame_is_made_when_asked_and_only_then() -> None:
    with running() as one:
        one.until(lambda: len(one.packets("video")) >= 12)
        one.do(KeyFrame())
        one.until(lambda: sum(packet.key for packet in one.packets("video")) >= 2)
        asked_at = len(one.packets("video"))
        one.until(lambda: len(one.packets("video")) >= asked_at + 24)
    keys = [n for n, packet in enumerate(one.packets("video")) if packet.key]
    assert len(keys) == 2
    assert keys[0] == 0
    assert keys[1] >= 12


@pytest.mark.real
def test_what_it_is_told_is_said_and_reported() -> None:
    with running() as one:
        one.until(lambda: bool(one.packets("video")))
        one.do(Say("q1", tone(0.4)), Say("q1", tone(0.3)), Finish("q1"))
        one.until(lambda: bool(one.all(playout.Ended)))
        ended = one.all(playout.Ended)[0]
        one.until(lambda: one.packets("audio")[-1].pts > (ended.tick + 4) * SAMPLES_PER_TICK)
    (started,) = one.all(playout.Started)
    assert (started.utterance, ended.utterance, ended.hushed) == ("q1", "q1", False)
    captions = one.all(playout.Captioned)
    assert [(caption.utterance, caption.text) for caption in captions] == [("q1", "la"), ("q1", "la")]
    assert captions[0].start == started.tick
    assert ended.tick - started.tick == pytest.approx(0.7 * TICKS_PER_SECOND, abs=1)
    sound = heard(one.packets("audio"))
    begin = (started.tick - FIRST_TICK) * SAMPLES_PER_TICK
    end = (ended.tick - FIRST_TICK) * SAMPLES_PER_TICK
    assert rms(sound[begin + 1000 : end - 1000]) == pytest.approx(0.5 / 2**0.5, rel=0.05)
    assert rms(sound[: begin - 500]) < 0.002
    assert rms(sound[end + 2000 :]) < 0.002


@pytest.mark.real
def test_hush_silences_at_once() -> None:
    with running() as one:
        one.do(Say("q1", tone(30)), Finish("q1"))
        one.until(lambda: bool(one.all(playout.Started)))
        one.do(Hush())
        one.until(lambda: bool(one.all(playout.Ended)))
        (ended,) = one.all(playout.Ended)
        one.until(lambda: any(packet.pts > (ended.tick + 10) * SAMPLES_PER_TICK for packet in one.packets("audio")))
    assert (ended.utterance, ended.hushed) == ("q1", True)
    sound = heard(one.packets("audio"))
    silent_from = (ended.tick - FIRST_TICK) * SAMPLES_PER_TICK + playout.FADE
    assert rms(sound[silent_from + 500 :]) < 0.002


def test_a_stage_without_its_encoder_ends_instead_of_standing_still(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Running(StageConfig("lin"))
    monkeypatch.setattr(one.stage, "_encode_all", lambda: None)
    one.thread.start()
    one.thread.join(30)
    assert "encoder" in str(one.error)


def test_a_lighter_rendition_that_cannot_be_encoded_does_not_take_the_room_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(width: int, height: int) -> None:
        raise ValueError("no libvpx here")

    monkeypatch.setattr(encoders, "_vp8", broken)
    with running() as one:
        one.do(Lighten(frozenset({"vp8-light"})))
        one.until(lambda: len(one.packets("video")) >= 30)
        one.do(Lighten(frozenset({"h264-light"})))
        one.until(lambda: any(packet.encoding == "h264-light" for packet in one.all(Packet)))
    assert one.error is None


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(PackError, match="nobody"):
        Stage(StageConfig("nobody"), lambda told: True)


@pytest.mark.real
def test_a_portrait_room_over_a_chroma_key_sends_portrait_pictures() -> None:
    config = StageConfig("lin", 1080, 1920, background="green", x264=X264("ultrafast"))
    one = Running(config)
    one.thread.start()
    try:
        one.until(lambda: bool(one.packets("video")))
    finally:
        one.stage.command(None)
        one.thread.join(30)
    decoder = av.CodecContext.create("h264", "r")
    (picture, *_) = [*decoder.decode(av.Packet(one.packets("video")[0].data)), *decoder.decode(None)]
    assert (picture.width, picture.height) == (1080, 1920)
    red, green, blue = picture.to_ndarray(format="rgb24")[900, 10].tolist()
    assert green > 150 > 100 > max(red, blue)
