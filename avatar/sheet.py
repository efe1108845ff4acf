"""A contact sheet: what a host can do, on one picture."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.colours import planes_to_rgb
from avatar.emotions import EMOTIONS, emotion
from avatar.face import ARKIT, FaceFrame
from avatar.lips import Lips
from avatar.picture import Picture
from avatar.renderer import Box, Renderer
from avatar.speech import Phoneme, SpeechChunk

SIDE: Final = 240
"""Pixels of a cell."""
COLUMNS: Final = 10
VISEMES: Final = ("p", "f", "θ", "t", "k", "ʃ", "s", "n", "r", "a", "e", "i", "o", "u", "y")
"""Phones whose mouths look different."""
OPEN: Final = {"mouthClose": 1.0, "tongueOut": 0.3}
"""How far the jaw is open for shapes that mean nothing without it."""
TURNS: Final = {
    "yaw +8": (0.0, 8.0, 0.0), "yaw -8": (0.0, -8.0, 0.0), "pitch +6": (6.0, 0.0, 0.0), "pitch -6": (-6.0, 0.0, 0.0),
    "roll +5": (0.0, 0.0, 5.0), "roll -5": (0.0, 0.0, -5.0), "all": (5.0, 7.0, 4.0), "all -": (-5.0, -7.0, -4.0),
}  # fmt: skip
"""Degrees of pitch, yaw, roll."""


def faces() -> dict[str, FaceFrame]:
    """The face of each cell, by name: neutral, the 52 shapes, visemes, emotions, head turns."""
    out = {"neutral": FaceFrame()}
    for shape in ARKIT:
        out[shape] = FaceFrame()
        out[shape]["jawOpen"] = OPEN.get(shape, 0.0)
        out[shape][shape] = 1.0
    for phone in VISEMES:
        out[f"[{phone}]"] = FaceFrame(_mouth(phone))
    for name in EMOTIONS:
        out[name] = FaceFrame(emotion(name))
    for name, degrees in TURNS.items():
        out[name] = FaceFrame(rotation=np.radians(np.array(degrees, np.float32)))
    return out


def _mouth(phone: str) -> npt.NDArray[np.float32]:
    """(52,) weights in the middle of a long phone."""
    rate, length = 16000, 0.5
    lips = Lips()
    hum = 0.2 * np.sin(np.arange(int(rate * length)) * 0.05).astype(np.float32)
    lips.say(SpeechChunk(hum, rate, "", (Phoneme(phone, 0.0, length),)), 48000)
    return lips.weights(48 + 12).copy()


def contact_sheet(renderer: Renderer) -> npt.NDArray[np.uint8]:
    """(h, w, 3) BGR: the head in each cell, its name below."""
    picture = Picture(renderer.width, renderer.height)
    renderer.prepare(picture)
    box = around_head(renderer)
    cells = []
    for name, frame in faces().items():
        renderer.draw(frame, picture)
        cell = cut(picture, box, SIDE)
        plain = name.translate(_ASCII)
        cv2.putText(cell, plain, (6, SIDE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(cell, plain, (6, SIDE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
        cells.append(cell)
    return tiled(cells, COLUMNS, blank=0)


def cut(picture: Picture, box: Box, side: int) -> npt.NDArray[np.uint8]:
    """(side, side, 3) BGR of a square of a picture."""
    x0, y0, x1, y1 = box
    bgr = planes_to_rgb(picture.y, picture.u, picture.v)[y0:y1, x0:x1, ::-1]
    return np.rint(cv2.resize(bgr, (side, side), interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)


def tiled(cells: list[npt.NDArray[np.uint8]], columns: int, blank: int) -> npt.NDArray[np.uint8]:
    """Pictures of one size row by row, and a ``blank`` level where there are no more."""
    whole = cells + [np.full_like(cells[0], blank)] * (-len(cells) % columns)
    return np.asarray(np.vstack([np.hstack(whole[k : k + columns]) for k in range(0, len(whole), columns)]), np.uint8)


_ASCII: Final = str.maketrans({"θ": "th", "ʃ": "sh"})
"""The drawing library's font knows no more."""


def around_head(renderer: Renderer, half: int = 310) -> Box:
    """A square of twice ``half`` or less around the head: the mouth is a little below its middle."""
    x0, y0, x1, y1 = renderer.mouth_box
    x, y = (x0 + x1) // 2, (y0 + y1) // 2 - 100
    half = min(half, x, renderer.width - x, y, renderer.height - y)
    return x - half, y - half, x + half, y + half
