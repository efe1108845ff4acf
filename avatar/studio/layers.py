"""Layers that lie before and behind the live mesh: hair, clothes, the wet of the eyes."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.pack import GRID
from avatar.studio.base_mesh import Array
from avatar.studio.camera import Camera
from avatar.studio.readback import fill, halve, to_bytes, to_yuv
from avatar.studio.scene import Box

SHARE = 0.75
"""Of what a bare eyeball mirrors, what brows and lids leave; it fits path-traced eyes best."""
CELL = 4
"""Pixels between places where the depth of hair is found."""
Bytes = npt.NDArray[np.uint8]


def layer(rgba: Array) -> tuple[Bytes, Bytes]:
    """A transparent picture as luma and opacity (2, h, w), and chroma (h/2, w/2, 2)."""
    yuv = fill(to_yuv(rgba[..., :3]), np.clip(rgba[..., 3] * 1.5, 0, 1))
    return to_bytes(np.stack([yuv[..., 0], rgba[..., 3] * 255])), to_bytes(halve(yuv[..., 1:]))


def nodes(box: Box) -> tuple[int, int]:
    """Rows and columns of a layer's grid."""
    return -(-(box.y1 - box.y0) // GRID) + 1, -(-(box.x1 - box.x0) // GRID) + 1


def reach(paths: Array, camera: Camera, box: Box, default: float) -> npt.NDArray[np.float32]:
    """The depth of what is seen of hairs, (n, k, 3) points along each, on the grid of a layer.

    It is smoothed into a polynomial of the fourth degree: a layer that is warped by it must not fold, and at its
    outline hair falls away from the camera more steeply than any warp can follow.
    """
    t = np.linspace(0, paths.shape[1] - 1, 3 * paths.shape[1])
    low = np.minimum(t.astype(int), paths.shape[1] - 2)
    share = (t - low)[None, :, None]
    points = paths[:, low] * (1 - share) + paths[:, low + 1] * share
    rows, columns = nodes(box)
    shape = ((rows - 1) * GRID // CELL + 1, (columns - 1) * GRID // CELL + 1)
    at = camera.project(points.reshape(-1, 3).astype(np.float32))
    column, row = ((at[:, 0] - box.x0) / CELL + 0.5).astype(int), ((at[:, 1] - box.y0) / CELL + 0.5).astype(int)
    keep = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
    cell, depth = row[keep] * shape[1] + column[keep], at[keep, 2]
    order = np.lexsort((depth, cell))
    cell, depth = cell[order], depth[order]
    first = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]])
    count = np.diff(np.r_[first, len(cell)])
    solid = count > 3
    seen, where = depth[first + count // 8][solid], cell[first][solid]
    if len(seen) < 3 * TERMS:
        return np.full((rows, columns), default, np.float32)
    middle = np.array(shape) / 2
    weights = _terms(*((np.stack(np.divmod(where, shape[1])) - middle[:, None]) / middle.max()))
    factors = np.linalg.lstsq(weights.T, seen, rcond=None)[0]
    step = GRID // CELL
    lines, files = np.mgrid[0 : shape[0] : step, 0 : shape[1] : step]
    whole = factors @ _terms((lines.ravel() - middle[0]) / middle.max(), (files.ravel() - middle[1]) / middle.max())
    return np.asarray(whole.reshape(lines.shape).clip(seen.min(), seen.max()).astype(np.float32))


TERMS: Final = 15


def _terms(y: Array, x: Array) -> Array:
    """(15, n) monomials up to the fourth degree."""
    return np.stack([x**i * y**j for i in range(5) for j in range(5 - i)])


def heights(camera: Camera, box: Box, z: float) -> tuple[Array, Array]:
    """x and y in metres of a layer's nodes, were it a plane at ``z``."""
    rows, columns = nodes(box)
    scale = (camera.distance - z) / camera.focal
    x = (box.x0 + GRID * np.arange(columns) - camera.width / 2) * scale
    y = camera.eye_y + (camera.centre_y - box.y0 - GRID * np.arange(rows)) * scale
    grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
    return grid_x, grid_y


def gloss(wet: Array, dry: Array, box: Box, centre: tuple[float, float], side: int) -> Bytes:
    """(side, side) luma that the lamps add to an eyeball, around its centre on the canvas."""
    added = SHARE * (to_yuv(wet)[..., 0] - to_yuv(dry)[..., 0]).astype(np.float32)
    x, y = centre[0] - box.x0, centre[1] - box.y0
    return to_bytes(cv2.getRectSubPix(added, (side, side), (x - 0.5, y - 0.5)))
