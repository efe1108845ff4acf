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


def _kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop, keeping the machine code for the next start where there is a place to keep it."""
    try:
        return njit(cache=True, nogil=True, fastmath=True, error_model="numpy")(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written
        return njit(nogil=True, fastmath=True, error_model="numpy")(function)


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
    for j in range(touched.shape[0]):
        for i in range(touched.shape[1]):
            touched[j, i] = 0
    one = np.float32(1 << UV_SHIFT)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        xa, ya = screen[a, 0] - x0, screen[a, 1] - y0
        xb, yb = screen[b, 0] - x0, screen[b, 1] - y0
        xc, yc = screen[c, 0] - x0, screen[c, 1] - y0
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area >= np.float32(-1e-6):  # rows grow downwards, so counter-clockwise is negative
            continue
        top = max(0, math.ceil(min(ya, yb, yc) - np.float32(0.5)))
        bottom = min(h, math.ceil(max(ya, yb, yc) - np.float32(0.5)))
        if top >= bottom:
            continue
        first, last = max(0, int(min(xa, xb, xc))), min(w - 1, int(max(xa, xb, xc)))
        for j in range(top // CELL, (bottom - 1) // CELL + 1):
            for i in range(first // CELL, last // CELL + 1):
                touched[j, i] = 1
        inv = np.float32(1.0) / area
        za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
        ua, ub, uc = uvs[t, 0, 0] * one, uvs[t, 1, 0] * one, uvs[t, 2, 0] * one
        va, vb, vc = uvs[t, 0, 1] * one, uvs[t, 1, 1] * one, uvs[t, 2, 1] * one
        # Attributes are planes over the screen: value = at a + gradient · (p - a).
        x1, y1, x2, y2 = xb - xa, yb - ya, xc - xa, yc - ya
        zx, zy = ((zb - za) * y2 - (zc - za) * y1) * inv, ((zc - za) * x1 - (zb - za) * x2) * inv
        ux, uy = ((ub - ua) * y2 - (uc - ua) * y1) * inv, ((uc - ua) * x1 - (ub - ua) * x2) * inv
        vx, vy = ((vb - va) * y2 - (vc - va) * y1) * inv, ((vc - va) * x1 - (vb - va) * x2) * inv
        for y in range(top, bottom):
            py = y + np.float32(0.5)
            left, right = FAR, -FAR
            if (ya <= py) != (yb <= py):
                x = xa + (py - ya) * (xb - xa) / (yb - ya)
                left, right = min(left, x), max(right, x)
            if (yb <= py) != (yc <= py):
                x = xb + (py - yb) * (xc - xb) / (yc - yb)
                left, right = min(left, x), max(right, x)
            if (yc <= py) != (ya <= py):
                x = xc + (py - yc) * (xa - xc) / (ya - yc)
                left, right = min(left, x), max(right, x)
            begin, end = max(0, math.ceil(left - np.float32(0.5))), min(w, math.ceil(right - np.float32(0.5)))
            if begin >= end:
                continue
            ox, oy = begin + np.float32(0.5) - xa, py - ya
            z = za + zx * ox + zy * oy
            u = ua + ux * ox + uy * oy
            v = va + vx * ox + vy * oy
            for x in range(begin, end):
                if z < depth[y, x]:
                    depth[y, x] = z
                    where[y, x] = (np.uint32(v) << np.uint32(16)) | np.uint32(u)
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


@njit(nogil=True, forceinline=True)
def _mix(image, row, column, fx, fy, channel):  # type: ignore[no-untyped-def]
    """Bilinear sample of one channel of a uint8 image, fractions in 1/256, as 0…65280 (8.8 fixed point)."""
    # Unsigned indices spare Numba's test for negative ones.
    j, i, k = np.uintp(row), np.uintp(column), np.uintp(channel)
    a, b = np.int32(image[j, i, k]), np.int32(image[j, i + np.uintp(1), k])
    c, d = np.int32(image[j + np.uintp(1), i, k]), np.int32(image[j + np.uintp(1), i + np.uintp(1), k])
    top = (a << 8) + fx * (b - a)
    low = (c << 8) + fx * (d - c)
    return top + ((fy * ((low - top) >> 4)) >> 4)


@_kernel
def _opacity_bounds(bounds, grid, gj, gi, h, w):  # type: ignore[no-untyped-def]
    """Least and greatest opacity a layer can have in a cell, from per-cell ``bounds`` (rows, columns, 2)."""
    x_low, x_high, y_low, y_high = np.float32(1e9), np.float32(-1e9), np.float32(1e9), np.float32(-1e9)
    for j in range(gj, gj + 2):
        for i in range(gi, gi + 2):
            x, y = grid[j, i, 0], grid[j, i, 1]
            x_low, x_high = min(x_low, x), max(x_high, x)
            y_low, y_high = min(y_low, y), max(y_high, y)
    i0, i1 = max(0, int(x_low - 2) // CELL), min(bounds.shape[1] - 1, max(0, int(x_high + 2) // CELL))
    j0, j1 = max(0, int(y_low - 2) // CELL), min(bounds.shape[0] - 1, max(0, int(y_high + 2) // CELL))
    least, greatest = 255, 0
    for j in range(j0, j1 + 1):
        for i in range(i0, i1 + 1):
            least, greatest = min(least, int(bounds[j, i, 0])), max(greatest, int(bounds[j, i, 1]))
    if x_low < 1 or y_low < 1 or x_high > w - 2 or y_high > h - 2:
        least = 0
    return least, greatest


@_kernel
def _blend_layer(layer, chroma, grid, gj, gi, rows, columns, opaque, luma, cu, cv):  # type: ignore[no-untyped-def]
    """Lay a warped layer over a cell. ``luma``, ``cu``, ``cv`` are 8.8 fixed point."""
    h, w = layer.shape[0], layer.shape[1]
    one = np.float32(65536.0)
    step = np.float32(1.0 / CELL)
    for y in range(rows):
        fy = (np.float32(y) + np.float32(0.5)) * step
        xl = grid[gj, gi, 0] * (1 - fy) + grid[gj + 1, gi, 0] * fy
        xr = grid[gj, gi + 1, 0] * (1 - fy) + grid[gj + 1, gi + 1, 0] * fy
        yl = grid[gj, gi, 1] * (1 - fy) + grid[gj + 1, gi, 1] * fy
        yr = grid[gj, gi + 1, 1] * (1 - fy) + grid[gj + 1, gi + 1, 1] * fy
        dx, dy = np.int32((xr - xl) * step * one), np.int32((yr - yl) * step * one)
        sx = np.int32((xl - np.float32(0.5)) * one) + (dx >> 1)
        sy = np.int32((yl - np.float32(0.5)) * one) + (dy >> 1)
        for x in range(columns):
            i, j = sx >> 16, sy >> 16
            if 0 <= i < w - 1 and 0 <= j < h - 1:
                fx, fv = (sx >> 8) & 255, (sy >> 8) & 255
                a = 255 if opaque else _mix(layer, j, i, fx, fv, 1) >> 8
                if a > 1:
                    value = _mix(layer, j, i, fx, fv, 0)
                    a += a >> 7
                    luma[y, x] += ((value - luma[y, x]) * a) >> 8
                    if not (x & 1 or y & 1):
                        ci, cj = i >> 1, j >> 1
                        cu[y >> 1, x >> 1] += (((np.int32(chroma[cj, ci, 0]) << 8) - cu[y >> 1, x >> 1]) * a) >> 8
                        cv[y >> 1, x >> 1] += (((np.int32(chroma[cj, ci, 1]) << 8) - cv[y >> 1, x >> 1]) * a) >> 8
            sx += dx
            sy += dy


@_kernel
def _blend_mesh(depth, where, atlas_y, atlas_uv, cover, ty, tx, rows, columns, luma, cu, cv):  # type: ignore[no-untyped-def]
    """Lay the mesh over a cell, under the plate's clothes."""
    for y in range(rows):
        for x in range(columns):
            seen = 256 - np.int32(cover[ty + y, tx + x])
            if seen == 1 or not depth[ty + y, tx + x] < FAR:
                continue
            p = where[ty + y, tx + x]
            u, v = np.int32(p & np.uint32(0xFFFF)) - 8, np.int32(p >> np.uint32(16)) - 8
            # A sliver's planes can overshoot its corners; never read outside the atlas.
            i, j = min(max(u >> UV_SHIFT, 0), atlas_y.shape[1] - 2), min(max(v >> UV_SHIFT, 0), atlas_y.shape[0] - 2)
            value = _mix(atlas_y, j, i, (u & 15) << 4, (v & 15) << 4, 0)
            luma[y, x] = value if seen == 256 else luma[y, x] + (((value - luma[y, x]) * seen) >> 8)
            if not (x & 1 or y & 1):
                ci, cj = i >> 1, j >> 1
                cu[y >> 1, x >> 1] += (((np.int32(atlas_uv[cj, ci, 0]) << 8) - cu[y >> 1, x >> 1]) * seen) >> 8
                cv[y >> 1, x >> 1] += (((np.int32(atlas_uv[cj, ci, 1]) << 8) - cv[y >> 1, x >> 1]) * seen) >> 8


