import numpy as np
import pytest

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from avatar.speech import SpeechChunk, Word
from streaming.playout import (
    FADE,
    FORESEEN,
    ONSET,
    Captioned,
    Ended,
    Event,
    Fader,
    Held,
    Playout,
    Started,
    Waited,
    at_48k,
)


def chunk(samples: int, value: float = 0.5, rate: int = SAMPLE_RATE) -> SpeechChunk:
    return SpeechChunk(np.full(samples, value, np.float32), rate, "text")


def play(playout: Playout, ticks: range) -> tuple[np.ndarray, list[Event]]:
    out, events, pcm = np.zeros(SAMPLES_PER_TICK, np.float32), [], []
    for tick in ticks:
        events += playout.take(tick, out)
        pcm.append(out.copy())
    return np.concatenate(pcm), events


def test_silence_when_nobody_speaks() -> None:
    pcm, events = play(Playout(), range(3))
    assert not pcm.any()
    assert events == []


def test_chunks_follow_one_another_without_a_gap() -> None:
    playout = Playout(onset=0)
    playout.add("q1", chunk(1500))
    playout.add("q1", chunk(700, 0.25))
    playout.finish("q1")
    pcm, events = play(playout, range(10, 14))
    assert np.count_nonzero(pcm) == 2200
    assert pcm[1499] == 0.5
    assert pcm[1500] == 0.25
    assert events == [
        Started("q1", 10),
        Captioned("q1", "text", 10, 12),
        Captioned("q1", "text", 11, 13),
        Ended("q1", 12, hushed=False),
    ]


def test_the_face_is_told_the_very_sample_before_it_is_heard() -> None:
    playout = Playout()
    playout.add("q1", chunk(1500))
    playout.add("q1", chunk(20_000, 0.25))
    playout.add("q1", chunk(100))
    told: dict[int, list[int]] = {}
    heard = []
    for tick in range(7, 40):
        out = np.zeros(SAMPLES_PER_TICK, np.float32)
        playout.take(tick, out)
        heard.append(out)
        if playout.coming:
            told[tick] = [start for _, start in playout.coming]
    assert told[7] == [11_000, 12_500]  # lips form before the first sound, and both follow without a gap
    assert [start for starts in told.values() for start in starts] == [11_000, 12_500, 32_500]
    (late,) = (tick for tick, starts in told.items() if 32_500 in starts)
    assert 32_500 - FORESEEN <= 1000 * (late + 1) <= 32_500 - FORESEEN + 1000
    sound = np.concatenate(heard)
    assert not sound[:4000].any()
    assert sound[4000:5500].all()
    assert np.count_nonzero(sound) == 21_600


def test_what_follows_an_utterance_at_once_waits_for_nothing() -> None:
    playout = Playout()
    playout.add("q1", chunk(1500))
    playout.finish("q1")
    playout.add("q2", chunk(1500, 0.25))
    pcm, _ = play(playout, range(12))
    assert np.count_nonzero(pcm) == 3000
    assert np.flatnonzero(pcm)[-1] == ONSET * 1000 + 2999


def test_hushed_before_its_onset_nothing_is_heard() -> None:
    playout = Playout()
    playout.add("q1", chunk(1500))
    play(playout, range(2))
    playout.hush(2)
    playout.add("q2", chunk(1000, 0.25))
    pcm, events = play(playout, range(2, 12))
    assert sorted(set(pcm.tolist())) == [0.0, 0.25]
    assert events[0] == Started("q2", 2 + ONSET)


def test_an_utterance_waits_for_its_next_chunk() -> None:
    playout = Playout(onset=0)
    playout.add("q1", chunk(500))
    _, events = play(playout, range(3))
    assert not any(isinstance(event, Ended) for event in events)
    playout.add("q1", chunk(500))
    playout.finish("q1")
    _, events = play(playout, range(3, 5))
    assert events == [Waited("q1", 3, 2500), Captioned("q1", "text", 3, 4), Ended("q1", 3, hushed=False)]


def test_hush_drops_all_that_waits() -> None:
    playout = Playout()
    playout.add("q1", chunk(48_000))
    playout.add("q2", chunk(48_000))
    play(playout, range(5))
    assert playout.hush(5) == [Ended("q1", 5, hushed=True), Ended("q2", 5, hushed=True)]
    pcm, events = play(playout, range(5, 8))
    assert not pcm.any()
    assert events == []


def test_what_is_held_goes_on_with_a_word_before() -> None:
    playout = Playout()
    ramp = np.arange(1, 48_001, dtype=np.float32) / 48_000
    words = tuple(Word(str(k), k / 10, (k + 1) / 10) for k in range(10))
    mouth = np.arange(48, dtype=np.float32)[:, None]
    playout.add("q1", SpeechChunk(ramp, SAMPLE_RATE, "text", words=words, mouth=mouth))
    playout.add("q1", chunk(1000, 2.0))
    playout.finish("q1")
    play(playout, range(ONSET + 35))  # 0.73 s of it are said
    playout.hold()
    pcm, events = play(playout, range(ONSET + 35, 100))
    assert not pcm.any()
    assert events == []
    playout.go_on()
    pcm, events = play(playout, range(100, 150))
    spoken = pcm[pcm != 0]
    assert not pcm[: ONSET * SAMPLES_PER_TICK].any()  # lips form first
    assert spoken[0] == ramp[14 * SAMPLES_PER_TICK]  # the last tick that begins before 0.3 s
    assert len(spoken) == (48 - 14) * SAMPLES_PER_TICK + 1000
    assert [type(event) for event in events] == [Captioned, Captioned, Ended]
    assert events[0] == Captioned("q1", "text", 100 + ONSET, 100 + ONSET + 34)


