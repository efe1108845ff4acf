"""The two embedded engines. hibari's model comes with its package; Kokoro's is fetched, so its tests are ``real``."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from avatar.actor import Actor
from avatar.bench.seams import seams
from avatar.clock import SAMPLE_RATE
from avatar.errors import VoiceError
from avatar.speech import SpeechChunk, joined
from avatar.visemes import VISEMES
from avatar.voice import VoiceEngine, graph, read_aloud
from avatar.voice import hibari as hibari_module
from avatar.voice.hibari import Hibari
from avatar.voice.kokoro import Kokoro, mixed
from avatar.voice.loudness import PEAK, TARGET_LUFS, loudness, normalized
from avatar.voice.styles import styles
from tests.avatar.pitch import pitch

FOLDER = Path.home() / ".cache/everhost/models/kokoro"
MANDARIN = "大家好，欢迎来到法律直播间。妈妈帮爸爸买票，不怕麻烦，非常方便。"
ENGLISH = "Welcome, everybody. Mama bought blue bubble gum, maybe five more pumpkins, before Monday."


@pytest.fixture(scope="module")
def hibari() -> Hibari:
    return Hibari()


@pytest.fixture(scope="module")
def kokoro() -> Kokoro:
    if not FOLDER.exists():
        pytest.skip("Kokoro's model is not in the cache; fetch it with `everhost doctor`")
    return Kokoro(FOLDER / "kokoro-v1.0.int8.onnx", FOLDER / "vocab.json")


@pytest.fixture(scope="module", params=["hibari", pytest.param("kokoro", marks=pytest.mark.real)])
def spoken(request: pytest.FixtureRequest) -> tuple[VoiceEngine, list[SpeechChunk]]:
    engine: VoiceEngine = request.getfixturevalue(request.param)
    text, language = (ENGLISH, "en") if request.param == "hibari" else (MANDARIN, "zh")
    return engine, list(joined(read_aloud(engine, text, language)))


def test_phonemes_are_clean_gapless_and_fill_the_chunk(spoken: tuple[VoiceEngine, list[SpeechChunk]]) -> None:
    for chunk in spoken[1]:
        assert chunk.phonemes[0].start == 0.0
        assert chunk.phonemes[-1].end == pytest.approx(chunk.seconds, abs=1e-3)
        assert chunk.phonemes[-1].symbol == ""
        for before, after in zip(chunk.phonemes, chunk.phonemes[1:], strict=False):
            assert before.end == pytest.approx(after.start, abs=1e-9)
            assert before.start < before.end
        assert {p.symbol for p in chunk.phonemes} <= VISEMES.keys()


def test_words_are_what_is_written_in_order_and_in_time(spoken: tuple[VoiceEngine, list[SpeechChunk]]) -> None:
    chunks = spoken[1]
    text = MANDARIN if "zh" in spoken[0].languages else ENGLISH
    written = "".join(c for c in text if c not in "，。" and not c.isspace())
    assert "".join(w.text.replace(" ", "") for c in chunks for w in c.words) == written
    assert "".join(c.text.replace(" ", "") for c in chunks) == text.replace(" ", "")
    for chunk in chunks:
        times = [t for w in chunk.words for t in (w.start, w.end)]
        assert np.diff(times).min() > -1e-9
        assert 0.0 <= times[0] <= times[-1] <= chunk.seconds


def test_sound_is_even_unclipped_and_trimmed(spoken: tuple[VoiceEngine, list[SpeechChunk]]) -> None:
    for chunk in spoken[1]:
        assert chunk.pcm.dtype == np.float32
        assert np.abs(chunk.pcm).max() <= PEAK + 1e-3
        assert loudness(chunk.pcm, chunk.rate) == pytest.approx(TARGET_LUFS, abs=2.5)
        heard = np.flatnonzero(np.abs(chunk.pcm) > 0.02) / chunk.rate
        assert heard[0] < 0.15
        assert 0.05 < chunk.seconds - heard[-1] < 0.55


def test_lips_meet_on_every_bilabial_of_real_speech(spoken: tuple[VoiceEngine, list[SpeechChunk]]) -> None:
    actor, at, closures = Actor(), SAMPLE_RATE, []
    for chunk in spoken[1]:
        actor.say(chunk, at)
        closures += [
            ((at + p.start * SAMPLE_RATE) / 1000, (at + p.end * SAMPLE_RATE) / 1000)
            for p in chunk.phonemes
            if p.symbol in ("m", "b", "p", "pʰ")
        ]
        at += round(chunk.seconds * SAMPLE_RATE)
    aperture = []
    for tick in range(at // 1000):
        frame = actor.frame(tick)
        aperture.append(frame["jawOpen"] - frame["mouthClose"])
    assert len(closures) >= 10
    assert all(min(aperture[int(a) : int(b) + 1]) < 0.005 for a, b in closures)
    assert max(aperture) > 0.25


def test_the_same_text_gives_the_same_sound(hibari: Hibari) -> None:
    a, b = (next(read_aloud(hibari, "Good evening.", "en")).pcm for _ in range(2))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("text", ["", "  \n\t ", "...!?", "👍🎉", "\x00\x07\u200b", "“”()", "***"])
def test_nothing_to_say_gives_no_chunk(hibari: Hibari, text: str) -> None:
    assert list(read_aloud(hibari, text, "en")) == []


def test_hibari_reads_numbers_and_keeps_what_is_written(hibari: Hibari) -> None:
    [chunk] = read_aloud(hibari, "It costs $49.99 under Article 47.", "en")
    assert [w.text for w in chunk.words] == ["It", "costs", "$49.99", "under", "Article", "47."]
    price = chunk.words[2]
    assert price.end - price.start > 1.0


def test_control_characters_and_emoji_change_nothing(hibari: Hibari) -> None:
    [plain] = read_aloud(hibari, "Good evening.", "en")
    [dirty] = read_aloud(hibari, "\x07Good 👍 evening.\x00\u202e", "en")
    np.testing.assert_array_equal(plain.pcm, dirty.pcm)


def test_a_long_text_comes_piece_by_piece(hibari: Hibari) -> None:
    text = "word " * 2000
    chunks = read_aloud(hibari, text, "en")
    first = next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert 10 < len(first.words) < 100


def test_a_word_without_end_is_spoken_in_parts(hibari: Hibari) -> None:
    chunks = read_aloud(hibari, "a" * 3000, "en")
    assert next(chunks).seconds > 0.1


def test_an_unsupported_language_is_refused_at_once(hibari: Hibari) -> None:
    with pytest.raises(VoiceError, match="English"):
        next(read_aloud(hibari, "你好", "zh"))


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text('{"vocab": {"a": 1}}')
    with pytest.raises(VoiceError, match=r"kokoro\.onnx cannot be read.*everhost doctor"):
        Kokoro(tmp_path / "kokoro.onnx", tmp_path / "vocab.json")


def test_a_corrupt_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text('{"vocab": {"a": 1}}')
    for broken in (b"", b"no model at all" * 1000):
        (tmp_path / "kokoro.onnx").write_bytes(broken)
        with pytest.raises(VoiceError, match=r"kokoro\.onnx is not the expected ONNX model"):
            Kokoro(tmp_path / "kokoro.onnx", tmp_path / "vocab.json")


def test_a_truncated_model_is_named(tmp_path: Path) -> None:
    whole = (hibari_module._ASSETS / "hibari.onnx").read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VoiceError, match=r"half\.onnx"):
        graph.load(tmp_path / "half.onnx")


def test_another_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text('{"vocab": {"a": 1}}')
    (tmp_path / "oov.onnx").write_bytes((hibari_module._ASSETS / "oov.onnx").read_bytes())
    with pytest.raises(VoiceError, match=r"oov\.onnx is not the expected"):
        Kokoro(tmp_path / "oov.onnx", tmp_path / "vocab.json")


@pytest.mark.parametrize("vocabulary", ["", "[]", "{}", '{"vocab": 3}', '{"vocab": {"a": "x"}}'])
def test_a_wrong_vocabulary_is_named(tmp_path: Path, vocabulary: str) -> None:
    (tmp_path / "vocab.json").write_text(vocabulary)
    with pytest.raises(VoiceError, match=r"vocab\.json"):
        Kokoro(tmp_path / "kokoro.onnx", tmp_path / "vocab.json")


def test_an_unknown_voice_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match=r"'zf_nobody'.*af_heart.*zf_xiaobei.*zm_yunjian"):
        Kokoro(tmp_path / "a", tmp_path / "b", voice="zf_nobody")


@pytest.mark.real
def test_kokoro_speaks_latin_runs_and_written_numbers(kokoro: Kokoro) -> None:
    chunks = list(read_aloud(kokoro, "用App查第47条，赔N+1。", "zh"))
    assert [w.text for c in chunks for w in c.words] == ["用", "App", "查", "第", "47", "条", "赔", "N", "+", "1"]
    assert all(w.end > w.start for c in chunks for w in c.words)


@pytest.mark.real
@pytest.mark.parametrize("text", ["", "，。！", "👍", "《》"])
def test_kokoro_with_nothing_to_say(kokoro: Kokoro, text: str) -> None:
    assert list(read_aloud(kokoro, text, "zh")) == []


@pytest.mark.real
def test_kokoro_takes_text_without_marks_and_stops_when_closed(kokoro: Kokoro) -> None:
    chunks = read_aloud(kokoro, "1" * 200 + "A" * 200 + "好" * 9000, "zh")
    assert next(chunks).rest > 1.0
    chunks.close()  # type: ignore[attr-defined]


@pytest.mark.real
def test_kokoro_is_heard_before_its_clause_is_made_and_always_alike(kokoro: Kokoro) -> None:
    text = "用人单位应当按照劳动合同约定和国家规定，向劳动者及时足额支付劳动报酬。"
    one, other = (list(read_aloud(kokoro, text, "zh")) for _ in range(2))
    assert one[0].seconds < 1.5 < one[0].rest
    assert [c.text for c in one if c.text] == [c.text for c in joined(one)]
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.pcm, b.pcm)
    steps = [abs(b.pcm[0] - a.pcm[-1]) for a, b in pairwise(one)]
    assert max(steps) < 0.1
    assert seams(one).gaps == seams(one).clicks == seams(one).jumps == 0


@pytest.mark.real
def test_a_british_voice_reads_as_the_british_do(kokoro: Kokoro) -> None:
    american = Kokoro.of(FOLDER, "am_michael")
    british = american.speaking_as("bf_emma")
    for engine, vowel in ((american, "oʊ"), (british, "əʊ")):
        assert vowel in {p.symbol for chunk in read_aloud(engine, "Go home alone.", "en") for p in chunk.phonemes}
    with pytest.raises(VoiceError, match="load the model anew"):
        kokoro.speaking_as("bf_emma")


@pytest.mark.real
def test_kokoro_raises_its_voice_and_not_its_size(kokoro: Kokoro) -> None:
    """Pitch alone: a sound played faster would move the formants, and its time, as well."""
    plain, glad = (
        [*joined(read_aloud(kokoro, mark + "妈妈买了很多蓝色的雨伞。", "zh"))] for mark in ("", "[delighted]")
    )
    assert pitch(glad[0]) / pitch(plain[0]) == pytest.approx(2 ** (1 / 12), abs=0.03)
    assert glad[0].seconds / plain[0].seconds == pytest.approx(1 / 1.04, abs=0.05)


def test_loudness_of_a_known_tone() -> None:
    """A 997 Hz sine at −20 dBFS peak is −23.0 LUFS in one channel (BS.1770-4, conformance)."""
    t = np.arange(5 * 48_000) / 48_000
    tone = (0.1 * np.sin(2 * np.pi * 997 * t)).astype(np.float32)
    assert loudness(tone, 48_000) == pytest.approx(-23.0, abs=0.1)
    gated = np.concatenate((tone, np.zeros_like(tone)))
    assert loudness(gated, 48_000) == pytest.approx(-23.0, abs=0.3)


def test_normalizing_never_clips_and_leaves_silence_alone() -> None:
    quiet_with_click = np.full(24_000, 0.001, np.float32)
    quiet_with_click[::2] *= -1
    quiet_with_click[100] = 0.5
    assert np.abs(normalized(quiet_with_click, 24_000)).max() <= PEAK + 1e-6
    silence = np.zeros(24_000, np.float32)
    np.testing.assert_array_equal(normalized(silence, 24_000), silence)
    assert len(normalized(np.zeros(0, np.float32), 24_000)) == 0


# Kokoro's voices and their mixes


def test_a_mix_is_the_weighted_mean_and_speaks_as_the_first() -> None:
    mix, language = mixed("zf_xiaobei:3+am_puck:1")
    np.testing.assert_allclose(mix, 0.75 * styles("zf_xiaobei") + 0.25 * styles("am_puck"), atol=1e-6)
    assert (mix.shape, mix.dtype, language) == ((510, 1, 256), np.float32, "zh")
    assert mixed("bf_emma")[1] == "en"


@pytest.mark.parametrize(
    ("voice", "says"),
    [
        ("", "not understood"),
        ("zf_xiaobei+", "not understood"),
        ("zf_xiaobei:x", "not understood"),
        ("zf_xiaobei:0", "not understood"),
        ("jf_alpha", "not read here"),
        ("zf_xiaobei+zf_nobody", "'zf_nobody'"),
        ("../zf_xiaobei", "not understood"),
    ],
)
def test_a_mix_that_is_none_is_named(voice: str, says: str) -> None:
    with pytest.raises(VoiceError, match=says):
        mixed(voice)


def test_a_voice_of_ones_own_comes_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "zf_mine.bin").write_bytes(np.full((510, 1, 256), 0.25, "<f4").tobytes())
    (tmp_path / "zf_torn.bin").write_bytes(b"1234")
    assert (mixed("zf_mine", tmp_path)[0] == 0.25).all()
    with pytest.raises(VoiceError, match=r"zf_torn\.bin is not a Kokoro voice"):
        mixed("zf_torn", tmp_path)
