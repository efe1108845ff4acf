"""What the hearing benches measure, with a recognizer that knows the text."""

from typing import Any

import numpy as np
import pytest

from avatar.clock import SAMPLE_RATE
from avatar.voice import read_aloud
from avatar.voice.hibari import Hibari
from streaming.bench import nobody, turns
from streaming.bench.hall import Pcm, murmur
from streaming.hearing.transcript import Transcript
from streaming.playout import at_48k

WHOLE = "How long may a probation period be for a contract of three years?"


class Knowing:
    """Understands one text in every sound."""

    def __init__(self, text: str) -> None:
        self._text = text

    def transcribe(self, *_: Any) -> Transcript:
        return Transcript(self._text, "en", no_speech=False, confidence=0.9)


@pytest.fixture(scope="module")
def said() -> list[tuple[str, Pcm]]:
    pcm = np.concatenate([at_48k(chunk).pcm for chunk in read_aloud(Hibari(), WHOLE, "en")])
    return [(WHOLE, pcm)] * 3


@pytest.mark.parametrize(("text", "whole", "waits"), [(WHOLE, 3, 0.5), ("I was dismissed.", 0, 0.9)])
def test_how_long_a_question_is_waited_for(said: list[tuple[str, Pcm]], text: str, whole: int, waits: float) -> None:
    noise = np.ones(SAMPLE_RATE, np.float32)
    measured = turns.measure("en", "clean", said, noise, Knowing(text), {})  # type: ignore[arg-type]
    assert (measured.questions, measured.unheard, measured.whole) == (3, 0, whole)
    assert measured.all_s[0] == pytest.approx(waits, abs=0.25)
    assert measured.cut == 0  # whoever goes on after 1.2 s continues
    assert measured.early >= 1
    assert "0.0%" in turns.table([measured])


def test_where_nobody_speaks_there_are_no_questions(said: list[tuple[str, Pcm]]) -> None:
    hall = murmur([pcm for _, pcm in said], 20, np.random.default_rng(0))[::3]
    host = [(text, pcm[::3]) for text, pcm in said]
    cases = nobody.measure(0.3, host, hall, Knowing(WHOLE), {})  # type: ignore[arg-type]
    assert [one.what for one in cases] == ["hall", "noise", "music", "host -15 dB", "host -25 dB"]
    by_name = {one.what: one for one in cases}
    for quiet in ("noise", "music", "host -15 dB", "host -25 dB"):
        assert (by_name[quiet].meant, by_name[quiet].questions) == (0, 0), quiet
    assert "goals" in nobody.table(cases)
