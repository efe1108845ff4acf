import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from avatar.face import INDEX
from avatar.lips import Lips
from avatar.speech import Phoneme, SpeechChunk
from avatar.visemes import VISEMES

RATE = 24_000
JAW, CLOSE = INDEX["jawOpen"], INDEX["mouthClose"]
MANDARIN = "m a m a p ɑ n pʰ u pʰ a m a f a n f e i ʈʂʰ ɑ ŋ "
ENGLISH = "m eɪ b i w i b ɔ t f aɪ v b ɪ ɡ p ʌ m p k ɪ n z "


def spoken(symbols: str, *, each: float = 0.08, pause: float = 0.3, level: float = 0.2) -> SpeechChunk:
    """A chunk of phones separated by spaces, ``each`` seconds long, between a short silence and ``pause``."""
    phones = symbols.split()
    edges = [0.0, *(0.05 + each * i for i in range(len(phones) + 1))]
    phonemes = [Phoneme(s, a, b) for s, a, b in zip(["", *phones], edges[:-1], edges[1:], strict=True)]
    phonemes.append(Phoneme("", edges[-1], edges[-1] + pause))
    t = np.arange(round((edges[-1] + pause) * RATE)) / RATE
    pcm = (level * np.sin(2 * np.pi * 150 * t) * (t < edges[-1])).astype(np.float32)
    return SpeechChunk(pcm, RATE, symbols, tuple(phonemes))


def rows(lips: Lips, first: int, last: int) -> np.ndarray:
    return np.array([lips.weights(t).copy() for t in range(first, last)]).reshape(-1, 52)


def aperture(weights: np.ndarray) -> np.ndarray:
    return weights[..., JAW] - weights[..., CLOSE]


def ticks(phoneme: Phoneme, start: int) -> range:
    """Ticks whose middle lies in the phone, give or take half a tick."""
    a = (start + phoneme.start * SAMPLE_RATE) / SAMPLES_PER_TICK
    b = (start + phoneme.end * SAMPLE_RATE) / SAMPLES_PER_TICK
    return range(int(a), int(b) + 1)


