"""Which point of which surface every pixel shows.

A pixel's answer is one integer: depth above, the place in the atlas below, so that the nearest surface is the least
integer, one addition steps all three along a row, and one store keeps them.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.render.kernel import kernel, routine
from avatar.render.pose import DEPTH_RANGE
from avatar.render.vectors import draw_run

CELL: Final = 16
"""Pixels along a side of a cell, the piece that a picture is composed of."""
RING: Final = 4 * CELL - 1
"""Row y of the picture is row y & RING of the plane of raster keys: it holds the rows around the band being drawn."""
RUN: Final = 8
"""Pixels of a row drawn at once."""
MARGIN: Final = RUN
"""Columns at the right of the plane that stay as they are, so that the last run of a row may be whole."""
_PLACES: Final = 12
"""Places of a row that triangles are drawn at in turn."""
EMPTY: Final = np.int64(0x7FE0_0000_0000_0000)
"""No surface."""
UV_BITS: Final = 20
"""Bits of a column or row of the atlas: 12 of a texel, and 8 of its fraction."""
UV_MASK: Final = (1 << UV_BITS) - 1
DEPTH_SHIFT: Final = 2 * UV_BITS
DEPTH_STEPS: Final = ((1 << 22) - 1) / (2 * DEPTH_RANGE)
"""Steps of depth in a metre."""


def fixed_uvs(uvs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Texels, as 1/256 texel from the middle of the first: what :func:`draw_triangles` puts into its integers."""
    return np.ascontiguousarray((uvs - np.float32(0.5)) * np.float32(256.0))


