"""Laying a flat layer over what is drawn."""

from typing import Final

import numpy as np

from avatar.render.kernel import part, routine
from avatar.render.layers import PAD
from avatar.render.pose import DEPTH_RANGE
from avatar.render.raster import CELL, DEPTH_SHIFT, DEPTH_STEPS, EMPTY, RING
from avatar.render.vectors import lay8, lay16, prefetch, slanted8, slanted16, straight8, straight16

HALF: Final = CELL // 2
"""A cell's side in the chroma planes."""
_STRAIGHT: Final = 0.125
"""Pixels by which the ends of a cell's row may stray from a straight run, half to each side, so that it is read as
one, with a single fraction."""
_SLANTED: Final = 0.99
"""And to be read as a slanted one, which wants two neighbouring rows and columns at most."""
BEFORE: Final = np.int64(0.010 * DEPTH_STEPS)
"""What lies before a layer is nearer than it by more than this: hair lies on skin, not far above it."""


@part
def _stray(grid, gj, gi):  # type: ignore[no-untyped-def]
    """By how many pixels at most the rows of a cell stray from straight runs, from end to end."""
    j, i = np.uintp(gj), np.uintp(gi)
    low, right, side = j + np.uintp(1), i + np.uintp(1), np.float32(CELL)
    return max(
        abs(grid[j, right, 0] - grid[j, i, 0] - side), abs(grid[low, right, 0] - grid[low, i, 0] - side),
        abs(grid[j, right, 1] - grid[j, i, 1]), abs(grid[low, right, 1] - grid[low, i, 1]),
    )  # fmt: skip


@part
def _rows(grid, gj, gi):  # type: ignore[no-untyped-def]
    """How the rows of a cell are read in a padded layer, all 1/65536 pixel: column and row of the first one's first
    pixel and their steps along it; and what each of these four grows by from row to row."""
    one, cell, half = np.float32(65536.0), np.float32(1.0 / CELL), np.float32(0.5)
    j, i = np.uintp(gj), np.uintp(gi)
    low, right = j + np.uintp(1), i + np.uintp(1)
    pad, most = np.float32(PAD - 0.5), np.float32(1e5)
    x, y = min(max(grid[j, i, 0], -most), most), min(max(grid[j, i, 1], -most), most)
    dx, dy = (grid[j, right, 0] - grid[j, i, 0]) * cell, (grid[j, right, 1] - grid[j, i, 1]) * cell
    ex, ey = (grid[low, i, 0] - grid[j, i, 0]) * cell, (grid[low, i, 1] - grid[j, i, 1]) * cell
    fx = ((grid[low, right, 0] - grid[low, i, 0]) * cell - dx) * cell
    fy = ((grid[low, right, 1] - grid[low, i, 1]) * cell - dy) * cell
    x, y = x + pad + half * (dx + ex + half * fx), y + pad + half * (dy + ey + half * fy)
    dx, dy, ex, ey = dx + half * fx, dy + half * fy, ex + half * fx, ey + half * fy
    return (
        np.int64(x * one), np.int64(y * one), np.int64(dx * one), np.int64(dy * one),
        np.int64(ex * one), np.int64(ey * one), np.int64(fx * one), np.int64(fy * one),
    )  # fmt: skip


@part
def _half_rows(sx, sy, dx, dy, ex, ey, fx, fy):  # type: ignore[no-untyped-def]
    """The same in the chroma planes, from what :func:`_rows` returns."""
    # The middle of the first 2 x 2 pixels is half a pixel from the first's, here and in the layer.
    sx += (dx + ex - 65536 + (fx >> 1)) >> 1
    sy += (dy + ey - 65536 + (fy >> 1)) >> 1
    return sx >> 1, sy >> 1, dx + (fx >> 1), dy + (fy >> 1), ex + (fx >> 1), ey + (fy >> 1), 2 * fx, 2 * fy


@part
def _line(sx, sy, dx, dy, count, h, w):  # type: ignore[no-untyped-def]
    """For the slanted reader: first pixel's place in a plane (h, w), and px, py, dx, dy."""
    dx -= 65536
    left, top = min(sx, sx + (count - 1) * dx) >> 16, min(sy, sy + (count - 1) * dy) >> 16
    px, py = (sx - (left << 16)) >> 4, (sy - (top << 16)) >> 4
    left, top = min(max(left, 0), w - count - 2), min(max(top, 0), h - 3)
    return top * w + left, px, py, dx >> 4, dy >> 4


