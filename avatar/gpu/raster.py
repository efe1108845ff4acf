"""Which point of which surface every pixel shows, of many pictures: as :mod:`avatar.render.raster`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from avatar.gpu.lists import spread
from avatar.render.pose import DEPTH_RANGE
from avatar.render.raster import DEPTH_SHIFT, DEPTH_STEPS, EMPTY, UV_BITS

NOTHING = int(EMPTY)


@dataclass(frozen=True, slots=True)
class Surface:
    near: Tensor
    """(n, h, w) int64 raster keys, :data:`NOTHING` where there is none."""
    facing: Tensor
    """(n, t + 1): which triangles face the camera; the last does not."""


def draw(corners: Tensor, uvs: Tensor, h: int, w: int) -> Surface:
    """Draw triangles with ``corners`` (n, t, 3, 3), column, row and depth, and ``uvs`` (t, 3, 2) from
    :func:`avatar.render.raster.fixed_uvs`.
    """
    n = len(corners)
    x, y, z = corners.unbind(-1)
    x1, y1, x2, y2 = x[..., 1] - x[..., 0], y[..., 1] - y[..., 0], x[..., 2] - x[..., 0], y[..., 2] - y[..., 0]
    facing = x1 * y2 - x2 * y1 < -1e-6
    low, high = ((y.amin(-1) + 0.5).to(torch.int64), (y.amax(-1) + 0.5).to(torch.int64))
    top, bottom = low.clamp(min=0), high.clamp(max=h)
    within = facing & (top < bottom) & (x.amax(-1) >= 0.5) & (x.amin(-1) < w - 0.5)
    picture, triangle = within.nonzero(as_tuple=True)
    top, count = top[within], (bottom - top)[within]
    plane = _Planes.of(x[within], y[within], z[within], uvs[triangle])

    owner, number = spread(count)
    row = top[owner] + number
    begin, length = plane.span(owner, row, w)
    first = plane.key(owner, begin, row)
    place = (picture[owner] * h + row) * w + begin

    run, along = spread(length)
    near = torch.full((n * h * w,), NOTHING, dtype=torch.int64, device=x.device)
    near.scatter_reduce_(0, place[run] + along, first[run] + along * plane.step[owner[run]], "amin")
    return Surface(near.view(n, h, w), torch.nn.functional.pad(facing, (0, 1)))


@dataclass(frozen=True, slots=True)
class _Planes:
    """Triangles (m,) whose attributes are planes over the screen: value = at a + gradient · (p - a)."""

    x: Tensor
    y: Tensor
    """(m, 3)"""
    at: Tensor
    across: Tensor
    down: Tensor
    """(m, 3) depth, column and row in the atlas, as they stand in a key."""
    step: Tensor
    """(m,) by which a key grows from pixel to pixel."""

    @classmethod
    def of(cls, x: Tensor, y: Tensor, z: Tensor, uvs: Tensor) -> "_Planes":
        value = torch.cat([z[..., None], uvs], -1)
        x1, y1, x2, y2 = (side[:, None] for side in (x[:, 1] - x[:, 0], y[:, 1] - y[:, 0], x[:, 2] - x[:, 0],
                                                     y[:, 2] - y[:, 0]))  # fmt: skip
        inverse = 1 / (x1 * y2 - x2 * y1)
        one, two = value[:, 1] - value[:, 0], value[:, 2] - value[:, 0]
        units = torch.tensor([DEPTH_STEPS, 1, 1], dtype=x.dtype, device=x.device)
        middle = torch.tensor([DEPTH_RANGE, 0, 0], dtype=x.dtype, device=x.device)
        across, down = (one * y2 - two * y1) * inverse * units, (two * x1 - one * x2) * inverse * units
        return cls(x, y, (value[:, 0] + middle) * units, across, down, _packed(across))

    def span(self, owner: Tensor, row: Tensor, w: int) -> tuple[Tensor, Tensor]:
        """The first pixel of each row of a triangle, and how many."""
        x, y = self.x[owner], self.y[owner]
        after_x, after_y = x.roll(-1, 1), y.roll(-1, 1)
        # An edge that runs down the screen bounds the triangle on the left, one that runs up on the right. Its line is
        # always counted from its upper end, so that triangles that share it agree about it.
        runs_down = y < after_y
        upper_x, upper_y = torch.where(runs_down, x, after_x), torch.where(runs_down, y, after_y)
        edge = upper_x + ((row + 0.5)[:, None] - upper_y) * ((after_x - x) / (after_y - y))
        left = torch.where(runs_down, edge, -1e6).amax(1)
        right = torch.where(runs_down | (y == after_y), 1e6, edge).amin(1)
        first = (x.amin(1) + 0.5).to(torch.int64).clamp(min=0)
        last = (x.amax(1) + 0.5).to(torch.int64).clamp(max=w)
        begin = torch.maximum(first, (left + 0.5).to(torch.int64))
        return begin, (torch.minimum(last, (right + 0.5).to(torch.int64)) - begin).clamp(min=0)

    def key(self, owner: Tensor, column: Tensor, row: Tensor) -> Tensor:
        """Of the surface in the middle of a pixel."""
        ox, oy = column + 0.5 - self.x[owner, 0], row + 0.5 - self.y[owner, 0]
        return _packed(self.at[owner] + self.across[owner] * ox[:, None] + self.down[owner] * oy[:, None])


def _packed(values: Tensor) -> Tensor:
    z, u, v = values.to(torch.int64).unbind(-1)
    return (z << DEPTH_SHIFT) + (v << UV_BITS) + u