@_kernel
def _mesh_pixels(depth, cover, ty, tx, rows, columns):  # type: ignore[no-untyped-def]
    """How many pixels of a cell show the mesh, and whether it hides all that lies behind it."""
    seen, bare = 0, 0
    for y in range(rows):
        for x in range(columns):
            drawn = depth[ty + y, tx + x] < FAR
            seen += drawn and cover[ty + y, tx + x] < 255
            bare += drawn and cover[ty + y, tx + x] == 0
    return seen, bare == rows * columns


@_kernel
def shade(  # type: ignore[no-untyped-def]
    depth,
    where,
    touched,
    atlas_y,
    atlas_uv,
    cover,
    plate_y,
    plate_u,
    plate_v,
    back,
    back_uv,
    back_bounds,
    back_grid,
    front,
    front_uv,
    front_bounds,
    front_grid,
    x0,
    y0,
    out_y,
    out_u,
    out_v,
):
    """Compose the region cell by cell: plate, back layer, mesh, clothes, front layer; straight into the planes.

    ``atlas_y`` is (A, B, 1), ``back`` and ``front`` (h, w, 2) luma and opacity, ``_uv`` (h // 2, w // 2, 2) chroma;
    ``cover`` (h, w) is how far the plate's clothes hide the mesh. Cells where nothing but the plate shows are copied.
    """
    h, w = depth.shape
    for y in range(h):
        for x in range(w):
            out_y[y0 + y, x0 + x] = plate_y[y, x]
    for y in range(h // 2):
        for x in range(w // 2):
            out_u[y0 // 2 + y, x0 // 2 + x] = plate_u[y, x]
            out_v[y0 // 2 + y, x0 // 2 + x] = plate_v[y, x]
    luma = np.empty((CELL, CELL), np.int32)
    cu, cv = np.empty((CELL // 2, CELL // 2), np.int32), np.empty((CELL // 2, CELL // 2), np.int32)
    for gj in range((h + CELL - 1) // CELL):
        for gi in range((w + CELL - 1) // CELL):
            ty, tx = gj * CELL, gi * CELL
            rows, columns = min(CELL, h - ty), min(CELL, w - tx)
            front_least, front_most = _opacity_bounds(front_bounds, front_grid, gj, gi, h, w)
            mesh, back_most = 0, 0
            if front_least < 255:
                solid = False
                if touched[gj, gi]:
                    mesh, solid = _mesh_pixels(depth, cover, ty, tx, rows, columns)
                if not solid:
                    back_most = _opacity_bounds(back_bounds, back_grid, gj, gi, h, w)[1]
            if front_most == 0 and back_most == 0 and mesh == 0:
                continue
            hy, hx = ty // 2, tx // 2
            for y in range(rows):
                for x in range(columns):
                    luma[y, x] = np.int32(plate_y[ty + y, tx + x]) << 8
            for y in range(rows // 2):
                for x in range(columns // 2):
                    cu[y, x] = np.int32(plate_u[hy + y, hx + x]) << 8
                    cv[y, x] = np.int32(plate_v[hy + y, hx + x]) << 8
            if back_most > 0:
                _blend_layer(back, back_uv, back_grid, gj, gi, rows, columns, False, luma, cu, cv)
                _lay_clothes(cover, plate_y, plate_u, plate_v, ty, tx, rows, columns, luma, cu, cv)
            if mesh > 0:
                _blend_mesh(depth, where, atlas_y, atlas_uv, cover, ty, tx, rows, columns, luma, cu, cv)
            if front_most > 0:
                _blend_layer(front, front_uv, front_grid, gj, gi, rows, columns, front_least == 255, luma, cu, cv)
            for y in range(rows):
                for x in range(columns):
                    out_y[y0 + ty + y, x0 + tx + x] = (luma[y, x] + 128) >> 8
            for y in range(rows // 2):
                for x in range(columns // 2):
                    out_u[y0 // 2 + hy + y, x0 // 2 + hx + x] = (cu[y, x] + 128) >> 8
                    out_v[y0 // 2 + hy + y, x0 // 2 + hx + x] = (cv[y, x] + 128) >> 8


@_kernel
def _lay_clothes(cover, plate_y, plate_u, plate_v, ty, tx, rows, columns, luma, cu, cv):  # type: ignore[no-untyped-def]
    """Put the plate's clothes back over what was laid behind them."""
    for y in range(rows):
        for x in range(columns):
            c = np.int32(cover[ty + y, tx + x])
            if c == 0:
                continue
            c += c >> 7
            luma[y, x] += (((np.int32(plate_y[ty + y, tx + x]) << 8) - luma[y, x]) * c) >> 8
            if not (x & 1 or y & 1):
                u, v = np.int32(plate_u[(ty + y) >> 1, (tx + x) >> 1]), np.int32(plate_v[(ty + y) >> 1, (tx + x) >> 1])
                cu[y >> 1, x >> 1] += (((u << 8) - cu[y >> 1, x >> 1]) * c) >> 8
                cv[y >> 1, x >> 1] += (((v << 8) - cv[y >> 1, x >> 1]) * c) >> 8
