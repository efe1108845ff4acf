"""Light on the eyeballs of many faces: as :mod:`avatar.render.eyes`."""

import numpy as np
import torch
from torch import Tensor

from avatar.gpu.pose import Posed
from avatar.gpu.sampling import between
from avatar.pack import Pack
from avatar.render.eyes import HIGH, WIDE
from avatar.render.raster import UV_BITS, UV_MASK


class Eyes:
    def __init__(self, pack: Pack, device: torch.device) -> None:
        self._charts = torch.tensor(pack.eye_charts, dtype=torch.int64, device=device) * 256 - 128
        gloss = np.pad(pack.gloss.astype(np.float32), ((0, 0), (1, 1), (1, 1)))
        self._gloss = torch.as_tensor(gloss, device=device)
        self._dark, bright = pack.gloss_shade
        self._span = 1 / max(bright - self._dark, 1e-3)
        self.bleach = pack.gloss_bleach

    def which(self, key: Tensor) -> Tensor:
        """The eye that raster keys show, -1 for none."""
        u, v = key & UV_MASK, key >> UV_BITS & UV_MASK
        out = torch.full_like(key, -1)
        for eye, (x0, y0, x1, y1) in enumerate(self._charts.unbind()):
            out[(u >= x0) & (u < x1) & (v >= y0) & (v < y1)] = eye
        return out

    def light(
        self, posed: Posed, shades: Tensor, picture: Tensor, eye: Tensor, x: Tensor, y: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The factor on an eye's colour, and the luma that lamps add, at the middles of pixels (m,) of pictures."""
        ball, turn = posed.balls[picture, eye], posed.turn[picture]
        left, top = x + 0.5 - ball[:, 0], y + 0.5 - ball[:, 1]
        across, up = left / ball[:, 2], -top / ball[:, 2]
        towards = (1 - across.square() - up.square()).clamp(min=0).sqrt()
        hx, hy, _ = (torch.stack([across, up, towards], -1)[:, None] @ turn)[:, 0].unbind(-1)
        rows, columns = shades.shape[2:]
        factor = between(
            shades.flatten(0, 1),
            2 * picture + eye,
            (hx / WIDE + 1) / 2 * (columns - 1),
            (1 - hy / HIGH) / 2 * (rows - 1),
        )
        middle = (self._gloss.shape[1] - 1) / 2
        seen = (left.abs() < middle - 0.5) & (top.abs() < middle - 0.5)
        mirrored = ((factor - self._dark) * self._span).clamp(0, 1)
        added = between(self._gloss, eye, middle + left, middle + top) * mirrored
        return factor, torch.where(seen, added, 0.0)
