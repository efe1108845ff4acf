"""Emotions as face units, for faces that feel and for those who look at them."""

from typing import Final

import numpy as np

from avatar.face import ARKIT, INDEX, Floats

EMOTIONS: Final[dict[str, dict[str, float]]] = {
    "warm": {"mouthSmile": 0.55, "cheekSquint": 0.35, "eyeSquint": 0.25, "browInnerUp": 0.1},
    "delighted": {"mouthSmile": 0.85, "cheekSquint": 0.6, "eyeSquint": 0.35, "browOuterUp": 0.3, "mouthUpperUp": 0.25},
    "serious": {"browDown": 0.45, "mouthPress": 0.35, "eyeSquint": 0.15},
    "sorry": {"browInnerUp": 0.7, "mouthFrown": 0.4, "mouthShrugLower": 0.25, "eyeSquint": 0.1},
    "curious": {"browOuterUp": 0.5, "browInnerUp": 0.3, "eyeWide": 0.3, "mouthPucker": 0.15},
    "surprised": {"browInnerUp": 0.7, "browOuterUp": 0.7, "eyeWide": 0.7, "jawOpen": 0.25},
    "doubtful": {"browDown": 0.5, "mouthLeft": 0.35, "mouthDimple": 0.3, "noseSneer": 0.2},
}
"""Weights of blendshapes at full strength, both sides at once where there are two."""


def told(value: str) -> tuple[str, float]:
    """A feeling as delivery marks tell it, "sorry" or "sorry 0.5": its name, and the share of its full strength."""
    name, _, share = value.partition(" ")
    return name, float(share or 1)


def emotion(name: str, share: float = 1.0) -> Floats:
    """(52,) weights of an emotion, ``share`` of its full strength."""
    out = np.zeros(len(ARKIT), np.float32)
    for unit, weight in EMOTIONS[name].items():
        for side in ("", "Left", "Right"):
            if unit + side in INDEX:
                out[INDEX[unit + side]] = weight * share
    return out
