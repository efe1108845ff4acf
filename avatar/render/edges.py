"""Smooth outlines: how far each pixel on an outline of the mesh shows its neighbours' surfaces instead of its own.

A pixel shows one surface, that in its middle. Where the outline of a nearer surface passes through it, both sides
should share it in proportion to their areas. The outline is known exactly: it is made of the mesh's edges between a
triangle that faces the camera and one that does not. So each of those is walked along, and leaves in every pixel that
it crosses the share of the neighbour across it (in the way of E. Persson's "geometric post-process anti-aliasing",
2011, but decided before colours are looked up, so that layers in front and behind need nothing of their own).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.render.kernel import part, routine
from avatar.render.pose import DEPTH_RANGE
from avatar.render.raster import CELL, DEPTH_SHIFT, DEPTH_STEPS, EMPTY

Ints = npt.NDArray[np.int32]

LEFT, RIGHT, UP, DOWN = range(4)
"""Which neighbour a share is of: the byte of a pixel's word."""
FULL: Final = 255
"""Shares are in 1/255 of a pixel."""
BEHIND: Final = np.int64(0.0004 * DEPTH_STEPS)
"""What lies beyond an outline is farther than it by more than this."""
ROUND: Final = np.int64(0.014 * DEPTH_STEPS)
"""What lies within an outline is nearer than it by no more than this: the surface curves towards the camera."""


