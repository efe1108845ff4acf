"""Smooth outlines of many pictures: as :mod:`avatar.render.edges`."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from avatar.gpu.lists import spread
from avatar.gpu.raster import NOTHING, Surface
from avatar.render.edges import BEHIND, DOWN, FULL, LEFT, RIGHT, ROUND, UP
from avatar.render.pose import DEPTH_RANGE
from avatar.render.raster import CELL, DEPTH_SHIFT, DEPTH_STEPS

AROUND: Final = ((0, -1), (0, 1), (-1, 0), (1, 0))
"""(rows, columns) from a pixel to its neighbour: left, right, up, down."""


@dataclass(frozen=True, slots=True)
class Shares:
    place: Tensor
    """(m,) the pixels on outlines, of all pictures one after another, in their order."""
    share: Tensor
    """(m, 4) int64: how much of each neighbour they show, of :data:`FULL`."""

    def at(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of pixels (k,) here, and which of them are on an outline at all."""
        if not len(self.place):
            return torch.zeros_like(place), torch.zeros_like(place, dtype=torch.bool)
        row = torch.searchsorted(self.place, place).clamp(max=len(self.place) - 1)
        return row, self.place[row] == place


def walk(surface: Surface, screen: Tensor, sides: Tensor, ends: Tensor) -> Shares:
    """``screen`` (n, v, 3) vertices; ``sides`` and ``ends`` (e, 2) from :func:`avatar.render.edges.mesh_edges`."""
    front = surface.facing[:, sides]
    picture, edge = (front[..., 0] != front[..., 1]).nonzero(as_tuple=True)
    # The triangle that faces the camera has the ends the other way round if it is the second.
    ordered = torch.where(front[picture, edge, 1, None], ends[edge].flip(-1), ends[edge])
    begin, end = (screen[picture, ordered[:, k]] for k in (0, 1))
    delta = end - begin
    flat = delta[:, 0].abs() > delta[:, 1].abs()
    marks = [
        _along(surface, picture[some], begin[some], end[some], across)
        for across, some in ((0, flat), (1, ~flat & (delta[:, 1] != 0)))
    ]
    place, side, share, inside = (torch.cat(parts) for parts in zip(*marks, strict=True))
    pixels, row = torch.unique(place, return_inverse=True)
    at = row * 4 + side
    # Within a surface only its outermost outline counts, so the least; outside, the greatest.
    most = torch.zeros(4 * len(pixels), dtype=torch.int64, device=place.device)
    most.scatter_reduce_(0, at[~inside], share[~inside], "amax")
    least = torch.full_like(most, FULL + 1)
    least.scatter_reduce_(0, at[inside], share[inside], "amin")
    return Shares(pixels, torch.where(least <= FULL, least, most).view(-1, 4))


def _along(surface: Surface, picture: Tensor, begin: Tensor, end: Tensor, axis: int) -> tuple[Tensor, ...]:
    """Marks that edges leave on their way: a pixel each column (``axis`` 0) or row (1) they cross.

    The pixel, the side of it that a share is of, the share, and whether the pixel shows the surface itself.
    """
    _, h, w = surface.near.shape
    other, size = 1 - axis, (w, h)[axis]
    low, high = torch.minimum(begin, end)[:, axis], torch.maximum(begin, end)[:, axis]
    first = (low + 0.5).to(torch.int64).clamp(min=0)
    count = ((high + 0.5).to(torch.int64).clamp(max=size) - first).clamp(min=0)
    owner, number = spread(count)
    along = first[owner] + number
    delta = (end - begin)[owner]
    t = along + 0.5 - begin[owner, axis]
    at = begin[owner, other] + delta[:, other] / delta[:, axis] * t
    depth = (begin[owner, 2] + DEPTH_RANGE) * DEPTH_STEPS + delta[:, 2] / delta[:, axis] * DEPTH_STEPS * t
    seen = (at >= 1) & (at < (h, w)[axis] - 1)
    owner, along, at, depth = owner[seen], along[seen], at[seen], depth[seen].to(torch.int64)
    across = at.to(torch.int64)
    part = at - across
    # The surface, seen counter-clockwise, lies to the left of its edge: below one that runs to the left, at the right
    # of one that runs down.
    beyond = (end - begin)[owner, axis] < 0 if axis == 0 else (end - begin)[owner, axis] > 0
    inside = (part < 0.5) == beyond
    share = (FULL * torch.minimum(part, 1 - part)).to(torch.int64)
    step = torch.where(beyond == inside, -1, 1)
    y, x = (across, along) if axis == 0 else (along, across)
    up, left = (step, torch.zeros_like(step)) if axis == 0 else (torch.zeros_like(step), step)
    after, before = (DOWN, UP) if axis == 0 else (RIGHT, LEFT)
    inner_side, outer_side = torch.where(beyond, after, before), torch.where(beyond, before, after)

    here = (picture[owner] * h + y) * w + x
    there = here + up * w + left
    flat = surface.near.view(-1)
    inner, outer = flat[torch.where(inside, here, there)], flat[torch.where(inside, there, here)]
    inner_depth, outer_depth = inner >> DEPTH_SHIFT, outer >> DEPTH_SHIFT
    good = (inner != NOTHING) & (inner_depth <= depth + BEHIND) & (inner_depth >= depth - ROUND)
    good &= (outer == NOTHING) | (outer_depth >= depth + BEHIND)
    band = torch.div(y, CELL, rounding_mode="floor") == torch.div(y + up, CELL, rounding_mode="floor")
    beside = good & ~inside & band
    ones = torch.ones_like(share)
    return (
        torch.cat([here[good], there[beside]]),
        torch.cat([torch.where(inside, outer_side, inner_side)[good], outer_side[beside]]),
        torch.cat([torch.where(inside, share.clamp(min=1), share)[good], ones[beside]]),
        torch.cat([inside[good], torch.ones_like(beside)[beside]]),
    )
