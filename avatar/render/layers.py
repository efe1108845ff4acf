"""Flat layers with opacity: hair that turns with the head, a body that breathes and leans.

A layer's pixels are never moved: for each frame, :func:`warp_head` and :func:`warp_body` say where in the layer every
node of a grid over the picture is to be read, and the composer reads between the nodes.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from avatar.render.kernel import kernel, part
from avatar.render.raster import CELL

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

PAD: Final = 32
"""Pixels that a layer's planes go on beyond its edges, so that none of their readers needs to look."""
BLOCK: Final = 4
"""Pixels between two places where a layer's opacity bounds are known."""
REACH: Final = 12
"""Pixels around such a place, whichever of its block, that its bounds hold for; a multiple of :data:`BLOCK`."""


_STEPS: Final = 6
_SMALL: Final = np.float32(0.03)
"""Pixels: what a step changes that is the last; the next would change a tenth of it at most, as heads turn."""
_FAR_OFF: Final = 1e5
"""Pixels: further than any view is wide."""


class Layer(NamedTuple):
    """A layer as the composer reads it: padded by :data:`PAD` pixels (half of that in chroma), colours multiplied by
    opacity."""

    luma: Bytes
    opacity: Bytes
    """(h, w)"""
    cb: Bytes
    cr: Bytes
    half_opacity: Bytes
    """(h/2, w/2)"""
    bounds: Bytes
    """(rows, columns, 2): least and greatest opacity around each block of the unpadded layer."""
    content: Floats
    """(4,) x0, y0, x1, y1 in the unpadded layer: it is clear outside."""


