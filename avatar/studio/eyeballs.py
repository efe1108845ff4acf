"""What an eyeball's own colours are, and what shade lids and lashes throw on it.

A picture shows the product of both (see :mod:`avatar.render.eyes`). The colours are read from bare eyeballs in even
light; what a picture shows in their place, divided by them, is its shade.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.colours import BLACK
from avatar.face import FaceFrame
from avatar.render.eyes import on_the_ball
from avatar.studio.base_mesh import Array
from avatar.studio.camera import Box
from avatar.studio.geometry import screens
from avatar.studio.motion import rotation_matrix
from avatar.studio.person import Person
from avatar.studio.readback import Atlas, fill
from avatar.studio.spec import HostSpec

Floats = npt.NDArray[np.float32]

ROWS, COLUMNS = 36, 50
"""Of a shade: about as fine as the screen."""
_EDGE: Final = 0.15
"""Trust in a pixel beside something else, which it shows some of."""
_CAST: Final = 14.0
"""Texels over which the cast of the light is evened out."""
_SMOOTH: Final = 0.8
"""Cells of a shade by which one picture's is smoothed."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What one picture shows of one eyeball."""

    texel: Floats
    """(n, 2) column and row in the atlas."""
    place: Floats
    """(n, 2) column and row in the shade."""
    colour: Floats
    """(n, 3) luma above black, and chroma about grey."""
    trust: Floats
    """(n,)"""


@dataclass(frozen=True, slots=True)
class Ball:
    """Where eyeballs are on the canvas, for a face frame."""

    centre: Array
    """(2,) pixels."""
    radius: float
    """Pixels."""
    turn: Array
    """(3, 3) the head's."""

    @classmethod
    def of(cls, spec: HostSpec, who: Person, eye: int, frame: FaceFrame) -> "Ball":
        turn, pivot = rotation_matrix(frame.rotation), np.array(spec.pivot)
        centre = turn @ (who.eye_centres[eye] - pivot) + pivot + frame.translation
        at = spec.camera.project(centre)
        return cls(at[:2], who.eye_radius(eye) * spec.camera.focal / float(at[2]), turn)

    def places(self, columns: Array, rows: Array) -> Floats:
        """(n, 2) column and row in a shade of pixels by their middles."""
        across, down = on_the_ball(
            columns.astype(np.float32), rows.astype(np.float32), self.centre, self.radius, self.turn
        )
        return np.stack([(across + 1) / 2 * (COLUMNS - 1), (down + 1) / 2 * (ROWS - 1)], -1).astype(np.float32)


def glimpse(
    atlas: Atlas, spec: HostSpec, who: Person, frame: FaceFrame, yuv: Floats, box: Box, *, bare: bool = False
) -> list[Glimpse]:
    """Both eyes in a picture of ``box``, (h, w, 3), left first; ``bare`` where nothing else is in it."""
    seen = atlas.seen(screens(atlas.found, frame, spec, who.eye_centres), box, balls_alone=bare)
    uvs = np.concatenate([p.uvs for p in atlas.found]).astype(np.float32)
    texels, out = seen.read(uvs), []
    owner = np.where(seen.owner >= 0, atlas.owners[seen.owner], -1)
    for eye in range(2):
        piece = next(k for k, p in enumerate(atlas.found) if p.eye == eye)
        mine = (owner == piece).astype(np.uint8)
        inner = cv2.erode(mine, np.ones((3, 3)))
        rows, columns = np.nonzero(mine)
        ball = Ball.of(spec, who, eye, frame)
        out.append(
            Glimpse(
                texels[rows, columns],
                ball.places(columns + box.x0 + 0.5, rows + box.y0 + 0.5),
                (yuv[rows, columns] - BLACK).astype(np.float32),
                np.where(inner[rows, columns] > 0, 1.0, _EDGE).astype(np.float32),
            )
        )
    return out


def own_colours(glimpses: list[Glimpse], chart: tuple[int, ...]) -> Floats:
    """(h, w, 3) Y'CbCr of one eyeball over its ``chart``, from glimpses in even light."""
    x0, y0, x1, y1 = chart
    total, weight = np.zeros((y1 - y0, x1 - x0, 3), np.float32), np.zeros((y1 - y0, x1 - x0, 1), np.float32)
    for one in glimpses:
        at = one.texel - (x0, y0) - 0.5
        _splat(total, at, one.colour * one.trust[:, None])
        _splat(weight, at, one.trust[:, None])
    return fill(total / np.maximum(weight, 1e-3), np.clip(weight[..., 0], 0, 1)) + BLACK


