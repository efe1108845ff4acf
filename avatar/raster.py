"""The inner loops of the mesh renderer: pose, project, rasterize, shade. Compiled by Numba, one thread, no GIL.

Pictures are drawn deferred: :func:`rasterize` leaves, for every pixel of a region, the depth and the atlas position
of the nearest surface; :func:`shade` then reads each pixel's colour once and writes it straight into I420 planes.
"""

import math

import numpy as np
from numba import njit  # type: ignore[import-untyped]

FAR = np.float32(1e9)
UV_SHIFT = 4
"""Atlas positions are stored in 1/16 texel, 16 bits an axis."""
CELL = 16
"""Pixels between two nodes of a layer's warp grid."""


@njit(cache=True, nogil=True, fastmath=True)
def pose(rest, starts, indices, deltas, weights, out):  # type: ignore[no-untyped-def]
    """out (n, 3) = rest + Σ weights[k] · deltas of unit k, the deltas sparse: rows starts[k]:starts[k + 1]."""
    out[:] = rest
    for k in range(weights.shape[0]):
        w = weights[k]
        if w == 0.0:
            continue
        for j in range(starts[k], starts[k + 1]):
            i = indices[j]
            out[i, 0] += w * deltas[j, 0]
            out[i, 1] += w * deltas[j, 1]
            out[i, 2] += w * deltas[j, 2]


@njit(cache=True, nogil=True, fastmath=True)
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


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def rasterize(triangles, screen, uvs, x0, y0, depth, where):  # type: ignore[no-untyped-def]
    """Draw front-facing triangles into ``depth`` (h, w) float32 and ``where`` (h, w) uint32, region origin (x0, y0).

    ``uvs`` is (t, 3, 2) texels; ``where`` packs row and column in 1/16 texel as ``v << 16 | u``.
    """
    h, w = depth.shape
    depth[:] = FAR
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


@njit(cache=True, nogil=True, fastmath=True)
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


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _bilinear(image, x, y):  # type: ignore[no-untyped-def]
    """Sample a uint8 image at texel centres, x and y inside it, as a float."""
    i, j = int(x), int(y)
    fx, fy = x - np.float32(i), y - np.float32(j)
    top = np.float32(image[j, i]) + fx * (np.float32(image[j, i + 1]) - np.float32(image[j, i]))
    low = np.float32(image[j + 1, i]) + fx * (np.float32(image[j + 1, i + 1]) - np.float32(image[j + 1, i]))
    return top + fy * (low - top)


