"""The last stop of every voice: a clause's sound made even, its marks put in time, and the pause after it."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from avatar.speech import Mark, Pcm, Phoneme, SpeechChunk, Word
from avatar.voice.clauses import Clause
from avatar.voice.delivery import EMPHASIS
from avatar.voice.loudness import TARGET_LUFS, limited, normalized

_FADE: Final = 0.008
"""Seconds over which a clause rises out of silence and falls back into it, so that no edge clicks."""
_SWELL: Final = 0.04
"""Seconds over which an emphasized word rises and falls."""


def finish(
    clause: Clause, sound: Pcm, rate: int, phonemes: Sequence[Phoneme] = (), words: Sequence[Word] = ()
) -> SpeechChunk:
    """The chunk of a clause from its trimmed ``sound`` (n,); the last phoneme, a silence, grows by the pause."""
    sound = normalized(sound, rate, TARGET_LUFS + clause.delivery.energy).copy()
    marks = placed(clause, words, len(sound) / rate)
    emphasize(sound, rate, marks)
    sound = limited(sound, rate)
    fade_in(sound, rate)
    fade_in(sound[::-1], rate)
    pcm = np.concatenate((sound, np.zeros(round(clause.pause * rate), np.float32)))
    return SpeechChunk(pcm, rate, clause.text, tuple(phonemes), tuple(words), tuple(mark for mark, _ in marks))


def silence(clause: Clause, rate: int = 24_000) -> SpeechChunk:
    """A clause in which nothing is said: its pause, and what the face does meanwhile."""
    pcm = np.zeros(max(1, round(clause.pause * rate)), np.float32)
    seconds = len(pcm) / rate
    marks = tuple(mark for mark, _ in placed(clause, (), 0.0))
    return SpeechChunk(pcm, rate, clause.text, (Phoneme("", 0.0, seconds),), (), marks)


def placed(clause: Clause, words: Sequence[Word], seconds: float) -> tuple[tuple[Mark, float], ...]:
    """The clause's marks and the end of what each spans, in seconds."""
    return tuple(_placed(clause, words, seconds))


def emphasize(sound: Pcm, rate: int, marks: Sequence[tuple[Mark, float]], at: float = 0.0) -> None:
    """Raise the words that are emphasized, in place; ``sound`` begins ``at`` seconds into its clause."""
    for mark, end in marks:
        if mark.kind == "emphasis" and end > mark.at:
            seconds = at + np.arange(len(sound), dtype=np.float32) / rate
            edge = min(_SWELL, (end - mark.at) / 2)
            rise = np.clip(np.minimum(seconds - mark.at, end - seconds) / edge, 0.0, 1.0)
            sound *= 1.0 + np.float32(10 ** (EMPHASIS / 20) - 1.0) * (0.5 - 0.5 * np.cos(np.pi * rise))


def fade_in(sound: Pcm, rate: int) -> None:
    """Let ``sound`` rise out of silence, in place."""
    fade = min(len(sound) // 2, round(_FADE * rate))
    sound[:fade] *= np.linspace(0.0, 1.0, fade, dtype=np.float32)


def _placed(clause: Clause, words: Sequence[Word], seconds: float) -> Iterator[tuple[Mark, float]]:
    """The clause's marks and the end of what each spans, in seconds."""
    if not words:  # an engine that does not tell: as far on in time as in the text
        length = max(1, len(clause.text))
        for mark in clause.marks:
            at, end = seconds * mark.start / length, seconds * mark.end / length
            if mark.kind != "pause":
                yield Mark(mark.kind, mark.value, at), end
        return
    starts = _starts(clause.text, words)
    for mark in clause.marks:
        after = next((w for w, start in zip(words, starts, strict=True) if start + len(w.text) > mark.start), None)
        at = after.start if after else seconds
        inside = [w.end for w, start in zip(words, starts, strict=True) if start < mark.end]
        if mark.kind != "pause":
            yield Mark(mark.kind, mark.value, at), max(at, inside[-1] if inside else at)


def _starts(text: str, words: Sequence[Word]) -> list[int]:
    """Where each word stands in ``text``."""
    starts: list[int] = []
    at = 0
    for word in words:
        found = text.find(word.text, at)
        at = at if found < 0 else found
        starts.append(at)
        at += len(word.text) if found >= 0 else 0
    return starts
