"""How motion reaches the points of a host."""

import math

import numpy as np

from avatar.studio.base_mesh import Array


def rotation_matrix(angles: Array) -> Array:
    """(3, 3) ``Ry(yaw) @ Rx(pitch) @ Rz(roll)`` of (pitch, yaw, roll) in radians, as a face frame defines them."""
    (cx, cy, cz), (sx, sy, sz) = ([fn(float(a)) for a in angles] for fn in (math.cos, math.sin))
    return np.array(
        [
            [cy * cz + sy * sx * sz, -cy * sz + sy * sx * cz, sy * cx],
            [cx * sz, cx * cz, -sx],
            [-sy * cz + cy * sx * sz, sy * sz + cy * sx * cz, cy * cx],
        ]
    )


def smooth(t: Array) -> Array:
    """From 0 at 0 to 1 at 1 without a corner."""
    t = t.clip(0, 1)
    return np.asarray(t * t * (3 - 2 * t))
