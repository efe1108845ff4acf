"""The atlas as the studio's light makes it for each face: as :mod:`avatar.render.light`."""

from typing import Final

import numpy as np
import torch
from torch import Tensor

from avatar.pack import Pack
from avatar.render.light import HALF, SIDE, resting_blocks

_STEPS: Final = 127 * 8
"""What multiplies a step of light is rounded to so many parts of it."""
_FAR: Final = 40.0
"""Squared distance from which on a point of the regression counts nothing."""
_LUMA: Final = SIDE * SIDE
_CHROMA: Final = HALF * HALF


class Lighter:
    def __init__(self, pack: Pack, device: torch.device) -> None:
        def put(array: object) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(array), device=device)

        self._metric, self._centres = put(pack.light_metric), put(pack.light_centres)
        self._kernel, self._linear, self._limits = (
            put(pack.light_kernel),
            put(pack.light_linear),
            put(pack.light_limits),
        )
        self._rows, self._columns = (put(pack.light_blocks[:, k].astype(np.int64)) for k in (0, 1))
        self._base = put(resting_blocks(pack.atlas_y, pack.atlas_uv, pack.light_blocks)).float()
        counts = np.diff(pack.light_starts)
        block = np.repeat(np.arange(len(counts)), counts)
        place = np.arange(len(block)) - np.repeat(pack.light_starts[:-1], counts)
        # A block's components side by side, as many for each as the one with the most has: what is not there is 0.
        most = int(counts.max(initial=0))
        ids = np.zeros((len(counts), most), np.int64)
        scales = np.zeros((len(counts), most), np.float32)
        steps = np.zeros((len(counts), most, pack.light_steps.shape[1]), np.float32)
        ids[block, place], scales[block, place] = pack.light_ids, pack.light_scales
        steps[block, place] = pack.light_steps
        self._ids, self._scales, self._steps = put(ids), put(scales * np.float32(_STEPS)), put(steps)
        self._luma = put(pack.atlas_y)
        self._chroma = put(np.moveaxis(pack.atlas_uv, -1, 0).astype(np.uint8))
        self._shade_rest, self._shade_ids = put(pack.shade_rest), put(pack.shade_ids.astype(np.int64))
        self._shade_scales = put(pack.shade_scales)
        self._shade_steps = put(pack.shade_steps.astype(np.float32).reshape(len(pack.shade_ids), pack.shade_rest.size))

    def light(self, weights: Tensor, angles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For n faces: (n, A, B) luma and (n, 2, A/2, B/2) chroma of the atlas, uint8, and (n, 2, e, f) factors on the
        eyeballs' colours.
        """
        c = self._coefficients(torch.cat([weights, angles], 1))
        return *self._atlas(c), self._shades(c)

    def _coefficients(self, inputs: Tensor) -> Tensor:
        places = torch.einsum("gdi,ni->gnd", self._metric, inputs)
        apart = (self._centres[:, None] - places[:, :, None]).square().sum(-1)
        near = torch.where(apart > _FAR, 0.0, torch.exp(-0.5 * apart))
        found = near @ self._kernel + places @ self._linear[:, :-1] + self._linear[:, -1:]
        c = found.transpose(0, 1).reshape(len(inputs), -1)
        return torch.minimum(torch.maximum(c, -self._limits), self._limits)

    def _atlas(self, c: Tensor) -> tuple[Tensor, Tensor]:
        count = len(c)
        wanted = (c[:, self._ids] * self._scales).clamp(-1e6, 1e6)
        multiples = torch.trunc(wanted + torch.copysign(torch.full_like(wanted, 0.5), wanted)) / _STEPS
        texels = torch.bmm(multiples.transpose(0, 1), self._steps) + self._base[:, None] + 0.5
        lit = texels.clamp(16, 240).to(torch.uint8)
        rows, columns = self._luma.shape
        luma = self._luma.expand(count, -1, -1).clone()
        squares = luma.view(count, rows // SIDE, SIDE, columns // SIDE, SIDE)
        squares[:, self._rows, :, self._columns] = lit[..., :_LUMA].unflatten(2, (SIDE, SIDE))
        chroma = self._chroma.expand(count, -1, -1, -1).clone()
        halves = chroma.view(count, 2, rows // SIDE, HALF, columns // SIDE, HALF)
        halves[:, :, self._rows, :, self._columns] = lit[..., _LUMA:].unflatten(2, (2, HALF, HALF))
        return luma, chroma

    def _shades(self, c: Tensor) -> Tensor:
        more = (c[:, self._shade_ids] * self._shade_scales) @ self._shade_steps
        return (self._shade_rest + more.view(len(c), *self._shade_rest.shape)).clamp(0, 2)
