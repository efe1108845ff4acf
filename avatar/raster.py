"""The inner loops of the mesh renderer: pose, project, rasterize, shade. Compiled by Numba, one thread, no GIL.

Pictures are drawn deferred: :func:`rasterize` leaves, for every pixel of a region, the depth and the atlas position
of the nearest surface; :func:`shade` then reads each pixel's colour once and writes it straight into I420 planes.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

FAR = np.float32(1e9)
UV_SHIFT = 4
"""Atlas positions are stored in 1/16 texel, 16 bits an axis."""
CELL = 16
"""Pixels between two nodes of a layer's warp grid."""
HALF = CELL // 2
"""A cell's side in the chroma planes."""
BLOCK = 4
"""Pixels between two places where a layer's opacity bounds are known."""
REACH = 11
"""Pixels around such a place, whichever of its block, that its bounds hold for; a bilinear sample's width is extra."""


def _kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop, keeping the machine code for the next start where there is a place to keep it."""
    try:
        return njit(cache=True, nogil=True, fastmath=True, error_model="numpy")(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written
        return njit(nogil=True, fastmath=True, error_model="numpy")(function)


def _part(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a piece into every loop that uses it: a call would count references to each array handed over."""
    return njit(nogil=True, fastmath=True, error_model="numpy", forceinline=True)(function)


@_kernel
def pose(rest, starts, indices, deltas, weights, out):  # type: ignore[no-untyped-def]
    """out (n, 3) = rest + Σ weights[k] · deltas of unit k, the deltas sparse: rows starts[k]:starts[k + 1]."""
    for i in range(rest.shape[0]):
        for axis in range(3):
            out[i, axis] = rest[i, axis]
    for k in range(weights.shape[0]):
        w = weights[k]
        if w == 0.0:
            continue
        for j in range(starts[k], starts[k + 1]):
            i = indices[j]
            out[i, 0] += w * deltas[j, 0]
            out[i, 1] += w * deltas[j, 1]
            out[i, 2] += w * deltas[j, 2]


@_kernel
def move_and_project(points, follow, pivot, rotation, translation, lens, out):  # type: ignore[no-untyped-def]
    """Turn the head about ``pivot`` and project.

    Each point follows the head's motion by ``follow`` in [0, 1]; ``lens`` is (focal, centre x, centre y, distance,
    eye y). ``out`` (n, 3) gets column, row, depth.
    """
    for i in range(points.shape[0]):
        x, y, z = points[i, 0] - pivot[0], points[i, 1] - pivot[1], points[i, 2] - pivot[2]
        f = follow[i]
        dx = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z + translation[0] - x
        dy = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z + translation[1] - y
        dz = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z + translation[2] - z
        depth = lens[3] - (points[i, 2] + f * dz)
        scale = lens[0] / depth
        out[i, 0] = lens[1] + scale * (points[i, 0] + f * dx)
        out[i, 1] = lens[2] - scale * (points[i, 1] + f * dy - lens[4])
        out[i, 2] = depth


