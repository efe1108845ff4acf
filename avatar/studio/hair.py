"""Hair and brows: strands grown on the skin of the host at rest. Positions in the host's axes, metres."""

from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree  # type: ignore[import-untyped]

from avatar.studio.base_mesh import Array
from avatar.studio.spec import Brow, Swept

Onto = Callable[[Array], Array]
"""Lays front-view points (n, 2) on the skin, slightly above it, (n, 3)."""


HAIRLINE = np.array(
    [[0, 29], [12, 29.5], [26, 28], [38, 23], [48, 15], [56, 6], [62, 1], [68, 3], [75, 9], [81, 14], [90, 16],
     [105, 12], [118, -8], [140, -34], [180, -40]]
)  # fmt: skip
"""Azimuth from the front, elevation of the hairline seen from the skull's centre, degrees."""
SOFT = 7.0
"""Degrees over which hair thins out at the hairline."""


def inside_hairline(points: Array, crown: tuple[float, float, float]) -> Array:
    """(n,) degrees by which each point lies within the hairline; negative outside."""
    away = points - np.array(crown)
    azimuth = np.degrees(np.abs(np.arctan2(away[:, 0], away[:, 2])))
    elevation = np.degrees(np.arctan2(away[:, 1], np.hypot(away[:, 0], away[:, 2])))
    line = np.interp(azimuth, HAIRLINE[:, 0], HAIRLINE[:, 1])
    waves = 1.2 * np.sin(azimuth * 0.35 + 1) + 0.7 * np.sin(azimuth * 0.93) * (away[:, 0] > 0)
    return np.asarray(elevation - line - waves)


class Skull:
    """The head without its ears, as something smooth for hair to follow."""

    def __init__(self, vertices: Array, triangles: np.ndarray, ears: Array) -> None:
        """``ears`` (n,) in [0, 1]: how far each vertex belongs to an ear."""
        normals = np.zeros_like(vertices)
        corners = vertices[triangles]
        faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        for k in range(3):
            np.add.at(normals, triangles[:, k], faces)
        keep = (vertices[:, 1] > 0.44) & (np.abs(vertices[:, 0]) < 0.10) & (ears < 0.3)
        keep &= np.linalg.norm(normals, axis=1) > 0
        self._points = vertices[keep]
        self._normals = normals[keep] / np.linalg.norm(normals[keep], axis=1)[:, None]
        self._tree = cKDTree(self._points)

    def nearest(self, points: Array) -> tuple[Array, Array]:
        """Points (n, 3) to the skull beneath them and the outward normals there."""
        distance, index = self._tree.query(points, 6)
        weight = 1 / (distance + 1e-3) ** 2
        weight /= weight.sum(1, keepdims=True)
        normal = (self._normals[index] * weight[..., None]).sum(1)
        normal /= np.linalg.norm(normal, axis=1)[:, None]
        base = (self._points[index] * weight[..., None]).sum(1)
        height = ((points - base) * normal).sum(1)
        return points - height[:, None] * normal, normal


