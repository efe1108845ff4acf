"""Hair, brows: strands grown on the skin of the host at rest."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avatar.studio.base_mesh import Array

Nearest = Callable[[Array], tuple[Array, Array]]
"""Points (n, 3) to the nearest points of the skin and the outward normals there."""


@dataclass(frozen=True, slots=True)
class Bob:
    """A side-parted bob that frames the face and ends above the shoulders."""

    crown: tuple[float, float, float]
    """Centre of the skull, metres."""
    part_x: float
    """Where the hair is parted."""
    end_y: float
    """Height of the tips."""
    strands: int
    """Hairs that are grown."""
    children: int
    """Hairs made of each of those, lying beside it."""
    wisp: float = 0.011
    """Width of the locks that strands gather into, metres."""
    steps: int = 48
    seed: int = 7


HAIRLINE = np.radians([[0, 29], [30, 26], [50, 19], [65, 9], [80, 4], [95, 12], [115, -14], [140, -34], [180, -40]])
"""Azimuth from the front, elevation of the hairline seen from the skull's centre."""


def roots(bob: Bob, vertices: Array, triangles: np.ndarray, rng: np.random.Generator) -> Array:
    """(n, 3) points spread evenly over the scalp, thinning at the hairline."""
    corners = vertices[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    area *= corners[:, :, 1].min(1) > bob.crown[1] - 0.12
    picked = rng.choice(len(triangles), bob.strands * 4, p=area / area.sum())
    a, b = rng.random((2, len(picked), 1))
    a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
    points = corners[picked, 0] * (1 - a - b) + corners[picked, 1] * a + corners[picked, 2] * b
    away = points - bob.crown
    azimuth = np.abs(np.arctan2(away[:, 0], away[:, 2]))
    elevation = np.arctan2(away[:, 1], np.hypot(away[:, 0], away[:, 2]))
    line = np.interp(azimuth, HAIRLINE[:, 0], HAIRLINE[:, 1])
    inside = (elevation - line) / np.radians(5) > rng.random(len(points))
    return np.asarray(points[inside][: bob.strands])


def grow(bob: Bob, start: Array, nearest: Nearest, rng: np.random.Generator) -> Array:
    """(n, steps, 3): each hair leaves the part sideways and back, follows the skull, then falls."""
    n = len(start)
    side = np.sign(start[:, 0] - bob.part_x)
    cell = np.floor(start / bob.wisp).astype(int)
    _, wisp = np.unique(cell, axis=0, return_inverse=True)
    lift = 0.003 + 0.011 * rng.random(n) ** 0.7
    sway = rng.normal(0, 0.10, (wisp.max() + 1, 3))[wisp] + rng.normal(0, 0.04, (n, 3))
    end = bob.end_y + rng.normal(0, 0.004, wisp.max() + 1)[wisp] + rng.normal(0, 0.002, n)
    length = (np.abs(start[:, 1] - bob.crown[1] - 0.09) * 0.2 + start[:, 1] - bob.end_y + 0.05).clip(0.02)
    step = (length / bob.steps)[:, None]
    at = start.copy()
    heading = np.stack([side * 0.9, np.full(n, 0.25), np.where(start[:, 2] > 0.05, -0.45, -0.1)], -1) + sway
    path = [start]
    for k in range(1, bob.steps):
        on, normal = nearest(at)
        gap = ((at - on) * normal).sum(1)
        want = lift * min(1.0, k / 8)
        pull = np.stack([np.zeros(n), np.full(n, -1.0), np.zeros(n)], -1)
        front = ((at[:, 2] - 0.052) / 0.02).clip(0, 1) * (at[:, 1] > 0.52)
        pull[:, 2] -= 1.1 * front
        pull[:, 0] += side * 0.9 * front
        heading = heading + 0.30 * pull
        near = (1 - (gap - want) / 0.02).clip(0, 1)[:, None]
        inward = (heading * normal).sum(1)[:, None]
        heading = heading - normal * np.minimum(inward, 0) * near - normal * np.maximum(inward, 0) * near * 0.7
        heading /= np.linalg.norm(heading, axis=1)[:, None]
        at = at + heading * step
        on, normal = nearest(at)
        gap = ((at - on) * normal).sum(1)
        at = at + normal * (want - gap).clip(0, 0.006)[:, None]
        path.append(at)
    paths = np.stack(path, 1)
    return _trim(_gather(paths, wisp, 0.55), end)


def multiply(bob: Bob, paths: Array, rng: np.random.Generator) -> Array:
    """Lay ``bob.children`` hairs beside each grown one, (n · children, steps, 3)."""
    many = np.repeat(paths, bob.children, axis=0)
    t = np.linspace(0, 1, paths.shape[1])[None, :, None]
    root, tip = rng.normal(0, 0.0011, (2, len(many), 1, 3))
    wave = rng.normal(0, 0.0006, (len(many), 1, 3)) * np.sin(t * rng.uniform(4, 12, (len(many), 1, 1)))
    return np.asarray(many + root * (1 - t) + tip * t + wave * t)


def _gather(paths: Array, wisp: np.ndarray, strength: float) -> Array:
    """Draw the strands of a lock together towards their tips."""
    count = np.bincount(wisp)
    means = np.zeros((len(count), *paths.shape[1:]))
    np.add.at(means, wisp, paths)
    means /= count[:, None, None]
    pull = strength * np.linspace(0, 1, paths.shape[1]) ** 1.2
    return np.asarray(paths + pull[None, :, None] * (means[wisp] - paths))


def _trim(paths: Array, end: Array) -> Array:
    """Cut each strand at its height: points below slide up to the cut."""
    out = paths.copy()
    for k in range(1, paths.shape[1]):
        low = (out[:, k, 1] < end) & (out[:, k, 1] < out[:, k - 1, 1])
        span = (out[:, k - 1, 1] - out[:, k, 1]).clip(1e-6)
        t = ((out[:, k - 1, 1] - end) / span).clip(0, 1)[:, None]
        out[:, k] = np.where(low[:, None], out[:, k - 1] + t * (out[:, k] - out[:, k - 1]), out[:, k])
        out[:, k, 1] = np.where(low, np.maximum(out[:, k, 1], end), out[:, k, 1])
    return out


@dataclass(frozen=True, slots=True)
class Brow:
    """A brow as a line on the face, seen from the front: (x, y, half width) from the nose outwards, metres."""

    line: tuple[tuple[float, float, float], ...]
    hairs: int = 380
    length: float = 0.0075
    seed: int = 3


def brow_hairs(brow: Brow, side: int, onto: Callable[[Array], Array]) -> Array:
    """(n, 6, 3) hairs of one brow; ``onto`` lays (n, 2) front-view points on the skin, slightly above it."""
    rng = np.random.default_rng(brow.seed)
    line = np.array(brow.line)
    along = np.sort(rng.random(brow.hairs)) ** 0.9
    knots = np.linspace(0, 1, len(line))
    x, y, half = (np.interp(along, knots, line[:, k]) for k in range(3))
    across = rng.uniform(-1, 1, brow.hairs)
    slope = np.gradient(
        np.interp(np.linspace(0, 1, 200), knots, line[:, 1]), np.interp(np.linspace(0, 1, 200), knots, line[:, 0])
    )
    lean = np.arctan(np.interp(along, np.linspace(0, 1, 200), slope))
    angle = (
        lean
        + np.radians(62) * (1 - along) ** 2.2
        - np.radians(14) * across * (0.3 + along)
        + rng.normal(0, 0.13, brow.hairs)
    )
    length = (
        brow.length * (0.75 + 0.5 * rng.random(brow.hairs)) * np.interp(along, [0, 0.2, 0.7, 1], [0.75, 1.0, 1.0, 0.6])
    )
    t = np.linspace(0, 1, 6)[None]
    bend = angle[:, None] - 0.35 * t * (1 - along)[:, None]
    px = x[:, None] + length[:, None] * t * np.cos(bend)
    py = (y + across * half)[:, None] + length[:, None] * t * np.sin(bend)
    flat = np.stack([side * px.ravel(), py.ravel()], -1)
    return onto(flat).reshape(brow.hairs, 6, 3)