def unpack(near: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(h, w, 2) column and row in the atlas, texels, and (h, w) depth in metres from the plane z = 0.

    Both mean nothing where ``near`` is :data:`EMPTY`.
    """
    at = np.stack([near & UV_MASK, near >> UV_BITS & UV_MASK], -1).astype(np.float32) / np.float32(256.0)
    depth = (near >> DEPTH_SHIFT).astype(np.float64) / DEPTH_STEPS - DEPTH_RANGE
    return at + np.float32(0.5), depth.astype(np.float32)


def reading_order(triangles: npt.NDArray[np.int32], screen: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """The order to draw triangles (t, 3) in, from where ``screen`` (n, 3) has their vertices.

    By rows of cells, for then most of the plane that is written to is in the cache. Within a row from place to place,
    for neighbours write over the same words, and a processor that is asked to read what it has just begun to write,
    but at another address, waits until it is written.
    """
    middle = screen[triangles][..., :2].mean(1) // CELL
    order = np.lexsort((middle[:, 0], middle[:, 1]))
    _, first, count = np.unique(middle[order, 1], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(first, count)
    apart = -(-np.repeat(count, count) // _PLACES)
    return order[np.lexsort((rank // apart, rank % apart, middle[order, 1]))]


def draw_alone(
    triangles: npt.NDArray[np.int32], screen: npt.NDArray[np.float32], uvs: npt.NDArray[np.float32], h: int, w: int
) -> npt.NDArray[np.int64]:
    """What a mesh of triangles (t, 3), vertices (n, 3) of column, row and depth, and texels (t, 3, 2) shows in each
    pixel of h x w: keys for :func:`unpack`. For builders of packs."""
    cells = -(-h // CELL), -(-w // CELL)
    near = np.full((cells[0] * CELL, w + MARGIN), EMPTY, np.int64)
    work = np.zeros(cells[0], np.int32), np.zeros(len(triangles), np.int32), np.zeros(len(triangles), np.uint8)
    none, touched = np.zeros(cells, np.uint8), np.zeros(cells, np.uint8)
    _draw_alone(triangles, screen, fixed_uvs(uvs), h, w, *work, none, near, touched)
    return near[:h, :w]


@kernel
def _draw_alone(triangles, screen, uvs, h, w, head, follow, facing, sealed, near, touched):  # type: ignore[no-untyped-def]
    chain_triangles(triangles, screen, h, w, head, follow, facing)
    for band in range(head.shape[0]):
        draw_triangles(
            band, head, follow, triangles, screen, uvs, sealed, h, w, near.reshape(near.size), w + MARGIN, -1, touched
        )


@routine
def chain_triangles(triangles, screen, h, w, head, follow, facing):  # type: ignore[no-untyped-def]
    """Put the triangles (t, 3) that face the camera within h x w pixels into a chain for each band of CELL rows.

    A triangle is in that of its uppermost row: the first is ``head[band]`` and the next ``follow[t]``, -1 at the end.
    ``screen`` (n, 3) is column, row, depth; ``facing`` (t,) becomes 1 for all that face the camera.
    """
    half = np.float32(0.5)
    head[:] = -1
    for back in range(triangles.shape[0]):
        t = np.uintp(triangles.shape[0] - 1 - back)  # so that chains are in the triangles' order
        a, b, c = np.uintp(triangles[t, 0]), np.uintp(triangles[t, 1]), np.uintp(triangles[t, 2])
        xa, ya, xb, yb, xc, yc = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        front = area < np.float32(-1e-6)  # rows grow downwards, so counter-clockwise is negative
        facing[t] = front
        top, bottom = max(0, int(min(ya, yb, yc) + half)), min(h, int(max(ya, yb, yc) + half))
        first, last = max(0, int(min(xa, xb, xc) + half)), min(w, int(max(xa, xb, xc) + half))
        if front and top < bottom and first < last:
            follow[t] = head[np.uintp(top // CELL)]
            head[np.uintp(top // CELL)] = np.int32(t)


@routine
def draw_triangles(band, head, follow, triangles, screen, uvs, sealed, h, w, near, stride, mask, touched):  # type: ignore[no-untyped-def]
    """Draw what triangles show in a band of CELL rows into ``near`` int64, flat, which must be :data:`EMPTY` there.

    Bands are drawn in their order: triangles that go on below are handed to the next band's chain. Row y is in
    ``near`` at (y & mask) · stride. ``uvs`` (t, 3, 2) comes from :func:`fixed_uvs`. ``touched``, a byte a cell,
    becomes 1 where a cell may have been drawn into; cells ``sealed`` need not be. A pixel belongs to the triangle that
    its middle is in, and neighbours that share an edge leave neither a gap nor an overlap.
    """
    half, one, least, most = np.float32(0.5), np.float32(1.0), np.float32(-1e6), np.float32(1e6)
    steps, middle = np.float32(DEPTH_STEPS), np.float32(DEPTH_RANGE)
    t, j = head[np.uintp(band)], np.uintp(band)
    while t >= 0:
        n = np.uintp(t)
        a, b, c = np.uintp(triangles[n, 0]), np.uintp(triangles[n, 1]), np.uintp(triangles[n, 2])
        xa, ya, xb, yb, xc, yc = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        first, last = max(0, int(min(xa, xb, xc) + half)), min(w, int(max(xa, xb, xc) + half))
        top, bottom = max(band * CELL, int(min(ya, yb, yc) + half)), min(h, int(max(ya, yb, yc) + half))
        t = follow[n]
        if bottom > (band + 1) * CELL:
            follow[n] = head[j + np.uintp(1)]
            head[j + np.uintp(1)] = np.int32(n)
            bottom = (band + 1) * CELL
        shown = False
        for i in range(first >> 4, ((last - 1) >> 4) + 1):
            if not sealed[j, np.uintp(i)]:
                shown = True
        if not shown:
            continue
        for i in range(first >> 4, ((last - 1) >> 4) + 1):  # sealed ones too: they are drawn into, so must be cleared
            touched[j, np.uintp(i)] = 1
        x1, y1, x2, y2 = xb - xa, yb - ya, xc - xa, yc - ya
        inv = one / (x1 * y2 - x2 * y1)
        # Attributes are planes over the screen: value = at a + gradient · (p - a).
        za, z1, z2 = screen[a, 2], screen[b, 2] - screen[a, 2], screen[c, 2] - screen[a, 2]
        ua, u1, u2 = uvs[n, 0, 0], uvs[n, 1, 0] - uvs[n, 0, 0], uvs[n, 2, 0] - uvs[n, 0, 0]
        va, v1, v2 = uvs[n, 0, 1], uvs[n, 1, 1] - uvs[n, 0, 1], uvs[n, 2, 1] - uvs[n, 0, 1]
        zx, zy = (z1 * y2 - z2 * y1) * inv * steps, (z2 * x1 - z1 * x2) * inv * steps
        ux, uy = (u1 * y2 - u2 * y1) * inv, (u2 * x1 - u1 * x2) * inv
        vx, vy = (v1 * y2 - v2 * y1) * inv, (v2 * x1 - v1 * x2) * inv
        za = (za + middle) * steps
        step = (np.int64(zx) << DEPTH_SHIFT) + (np.int64(vx) << UV_BITS) + np.int64(ux)
        # An edge that runs down the screen bounds the triangle on the left, one that runs up on the right. Its line is
        # always counted from its upper end, so that triangles that share it agree about it.
        ab, bc, ca = ya < yb, yb < yc, yc < ya
        xp, yp, sp = (xa, ya, x1 / y1) if ab else (xb, yb, x1 / y1)
        xq, yq, sq = (xb, yb, (xc - xb) / (yc - yb)) if bc else (xc, yc, (xc - xb) / (yc - yb))
        xr, yr, sr = (xc, yc, x2 / y2) if ca else (xa, ya, x2 / y2)
        flat_ab, flat_bc, flat_ca = ya == yb, yb == yc, yc == ya
        for y in range(top, bottom):
            py = np.float32(y) + half
            ep, eq, er = xp + (py - yp) * sp, xq + (py - yq) * sq, xr + (py - yr) * sr
            left = max(ep if ab else least, eq if bc else least, er if ca else least)
            right = min(most if ab or flat_ab else ep, most if bc or flat_bc else eq, most if ca or flat_ca else er)
            begin = max(first, int(left + half))
            length = min(last, int(right + half)) - begin
            ox, oy = np.float32(begin) + half - xa, py - ya
            z, u, v = za + zx * ox + zy * oy, ua + ux * ox + uy * oy, va + vx * ox + vy * oy
            key = (np.int64(z) << DEPTH_SHIFT) + (np.int64(v) << UV_BITS) + np.int64(u)
            at = (y & mask) * stride + begin
            draw_run(near, at, key, step, length, EMPTY)
            while length > RUN:
                at, key, length = at + RUN, key + RUN * step, length - RUN
                draw_run(near, at, key, step, length, EMPTY)
