"""Drawing the mesh: its colours, outlines, catchlights and lashes."""

from typing import Final

import numpy as np

from avatar.render.edges import DOWN, LEFT, RIGHT, UP
from avatar.render.eyes import light_at, light_chroma, light_luma, near_eye, which_eye
from avatar.render.kernel import part, routine
from avatar.render.raster import CELL, EMPTY, RING, UV_BITS, UV_MASK
from avatar.render.vectors import chroma8, look_up16, prefetch

HALF: Final = CELL // 2
"""A cell's side in the chroma planes."""
SEAM: Final = 8 * 256
"""Neighbours in the picture that lie further apart in the atlas belong to different surfaces; 1/256 texel."""
_BLACK: Final = 16 << 8
"""8.8 bits."""


@part
def _texel(luma, last, stride, key):  # type: ignore[no-untyped-def]
    """The atlas' luma at a raster key, 8.8 bits."""
    u, v = key & UV_MASK, (key >> UV_BITS) & UV_MASK
    at = np.uintp(min((v >> 8) * stride + (u >> 8), last))
    below = at + np.uintp(stride)
    a, b = np.int64(luma[at]), np.int64(luma[at + np.uintp(1)])
    c, d = np.int64(luma[below]), np.int64(luma[below + np.uintp(1)])
    fx, fy = u & 255, v & 255
    upper, lower = (a << 8) + (b - a) * fx, (c << 8) + (d - c) * fx
    return ((upper << 8) + (lower - upper) * fy) >> 8


@part
def _chroma_texel(chroma, key):  # type: ignore[no-untyped-def]
    """The atlas' chroma at a raster key: Cb in the lower half of a word and Cr in the upper, 8.8 bits."""
    h, w = chroma.shape
    # The middle of a chroma texel lies between two luma texels.
    u, v = max(((key & UV_MASK) >> 1) - 64, 0), max((((key >> UV_BITS) & UV_MASK) >> 1) - 64, 0)
    i, j = np.uintp(min(u >> 8, w - 2)), np.uintp(min(v >> 8, h - 2))
    right, below = i + np.uintp(1), j + np.uintp(1)
    fx, fy = np.uint32(u & 255), np.uint32(v & 255)
    gx, gy = np.uint32(256) - fx, np.uint32(256) - fy
    half, halves, eight = np.uint32(0x00800080), np.uint32(0x00FF00FF), np.uint32(8)
    top = (np.uint32(chroma[j, i] * gx + chroma[j, right] * fx + half) >> eight) & halves
    bottom = (np.uint32(chroma[below, i] * gx + chroma[below, right] * fx + half) >> eight) & halves
    return np.int64(np.uint32(top * gy + bottom * fy))


@part
def _neighbour(side):  # type: ignore[no-untyped-def]
    """(rows, columns) from a pixel to its neighbour at a side, or to itself."""
    dy = 1 if side == DOWN else (-1 if side == UP else 0)
    dx = 1 if side == RIGHT else (-1 if side == LEFT else 0)
    return dy, dx


