"""The picture: background, back hair, mesh, body, front hair, one laid over the other, straight into I420.

All is done for a band of rows, one cell high, before the next is begun, so that what one step leaves is still in the
cache for the next.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from avatar.render.edges import chain_outlines, outline
from avatar.render.kernel import kernel, routine
from avatar.render.lashes import chain_lashes, draw_lashes
from avatar.render.overlay import HALF, lay_before, lay_layer
from avatar.render.raster import CELL, EMPTY, MARGIN, RING, chain_triangles, draw_triangles
from avatar.render.surface import lay_mesh
from avatar.render.vectors import copy8, copy16, prefetch

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

AREA: Final = CELL * CELL


class Backdrop(NamedTuple):
    """The background's planes, flat, of whole cells over the drawn region."""

    luma: Bytes
    cb: Bytes
    cr: Bytes
    pitch: int
    """Luma pixels of a row."""


class Target(NamedTuple):
    """Where a picture is drawn: its planes, flat, and the drawn region's place in them."""

    out_y: Bytes
    out_u: Bytes
    out_v: Bytes
    stride: int
    """Luma pixels of a row."""
    x0: int
    y0: int
    width: int
    height: int


class Flat(NamedTuple):
    """A layer's planes as :class:`avatar.render.layers.Layer` has them, but flat, and where they are to be read."""

    luma: Bytes
    opacity: Bytes
    cb: Bytes
    cr: Bytes
    half_opacity: Bytes
    shape: tuple[int, int]
    """(h, w) of the luma plane."""
    grid: Floats
    deep: Floats
    """How far off it is at the grid's nodes, metres from the plane z = 0."""
    least_most: Bytes


class Mesh(NamedTuple):
    """What is drawn of the mesh, apart from where it is."""

    triangles: Ints
    uvs: Floats
    """From :func:`avatar.render.raster.fixed_uvs`."""
    sides: Ints
    ends: Ints
    """From :func:`avatar.render.edges.mesh_edges`."""
    lash_triangles: Ints
    lash_uvs: Floats
    lash_opacity: Floats
    lash: Floats
    """(3,) the lashes' Y', Cb, Cr."""
    luma: Bytes
    """(A · B,): the atlas."""
    chroma: npt.NDArray[np.uint32]
    """(A/2, B/2): Cb in the lower half, Cr in the upper."""
    gloss: Floats
    """(2, g, g) luma, zero along the edges."""
    shades: Floats
    """(2, e, f) factors, as :func:`avatar.render.eyes.shade` makes them."""
    balls: Floats
    """(2, 15) where the eyeballs are, as for :func:`avatar.render.eyes.light_at`."""
    charts: npt.NDArray[np.int64]
    """(2, 4) the eyes' boxes in the atlas, 1/256 texel."""


class Work(NamedTuple):
    """Where a picture is worked out; all of it is clear between pictures."""

    near: npt.NDArray[np.int64]
    """(RING + 1, w + MARGIN) raster keys of the rows around a band."""
    touched: Bytes
    """A byte a cell, as below."""
    covered: Bytes
    hidden: Bytes
    filled: Bytes
    never: Bytes
    """A byte a cell that the mesh can come before the front layer in."""
    shares: npt.NDArray[np.uint32]
    """(CELL, w) and a byte for each of its cells, as below."""
    crossed: Bytes
    veil: Floats
    veiled: Bytes
    facing: Bytes
    """(t + 1,)"""
    chains: tuple[Ints, Ints, Ints]
    """The first of each band's triangles, outlines and lashes, and the next of each:"""
    follows: tuple[Ints, Ints, Ints]


def make_work(mesh: Mesh, height: int, width: int) -> Work:
    """For a region of whole cells."""
    cells = height // CELL, width // CELL

    def bytes_(*shape: int) -> Bytes:
        return np.zeros(shape, np.uint8)

    first, second, third = (np.zeros(cells[0], np.int32) for _ in range(3))
    counts = len(mesh.triangles), len(mesh.sides), len(mesh.lash_triangles)
    follow, after, behind = (np.zeros(count, np.int32) for count in counts)
    return Work(
        np.full((RING + 1, width + MARGIN), EMPTY, np.int64), bytes_(*cells), bytes_(*cells), bytes_(*cells),
        bytes_(*cells), bytes_(*cells), np.zeros((CELL, width), np.uint32), bytes_(cells[1]),
        np.zeros((CELL, width), np.float32), bytes_(cells[1]), bytes_(counts[0] + 1), (first, second, third),
        (follow, after, behind),
    )  # fmt: skip


