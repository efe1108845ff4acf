"""Somebody speaks through the host: their sound on its way to the air, with lips that follow it.

Sans-I/O. Sound comes when the network brings it and leaves a tick at a time. It waits :data:`CUSHION` ticks for what
comes late, and :data:`~avatar.listening.LOOK_AHEAD` more for the lips, which hear a little ahead.
"""

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from avatar.face import Floats
from avatar.listening import LOOK_AHEAD
from avatar.listening.listener import Listener

Pcm = npt.NDArray[np.float32]

CUSHION: Final = 3
"""Ticks (62 ms) of sound in hand before it is played."""
FULL: Final = 8
"""Ticks in hand from which a quiet one is left out: the sender's clock is faster, or a jam has cleared;"""
OVERFULL: Final = 24
"""and from which any is."""
_QUIET: Final = 0.006
"""RMS of a tick in which nobody speaks."""
_TARGET: Final = 0.11
"""RMS to which speech is brought: about the house's −19 LUFS."""
_MOST_GAIN: Final = 8.0
_PEAK: Final = 0.89
_LEVEL_S: Final = 2.0
"""Seconds of speech over which the level is followed."""


class LiveVoice:
    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._waiting: deque[Pcm] = deque()
        self._samples = 0
        self._filling = True
        self._heard: deque[Pcm] = deque([np.zeros(SAMPLES_PER_TICK, np.float32)] * LOOK_AHEAD)
        self._level = _TARGET
        self.late = 0
        """Ticks for which no sound was there."""

    def put(self, pcm: Pcm) -> None:
        """(n,) float32 mono at 48 kHz, as it comes."""
        self._waiting.append(pcm)
        self._samples += len(pcm)

    def take(self, out: Pcm) -> Floats:
        """The next tick's sound, added to ``out`` (1000,), and its mouth."""
        sound = self._next()
        mouth = self._listener.tick(sound)
        self._heard.append(sound)
        out += self._heard.popleft()
        np.clip(out, -1.0, 1.0, out=out)
        return mouth

    def _next(self) -> Pcm:
        if self._filling and self._samples < CUSHION * SAMPLES_PER_TICK:
            return np.zeros(SAMPLES_PER_TICK, np.float32)
        if self._samples < SAMPLES_PER_TICK:
            self.late += 1
            self._filling = True
            return np.zeros(SAMPLES_PER_TICK, np.float32)
        self._filling = False
        sound = self._pull()
        while self._samples > OVERFULL * SAMPLES_PER_TICK or (
            self._samples > FULL * SAMPLES_PER_TICK and _rms(sound) < _QUIET
        ):
            sound = self._pull()
        return self._evened(sound)

    def _pull(self) -> Pcm:
        out = np.empty(SAMPLES_PER_TICK, np.float32)
        filled = 0
        while filled < SAMPLES_PER_TICK:
            piece = self._waiting.popleft()
            taken = piece[: SAMPLES_PER_TICK - filled]
            out[filled : filled + len(taken)] = taken
            filled += len(taken)
            if len(taken) < len(piece):
                self._waiting.appendleft(piece[len(taken) :])
        self._samples -= SAMPLES_PER_TICK
        return out

    def _evened(self, sound: Pcm) -> Pcm:
        """Brought slowly to the house's loudness; a quiet room is not raised to it."""
        level = _rms(sound)
        if level > _QUIET:
            self._level += (level - self._level) * SAMPLES_PER_TICK / (SAMPLE_RATE * _LEVEL_S)
        gain = min(_MOST_GAIN, _TARGET / max(self._level, 1e-4))
        evened: Pcm = np.clip(sound * np.float32(gain), -_PEAK, _PEAK)
        return evened


def _rms(sound: Pcm) -> float:
    return float(np.sqrt(np.mean(np.square(sound))))
