"""Layers that lie before and behind the live mesh: hair and clothes."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.colours import to_yuv
from avatar.pack import GRID
from avatar.studio.base_mesh import Array
from avatar.studio.camera import Box, Camera
from avatar.studio.readback import fill, halve, to_bytes

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


def depths(
    paths: Array, opacity: Array, solid: Array, camera: Camera, box: Box, middle: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """How far off hairs are, (n, k, 3) points along each, where a layer (h, w) shows them: smooth, and as it is.

    Both on the layer's grid, and going on where nothing is shown. A layer that is warped by its depth must not fold,
    and at its outline hair falls away from the camera more steeply than any warp can follow: hence the smooth one.
    ``solid`` (h, w) is the opacity of skin and clothes: they hide hairs that are further off than the ``middle`` of the
    head, and a wisp over the forehead must not be taken to lie where the hair behind it does.
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
    skin = cv2.resize(solid.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA).ravel() > 0.5
    seen = ~skin[cell] | (depth < middle)
    cell, depth = cell[seen], depth[seen]
    order = np.lexsort((depth, cell))
    cell, depth = cell[order], depth[order]
    first = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]])
    count = np.diff(np.r_[first, len(cell)])
    shown = cv2.resize(opacity.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA).ravel() > 0.1
    enough = (count > 3) & shown[cell[first]]
    found, where = depth[first + count // 8][enough], cell[first][enough]
    if len(found) < 40:
        plain = np.full((rows, columns), middle, np.float32)
        return plain, plain
    page, known = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    page.reshape(-1, 3)[where], known.reshape(-1)[where] = found[:, None], 1
    whole, step = np.ascontiguousarray(fill(page, known)[..., 0]), GRID // CELL
    smooth, true = cv2.GaussianBlur(whole, (0, 0), SOFT / CELL), cv2.blur(whole, (step, step))
    return np.ascontiguousarray(smooth[::step, ::step]), np.ascontiguousarray(true[::step, ::step])


SOFT: Final = 16.0
"""Pixels by which a layer's depth is smoothed."""


def heights(camera: Camera, box: Box, z: float) -> tuple[Array, Array]:
    """x and y in metres of a layer's nodes, were it a plane at ``z``."""
    rows, columns = nodes(box)
    scale = (camera.distance - z) / camera.focal
    x = (box.x0 + GRID * np.arange(columns) - camera.width / 2) * scale
    y = camera.eye_y + (camera.centre_y - box.y0 - GRID * np.arange(rows)) * scale
    grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
    return grid_x, grid_y


def before(hair: Array, seen: Array, solid: Array, margin: int) -> Array:
    """The hair (h, w, 4) that lies before skin or clothes, and ``margin`` pixels beyond, so that it still hides them in
    motion.

    ``hair`` is all of it, ``seen`` what nothing hides, ``solid`` the skin and clothes without it. Hair beside them is
    left to the layer behind, which they hide themselves, with outlines as smooth as theirs.
    """
    over = (seen[..., 3] > 0.05) & (solid[..., 3] > 0.5)
    hides = (seen[..., 3] < 0.5 * hair[..., 3]) & (solid[..., 3] > 0.5)
    near = cv2.GaussianBlur(cv2.dilate(over.astype(np.float32), _disc(margin)), (0, 0), 3)
    near = np.where(solid[..., 3] > 0.5, over, near * ~hides)
    out = np.where(over[..., None], seen, hair)
    out[..., 3] *= np.maximum(near, over)
    return np.asarray(out, np.float32)


def behind_neck(hair: Array, body: Array, solid: Array) -> Array:
    """The hair (h, w, 4), and what is seen where the neck moves aside in a collar: the collar's colours, going on.

    ``body`` (h, w, 4) is the clothes that skin does not hide, ``solid`` (h, w, 4) skin and clothes without hair.
    """
    cloth = body[..., 3] > 0.5
    worn = np.flatnonzero(cloth.any(1))
    if not len(worn):
        return hair
    neck = ((solid[..., 3] > 0.5) & ~cloth).astype(np.uint8)
    neck[: worn[0]] = 0
    neck = cv2.morphologyEx(neck, cv2.MORPH_OPEN, _disc(4)).astype(np.uint8)  # not the clothes' own outline
    within = cv2.erode((solid[..., 3] > 0.5).astype(np.uint8), _disc(ASIDE)) > 0  # a collar's own outline stays still
    there = (cv2.dilate(neck, _disc(ASIDE)) > 0) & within
    there[: worn[0]] = False
    colour = fill(np.ascontiguousarray(body[..., :3]), np.clip(body[..., 3], 0, 1) ** 8)
    own = hair[..., 3:]
    rest = (1 - own) * there[..., None]
    mixed = (hair[..., :3] * own + colour * rest) / np.maximum(own + rest, 1e-6)
    return np.concatenate([np.where(rest > 0, mixed, hair[..., :3]), own + rest], -1).astype(np.float32)


ASIDE: Final = 14
"""Pixels that a neck moves aside by."""


def inside(plate: Array, box: Box, of: Box) -> Array:
    """What a picture of the canvas' part ``box`` shows of the part ``of``; nothing beyond it."""
    out = np.zeros((of.y1 - of.y0, of.x1 - of.x0, plate.shape[2]), plate.dtype)
    x0, y0, x1, y1 = max(box.x0, of.x0), max(box.y0, of.y0), min(box.x1, of.x1), min(box.y1, of.y1)
    if x0 < x1 and y0 < y1:
        part = plate[y0 - box.y0 : y1 - box.y0, x0 - box.x0 : x1 - box.x0]
        out[y0 - of.y0 : y1 - of.y0, x0 - of.x0 : x1 - of.x0] = part
    return out


def _disc(radius: int) -> Bytes:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
