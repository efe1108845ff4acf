"""Whether a host that is called by name hears it, and whether it hears its name where nobody called."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from tqdm import tqdm

from streaming.bench.hall import Pcm, under
from streaming.hearing.recognizer import Whisper
from streaming.hearing.transcript import Language
from streaming.hearing.wake import WakeWords

HEARD: Final = 0.95
"""Goal: of those who call."""
_SEED: Final = 11


@dataclass(frozen=True, slots=True)
class Woken:
    """One language under one condition."""

    language: Language
    condition: str
    called: int
    """Questions with a wake word before them;"""
    heard: int
    """of which it was heard;"""
    others: int
    """and questions without,"""
    mistaken: int
    """in which it was heard all the same."""
    missed: list[str]
    """What was written instead."""


def measure(
    language: Language,
    condition: str,
    called: Sequence[Pcm],
    others: Sequence[Pcm],
    noise: Pcm,
    recognizer: Whisper,
    wake: WakeWords,
) -> Woken:
    """``called``, ``others``: questions at 48 kHz with a wake word before them, and without."""
    rng = np.random.default_rng(_SEED)

    def written(said: Sequence[Pcm]) -> list[str]:
        bar = tqdm(said, desc=f"calling, {language}, {condition}", unit="question", disable=None)
        return [recognizer.transcribe(under(condition, pcm, noise, rng)).text for pcm in bar]

    texts = written(called)
    missed = [text for text in texts if wake.rest(text) is None]
    mistaken = sum(wake.rest(text) is not None for text in written(others))
    return Woken(language, condition, len(texts), len(texts) - len(missed), len(others), mistaken, missed[:4])


def table(woken: Sequence[Woken]) -> str:
    rows = [f"{'':4}{'wake word':12}{'called':>8}{'heard':>9}{'others':>9}{'mistaken':>10}   goals: {HEARD:.0%}, 0"]
    for one in woken:
        rows.append(
            f"{one.language:4}{one.condition:12}{one.called:8d}{one.heard / max(1, one.called):9.0%}{one.others:9d}"
            f"{one.mistaken:10d}"
        )
        rows += [f"      {text}" for text in one.missed]
    return "\n".join(rows)
