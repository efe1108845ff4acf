"""Plain charts as PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.errors import AvatarError

Bytes = npt.NDArray[np.uint8]

_INK: Final = (40, 40, 40)
_FAINT: Final = (225, 225, 225)
_COLOURS: Final = ((180, 110, 30), (30, 110, 220), (60, 140, 60), (160, 60, 150), (40, 40, 200), (140, 140, 40))
"""B, G, R of each line."""
_MARGIN: Final = 48


def lines(path: Path, title: str, rows: Mapping[str, npt.NDArray[Any]], size: tuple[int, int] = (960, 360)) -> None:
    """Each row of numbers as a line over its index, all on one scale from 0 or below."""
    save(path, line_chart(title, rows, size))


def line_chart(title: str, rows: Mapping[str, npt.NDArray[Any]], size: tuple[int, int] = (960, 360)) -> Bytes:
    image = _sheet(title, size)
    values = np.concatenate([np.asarray(row, float) for row in rows.values()])
    low, high = min(0.0, float(values.min())), max(float(values.max()), 1e-6)
    _scale(image, low, high)
    for k, (name, row) in enumerate(rows.items()):
        colour = _COLOURS[k % len(_COLOURS)]
        xs = np.linspace(_MARGIN, size[0] - 16, len(row))
        ys = _height(image, np.asarray(row, float), low, high)
        points = np.rint(np.stack([xs, ys], -1) * 8).astype(np.int32)
        cv2.polylines(image, [points], isClosed=False, color=colour, thickness=1, lineType=cv2.LINE_AA, shift=3)
        _write(image, name, (_MARGIN + 8 + 130 * k, size[1] - 12), colour)
    return image


def bars(path: Path, title: str, values: Mapping[str, float], limit: float) -> None:
    """A bar for each value, its name below, and a line across at ``limit``."""
    image = _sheet(title, (max(480, 2 * _MARGIN + 22 * len(values)), 460), foot=170)
    high = max([limit * 1.2, *values.values()])
    _scale(image, 0.0, high, foot=170)
    for k, (name, value) in enumerate(values.items()):
        x = _MARGIN + 12 + 22 * k
        top, floor = (round(float(_height(image, np.array(v), 0.0, high, foot=170))) for v in (value, 0.0))
        cv2.rectangle(image, (x, top), (x + 14, floor), _COLOURS[0] if value <= limit else _COLOURS[4], cv2.FILLED)
        _write_up(image, name, x + 12, floor + 6)
    across = round(float(_height(image, np.array(limit), 0.0, high, foot=170)))
    cv2.line(image, (_MARGIN, across), (image.shape[1] - 16, across), _COLOURS[4], 1, cv2.LINE_AA)
    save(path, image)


def save(path: Path, image: npt.NDArray[Any]) -> None:
    """Write (h, w, 3) B, G, R.

    Raises:
        AvatarError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() != ".png" or not cv2.imwrite(str(path), image):
        raise AvatarError(f"{path} cannot be written; name a PNG in a folder of yours")


def captioned(image: Bytes, text: str) -> Bytes:
    """The picture (h, w, 3) with a line of text above it."""
    strip = np.full((20, image.shape[1], 3), 255, np.uint8)
    _write(strip, text, (6, 14), _INK)
    return np.vstack([strip, image])


def _sheet(title: str, size: tuple[int, int], foot: int = 32) -> Bytes:
    image = np.full((size[1], size[0], 3), 255, np.uint8)
    _write(image, title, (_MARGIN, 20), _INK)
    cv2.line(image, (_MARGIN, 32), (_MARGIN, size[1] - foot), _INK, 1)
    return image


def _height(image: Bytes, values: npt.NDArray[Any], low: float, high: float, foot: int = 32) -> npt.NDArray[Any]:
    floor = image.shape[0] - foot
    return np.asarray(floor - (values - low) / (high - low) * (floor - 36))


def _scale(image: Bytes, low: float, high: float, foot: int = 32) -> None:
    for value in _ticks(low, high):
        y = round(float(_height(image, np.array(value), low, high, foot)))
        cv2.line(image, (_MARGIN, y), (image.shape[1] - 16, y), _FAINT, 1)
        _write(image, f"{value:g}", (6, y + 4), _INK)


def _ticks(low: float, high: float) -> Sequence[float]:
    """Four to eight round numbers."""
    rough = (high - low) / 5
    step = 10 ** np.floor(np.log10(rough))
    step *= min((1, 2, 5, 10), key=lambda k: abs(k * step - rough))
    return [float(round(v, 6)) for v in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]


def _write(image: Bytes, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)


def _write_up(image: Bytes, text: str, x: int, y: int) -> None:
    """Text that reads upwards, its end at row ``y``."""
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)
    flat = np.full((height + 6, width + 4, 3), 255, np.uint8)
    _write(flat, text, (2, height + 1), _INK)
    turned = np.rot90(flat)
    h, w = min(turned.shape[0], image.shape[0] - y), turned.shape[1]
    image[y : y + h, x - w + 4 : x + 4] = turned[:h]
