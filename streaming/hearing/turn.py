"""When somebody begins to speak, pauses and has finished. Sans-I/O: chunks of 32 ms in, what happened out.

A turn ends by silence, and by what was said: a whole question is answered soon, the first half of one is waited for,
and “that depends on the …” longer still. Whoever goes on all the same, soon after, continues what they said.
"""

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np
import numpy.typing as npt

from streaming.hearing.ending import Ending
from streaming.hearing.vad import CHUNK

CHUNK_S: Final = CHUNK / 16_000
_ON: Final = 0.5
_OFF: Final = 0.35
"""Probability of speech above which a chunk is speech, and below which it is none; between, it is what the last was."""
_ON_DB: Final = 9.0
_OFF_DB: Final = 5.0
"""The same for its loudness above the noise around: in a full hall everything sounds like speech to the network."""
_LOUDNESS: Final = 5
"""Chunks whose power is averaged: babble is as loud as speech for a moment, but not for 160 ms."""
_NOISE: Final = 125
"""Chunks (4 s) whose quietest tenth is the noise around; nothing begins before"""
_KNOWN: Final = 16
"""so many were heard."""
_RISE_DB: Final = 0.06
_RISE_SPEAKING_DB: Final = 0.015
"""By which the noise can rise in a chunk: 2 dB/s, and 0.5 dB/s while somebody speaks."""
_BEGIN: Final = 3
_RESUME: Final = 2
"""Chunks of speech among the last four with which a turn begins, or goes on: a click is shorter. Two to begin with are
32 ms sooner, and took a faint echo of the host for a visitor more often (docs/hearing.md)."""
_SHORTEST_S: Final = 0.2
"""Less speech than this was a cough."""
_MEANT_S: Final = 0.4
"""So much speech is no “mm” and no cough: somebody wants the floor."""


class Happened(Enum):
    BEGAN = auto()
    """Somebody speaks."""
    CONTINUED = auto()
    """Somebody speaks, so soon after the end of a turn that it belongs to it."""
    MEANT = auto()
    """They have spoken for so long that they mean it."""
    PAUSED = auto()
    """Silence: worth writing down what was said, for it may be all."""
    RESUMED = auto()
    """It was not all."""
    ENDED = auto()
    """They have finished."""
    NOTHING = auto()
    """What began was no speech: a cough, a door."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How long somebody may be silent. Seconds, from their last word."""

    pause_s: float = 0.2
    """What was said is written down then, in case it is all."""
    complete_s: float = 0.5
    """A whole question is over then,"""
    open_s: float = 0.9
    """anything else that is no half sentence,"""
    hanging_s: float = 2.0
    """and half a sentence."""
    continue_s: float = 2.0
    """More within this time belongs to the same turn, even if it was over."""
    longest_s: float = 28.0
    """A turn ends then in any case: Whisper takes 30 s at once."""

    def patience_s(self, ending: Ending) -> float:
        match ending:
            case Ending.COMPLETE:
                return self.complete_s
            case Ending.OPEN:
                return self.open_s
            case Ending.HANGING:
                return self.hanging_s


USUAL: Final = Manner()


class _State(Enum):
    SILENT = auto()
    SPEAKING = auto()
    PAUSED = auto()


