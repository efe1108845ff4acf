"""Face frames as JSON, in the naming that phones and motion-capture tools share (ARKit's, as Live Link writes it).

A frame is ``{"weights": {"jawOpen": 0.31, …}, "rotation": [pitch, yaw, roll], "translation": [x, y, z]}``: radians,
metres and axes of :class:`avatar.face.FaceFrame`; all but ``weights`` may be left out, and they may be a list of 52.
Names are taken whatever their capitals: ``JawOpen`` is ``jawOpen``. ``HeadYaw``, ``HeadPitch`` and ``HeadRoll`` among
them (radians, as Live Link Face sends them) are the rotation.
"""

import math
from typing import Any, Final

import numpy as np

from avatar.face import ARKIT, INDEX, FaceFrame, Floats

_BY_NAME: Final = {name.lower(): i for name, i in INDEX.items()} | {
    f"{name[:-4].lower()}_l": i for name, i in INDEX.items() if name.endswith("Left")
} | {f"{name[:-5].lower()}_r": i for name, i in INDEX.items() if name.endswith("Right")}  # fmt: skip
_HEAD: Final = {"headpitch": 0, "headyaw": 1, "headroll": 2}
_IGNORED: Final = frozenset(
    ("_neutral", "lefteyeyaw", "lefteyepitch", "lefteyeroll", "righteyeyaw", "righteyepitch", "righteyeroll")
)
"""Sent beside the 52; gaze is the eyeLook shapes."""
MOST_TURN: Final = 1.2
MOST_SHIFT: Final = 0.5
"""Radians and metres beyond which a frame is no head's."""


def parse(message: Any) -> tuple[Floats, Floats, Floats]:
    """(weights (52,), rotation (3,), translation (3,)). Raises ``ValueError`` saying what is wrong."""
    if not isinstance(message, dict) or "weights" not in message:
        raise ValueError('a face frame is {"weights": {"jawOpen": 0.3, …}, "rotation": [pitch, yaw, roll]}')
    rotation = _three(message.get("rotation", (0.0, 0.0, 0.0)), "rotation", "radians", MOST_TURN)
    translation = _three(message.get("translation", (0.0, 0.0, 0.0)), "translation", "metres", MOST_SHIFT)
    weights = np.zeros(len(ARKIT), np.float32)
    given = message["weights"]
    if isinstance(given, list):
        if len(given) != len(ARKIT):
            raise ValueError(
                f"weights are {len(ARKIT)} numbers in ARKit's order, not {len(given)}; or send them by name"
            )
        for i, value in enumerate(given):
            weights[i] = _number(value, ARKIT[i])
    elif isinstance(given, dict):
        for name, value in given.items():
            key = str(name).lower()
            if (shape := _BY_NAME.get(key)) is not None:
                weights[shape] = _number(value, str(name))
            elif (axis := _HEAD.get(key)) is not None:
                rotation[axis] = _within(_number(value, str(name)), MOST_TURN)
            elif key not in _IGNORED:
                raise ValueError(f"there is no blendshape {str(name)[:40]!r}; ARKit's 52 are: {', '.join(ARKIT)}")
    else:
        raise ValueError("weights are an object by name, or a list of 52")
    return np.clip(weights, 0.0, 1.0, out=weights), rotation, translation


def encode(tick: int, frame: FaceFrame) -> dict[str, Any]:
    """A frame to be sent: the weights as a list in ARKit's order."""
    return {
        "tick": tick,
        "weights": [round(float(w), 4) for w in frame.weights],
        "rotation": [round(float(r), 5) for r in frame.rotation],
        "translation": [round(float(t), 5) for t in frame.translation],
    }


def _three(value: Any, name: str, unit: str, most: float) -> Floats:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError(f"{name} is three numbers in {unit}")
    return np.array([_within(_number(v, name), most) for v in value], np.float32)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name[:40]} must be a finite number")
    return float(value)


def _within(value: float, most: float) -> float:
    return max(-most, min(most, value))