def true_chroma(own: Floats, glimpses: list[Glimpse], shades: list[Floats], chart: tuple[int, ...]) -> Floats:
    """An eyeball's colours with the cast that the lamps' light has, from what pictures show and their ``shades``.

    Even light is white. The cast is the same all over, or nearly, so it is taken from far around each texel.
    """
    x0, y0, x1, y1 = chart
    off, weight = np.zeros((y1 - y0, x1 - x0, 2), np.float32), np.zeros((y1 - y0, x1 - x0, 1), np.float32)
    for one, shade in zip(glimpses, shades, strict=True):
        at = one.texel - (x0, y0) - 0.5
        factor = read(shade, one.place)
        plain = np.stack([read(np.ascontiguousarray(own[..., k]), at) - 128 for k in (1, 2)], -1)
        # What is missed, per level of this texel's own luma: light with a cast adds it in proportion.
        luma = np.maximum(read(np.ascontiguousarray(own[..., 0]) - BLACK[0], at), 8)
        trust = one.trust * np.clip(factor, 0, 1) * (factor > 0.3)
        missed = (one.colour[:, 1:] / np.maximum(factor, 0.3)[:, None] - plain) / luma[:, None]
        _splat(off, at, missed * (trust * luma**2)[:, None])
        _splat(weight, at, (trust * luma**2)[:, None])
    wide = [cv2.GaussianBlur(a, (0, 0), _CAST) for a in (off, weight)]
    cast = wide[0] / np.maximum(wide[1].reshape(*weight.shape), 1e-3)
    out = own.copy()
    out[..., 1:] += cast * np.maximum(own[..., :1] - BLACK[0], 0)
    return out


def shade_of(one: Glimpse, own: Floats, chart: tuple[int, ...]) -> tuple[Floats, Floats]:
    """A picture's shade (ROWS, COLUMNS) of one eyeball with colours ``own`` over its ``chart``, and the trust in it."""
    if not len(one.trust):  # the lids are shut
        return np.ones((ROWS, COLUMNS), np.float32), np.zeros((ROWS, COLUMNS), np.float32)
    luma = read(np.ascontiguousarray(own[..., 0]) - BLACK[0], one.texel - chart[:2] - 0.5)
    total, weight, seen = (np.zeros((ROWS, COLUMNS, 1), np.float32) for _ in range(3))
    _splat(total, one.place, (one.colour[:, 0] * luma * one.trust)[:, None])
    _splat(weight, one.place, (luma * luma * one.trust)[:, None])
    _splat(seen, one.place, one.trust[:, None])
    bright = max(float(np.percentile(luma, 80)), 20.0) ** 2
    lit, known = (cv2.GaussianBlur(a[..., 0], (0, 0), _SMOOTH) for a in (total, weight))
    trust = np.clip(cv2.GaussianBlur(seen[..., 0], (0, 0), _SMOOTH) * 2, 0, 1)
    shade = fill((lit / np.maximum(known, 1e-3))[..., None], np.clip(known / bright * 4, 0, 1))[..., 0]
    return shade, np.asarray(trust, np.float32)


def read(plane: Floats, at: Floats) -> Floats:
    """(n,) a plane at (column, row), bilinear; none are asked for where lids are shut."""
    if not len(at):
        return np.zeros(0, np.float32)
    found = cv2.remap(
        plane, at[None, :, 0].astype(np.float32), at[None, :, 1].astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(found[0], np.float32)


def _splat(out: Floats, at: Floats, values: Floats) -> None:
    """Add ``values`` (n, c) to ``out`` (h, w, c) around (column, row), in the shares a bilinear reader would take."""
    h, w = out.shape[:2]
    x, y = at[:, 0].clip(0, w - 1.001), at[:, 1].clip(0, h - 1.001)
    i, j = x.astype(int), y.astype(int)
    fx, fy = x - i, y - j
    for dy, dx, share in ((0, 0, (1 - fx) * (1 - fy)), (0, 1, fx * (1 - fy)), (1, 0, (1 - fx) * fy), (1, 1, fx * fy)):
        np.add.at(out, (j + dy, i + dx), values * share[:, None])