@pytest.mark.parametrize("symbols", [MANDARIN, ENGLISH], ids=["zh", "en"])
@pytest.mark.parametrize("each", [0.025, 0.05, 0.11])
@pytest.mark.parametrize("start", [48_000, 48_333, 2**40 * SAMPLES_PER_TICK + 777])
def test_lips_meet_on_every_bilabial(symbols: str, each: float, start: int) -> None:
    lips = Lips()
    chunk = spoken(symbols, each=each)
    lips.say(chunk, start)
    track = {t: lips.weights(t).copy() for t in range(start // 1000 - 20, start // 1000 + 150)}
    for phoneme in chunk.phonemes:
        if phoneme.symbol in ("m", "b", "p", "pʰ"):
            closed = min((track[t] for t in ticks(phoneme, start)), key=aperture)
            assert aperture(closed) < 0.005
            assert closed[INDEX["mouthLowerDownLeft"]] < 0.01
            assert closed[INDEX["mouthPressLeft"]] > 0.1


def test_lip_touches_teeth_on_labiodentals_and_rounds_on_round_vowels() -> None:
    lips = Lips()
    lips.say(spoken("f a t u t i", each=0.14), 48_000)
    track = rows(lips, 0, 120)
    middle = [round(48 * (1 + 0.05 + 0.14 * (i + 0.5))) for i in range(6)]
    f, a, _, u, _, i = (track[m] for m in middle)
    assert f[INDEX["mouthRollLower"]] > 0.3
    assert aperture(f) < 0.5 * aperture(a)
    assert u[INDEX["mouthPucker"]] > 0.3 > 3 * i[INDEX["mouthPucker"]]
    assert i[INDEX["mouthStretchLeft"]] > 0.1 > u[INDEX["mouthStretchLeft"]]
    assert 0.25 < a[JAW] < 0.55


def test_open_vowels_open_between_closures() -> None:
    lips = Lips()
    chunk = spoken("m a m a m a m a", each=0.1)
    lips.say(chunk, 0)
    track = rows(lips, 0, 60)
    for phoneme in chunk.phonemes:
        if phoneme.symbol == "a":
            assert max(aperture(track[t]) for t in ticks(phoneme, 0)) > 0.2


def test_mouth_rests_before_and_after_speech() -> None:
    lips = Lips()
    chunk = spoken(ENGLISH)
    lips.say(chunk, 96_000)
    track = rows(lips, 0, 400)
    end = (96_000 + round((chunk.seconds - 0.3) * SAMPLE_RATE)) // SAMPLES_PER_TICK
    assert not track[:80].any()
    assert track[end + 10 :].max() < 0.02
    assert not track[end + 40 :].any()
    assert not Lips().weights(5).any()


def test_a_long_pause_inside_a_chunk_closes_the_mouth() -> None:
    lips = Lips()
    chunk = SpeechChunk(
        np.full(2 * RATE, 0.1, np.float32), RATE, "aa",
        (Phoneme("a", 0.0, 0.5), Phoneme("", 0.5, 1.5), Phoneme("a", 1.5, 2.0)),
    )  # fmt: skip
    lips.say(chunk, 0)
    assert rows(lips, 0, 100)[48].max() < 0.01


def test_chunks_join_as_one() -> None:
    """Two chunks said one after the other move the mouth as the same phones in one chunk do."""
    phones = ["m", "a", "l", "i", "u", "f", "ɛ", "b", "o", "n"]
    edges = [0.1 * i for i in range(11)]
    sound = np.full(RATE, 0.2, np.float32)

    def chunk(first: int, last: int) -> SpeechChunk:
        timed = tuple(
            Phoneme(phones[i], edges[i] - edges[first], edges[i + 1] - edges[first]) for i in range(first, last)
        )
        return SpeechChunk(sound[: round((edges[last] - edges[first]) * RATE)], RATE, "", timed)

    whole, parts = Lips(), Lips()
    whole.say(chunk(0, 10), 48_000)
    parts.say(chunk(0, 5), 48_000)
    parts.say(chunk(5, 10), 72_000)
    np.testing.assert_allclose(rows(parts, 0, 130), rows(whole, 0, 130), atol=1e-5)


@pytest.mark.parametrize("late", [0, 2, 12, 24], ids="{} ticks late".format)
def test_no_jump_when_a_chunk_comes_late(late: int) -> None:
    lips = Lips()
    lips.say(spoken("o l a l o m i n a"), 48_000)
    before = rows(lips, 0, 48 + 20 + late)
    lips.say(spoken("a l o w i n o"), (48 + 20) * SAMPLES_PER_TICK)
    after = rows(lips, 48 + 20 + late, 200)
    assert np.abs(np.diff(np.concatenate((before, after)), axis=0)).max() < 0.3


@pytest.mark.parametrize("now", [0, 60, 75])
def test_hush_brings_the_mouth_to_rest(now: int) -> None:
    lips = Lips()
    lips.say(spoken(ENGLISH * 3), 48_000)
    before = rows(lips, 0, now)
    lips.hush(75 * SAMPLES_PER_TICK)
    after = rows(lips, now, 200)
    track = np.concatenate((before, after))
    assert np.abs(np.diff(track, axis=0)).max() < 0.3
    assert aperture(track[65:74]).max() > 0.1
    assert track[75 + 8 :].max() < 0.03
    assert not lips.speaking(76)


def test_hush_keeps_what_comes_before_it_and_silences_the_rest() -> None:
    kept, hushed = Lips(), Lips()
    for lips in (kept, hushed):
        lips.say(spoken(ENGLISH), 48_000)
        lips.say(spoken(MANDARIN), 480_000)
    hushed.hush(470_000)
    np.testing.assert_array_equal(rows(kept, 0, 440), rows(hushed, 0, 440))
    assert not rows(hushed, 470, 800).any()


def test_without_phones_the_jaw_follows_loudness() -> None:
    t = np.arange(3 * RATE) / RATE
    loud = (np.sin(2 * np.pi * 1.5 * t) > 0) * (t > 0.5) * (t < 2.5)
    pcm = (0.3 * loud * np.sin(2 * np.pi * 200 * t)).astype(np.float32)
    lips = Lips()
    lips.say(SpeechChunk(pcm, RATE, "la la"), 0)
    jaw = rows(lips, 0, 144)[:, JAW]
    heard = loud[RATE // 96 :: RATE // 48]
    assert np.corrcoef(jaw, heard)[0, 1] > 0.7
    assert jaw[135:].max() < 0.01


def test_memory_is_bounded_over_days() -> None:
    lips = Lips()
    chunk = spoken(ENGLISH)
    length = round(chunk.seconds * SAMPLE_RATE)
    sizes = []
    for i in range(300):
        at = 2**40 + i * length
        lips.say(chunk, at + 24_000)
        lips.weights(at // SAMPLES_PER_TICK)
        sizes.append((len(lips._segments), len(lips._blocks), len(lips._spans)))
    assert max(sizes[100:]) <= max(sizes[:100])
    lips.say(chunk, 2**50)  # far ahead: the time between takes no memory
    assert sum(b.rows.nbytes for b in lips._blocks) < 1_000_000


times = st.floats(allow_nan=True, allow_infinity=True, width=32) | st.floats(-1, 3)
phones = st.sampled_from([*VISEMES, "?", "ʘ", "ẽː", "ˈa", "XYZ", "\u0303", "ɝ"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.builds(Phoneme, phones, times, times), max_size=12),
    st.integers(0, 3 * RATE),
    st.sampled_from([0.0, 1e-9, 0.5, 5.0, np.nan, np.inf]),
)
def test_any_chunk_gives_weights_in_range(phonemes: list[Phoneme], samples: int, level: float) -> None:
    lips = Lips()
    lips.say(SpeechChunk(np.full(samples, level, np.float32), RATE, "", tuple(phonemes)), 5_000)
    track = rows(lips, 0, 180)
    assert np.isfinite(track).all()
    assert track.min() >= 0.0
    assert track.max() <= 1.0
    assert not track[175:].any()