def test_the_face_is_told_anew_of_what_was_held() -> None:
    playout = Playout()
    words = tuple(Word(str(k), k / 10, (k + 1) / 10) for k in range(10))
    playout.add("q1", SpeechChunk(np.ones(48_000, np.float32), SAMPLE_RATE, "text", words=words))
    play(playout, range(ONSET + 35))
    playout.hold()
    playout.go_on()
    playout.take(100, np.zeros(SAMPLES_PER_TICK, np.float32))
    ((again, start),) = playout.coming
    assert start == (100 + ONSET) * SAMPLES_PER_TICK
    assert again.words[0].text == "2"
    assert again.words[1].start == pytest.approx(0.3 - 14 / 48)


def test_hushed_while_it_is_held_it_is_gone() -> None:
    playout = Playout()
    playout.add("q1", chunk(48_000))
    play(playout, range(ONSET + 5))
    playout.hold()
    assert playout.hush(20) == [Ended("q1", 20, hushed=True)]
    playout.go_on()
    playout.add("q2", chunk(1000, 0.25))
    pcm, _ = play(playout, range(20, 30))
    assert set(pcm.tolist()) == {0.0, 0.25}


def test_the_host_is_turned_down_and_up_without_a_step() -> None:
    fader = Fader()
    heard = []
    for tick in range(6):
        if tick == 1:
            fader.turn(0.2)
        if tick == 4:
            fader.turn(1)
        sound = np.ones(SAMPLES_PER_TICK, np.float32)
        fader.apply(sound)
        heard.append(sound)
    assert heard[0].min() == heard[5].min() == 1
    assert heard[2].max() == pytest.approx(0.2)
    assert np.abs(np.diff(np.concatenate(heard))).max() < 0.002


def test_held_sound_leaves_in_order_and_is_hushed_within_ten_milliseconds() -> None:
    held = Held(3)
    wave = np.sin(np.arange(6 * SAMPLES_PER_TICK, dtype=np.float32) * 0.02).reshape(6, SAMPLES_PER_TICK)
    heard = []
    for tick in range(6):
        if held.full:
            heard.append(held.take().copy())
        held.slot()[:] = wave[tick]
    assert np.array_equal(np.concatenate(heard), wave[:3].ravel())
    held.hush()
    while len(heard) < 6:
        heard.append(held.take().copy())
    after = np.concatenate(heard[3:])
    assert np.array_equal(after[:1], wave[3, :1])
    assert not after[FADE:].any()
    assert np.abs(np.diff(np.concatenate(heard))).max() < 0.03  # no click
    with pytest.raises(IndexError, match="no sound"):
        held.take()


def test_no_more_is_held_than_fits() -> None:
    held = Held(1)
    held.slot()
    with pytest.raises(IndexError, match="cannot be held"):
        held.slot()


def test_an_utterance_nothing_was_said_of_still_ends() -> None:
    playout = Playout()
    playout.finish("q1")
    _, events = play(playout, range(1))
    assert events == [Ended("q1", 0, hushed=False)]


def test_speech_of_another_rate_is_brought_to_the_houses() -> None:
    t = np.arange(24_000) / 24_000
    tone = SpeechChunk(np.sin(2 * np.pi * 440 * t).astype(np.float32), 24_000, "a")
    there = at_48k(tone)
    assert there.rate == SAMPLE_RATE
    assert abs(len(there.pcm) - 48_000) <= 64
    spectrum = np.abs(np.fft.rfft(there.pcm[4000:44_000]))
    assert abs(np.argmax(spectrum) * 48_000 / 40_000 - 440) < 2
    with pytest.raises(ValueError, match="48000 Hz"):
        Playout().add("q1", tone)


def test_silence_for_want_of_the_next_chunk_is_told_when_speech_goes_on() -> None:
    playout, out = Playout(onset=0), np.zeros(1000, np.float32)
    half = SpeechChunk(np.ones(500, np.float32), 48_000, "a")
    playout.add("one", half)
    events = [event for tick in range(3) for event in playout.take(tick, out)]
    assert not [event for event in events if isinstance(event, Waited)]
    playout.add("one", half)
    assert Waited("one", 3, 2500) in playout.take(3, out)
    playout.finish("one")
    playout.take(4, out)  # silence before the end is none within
    playout.add("two", half)
    assert not [event for event in playout.take(5, out) if isinstance(event, Waited)]
    playout.hush(6)
    playout.take(6, out)
    playout.add("three", half)
    assert not [event for event in playout.take(7, out) if isinstance(event, Waited)]
