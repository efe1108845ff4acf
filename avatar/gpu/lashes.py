"""Lashes of many pictures: as :mod:`avatar.render.lashes`."""

from typing import Final

import torch
from torch import Tensor

from avatar.gpu.lists import spread
from avatar.gpu.sampling import between
from avatar.render.lashes import BEFORE, SUBPIXELS
from avatar.render.pose import DEPTH_RANGE
from avatar.render.raster import DEPTH_SHIFT, DEPTH_STEPS

_FINE: Final = 1 << 16
"""Opacity is added up in so many parts, as integers: their sum does not depend on who comes first."""


def veil(near: Tensor, corners: Tensor, uvs: Tensor, opacity: Tensor) -> Tensor:
    """(n, h, w) float32 from 0 to 1: how far lashes hide what is behind.

    ``near`` (n, h, w) keys; ``corners`` (n, l, 3, 3) column, row and depth; ``uvs`` (l, 3, 2) texels of ``opacity``
    (.., ..) from 0 to 1.
    """
    n, h, w = near.shape
    x, y = corners[..., 0] * SUBPIXELS, corners[..., 1] * SUBPIXELS
    x1, y1, x2, y2 = x[..., 1] - x[..., 0], y[..., 1] - y[..., 0], x[..., 2] - x[..., 0], y[..., 2] - y[..., 0]
    area = x1 * y2 - x2 * y1
    top = (y.amin(-1) + 0.5).to(torch.int64).clamp(min=0)
    bottom = (y.amax(-1) + 0.5).to(torch.int64).clamp(max=h * SUBPIXELS)
    within = (area.abs() >= 1e-3) & (top < bottom)
    picture, triangle = within.nonzero(as_tuple=True)
    x, y, z, area = x[within][:, 0], y[within][:, 0], corners[..., 2][within], area[within]
    x1, y1, x2, y2 = x1[within], y1[within], x2[within], y2[within]
    # A point is at a + p · (b - a) + q · (c - a); p and q are planes over the screen.
    px, py, qx, qy = y2 / area, -x2 / area, -y1 / area, x1 / area

    owner, number = spread((bottom - top)[within])
    row = top[within][owner] + number
    dy = row + 0.5 - y[owner]
    left, right = torch.zeros_like(dy), torch.full_like(dy, w * SUBPIXELS)
    for at, slope in (
        (py[owner] * dy, px[owner]), (qy[owner] * dy, qx[owner]), (1 - (py + qy)[owner] * dy, (-px - qx)[owner])
    ):  # fmt: skip
        edge = x[owner] - at / slope  # inside is where at + slope · (x - xa) is positive
        left = torch.where(slope > 0, torch.maximum(left, edge), left)
        right = torch.where(slope < 0, torch.minimum(right, edge), right)
        right = torch.where((slope == 0) & (at < 0), 0.0, right)
    begin = (left + 0.5).to(torch.int64)

    run, along = spread(((right + 0.5).to(torch.int64) - begin).clamp(min=0))
    one, column = owner[run], begin[run] + along
    dx, dy = column + 0.5 - x[one], dy[run]
    p, q = px[one] * dx + py[one] * dy, qx[one] * dx + qy[one] * dy
    place = (picture[one] * h + row[run] // SUBPIXELS) * w + column // SUBPIXELS
    depth = z[one, 0] + p * (z[one, 1] - z[one, 0]) + q * (z[one, 2] - z[one, 0])
    seen = ((depth + DEPTH_RANGE) * DEPTH_STEPS).to(torch.int64) <= (near.view(-1)[place] >> DEPTH_SHIFT) + BEFORE
    a, b, c = uvs[triangle[one]].unbind(1)
    at = a - 0.5 + p[:, None] * (b - a) + q[:, None] * (c - a)
    share = torch.where(seen, between(opacity[None], 0, at[:, 0], at[:, 1]), 0.0) * (_FINE / SUBPIXELS**2)
    total = torch.zeros(n * h * w, dtype=torch.int32, device=near.device)
    total.index_add_(0, place, share.round().to(torch.int32))
    return (total.view(n, h, w) / _FINE).clamp(max=1)
