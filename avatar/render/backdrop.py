"""What stands behind the host: the pack's own picture, a plain colour, chroma green, or any picture file."""

import re
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.colours import to_yuv
from avatar.errors import PackError

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

GREEN: Final = "#00b140"
"""Chroma green, as keyers expect it."""


def backdrop(own: Bytes, wanted: str | Path | None, width: int, height: int) -> tuple[Bytes, Bytes, Bytes]:
    """The planes (height, width), and half of that twice, of what is ``wanted``, BT.709 limited range.

    Args:
        own: the pack's picture (rows, columns, 3), Y'CbCr of that range; taken where ``wanted`` is None.
        wanted: "green", "#rrggbb", or the path of a picture.

    Raises:
        PackError: a colour that is none, or a file that is no picture.
    """
    if wanted is None:
        yuv = own.astype(np.float32)
    elif isinstance(wanted, str) and (wanted == "green" or wanted.startswith("#")):
        yuv = to_yuv(_colour(GREEN if wanted == "green" else wanted)[None, None])
    else:
        image = cv2.imread(str(wanted), cv2.IMREAD_COLOR)
        if image is None:
            raise PackError(f"background {str(wanted)!r} is no picture that can be read, nor 'green' nor '#rrggbb'")
        yuv = to_yuv(image[..., ::-1].astype(np.float32) / np.float32(255))
    luma = _cover(yuv, width, height)[..., 0]
    chroma = _cover(yuv, width // 2, height // 2)
    y, u, v = (np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in (luma, chroma[..., 1], chroma[..., 2]))
    return y, u, v


def _colour(text: str) -> Floats:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise PackError(f"{text!r} is no colour: write it as '#rrggbb'")
    return np.array([int(text[k : k + 2], 16) / 255 for k in (1, 3, 5)], np.float32)


def _cover(picture: Floats, width: int, height: int) -> Floats:
    """Scaled until it covers (width, height), its middle kept."""
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    w, h = max(width, round(columns * scale)), max(height, round(rows * scale))
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    big = cv2.resize(picture, (w, h), interpolation=way)
    left, top = (w - width) // 2, (h - height) // 2
    return np.asarray(big[top : top + height, left : left + width], np.float32)