@routine
def seal(body, front, never, covered, hidden):  # type: ignore[no-untyped-def]
    """Which cells are ``covered`` by the front layer, and which ``hidden`` by it or the body, both surveyed.

    Cells of ``never`` are not: there the mesh can come before the front layer.
    """
    for j in range(np.uintp(hidden.shape[0])):
        for i in range(np.uintp(hidden.shape[1])):
            covered[j, i] = front[j, i, 0] == 255 and not never[j, i]
            hidden[j, i] = covered[j, i] or body[j, i, 0] == 255


@routine
def _fill(near, touched, crossed, hidden, filled, gj, width):  # type: ignore[no-untyped-def]
    """Which cells of a row are ``filled`` by the mesh, or hidden, so that nothing behind it needs to be drawn."""
    j, top = np.uintp(gj), np.uintp((gj * CELL) & RING)
    for i in range(np.uintp((width + CELL - 1) // CELL)):
        filled[j, i] = hidden[j, i]
        if touched[j, i] and not (hidden[j, i] or crossed[i]):
            seen = 0
            for y in range(top, top + np.uintp(CELL)):
                for x in range(np.uintp(CELL)):
                    seen += near[y, i * np.uintp(CELL) + x] != EMPTY
            filled[j, i] = seen == AREA


@routine
def _clear_keys(near, touched, gj):  # type: ignore[no-untyped-def]
    """Make a row of cells of ``near`` empty."""
    j, top = np.uintp(gj), np.uintp((gj * CELL) & RING)
    for i in range(np.uintp(touched.shape[1])):
        if touched[j, i]:
            touched[j, i] = 0
            for y in range(top, top + np.uintp(CELL)):
                for x in range(i * np.uintp(CELL), (i + np.uintp(1)) * np.uintp(CELL)):
                    near[y, x] = EMPTY


@routine
def _clear_marks(marks, marked):  # type: ignore[no-untyped-def]
    """Make the marked cells of a band's plane 0."""
    for i in range(np.uintp(marked.shape[0])):
        if marked[i]:
            marked[i] = 0
            for y in range(np.uintp(CELL)):
                for x in range(i * np.uintp(CELL), (i + np.uintp(1)) * np.uintp(CELL)):
                    marks[y, x] = 0


@routine
def _lay_backdrop(luma, cb, cr, pitch, filled, gj, out_y, out_u, out_v, stride, at, half_at, rows, width):  # type: ignore[no-untyped-def]
    """Copy a row of the background's cells to a picture, except cells that are ``filled``; as :func:`lay_layer`."""
    place, half_place = gj * CELL * pitch, gj * HALF * (pitch >> 1)
    for gi in range((width + CELL - 1) // CELL):
        if filled[np.uintp(gj), np.uintp(gi)]:
            continue
        columns = min(CELL, width - gi * CELL)
        to, half_to = at + gi * CELL, half_at + gi * HALF
        of, half_of = place + gi * CELL, half_place + gi * HALF
        if columns == CELL:
            for y in range(rows):
                prefetch(luma, of + (y + CELL) * pitch)
                prefetch(out_y, to + (y + CELL) * stride)
                copy16(out_y, to + y * stride, luma, of + y * pitch)
            for y in range(rows >> 1):
                prefetch(cb, half_of + (y + HALF) * (pitch >> 1))
                prefetch(cr, half_of + (y + HALF) * (pitch >> 1))
                prefetch(out_u, half_to + (y + HALF) * (stride >> 1))
                prefetch(out_v, half_to + (y + HALF) * (stride >> 1))
                copy8(out_u, half_to + y * (stride >> 1), cb, half_of + y * (pitch >> 1))
                copy8(out_v, half_to + y * (stride >> 1), cr, half_of + y * (pitch >> 1))
            continue
        for y in range(rows):
            for x in range(columns):
                out_y[np.uintp(to + y * stride + x)] = luma[np.uintp(of + y * pitch + x)]
        for y in range(rows >> 1):
            for x in range(columns >> 1):
                n, m = np.uintp(half_to + y * (stride >> 1) + x), np.uintp(half_of + y * (pitch >> 1) + x)
                out_u[n], out_v[n] = cb[m], cr[m]


@kernel
def compose(backdrop, back, mesh, screen, body, front, work, target):  # type: ignore[no-untyped-def]
    """Draw the region into a :class:`Target`, with the help of a :class:`Work`: a :class:`Backdrop`, three of
    :class:`Flat`, and a :class:`Mesh` whose vertices are at ``screen`` (n, 3), column, row and depth.
    """
    # A routine is handed arrays one by one: a tuple of them would have references to all counted at each call.
    out_y, out_u, out_v, stride, x0, y0, width, height = target
    plain_y, plain_u, plain_v, pitch = backdrop
    (
        triangles, uvs, sides, ends, lash_triangles, lash_uvs, lash_opacity, lash, luma, chroma, gloss, shades, balls,
        charts,
    ) = mesh  # fmt: skip
    near, touched, covered, hidden, filled, never, shares, crossed, veil, veiled, facing, chains, follows = work
    first, outlines, strands = chains
    follow, outlines_follow, strands_follow = follows
    keys, words = near.reshape(near.size), chroma.reshape(chroma.size)
    back_y, back_a, back_u, back_v, back_b, (back_h, back_w), back_grid, _, back_most = back
    body_y, body_a, body_u, body_v, body_b, (body_h, body_w), body_grid, _, body_most = body
    front_y, front_a, front_u, front_v, front_b, (front_h, front_w), front_grid, front_deep, front_most = front
    places, values = np.empty(AREA, np.int64), np.empty(AREA, np.uint8)
    kept, masks = np.empty(2 * AREA, np.uint8), np.empty(CELL, np.int64)
    seal(body_most, front_most, never, covered, hidden)
    bands, w = hidden.shape[0], shares.shape[1]
    h = bands * CELL
    chain_triangles(triangles, screen, h, w, first, follow, facing)
    chain_outlines(sides, ends, facing, screen, h, outlines, outlines_follow)
    chain_lashes(lash_triangles, screen, h, strands, strands_follow)
    for gj in range(-1, bands):
        if gj + 1 < bands:  # outlines look one row further
            draw_triangles(
                gj + 1, first, follow, triangles, screen, uvs, hidden, h, w, keys, near.shape[1], RING, touched
            )
        if gj < 0:
            continue
        outline(gj, outlines, outlines_follow, ends, sides, facing, screen, h, w, near, RING, shares, crossed)
        draw_lashes(
            gj, strands, strands_follow, lash_triangles, screen, lash_uvs, lash_opacity, h, w, near, RING, veil, veiled
        )
        _fill(near, touched, crossed, hidden, filled, gj, width)
        y = y0 + gj * CELL
        rows, at, half_at = min(CELL, height - gj * CELL), y * stride + x0, (y >> 1) * (stride >> 1) + (x0 >> 1)
        _lay_backdrop(
            plain_y, plain_u, plain_v, pitch, filled, gj, out_y, out_u, out_v, stride, at, half_at, rows, width
        )
        lay_layer(
            back_y, back_a, back_u, back_v, back_b, back_h, back_w, back_grid, back_most, filled, gj,
            out_y, out_u, out_v, stride, at, half_at, rows, width,
        )  # fmt: skip
        lay_mesh(
            near, keys, shares, crossed, veil, veiled, luma, chroma, words, lash, gloss, shades, balls, charts, touched,
            hidden, gj, out_y, out_u, out_v, stride, at, half_at, rows, width, places, values,
        )  # fmt: skip
        lay_layer(
            body_y, body_a, body_u, body_v, body_b, body_h, body_w, body_grid, body_most, covered, gj,
            out_y, out_u, out_v, stride, at, half_at, rows, width,
        )  # fmt: skip
        lay_before(
            front_y, front_a, front_u, front_v, front_b, front_h, front_w, front_grid, front_most, front_deep, near,
            shares, touched, kept, masks, gj, out_y, out_u, out_v, stride, at, half_at, rows, width,
        )  # fmt: skip
        _clear_marks(shares, crossed)
        _clear_marks(veil, veiled)
        if gj > 0:
            _clear_keys(near, touched, gj - 1)
    _clear_keys(near, touched, bands - 1)
