"""The visible AI label, stamped into the still part of the picture before anything is encoded.

GB 45438-2025 asks for text no lower than 5 % of the shorter side: the glyphs here are 56 px high at 1080 lines.
"""

from functools import cache
from importlib.resources import files
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.picture import Picture

MARGIN: Final = 32
REFERENCE_LINES: Final = 1080

Floats = npt.NDArray[np.float32]


@cache
def _label(scale: float) -> tuple[Floats, Floats]:
    """Luma (limited range) and opacity of the label, each (h, w) float32 with even sides."""
    png = np.frombuffer(files("streaming").joinpath("assets/label.png").read_bytes(), np.uint8)
    bgra = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    if bgra is None:
        raise ValueError("assets/label.png is damaged; install everhost again")
    h, w = (round(side * scale / 2) * 2 for side in bgra.shape[:2])
    bgra = cv2.resize(bgra, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32)
    grey = bgra[..., :3] @ np.array([0.0722, 0.7152, 0.2126], np.float32)
    return (16 + 219 / 255 * grey).astype(np.float32), (bgra[..., 3] / 255).astype(np.float32)


def stamp(picture: Picture) -> None:
    """Draw the label into the top left corner; colour is drawn grey."""
    luma, opacity = _label(min(picture.width, picture.height) / REFERENCE_LINES)
    h, w = luma.shape
    box = picture.y[MARGIN : MARGIN + h, MARGIN : MARGIN + w]
    box[:] = box + opacity * (luma - box)
    half = opacity.reshape(h // 2, 2, w // 2, 2).mean((1, 3))
    for plane in (picture.u, picture.v):
        box = plane[MARGIN // 2 : MARGIN // 2 + h // 2, MARGIN // 2 : MARGIN // 2 + w // 2]
        box[:] = box + half * (128 - box.astype(np.float32))
