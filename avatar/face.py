"""The face frame: what everything that animates a face hands to everything that draws one.

The 52 blendshapes are ARKit's, in Apple's documented order, so a frame can be streamed to any VRM, glTF or
Live Link consumer as it is. Gaze is the ``eyeLook*`` weights; there is no second truth for it.
"""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

ARKIT: Final[tuple[str, ...]] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose",
    "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight",
    "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip
"""Blendshape names in Apple's order; ``Left`` is the host's left."""

INDEX: Final[dict[str, int]] = {name: i for i, name in enumerate(ARKIT)}

EYE_RANGE: Final = math.radians(30)
"""Eye rotation that weight 1 of an ``eyeLook*`` shape stands for; Apple leaves it open."""


def _zeros3() -> Floats:
    return np.zeros(3, np.float32)


@dataclass(slots=True)
class BodyPose:
    """Pose of the upper body, for renderers that draw one."""

    breath: float = 0.0
    """Chest expansion in [0, 1]; 0 is breathed out."""
    lean: Floats = field(default_factory=_zeros3)
    """Rotation of the torso about the hips, (3,) radians, axes as in :class:`FaceFrame`."""


@dataclass(slots=True)
class FaceFrame:
    """One face at one tick.

    Axes are right-handed: x to the host's left (the viewer's right), y up, z out of the face towards the viewer.
    """

    weights: Floats = field(default_factory=lambda: np.zeros(len(ARKIT), np.float32))
    """(52,) float32 in [0, 1], in the order of :data:`ARKIT`."""
    rotation: Floats = field(default_factory=_zeros3)
    """Head rotation (pitch, yaw, roll) in radians about x, y, z, applied roll first, then pitch, then yaw
    (``R = Ry(yaw) @ Rx(pitch) @ Rz(roll)``): positive pitch nods down, positive yaw turns to the host's left."""
    translation: Floats = field(default_factory=_zeros3)
    """Head translation (3,) in metres from rest."""
    body: BodyPose | None = None

    def copy(self) -> "FaceFrame":
        """A frame of its own, since those who animate overwrite the one they hand out."""
        body = self.body and BodyPose(self.body.breath, self.body.lean.copy())
        return FaceFrame(self.weights.copy(), self.rotation.copy(), self.translation.copy(), body)

    def __getitem__(self, name: str) -> float:
        return float(self.weights[INDEX[name]])

    def __setitem__(self, name: str, weight: float) -> None:
        self.weights[INDEX[name]] = weight
