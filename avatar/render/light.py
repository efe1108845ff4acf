"""Light that follows the face: the parts of the atlas whose colours depend on expression and pose."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.render.kernel import kernel

Bytes = npt.NDArray[np.uint8]

SIDE: Final = 16
"""Texels along a side of a block."""
HALF: Final = SIDE // 2


def resting_blocks(luma: Bytes, chroma: Bytes, blocks: npt.NDArray[np.int32]) -> Bytes:
    """(b, 384): what the blocks (b, 2) of an atlas (A, B) and (A/2, B/2, 2) hold, in the order of their steps."""

    def cut(plane: Bytes, side: int) -> Bytes:
        rows, columns = plane.shape[0] // side, plane.shape[1] // side
        squares = plane.reshape(rows, side, columns, side).swapaxes(1, 2)
        return np.asarray(squares[blocks[:, 0], blocks[:, 1]].reshape(len(blocks), side * side))

    parts = cut(luma, SIDE), cut(chroma[..., 0], HALF), cut(chroma[..., 1], HALF)
    return np.ascontiguousarray(np.concatenate(parts, 1))


@kernel
def coefficients(metric, centres, mix, linear, limits, inputs, out):  # type: ignore[no-untyped-def]
    """What multiplies the steps of light: ``out`` (G · k,), as :mod:`avatar.pack` defines it.

    ``inputs`` (55,) are the weights and the rotation; ``metric`` (G, d, 55), ``centres`` (G, p, d), ``mix`` (G, p, k),
    ``linear`` (G, d + 1, k).
    """
    groups, latents, wide = metric.shape
    points, count = mix.shape[1], mix.shape[2]
    place = np.empty(latents, np.float32)
    for g in range(groups):
        for i in range(latents):
            total = np.float32(0)
            for j in range(wide):
                total += metric[g, i, j] * inputs[j]
            place[i] = total
        base = g * count
        for k in range(count):
            out[base + k] = linear[g, latents, k]
        for i in range(latents):
            for k in range(count):
                out[base + k] += place[i] * linear[g, i, k]
        for n in range(points):
            apart = np.float32(0)
            for i in range(latents):
                d = centres[g, n, i] - place[i]
                apart += d * d
            if apart > np.float32(40):  # less than 3e-9 of a point's weight
                continue
            near = math.exp(np.float32(-0.5) * apart)
            for k in range(count):
                out[base + k] += near * mix[g, n, k]
        for k in range(count):
            n = base + k
            out[n] = min(max(out[n], -limits[n]), limits[n])


@kernel
def relight(blocks, starts, ids, scales, steps, weights, base, kept, luma, chroma):  # type: ignore[no-untyped-def]
    """Write the blocks of the atlas that the light changes: ``luma`` (A, B) uint8, ``chroma`` (A/2, B/2) uint32.

    ``blocks`` (b, 2), ``starts``, ``ids``, ``scales``, ``steps`` (m, 384) are the pack's; ``weights`` comes from
    :func:`coefficients`; ``base`` (b, 384) uint8 is what each block holds at rest, in the order of ``steps``. Chroma
    is Cb in the lower half of a word and Cr in the upper. What multiplies a step is rounded, to an eighth of a level
    where the step is largest, and ``kept`` (m,) int32: a block with the same multiples as last time is as it should be.
    """
    texels = np.empty(SIDE * SIDE * 3 // 2, np.float32)
    low, high, half = np.float32(16), np.float32(240), np.float32(0.5)  # limited range: nothing is blacker than black
    fine, coarse = np.float32(127 * 8), np.float32(1.0 / (127 * 8))
    for b in range(blocks.shape[0]):
        changed = 0
        for j in range(np.uintp(starts[b]), np.uintp(starts[b + 1])):
            multiple = weights[np.uintp(ids[j])] * scales[j] * fine
            sign = np.float32(1) if multiple > 0 else np.float32(-1)
            rounded = np.int32(min(max(multiple, np.float32(-1e6)), np.float32(1e6)) + sign * np.float32(0.5))
            changed |= kept[j] ^ rounded
            kept[j] = rounded
        if changed == 0:
            continue
        for n in range(texels.shape[0]):
            texels[n] = np.float32(base[b, n]) + half
        for j in range(np.uintp(starts[b]), np.uintp(starts[b + 1])):
            weight = np.float32(kept[j]) * coarse
            for n in range(texels.shape[0]):
                texels[n] += weight * np.float32(steps[j, n])
        for n in range(texels.shape[0]):
            texels[n] = min(max(texels[n], low), high)
        top, left = np.uintp(blocks[b, 0] * SIDE), np.uintp(blocks[b, 1] * SIDE)
        for y in range(np.uintp(SIDE)):
            for x in range(np.uintp(SIDE)):
                luma[top + y, left + x] = np.uint8(np.int32(texels[y * np.uintp(SIDE) + x]))
        top, left = top >> np.uintp(1), left >> np.uintp(1)
        for y in range(np.uintp(HALF)):
            for x in range(np.uintp(HALF)):
                at = np.uintp(SIDE * SIDE) + y * np.uintp(HALF) + x
                cb, cr = np.uint32(np.int32(texels[at])), np.uint32(np.int32(texels[at + np.uintp(HALF * HALF)]))
                chroma[top + y, left + x] = cb | (cr << np.uint32(16))
