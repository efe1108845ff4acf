"""Lips by ear: what the network hears, that hearing tick by tick is hearing the whole, and how well it does."""

import numpy as np
import pytest

from avatar.actor import Actor
from avatar.bench import lips
from avatar.bench.talk import TEXTS
from avatar.clock import SAMPLE_RATE
from avatar.errors import AvatarError
from avatar.face import INDEX
from avatar.lips import MOUTH, Lips, mouth_of
from avatar.listening import LOOK_AHEAD, augment, corpus
from avatar.listening.corpus import Clip
from avatar.listening.features import BEFORE, HEARD, hear
from avatar.listening.listener import Listener, with_mouth
from avatar.speech import SpeechChunk
from avatar.voice import read_aloud
from avatar.voice.hibari import Hibari
from streaming.playout import at_48k

TEXT = "Mama bought blue bubble gum. Who would move to the pool room? Please keep both copies of the map."


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener()


@pytest.fixture(scope="module")
def speech() -> list[SpeechChunk]:
    return [at_48k(chunk) for chunk in read_aloud(Hibari(), TEXT, "en")]


def deaf(chunk: SpeechChunk) -> SpeechChunk:
    """The chunk as an engine without timings gives it."""
    return SpeechChunk(chunk.pcm, chunk.rate, chunk.text)


def test_a_tone_is_heard_in_its_band_and_its_tick() -> None:
    sound = np.zeros(BEFORE + 10_000, np.float32)
    at = np.arange(1000) / SAMPLE_RATE
    sound[BEFORE + 5000 : BEFORE + 6000] = 0.5 * np.sin(2 * np.pi * 1000 * at)
    heard = hear(sound)
    assert heard.shape == (10, HEARD)
    loudness = heard.max(1)
    assert loudness.argmax() in (5, 6)
    assert (loudness[:5] == loudness[0]).all()
    bands = heard[5].reshape(2, -1)[1]
    assert 10 < int(bands.argmax()) < 20