@part
def _mix_outlines(  # type: ignore[no-untyped-def]
    near, shares, luma, last, wide, charts, shades, gloss, balls, eyed, ty, tx, rows, columns, out_y, stride, at,
    places, values,
):  # fmt: skip
    """The pixels of a cell on an outline, mixed with their neighbours and with what is behind: how many, where, what.

    Before the cell is drawn, so that what is behind is still there.
    """
    count = 0
    for y in range(rows):
        for x in range(columns):
            word = np.int64(shares[np.uintp(y), np.uintp(tx + x)])
            if word == 0:
                continue
            rest, value, seen = np.int64(255), np.int64(0), np.int64(0)
            for side in range(5):
                share = min((word >> (8 * side)) & 255, rest) if side < 4 else rest
                if share > 0:
                    rest -= share
                    dy, dx = _neighbour(side)
                    key = near[np.uintp((ty + y + dy) & RING), np.uintp(tx + x + dx)]
                    if key != EMPTY:
                        texel = _texel(luma, last, wide, key)
                        eye = which_eye(key, charts) if eyed else -1
                        if eye >= 0:
                            factor, added = light_at(shades[eye], gloss[eye], balls[eye], tx + x, ty + y)
                            texel = np.int64(_BLACK + np.float32(texel - _BLACK) * factor + added * np.float32(256))
                        value += share * texel
                        seen += share
            n = at + y * stride + x
            value += (255 - seen) * (np.int64(out_y[np.uintp(n)]) << 8)
            places[count], values[count] = n, np.uint8(min((value // 255 + 128) >> 8, np.int64(255)))
            count += 1
    return count


@part
def _outlined_squares(shares, j, i):  # type: ignore[no-untyped-def]
    """Which of 8 squares of 2 x 2 pixels from row j and column i on have a pixel on an outline: a bit each."""
    found = 0
    for x in range(CELL):
        n = np.uintp(i + x)
        if (shares[np.uintp(j), n] | shares[np.uintp(j + 1), n]) != 0:
            found |= 1 << (x >> 1)
    return found


@part
def _mix_square(near, chroma, shares, outlined, ty, tx, out_u, out_v, n):  # type: ignore[no-untyped-def]
    """Lay the chroma of a square of 2 x 2 pixels over what is behind, each pixel and each share looked up."""
    seen, cb, cr = np.int64(0), np.int64(0), np.int64(0)
    for k in range(4):
        py, px = ty + (k >> 1), tx + (k & 1)
        word, rest = np.int64(0), np.int64(255)
        if outlined:
            word = np.int64(shares[np.uintp(py & (CELL - 1)), np.uintp(px)])
        for side in range(5):
            share = min((word >> (8 * side)) & 255, rest) if side < 4 else rest
            if share > 0:
                rest -= share
                dy, dx = _neighbour(side)
                key = near[np.uintp((py + dy) & RING), np.uintp(px + dx)]
                if key != EMPTY:
                    q = _chroma_texel(chroma, key)
                    seen += share
                    cb += share * (q & 0xFFFF)
                    cr += share * (q >> 16)
    cb += (4 * 255 - seen) * (np.int64(out_u[n]) << 8)
    cr += (4 * 255 - seen) * (np.int64(out_v[n]) << 8)
    out_u[n], out_v[n] = np.uint8((cb // (4 * 255) + 128) >> 8), np.uint8((cr // (4 * 255) + 128) >> 8)


@part
def _mesh_chroma(  # type: ignore[no-untyped-def]
    near, keys, words, chroma, shares, ty, tx, rows, columns, outlined, out_u, out_v, stride, half_at
):
    """Lay the mesh's chroma over a cell: one look a square of 2 x 2 pixels that shows one surface, else one a share."""
    pitch, wide = near.shape[1], chroma.shape[1]
    last = words.size - wide - 2
    for y in range(rows >> 1):
        at, j = half_at + y * (stride >> 1), ty + 2 * y
        slow = (1 << (columns >> 1)) - 1
        if columns == CELL:
            mixed = _outlined_squares(shares, 2 * y, tx) if outlined else 0
            slow = chroma8(
                out_u, out_v, at, keys, (j & RING) * pitch + tx, pitch, words, wide, last, EMPTY, SEAM, mixed
            )
        x = 0
        while slow:
            if slow & 1:
                _mix_square(near, chroma, shares, outlined, j, tx + 2 * x, out_u, out_v, np.uintp(at + x))
            slow >>= 1
            x += 1


@part
def _lay_veil(veil, colour, tx, rows, columns, out_y, out_u, out_v, stride, at, half_at):  # type: ignore[no-untyped-def]
    """Lay the lashes over a cell."""
    quarter, half = np.float32(0.25), np.float32(0.5)
    for y in range(rows):
        for x in range(columns):
            a = veil[np.uintp(y), np.uintp(tx + x)]
            n = np.uintp(at + y * stride + x)
            under = np.float32(out_y[n])
            out_y[n] = np.uint8(np.int32(under + (colour[0] - under) * a + half))
    for y in range(rows >> 1):
        for x in range(columns >> 1):
            j, i = np.uintp(2 * y), np.uintp(tx + 2 * x)
            below, right = j + np.uintp(1), i + np.uintp(1)
            a = (veil[j, i] + veil[j, right] + veil[below, i] + veil[below, right]) * quarter
            n = np.uintp(half_at + y * (stride >> 1) + x)
            under_u, under_v = np.float32(out_u[n]), np.float32(out_v[n])
            out_u[n] = np.uint8(np.int32(under_u + (colour[1] - under_u) * a + half))
            out_v[n] = np.uint8(np.int32(under_v + (colour[2] - under_v) * a + half))


@part
def _prefetch(keys, pitch, ty, tx, luma, wide, words):  # type: ignore[no-untyped-def]
    """Ask for what a cell will look up in the atlas."""
    for y in range(CELL):
        key = keys[np.uintp(((ty + y) & RING) * pitch + tx + CELL // 4)]
        row, column = (key >> (UV_BITS + 8)) & 0xFFF, (key >> 8) & 0xFFF
        prefetch(luma, row * wide + column)
        if y & 1:
            prefetch(words, (row >> 1) * (wide >> 1) + (column >> 1))


@routine
def lay_mesh(  # type: ignore[no-untyped-def]
    near, keys, shares, crossed, veil, veiled, luma, chroma, words, lash, gloss, shades, balls, charts, touched, hidden,
    gj, out_y, out_u, out_v, stride, at, half_at, rows, width, places, values,
):  # fmt: skip
    """Lay a row of the mesh's cells over a picture, except cells that are ``hidden``.

    ``keys`` and ``words`` are ``near`` and ``chroma`` flat; ``shares``, ``crossed``, ``veil`` and ``veiled`` are this
    band's, ``places`` and ``values`` have room for a cell; the rest is as in :class:`avatar.render.compose.Mesh` and
    ``Work``, and as for :func:`avatar.render.overlay.lay_layer`.
    """
    pitch, wide = near.shape[1], 2 * chroma.shape[1]
    last, j, ty = luma.size - wide - 2, np.uintp(gj), gj * CELL
    for gi in range((width + CELL - 1) // CELL):
        i = np.uintp(gi)
        outlined = crossed[i] != 0
        if hidden[j, i] or not (touched[j, i] or outlined):
            continue
        tx, columns = gi * CELL, min(CELL, width - gi * CELL)
        to, half_to, count = at + tx, half_at + gi * HALF, 0
        eyed = near_eye(balls, tx, ty, tx + columns, ty + rows)
        if outlined:
            count = _mix_outlines(
                near, shares, luma, last, wide, charts, shades, gloss, balls, eyed, ty, tx, rows, columns, out_y,
                stride, to, places, values,
            )  # fmt: skip
        _prefetch(keys, pitch, ty + CELL, tx, luma, wide, words)
        if columns == CELL:
            for y in range(rows):
                prefetch(out_y, to + (y + CELL) * stride)
                look_up16(out_y, to + y * stride, keys, ((ty + y) & RING) * pitch + tx, luma, wide, last, EMPTY)
        else:
            for y in range(rows):
                for x in range(columns):
                    key = near[np.uintp((ty + y) & RING), np.uintp(tx + x)]
                    if key != EMPTY:
                        value = (_texel(luma, last, wide, key) + 128) >> 8
                        out_y[np.uintp(to + y * stride + x)] = np.uint8(value)
        if eyed:
            light_luma(near, charts, shades, gloss, balls, ty, tx, rows, columns, RING, out_y, stride, to)
        for k in range(count):
            out_y[np.uintp(places[k])] = values[k]
        _mesh_chroma(near, keys, words, chroma, shares, ty, tx, rows, columns, outlined, out_u, out_v, stride, half_to)
        if eyed:
            light_chroma(
                near, charts, shades, gloss, balls, ty, tx, rows, columns, RING, out_u, out_v, stride >> 1, half_to
            )
        if veiled[i]:
            _lay_veil(veil, lash, tx, rows, columns, out_y, out_u, out_v, stride, to, half_to)
