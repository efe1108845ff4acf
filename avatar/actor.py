"""The host's whole face at each tick: lips over life, and the head's beats from the speech itself."""

import math
from typing import Final

import numpy as np

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.emotions import EMOTIONS, told
from avatar.face import FaceFrame, Floats
from avatar.life import GESTURES, Accent, Attention, Life
from avatar.lips import Lips
from avatar.puppet import Puppet
from avatar.speech import SpeechChunk

_LINGER_TICKS: Final = round(0.4 * TICKS_PER_SECOND)
"""The manner of speaking outlasts a pause between two clauses."""
_OPEN: Final = 0.06
"""Jaw of somebody live from which they are taken to speak."""
_FEELING_TICKS: Final = 3 * TICKS_PER_SECOND
"""A feeling outlasts the words it was said with, and passes."""
_BEAT_GAP: Final = 0.7
"""Seconds between two beats at least."""
_END: Final = 0.1
"""Seconds before the end of a phrase at which it is over."""
_STRESSED: Final = 1.25
"""Loudness, in units of the clause's mean, from which a moment counts as stressed."""


class Actor:
    """Animates one host. Asked for one tick after another (ticks may be skipped); not thread-safe.

    Deterministic: the same calls in the same order give the same faces.
    """

    def __init__(self, seed: int = 0) -> None:
        self._lips = Lips()
        self._life = Life(seed)
        self._puppet = Puppet()
        self._attention = Attention.IDLE
        self._felt = False
        """A feeling is shown, or is going to be,"""
        self._feels_from = 0
        """from this tick on."""
        self._spoke = -_LINGER_TICKS - 1
        self._frame = FaceFrame()

    def say(self, chunk: SpeechChunk, start: int) -> None:
        """Speak ``chunk``, whose first sample is heard at absolute sample ``start`` (48 kHz).

        Chunks come in order, best half a second before they are heard, for lips begin before the sound; one that
        starts before the end of another cuts it short.
        """
        if chunk.mouth is not None and not chunk.marks and not chunk.mouth.any():
            return  # music: nobody says it, and nobody nods in its time
        self._life.hush(start // SAMPLES_PER_TICK)
        self._lips.say(chunk, start)
        for accent in _accents(chunk, start):
            self._life.accent(accent)
        for mark in sorted(chunk.marks, key=lambda m: m.at):
            tick = _at(start, mark.at, 0.0).tick if math.isfinite(mark.at) else 0
            if mark.kind == "emotion":
                name, share = told(mark.value)
                self._felt, self._feels_from = name in EMOTIONS, tick
                self._life.feel(name if self._felt else None, tick, share)
            elif mark.kind == "gesture" and mark.value in GESTURES:
                self._life.gesture(mark.value, tick)

    def hush(self, at: int) -> None:
        """Drop everything from sample ``at`` on; the mouth is at rest about 150 ms later."""
        self._lips.hush(at)
        self._life.hush(at // SAMPLES_PER_TICK)

    def follow(self, mouth: Floats, tick: int) -> None:
        """Do with the mouth at ``tick`` as ``mouth`` (:data:`avatar.lips.MOUTH`,) does: somebody speaks live."""
        self._lips.follow(mouth, tick)
        if mouth[0] > _OPEN:
            self._spoke = tick

    def be(self, weights: Floats, rotation: Floats, translation: Floats, tick: int) -> None:
        """Show a face from outside from ``tick`` on, for as long as such faces keep coming: :mod:`avatar.puppet`."""
        self._puppet.follow(weights, rotation, translation, tick)

    def attend(self, mode: Attention | str) -> None:
        """Turn to a mode of attention ("idle", "listening", "thinking", "speaking") from the next frame on.

        While speech is heard the manner is that of speaking whatever the mode; afterwards the mode holds again.
        Raises ``ValueError`` for any other mode.
        """
        self._attention = Attention(mode)

    def frame(self, tick: int) -> FaceFrame:
        """The face for samples [1000 tick, 1000 (tick + 1)). One object, overwritten by the next call."""
        if self._lips.speaking(tick):
            self._spoke = tick
        lately = 0 <= tick - self._spoke <= _LINGER_TICKS
        if self._felt and tick - max(self._spoke, self._feels_from) >= _FEELING_TICKS:
            self._felt = False
            self._life.feel(None, tick)
        self._life.attend(Attention.SPEAKING if lately else self._attention, tick)
        self._frame.weights[:] = self._lips.weights(tick)
        self._life.apply(tick, self._frame)
        self._puppet.apply(tick, self._frame)
        np.clip(self._frame.weights, 0.0, 1.0, out=self._frame.weights)
        return self._frame


def _accents(chunk: SpeechChunk, start: int) -> list[Accent]:
    """Stressed moments of a chunk, marked or heard, and its end if a phrase ends there, in the order of their ticks."""
    marked = [(m.at, 1.0) for m in chunk.marks if m.kind == "emphasis" and math.isfinite(m.at)]
    accents = [_at(start, seconds, strength) for seconds, strength in (*_stresses(chunk), *marked)]
    if chunk.rest <= 0.0:
        # Before its last sample, for what is said next takes over from there.
        accents.append(_at(start, max(0.0, chunk.seconds - _END), 0.0))
    return sorted(accents, key=lambda a: a.tick)


def _at(start: int, seconds: float, strength: float) -> Accent:
    return Accent((start + round(seconds * SAMPLE_RATE)) // SAMPLES_PER_TICK, strength)


def _stresses(chunk: SpeechChunk) -> list[tuple[float, float]]:
    """(seconds, strength in (0, 1]) of the loudest syllables, at least :data:`_BEAT_GAP` apart."""
    step = max(1, chunk.rate // TICKS_PER_SECOND)
    count = len(chunk.pcm) // step
    if count < TICKS_PER_SECOND // 4:
        return []
    windows = np.nan_to_num(chunk.pcm[: count * step], posinf=0.0, neginf=0.0).reshape(count, step)
    level = np.convolve(np.sqrt(np.mean(np.square(windows), axis=1)), np.full(5, 0.2), mode="same")
    mean = float(level[level > 0.1 * float(level.max())].mean()) if level.max() > 1e-4 else 0.0
    if mean == 0.0:
        return []
    peaks = [
        (float(level[i]) / mean, i * step / chunk.rate)
        for i in range(1, count - 1)
        if level[i] >= level[i - 1] and level[i] > level[i + 1] and level[i] > _STRESSED * mean
    ]
    chosen: list[tuple[float, float]] = []
    for strength, seconds in sorted(peaks, reverse=True):
        if all(abs(seconds - other) >= _BEAT_GAP for other, _ in chosen):
            chosen.append((seconds, min(1.0, 0.4 + (strength - _STRESSED))))
    return chosen
