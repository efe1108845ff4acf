"""Planes read between their values."""

import torch
from torch import Tensor


def between(planes: Tensor, which: Tensor | int, x: Tensor, y: Tensor) -> Tensor:
    """One of ``planes`` (p, h, w) for each place (column, row), bilinear, going on beyond its edges."""
    rows, columns = planes.shape[1:]
    x, y = x.clamp(0, max(columns - 1.001, 0)), y.clamp(0, max(rows - 1.001, 0))
    i, j = x.to(torch.int64), y.to(torch.int64)
    right, below = (i + 1).clamp(max=columns - 1), (j + 1).clamp(max=rows - 1)
    fx, fy = x - i, y - j
    upper = torch.lerp(planes[which, j, i], planes[which, j, right], fx)
    return torch.lerp(upper, torch.lerp(planes[which, below, i], planes[which, below, right], fx), fy)