@njit(cache=True, nogil=True, fastmath=True)
def shade(  # type: ignore[no-untyped-def]
    depth,
    where,
    atlas_y,
    atlas_uv,
    cover,
    plate_y,
    plate_u,
    plate_v,
    back,
    back_uv,
    back_grid,
    front,
    front_uv,
    front_grid,
    x0,
    y0,
    out_y,
    out_u,
    out_v,
):
    """Compose the region: plate, back layer, mesh, clothes, front layer; straight into the planes.

    ``cover`` (h, w) uint8 is how far the plate's clothes hide the mesh; ``back`` and ``front`` are (2, h, w) uint8 luma
    and alpha, their ``_uv`` (h // 2, w // 2, 2) chroma.
    """
    h, w = depth.shape
    scale = np.float32(1.0 / (1 << UV_SHIFT))
    to1 = np.float32(1.0 / 255.0)
    lo, hi_x, hi_y = np.float32(0), np.float32(w - 1.01), np.float32(h - 1.01)
    for by in range(h // 2):
        for bx in range(w // 2):
            pu, pv = np.float32(plate_u[by, bx]), np.float32(plate_v[by, bx])
            sum_u, sum_v = np.float32(0), np.float32(0)
            for k in range(4):
                y, x = 2 * by + (k >> 1), 2 * bx + (k & 1)
                gi, gj = x // CELL, y // CELL
                fx = np.float32(x - gi * CELL + 0.5) / np.float32(CELL)
                fy = np.float32(y - gj * CELL + 0.5) / np.float32(CELL)
                lum, cu, cv = np.float32(plate_y[y, x]), pu, pv
                fr = front_grid[gj, gi], front_grid[gj, gi + 1], front_grid[gj + 1, gi], front_grid[gj + 1, gi + 1]
                sx = (fr[0][0] * (1 - fx) + fr[1][0] * fx) * (1 - fy) + (fr[2][0] * (1 - fx) + fr[3][0] * fx) * fy
                sy = (fr[0][1] * (1 - fx) + fr[1][1] * fx) * (1 - fy) + (fr[2][1] * (1 - fx) + fr[3][1] * fx) * fy
                sx, sy = min(max(sx - np.float32(0.5), lo), hi_x), min(max(sy - np.float32(0.5), lo), hi_y)
                alpha = _bilinear(front[1], sx, sy) * to1
                hidden = np.float32(cover[y, x]) * to1
                if alpha < np.float32(0.996) and hidden < np.float32(0.996):
                    under, uu, uv = lum, cu, cv
                    if depth[y, x] < FAR:
                        p = where[y, x]
                        tu = np.float32(p & np.uint32(0xFFFF)) * scale - np.float32(0.5)
                        tv = np.float32(p >> np.uint32(16)) * scale - np.float32(0.5)
                        under = _bilinear(atlas_y, tu, tv)
                        ti, tj = int(tu + np.float32(0.5)) >> 1, int(tv + np.float32(0.5)) >> 1
                        uu, uv = np.float32(atlas_uv[tj, ti, 0]), np.float32(atlas_uv[tj, ti, 1])
                    else:
                        br = back_grid[gj, gi], back_grid[gj, gi + 1], back_grid[gj + 1, gi], back_grid[gj + 1, gi + 1]
                        qx = (br[0][0] * (1 - fx) + br[1][0] * fx) * (1 - fy) + (
                            br[2][0] * (1 - fx) + br[3][0] * fx
                        ) * fy
                        qy = (br[0][1] * (1 - fx) + br[1][1] * fx) * (1 - fy) + (
                            br[2][1] * (1 - fx) + br[3][1] * fx
                        ) * fy
                        qx, qy = min(max(qx - np.float32(0.5), lo), hi_x), min(max(qy - np.float32(0.5), lo), hi_y)
                        ba = _bilinear(back[1], qx, qy) * to1
                        if ba > np.float32(0.004):
                            under += ba * (_bilinear(back[0], qx, qy) - under)
                            ti, tj = int(qx + np.float32(0.5)) >> 1, int(qy + np.float32(0.5)) >> 1
                            uu += ba * (np.float32(back_uv[tj, ti, 0]) - uu)
                            uv += ba * (np.float32(back_uv[tj, ti, 1]) - uv)
                    lum += (1 - hidden) * (under - lum)
                    cu += (1 - hidden) * (uu - cu)
                    cv += (1 - hidden) * (uv - cv)
                if alpha > np.float32(0.004):
                    lum += alpha * (_bilinear(front[0], sx, sy) - lum)
                    ti, tj = int(sx + np.float32(0.5)) >> 1, int(sy + np.float32(0.5)) >> 1
                    cu += alpha * (np.float32(front_uv[tj, ti, 0]) - cu)
                    cv += alpha * (np.float32(front_uv[tj, ti, 1]) - cv)
                out_y[y0 + y, x0 + x] = np.uint8(lum + np.float32(0.5))
                sum_u += cu
                sum_v += cv
            out_u[(y0 >> 1) + by, (x0 >> 1) + bx] = np.uint8(sum_u * np.float32(0.25) + np.float32(0.5))
            out_v[(y0 >> 1) + by, (x0 >> 1) + bx] = np.uint8(sum_v * np.float32(0.25) + np.float32(0.5))
