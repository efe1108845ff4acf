import numpy as np
import pytest

from avatar.actor import Actor
from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from avatar.face import INDEX
from avatar.lips import MOUTH
from avatar.speech import Mark, SpeechChunk
from tests.avatar.test_lips import ENGLISH, MANDARIN, aperture, spoken, ticks


def acted(actor: Actor, first: int, last: int) -> np.ndarray:
    return np.array([actor.frame(t).weights.copy() for t in range(first, last)])


def test_lips_and_life_in_one_face() -> None:
    actor = Actor(seed=1)
    chunk = spoken(MANDARIN)
    actor.say(chunk, 48_000)
    track = acted(actor, 0, 300)
    assert track.min() >= 0.0
    assert track.max() <= 1.0
    assert track[:, INDEX["eyeBlinkLeft"]].max() > 0.9
    assert aperture(track).max() > 0.2
    for phoneme in chunk.phonemes:
        if phoneme.symbol in ("m", "p", "pʰ"):
            assert min(aperture(track[t]) for t in ticks(phoneme, 48_000)) < 0.005


def test_the_frame_is_one_object() -> None:
    actor = Actor()
    assert actor.frame(0) is actor.frame(1)


def test_the_same_calls_give_the_same_faces() -> None:
    def run(seed: int) -> np.ndarray:
        actor = Actor(seed)
        actor.attend("listening")
        first = acted(actor, 0, 40)
        actor.say(spoken(ENGLISH), 48_000)
        return np.concatenate((first, acted(actor, 40, 200)))

    np.testing.assert_array_equal(run(3), run(3))
    assert not np.array_equal(run(3), run(4))


def test_idle_frames_differ() -> None:
    track = acted(Actor(), 0, 480)
    assert np.count_nonzero(np.abs(np.diff(track, axis=0)).max(axis=1) > 1e-5) > 400


def test_hush_rests_the_mouth_and_keeps_the_life() -> None:
    actor = Actor()
    actor.say(spoken(ENGLISH * 4), 0)
    acted(actor, 0, 60)
    actor.hush(60 * SAMPLES_PER_TICK)
    track = acted(actor, 60, 400)
    assert track[8:, INDEX["jawOpen"]].max() < 0.03
    assert track[8:, INDEX["eyeBlinkLeft"]].max() > 0.9


def test_speaking_outranks_the_mode_and_gives_it_back() -> None:
    actor = Actor(seed=2)
    actor.attend("thinking")
    chunk = spoken(ENGLISH * 2)
    actor.say(chunk, 96_000)
    looks_up = acted(actor, 0, 500)[:, INDEX["eyeLookUpLeft"]]
    end = (96_000 + round(chunk.seconds * SAMPLE_RATE)) // SAMPLES_PER_TICK
    assert looks_up[20:90].mean() > 0.1
    assert looks_up[110:end].mean() < 0.1
    assert looks_up[end + 60 :].mean() > 0.1


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(ValueError, match="dancing"):
        Actor().attend("dancing")


def test_emphasis_is_seen() -> None:
    plain = spoken(ENGLISH)
    marked = SpeechChunk(plain.pcm, plain.rate, plain.text, plain.phonemes, (), (Mark("emphasis", "strong", 0.8),))
    heads = []
    for chunk in (plain, marked):
        actor = Actor(seed=5)
        actor.say(chunk, 48_000)
        heads.append(np.array([[actor.frame(t).rotation[0], actor.frame(t)["browInnerUp"]] for t in range(150)]))
    assert np.abs(heads[0] - heads[1]).max() > 0.01


def test_empty_and_broken_chunks_do_no_harm() -> None:
    actor = Actor()
    actor.say(SpeechChunk(np.zeros(0, np.float32), 24_000, ""), 0)
    actor.say(SpeechChunk(np.full(24_000, np.nan, np.float32), 24_000, ""), 48_000)
    actor.hush(0)
    actor.hush(10**12)
    assert np.isfinite(acted(actor, 0, 200)).all()


def test_memory_is_bounded() -> None:
    actor = Actor()
    chunk = spoken(ENGLISH)
    length = round(chunk.seconds * SAMPLE_RATE)
    for i in range(200):
        actor.say(chunk, (i + 1) * length)
        actor.frame(i * length // SAMPLES_PER_TICK)
    assert len(actor._life._accents) < 50
    assert len(actor._lips._segments) < 200


def test_sound_that_no_mouth_makes_changes_nothing() -> None:
    idle, hearing = Actor(), Actor()
    beats = np.repeat(np.tile([0.5, 0.05], 8), SAMPLE_RATE // 4).astype(np.float32)
    for second in range(4):
        pcm = beats[second * SAMPLE_RATE : (second + 1) * SAMPLE_RATE]
        hearing.say(SpeechChunk(pcm, SAMPLE_RATE, "", mouth=np.zeros((48, MOUTH), np.float32)), second * SAMPLE_RATE)
    np.testing.assert_array_equal(acted(hearing, 0, 240), acted(idle, 0, 240))


@pytest.mark.parametrize("silent", [0, 100, 143, 200, 5000])
def test_a_feeling_is_shown_however_long_the_host_was_silent(silent: int) -> None:
    actor, quiet = Actor(1), np.zeros(48_000, np.float32)
    actor.frame(silent)
    actor.say(SpeechChunk(quiet, 48_000, "Sorry.", marks=(Mark("emotion", "sorry", 0.0),)), (silent + 4) * 1000)
    sorry = [actor.frame(tick)["mouthFrownLeft"] for tick in range(silent, silent + 100)]
    assert max(sorry) > 0.2


def test_a_feeling_is_as_strong_as_its_mark_says() -> None:
    def shown(feeling: str) -> float:
        actor = Actor(1)
        actor.say(SpeechChunk(np.zeros(48_000, np.float32), 48_000, "", marks=(Mark("emotion", feeling, 0.0),)), 0)
        return float(acted(actor, 0, 60)[-1, INDEX["mouthFrownLeft"]])

    assert shown("sorry 0.5") == pytest.approx(shown("sorry") / 2)
    assert shown("sorry") > 0.2


def test_a_feeling_is_over_when_another_text_is_said() -> None:
    quiet = np.zeros(48_000, np.float32)
    actor = Actor(1)
    actor.say(SpeechChunk(quiet, 48_000, "Sorry.", marks=(Mark("emotion", "sorry", 0.0),)), 48_000)
    actor.say(SpeechChunk(quiet, 48_000, "Next.", marks=(Mark("emotion", "neutral", 0.0),)), 2 * 48_000 + 4_800)
    sorry = [actor.frame(tick)["mouthFrownLeft"] for tick in range(160)]
    assert max(sorry[60:100]) > 0.1
    assert max(sorry[135:]) < 0.01
