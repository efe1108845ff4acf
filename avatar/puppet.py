"""A face that comes from outside, frame by frame: from a phone's face tracking or a motion-capture tool."""

from typing import Final

import numpy as np

from avatar.clock import TICKS_PER_SECOND
from avatar.face import ARKIT, FaceFrame, Floats
from avatar.noise import smoothstep

STALE_TICKS: Final = TICKS_PER_SECOND // 2
"""Without a frame for so long, the host lives on by itself."""
_BLEND_TICKS: Final = TICKS_PER_SECOND // 3
"""Over which it is handed over, and back."""
_FOLLOW: Final = 0.6
"""Share of the way to the newest frame that is gone each tick: steadies a tracker's jitter, costs it one tick."""
_NUMBERS: Final = len(ARKIT) + 6


class Puppet:
    """Asked for one tick after another; any may be skipped."""

    def __init__(self) -> None:
        self._wanted: Floats = np.zeros(_NUMBERS, np.float32)
        """Weights, rotation, translation,"""
        self._shown: Floats = np.zeros(_NUMBERS, np.float32)
        self._came = -STALE_TICKS
        """and the tick at which they came."""
        self._share = 0.0
        """How far the face is the puppet's, 0 to 1."""
        self._at = 0

    def follow(self, weights: Floats, rotation: Floats, translation: Floats, tick: int) -> None:
        """A frame, as :class:`avatar.face.FaceFrame` has it, to be shown from ``tick`` on."""
        if self._share == 0.0 and tick - self._came >= STALE_TICKS:
            self._shown[:] = np.concatenate((weights, rotation, translation))
        self._wanted[: len(ARKIT)] = weights
        self._wanted[-6:-3] = rotation
        self._wanted[-3:] = translation
        self._came = tick

    def apply(self, tick: int, frame: FaceFrame) -> bool:
        """Lay the face of ``tick`` over ``frame``; whether there is one."""
        passed, self._at = max(0, tick - self._at), tick
        fresh = tick - self._came < STALE_TICKS
        step = passed / _BLEND_TICKS
        self._share = min(1.0, self._share + step) if fresh else max(0.0, self._share - step)
        if self._share == 0.0:
            return False
        self._shown += (1.0 - (1.0 - _FOLLOW) ** passed) * (self._wanted - self._shown)
        share = smoothstep(self._share)
        frame.weights += share * (self._shown[: len(ARKIT)] - frame.weights)
        frame.rotation += share * (self._shown[-6:-3] - frame.rotation)
        frame.translation += share * (self._shown[-3:] - frame.translation)
        return True
