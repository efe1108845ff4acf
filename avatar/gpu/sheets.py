"""Layers of many pictures, warped and laid one over the other: as :mod:`avatar.render.layers` and ``overlay``."""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from avatar.gpu.pose import Posed, Poser
from avatar.gpu.sampling import between
from avatar.pack import Pack
from avatar.render.layers import PAD, make_layer
from avatar.render.raster import CELL

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_STEPS: Final = 6
"""In which a motion is inverted; each leaves a tenth of the last one's error at most, as heads turn."""


class Sheet:
    """A layer over a region of whole cells."""

    def __init__(
        self, pixels: Bytes, chroma: Bytes, corner: tuple[int, int], cells: tuple[int, int], device: torch.device,
        *, endless: bool,
    ) -> None:  # fmt: skip
        """``corner``: the layer's left and top in the region."""
        made = make_layer(pixels, chroma, endless)
        self._luma = torch.as_tensor(np.stack([made.luma, made.opacity]), device=device).float()[None]
        self._chroma = torch.as_tensor(np.stack([made.cb, made.cr, made.half_opacity]), device=device).float()[None]
        self.corner = torch.tensor(corner, dtype=torch.float32, device=device)
        nodes = [torch.arange(count + 1, device=device) * float(CELL) for count in cells]
        self.nodes = torch.stack(torch.meshgrid(nodes[1], nodes[0], indexing="xy"), -1)
        """(rows, columns, 2): where the region has the grid's nodes."""
        sizes = [count * CELL for count in cells]
        self._at = [_between_nodes(size, 1, device) for size in sizes]
        self._half_at = [_between_nodes(size, 2, device) for size in sizes]
        h, w = made.luma.shape
        self._size = torch.tensor([w, h], dtype=torch.float32, device=device)

    def read(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        """Luma and opacity (n, 2, h, w), and chroma with its opacity (n, 3, h/2, w/2), multiplied by opacity already,
        where ``grid`` (n, rows, columns, 2) says for the nodes.
        """
        place = 2 * (grid + PAD) / self._size - 1
        return _read(self._luma, place, *self._at), _read(self._chroma, place, *self._half_at)


def _between_nodes(size: int, step: int, device: torch.device) -> Tensor:
    """(size / step, nodes): what the middle of each pixel has of the nodes around it."""
    at = (torch.arange(size // step, device=device) + 0.5) * step / CELL
    return (1 - (at[:, None] - torch.arange(size // CELL + 1, device=device)).abs()).clamp(min=0)


def _read(planes: Tensor, place: Tensor, down: Tensor, across: Tensor) -> Tensor:
    where = torch.einsum("yj,njic,xi->nyxc", down, place, across)
    some = planes.expand(len(place), -1, -1, -1)
    return grid_sample(some, where, mode="bilinear", padding_mode="border", align_corners=False)


def lay(under: Tensor, value: Tensor, opacity: Tensor) -> Tensor:
    """Bytes, kept as float32: a value that is multiplied by its opacity (0 to 255) already, over what is there."""
    return torch.floor(value + under * (1 - opacity / 255) + 0.5).clamp(max=255)


class Wigs:
    """How hair goes with the head."""

    def __init__(self, poser: Poser, sheet: Sheet, reach: Floats, depth: Floats, device: torch.device) -> None:
        self._poser, self._sheet = poser, sheet
        self._reach, self._depth = (torch.as_tensor(plane, device=device) for plane in (reach, depth))

    def warp(self, posed: Posed) -> tuple[Tensor, Tensor]:
        """Where the layer is read for each node (n, rows, columns, 2), and its depth there (n, rows, columns)."""
        nodes, corner = self._sheet.nodes, self._sheet.corner
        ahead = torch.zeros(len(posed.turn), *nodes.shape, device=nodes.device)
        for _ in range(_STEPS):
            at = nodes - ahead
            ahead = self._moved(posed, at, _node_at(self._reach, at - corner))[0] - at
        at = nodes - ahead
        _, deep = self._moved(posed, at, _node_at(self._depth, at - corner))
        return at - corner, deep

    def _moved(self, posed: Posed, at: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """Where pixels of the layer, ``depth`` from the pinhole at rest, are once the head has moved, and how deep."""
        poser = self._poser
        far = depth / poser.focal
        point = torch.stack(
            [(at[..., 0] - poser.centre[0]) * far, poser.eye_y - (at[..., 1] - poser.centre[1]) * far,
             poser.distance - depth], -1,
        )  # fmt: skip
        moved = torch.einsum("nab,nrcb->nrca", posed.turn, point) + posed.offset[:, None, None]
        scale = poser.focal / (poser.distance - moved[..., 2]).clamp(min=0.05)
        column = poser.centre[0] + scale * moved[..., 0]
        row = poser.centre[1] - scale * (moved[..., 1] - poser.eye_y)
        return torch.stack([column, row], -1), -moved[..., 2]


class Torso:
    """How the body breathes and leans."""

    def __init__(self, pack: Pack, poser: Poser, sheet: Sheet, device: torch.device) -> None:
        self._sheet = sheet
        self._breath = torch.as_tensor(np.moveaxis(pack.body_breath, -1, 0).copy(), device=device)
        self._leans = torch.as_tensor(pack.body_lean, device=device)
        self._foot = poser.project(torch.zeros(3, device=device))

    def warp(self, posed: Posed) -> Tensor:
        """As :meth:`Wigs.warp`."""
        nodes, corner = self._sheet.nodes, self._sheet.corner
        breath, lean = posed.breath[:, None, None], posed.lean[:, None, None]
        moved = torch.zeros(len(posed.turn), *nodes.shape, device=nodes.device)
        for _ in range(_STEPS):
            at = nodes - moved
            inside, (right, down) = at - corner, (at - self._foot).unbind(-1)
            turn = lean * _node_at(self._leans, inside)
            dx, dy = (breath * _node_at(plane, inside) for plane in self._breath)
            moved = torch.stack([dx + turn * down, dy - turn * right], -1)
        return nodes - moved - corner


def _node_at(values: Tensor, at: Tensor) -> Tensor:
    """``values`` (rows, columns) every CELL pixels, at pixels (…, 2)."""
    return between(values[None], 0, at[..., 0] / CELL, at[..., 1] / CELL)