def make_layer(pixels: Bytes, chroma: Bytes, endless: bool) -> Layer:
    """A layer from (2, h, w) luma and opacity, and (h/2, w/2, 2) chroma.

    Beyond its edges it is clear, but an ``endless`` one goes on below as it ends.
    """
    pad, half = ((PAD, PAD), (PAD, PAD)), ((PAD // 2, PAD // 2), (PAD // 2, PAD // 2))
    luma = np.pad(pixels[0], pad, mode="edge")
    opacity = np.pad(pixels[1], pad)
    if endless:
        opacity[-PAD:] = opacity[-PAD - 1]
    cb, cr = (np.pad(chroma[..., k], half, mode="edge") for k in (0, 1))
    h, w = luma.shape
    half_opacity = np.rint(opacity.reshape(h // 2, 2, w // 2, 2).mean((1, 3))).astype(np.uint8)

    def shown(plane: Bytes, by: Bytes) -> Bytes:
        return np.rint(plane * (by / np.float32(255))).astype(np.uint8)

    shown_cb, shown_cr = shown(cb, half_opacity), shown(cr, half_opacity)
    bounds, content = opacity_bounds(pixels[1], endless), _content(pixels[1], endless)
    return Layer(shown(luma, opacity), opacity, shown_cb, shown_cr, half_opacity, bounds, content)


def _content(opacity: Bytes, endless: bool) -> Floats:
    """The box around all that is not clear; of an endless layer, as far down as it is ever read."""
    rows, columns = np.flatnonzero(opacity.any(1)), np.flatnonzero(opacity.any(0))
    if not len(rows):
        return np.full(4, -_FAR_OFF, np.float32)
    bottom = _FAR_OFF if endless and rows[-1] == len(opacity) - 1 else rows[-1] + 1
    return np.array([columns[0], rows[0], columns[-1] + 1, bottom], np.float32)


def opacity_bounds(opacity: Bytes, endless: bool) -> Bytes:
    """(rows, columns, 2): the least and greatest opacity within :data:`REACH` of each block."""
    h, w = opacity.shape
    wide = np.pad(opacity, ((0, -h % BLOCK), (0, -w % BLOCK)))
    if endless:
        wide[h:] = wide[h - 1]
    squares = wide.reshape(wide.shape[0] // BLOCK, BLOCK, wide.shape[1] // BLOCK, BLOCK)
    around = REACH // BLOCK
    near = np.stack([squares.min((1, 3)), squares.max((1, 3))], -1)
    near = np.pad(near, ((around, around), (around, around), (0, 0)))
    if endless:
        near[-around:] = near[-around - 1]
    windows = np.lib.stride_tricks.sliding_window_view(near, (2 * around + 1, 2 * around + 1), (0, 1))
    return np.stack([windows[:, :, 0].min((2, 3)), windows[:, :, 1].max((2, 3))], -1)


@part
def _between(values, x, y):  # type: ignore[no-untyped-def]
    """``values`` (rows, columns) every CELL pixels, at pixel (x, y), bilinear, going on beyond its edges."""
    rows, columns = values.shape
    gx = min(max(x * np.float32(1.0 / CELL), np.float32(0)), np.float32(columns) - np.float32(1.001))
    gy = min(max(y * np.float32(1.0 / CELL), np.float32(0)), np.float32(rows) - np.float32(1.001))
    i, j = np.int32(gx), np.int32(gy)
    fx, fy = gx - np.float32(i), gy - np.float32(j)
    a, b = values[np.uintp(j), np.uintp(i)], values[np.uintp(j), np.uintp(i + 1)]
    c, d = values[np.uintp(j + 1), np.uintp(i)], values[np.uintp(j + 1), np.uintp(i + 1)]
    top, bottom = a + (b - a) * fx, c + (d - c) * fx
    return top + (bottom - top) * fy


@part
def _moved(x, y, depth, rotation, offset, lens):  # type: ignore[no-untyped-def]
    """Where the pixel (x, y) of a layer, ``depth`` from the pinhole at rest, is once the head has moved."""
    far = depth / lens[0]
    px, py, pz = (x - lens[1]) * far, lens[4] - (y - lens[2]) * far, lens[3] - depth
    mx = rotation[0, 0] * px + rotation[0, 1] * py + rotation[0, 2] * pz + offset[0]
    my = rotation[1, 0] * px + rotation[1, 1] * py + rotation[1, 2] * pz + offset[1]
    mz = rotation[2, 0] * px + rotation[2, 1] * py + rotation[2, 2] * pz + offset[2]
    scale = lens[0] / max(lens[3] - mz, np.float32(0.05))
    return lens[1] + scale * mx, lens[2] - scale * (my - lens[4]), mz


@part
def _reached(content, left, top, further, rows, columns, span):  # type: ignore[no-untyped-def]
    """Which nodes lie around what a layer holds, ``further`` pixels added: rows span[0] to span[1], columns span[2] to
    span[3], of (rows, columns)."""
    span[0] = min(max(np.int64((top + content[1] - further) / CELL), 0), rows)
    span[1] = min(max(np.int64((top + content[3] + further) / CELL) + 2, 0), rows)
    span[2] = min(max(np.int64((left + content[0] - further) / CELL), 0), columns)
    span[3] = min(max(np.int64((left + content[2] + further) / CELL) + 2, 0), columns)


@kernel
def warp_head(reach, depth, content, rotation, offset, lens, left, top, span, out, deep):  # type: ignore[no-untyped-def]
    """Where a layer that moves with the head is to be read, at nodes every CELL pixels of the drawn region.

    ``reach`` (rows, columns) is the layer's depth from the pinhole at rest, on a grid of its own; ``content`` (4,) the
    box of the layer outside of which it is clear; (left, top) the layer's origin in the region. A point p moves to
    ``rotation @ p + offset``. ``out`` (nodes, nodes, 2) gets (column, row) in the layer at those nodes that the content
    can have moved to: rows span[0] to span[1] and columns span[2] to span[3], which are written. The motion is inverted
    by fixed-point steps, each node's begun from its neighbour's. ``lens`` is as for
    :func:`avatar.render.pose.move_and_project`. ``reach`` is smooth, so that the warp is; how far off the layer truly
    is, ``depth`` (rows, columns) likewise, goes to ``deep`` (nodes, nodes), metres from the plane z = 0.
    """
    left, top, furthest = np.float32(left), np.float32(top), np.float32(0)
    for r in range(0, reach.shape[0], 4):
        for c in range(0, reach.shape[1], 4):
            x, y = left + np.float32(c * CELL), top + np.float32(r * CELL)
            mx, my, _ = _moved(x, y, reach[r, c], rotation, offset, lens)
            furthest = max(furthest, abs(mx - x), abs(my - y))
    further = np.float32(CELL) + np.float32(1.25) * furthest  # more, as only some nodes were asked
    _reached(content, left, top, further, out.shape[0], out.shape[1], span)
    ahead_x, ahead_y = np.float32(0), np.float32(0)
    for r in range(span[0], span[1]):
        for c in range(span[2], span[3]):
            px, py = np.float32(c * CELL), np.float32(r * CELL)
            for _ in range(_STEPS):
                qx, qy = px - ahead_x, py - ahead_y
                mx, my, _ = _moved(qx, qy, _between(reach, qx - left, qy - top), rotation, offset, lens)
                change = abs(mx - qx - ahead_x) + abs(my - qy - ahead_y)
                ahead_x, ahead_y = mx - qx, my - qy
                if change < _SMALL:
                    break
            qx, qy = px - ahead_x, py - ahead_y
            out[r, c, 0] = qx - left
            out[r, c, 1] = qy - top
            _, _, mz = _moved(qx, qy, _between(depth, qx - left, qy - top), rotation, offset, lens)
            deep[r, c] = -mz


@kernel
def warp_body(breath_x, breath_y, leans, content, breath, lean, foot_x, foot_y, left, top, span, out):  # type: ignore[no-untyped-def]
    """As :func:`warp_head`, for a layer that moves by ``breath`` times (breath_x, breath_y) pixels at its nodes and
    turns by ``lean · leans`` radians about (foot_x, foot_y), a point of the region."""
    left, top, furthest = np.float32(left), np.float32(top), np.float32(0)
    for r in range(0, leans.shape[0], 4):
        for c in range(0, leans.shape[1], 4):
            turn = lean * leans[r, c]
            dx = breath * breath_x[r, c] + turn * (top + np.float32(r * CELL) - foot_y)
            dy = breath * breath_y[r, c] - turn * (left + np.float32(c * CELL) - foot_x)
            furthest = max(furthest, abs(dx), abs(dy))
    further = np.float32(CELL) + np.float32(1.25) * furthest
    _reached(content, left, top, further, out.shape[0], out.shape[1], span)
    dx, dy = np.float32(0), np.float32(0)
    for r in range(span[0], span[1]):
        for c in range(span[2], span[3]):
            px, py = np.float32(c * CELL), np.float32(r * CELL)
            for _ in range(_STEPS):
                qx, qy = px - dx, py - dy
                x, y = qx - left, qy - top
                turn = lean * _between(leans, x, y)
                old_x, old_y = dx, dy
                dx = breath * _between(breath_x, x, y) + turn * (qy - foot_y)
                dy = breath * _between(breath_y, x, y) - turn * (qx - foot_x)
                if abs(dx - old_x) + abs(dy - old_y) < _SMALL:
                    break
            out[r, c, 0] = px - dx - left
            out[r, c, 1] = py - dy - top


@kernel
def survey(bounds, grid, span, out):  # type: ignore[no-untyped-def]
    """Least and greatest opacity that a layer can have in each cell: ``out`` (cells, cells, 2) uint8.

    Cells from row span[0] to span[1] - 1 and column span[2] to span[3] - 1 are written, those between the nodes that
    are warped; the others are clear. One look into ``bounds`` where the warp is mild.
    """
    out[:] = 0
    half, most = np.float32(0.5), np.float32(2 * (REACH - 1))  # a bilinear sample is a pixel wider than its place
    rows, columns = bounds.shape[0], bounds.shape[1]
    for j in range(span[0], span[1] - 1):
        for i in range(span[2], span[3] - 1):
            xa, xb, xc, xd = grid[j, i, 0], grid[j, i + 1, 0], grid[j + 1, i, 0], grid[j + 1, i + 1, 0]
            ya, yb, yc, yd = grid[j, i, 1], grid[j, i + 1, 1], grid[j + 1, i, 1], grid[j + 1, i + 1, 1]
            x0, x1, y0, y1 = min(xa, xb, xc, xd), max(xa, xb, xc, xd), min(ya, yb, yc, yd), max(ya, yb, yc, yd)
            if x1 - x0 > most or y1 - y0 > most or not (abs(x0) < np.float32(1e5) and abs(y0) < np.float32(1e5)):
                out[j, i, 0], out[j, i, 1] = 0, 255
                continue
            x, y = int((x0 + x1) * half) // BLOCK, int((y0 + y1) * half) // BLOCK
            x, y = min(max(x, 0), columns - 1), min(max(y, 0), rows - 1)
            out[j, i, 0], out[j, i, 1] = bounds[y, x, 0], bounds[y, x, 1]
