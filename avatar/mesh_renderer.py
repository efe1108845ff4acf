"""Draws a host from its pack: exact geometry, the studio's light, one CPU core, straight into I420."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar import raster
from avatar.face import FaceFrame
from avatar.pack import Box, Bytes2, Pack, grid_nodes
from avatar.picture import Picture

Floats = npt.NDArray[np.float32]

MAX_TURN: Final = 0.6
"""Radians: the host is made to be seen from the front, and turns no further than this."""
MAX_SHIFT: Final = 0.15
"""Metres the head moves from rest at most."""


class MeshRenderer:
    """A :class:`avatar.renderer.Renderer` over a :class:`avatar.pack.Pack`.

    The whole region is drawn anew every time, so any number of pictures may be in flight. The same frame always
    makes the same picture.
    """

    def __init__(self, pack: Pack) -> None:
        self.width = pack.width
        self.height = pack.height
        self.region: Box = pack.region
        """All that :meth:`draw` may touch."""
        self.mouth_box: Box = pack.mouth_box
        self.eye_boxes: tuple[Box, Box] = pack.eye_boxes
        self._pack = pack
        x0, y0, x1, y1 = pack.region
        h, w = y1 - y0, x1 - x0
        flat, area = pack.plate.reshape(-1), pack.width * pack.height
        half = (pack.height // 2, pack.width // 2)
        chroma = (slice(y0 // 2, y1 // 2), slice(x0 // 2, x1 // 2))
        self._plate_y = np.ascontiguousarray(flat[:area].reshape(pack.height, pack.width)[y0:y1, x0:x1])
        self._plate_u = np.ascontiguousarray(flat[area : area * 5 // 4].reshape(half)[chroma])
        self._plate_v = np.ascontiguousarray(flat[area * 5 // 4 :].reshape(half)[chroma])
        lens = pack.lens
        self._lens = np.array([lens.focal, lens.centre_x, lens.centre_y, lens.distance, lens.eye_y], np.float32)
        self._pivot = np.array(pack.pivot, np.float32)
        self._posed = np.empty_like(pack.vertices)
        self._screen = np.empty_like(pack.vertices)
        self._depth = np.empty((h, w), np.float32)
        self._where = np.zeros((h, w), np.uint32)
        self._touched = np.zeros((grid_nodes(h) - 1, grid_nodes(w) - 1), np.uint8)
        self._atlas, self._atlas_uv = pack_luma(pack.atlas_y), pack_chroma(pack.atlas_uv)
        self._stride = pack.atlas_y.shape[1]
        self._cover_bounds = _bounds(pack.cover, raster.CELL)
        self._back, self._back_uv = pack_layer(pack.back), pack_chroma(pack.back_uv)
        self._front, self._front_uv = pack_layer(pack.front), pack_chroma(pack.front_uv)
        self._back_bounds, self._front_bounds = _bounds_around(pack.back[1]), _bounds_around(pack.front[1])
        nodes = (grid_nodes(h), grid_nodes(w), 2)
        self._back_grid, self._front_grid = np.empty(nodes, np.float32), np.empty(nodes, np.float32)

    def prepare(self, picture: Picture) -> None:
        """Draw the plate and the host at rest."""
        picture.data[:] = self._pack.plate
        self.draw(FaceFrame(), picture)

    def draw(self, frame: FaceFrame, picture: Picture) -> None:
        pack, lens, pivot = self._pack, self._lens, self._pivot
        x0, y0, _, _ = self.region
        weights = np.clip(np.nan_to_num(frame.weights), 0.0, 1.0).astype(np.float32, copy=False)
        rotation = rotation_matrix(np.clip(np.nan_to_num(frame.rotation), -MAX_TURN, MAX_TURN))
        shift = np.clip(np.nan_to_num(frame.translation), -MAX_SHIFT, MAX_SHIFT)
        translation = shift.astype(np.float32, copy=False)
        raster.pose(pack.vertices, pack.unit_starts, pack.unit_indices, pack.unit_deltas, weights, self._posed)
        raster.move_and_project(self._posed, pack.follow, pivot, rotation, translation, lens, self._screen)
        raster.rasterize(pack.triangles, self._screen, pack.uvs, x0, y0, self._depth, self._where, self._touched)
        raster.warp_grid(pack.back_reach, pivot, rotation, translation, lens, x0, y0, self._back_grid)
        raster.warp_grid(pack.front_reach, pivot, rotation, translation, lens, x0, y0, self._front_grid)
        raster.shade(
            self._where, self._touched, self._atlas, self._atlas_uv, self._stride, pack.cover, self._cover_bounds,
            self._plate_y, self._plate_u, self._plate_v,
            self._back, self._back_uv, self._back_bounds, self._back_grid,
            self._front, self._front_uv, self._front_bounds, self._front_grid,
            x0, y0, picture.y, picture.u, picture.v,
        )  # fmt: skip


def _quads(plane: Bytes2) -> npt.NDArray[np.uint64]:
    """(h, w): each pixel with its right, lower and lower right neighbours, a byte each from the lowest."""
    wide = np.pad(plane, ((0, 1), (0, 1)), mode="edge").astype(np.uint64)
    parts = (wide[:-1, :-1], wide[:-1, 1:], wide[1:, :-1], wide[1:, 1:])
    a, b, c, d = (part << np.uint64(8 * k) for k, part in enumerate(parts))
    return np.asarray(a | b | c | d)


def pack_luma(luma: Bytes2) -> npt.NDArray[np.uint32]:
    """(h · w,): all that a bilinear sample needs in one word."""
    return _quads(luma).astype(np.uint32).ravel()


def pack_layer(layer: Bytes2) -> npt.NDArray[np.int64]:
    """(h · w,): as :func:`pack_luma`, luma in the lower half and opacity in the upper; clear along its edges."""
    opacity = np.zeros_like(layer[1])
    opacity[1:-2, 1:-2] = layer[1][1:-2, 1:-2]
    return (_quads(layer[0]) | _quads(opacity) << np.uint64(32)).view(np.int64).ravel()


def pack_chroma(chroma: Bytes2) -> npt.NDArray[np.uint16]:
    """(h · w,): U in the lower byte, V in the upper."""
    return np.ascontiguousarray(chroma).view("<u2").ravel()


def _bounds(opacity: Bytes2, side: int) -> Bytes2:
    """(rows, columns, 2): the least and greatest opacity in each square of ``side`` pixels."""
    h, w = opacity.shape
    wide = np.pad(opacity, ((0, -h % side), (0, -w % side)), mode="edge")
    squares = wide.reshape(wide.shape[0] // side, side, wide.shape[1] // side, side)
    return np.stack([squares.min((1, 3)), squares.max((1, 3))], -1)


def _bounds_around(opacity: Bytes2) -> Bytes2:
    """(rows, columns, 2): the least and greatest opacity within reach of each block, as the shader asks for them."""
    blocks = -(-(raster.REACH + 1) // raster.BLOCK)
    near = _bounds(opacity, raster.BLOCK)
    near = np.pad(near, ((blocks, blocks), (blocks, blocks), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(near, (2 * blocks + 1, 2 * blocks + 1), (0, 1))
    return np.stack([windows[:, :, 0].min((2, 3)), windows[:, :, 1].max((2, 3))], -1)


def rotation_matrix(angles: Floats) -> Floats:
    """(3, 3) ``Ry(yaw) @ Rx(pitch) @ Rz(roll)`` of (pitch, yaw, roll) in radians, as a face frame defines them."""
    (cx, cy, cz), (sx, sy, sz) = ([fn(float(a)) for a in angles] for fn in (math.cos, math.sin))
    return np.array(
        [
            [cy * cz + sy * sx * sz, -cy * sz + sy * sx * cz, sy * cx],
            [cx * sz, cx * cz, -sx],
            [-sy * cz + cy * sx * sz, sy * sz + cy * sx * cz, cy * cx],
        ],
        np.float32,
    )
