"""What the benches count as misheard, and what they put between a speaker and the recognizer."""

from pathlib import Path

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from streaming.bench.hall import in_a_hall, murmur, over_opus
from streaming.bench.hearing import Heard, Report, asked, table
from streaming.bench.misheard import sounds, units
from streaming.roomfile import LANGUAGES, Language

ROOMS = Path(__file__).parents[2] / "rooms"


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("zh", "试用期最长6个月。", "试用期最长六个月"),
        ("zh", "遺囑", "遗嘱"),
        ("en", "It costs $5.", "It costs 5 dollars"),
        ("en", "At 9.30 a.m., over time", "at 9:30 am overtime"),
    ],
)
def test_however_it_is_written(language: Language, one: str, other: str) -> None:
    assert units(one, language) == units(other, language)


def test_homophones_sound_alike_and_are_misheard() -> None:
    said, written = units("遗嘱", "zh"), units("宜主", "zh")
    assert Levenshtein.distance(said, written) == 2
    assert Levenshtein.distance(sounds(said, "zh"), sounds(written, "zh")) == 0


def test_speech_stands_so_far_above_a_hall() -> None:
    rng = np.random.default_rng(1)
    speech = np.sin(np.arange(96_000) / 20).astype(np.float32) * 0.3
    pcm = np.concatenate([np.zeros(48_000, np.float32), speech])
    noise = murmur([speech[:30_000], rng.normal(0, 0.1, 20_000).astype(np.float32)], 10, rng)
    around = in_a_hall(pcm, noise, 10, rng) - pcm
    assert 10 * np.log10((speech**2).mean() / (around**2).mean()) == pytest.approx(10, abs=0.6)
    assert noise.dtype == np.float32


def test_what_opus_loses_is_gone() -> None:
    rng = np.random.default_rng(1)
    pcm = (0.3 * np.sin(np.arange(96_000) / 20)).astype(np.float32)
    assert len(list(over_opus(pcm, 0.0, rng))) == 100
    assert 50 < len(list(over_opus(pcm, 0.3, rng))) < 85


def test_enough_is_asked_by_voice() -> None:
    for language in LANGUAGES:
        spoken = asked(ROOMS / "legal-assistant", language)
        assert len(set(spoken)) == len(spoken) >= 45
    assert asked(ROOMS / "legal-assistant", "zh") == asked(ROOMS / "legal-assistant", "zh")


def test_the_table() -> None:
    one = Heard("zh", "10 dB", 50, 0.123, 0.02, (0.9, 1.4), [("遗嘱", "宜主")])
    told = table(Report("two cores", "whisper-base", [one]))
    assert "12.3%" in told
    assert "14%" in told
    assert "宜主" in told
