import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from av import AudioFrame

from avatar.speech import SpeechChunk
from avatar.voice import read_aloud
from avatar.voice.hibari import Hibari
from avatar.voice.kokoro import Kokoro
from streaming.errors import ModelError
from streaming.hearing.microphone import LIMIT_S, RATE, Utterance
from streaming.hearing.recognizer import Whisper
from streaming.hearing.vad import CHUNK, VoiceActivity, speech_only
from streaming.models import Store

Pcm = npt.NDArray[np.float32]

ENGLISH = "How many days of annual leave does a worker get after six years?"
CHINESE = "公司没有签劳动合同，可以要求双倍工资吗？"


def frame(samples: npt.NDArray[np.int16], rate: int = 48_000, layout: str = "stereo") -> AudioFrame:
    """Packed samples, (n,) or (n, 2), as one frame."""
    made = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
    made.sample_rate = rate
    return made


def tone(hertz: float, seconds: float, rate: int) -> npt.NDArray[np.int16]:
    return (np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate) * 8000).astype(np.int16)


def heard(chunks: Iterable[SpeechChunk]) -> Pcm:
    """Speech as it comes out of a microphone."""
    utterance = Utterance()
    for chunk in chunks:
        samples = (np.clip(chunk.pcm, -1, 1) * 32767).astype(np.int16)
        utterance.add(frame(samples, chunk.rate, "mono"))
    return utterance.pcm()


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]|[一-鿿]", text.lower())


def error_rate(said: str, understood: str) -> float:
    """Levenshtein distance over words (English) or characters (Chinese), per one said."""
    a, b = words(said), words(understood)
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1] / len(a)


@pytest.fixture(scope="module")
def english() -> Pcm:
    return heard(read_aloud(Hibari(), ENGLISH, "en"))


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    return Whisper(Store.from_environment().fetch("whisper-base"))


# The microphone


@pytest.mark.parametrize(("rate", "layout"), [(48_000, "stereo"), (48_000, "mono"), (24_000, "mono"), (16_000, "mono")])
def test_utterance_keeps_length_and_pitch(rate: int, layout: str) -> None:
    samples = tone(440, 1.0, rate)
    if layout == "stereo":
        samples = np.repeat(samples[:, None], 2, axis=1)
    utterance = Utterance()
    for piece in np.split(samples, 50):
        utterance.add(frame(piece, rate, layout))
    pcm = utterance.pcm()
    assert pcm.dtype == np.float32
    assert len(pcm) == pytest.approx(RATE, abs=RATE // 100)
    assert np.abs(np.fft.rfft(pcm, RATE)).argmax() == 440  # one hertz a bin
    assert np.abs(pcm).max() == pytest.approx(8000 / 32768, rel=0.05)


def test_utterance_is_bounded() -> None:
    utterance = Utterance()
    second = frame(tone(440, 1.0, 48_000), layout="mono")
    for _ in range(LIMIT_S + 5):
        utterance.add(second)
    assert utterance.full
    assert len(utterance.pcm()) == LIMIT_S * RATE


def test_utterance_survives_a_change_of_format() -> None:
    utterance = Utterance()
    utterance.add(frame(tone(440, 0.5, 48_000), 48_000, "mono"))
    utterance.add(frame(tone(440, 0.5, 24_000), 24_000, "mono"))
    assert len(utterance.pcm()) == pytest.approx(RATE, abs=RATE // 50)


def test_empty_utterance() -> None:
    assert len(Utterance().pcm()) == 0


# Voice activity


def test_speech_is_told_from_what_is_not(english: Pcm) -> None:
    silence = np.zeros(RATE, np.float32)
    noise = np.random.default_rng(0).normal(0, 0.05, 2 * RATE).astype(np.float32)
    assert len(speech_only(np.concatenate([silence, english, silence]))) == pytest.approx(len(english), rel=0.35)
    for nothing in (silence, noise, np.zeros(0, np.float32), tone(440, 2, RATE).astype(np.float32) / 32768):
        assert len(speech_only(nothing)) == 0


def test_stream_of_any_pieces_gives_the_same_probabilities(english: Pcm) -> None:
    pcm = np.concatenate([np.zeros(RATE, np.float32), english])
    activity = VoiceActivity()
    whole = list(activity.probabilities(pcm))
    assert len(whole) == len(pcm) // CHUNK
    assert max(whole[: RATE // CHUNK]) < 0.2
    assert np.mean(whole[-len(english) // CHUNK :]) > 0.6
    activity.reset()
    pieces = [p for piece in np.split(pcm, [7, 700, 9000, 9001]) for p in activity.probabilities(piece)]
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


# The recognizer


def test_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="doctor --fetch"):
        Whisper(tmp_path)


@pytest.mark.real
@pytest.mark.parametrize("language", ["en", None])
def test_english_is_understood(whisper: Whisper, english: Pcm, language: str | None) -> None:
    transcript = whisper.transcribe(english, language)  # type: ignore[arg-type]
    assert transcript.language == "en"
    assert error_rate(ENGLISH.replace("six", "6"), transcript.text.replace("six", "6")) <= 0.1
    assert not transcript.no_speech


@pytest.mark.real
def test_mandarin_is_understood(whisper: Whisper) -> None:
    folder = Store.from_environment().fetch("kokoro")
    voice = Kokoro(folder / "kokoro-v1.0.int8.onnx", folder / "vocab.json")
    pcm = heard(read_aloud(voice, CHINESE, "zh"))
    plain = whisper.transcribe(pcm)
    assert plain.language == "zh"
    assert error_rate(CHINESE, plain.text) <= 0.25
    helped = whisper.transcribe(pcm, "zh", vocabulary={"zh": "劳动合同，双倍工资，试用期，加班费"})
    assert error_rate(CHINESE, helped.text) <= 0.1


@pytest.mark.real
@pytest.mark.parametrize(
    "garbage",
    [
        np.zeros(0, np.float32),
        np.zeros(3 * RATE, np.float32),
        np.full(3 * RATE, 0.7, np.float32),
        np.full(3 * RATE, np.nan, np.float32),
        np.full(100, np.inf, np.float32),
        tone(1000, 3, RATE).astype(np.float32) / 32768,
        np.sign(tone(120, 3, RATE)).astype(np.float32) * 5,
        np.random.default_rng(1).normal(0, 0.2, 3 * RATE).astype(np.float32),
        np.random.default_rng(1).normal(0, 0.2, 1).astype(np.float32),
    ],
    ids=["empty", "silence", "offset", "nan", "inf", "tone", "clipped", "noise", "one sample"],
)
def test_garbage_gives_an_empty_text(whisper: Whisper, garbage: Pcm) -> None:
    for language in ("zh", "en", None):
        assert whisper.transcribe(garbage, language).text == ""  # type: ignore[arg-type]


@pytest.mark.real
def test_damaged_speech_is_still_heard(whisper: Whisper, english: Pcm) -> None:
    damaged = english * 3 + 0.2
    damaged[1000:1010] = np.nan
    assert error_rate(ENGLISH.replace("six", "6"), whisper.transcribe(damaged, "en").text.replace("six", "6")) <= 0.3
