"""Where every vertex of the mesh is on the screen: blendshapes, head, breath and lean, then the pinhole."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.render.kernel import kernel

Floats = npt.NDArray[np.float32]

DEPTH_RANGE: Final = 0.75
"""Metres before and behind the plane z = 0 that a vertex can be drawn at."""
FAR_OFF = np.float32(16384.0)
"""Pixels: no vertex is put further from the view than this, so that positions fit the raster's integers."""


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


@kernel
def pose(rest, starts, indices, deltas, weights, out):  # type: ignore[no-untyped-def]
    """out (n, 3) = rest + Σ weights[k] · deltas of unit k, the deltas sparse: rows starts[k]:starts[k + 1]."""
    for i in range(rest.shape[0]):
        for axis in range(3):
            out[i, axis] = rest[i, axis]
    for k in range(weights.shape[0]):
        w = weights[k]
        if w == 0.0:
            continue
        for j in range(np.uintp(starts[k]), np.uintp(starts[k + 1])):
            vertex = np.uintp(indices[j])
            out[vertex, 0] += w * deltas[j, 0]
            out[vertex, 1] += w * deltas[j, 1]
            out[vertex, 2] += w * deltas[j, 2]


@kernel
def move_and_project(points, follow, breaths, leans, pivot, rotation, translation, breath, lean, lens, out):  # type: ignore[no-untyped-def]
    """Breathe, turn the head about ``pivot``, lean, and project: ``out`` (n, 3) gets column, row, depth.

    ``points`` (n, 3) metres follow the head's motion by ``follow`` (n,), move by ``breath · breaths`` (n, 3), and
    turn about the z axis by ``lean · leans`` (n,) radians, small. ``lens`` is (focal, centre x, centre y, distance,
    eye y), its centre in the pixels that are wanted. Depth is from the plane z = 0, metres, positive away.
    """
    far, near, most = np.float32(DEPTH_RANGE), np.float32(-DEPTH_RANGE), FAR_OFF
    for i in range(points.shape[0]):
        x, y, z = points[i, 0] - pivot[0], points[i, 1] - pivot[1], points[i, 2] - pivot[2]
        f = follow[i]
        dx = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z + translation[0] - x
        dy = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z + translation[1] - y
        dz = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z + translation[2] - z
        px = points[i, 0] + f * dx + breath * breaths[i, 0]
        py = points[i, 1] + f * dy + breath * breaths[i, 1]
        pz = points[i, 2] + f * dz + breath * breaths[i, 2]
        turn = lean * leans[i]
        depth = min(max(-pz, near), far)
        scale = lens[0] / max(lens[3] + depth, np.float32(0.05))
        out[i, 0] = min(max(lens[1] + scale * (px - turn * py), -most), most)
        out[i, 1] = min(max(lens[2] - scale * (py + turn * px - lens[4]), -most), most)
        out[i, 2] = depth