def mesh_edges(triangles: Ints) -> tuple[Ints, Ints]:
    """Each edge of a mesh (t, 3), in the order of its first triangle: its two triangles (e, 2), and its ends (e, 2) in
    the order that one has them.

    An edge of one triangle alone has the number t for the other. Of an edge with more than two, only two are kept.
    """
    count = len(triangles)
    ends = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    low, high = ends.min(1).astype(np.int64), ends.max(1).astype(np.int64)
    key = low << 32 | high
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.concatenate([[True], np.diff(key[order]) != 0])) if count else np.zeros(0, np.int64)
    paired = np.zeros(len(first), bool)
    paired[:-1] = np.diff(first) > 1
    if len(first):
        paired[-1] = first[-1] < len(order) - 1
    other = np.where(paired, order[np.minimum(first + 1, max(0, len(order) - 1))] // 3, count)
    mine = order[first] // 3
    walk = np.argsort(mine, kind="stable")
    return (
        np.ascontiguousarray(np.column_stack([mine, other])[walk].astype(np.int32)),
        np.ascontiguousarray(ends[order[first]][walk].astype(np.int32)),
    )


@part
def _no_more(word, side, share):  # type: ignore[no-untyped-def]
    """The word with no more than a share of one side.

    Outlines of one surface may lie within a pixel of each other, where its triangles turn away in turns; only the
    outermost counts.
    """
    shift = np.uint32(8 * side)
    old = (word >> shift) & np.uint32(255)
    if old != 0 and old <= share:
        return word
    return (word & ~(np.uint32(255) << shift)) | (np.uint32(share) << shift)


@part
def _leave(near, mask, shares, crossed, depth, y, x, dy, dx, inside, share, inner_side, outer_side):  # type: ignore[no-untyped-def]
    """Leave a share in the pixel (y, x), whose neighbour across the outline is at (dy, dx), if it is seen there.

    The one of both that is ``inside`` must show the surface, and the other something behind it.
    """
    here = near[np.uintp(y & mask), np.uintp(x)]
    there = near[np.uintp((y + dy) & mask), np.uintp(x + dx)]
    inner, outer = (here, there) if inside else (there, here)
    inner_depth = inner >> DEPTH_SHIFT
    if inner == EMPTY or inner_depth > depth + BEHIND or inner_depth < depth - ROUND:
        return
    if outer != EMPTY and outer >> DEPTH_SHIFT < depth + BEHIND:
        return
    row, column = np.uintp(y & (CELL - 1)), np.uintp(x)
    crossed[np.uintp(x // CELL)] = 1
    if inside:
        shares[row, column] = _no_more(shares[row, column], outer_side, max(share, 1))
        return
    shift = np.uint32(8 * inner_side)
    word, new = shares[row, column], np.uint32(share)
    if new > (word >> shift) & np.uint32(255):
        shares[row, column] = (word & ~(np.uint32(255) << shift)) | (new << shift)
    if (y ^ (y + dy)) < CELL:  # of the same band
        row, column = np.uintp((y + dy) & (CELL - 1)), np.uintp(x + dx)
        shares[row, column] = _no_more(shares[row, column], outer_side, 1)
        crossed[np.uintp((x + dx) // CELL)] = 1


@routine
def chain_outlines(sides, ends, facing, screen, h, head, follow):  # type: ignore[no-untyped-def]
    """Put the edges that are outlines into chains, as :func:`avatar.render.raster.chain_triangles` does triangles.

    ``sides`` and ``ends`` come from :func:`mesh_edges`, and ``facing`` (t + 1,) has a 0 at its end.
    """
    head[:] = -1
    for e in range(sides.shape[0]):
        if facing[np.uintp(sides[e, 0])] == facing[np.uintp(sides[e, 1])]:
            continue
        ya, yb = screen[np.uintp(ends[e, 0]), 1], screen[np.uintp(ends[e, 1]), 1]
        top = max(0, int(min(ya, yb)))
        if top < h and max(ya, yb) >= 0:
            follow[e] = head[np.uintp(top // CELL)]
            head[np.uintp(top // CELL)] = e


@routine
def outline(band, head, follow, ends, sides, facing, screen, h, w, near, mask, shares, crossed):  # type: ignore[no-untyped-def]
    """Leave the shares of a band's outlines in ``shares`` (CELL, w) uint32, which must be clear.

    ``near`` holds the band and the rows around it, row y at y & mask. A byte of ``crossed`` for each cell with any
    becomes 1. Bands are walked in their order, as :func:`avatar.render.raster.draw_triangles` does.
    """
    half, one = np.float32(0.5), np.float32(1)
    nearest, steps = np.float32(DEPTH_RANGE), np.float32(DEPTH_STEPS)
    e, j = head[np.uintp(band)], np.uintp(band)
    while e >= 0:
        n = np.uintp(e)
        a, b = np.uintp(ends[n, 0]), np.uintp(ends[n, 1])
        if facing[np.uintp(sides[n, 1])]:  # the triangle that faces the camera has the ends the other way round
            a, b = b, a
        xa, ya, xb, yb = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        e = follow[n]
        bottom = min(h - 1, int(max(ya, yb)))
        if bottom // CELL > band:
            follow[n] = head[j + np.uintp(1)]
            head[j + np.uintp(1)] = np.int32(n)
        dx, dy = xb - xa, yb - ya
        za, dz = (screen[a, 2] + nearest) * steps, (screen[b, 2] - screen[a, 2]) * steps
        if abs(dx) > abs(dy):  # a pixel of each column, shared with the one above or below
            slope, rise = dy / dx, dz / dx
            below = dx < 0  # the surface, seen counter-clockwise, lies to the left of its edge
            inner_side, outer_side = (DOWN, UP) if below else (UP, DOWN)
            for x in range(max(0, int(min(xa, xb) + half)), min(w, int(max(xa, xb) + half))):
                t = np.float32(x) + half - xa
                at = ya + slope * t
                if at < one or at >= h - 1 or int(at) // CELL != band:
                    continue
                y = int(at)
                f = at - np.float32(y)
                inside = (f < half) == below
                share = np.int32(np.float32(FULL) * (f if f < half else one - f))
                step = -1 if below == inside else 1
                _leave(
                    near, mask, shares, crossed, np.int64(za + rise * t), y, x, step, 0, inside, share,
                    inner_side, outer_side,
                )  # fmt: skip
        elif dy != 0:  # a pixel of each row, shared with the one at its left or right
            slope, rise = dx / dy, dz / dy
            right = dy > 0
            inner_side, outer_side = (RIGHT, LEFT) if right else (LEFT, RIGHT)
            last = min(h, (band + 1) * CELL, int(max(ya, yb) + half))
            for y in range(max(band * CELL, int(min(ya, yb) + half)), last):
                t = np.float32(y) + half - ya
                at = xa + slope * t
                if at < one or at >= w - 1:
                    continue
                x = int(at)
                f = at - np.float32(x)
                inside = (f < half) == right
                share = np.int32(np.float32(FULL) * (f if f < half else one - f))
                step = -1 if right == inside else 1
                _leave(
                    near, mask, shares, crossed, np.int64(za + rise * t), y, x, 0, step, inside, share,
                    inner_side, outer_side,
                )  # fmt: skip
