"""When turns begin and end: for how long a whole question is waited for, and whether a pause cuts one in two.

Sans-I/O: the chunks of a microphone go through :class:`Turn`, and what was said up to a pause is written down by the
real recognizer; its text counts as known after the time that took.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from tqdm import tqdm

from streaming.bench.hall import Pcm, under
from streaming.hearing.ending import Ending, ending
from streaming.hearing.microphone import RATE
from streaming.hearing.recognizer import Whisper
from streaming.hearing.transcript import Language
from streaming.hearing.turn import CHUNK_S, Happened, Turn
from streaming.hearing.vad import VoiceActivity

PAUSES_S: Final = (0.6, 0.9, 1.2)
CUT: Final = 0.03
WAIT_S: Final = 0.6
"""Goals: share of pauses that cut; wait after a whole question."""
_BEFORE_S: Final = 3.0
_AFTER_S: Final = 3.0
_SOUND: Final = 0.01
_SEED: Final = 5


@dataclass(frozen=True, slots=True)
class Turns:
    """Of one language under one condition. Seconds: median and 95th percentile, from a question's last sound."""

    language: Language
    condition: str
    questions: int
    unheard: int
    """Of which no turn was made, or nothing written."""
    whole: int
    """Whose text is that of a whole question;"""
    whole_s: tuple[float, float]
    """after which it was taken to be over, of those;"""
    all_s: tuple[float, float]
    """and of all."""
    early: int
    """Said with a pause in the middle: taken to be over in it, and taken back when the speaker went on;"""
    cut: int
    """and cut in two."""


@dataclass(slots=True)
class _Heard:
    happened: list[tuple[float, Happened]]
    last: tuple[float, str, Ending] | None = None
    """When the last text was known, and what it says."""

    def at(self, what: Happened) -> list[float]:
        return [at for at, one in self.happened if one is what]


def measure(
    language: Language,
    condition: str,
    said: Sequence[tuple[str, Pcm]],
    noise: Pcm,
    recognizer: Whisper,
    vocabulary: dict[Language, str],
) -> Turns:
    """``said``: questions at 48 kHz; ``condition``: "clean" or so many "dB" above ``noise``."""
    rng = np.random.default_rng(_SEED)
    waits: list[tuple[float, bool]] = []
    unheard = early = cut = 0
    for k, (_, pcm) in enumerate(tqdm(said, desc=f"turns, {language}, {condition}", unit="question", disable=None)):
        placed = _placed(pcm, 0.0)
        whole = _listen(under(condition, placed, noise, rng), recognizer, vocabulary)
        ends = whole.at(Happened.ENDED)
        if ends and whole.last and whole.last[1]:
            waits.append((ends[-1] - _last_sound(placed), whole.last[2] is Ending.COMPLETE))
        else:
            unheard += 1
        halves = under(condition, _placed(pcm, PAUSES_S[k % len(PAUSES_S)]), noise, rng)
        paused = _listen(halves, recognizer, vocabulary)
        began = [at for at in paused.at(Happened.BEGAN) if at > _BEFORE_S - 0.2]
        cut += len(began) > 1
        early += bool(paused.at(Happened.CONTINUED))
    complete = [wait for wait, whole_one in waits if whole_one]
    return Turns(
        language,
        condition,
        len(said),
        unheard,
        len(complete),
        _quantiles(complete),
        _quantiles([wait for wait, _ in waits]),
        early,
        cut,
    )


def table(turns: Sequence[Turns]) -> str:
    rows = [
        f"{'':4}{'turns':9}{'questions':>10}{'unheard':>9}{'whole':>7}{'over after, p50':>17}{'p95':>9}"
        f"{'all, p50':>11}{'p95':>9}{'early':>8}{'cut':>8}   goals: {WAIT_S:.1f} s, {CUT:.0%}"
    ]
    rows += [
        f"{t.language:4}{t.condition:9}{t.questions:10d}{t.unheard:9d}{t.whole:7d}{t.whole_s[0]:15.2f} s"
        f"{t.whole_s[1]:7.2f} s{t.all_s[0]:9.2f} s{t.all_s[1]:7.2f} s"
        f"{t.early / t.questions:8.1%}{t.cut / t.questions:8.1%}"
        for t in turns
    ]
    return "\n".join(rows)


def _listen(pcm: Pcm, recognizer: Whisper, vocabulary: dict[Language, str]) -> _Heard:
    turn, voice, result = Turn(), VoiceActivity(), _Heard([])
    sound: list[Pcm] = []
    due: tuple[float, str, Ending] | None = None
    for k, (chunk, probability) in enumerate(voice.judged(pcm)):
        now = (k + 1) * CHUNK_S
        sound.append(chunk)
        if due is not None and now >= due[0]:
            turn.written(due[2])
            result.last, due = due, None
        for happened in turn.hear(probability, chunk):
            result.happened.append((now, happened))
            if happened is Happened.PAUSED:
                begun = time.perf_counter()
                text = recognizer.transcribe(np.concatenate(sound), None, vocabulary)
                due = now + time.perf_counter() - begun, text.text, ending(text.text, text.language)
            elif happened in (Happened.RESUMED, Happened.CONTINUED):
                due = None
    return result


def _placed(pcm: Pcm, pause_s: float) -> Pcm:
    """A question with silence around it, and a pause at its quietest place between 30 and 80 % of it."""
    rate = 3 * RATE
    sounding = np.flatnonzero(np.abs(pcm) > _SOUND)
    first, last = int(sounding[0]), int(sounding[-1])
    pcm = pcm[first : last + 1]
    step = rate // 100
    loudness = np.abs(pcm[: len(pcm) // step * step].reshape(-1, step)).mean(1)
    smooth = np.convolve(loudness, np.ones(3), "same")
    low, high = int(len(loudness) * 0.3), int(len(loudness) * 0.8)
    at = (low + int(smooth[low:high].argmin())) * step
    silence = [np.zeros(int(seconds * rate), np.float32) for seconds in (_BEFORE_S, pause_s, _AFTER_S)]
    return np.concatenate([silence[0], pcm[:at], silence[1], pcm[at:], silence[2]])


def _last_sound(placed: Pcm) -> float:
    return float(np.flatnonzero(np.abs(placed) > _SOUND)[-1]) / (3 * RATE)


def _quantiles(seconds: Sequence[float]) -> tuple[float, float]:
    if not seconds:
        return (float("nan"), float("nan"))
    p50, p95 = np.quantile(seconds, (0.5, 0.95))
    return float(p50), float(p95)
