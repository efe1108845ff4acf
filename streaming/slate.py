"""The slate: a still picture instead of the host, for when nothing that they do or say may be seen.

``assets/slate.png`` says in Chinese and English that the room will be back; so it needs no font.
"""

from importlib.resources import files
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.colours import to_yuv
from avatar.picture import Picture
from streaming.label import Label

REFERENCE: Final = 1080
"""Pixels of the shorter side of the picture that the asset is made for."""
GROUND: Final = (14, 19, 31)
"""Red, green, blue, of 255."""
_WHITE: Final = 235


def slate(width: int, height: int, label: Label | None) -> Picture:
    """The slate for pictures of a size, with the AI label; takes some milliseconds."""
    picture = Picture(width, height)
    ground = to_yuv(np.array(GROUND, np.float32) / np.float32(255))
    picture.y[:], picture.u[:], picture.v[:] = np.rint(ground).astype(np.uint8)
    text = _text(min(width, height) / REFERENCE)
    h, w = text.shape
    top, left = (height - h) // 4 * 2, (width - w) // 4 * 2
    picture.y[top : top + h, left : left + w] = np.rint(ground[0] + (_WHITE - ground[0]) * text)
    grey = np.s_[top // 2 : (top + h) // 2, left // 2 : (left + w) // 2]
    share = cv2.resize(text, (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    for plane, colour in ((picture.u, ground[1]), (picture.v, ground[2])):
        plane[grey] = np.rint(colour + (128 - colour) * share)
    if label is not None:
        label.stamp(picture)
    return picture


def _text(scale: float) -> npt.NDArray[np.float32]:
    """How white the text makes each pixel, of 1; (h, w) with even sides."""
    png = np.frombuffer(files("streaming").joinpath("assets/slate.png").read_bytes(), np.uint8)
    text = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
    if text is None:
        raise ValueError("assets/slate.png is damaged; install everhost again")
    h, w = (round(side * scale / 2) * 2 for side in text.shape)
    return np.asarray(cv2.resize(text, (w, h), interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
