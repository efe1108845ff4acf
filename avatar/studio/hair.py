"""Hair and brows: strands grown on the skin of the host at rest. Positions in the host's axes, metres."""

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from avatar.studio.base_mesh import Array
from avatar.studio.motion import smooth
from avatar.studio.person import EYES_AT
from avatar.studio.spec import Brow, Draped, Short

Onto = Callable[[Array], Array]
"""Lays front-view points (n, 2) on the skin, slightly above it, (n, 3)."""

HAIRLINE: Final = np.array(
    [[0, 27], [10, 27.5], [24, 26.5], [36, 22], [46, 14.5], [54, 6], [60, -1], [66, -4], [70, 0], [76, 8], [82, 14],
     [90, 16], [105, 12], [118, -8], [140, -34], [180, -40]]
)  # fmt: skip
"""Azimuth from the front, elevation of the hairline seen from :data:`CROWN`, degrees."""
CROWN: Final = np.array([0.0, 0.732, 0.044])
"""Centre of the skull on the base mesh as it comes."""
SOFT: Final = 6.0
"""Degrees over which hair thins out at the hairline."""
AXIS: Final = EYES_AT + np.array([0.0, 0.004, -0.081])
"""Centre of the skull of a host at rest."""
STEP: Final = 0.005


def inside_hairline(reference: Array, receding: float) -> Array:
    """(n,) degrees by which points (n, 3) of the base mesh as it comes lie within the hairline; negative outside.

    ``receding``: degrees by which it has gone back above the temples.
    """
    away = reference - CROWN
    azimuth = np.degrees(np.abs(np.arctan2(away[:, 0], away[:, 2])))
    elevation = np.degrees(np.arctan2(away[:, 1], np.hypot(away[:, 0], away[:, 2])))
    line = np.interp(azimuth, HAIRLINE[:, 0], HAIRLINE[:, 1])
    line = line + receding * (0.35 + np.exp(-(((azimuth - 34) / 16) ** 2))) * smooth((62 - azimuth) / 12)
    waves = 1.0 * np.sin(azimuth * 0.35 + 1) + 0.6 * np.sin(azimuth * 0.93) * (away[:, 0] > 0)
    return np.asarray(elevation - line - waves)


class Skull:
    """The head as hair knows it: a dome above its centre, a straight tube below, no ears."""

    def __init__(self, vertices: Array, ears: Array) -> None:
        """``ears`` (n,) in [0, 1]: how far each vertex belongs to an ear."""
        away = vertices[(ears < 0.1) & (vertices[:, 1] > AXIS[1] - 0.03)] - AXIS
        self._radius = np.linalg.norm(away, axis=1)
        self._tree = cKDTree(away / self._radius[:, None])

    def nearest(self, points: Array) -> tuple[Array, Array]:
        """(n,) height of points (n, 3) over the skull, and the outward normals (n, 3) there."""
        away = points - AXIS
        away[:, 1] = away[:, 1].clip(0)
        radius = np.linalg.norm(away, axis=1)
        normal = away / radius[:, None].clip(1e-6)
        apart, index = self._tree.query(normal, 32)
        weight = np.exp(-((apart / 0.09) ** 2)) + 1e-6
        return radius - (self._radius[index] * weight).sum(1) / weight.sum(1), normal