class Turn:
    """One speaker's turns, one after the other."""

    def __init__(self, manner: Manner = USUAL, *, held: bool = False) -> None:
        """``held``: a button tells when it ends; silence ends nothing."""
        self._manner = manner
        self._held = held
        self._powers: deque[float] = deque(maxlen=_LOUDNESS)
        self._levels: deque[float] = deque(maxlen=_NOISE)
        self._noise = math.inf
        self._recent: deque[bool] = deque(maxlen=4)
        self._state = _State.SILENT
        self._now = 0
        """Chunks heard; all below count in them."""
        self._began = self._voiced = 0
        self._last_word: int | None = None
        self._meant = False
        self._unmeant = 0
        """Of the chunks of speech, those before somebody went on: what they go on with must be meant itself."""
        self._ending = Ending.OPEN

    def reset(self) -> None:
        """Whoever spoke is gone; the noise around is still known."""
        self._state, self._last_word = _State.SILENT, None
        self._recent.clear()

    @property
    def speaking(self) -> bool:
        return self._state is _State.SPEAKING

    @property
    def begun(self) -> bool:
        """Somebody has the word."""
        return self._state is not _State.SILENT

    @property
    def over(self) -> bool:
        """Nobody has the word, and what comes would not belong to the last turn."""
        return not self.begun and not self._may_continue

    @property
    def silent_s(self) -> float:
        """Since the last word of this turn or the one before; 0 if there was none."""
        return 0.0 if self._last_word is None else (self._now - self._last_word) * CHUNK_S

    def written(self, ending: Ending) -> None:
        """How what was said up to this pause breaks off."""
        self._ending = ending

    def hear(self, probability: float, chunk: npt.NDArray[np.float32], *, missing: bool = False) -> list[Happened]:
        """(512,) float32 at 16 kHz, and how probably it is speech.

        ``missing``: nothing came from the microphone, which says nothing of the noise around it.
        """
        speech = not missing and self._is_speech(probability, chunk)
        self._recent.append(speech)
        self._now += 1
        if self._state is _State.SILENT:
            return self._begin() if sum(self._recent) >= _BEGIN else []
        if speech:
            self._last_word = self._now
            self._voiced += 1
        if (self._now - self._began) * CHUNK_S >= self._manner.longest_s and not self._held:
            ended = self._end()
            self._last_word = None  # what follows is another turn
            return ended
        return self._go_on() if self._state is _State.SPEAKING else self._wait()

    def _is_speech(self, probability: float, chunk: npt.NDArray[np.float32]) -> bool:
        self._powers.append(float(np.dot(chunk, chunk)) / len(chunk))
        level = 10 * math.log10(sum(self._powers) / len(self._powers) + 1e-10)
        self._levels.append(level)
        known = len(self._levels)
        if known <= _KNOWN and not self._held:
            return False
        tenth = known // 10
        noise = float(np.partition(np.fromiter(self._levels, np.float64, known), tenth)[tenth])
        # Slowly up: whoever speaks without a breath is not noise.
        self._noise = min(noise, self._noise + (_RISE_SPEAKING_DB if self.begun else _RISE_DB))
        was_speech = bool(self._recent and self._recent[-1])
        loud = level - self._noise > (_OFF_DB if was_speech else _ON_DB)
        return (loud or self._held) and probability > (_OFF if was_speech else _ON)

    @property
    def _may_continue(self) -> bool:
        return self._last_word is not None and self.silent_s - len(self._recent) * CHUNK_S < self._manner.continue_s

    def _begin(self) -> list[Happened]:
        continued = self._may_continue
        self._state, self._last_word, self._meant = _State.SPEAKING, self._now, False
        if continued:
            self._unmeant = self._voiced
            self._voiced += sum(self._recent)
            return [Happened.CONTINUED]
        self._began, self._voiced, self._unmeant = self._now - len(self._recent), sum(self._recent), 0
        return [Happened.BEGAN]

    def _go_on(self) -> list[Happened]:
        happened = []
        if not self._meant and (self._voiced - self._unmeant) * CHUNK_S >= _MEANT_S:
            self._meant = True
            happened.append(Happened.MEANT)
        if self.silent_s < self._manner.pause_s:
            return happened
        if self._voiced * CHUNK_S < _SHORTEST_S and not self._held:
            self._state, self._last_word = _State.SILENT, None
            return [*happened, Happened.NOTHING]
        self._state, self._ending = _State.PAUSED, Ending.OPEN
        return [*happened, Happened.PAUSED]

    def _wait(self) -> list[Happened]:
        if sum(self._recent) >= _RESUME:
            self._state = _State.SPEAKING
            return [Happened.RESUMED]
        if not self._held and self.silent_s >= self._manner.patience_s(self._ending):
            return self._end()
        return []

    def _end(self) -> list[Happened]:
        self._state = _State.SILENT
        self._recent.clear()
        return [Happened.ENDED]
