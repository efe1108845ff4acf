"""Leave out of a pack the triangles that no face ever shows: within the head, beneath hair, beneath clothes."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar import raster
from avatar.face import ARKIT, INDEX
from avatar.mesh_renderer import MAX_TURN, rotation_matrix
from avatar.pack import Pack, grid_nodes

Floats = npt.NDArray[np.float32]

TURNS: Final = (-MAX_TURN, -MAX_TURN / 2, -MAX_TURN / 4, 0.0, MAX_TURN / 4, MAX_TURN / 2, MAX_TURN)
ROLLS: Final = (-MAX_TURN / 2, 0.0, MAX_TURN / 2)
OPEN: Final = 0.5
"""Of the jaw, so that what is behind the lips is seen too."""
_ROW: Final = 2000
"""Triangles are numbered by their place in an imaginary atlas of so many columns."""


def thin(pack: Pack) -> Pack:
    """The pack without what is seen in no pose tried, its neighbours kept so that no pose between them shows a hole."""
    seen = np.zeros(len(pack.triangles), bool)
    for weights, angles in poses():
        seen |= shown(pack, weights, angles)
    corners = np.zeros(len(pack.vertices), bool)
    corners[pack.triangles[seen]] = True
    keep = corners[pack.triangles].any(1)
    used = np.unique(pack.triangles[keep])
    place = np.full(len(pack.vertices), -1, np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    moved = place[pack.unit_indices] >= 0
    before = np.concatenate([[0], np.cumsum(moved)])
    return replace(
        pack,
        vertices=pack.vertices[used],
        follow=pack.follow[used],
        triangles=place[pack.triangles[keep]],
        uvs=pack.uvs[keep],
        unit_starts=before[pack.unit_starts].astype(np.int32),
        unit_indices=place[pack.unit_indices[moved]],
        unit_deltas=pack.unit_deltas[moved],
    )


def poses() -> Iterator[tuple[Floats, Floats]]:
    """Blendshape weights and head angles: each unit, with the mouth shut and open, and each way the head can turn."""
    for unit, jaw in product(range(len(ARKIT)), (0.0, OPEN)):
        weights = np.zeros(len(ARKIT), np.float32)
        weights[INDEX["jawOpen"]], weights[unit] = jaw, 1.0
        yield weights, np.zeros(3, np.float32)
    for pitch, yaw, roll, jaw in product(TURNS, TURNS, ROLLS, (0.0, OPEN)):
        weights = np.zeros(len(ARKIT), np.float32)
        weights[INDEX["jawOpen"]] = jaw
        yield weights, np.array([pitch, yaw, roll], np.float32)


def shown(pack: Pack, weights: Floats, angles: Floats) -> npt.NDArray[np.bool_]:
    """Which triangles own a pixel that the clothes do not hide."""
    x0, y0, x1, y1 = pack.region
    lens = pack.lens
    optics = np.array([lens.focal, lens.centre_x, lens.centre_y, lens.distance, lens.eye_y], np.float32)
    posed, screen = np.empty_like(pack.vertices), np.empty_like(pack.vertices)
    raster.pose(pack.vertices, pack.unit_starts, pack.unit_indices, pack.unit_deltas, weights, posed)
    pivot, still = np.array(pack.pivot, np.float32), np.zeros(3, np.float32)
    raster.move_and_project(posed, pack.follow, pivot, rotation_matrix(angles), still, optics, screen)
    number = np.arange(len(pack.triangles))
    place = np.stack([number % _ROW + 1.5, number // _ROW + 1.5], -1).astype(np.float32)
    shape = (y1 - y0, x1 - x0)
    depth, where = np.empty(shape, np.float32), np.zeros(shape, np.uint32)
    cells = np.zeros((grid_nodes(shape[0]), grid_nodes(shape[1])), np.uint8)
    raster.rasterize(pack.triangles, screen, np.repeat(place[:, None], 3, 1), x0, y0, depth, where, cells)
    at = where[(where != 0) & (pack.cover < 255)].astype(np.int64)
    out = np.zeros(len(pack.triangles), bool)
    out[(at >> 16 + raster.UV_SHIFT) * _ROW - _ROW + ((at & 0xFFFF) >> raster.UV_SHIFT) - 1] = True
    return out