def roots(
    hair: Draped | Short,
    vertices: Array,
    reference: Array,
    triangles: np.ndarray,
    ears: Array,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Points (n, 3) spread evenly over the scalp, thinning at the hairline, and where they lie on the base mesh."""
    corners = vertices[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    within = inside_hairline(reference, hair.receding)
    area *= (ears[triangles].max(1) < 0.3) & (within[triangles].max(1) > -SOFT)
    area *= reference[triangles][..., 1].min(1) > CROWN[1] - 0.09
    picked = rng.choice(len(triangles), hair.strands * 3, p=area / area.sum())
    a, b = rng.random((2, len(picked), 1))
    a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)

    def placed(at: Array) -> Array:
        three = at[triangles[picked]]
        return np.asarray(three[:, 0] * (1 - a - b) + three[:, 1] * a + three[:, 2] * b)

    points, on = placed(vertices), placed(reference)
    inside = inside_hairline(on, hair.receding) / SOFT > rng.random(len(points)) ** 1.5
    return points[inside][: hair.strands], on[inside][: hair.strands]


def grow(hair: Draped | Short, start: Array, skull: Skull, rng: np.random.Generator) -> Array:
    """(n, k, 3) hairs from roots (n, 3), as the style has it."""
    return drape(hair, start, skull, rng) if isinstance(hair, Draped) else crop(hair, start, skull, rng)


def crop(hair: Short, start: Array, skull: Skull, rng: np.random.Generator) -> Array:
    """(n, k, 3): each hair leaves the skin steeply and lies down along its combing: over from the part and back on
    top, downwards at the sides and behind.
    """
    n = len(start)
    front = smooth((start[:, 2] - AXIS[2] - 0.015) / 0.06)
    top = np.maximum(smooth((start[:, 1] - AXIS[1] - 0.040) / 0.045), front)  # nothing falls over the forehead
    side = np.where(start[:, 0] > hair.part, 1.0, -1.0)  # beyond the part it falls to its own side
    _, lock = np.unique(np.floor(start / hair.lock).astype(int), axis=0, return_inverse=True)
    locks = lock.max() + 1
    length = hair.sides + (hair.top - hair.sides) * top * (0.75 + 0.25 * front)
    length *= 0.85 + 0.2 * rng.random(locks)[lock] + 0.1 * rng.random(n)
    over = np.stack([side * (1 - hair.back), np.full(n, 0.0), np.full(n, -hair.back)], -1)
    down = np.stack([0.15 * side, np.full(n, -1.0), np.full(n, -0.25)], -1)
    combed = _unit(top[:, None] * over + (1 - top)[:, None] * down)
    sway = rng.normal(0, 0.16, (locks, 3))[lock] + rng.normal(0, 0.08, (n, 3))
    rank = 0.35 + 0.65 * (0.6 * rng.random(n) + 0.4 * rng.random(locks)[lock])
    lift = (0.0015 + 0.0035 * top + hair.volume * top * (0.35 + 0.65 * front)) * rank
    _, normal = skull.nearest(start.copy())
    heading = _unit(_along(combed + sway, normal) + (0.55 + 0.5 * top * front)[:, None] * normal)
    at, path, steps = start.copy(), [start], 3 * hair.points
    for k in range(1, steps):
        t = k / (steps - 1)
        heading = _unit(heading + (3.0 / steps) * (_along(combed + sway, normal) - (0.15 + 0.35 * t) * normal))
        moved = at + heading * (length / (steps - 1))[:, None]
        height, normal = skull.nearest(moved)
        wanted = lift * smooth(np.full(n, t / 0.5)) + 0.0004
        moved = moved + ((wanted - height).clip(0) - 0.25 * (height - wanted).clip(0, 0.02))[:, None] * normal
        heading = _unit(moved - at + 1e-9)
        at = moved
        path.append(at)
    return _gather(_even(np.stack(path, 1), hair.points), lock, hair.gather)


def drape(hair: Draped, start: Array, skull: Skull, rng: np.random.Generator) -> Array:
    """(n, k, 3): each hair leaves the part, follows the skull, falls beside the face, and is cut at one height."""
    n, end = len(start), EYES_AT[1] + hair.end
    side = np.where(start[:, 0] > hair.part * smooth((start[:, 2] - AXIS[2] + 0.05) / 0.06), 1.0, -1.0)
    _, lock = np.unique(np.c_[np.floor(start / hair.lock), side].astype(int), axis=0, return_inverse=True)
    locks = lock.max() + 1
    top = smooth((start[:, 1] - AXIS[1] - 0.01) / 0.085)
    rank = rng.random(n) * 0.75 + rng.random(locks)[lock] * 0.25
    lift = 0.003 + hair.volume * (0.35 + 0.65 * top) * (0.25 + 0.75 * rank)
    sway = rng.normal(0, 0.10, (locks, 3))[lock] + rng.normal(0, 0.05, (n, 3))
    stop = end + rng.normal(0, 0.0035, n) + 0.012 * (1 - rank) * rng.random(n)
    front = smooth((start[:, 2] - AXIS[2] - 0.02) / 0.05)
    away = np.stack([side, np.full(n, 0.0), -0.20 - 0.08 * front], -1)
    down = np.stack([0.5 * side, np.full(n, -1.0), np.full(n, -0.35)], -1)
    combed = front[:, None] * away + (1 - front)[:, None] * down
    at, path = start.copy(), [start]
    _, normal = skull.nearest(at)
    heading = _unit(_along(combed, normal) + 0.35 * top[:, None] * normal)
    gone = np.zeros(n)
    for k in range(1, hair.steps):
        fallen = smooth(np.full(n, k * STEP / 0.11))[:, None]
        below = smooth((end + 0.055 - at[:, 1]) / 0.05)[:, None]
        inward = -_unit(np.stack([at[:, 0], 0 * at[:, 0], at[:, 2] - AXIS[2] + 0.02], -1))
        pull = 0.34 * combed * (1 - fallen) + (0.06 + 0.30 * fallen) * np.array([0.0, -1.0, 0.0])
        pull = pull + hair.curl * below * inward + 0.10 * sway * (1 - 0.6 * fallen)
        heading = _unit(heading + pull)
        step = np.where(at[:, 1] > stop, STEP, 0.0)[:, None]
        moved = at + heading * step
        height, normal = skull.nearest(moved)
        wanted = lift * smooth(np.full(n, k * STEP / 0.030)) + 0.0006
        held = smooth((moved[:, 1] - EYES_AT[1] + 0.10) / 0.05)  # below, the neck leaves room for ends to turn in
        moved = _beside(moved + (held * (wanted - height).clip(0))[:, None] * normal, side, hair)
        height, normal = skull.nearest(moved)
        moved = moved + (held * (wanted - height).clip(0) - 0.2 * (height - wanted).clip(0, 0.02))[:, None] * normal
        heading = np.where(step > 0, _unit(moved - at + 1e-9), heading)
        gone += step[:, 0]
        at = moved
        path.append(at)
    return _gather(_even(np.stack(path, 1), hair.points), lock, hair.gather)


def _beside(points: Array, side: Array, hair: Draped) -> Array:
    """Keep hairs that have come down to the face beside it."""
    x, y, z = points[:, 0] - AXIS[0], points[:, 1], points[:, 2] - AXIS[2] + 0.03
    low = smooth((EYES_AT[1] + hair.opening - y) / 0.085)
    least = np.radians(hair.frame) * low
    azimuth = np.arctan2(side * x, z)
    out = points.copy()
    turned = np.where((azimuth < least) & (z > 0), azimuth + 0.35 * (least - azimuth), azimuth)
    radius = np.hypot(x, z)
    out[:, 0] = AXIS[0] + side * radius * np.sin(turned)
    out[:, 2] = AXIS[2] - 0.03 + radius * np.cos(turned)
    return out


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True).clip(1e-9))


def _along(vectors: Array, normals: Array) -> Array:
    return _unit(vectors - normals * (vectors * normals).sum(-1, keepdims=True))


def _even(paths: Array, count: int) -> Array:
    """Each path by ``count`` points evenly spaced along it."""
    gaps = np.linalg.norm(np.diff(paths, axis=1), axis=2)
    along = np.concatenate([np.zeros((len(paths), 1)), np.cumsum(gaps, 1)], 1)
    out = np.empty((len(paths), count, 3))
    for k, (one, s) in enumerate(zip(paths, along, strict=True)):
        even = np.linspace(0, s[-1], count)
        for axis in range(3):
            out[k, :, axis] = np.interp(even, s, one[:, axis])
    return out


def multiply(paths: Array, children: int, spread: float, rng: np.random.Generator) -> Array:
    """Lay ``children`` hairs beside each grown one, (n · children, k, 3)."""
    many = np.repeat(paths, children, axis=0)
    t = np.linspace(0, 1, paths.shape[1])[None, :, None]
    root, tip = rng.normal(0, spread, (2, len(many), 1, 3))
    wave = rng.normal(0, spread / 2, (len(many), 1, 3)) * np.sin(t * rng.uniform(4, 12, (len(many), 1, 1)))
    return np.asarray(many + root * (1 - t) + tip * t + wave * t)


def _gather(paths: Array, lock: np.ndarray, strength: float) -> Array:
    """Draw the strands of a lock together towards their tips."""
    count = np.bincount(lock)
    means = np.zeros((len(count), *paths.shape[1:]))
    np.add.at(means, lock, paths)
    means /= count[:, None, None]
    pull = strength * np.linspace(0, 1, paths.shape[1]) ** 1.5
    return np.asarray(paths + pull[None, :, None] * (means[lock] - paths))


def brow_hairs(brow: Brow, side: int, onto: Onto) -> Array:
    """(n, 6, 3) hairs of one brow."""
    rng = np.random.default_rng(brow.seed)
    line = np.array(brow.line)
    along = np.sort(rng.random(brow.hairs)) ** 0.9
    knots = np.linspace(0, 1, len(line))
    x, y, half = (np.interp(along, knots, line[:, k]) for k in range(3))
    y = y + EYES_AT[1]
    across = rng.uniform(-1, 1, brow.hairs)
    even = np.linspace(0, 1, 200)
    slope = np.gradient(np.interp(even, knots, line[:, 1]), np.interp(even, knots, line[:, 0]))
    lean = np.arctan(np.interp(along, even, slope))
    angle = lean + np.radians(48) * (1 - along) ** 2.4 - np.radians(14) * across * (0.3 + along)
    angle += rng.normal(0, 0.13, brow.hairs)
    length = brow.length * (0.6 + 0.6 * rng.random(brow.hairs))
    length *= np.interp(along, [0, 0.2, 0.7, 1], [0.75, 1.0, 1.0, 0.6])
    t = np.linspace(0, 1, 6)[None]
    bend = angle[:, None] - 0.35 * t * (1 - along)[:, None]
    px = x[:, None] + length[:, None] * t * np.cos(bend)
    py = (y + across * half)[:, None] + length[:, None] * t * np.sin(bend)
    return onto(np.stack([side * px.ravel(), py.ravel()], -1)).reshape(brow.hairs, 6, 3)
