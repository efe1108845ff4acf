"""From plates to a pack: the mesh, its blendshapes, and colours read back from path-traced pictures into an atlas."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from avatar import raster
from avatar.face import ARKIT
from avatar.pack import GRID, Box, grid_nodes
from avatar.studio.camera import Camera
from avatar.studio.scene import Surface

Floats = npt.NDArray[Any]
Ints = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

_BT709 = np.array(
    [[0.2126, 0.7152, 0.0722], [-0.114572, -0.385428, 0.5], [0.5, -0.454153, -0.045847]], np.float32
) * np.array([[219.0], [224.0], [224.0]], np.float32)
_OFFSET = np.array([16.0, 128.0, 128.0], np.float32)


def to_yuv(rgb: Floats) -> Floats:
    """R'G'B' in [0, 1] to BT.709 limited range, 8-bit scale, as floats."""
    return rgb @ _BT709.T + _OFFSET


def read_plate(path: Path) -> Floats:
    """A 16-bit PNG as (h, w, 3 or 4) R'G'B'(A) in [0, 1], colours not premultiplied."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise FileNotFoundError(path)
    order = [2, 1, 0, 3][: image.shape[2]]
    return np.ascontiguousarray(image[..., order]).astype(np.float32) / 65535


def halve(image: Floats) -> Floats:
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)


def to_bytes(values: Floats) -> npt.NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Mesh:
    """Some of a surface's triangles, with where each corner lies in the atlas."""

    name: str
    surface: Surface
    triangles: Ints
    uvs: Floats
    """(t, 3, 2) texels."""


def scatter(uvs: Floats, screen: Floats, triangles: Ints, shape: tuple[int, int]) -> tuple[Floats, Floats, Mask]:
    """For each texel: where on the screen it is, (A, B, 2), how deep, (A, B), and whether it belongs to a triangle."""
    corners = screen[triangles].reshape(-1, 3)
    flat = np.concatenate([uvs.reshape(-1, 2), corners[:, 2:]], 1).astype(np.float32)
    place = corners[:, :2].reshape(-1, 3, 2).copy()
    order = np.arange(len(flat), dtype=np.int32).reshape(-1, 3)
    a, b, c = (uvs[:, k] for k in range(3))
    turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    wrong = turn > 0
    order[wrong] = order[wrong][:, ::-1]
    place[wrong] = place[wrong][:, ::-1]
    depth, where = np.empty(shape, np.float32), np.zeros(shape, np.uint32)
    place = np.clip(place, 0, 4000).astype(np.float32)
    raster.rasterize(order, flat, place, 0, 0, depth, where, _cells(shape))
    scale = np.float32(1 / (1 << raster.UV_SHIFT))
    at = np.stack([(where & 0xFFFF) * scale, (where >> 16) * scale], -1).astype(np.float32)
    return at, depth, depth < raster.FAR


