"""A plain rasterizer for the studio: exact, any scale, says which triangle and where in it. Compiled by Numba."""

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from avatar.studio.base_mesh import Array

FAR = np.float32(1e9)


@njit(cache=True, nogil=True, error_model="numpy")
def _draw(triangles, corners, depth, owner, bary, both_sides):  # type: ignore[no-untyped-def]
    h, w = depth.shape
    for t in range(triangles.shape[0]):
        xa, ya, za = corners[t, 0]
        xb, yb, zb = corners[t, 1]
        xc, yc, zc = corners[t, 2]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if abs(area) < 1e-9 or (area > 0 and not both_sides):
            continue
        x0, x1 = max(0, math.floor(min(xa, xb, xc) - 0.5)), min(w - 1, math.ceil(max(xa, xb, xc) - 0.5))
        y0, y1 = max(0, math.floor(min(ya, yb, yc) - 0.5)), min(h - 1, math.ceil(max(ya, yb, yc) - 0.5))
        inv = 1.0 / area
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                a = ((xb - px) * (yc - py) - (xc - px) * (yb - py)) * inv
                b = ((xc - px) * (ya - py) - (xa - px) * (yc - py)) * inv
                c = 1.0 - a - b
                if a < -1e-5 or b < -1e-5 or c < -1e-5:
                    continue
                z = a * za + b * zb + c * zc
                if z < depth[y, x]:
                    depth[y, x] = z
                    owner[y, x] = t
                    bary[y, x, 0], bary[y, x, 1] = a, b


class Drawn:
    """What a set of triangles covers of a window."""

    def __init__(
        self, corners: Array, origin: tuple[float, float], shape: tuple[int, int], scale: float = 1.0,
        both_sides: bool = False,
    ) -> None:  # fmt: skip
        """``corners`` (t, 3, 3): column, row, depth. ``shape`` (h, w) counts samples, ``scale`` of them a pixel."""
        placed = np.ascontiguousarray(corners, np.float32).copy()
        placed[..., :2] = (placed[..., :2] - np.array(origin, np.float32)) * np.float32(scale)
        self.depth = np.full(shape, FAR, np.float32)
        self.owner = np.full(shape, -1, np.int32)
        """(h, w) the triangle seen, -1 for none."""
        self.bary = np.zeros((*shape, 2), np.float32)
        _draw(np.zeros((len(placed), 1), np.int8), placed, self.depth, self.owner, self.bary, both_sides)

    def read(self, values: Array) -> npt.NDArray[np.float32]:
        """Interpolate what triangles have at their corners, (t, 3, c), to (h, w, c); 0 where nothing is seen."""
        out = np.zeros((*self.owner.shape, values.shape[-1]), np.float32)
        seen = self.owner >= 0
        a, b = self.bary[seen, 0, None], self.bary[seen, 1, None]
        at = values[self.owner[seen]]
        out[seen] = a * at[:, 0] + b * at[:, 1] + (1 - a - b) * at[:, 2]
        return out