def roots(hair: Swept, vertices: Array, triangles: np.ndarray, ears: Array, rng: np.random.Generator) -> Array:
    """(n, 3) points spread evenly over the scalp, thinning at the hairline."""
    corners = vertices[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    area *= (corners[:, :, 1].min(1) > hair.crown[1] - 0.11) & (ears[triangles].max(1) < 0.3)
    picked = rng.choice(len(triangles), hair.strands * 5, p=area / area.sum())
    a, b = rng.random((2, len(picked), 1))
    a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
    points = corners[picked, 0] * (1 - a - b) + corners[picked, 1] * a + corners[picked, 2] * b
    inside = inside_hairline(points, hair.crown) / SOFT > rng.random(len(points)) ** 1.5
    return np.asarray(points[inside][: hair.strands])


def grow(hair: Swept, start: Array, skull: Skull, rng: np.random.Generator) -> Array:
    """(n, steps, 3): each hair leaves the part sideways and back, follows the skull, and ends at the nape."""
    n = len(start)
    side = np.where(start[:, 0] > hair.part_x, 1.0, -1.0)
    cell = np.floor(start / hair.wisp).astype(int)
    _, wisp = np.unique(cell, axis=0, return_inverse=True)
    wisps = wisp.max() + 1
    sway = rng.normal(0, 0.09, (wisps, 3))[wisp] + rng.normal(0, 0.03, (n, 3))
    top = ((start[:, 1] - 0.60) / 0.05).clip(0, 1)
    depth = rng.random(n) ** 0.6
    lift = 0.0015 + (0.004 + (hair.volume - 0.004) * top) * depth
    lift *= np.where(rng.random(n) < 0.02, 1.25, 1.0)
    deep = (inside_hairline(start, hair.crown) / 14).clip(0.15, 1)
    over_ear = np.exp(-(((start[:, 2] - 0.045) / 0.02) ** 2)) * (start[:, 1] < 0.60)
    lift = lift * deep**0.7 + 0.004 * over_ear
    length = 0.075 + 0.145 * top
    step = (length / hair.steps)[:, None]
    at, path = start.copy(), [start]
    for k in range(1, hair.steps):
        low = ((0.625 - at[:, 1]) / 0.05).clip(0, 1)[:, None]
        away = np.stack([side * 0.75, np.full(n, -0.05), np.full(n, -0.62)], -1)
        nape = np.stack([side * 0.040, np.full(n, 0.500), np.full(n, -0.018)], -1) - at
        nape /= np.linalg.norm(nape, axis=1)[:, None] + 1e-6
        back = np.stack([0 * side, np.full(n, -0.15), np.full(n, -1.0)], -1)
        front = ((at[:, 2] - 0.045) / 0.03).clip(0, 1)[:, None]
        over = np.stack([side * 0.066, np.full(n, 0.597), np.full(n, -0.004)], -1) - at
        over /= np.linalg.norm(over, axis=1)[:, None] + 1e-6
        ahead = ((at[:, 2] - 0.002) / 0.012).clip(0, 1)[:, None] * (at[:, 1] < 0.612)[:, None]
        nape = ahead * over + (1 - ahead) * nape
        heading = (1 - low) * away + low * ((1 - front) * nape + front * (back + 0.5 * nape)) + sway
        on, normal = skull.nearest(at)
        heading -= normal * (heading * normal).sum(1)[:, None]
        heading /= np.linalg.norm(heading, axis=1)[:, None] + 1e-6
        at = at + heading * step
        on, normal = skull.nearest(at)
        rise = 1 - (1 - min(1.0, k / (0.35 * hair.steps))) ** 2
        at = on + normal * (0.0006 + lift * rise)[:, None]
        path.append(at)
    paths = _gather(np.stack(path, 1), wisp, 0.5)
    inside = inside_hairline(paths.reshape(-1, 3), hair.crown).reshape(paths.shape[:2])
    stray = ((inside < -2) & (paths[..., 2] > 0.055)).any(1)
    return np.asarray(paths[~stray])


def falling(hair: Swept, rng: np.random.Generator) -> Array:
    """(n, steps, 3): what falls behind the neck and the shoulders."""
    n = hair.fall
    across = rng.uniform(-1, 1, n)
    across = np.sign(across) * np.abs(across) ** 0.8
    lock = np.floor(across * 14).astype(int)
    _, lock = np.unique(lock, return_inverse=True)
    wave = rng.normal(0, 1, (lock.max() + 1, 3))[lock]
    t = np.linspace(0, 1, hair.steps)[None]
    edge = 0.064 + 0.016 * t + 0.006 * np.sin(np.pi * t)
    x = across[:, None] * edge + 0.0022 * wave[:, :1] * np.sin(2 * np.pi * t * 0.8 + wave[:, 1:2])
    y = 0.595 + t * (hair.end_y - 0.595)
    deep = rng.random((n, 1))
    z = -0.008 - 0.020 * deep - 0.020 * t - 0.012 * (1 - across[:, None] ** 2)
    x = x + rng.normal(0, 0.0012, (n, 1))
    return np.stack([np.broadcast_to(x, (n, hair.steps)), np.broadcast_to(y, (n, hair.steps)), z + 0 * y], -1)


def multiply(paths: Array, children: int, spread: float, rng: np.random.Generator) -> Array:
    """Lay ``children`` hairs beside each grown one, (n · children, steps, 3)."""
    many = np.repeat(paths, children, axis=0)
    t = np.linspace(0, 1, paths.shape[1])[None, :, None]
    root, tip = rng.normal(0, spread, (2, len(many), 1, 3))
    wave = rng.normal(0, spread / 2, (len(many), 1, 3)) * np.sin(t * rng.uniform(4, 12, (len(many), 1, 1)))
    return np.asarray(many + root * (1 - t) + tip * t + wave * t)


def _gather(paths: Array, wisp: np.ndarray, strength: float) -> Array:
    """Draw the strands of a lock together towards their tips."""
    count = np.bincount(wisp)
    means = np.zeros((len(count), *paths.shape[1:]))
    np.add.at(means, wisp, paths)
    means /= count[:, None, None]
    pull = strength * np.linspace(0, 1, paths.shape[1]) ** 1.2
    return np.asarray(paths + pull[None, :, None] * (means[wisp] - paths))


def brow_hairs(brow: Brow, side: int, onto: Onto) -> Array:
    """(n, 6, 3) hairs of one brow."""
    rng = np.random.default_rng(brow.seed)
    line = np.array(brow.line)
    along = np.sort(rng.random(brow.hairs)) ** 0.9
    knots = np.linspace(0, 1, len(line))
    x, y, half = (np.interp(along, knots, line[:, k]) for k in range(3))
    across = rng.uniform(-1, 1, brow.hairs)
    even = np.linspace(0, 1, 200)
    slope = np.gradient(np.interp(even, knots, line[:, 1]), np.interp(even, knots, line[:, 0]))
    lean = np.arctan(np.interp(along, even, slope))
    angle = lean + np.radians(62) * (1 - along) ** 2.2 - np.radians(14) * across * (0.3 + along)
    angle += rng.normal(0, 0.13, brow.hairs)
    length = brow.length * (0.75 + 0.5 * rng.random(brow.hairs))
    length *= np.interp(along, [0, 0.2, 0.7, 1], [0.75, 1.0, 1.0, 0.6])
    t = np.linspace(0, 1, 6)[None]
    bend = angle[:, None] - 0.35 * t * (1 - along)[:, None]
    px = x[:, None] + length[:, None] * t * np.cos(bend)
    py = (y + across * half)[:, None] + length[:, None] * t * np.sin(bend)
    return onto(np.stack([side * px.ravel(), py.ravel()], -1)).reshape(brow.hairs, 6, 3)