def _cells(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    return np.zeros((grid_nodes(shape[0]), grid_nodes(shape[1])), np.uint8)


def depth_picture(parts: Sequence[tuple[Ints, Floats]], width: int, height: int) -> Floats:
    """(height, width) depth of the nearest of some (triangles, screen) meshes, ``raster.FAR`` where there is none."""
    nearest = np.full((height, width), raster.FAR, np.float32)
    depth, where = np.empty_like(nearest), np.zeros((height, width), np.uint32)
    for triangles, screen in parts:
        raster.rasterize(
            triangles, screen, np.zeros((len(triangles), 3, 2), np.float32), 0, 0, depth, where, _cells(depth.shape)
        )
        np.minimum(nearest, depth, out=nearest)
    return nearest


@dataclass(frozen=True, slots=True)
class Shot:
    """A plate in the picture, and the depth of what it shows."""

    yuv: Floats
    box: Box
    depth: Floats
    """(height, width) of the whole picture."""


def read_back(shot: Shot, mesh: Mesh, screen: Floats, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """The colour (A, B, 3) of each texel that the shot shows, and how far to trust it, (A, B) in [0, 1]."""
    at, depth, mine = scatter(mesh.uvs, screen, mesh.triangles, shape)
    x0, y0, x1, y1 = shot.box
    colour = cv2.remap(
        shot.yuv, at[..., 0] - x0 - 0.5, at[..., 1] - y0 - 0.5, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    near = cv2.erode(shot.depth, np.ones((3, 3)))
    far = cv2.dilate(shot.depth, np.ones((3, 3)))
    px, py = at[..., 0] - 0.5, at[..., 1] - 0.5
    seen_near = cv2.remap(near, px, py, cv2.INTER_NEAREST, borderValue=0)
    seen_far = cv2.remap(far, px, py, cv2.INTER_NEAREST, borderValue=0)
    inside = (at[..., 0] > x0 + 2) & (at[..., 0] < x1 - 2) & (at[..., 1] > y0 + 2) & (at[..., 1] < y1 - 2)
    seen = mine & inside & (depth < seen_near + 0.003) & (seen_far < depth + 0.012)
    trust = cv2.erode(seen.astype(np.float32), np.ones((3, 3)))
    return colour, cv2.GaussianBlur(trust, (0, 0), 2.0) * trust


def fill(colour: Floats, known: Floats) -> Floats:
    """Spread known colours over unknown texels, coarse to fine."""
    weight = known[..., None]
    if min(colour.shape[:2]) <= 2:
        total = max(float(weight.sum()), 1e-6)
        return np.broadcast_to((colour * weight).sum((0, 1)) / total, colour.shape).astype(np.float32)
    size = (-(-colour.shape[1] // 2), -(-colour.shape[0] // 2))
    small_weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(colour * weight, size, interpolation=cv2.INTER_AREA) / np.maximum(small_weight, 1e-6)[..., None]
    coarse = fill(small.astype(np.float32), np.minimum(small_weight * 4, 1))
    coarse = cv2.resize(coarse, (colour.shape[1], colour.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray((colour * weight + coarse * (1 - weight)).astype(np.float32))


def sparse_units(deltas: Floats) -> tuple[Ints, Ints, Floats]:
    """(52, n, 3) offsets as ``unit_starts``, ``unit_indices``, ``unit_deltas``, without what moves under 0.02 mm."""
    starts, indices, rows = [0], [], []
    for k in range(len(ARKIT)):
        moved = np.flatnonzero(np.abs(deltas[k]).max(1) > 2e-5)
        indices.append(moved)
        rows.append(deltas[k][moved])
        starts.append(starts[-1] + len(moved))
    return np.array(starts, np.int32), np.concatenate(indices).astype(np.int32), np.concatenate(rows).astype(np.float32)


def reach_grid(points: Floats, camera: Camera, box: Box, default: float, nearest: bool) -> Floats:
    """The depth of a cloud of hair on the grid of a layer: its front (``nearest``) or its middle, smoothed."""
    x0, y0, x1, y1 = box
    shape = (grid_nodes(y1 - y0), grid_nodes(x1 - x0))
    at = camera.project(points.reshape(-1, 3))
    column, row = ((at[:, 0] - x0) / GRID + 0.5).astype(int), ((at[:, 1] - y0) / GRID + 0.5).astype(int)
    keep = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
    cell, depth = row[keep] * shape[1] + column[keep], at[keep, 2]
    grid = np.full(shape[0] * shape[1], default, np.float32)
    known = np.zeros(shape[0] * shape[1], np.float32)
    for c in np.unique(cell):
        grid[c] = np.percentile(depth[cell == c], 10 if nearest else 60)
        known[c] = 1
    filled = fill(grid.reshape(*shape, 1).repeat(3, 2), known.reshape(shape))[..., 0]
    return cv2.GaussianBlur(filled, (0, 0), 1.2).astype(np.float32)
