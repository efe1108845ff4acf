"""How it is said, in the sound: rate, pitch, energy, emphasis, and where the marks fall in time. With hibari."""

import numpy as np
import pytest

from avatar.bench.seams import seams
from avatar.speech import SpeechChunk
from avatar.voice import read_aloud
from avatar.voice.hibari import Hibari
from avatar.voice.loudness import PEAK, TARGET_LUFS, loudness
from tests.avatar.pitch import pitch

TEXT = "The probation period may be at most six months."


@pytest.fixture(scope="module")
def hibari() -> Hibari:
    return Hibari()


def said(hibari: Hibari, text: str) -> SpeechChunk:
    [chunk] = read_aloud(hibari, text, "en")
    return chunk


def test_feelings_are_heard(hibari: Hibari) -> None:
    plain, glad, sorry = (said(hibari, mark + TEXT) for mark in ("", "[delighted]", "[sorry]"))
    assert glad.seconds < plain.seconds < sorry.seconds
    assert pitch(glad) / pitch(plain) == pytest.approx(2 ** (1 / 12), abs=0.05)
    assert pitch(sorry) / pitch(plain) == pytest.approx(2 ** (-0.6 / 12), abs=0.05)
    levels = [loudness(c.pcm, c.rate) - TARGET_LUFS for c in (plain, glad, sorry)]
    assert levels == pytest.approx([0.0, 1.0, -1.2], abs=0.6)
    assert [m.kind for m in glad.marks] == ["emotion"]


def test_phonemes_keep_their_time_when_the_pitch_is_raised(hibari: Hibari) -> None:
    chunk = said(hibari, "[surprised]" + TEXT)
    assert chunk.phonemes[-1].end == pytest.approx(chunk.seconds, abs=1e-3)
    # Sibilants are where the high frequencies are.
    spectrum = [np.abs(np.fft.rfft(chunk.pcm[k : k + 480])) ** 2 for k in range(0, len(chunk.pcm) - 480, 240)]
    bright = np.array([s[80:].sum() / (s.sum() + 1e-9) for s in spectrum])
    at = np.arange(len(bright)) * 240 / chunk.rate
    hissing = np.zeros(len(bright), bool)
    for p in chunk.phonemes:
        if p.symbol in ("s", "z", "ʃ"):
            hissing |= (at > p.start) & (at < p.end - 0.01)
    assert bright[hissing].mean() > 3 * bright[~hissing].mean()


def test_emphasis_raises_its_words_alone(hibari: Hibari) -> None:
    plain, stressed = said(hibari, TEXT), said(hibari, TEXT.replace("six months", "*six months*"))
    _, mark = stressed.marks  # it begins plainly
    assert mark.kind == "emphasis"
    word = next(w for w in stressed.words if w.text == "six")
    assert mark.at == word.start
    n = min(len(plain.pcm), len(stressed.pcm))
    at = np.arange(n) / plain.rate
    inside = (at > word.start + 0.05) & (at < word.end)
    ratio = np.sqrt(np.mean(stressed.pcm[:n][inside] ** 2) / np.mean(plain.pcm[:n][inside] ** 2))
    assert ratio == pytest.approx(10 ** (2.5 / 20), rel=0.05)
    np.testing.assert_allclose(stressed.pcm[:n][at < word.start - 0.01], plain.pcm[:n][at < word.start - 0.01])
    assert np.abs(stressed.pcm).max() <= PEAK + 1e-3


def test_a_gesture_comes_with_its_word(hibari: Hibari) -> None:
    chunk = said(hibari, "I do [nod]agree with you.")
    _, mark = chunk.marks
    assert (mark.kind, mark.value) == ("gesture", "nod")
    assert mark.at == next(w.start for w in chunk.words if w.text == "agree")


def test_a_pause_is_as_long_as_it_says(hibari: Hibari) -> None:
    chunks = list(read_aloud(hibari, "Wait. [pause 1.5] Now.", "en"))
    assert [c.text for c in chunks] == ["Wait.", "", "Now."]
    assert (chunks[1].seconds, chunks[1].phonemes[0].symbol) == (1.5, "")
    [before, after] = read_aloud(hibari, "Wait [pause 2] now.", "en")
    silence = len(before.pcm) - np.flatnonzero(np.abs(before.pcm) > 0.01)[-1]
    assert silence / before.rate == pytest.approx(2.0, abs=0.1)
    assert after.text == "now."


def test_the_lexicon_is_heard_and_what_is_written_stays(hibari: Hibari) -> None:
    text = "Ask Nguyen, please."
    [plain] = read_aloud(hibari, text, "en")
    [other] = read_aloud(hibari, text, "en", {"Nguyen": "/wɪn/"})
    assert [w.text for w in other.words] == ["Ask", "Nguyen,", "please."] == [w.text for w in plain.words]
    assert "wɪn" in "".join(p.symbol for p in other.phonemes)
    assert "wɪn" not in "".join(p.symbol for p in plain.phonemes)


def test_clauses_meet_without_gap_click_or_jump(hibari: Hibari) -> None:
    text = " ".join(["When the contract ends, which it may, the employer pays; nobody else does."] * 6)
    found = seams(list(read_aloud(hibari, text, "en")))
    assert found.clauses >= 6
    assert (found.gaps, found.clicks, found.jumps) == (0, 0, 0)
