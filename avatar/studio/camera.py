"""The camera every plate is taken with, and every live picture drawn with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels, the right and lower edges excluded."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole looking along -z at (0, eye_y), its picture shifted so that no vertical line converges."""

    width: int
    height: int
    focal: float
    """Pixels."""
    distance: float
    """z of the pinhole, metres."""
    eye_y: float
    """y of the pinhole, metres."""
    centre_y: float
    """Picture row at the pinhole's height."""

    def project(self, points: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """(…, 3) metres to (…, 3): column, row and distance from the pinhole's plane."""
        points = np.asarray(points, np.float32)
        depth = self.distance - points[..., 2]
        scale = self.focal / depth
        return np.stack(
            [
                self.width / 2 + scale * points[..., 0],
                self.centre_y - scale * (points[..., 1] - self.eye_y),
                depth,
            ],
            -1,
        ).astype(np.float32)
