"""Colours read back from path-traced pictures into the atlas of the live mesh."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from avatar.studio.base_mesh import Array
from avatar.studio.camera import Box
from avatar.studio.piece import LASHES, Piece
from avatar.studio.raster import Drawn

Floats = npt.NDArray[np.float32]

_NEAR = 0.0025
"""Metres by which a texel may lie behind the nearest surface and still be that surface."""
_DOUBT = 0.35
"""Trust in a texel beside an outline: teeth between lips that all but meet are nowhere farther from one."""
_STEP = 0.008
"""A step in depth larger than this is an outline: what is beside it is not trusted."""


def halve(image: Array) -> Array:
    return np.asarray(cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA))


def to_bytes(values: Array) -> npt.NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@dataclass(slots=True)
class Atlas:
    """Which triangle each texel belongs to."""

    found: list[Piece]
    shape: tuple[int, int]
    drawn: Drawn
    piece: npt.NDArray[np.int16]
    """(A, B) number of the piece, -1 where there is none."""
    chart: npt.NDArray[np.int16]
    """(A, B) number of the chart, -1 where there is none."""

    @classmethod
    def of(cls, found: list[Piece], shape: tuple[int, int]) -> "Atlas":
        corners = np.concatenate([_flat(p) for p in found])
        drawn = Drawn(corners, (0.0, 0.0), shape, both_sides=True)
        owners = np.concatenate([np.full(len(p.triangles), k) for k, p in enumerate(found)])
        charts = np.concatenate([p.charts for p in found])
        piece, chart = (np.where(drawn.owner >= 0, of[drawn.owner], -1).astype(np.int16) for of in (owners, charts))
        return cls(found, shape, drawn, piece, chart)

    @property
    def owners(self) -> Array:
        """(t,) the piece that each triangle belongs to."""
        return np.concatenate([np.full(len(p.triangles), k) for k, p in enumerate(self.found)])

    @property
    def _lashes(self) -> Array:
        """(t,) which triangles are lashes."""
        return np.concatenate([np.full(len(p.triangles), p.name in LASHES) for p in self.found])

    def nearest(self, known: Array) -> npt.NDArray[np.int64]:
        """(A · B,) for each texel the flat index of the nearest known one."""
        _, (rows, columns) = distance_transform_edt(~known, return_indices=True)
        return np.asarray((rows * known.shape[1] + columns).ravel())

    def _corners(self, screens: list[Array]) -> Floats:
        """(t, 3, 3) column, row and depth of every triangle's corners."""
        return np.concatenate([s[p.triangles] for p, s in zip(self.found, screens, strict=True)]).astype(np.float32)

    def seen(self, screens: list[Array], box: Box, *, balls_alone: bool = False) -> Drawn:
        """What a picture of ``box`` shows of the mesh, without lashes: pictures that are read back show none."""
        corners = self._corners(screens)
        corners[self._lashes] += 1e6
        if balls_alone:
            corners[np.array([p.eye is None for p in self.found])[self.owners]] += 1e6
        return Drawn(corners, (box.x0, box.y0), (box.y1 - box.y0, box.x1 - box.x0))

    def read(self, screens: list[Array], yuv: Floats, box: Box) -> tuple[Floats, Floats]:
        """The colour (A, B, 3) of each texel that a picture of ``box`` shows, and how far to trust it, (A, B)."""
        corners = self._corners(screens)
        at = self.drawn.read(corners)
        h, w = yuv.shape[:2]
        seen = self.seen(screens, box)
        x, y = at[..., 0] - box.x0 - 0.5, at[..., 1] - box.y0 - 0.5
        colour = cv2.remap(yuv, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        ends = cv2.erode(seen.depth, np.ones((3, 3))), cv2.dilate(seen.depth, np.ones((3, 3)))
        near, far = (cv2.remap(d, x, y, cv2.INTER_NEAREST, borderValue=0) for d in ends)
        part = np.where(seen.owner >= 0, self.owners[seen.owner], -1).astype(np.float32)
        mixed = (cv2.dilate(part, np.ones((3, 3))) != cv2.erode(part, np.ones((3, 3)))).astype(np.float32)
        edge = cv2.remap(mixed, x, y, cv2.INTER_NEAREST, borderValue=1) > 0  # the pixel may show some of another part
        own = cv2.remap(part, x, y, cv2.INTER_NEAREST, borderValue=-1) == self.piece  # lids are thinner than _NEAR
        inside = (x > 1) & (x < w - 2) & (y > 1) & (y < h - 2) & (self.drawn.owner >= 0)
        a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        front = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < 0)[self.drawn.owner]
        shown = inside & front & own & (at[..., 2] < near + _NEAR) & ((far - near < _STEP) | edge)
        off = self.drawn.owner < 0  # what lies beside a chart is no reason to distrust its border
        clear = cv2.erode(((shown & ~edge) | off).astype(np.float32), np.ones((3, 3)))
        trust = cv2.GaussianBlur(clear, (0, 0), 1.5) * clear
        trust = np.where(shown, np.maximum(trust, _DOUBT), 0) * ~off
        return np.asarray(colour, np.float32), np.asarray(trust, np.float32)


def _flat(piece: Piece) -> Array:
    if piece.name in LASHES:
        return np.zeros((len(piece.triangles), 3, 3), np.float32)
    return np.concatenate([piece.uvs, np.zeros((*piece.uvs.shape[:2], 1))], -1).astype(np.float32)


def fill(colour: Array, known: Array) -> Floats:
    """Spread known colours over unknown texels, coarse to fine."""
    weight = known[..., None].astype(np.float32)
    if min(colour.shape[:2]) <= 2:
        total = max(float(weight.sum()), 1e-6)
        return np.broadcast_to((colour * weight).sum((0, 1)) / total, colour.shape).astype(np.float32)
    size = (-(-colour.shape[1] // 2), -(-colour.shape[0] // 2))
    small_weight = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(colour * weight, size, interpolation=cv2.INTER_AREA)
    small = small.reshape(*small.shape[:2], -1) / np.maximum(small_weight, 1e-6)[..., None]
    coarse = fill(small.astype(np.float32), np.minimum(small_weight * 4, 1))
    wide = cv2.resize(coarse, (colour.shape[1], colour.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray((colour * weight + wide.reshape(colour.shape) * (1 - weight)).astype(np.float32))