def test_tick_by_tick_is_the_whole(listener: Listener, speech: list[SpeechChunk]) -> None:
    pcm = speech[0].pcm
    whole = listener.whole(pcm)
    assert whole.shape == (-(-len(pcm) // 1000), MOUTH)
    listener.reset()
    padded = np.pad(pcm, (0, -len(pcm) % 1000 + LOOK_AHEAD * 1000))
    ticks = np.array([listener.tick(padded[k : k + 1000]) for k in range(0, len(padded), 1000)])
    np.testing.assert_allclose(ticks[LOOK_AHEAD:], whole, atol=1e-4)


def test_a_voice_without_timings_gets_lips_like_those_it_would_have(
    listener: Listener,
) -> None:
    speech = [at_48k(chunk) for chunk in read_aloud(Hibari(), TEXTS["en"], "en")]
    report = lips.run({"hibari": speech}, listener)
    [voice] = report.voices
    assert voice.jaw > 0.85
    assert voice.rounding > 0.65
    assert voice.closed_told == voice.bilabials
    assert voice.closed >= 0.85 * voice.bilabials
    assert abs(voice.lag) <= 1
    assert report.look_ahead_ms <= lips.LOOK_AHEAD_MS
    assert "hibari" in lips.table(report)


def test_what_is_heard_is_shown_wherever_the_chunk_begins(listener: Listener, speech: list[SpeechChunk]) -> None:
    heard = with_mouth(deaf(speech[0]), listener)
    assert heard.mouth is not None
    for start in (48_000, 48_321):
        shown = Lips()
        shown.say(heard, start)
        rows = np.array([shown.weights(t).copy() for t in range(48 + len(heard.mouth) + 20)])
        jaw = rows[:, INDEX["jawOpen"]]
        assert jaw[:44].max() < 0.02
        assert jaw[48 : 48 + len(heard.mouth)].max() > 0.15
        assert jaw[-4:].max() < 0.02
        assert np.abs(np.diff(jaw)).max() < 0.25


def test_a_chunk_that_tells_its_phonemes_is_not_listened_to(listener: Listener, speech: list[SpeechChunk]) -> None:
    assert with_mouth(speech[0], listener) is speech[0]
    with pytest.raises(ValueError, match="48000"):
        with_mouth(SpeechChunk(np.zeros(100, np.float32), 24_000, ""), listener)


def test_silence_and_hiss_open_no_mouth(listener: Listener) -> None:
    rng = np.random.default_rng(0)
    for level in (0.0, 1e-4, 1e-3):
        mouth = listener.whole(rng.normal(0, level, 2 * SAMPLE_RATE).astype(np.float32))
        assert mouth[10:, 0].max() < 0.06, level


def test_somebody_live_is_followed_and_let_go_without_a_jump(listener: Listener, speech: list[SpeechChunk]) -> None:
    actor, jaw = Actor(), []
    listener.reset()
    pcm = speech[0].pcm[: len(speech[0].pcm) // 1000 * 1000]
    for tick in range(48 + len(pcm) // 1000 + 48):
        at = (tick - 48) * 1000
        if 0 <= at < len(pcm) // 2:
            actor.follow(listener.tick(pcm[at : at + 1000]), tick)
        jaw.append(actor.frame(tick)["jawOpen"])
    assert max(jaw[:48]) < 0.02
    assert max(jaw[48:]) > 0.15
    assert max(jaw[-20:]) < 0.02
    assert np.abs(np.diff(jaw)).max() < 0.4


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(AvatarError, match=r"lips\.onnx"):
        Listener(b"no network")


# What it is taught with


def clip() -> Clip:
    rng = np.random.default_rng(1)
    opening = np.tile(np.linspace(0, 1, 48)[:, None], MOUTH).astype(np.float32)
    return Clip(rng.normal(0, 0.1, 24_000).astype(np.float32), 24_000, opening, np.arange(48, dtype=np.uint8))


def test_a_clip_played_faster_takes_its_mouth_along() -> None:
    faster = augment.at_house_rate(clip(), 1.25)
    assert len(faster.pcm) == pytest.approx(0.8 * SAMPLE_RATE, abs=2)
    assert len(faster.mouth) == -(-len(faster.pcm) // 1000)
    assert faster.mouth[0, 0] < 0.02
    assert faster.mouth[-1, 0] > 0.95
    np.testing.assert_allclose(faster.phones / 47, faster.mouth[:, 0], atol=0.02)


def test_variants_are_sound_and_keep_their_length() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        varied = augment.varied(clip(), np.zeros(0, np.float32), rng)
        assert np.isfinite(varied.pcm).all()
        assert np.abs(varied.pcm).max() <= 1.0
        assert len(varied.mouth) == len(varied.phones) == -(-len(varied.pcm) // 1000)
    sound, mouth, phones = augment.stream([augment.at_house_rate(clip())] * 3, rng)
    assert len(sound) == 1000 * len(mouth) == 1000 * len(phones)
    assert corpus.PHONES[""] == 0 == phones[-1]


def test_lines_are_decided_by_their_number_and_the_unheard_stay_unheard() -> None:
    lines = [corpus.line(n, []) for n in range(300)]
    assert lines == [corpus.line(n, []) for n in range(300)]
    assert {one.language for one in lines} == {"zh", "en"}
    unheard = {voice for voices in corpus.UNHEARD.values() for voice in voices}
    assert not [one for one in lines if any(voice in one.voice for voice in unheard)]


def test_what_is_taught_is_what_the_phonemes_do(speech: list[SpeechChunk]) -> None:
    taught = mouth_of(speech[0])
    shown = Lips()
    shown.say(speech[0], 48_000)
    jaw = np.array([shown.weights(t)[INDEX["jawOpen"]] for t in range(48 + len(taught))])[48:]
    opening = taught[:, 0] * (1 - 0.5 * np.maximum(taught[:, -2], 0.6 * taught[:, -1]))
    np.testing.assert_allclose(jaw[4:-4], opening[4:-4], atol=1e-5)
