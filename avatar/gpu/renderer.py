"""Draws many faces of a host in one batch, straight into I420, on a GPU."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from avatar.errors import PackError
from avatar.face import FaceFrame
from avatar.gpu import lashes, outlines, raster, surface
from avatar.gpu.eyes import Eyes
from avatar.gpu.light import Lighter
from avatar.gpu.pose import Poser
from avatar.gpu.sheets import Sheet, Torso, Wigs, lay
from avatar.mesh_renderer import cells_of, region_of, view_of
from avatar.pack import Box, Pack
from avatar.render import edges
from avatar.render.backdrop import backdrop
from avatar.render.overlay import BEFORE
from avatar.render.pose import DEPTH_RANGE
from avatar.render.raster import CELL, DEPTH_SHIFT, DEPTH_STEPS, fixed_uvs, reading_order

Bytes = npt.NDArray[np.uint8]


class BatchRenderer:
    """As :class:`avatar.mesh_renderer.MeshRenderer`, but for any number of faces at once, each before a background.

    Pictures are those of the other but for rounding (docs/rendering.md says by how much). Not thread-safe.
    """

    def __init__(
        self,
        pack: Pack,
        width: int,
        height: int,
        backgrounds: Sequence[str | Path | None] = (None,),
        device: str = "cuda",
    ) -> None:
        """``backgrounds`` are each as in :func:`avatar.hosts.load_host`.

        Raises:
            PackError: no view of this size, a background that is none, or a device that is not there.
        """
        self._device = at = _device(device)
        self.width, self.height = width, height
        view = view_of(pack, width, height)
        self.region: Box = region_of(pack, view)
        """All that depends on the face."""
        x0, y0, x1, y1 = self.region
        left, top = view.x0 + x0, view.y0 + y0
        cells = -(-(y1 - y0) // CELL), -(-(x1 - x0) // CELL)
        self._h, self._w = cells[0] * CELL, cells[1] * CELL
        planes = [backdrop(pack.background, wanted, width, height) for wanted in backgrounds]
        self._whole = torch.as_tensor(np.stack([_joined(one) for one in planes]), device=at)
        self._luma, self._chroma = self._behind(planes)
        self._poser = Poser(pack, left, top, at)
        self._lighter = Lighter(pack, at)
        self._eyes = Eyes(pack, at)
        self._mesh(pack)

        def sheet(pixels: Bytes, chroma: Bytes, box: Box, *, endless: bool = False) -> Sheet:
            return Sheet(pixels, chroma, (box[0] - left, box[1] - top), cells, at, endless=endless)

        self._back, self._front = (
            sheet(pixels, chroma, pack.head_box)
            for pixels, chroma in ((pack.back, pack.back_uv), (pack.front, pack.front_uv))
        )
        self._body = sheet(pack.body, pack.body_uv, pack.body_box, endless=True)
        self._back_hair = Wigs(self._poser, self._back, pack.back_reach, pack.back_reach, at)
        self._front_hair = Wigs(self._poser, self._front, pack.front_reach, pack.front_depth, at)
        self._torso = Torso(pack, self._poser, self._body, at)

    def _behind(self, planes: Sequence[tuple[Bytes, Bytes, Bytes]]) -> tuple[Tensor, Tensor]:
        """(m, h, w) luma and (m, 2, h/2, w/2) chroma of the backgrounds over the region."""
        x0, y0 = self.region[:2]
        parts = []
        for one in planes:
            cut = (
                cells_of(plane, x0 // k, y0 // k, self._w // k, self._h // k)
                for plane, k in zip(one, (1, 2, 2), strict=True)
            )
            parts.append(tuple(torch.as_tensor(plane, device=self._device).float() for plane in cut))
        return torch.stack([y for y, _, _ in parts]), torch.stack([torch.stack([u, v]) for _, u, v in parts])

    def _mesh(self, pack: Pack) -> None:
        def put(array: object) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(array), device=self._device)

        rest = self._poser.pose([FaceFrame()]).screen[0].cpu().numpy()
        order = reading_order(pack.triangles, rest)  # as the other has it, for outlines are found edge by edge
        triangles = pack.triangles[order]
        sides, ends = edges.mesh_edges(triangles)
        self._triangles, self._uvs = put(triangles.astype(np.int64)), put(fixed_uvs(pack.uvs[order]))
        self._sides, self._ends = put(sides.astype(np.int64)), put(ends.astype(np.int64))
        self._lashes, self._lash_uvs = put(pack.lash_triangles.astype(np.int64)), put(pack.lash_uvs)
        self._lash, self._lash_colour = put(pack.lash.astype(np.float32) / np.float32(255)), pack.lash_colour

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def draw(self, frames: Sequence[FaceFrame], behind: Sequence[int] | None = None) -> Tensor:
        """(n, height · 3 / 2, width) uint8 on the device: a picture for each frame, of which there is one at least, as
        :attr:`avatar.picture.Picture.data`.

        ``behind``: which of the backgrounds each has; the first by default.
        """
        which = torch.as_tensor(list(behind or [0] * len(frames)), device=self._device)
        posed = self._poser.pose(frames)
        seen = raster.draw(posed.screen[:, self._triangles], self._uvs, self._h, self._w)
        shares = outlines.walk(seen, posed.screen, self._sides, self._ends)
        veil = lashes.veil(seen.near, posed.screen[:, self._lashes], self._lash_uvs, self._lash)
        lit = surface.Lit(seen.near, shares, *self._lighter.light(posed.weights, posed.angles), posed)

        luma, chroma = self._luma[which], self._chroma[which]
        luma, chroma = _laid(self._back.read(self._back_hair.warp(posed)[0]), luma, chroma)
        surface.lay_luma(lit, self._eyes, luma)
        surface.lay_chroma(lit, self._eyes, chroma)
        surface.lay_veil(veil, self._lash_colour, luma, chroma)
        luma, chroma = _laid(self._body.read(self._torso.warp(posed)), luma, chroma)
        grid, deep = self._front_hair.warp(posed)
        hidden = self._before(lit, deep)
        over, over_chroma = _laid(self._front.read(grid), luma, chroma)
        luma = torch.where(hidden, luma, over)
        kept = avg_pool2d(hidden.float()[:, None], 2)
        chroma = torch.floor(over_chroma * (1 - kept) + chroma * kept + 0.5)
        return self._picture(which, luma, chroma)

    def _before(self, lit: surface.Lit, deep: Tensor) -> Tensor:
        """(n, h, w): which pixels show a mesh that lies before the front hair, or the smooth outline of such."""
        n, h, w = lit.shape
        grow = torch.arange(CELL, device=deep.device) / CELL
        left = deep[:, :-1, None, :-1] + (deep[:, 1:] - deep[:, :-1])[:, :, None, :-1] * grow[:, None]
        right = deep[:, :-1, None, 1:] + (deep[:, 1:] - deep[:, :-1])[:, :, None, 1:] * grow[:, None]
        far = (left[..., None] + (right - left)[..., None] * grow).reshape(n, h, w)
        bound = ((far + DEPTH_RANGE) * DEPTH_STEPS).to(torch.int64) - int(BEFORE)
        before = ((lit.near >> DEPTH_SHIFT) < bound) & (lit.near != raster.NOTHING)
        outlined = torch.zeros(n * h * w, dtype=torch.bool, device=deep.device)
        outlined[lit.shares.place] = True
        cells = before.view(n, h // CELL, CELL, w // CELL, CELL).transpose(2, 3).reshape(-1, 1, CELL, CELL)
        wide = max_pool2d(cells.float(), 3, 1, 1) > 0
        near = wide.view(n, h // CELL, w // CELL, CELL, CELL).transpose(2, 3).reshape(n, h, w)
        return before | (outlined.view(n, h, w) & near)

    def _picture(self, which: Tensor, luma: Tensor, chroma: Tensor) -> Tensor:
        x0, y0, x1, y1 = self.region
        whole, (w, h) = self._whole[which], (self.width, self.height)
        whole[:, y0:y1, x0:x1] = luma[:, : y1 - y0, : x1 - x0].to(torch.uint8)
        halves = whole[:, h:].view(len(whole), 2, h // 2, w // 2)
        part = chroma[:, :, : (y1 - y0) // 2, : (x1 - x0) // 2].to(torch.uint8)
        halves[..., y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] = part
        return whole


def _laid(read: tuple[Tensor, Tensor], luma: Tensor, chroma: Tensor) -> tuple[Tensor, Tensor]:
    bright, colour = read
    return lay(luma, bright[:, 0], bright[:, 1]), lay(chroma, colour[:, :2], colour[:, 2:])


def _joined(planes: tuple[Bytes, Bytes, Bytes]) -> Bytes:
    y, u, v = planes
    return np.concatenate([y.reshape(-1), u.reshape(-1), v.reshape(-1)]).reshape(-1, y.shape[1])


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise PackError(f"no pictures can be drawn on {name!r} ({first}); 'cpu' is always there") from error
    return device