@part
def _straight_cell(luma, cb, cr, h, w, grid, gj, gi, out_y, out_u, out_v, stride, at, half_at):  # type: ignore[no-untyped-def]
    """Write a cell of a layer that hides all behind it and is read row by row, each with one fraction."""
    sx, sy, dx, dy, ex, ey, fx, fy = _rows(grid, gj, gi)
    half_sx, half_sy, half_dx, half_dy, half_ex, half_ey, _, _ = _half_rows(sx, sy, dx, dy, ex, ey, fx, fy)
    sx, sy = sx + (15 * (dx - 65536) >> 1), sy + (15 * dy >> 1)  # right in the middle
    ex, ey = ex + (15 * fx >> 1), ey + (15 * fy >> 1)
    for y in range(CELL):
        place = min(max(sy >> 16, 0), h - 2) * w + min(max(sx >> 16, 0), w - CELL - 1)
        prefetch(luma, place + CELL * w)
        prefetch(out_y, at + (y + CELL) * stride)
        straight16(out_y, at + y * stride, luma, place, w, (sx >> 8) & 255, (sy >> 8) & 255)
        sx, sy = sx + ex, sy + ey
    h, w, stride = h >> 1, w >> 1, stride >> 1
    sx, sy = half_sx + (7 * (half_dx - 65536) >> 1), half_sy + (7 * half_dy >> 1)
    for y in range(HALF):
        place = min(max(sy >> 16, 0), h - 2) * w + min(max(sx >> 16, 0), w - HALF - 1)
        prefetch(out_u, half_at + (y + HALF) * stride)
        prefetch(out_v, half_at + (y + HALF) * stride)
        prefetch(cb, place + HALF * w)
        prefetch(cr, place + HALF * w)
        straight8(out_u, half_at + y * stride, cb, place, w, (sx >> 8) & 255, (sy >> 8) & 255)
        straight8(out_v, half_at + y * stride, cr, place, w, (sx >> 8) & 255, (sy >> 8) & 255)
        sx, sy = sx + half_ex, sy + half_ey


@part
def _opaque_cell(luma, cb, cr, h, w, grid, gj, gi, out_y, out_u, out_v, stride, at, half_at):  # type: ignore[no-untyped-def]
    """Write a cell of a layer that hides all behind it."""
    sx, sy, dx, dy, ex, ey, fx, fy = _rows(grid, gj, gi)
    half_sx, half_sy, half_dx, half_dy, half_ex, half_ey, half_fx, half_fy = _half_rows(sx, sy, dx, dy, ex, ey, fx, fy)
    for y in range(CELL):
        place, px, py, qx, qy = _line(sx, sy, dx, dy, CELL, h, w)
        prefetch(luma, place + CELL * w)
        prefetch(out_y, at + (y + CELL) * stride)
        slanted16(out_y, at + y * stride, luma, place, w, px, py, qx, qy)
        sx, sy, dx, dy = sx + ex, sy + ey, dx + fx, dy + fy
    h, w, stride = h >> 1, w >> 1, stride >> 1
    for y in range(HALF):
        place, px, py, qx, qy = _line(half_sx, half_sy, half_dx, half_dy, HALF, h, w)
        prefetch(out_u, half_at + (y + HALF) * stride)
        prefetch(out_v, half_at + (y + HALF) * stride)
        prefetch(cb, place + HALF * w)
        prefetch(cr, place + HALF * w)
        slanted8(out_u, half_at + y * stride, cb, place, w, px, py, qx, qy)
        slanted8(out_v, half_at + y * stride, cr, place, w, px, py, qx, qy)
        half_sx, half_sy = half_sx + half_ex, half_sy + half_ey
        half_dx, half_dy = half_dx + half_fx, half_dy + half_fy