@_kernel
def rasterize(triangles, screen, uvs, x0, y0, depth, where, touched):  # type: ignore[no-untyped-def]
    """Draw front-facing triangles into ``depth`` (h, w) float32 and ``where`` (h, w) uint32, region origin (x0, y0).

    ``uvs`` is (t, 3, 2) texels; ``where`` packs row and column in 1/16 texel as ``v << 16 | u``; ``touched``
    (h / CELL, w / CELL, rounded up) becomes 1 where a cell may have been drawn into.
    """
    h, w = depth.shape
    for y in range(h):
        for x in range(w):
            depth[y, x] = FAR
            where[y, x] = 0
    for j in range(touched.shape[0]):
        for i in range(touched.shape[1]):
            touched[j, i] = 0
    one, half = np.float32(1 << UV_SHIFT), np.float32(0.5)
    for t in range(triangles.shape[0]):
        a, b, c = np.uintp(triangles[t, 0]), np.uintp(triangles[t, 1]), np.uintp(triangles[t, 2])
        xa, ya = screen[a, 0] - x0, screen[a, 1] - y0
        xb, yb = screen[b, 0] - x0, screen[b, 1] - y0
        xc, yc = screen[c, 0] - x0, screen[c, 1] - y0
        x1, y1, x2, y2 = xb - xa, yb - ya, xc - xa, yc - ya
        area = x1 * y2 - x2 * y1
        if area >= np.float32(-1e-6):  # rows grow downwards, so counter-clockwise is negative
            continue
        first, last = max(0, math.ceil(min(xa, xb, xc) - half)), min(w, math.ceil(max(xa, xb, xc) - half))
        top, bottom = max(0, math.ceil(min(ya, yb, yc) - half)), min(h, math.ceil(max(ya, yb, yc) - half))
        if top >= bottom or first >= last:
            continue
        for j in range(top // CELL, (bottom - 1) // CELL + 1):
            for i in range(first // CELL, (last - 1) // CELL + 1):
                touched[j, i] = 1
        inv = np.float32(1.0) / area
        # Attributes are planes over the screen: value = at a + gradient · (p - a).
        za, z1, z2 = screen[a, 2], screen[b, 2] - screen[a, 2], screen[c, 2] - screen[a, 2]
        ua, u1, u2 = uvs[t, 0, 0] * one, (uvs[t, 1, 0] - uvs[t, 0, 0]) * one, (uvs[t, 2, 0] - uvs[t, 0, 0]) * one
        va, v1, v2 = uvs[t, 0, 1] * one, (uvs[t, 1, 1] - uvs[t, 0, 1]) * one, (uvs[t, 2, 1] - uvs[t, 0, 1]) * one
        zx, zy = (z1 * y2 - z2 * y1) * inv, (z2 * x1 - z1 * x2) * inv
        ux, uy = (u1 * y2 - u2 * y1) * inv, (u2 * x1 - u1 * x2) * inv
        vx, vy = (v1 * y2 - v2 * y1) * inv, (v2 * x1 - v1 * x2) * inv
        # Edges run from the upper end to the lower, so that triangles that share one agree about it.
        xt, yt, xm, ym, xl, yl = xa, ya, xb, yb, xc, yc
        if ym < yt:
            xt, yt, xm, ym = xm, ym, xt, yt
        if yl < ym:
            xm, ym, xl, yl = xl, yl, xm, ym
            if ym < yt:
                xt, yt, xm, ym = xm, ym, xt, yt
        long_, upper, lower = (xl - xt) / (yl - yt), (xm - xt) / (ym - yt), (xl - xm) / (yl - ym)
        for y in range(top, bottom):
            py = y + half
            one_end = xt + (py - yt) * long_
            other = xt + (py - yt) * upper if py < ym else xm + (py - ym) * lower
            begin = max(0, math.ceil(min(one_end, other) - half))
            end = min(w, math.ceil(max(one_end, other) - half))
            ox, oy = begin + half - xa, py - ya
            z, u, v = za + zx * ox + zy * oy, ua + ux * ox + uy * oy, va + vx * ox + vy * oy
            for x in range(begin, end):
                if z < depth[np.uintp(y), np.uintp(x)]:
                    depth[np.uintp(y), np.uintp(x)] = z
                    where[np.uintp(y), np.uintp(x)] = (np.uint32(v) << np.uint32(16)) | np.uint32(u)
                z += zx
                u += ux
                v += vx


@_kernel
def warp_grid(reach, pivot, rotation, translation, lens, x0, y0, out):  # type: ignore[no-untyped-def]
    """Where a layer is to be read for nodes of a grid over the region: ``out`` (rows, columns, 2) of (column, row).

    ``reach`` (rows, columns) is the layer's depth from the pinhole at rest, on the same grid. The head's motion is
    inverted by fixed-point steps: it moves a layer by tens of pixels at most, and its depth is smooth.
    """
    rows, columns = reach.shape
    for r in range(rows):
        for c in range(columns):
            px, py = np.float32(x0 + c * CELL), np.float32(y0 + r * CELL)
            qx, qy = px, py
            for _ in range(3):
                gx = min(max((qx - x0) / CELL, np.float32(0)), np.float32(columns - 1.001))
                gy = min(max((qy - y0) / CELL, np.float32(0)), np.float32(rows - 1.001))
                i, j = int(gx), int(gy)
                fx, fy = gx - i, gy - j
                d = (reach[j, i] * (1 - fx) + reach[j, i + 1] * fx) * (1 - fy) + (
                    reach[j + 1, i] * (1 - fx) + reach[j + 1, i + 1] * fx
                ) * fy
                x = (qx - lens[1]) * d / lens[0] - pivot[0]
                y = lens[4] - (qy - lens[2]) * d / lens[0] - pivot[1]
                z = lens[3] - d - pivot[2]
                mx = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z + translation[0] + pivot[0]
                my = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z + translation[1] + pivot[1]
                mz = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z + translation[2] + pivot[2]
                scale = lens[0] / (lens[3] - mz)
                qx -= lens[1] + scale * mx - px
                qy -= lens[2] - scale * (my - lens[4]) - py
            out[r, c, 0] = qx - x0
            out[r, c, 1] = qy - y0


@_part
def _bilinear(q, fx, fy):  # type: ignore[no-untyped-def]
    """Four packed bytes, mixed by fractions in 1/16, as 0…65280 (8.8 fixed point)."""
    row = (q & 0x00FF00FF) * (16 - fx) + ((q >> 8) & 0x00FF00FF) * fx
    return (row & 0xFFFF) * (16 - fy) + (row >> 16) * fy


@_part
def _hair(q, fx, fy):  # type: ignore[no-untyped-def]
    """A layer's eight packed bytes, mixed by fractions in 1/128: opacity above bit 46, luma as 8.14 below bit 32.

    Finer fractions would reach the sign bit, where compiled overflow is undefined.
    """
    row = (q & 0x00FF00FF00FF00FF) * (128 - fx) + ((q >> 8) & 0x00FF00FF00FF00FF) * fx
    return (row & 0x0000FFFF0000FFFF) * (128 - fy) + ((row >> 16) & 0x0000FFFF0000FFFF) * fy


@_part
def _row(grid, gj, gi, y):  # type: ignore[no-untyped-def]
    """Where row ``y`` of a cell is read in a layer: (column, row) of its first pixel and the steps, in 1/65536."""
    one, step = np.float32(65536.0), np.float32(1.0 / CELL)
    f = (np.float32(y) + np.float32(0.5)) * step
    xl = grid[gj, gi, 0] + (grid[gj + 1, gi, 0] - grid[gj, gi, 0]) * f
    xr = grid[gj, gi + 1, 0] + (grid[gj + 1, gi + 1, 0] - grid[gj, gi + 1, 0]) * f
    yl = grid[gj, gi, 1] + (grid[gj + 1, gi, 1] - grid[gj, gi, 1]) * f
    yr = grid[gj, gi + 1, 1] + (grid[gj + 1, gi + 1, 1] - grid[gj, gi + 1, 1]) * f
    dx, dy = np.int64((xr - xl) * step * one), np.int64((yr - yl) * step * one)
    sx = np.int64((xl - np.float32(0.5)) * one) + (dx >> 1)
    sy = np.int64((yl - np.float32(0.5)) * one) + (dy >> 1)
    return sx, sy, dx, dy


@_part
def _layer_bounds(bounds, grid, gj, gi, h, w):  # type: ignore[no-untyped-def]
    """Least and greatest opacity a layer can have in a cell: one look into ``bounds`` where the warp is mild."""
    xa, xb, xc, xd = grid[gj, gi, 0], grid[gj, gi + 1, 0], grid[gj + 1, gi, 0], grid[gj + 1, gi + 1, 0]
    ya, yb, yc, yd = grid[gj, gi, 1], grid[gj, gi + 1, 1], grid[gj + 1, gi, 1], grid[gj + 1, gi + 1, 1]
    x_low, x_high, y_low, y_high = min(xa, xb, xc, xd), max(xa, xb, xc, xd), min(ya, yb, yc, yd), max(ya, yb, yc, yd)
    if x_high - x_low > 2 * REACH or y_high - y_low > 2 * REACH:
        return 0, 255
    i = min(max(int((x_low + x_high) * np.float32(0.5)) // BLOCK, 0), bounds.shape[1] - 1)
    j = min(max(int((y_low + y_high) * np.float32(0.5)) // BLOCK, 0), bounds.shape[0] - 1)
    inside = x_low >= 1 and y_low >= 1 and x_high <= w - 2 and y_high <= h - 2
    return int(bounds[j, i, 0]) if inside else 0, int(bounds[j, i, 1])


@_part
def _drawn(where, cover, clothed, ty, tx, rows, columns):  # type: ignore[no-untyped-def]
    """How many pixels of a cell show the mesh, and whether it hides all that lies behind it."""
    seen, bare = np.int32(0), np.int32(0)
    if clothed:
        for y in range(ty, ty + rows):
            for x in range(tx, tx + columns):
                drawn = where[np.uintp(y), np.uintp(x)] != 0
                seen += np.int32(drawn and cover[np.uintp(y), np.uintp(x)] < 255)
                bare += np.int32(drawn and cover[np.uintp(y), np.uintp(x)] == 0)
        return seen, bare == rows * columns
    for y in range(ty, ty + rows):
        for x in range(tx, tx + columns):
            seen += np.int32(where[np.uintp(y), np.uintp(x)] != 0)
    return seen, seen == rows * columns


@_part
def _plate_onto(plate, ty, tx, rows, columns, side, out):  # type: ignore[no-untyped-def]
    for y in range(rows):
        for x in range(columns):
            out[np.uintp(y * side + x)] = np.int32(plate[np.uintp(ty + y), np.uintp(tx + x)]) << 8


@_part
def _mesh_onto(where, atlas, atlas_uv, stride, ty, tx, rows, columns, words, seen, luma, cu, cv):  # type: ignore[no-untyped-def]
    """Lay the mesh over a cell. Fetching and blending are loops of their own: the second runs in vector registers."""
    last = atlas.shape[0] - 1
    for y in range(rows):
        for x in range(columns):
            n = np.uintp(y * CELL + x)
            p = np.int64(where[np.uintp(ty + y), np.uintp(tx + x)])
            u, v = (p & 0xFFFF) - 8, (p >> 16) - 8
            at = min(max((v >> 4) * stride + (u >> 4), 0), last)
            words[n] = np.int64(atlas[np.uintp(at)]) | ((u & 15) << 32) | ((v & 15) << 40)
            seen[n] = np.int32(p != 0)
    for k in range(CELL * CELL):
        n = np.uintp(k)
        q = words[n]
        value = np.int32(_bilinear(q & 0xFFFFFFFF, (q >> 32) & 15, (q >> 40) & 15))
        luma[n] = value if seen[n] else luma[n]
    half, last = stride >> 1, atlas_uv.shape[0] - 1
    for y in range(0, rows, 2):
        for x in range(0, columns, 2):
            p = np.int64(where[np.uintp(ty + y), np.uintp(tx + x)])
            if p != 0:
                u, v = (p & 0xFFFF) - 8, (p >> 16) - 8
                c = np.int32(atlas_uv[np.uintp(min(max((v >> 5) * half + (u >> 5), 0), last))])
                n = np.uintp((y >> 1) * HALF + (x >> 1))
                cu[n], cv[n] = (c & 255) << 8, c & 0xFF00


@_part
def _hair_onto(layer, layer_uv, h, w, grid, gj, gi, rows, columns, words, parts, luma, cu, cv):  # type: ignore[no-untyped-def]
    """Lay a layer over a cell."""
    half = w >> 1
    for y in range(rows):
        sx, sy, dx, dy = _row(grid, gj, gi, y)
        for x in range(columns):
            n = np.uintp(y * CELL + x)
            words[n] = layer[np.uintp(min(max(sy >> 16, 0), h - 2) * w + min(max(sx >> 16, 0), w - 2))]
            parts[n] = ((sx >> 9) & 127) | (((sy >> 9) & 127) << 8)
            sx += dx
            sy += dy
    for k in range(CELL * CELL):
        n = np.uintp(k)
        value = _hair(words[n], np.int64(parts[n] & 255), np.int64(parts[n] >> 8))
        a = np.int32(value >> 46)
        a += a >> 7
        parts[n] = a
        under = luma[n]
        luma[n] = under + (((np.int32((value & 0xFFFFFFFF) >> 6) - under) * a) >> 8)
    for y in range(0, rows, 2):
        cx, cy, dx, dy = _row(grid, gj, gi, y)
        for x in range(0, columns, 2):
            a = parts[np.uintp(y * CELL + x)]
            if a > 1:
                n = np.uintp((y >> 1) * HALF + (x >> 1))
                c = np.int32(
                    layer_uv[np.uintp((min(max(cy >> 16, 0), h - 2) >> 1) * half + (min(max(cx >> 16, 0), w - 2) >> 1))]
                )
                cu[n] += ((((c & 255) << 8) - cu[n]) * a) >> 8
                cv[n] += (((c & 0xFF00) - cv[n]) * a) >> 8
            cx += 2 * dx
            cy += 2 * dy


@_part
def _clothes_onto(cover, plate_y, plate_u, plate_v, ty, tx, rows, columns, luma, cu, cv):  # type: ignore[no-untyped-def]
    """Put the plate's clothes back over what lies behind them."""
    for y in range(rows):
        for x in range(columns):
            c = np.int32(cover[np.uintp(ty + y), np.uintp(tx + x)])
            if c == 0:
                continue
            c += c >> 7
            n = np.uintp(y * CELL + x)
            luma[n] += (((np.int32(plate_y[np.uintp(ty + y), np.uintp(tx + x)]) << 8) - luma[n]) * c) >> 8
            if not (x & 1 or y & 1):
                n = np.uintp((y >> 1) * HALF + (x >> 1))
                j, i = np.uintp((ty + y) >> 1), np.uintp((tx + x) >> 1)
                cu[n] += (((np.int32(plate_u[j, i]) << 8) - cu[n]) * c) >> 8
                cv[n] += (((np.int32(plate_v[j, i]) << 8) - cv[n]) * c) >> 8


@_part
def _write(values, side, rows, columns, y0, x0, out):  # type: ignore[no-untyped-def]
    for y in range(rows):
        for x in range(columns):
            out[np.uintp(y0 + y), np.uintp(x0 + x)] = (values[np.uintp(y * side + x)] + 128) >> 8


@_kernel
def shade(  # type: ignore[no-untyped-def]
    where, touched, atlas, atlas_uv, stride, cover, cover_bounds, plate_y, plate_u, plate_v,
    back, back_uv, back_bounds, back_grid, front, front_uv, front_bounds, front_grid, x0, y0, out_y, out_u, out_v,
):  # fmt: skip
    """Compose the region cell by cell: plate, back layer, mesh, clothes, front layer; straight into the planes.

    ``atlas`` is packed by ``avatar.mesh_renderer.pack_luma`` from rows of ``stride`` texels, ``back`` and ``front`` by
    ``pack_layer``, every ``_uv`` by ``pack_chroma``; ``cover`` (h, w) is how far the plate's clothes hide the mesh.
    Cells where nothing but the plate shows are copied.
    """
    h, w = where.shape
    out_y[y0 : y0 + h, x0 : x0 + w] = plate_y
    out_u[y0 // 2 : (y0 + h) // 2, x0 // 2 : (x0 + w) // 2] = plate_u
    out_v[y0 // 2 : (y0 + h) // 2, x0 // 2 : (x0 + w) // 2] = plate_v
    words, parts = np.zeros(CELL * CELL, np.int64), np.zeros(CELL * CELL, np.int32)
    luma, cu, cv = np.zeros(CELL * CELL, np.int32), np.zeros(HALF * HALF, np.int32), np.zeros(HALF * HALF, np.int32)
    for gj in range((h + CELL - 1) // CELL):
        for gi in range((w + CELL - 1) // CELL):
            ty, tx = gj * CELL, gi * CELL
            rows, columns = min(CELL, h - ty), min(CELL, w - tx)
            front_least, front_most = _layer_bounds(front_bounds, front_grid, gj, gi, h, w)
            clothed, hidden = cover_bounds[gj, gi, 1] > 0, cover_bounds[gj, gi, 0] == 255
            mesh, solid = 0, False
            if touched[gj, gi] and not hidden and front_least < 255:
                mesh, solid = _drawn(where, cover, clothed, ty, tx, rows, columns)
            back_most = 0
            if not (solid or hidden or front_least == 255):
                back_most = _layer_bounds(back_bounds, back_grid, gj, gi, h, w)[1]
            if front_most == 0 and mesh == 0 and back_most == 0:
                continue
            hy, hx, half_rows, half_columns = ty >> 1, tx >> 1, rows >> 1, columns >> 1
            if not solid and front_least < 255:
                _plate_onto(plate_y, ty, tx, rows, columns, CELL, luma)
                _plate_onto(plate_u, hy, hx, half_rows, half_columns, HALF, cu)
                _plate_onto(plate_v, hy, hx, half_rows, half_columns, HALF, cv)
            if back_most > 0:
                _hair_onto(back, back_uv, h, w, back_grid, gj, gi, rows, columns, words, parts, luma, cu, cv)
            if mesh > 0:
                _mesh_onto(where, atlas, atlas_uv, stride, ty, tx, rows, columns, words, parts, luma, cu, cv)
            if clothed and (mesh > 0 or back_most > 0):
                _clothes_onto(cover, plate_y, plate_u, plate_v, ty, tx, rows, columns, luma, cu, cv)
            if front_most > 0:
                _hair_onto(front, front_uv, h, w, front_grid, gj, gi, rows, columns, words, parts, luma, cu, cv)
            _write(luma, CELL, rows, columns, y0 + ty, x0 + tx, out_y)
            _write(cu, HALF, half_rows, half_columns, (y0 >> 1) + hy, (x0 >> 1) + hx, out_u)
            _write(cv, HALF, half_rows, half_columns, (y0 >> 1) + hy, (x0 >> 1) + hx, out_v)
