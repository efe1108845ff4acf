"""The AI labels: the visible one, drawn into the picture before anything is encoded, and the one in metadata.

GB 45438-2025 asks for text no lower than 5 % of the shorter side: the glyphs here are 56 px high at 1080 lines.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.picture import Picture, Plane
from avatar.renderer import Box

MARGIN: Final = 32
REFERENCE_LINES: Final = 1080

_Opacity = npt.NDArray[np.uint16]
_OPAQUE: Final = 255


class Label:
    """Drawn whole into a prepared picture, then anew each tick where the host's region lies under it."""

    def __init__(self, width: int, height: int, region: Box) -> None:
        """``region``: all that the renderer's draw may touch."""
        luma, self._opacity = _label(min(width, height) / REFERENCE_LINES)
        h, w = luma.shape
        half = self._opacity.reshape(h // 2, 2, w // 2, 2).mean((1, 3)).astype(np.uint16)
        self._half_opacity = half
        self._light: _Opacity = luma.astype(np.uint16) * self._opacity
        self._grey: _Opacity = half * 128
        x0, y0, x1, y1 = region
        left, top = max(0, x0 - MARGIN) // 2 * 2, max(0, y0 - MARGIN) // 2 * 2
        right, bottom = min(w, x1 - MARGIN), min(h, y1 - MARGIN)
        self._whole = (0, 0, w, h)
        self._under_host: Box | None = (left, top, right, bottom) if left < right and top < bottom else None

    def stamp(self, picture: Picture) -> None:
        """Draw all of it, into a picture that has none."""
        self._blend(picture, self._whole)

    def restamp(self, picture: Picture) -> None:
        """Draw what the renderer has just drawn over."""
        if self._under_host is not None:
            self._blend(picture, self._under_host)

    def _blend(self, picture: Picture, part: Box) -> None:
        x0, y0, x1, y1 = part
        full, half = np.s_[y0:y1, x0:x1], np.s_[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2]
        _over(picture.y[MARGIN:, MARGIN:][full], self._light[full], self._opacity[full])
        for plane in (picture.u, picture.v):
            _over(plane[MARGIN // 2 :, MARGIN // 2 :][half], self._grey[half], self._half_opacity[half])


def aigc(produce_id: str, producer: str = "everhost") -> str:
    """The object that GB 45438-2025, appendix E, describes, as JSON; ReservedCode1 is for a producer's signature."""
    label = {
        "Label": "1",
        "ContentProducer": producer,
        "ProduceID": produce_id,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    return json.dumps(label, ensure_ascii=False)


def implicit(produce_id: str, producer: str = "everhost") -> dict[str, str]:
    """A file's or stream's metadata."""
    return {"AIGC": aigc(produce_id, producer)}


def _over(plane: Plane, light: _Opacity, opacity: _Opacity) -> None:
    plane[:] = (light + plane * (_OPAQUE - opacity)) // _OPAQUE


@cache
def _label(scale: float) -> tuple[Plane, _Opacity]:
    """Luma (limited range) and opacity (of 255) of the label, each (h, w) with even sides."""
    png = np.frombuffer(files("streaming").joinpath("assets/label.png").read_bytes(), np.uint8)
    bgra = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    if bgra is None:
        raise ValueError("assets/label.png is damaged; install everhost again")
    h, w = (round(side * scale / 2) * 2 for side in bgra.shape[:2])
    bgra = cv2.resize(bgra, (w, h), interpolation=cv2.INTER_AREA)
    grey = bgra[..., :3] @ np.array([0.0722, 0.7152, 0.2126], np.float32)
    return (16 + 219 / 255 * grey).astype(np.uint8), bgra[..., 3].astype(np.uint16)


def likeness(grey: npt.NDArray[Any]) -> float:
    """How much the corner of a picture, (h, w), looks like the label, from -1 to 1, at whatever size it is shown."""
    scale = min(grey.shape) / REFERENCE_LINES
    luma, opacity = _label(scale)
    label = ((luma.astype(np.float32) * opacity + 128.0 * (_OPAQUE - opacity)) / _OPAQUE).astype(np.uint8)
    margin = MARGIN + 8
    corner = grey[: label.shape[0] + 2 * margin, : label.shape[1] + 2 * margin]
    if corner.shape[0] < label.shape[0] or corner.shape[1] < label.shape[1]:
        return -1.0
    return float(cv2.matchTemplate(corner, label, cv2.TM_CCOEFF_NORMED).max())
