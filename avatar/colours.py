"""R'G'B' and Y'CbCr: ITU-R BT.709-6, item 3, of limited range on the 8-bit scale."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.picture import Plane

Floats = npt.NDArray[np.float32]

BLACK: Final = np.array([16, 128, 128], np.float32)
_SPANS: Final = np.array([[219], [224], [224]], np.float32)
_TO_YUV: Final = _SPANS * np.array(
    [[0.2126, 0.7152, 0.0722], [-0.114572, -0.385428, 0.5], [0.5, -0.454153, -0.045847]], np.float32
)
_TO_RGB: Final = np.linalg.inv(_TO_YUV)


def to_yuv(rgb: npt.NDArray[np.floating]) -> Floats:
    """(…, 3) R'G'B' in [0, 1] to Y'CbCr, as floats."""
    return np.asarray(rgb.astype(np.float32) @ _TO_YUV.T + BLACK)


def to_rgb(yuv: npt.NDArray[np.floating]) -> Floats:
    """(…, 3) Y'CbCr to R'G'B', below 0 and above 1 where a screen shows no such colour."""
    return np.asarray((yuv.astype(np.float32) - BLACK) @ _TO_RGB.T)


def planes_to_rgb(y: Plane, u: Plane, v: Plane) -> Floats:
    """(h, w, 3) R'G'B' in [0, 1] of 4:2:0 planes, chroma read as a screen reads it, between its samples."""
    size = (y.shape[1], y.shape[0])
    chroma = (cv2.resize(half.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) for half in (u, v))
    return np.asarray(to_rgb(np.stack([y.astype(np.float32), *chroma], -1)).clip(0, 1))
