"""Light that follows the face: how the colour of each texel depends on the expression and the turn of the head.

Each group of shots (mouth, eyes, head) gives samples of texels that the base colour does not explain. They are
regressed on the face by a Gaussian process whose distance between two faces is how far the surface moved (Rasmussen
and Williams 2006, eq. 2.25), and the fitted part, not the measured one, is reduced to a few components: none is spent
on noise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from avatar.studio.base_mesh import Array

Floats = npt.NDArray[np.float32]

BLOCK: Final = 16
LENGTHS: Final = (0.1, 0.15, 0.22, 0.35, 0.6, 1.0, 1.6, 2.5)
"""Of the kernel that are tried, in typical distances of two faces."""
FAINTLY: Final = 0.05
"""Trust below which a shot does not show a texel."""
ROUNDS: Final = 5
"""Of filling in texels that a shot hides with what the others say of them."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One group's shots."""

    faces: Array
    """(n, 55) weights and rotation."""
    residual: Floats
    """(n, T) what the base does not explain, 0 where unseen; luma and chroma texels one after the other."""
    seen: Floats
    """(n, T) in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Group:
    metric: Array
    """(d, 55)."""
    centres: Array
    """(p, d)."""
    kernel: Array
    """(p, k)."""
    linear: Array
    """(d + 1, k)."""
    limits: Array
    """(k,)."""
    components: Floats
    """(k, T)."""
    shades: Floats
    """(k, S) what each adds to the shades of the eyeballs."""

    def coefficients(self, faces: Array) -> Array:
        """(n, k) of faces (n, 55), as the live renderer has them."""
        z = faces @ self.metric.T
        r = np.exp(-((z[:, None] - self.centres[None]) ** 2).sum(-1) / 2)
        c = r @ self.kernel + np.concatenate([z, np.ones((len(z), 1))], 1) @ self.linear
        return np.asarray(c.clip(-self.limits, self.limits))


def metric(units: Array, weight: Array, chosen: Array, most: int, turn: float = 0.0) -> Array:
    """(d, 55) such that |metric @ (a - b)| is how far, in millimetres (RMS), the weighted vertices lie apart.

    ``units`` (52, n, 3) metres, ``weight`` (n,), ``chosen`` (52,) which units count; ``turn`` millimetres a radian of
    the head's rotation, none when 0.
    """
    flat = (units * np.sqrt(weight / weight.sum())[None, :, None]).reshape(len(units), -1) * 1000.0
    gram = (flat @ flat.T) * np.outer(chosen, chosen)
    values, vectors = np.linalg.eigh(gram)
    order = np.argsort(values)[::-1]
    keep = order[: min(most, int((values > 1e-5 * values.max()).sum()))]
    rows = (vectors[:, keep] * np.sqrt(values[keep])).T
    out = np.zeros((len(rows) + (3 if turn else 0), 55))
    out[: len(rows), :52] = rows
    if turn:
        out[len(rows) :, 52:] = turn * np.eye(3)
    return out


def _kernel(a: Array, b: Array, linear: float) -> Array:
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    return np.asarray(np.exp(-squared / 2) + linear * (1 + a @ b.T))


def fit(samples: Samples, measure: Array, most: int, say: Callable[[str], None], name: str) -> Group:
    """Choose length, noise and share of the linear part by leaving one out; then the components."""
    seen = np.clip(samples.seen, 0, 1)
    count = seen.sum(0)
    known = count > 2.5
    residual = samples.residual * seen
    mean = residual.sum(0) / np.maximum(count, 1.0)
    filled = (residual + (1 - seen) * mean).astype(np.float32)
    filled[:, ~known] = 0
    z = samples.faces @ measure.T
    spread = _spread(z)
    best: tuple[float, float, float, float] = (np.inf, 0, 0, 0)
    for turn in range(ROUNDS):
        gram = (filled @ filled.T).astype(float)
        if turn in (0, 2, ROUNDS - 1):
            best = (np.inf, 0, 0, 0)
            values, vectors = np.linalg.eigh(gram)
            top = vectors[:, -min(40, len(z)) :] * np.sqrt(values[-min(40, len(z)) :].clip(0))
            for length in LENGTHS:
                for share in (0.003, 0.02, 0.1, 0.4):
                    k = _kernel(z / (length * spread), z / (length * spread), share)
                    for noise in (0.0003, 0.002, 0.01, 0.05, 0.2):
                        inverse = np.linalg.inv(k + noise * np.eye(len(z)))
                        left = (inverse @ top) / np.diag(inverse)[:, None]
                        score = float((left**2).sum())
                        if score < best[0]:
                            best = (score, length, share, noise)
        _, length, share, noise = best
        scaled = z / (length * spread)
        k = _kernel(scaled, scaled, share)
        smoother = k @ np.linalg.inv(k + noise * np.eye(len(z)))
        fitted = (smoother.astype(np.float32)) @ filled
        if turn < ROUNDS - 1:
            filled = np.where(known, residual + (1 - seen) * fitted, 0).astype(np.float32)
    inverse = np.linalg.inv(k + noise * np.eye(len(z)))
    gram = (filled @ filled.T).astype(float)
    values, vectors = np.linalg.eigh(smoother @ gram @ smoother.T)
    keep = np.argsort(values)[::-1][:most]
    keep = keep[values[keep] > 1e-4 * values.max()]
    basis, size = vectors[:, keep], np.sqrt(values[keep])
    components = ((basis / size).T @ smoother).astype(np.float32) @ filled
    alpha = inverse @ (gram @ (smoother.T @ (basis / size)))
    total, unexplained = float((top**2).sum()), best[0]
    say(
        f"{name}: {len(z)} faces, {int(known.sum())} texels, "
        f"{1 - unexplained / total:.2f} of faces left out explained, "
        f"rank {len(keep)} (length {length}, linear {share}, noise {noise})"
    )
    return _group(measure / (length * spread), scaled, k, share, alpha, components)


def fit_hidden(samples: Samples, measure: Array, most: int, say: Callable[[str], None], name: str) -> Group:
    """As :func:`fit`, where most shots hide most texels: each is regressed on the shots that show it, alone.

    Slower, and nothing is made up for the shots that do not. Noise is as much more as a texel is trusted less.
    """
    known = np.flatnonzero((samples.seen > FAINTLY).sum(0) > 1)
    seen, values = samples.seen[:, known].astype(float), samples.residual[:, known].astype(float)
    z = samples.faces @ measure.T
    spread = _spread(z)
    some = np.linspace(0, len(known) - 1, 80).astype(int)
    tried = []
    for length, share, noise in product((0.5, 0.8, 1.2), (0.1, 0.4), (0.006, 0.02, 0.06)):
        k = _kernel(z / (length * spread), z / (length * spread), share)
        left = [_left_out(k, seen[:, c], values[:, c], noise) for c in some]
        tried.append((sum(float((one**2).sum()) for one in left), length, share, noise))
    unexplained, length, share, noise = min(tried)
    scaled = z / (length * spread)
    k = _kernel(scaled, scaled, share)
    alone = np.zeros_like(values)
    for c in range(len(known)):
        shows = seen[:, c] > FAINTLY
        noisy = k[np.ix_(shows, shows)] + np.diag(noise / seen[shows, c])
        alone[shows, c] = np.linalg.solve(noisy, values[shows, c])
    weight = np.sqrt(seen.mean(1) + 0.02)[:, None]
    _, size, rows = np.linalg.svd(weight * (k @ alone), full_matrices=False)
    rows = rows[:most][size[:most] > 1e-2 * size[0]]
    components = np.zeros((len(rows), samples.residual.shape[1]), np.float32)
    components[:, known] = rows
    total = sum(float((seen[:, c] * values[:, c] ** 2).sum()) for c in some)
    say(
        f"{name}: {len(z)} faces, {len(known)} texels, {1 - unexplained / total:.2f} of faces left out explained, "
        f"rank {len(rows)} (length {length}, linear {share}, noise {noise})"
    )
    return _group(measure / (length * spread), scaled, k, share, alone @ rows.T, components)


def _left_out(k: Array, seen: Array, values: Array, noise: float) -> Array:
    """What each shot that shows a texel differs from what the others say of it (Rasmussen and Williams, eq. 5.12)."""
    shows = seen > FAINTLY
    inverse = np.linalg.inv(k[np.ix_(shows, shows)] + np.diag(noise / seen[shows]))
    return np.asarray(np.sqrt(seen[shows]) * (inverse @ values[shows]) / np.diag(inverse))


def _spread(z: Array) -> float:
    """The typical distance of two rows."""
    return float(np.sqrt(np.median(((z[:, None] - z[None]) ** 2).sum(-1)[np.triu_indices(len(z), 1)])))


def _group(measure: Array, centres: Array, k: Array, share: float, alpha: Array, components: Floats) -> Group:
    """``k @ alpha`` are the coefficients of ``components`` at the centres."""
    linear = share * np.concatenate([centres, np.ones((len(centres), 1))], 1).T @ alpha
    at = k @ alpha
    usual = np.sqrt(np.mean(at**2, 0)) + 1e-9  # so that coefficients are about 1
    components = components * usual[:, None].astype(np.float32)
    nothing = np.zeros((len(components), 0), np.float32)
    limits = 1.15 * np.abs(at / usual).max(0)
    return Group(measure, centres, alpha / usual, linear / usual, limits, components, nothing)


@dataclass(frozen=True, slots=True)
class Blocks:
    """What of the components each block of the atlas keeps."""

    places: Array
    """(b, 2) row and column."""
    starts: Array
    ids: Array
    scales: Array
    steps: npt.NDArray[np.int8]


def blocks(groups: list[Group], shape: tuple[int, int], most: int) -> Blocks:
    """Cut components into blocks; keep the ``most`` of all blocks' components that add most, and what lies around."""
    rows, columns = shape
    h, w = rows // BLOCK, columns // BLOCK
    strength, pages = [], []
    for group in groups:
        usual = np.sqrt(np.mean(group.coefficients(_faces_of(group)) ** 2, 0))
        for k in range(len(group.components)):
            luma, chroma = split(group.components[k], shape)
            page = np.concatenate(
                [
                    _cut(luma, BLOCK).reshape(h, w, -1),
                    *(_cut(chroma[..., c], BLOCK // 2).reshape(h, w, -1) for c in (0, 1)),
                ],
                -1,
            )
            pages.append(page)
            strength.append(np.sqrt((page**2).mean(-1)) * usual[k])
    power = np.stack(strength)
    bar = max(np.sort(power, axis=None)[-min(most, power.size)], 1e-3)
    beside = np.stack([cv2.dilate((one > bar).astype(np.uint8), np.ones((3, 3))) for one in power]) > 0
    kept = (power > bar) | (beside & (power > bar / 3))
    places = np.argwhere(kept.any(0))
    starts, ids, scales, steps = [0], [], [], []
    for r, c in places:
        for k in np.flatnonzero(kept[:, r, c]).tolist():
            block = pages[k][r, c] * _fade(kept[k] | (power[k] < 1e-3), r, c)
            scale = float(np.abs(block).max()) / 127 or 1.0
            ids.append(k)
            scales.append(scale)
            steps.append(np.rint(block / scale).astype(np.int8))
        starts.append(len(ids))
    return Blocks(
        places.astype(np.int32), np.array(starts, np.int32), np.array(ids, np.int32), np.array(scales, np.float32),
        np.array(steps, np.int8).reshape(-1, BLOCK * BLOCK * 3 // 2),
    )  # fmt: skip


def _fade(kept: Array, r: int, c: int) -> Array:
    """(384,) in [0, 1]: how much of a component a block shows, so that it ends smoothly where a neighbour has none."""
    near = np.pad(kept, 1, mode="edge")[r : r + 3, c : c + 3]
    corners = np.array([[near[j : j + 2, i : i + 2].all() for i in (0, 1)] for j in (0, 1)], float)
    out = []
    for side in (BLOCK, BLOCK // 2):
        t = (np.arange(side) + 0.5) / side
        across = corners[:, :1] * (1 - t) + corners[:, 1:] * t
        out.append((across[0] * (1 - t[:, None]) + across[1] * t[:, None]).ravel())
    return np.concatenate([out[0], out[1], out[1]])


def _faces_of(group: Group) -> Array:
    """Faces (n, 55) whose z are the centres, as far as the metric tells."""
    return np.asarray(group.centres @ np.linalg.pinv(group.metric).T)


def join(luma: Array, chroma: Array) -> Floats:
    """(A, B) and (A/2, B/2, 2) as one row."""
    return np.concatenate([luma.ravel(), chroma.reshape(-1)]).astype(np.float32)


def split(row: Array, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    area = shape[0] * shape[1]
    return row[:area].reshape(shape), row[area:].reshape(shape[0] // 2, shape[1] // 2, 2)


def spread(known: Array, drawn: Array) -> tuple[npt.NDArray[np.int64], Floats]:
    """Where each value of a row (as :func:`join` makes them) is to be taken from, and how much of it.

    ``known`` (T,) bool, ``drawn`` (A, B) bool: texels of triangles. Values reach a few texels into the gutters between
    charts, and fade into what was never seen.
    """
    shape = drawn.shape
    luma, chroma = split(known, shape)
    index, share, start = [], [], 0
    for page, within in ((luma, drawn), (chroma[..., 0], drawn[::2, ::2])):
        distance, (rows, columns) = distance_transform_edt(page == 0, return_indices=True)
        place = (rows * page.shape[1] + columns).ravel()
        fade = np.where(within, 1 - (distance - 2) / 14, 1 - (distance - 5)).clip(0, 1).ravel()
        if start:
            index.append(start + 2 * place.repeat(2) + np.tile([0, 1], len(place)))
            share.append(fade.repeat(2))
        else:
            index.append(place)
            share.append(fade)
        start = shape[0] * shape[1]
    return np.concatenate(index), np.concatenate(share).astype(np.float32)


def _cut(page: Array, side: int) -> Array:
    h, w = page.shape
    return page.reshape(h // side, side, w // side, side).transpose(0, 2, 1, 3)