@part
def _clear_cell(  # type: ignore[no-untyped-def]
    luma, opacity, cb, cr, half_opacity, h, w, grid, gj, gi, out_y, out_u, out_v, stride, at, half_at
):
    """Lay a cell of a layer over what is there."""
    sx, sy, dx, dy, ex, ey, fx, fy = _rows(grid, gj, gi)
    half_sx, half_sy, half_dx, half_dy, half_ex, half_ey, half_fx, half_fy = _half_rows(sx, sy, dx, dy, ex, ey, fx, fy)
    for y in range(CELL):
        place, px, py, qx, qy = _line(sx, sy, dx, dy, CELL, h, w)
        prefetch(luma, place + CELL * w)
        prefetch(out_y, at + (y + CELL) * stride)
        prefetch(opacity, place + CELL * w)
        lay16(out_y, at + y * stride, luma, opacity, place, w, px, py, qx, qy)
        sx, sy, dx, dy = sx + ex, sy + ey, dx + fx, dy + fy
    h, w, stride = h >> 1, w >> 1, stride >> 1
    for y in range(HALF):
        place, px, py, qx, qy = _line(half_sx, half_sy, half_dx, half_dy, HALF, h, w)
        prefetch(out_u, half_at + (y + HALF) * stride)
        prefetch(out_v, half_at + (y + HALF) * stride)
        prefetch(cb, place + HALF * w)
        prefetch(cr, place + HALF * w)
        prefetch(half_opacity, place + HALF * w)
        lay8(out_u, half_at + y * stride, cb, half_opacity, place, w, px, py, qx, qy)
        lay8(out_v, half_at + y * stride, cr, half_opacity, place, w, px, py, qx, qy)
        half_sx, half_sy = half_sx + half_ex, half_sy + half_ey
        half_dx, half_dy = half_dx + half_fx, half_dy + half_fy


@part
def _sample(plane, h, w, sx, sy):  # type: ignore[no-untyped-def]
    """A flat plane of h x w at (sx, sy), 1/65536 pixel, bilinear, 8.8 bits."""
    at = np.uintp(min(max(sy >> 16, 0), h - 2) * w + min(max(sx >> 16, 0), w - 2))
    below, fx, fy = at + np.uintp(w), (sx >> 8) & 255, (sy >> 8) & 255
    a, b = np.int64(plane[at]), np.int64(plane[at + np.uintp(1)])
    c, d = np.int64(plane[below]), np.int64(plane[below + np.uintp(1)])
    upper, lower = (a << 8) + (b - a) * fx, (c << 8) + (d - c) * fx
    return ((upper << 8) + (lower - upper) * fy) >> 8


