"""How a host will look, before hours are spent on its pack: a few path-traced pictures of its file."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import cv2
import numpy as np

from avatar.face import FaceFrame
from avatar.studio import sets
from avatar.studio.base_mesh import Array
from avatar.studio.camera import Box
from avatar.studio.darkroom import Darkroom, Shot, of
from avatar.studio.person import Landmarks
from avatar.studio.shots import Frame

FACES: Final[tuple[dict[str, float], ...]] = (
    {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    {"jawOpen": 0.5, "mouthSmileLeft": 0.3, "mouthSmileRight": 0.3},
    {
        "mouthSmileLeft": 0.8,
        "mouthSmileRight": 0.8,
        "cheekSquintLeft": 0.5,
        "cheekSquintRight": 0.5,
        "browInnerUp": 0.4,
    },
)
"""What goes wrong first in a face that was made up: lids that do not shut, a mouth that tears, a crease in a cheek."""
_SAMPLES: Final = 8


def look(room: Darkroom) -> Array:
    """(h, w, 3) B'G'R' in [0, 255]: the host on its set as the first view shows it, :data:`FACES` beside that.

    Its pictures are not kept: it is made to be looked at while the file is still being changed.
    """
    studio = room.studio
    camera = studio.spec.camera
    frame = Frame.of(studio.spec, Landmarks.of(studio.who))
    left, top, width, height = next(iter(studio.spec.framing.views.values()))
    side = min(width, height)
    middle = left + width // 2
    square = Box(middle - side // 2, top, middle - side // 2 + side, top + side)
    with TemporaryDirectory() as folder:
        once = Darkroom(studio, Path(folder))
        host = once.picture(Shot("look", square, transparent=True, samples=_SAMPLES))
        cells = [once.picture(of(_face(weights), "look", frame.face, samples=_SAMPLES)) for weights in FACES]
    behind = cv2.resize(sets.picture(studio.spec.background, camera, room.folder), (camera.width, camera.height))
    part = behind[square.y0 : square.y1, square.x0 : square.x1]
    whole = host[..., :3] * host[..., 3:] + part * (1 - host[..., 3:])
    size = side // len(cells)
    beside = np.vstack([_square(cell, size) for cell in cells])
    row = np.hstack([whole[: len(beside)], beside])
    return np.asarray(np.rint(row[..., ::-1].clip(0, 1) * 255), np.uint8)


def _face(weights: dict[str, float]) -> FaceFrame:
    out = FaceFrame()
    for name, weight in weights.items():
        out[name] = weight
    return out


def _square(picture: Array, size: int) -> Array:
    """The upper square of a picture, ``size`` pixels wide."""
    side = min(picture.shape[:2])
    return np.asarray(cv2.resize(picture[:side, :side], (size, size), interpolation=cv2.INTER_AREA))
