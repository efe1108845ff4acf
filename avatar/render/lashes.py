"""Lashes: thin strips that let the face show through."""

from typing import Final

import numpy as np

from avatar.render.kernel import routine
from avatar.render.pose import DEPTH_RANGE
from avatar.render.raster import CELL, DEPTH_SHIFT, DEPTH_STEPS

SUBPIXELS: Final = 2
"""Samples of a pixel along an axis."""
BEFORE: Final = np.int64(0.001 * DEPTH_STEPS)
"""How far a lash may lie behind the face and still be seen: roots sit in the lid."""


@routine
def chain_lashes(triangles, screen, h, head, follow):  # type: ignore[no-untyped-def]
    """Put the lashes' triangles (l, 3) into chains, as :func:`avatar.render.raster.chain_triangles` does the mesh's."""
    head[:] = -1
    for t in range(triangles.shape[0]):
        a, b, c = np.uintp(triangles[t, 0]), np.uintp(triangles[t, 1]), np.uintp(triangles[t, 2])
        top = max(0, int(min(screen[a, 1], screen[b, 1], screen[c, 1])))
        if top < h and max(screen[a, 1], screen[b, 1], screen[c, 1]) > 0:
            follow[t] = head[np.uintp(top // CELL)]
            head[np.uintp(top // CELL)] = t


@routine
def draw_lashes(band, head, follow, triangles, screen, uvs, opacity, h, w, near, mask, veil, veiled):  # type: ignore[no-untyped-def]
    """Add the opacity of a band's lashes to ``veil`` (CELL, w) float32, 0 to 1, which must be clear.

    ``triangles`` (l, 3) into ``screen`` (n, 3) are seen from both sides; ``uvs`` (l, 3, 2) are texels of ``opacity``
    (.., ..) float32 from 0 to 1; ``near`` holds the band, row y at y & mask. A byte of ``veiled`` becomes 1 for each
    cell with any. Bands are drawn in their order, as :func:`avatar.render.raster.draw_triangles` does.
    """
    rows, columns = opacity.shape
    half, zero, one = np.float32(0.5), np.float32(0), np.float32(1)
    fine, share = np.float32(SUBPIXELS), np.float32(1.0 / SUBPIXELS**2)
    side, t = CELL * SUBPIXELS, head[np.uintp(band)]
    while t >= 0:
        n = np.uintp(t)
        a, b, c = np.uintp(triangles[n, 0]), np.uintp(triangles[n, 1]), np.uintp(triangles[n, 2])
        xa, ya = screen[a, 0] * fine, screen[a, 1] * fine
        x1, y1 = screen[b, 0] * fine - xa, screen[b, 1] * fine - ya
        x2, y2 = screen[c, 0] * fine - xa, screen[c, 1] * fine - ya
        bottom = min(h * SUBPIXELS, int(ya + max(zero, y1, y2) + half))
        t = follow[n]
        if bottom > (band + 1) * side:
            follow[n] = head[np.uintp(band + 1)]
            head[np.uintp(band + 1)] = np.int32(n)
            bottom = (band + 1) * side
        area = x1 * y2 - x2 * y1
        if abs(area) < np.float32(1e-3):
            continue
        # A point is at a + p · (b - a) + q · (c - a); p and q are planes over the screen.
        inv = one / area
        px, py, qx, qy = y2 * inv, -x2 * inv, -y1 * inv, x1 * inv
        top = max(band * side, int(ya + min(zero, y1, y2) + half))
        za, z1, z2 = screen[a, 2], screen[b, 2] - screen[a, 2], screen[c, 2] - screen[a, 2]
        ua, u1, u2 = uvs[n, 0, 0] - half, uvs[n, 1, 0] - uvs[n, 0, 0], uvs[n, 2, 0] - uvs[n, 0, 0]
        va, v1, v2 = uvs[n, 0, 1] - half, uvs[n, 1, 1] - uvs[n, 0, 1], uvs[n, 2, 1] - uvs[n, 0, 1]
        for sy in range(top, bottom):
            dy = np.float32(sy) + half - ya
            left, right = zero, np.float32(w * SUBPIXELS)
            for at, slope in ((py * dy, px), (qy * dy, qx), (one - (py + qy) * dy, -px - qx)):
                # Inside is where at + slope · (x - xa) is positive.
                if slope > 0:
                    left = max(left, xa - at / slope)
                elif slope < 0:
                    right = min(right, xa - at / slope)
                elif at < 0:
                    right = zero
            row, y = np.uintp((sy // SUBPIXELS) & mask), np.uintp((sy // SUBPIXELS) & (CELL - 1))
            for sx in range(int(left + half), int(right + half)):
                dx = np.float32(sx) + half - xa
                p, q = px * dx + py * dy, qx * dx + qy * dy
                x = np.uintp(sx // SUBPIXELS)
                depth = np.int64((za + p * z1 + q * z2 + np.float32(DEPTH_RANGE)) * np.float32(DEPTH_STEPS))
                if depth > (near[row, x] >> DEPTH_SHIFT) + BEFORE:
                    continue
                u = min(max(ua + p * u1 + q * u2, zero), np.float32(columns - 1))
                v = min(max(va + p * v1 + q * v2, zero), np.float32(rows - 1))
                i, j = int(u), int(v)
                fu, fv = u - np.float32(i), v - np.float32(j)
                k, m = min(i + 1, columns - 1), min(j + 1, rows - 1)
                upper = opacity[j, i] + (opacity[j, k] - opacity[j, i]) * fu
                lower = opacity[m, i] + (opacity[m, k] - opacity[m, i]) * fu
                under = veil[y, x]
                veil[y, x] = min(under + (upper + (lower - upper) * fv) * share, one)
                veiled[x // np.uintp(CELL)] = 1