@part
def _lay_pixel(out, n, value, opacity):  # type: ignore[no-untyped-def]
    """Lay a value, multiplied by its opacity, over a byte; both 8.8 bits."""
    total = (value + 128 + np.int64(out[n]) * (65280 - opacity) // 255) >> 8
    out[n] = np.uint8(min(total, 255))


@part
def _any_cell(  # type: ignore[no-untyped-def]
    luma, opacity, cb, cr, half_opacity, h, w, grid, gj, gi, rows, columns, out_y, out_u, out_v, stride, at, half_at
):
    """Lay a cell of a layer over what is there, pixel by pixel: at the picture's edge, and where the head is turned
    further than rows of pixels allow."""
    sx, sy, dx, dy, ex, ey, fx, fy = _rows(grid, gj, gi)
    half_sx, half_sy, half_dx, half_dy, half_ex, half_ey, half_fx, half_fy = _half_rows(sx, sy, dx, dy, ex, ey, fx, fy)
    for y in range(rows):
        for x in range(columns):
            n, tx, ty = np.uintp(at + y * stride + x), sx + x * dx, sy + x * dy
            _lay_pixel(out_y, n, _sample(luma, h, w, tx, ty), _sample(opacity, h, w, tx, ty))
        sx, sy, dx, dy = sx + ex, sy + ey, dx + fx, dy + fy
    h, w = h >> 1, w >> 1
    for y in range(rows >> 1):
        for x in range(columns >> 1):
            n, tx, ty = np.uintp(half_at + y * (stride >> 1) + x), half_sx + x * half_dx, half_sy + x * half_dy
            share = _sample(half_opacity, h, w, tx, ty)
            _lay_pixel(out_u, n, _sample(cb, h, w, tx, ty), share)
            _lay_pixel(out_v, n, _sample(cr, h, w, tx, ty), share)
        half_sx, half_sy = half_sx + half_ex, half_sy + half_ey
        half_dx, half_dy = half_dx + half_fx, half_dy + half_fy


@part
def _lay_cell(  # type: ignore[no-untyped-def]
    luma, opacity, cb, cr, half_opacity, h, w, grid, least, gj, gi, rows, columns, out_y, out_u, out_v, stride, at,
    half_at,
):  # fmt: skip
    """Lay a cell of a layer, ``least`` opaque at least, over what is there, as fast as its warp allows."""
    stray = _stray(grid, gj, gi)
    if rows < CELL or columns < CELL or not stray < np.float32(_SLANTED):
        _any_cell(
            luma, opacity, cb, cr, half_opacity, h, w, grid, gj, gi, rows, columns, out_y, out_u, out_v, stride, at,
            half_at,
        )  # fmt: skip
    elif least < 255:
        _clear_cell(luma, opacity, cb, cr, half_opacity, h, w, grid, gj, gi, out_y, out_u, out_v, stride, at, half_at)
    elif stray < np.float32(_STRAIGHT):
        _straight_cell(luma, cb, cr, h, w, grid, gj, gi, out_y, out_u, out_v, stride, at, half_at)
    else:
        _opaque_cell(luma, cb, cr, h, w, grid, gj, gi, out_y, out_u, out_v, stride, at, half_at)


@routine
def lay_layer(  # type: ignore[no-untyped-def]
    luma, opacity, cb, cr, half_opacity, h, w, grid, least_most, hidden, gj, out_y, out_u, out_v, stride, at, half_at,
    rows, width,
):  # fmt: skip
    """Lay a row of a layer's cells over a picture, except cells that are ``hidden``.

    The layer is a :class:`avatar.render.compose.Flat` of h x w pixels; the picture's planes are flat, the cells' first
    pixels at ``at`` and ``half_at``, ``rows`` of each and ``width`` of all of them are seen.
    """
    j = np.uintp(gj)
    for gi in range((width + CELL - 1) // CELL):
        i = np.uintp(gi)
        if least_most[j, i, 1] == 0 or hidden[j, i]:
            continue
        columns = min(CELL, width - gi * CELL)
        _lay_cell(
            luma, opacity, cb, cr, half_opacity, h, w, grid, least_most[j, i, 0], gj, gi, rows, columns, out_y, out_u,
            out_v, stride, at + gi * CELL, half_at + gi * HALF,
        )  # fmt: skip


@part
def _hides(near, shares, deep, gj, gi, masks):  # type: ignore[no-untyped-def]
    """Which pixels of a cell show a mesh that lies before the layer, or its smooth outline: a bit a column in
    ``masks`` (CELL,), a word a row. Whether any do."""
    j, i, cell = np.uintp(gj), np.uintp(gi), np.float32(1.0 / CELL)
    low, right = j + np.uintp(1), i + np.uintp(1)
    some = 0
    for y in range(CELL):
        t = np.float32(y) * cell
        a, b = deep[j, i] + (deep[low, i] - deep[j, i]) * t, deep[j, right] + (deep[low, right] - deep[j, right]) * t
        base, step = (a + np.float32(DEPTH_RANGE)) * np.float32(DEPTH_STEPS), (b - a) * cell * np.float32(DEPTH_STEPS)
        row, mask = np.uintp((gj * CELL + y) & RING), 0
        for x in range(CELL):
            n = np.uintp(gi * CELL + x)
            key = near[row, n]
            bound = np.int64(base + step * np.float32(x)) - BEFORE
            if key >> DEPTH_SHIFT < bound and key != EMPTY:
                mask |= 1 << x
        masks[np.uintp(y)] = mask
        some |= mask
    if some:
        for y in range(CELL):  # beside such a pixel, what is mixed with it already is as it should be
            mask = masks[np.uintp(y)]
            for x in range(CELL):
                if shares[np.uintp(y), np.uintp(gi * CELL + x)] != 0 and _beside(masks, y, x):
                    mask |= 1 << (x + CELL)
            masks[np.uintp(y)] = mask
    return some != 0


@part
def _beside(masks, y, x):  # type: ignore[no-untyped-def]
    """Whether a pixel of a cell is next to one that hides the layer."""
    ring = (1 << x) | ((1 << x) >> 1) | ((1 << x) << 1)
    around = masks[np.uintp(y)]
    if y > 0:
        around |= masks[np.uintp(y - 1)]
    if y < CELL - 1:
        around |= masks[np.uintp(y + 1)]
    return (around & ring & 0xFFFF) != 0


@part
def _keep(out_y, out_u, out_v, stride, at, half_at, kept_y, kept_u, kept_v, rows, columns):  # type: ignore[no-untyped-def]
    """Copy a cell of a picture aside."""
    for y in range(rows):
        for x in range(columns):
            kept_y[np.uintp(y * CELL + x)] = out_y[np.uintp(at + y * stride + x)]
    for y in range(rows >> 1):
        for x in range(columns >> 1):
            n = np.uintp(half_at + y * (stride >> 1) + x)
            kept_u[np.uintp(y * HALF + x)], kept_v[np.uintp(y * HALF + x)] = out_u[n], out_v[n]


@part
def _put_back(out_y, out_u, out_v, stride, at, half_at, kept_y, kept_u, kept_v, rows, columns, masks):  # type: ignore[no-untyped-def]
    """Put those pixels of a cell back that are masked; chroma in the share of its four that are."""
    for y in range(rows):
        mask = masks[np.uintp(y)]
        mask |= mask >> CELL
        for x in range(columns):
            if (mask >> x) & 1:
                out_y[np.uintp(at + y * stride + x)] = kept_y[np.uintp(y * CELL + x)]
    for y in range(rows >> 1):
        upper, lower = masks[np.uintp(2 * y)], masks[np.uintp(2 * y + 1)]
        upper, lower = upper | (upper >> CELL), lower | (lower >> CELL)
        for x in range(columns >> 1):
            pair = 3 << (2 * x)
            share = 0
            for bits in ((upper & pair) >> (2 * x), (lower & pair) >> (2 * x)):
                share += (bits & 1) + (bits >> 1)
            if share:
                n, m = np.uintp(half_at + y * (stride >> 1) + x), np.uintp(y * HALF + x)
                out_u[n] = np.uint8((np.int64(out_u[n]) * (4 - share) + np.int64(kept_u[m]) * share + 2) >> 2)
                out_v[n] = np.uint8((np.int64(out_v[n]) * (4 - share) + np.int64(kept_v[m]) * share + 2) >> 2)


@routine
def lay_before(  # type: ignore[no-untyped-def]
    luma, opacity, cb, cr, half_opacity, h, w, grid, least_most, deep, near, shares, touched, kept, masks, gj,
    out_y, out_u, out_v, stride, at, half_at, rows, width,
):  # fmt: skip
    """As :func:`lay_layer`, but the layer is hidden by what of the mesh lies before it.

    ``deep`` (nodes, nodes) is how far off the layer is, from :func:`avatar.render.layers.warp_head`; ``kept``
    (3 · CELL²,) and ``masks`` (CELL,) have room for a cell; the rest is as in :class:`avatar.render.compose.Work`.
    """
    j = np.uintp(gj)
    area, quarter = CELL * CELL, HALF * HALF
    kept_y, kept_u, kept_v = kept[:area], kept[area : area + quarter], kept[area + quarter :]
    for gi in range((width + CELL - 1) // CELL):
        i = np.uintp(gi)
        if least_most[j, i, 1] == 0:
            continue
        columns, to, half_to = min(CELL, width - gi * CELL), at + gi * CELL, half_at + gi * HALF
        hides = touched[j, i] != 0 and _hides(near, shares, deep, gj, gi, masks)
        if hides:
            _keep(out_y, out_u, out_v, stride, to, half_to, kept_y, kept_u, kept_v, rows, columns)
        _lay_cell(
            luma, opacity, cb, cr, half_opacity, h, w, grid, least_most[j, i, 0], gj, gi, rows, columns, out_y, out_u,
            out_v, stride, to, half_to,
        )  # fmt: skip
        if hides:
            _put_back(out_y, out_u, out_v, stride, to, half_to, kept_y, kept_u, kept_v, rows, columns, masks)
