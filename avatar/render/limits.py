"""What of a face frame is drawn: a host is made to be seen from the front, within these limits."""

from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.face import ARKIT, FaceFrame

Floats = npt.NDArray[np.float32]

MAX_TURN: Final = 0.6
"""Radians the head turns at most."""
MAX_SHIFT: Final = 0.15
"""Metres the head moves from rest at most."""
MAX_LEAN: Final = 0.1
"""Radians the torso leans at most."""


_LOW: Final = np.array([0.0] * len(ARKIT) + [-MAX_TURN] * 3 + [-MAX_SHIFT] * 3 + [0.0, -MAX_LEAN], np.float32)
_HIGH: Final = np.array([1.0] * len(ARKIT) + [MAX_TURN] * 3 + [MAX_SHIFT] * 3 + [1.0, MAX_LEAN], np.float32)


def held(frame: FaceFrame) -> Floats:
    """(60,) float32, all finite and within their limits: 52 weights, 3 angles and 3 metres of the head, the breath, and
    the torso's lean to a side.
    """
    out = np.zeros(len(_LOW), np.float32)
    out[:-8], out[-8:-5], out[-5:-2] = frame.weights, frame.rotation, frame.translation
    if frame.body is not None:
        out[-2:] = frame.body.breath, frame.body.lean[2]
    np.nan_to_num(out, copy=False)
    return np.clip(out, _LOW, _HIGH, out=out)
