"""What of a face frame is drawn: a host is made to be seen from the front, within these limits."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.face import FaceFrame

Floats = npt.NDArray[np.float32]

MAX_TURN: Final = 0.6
"""Radians the head turns at most."""
MAX_SHIFT: Final = 0.15
"""Metres the head moves from rest at most."""
MAX_LEAN: Final = 0.1
"""Radians the torso leans at most."""


@dataclass(frozen=True, slots=True)
class Held:
    """A frame's numbers, float32, all of them finite and within their limits."""

    weights: Floats
    """(52,)"""
    angles: Floats
    """(3,) radians, as :attr:`FaceFrame.rotation`."""
    shift: Floats
    """(3,) metres."""
    body: Floats
    """(2,) breath from 0 to 1, and the torso's lean to a side, radians."""

    @classmethod
    def of(cls, frame: FaceFrame) -> "Held":
        body = np.zeros(2, np.float32)
        if frame.body is not None:
            body[:] = frame.body.breath, frame.body.lean[2]
        weights, angles, shift, body = (
            np.nan_to_num(np.asarray(part, np.float32))
            for part in (frame.weights, frame.rotation, frame.translation, body)
        )
        return cls(
            weights.clip(0, 1), angles.clip(-MAX_TURN, MAX_TURN), shift.clip(-MAX_SHIFT, MAX_SHIFT),
            body.clip(np.array([0, -MAX_LEAN], np.float32), np.array([1, MAX_LEAN], np.float32)),
        )  # fmt: skip
