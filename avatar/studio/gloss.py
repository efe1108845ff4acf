"""What wet eyes mirror, from pictures of them wet and dry between many lids."""

from dataclasses import dataclass
from itertools import product
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.colours import to_yuv
from avatar.studio import eyeballs, shots
from avatar.studio.base_mesh import Array
from avatar.studio.darkroom import Darkroom, Shot
from avatar.studio.eyeballs import Ball
from avatar.studio.geometry import screens
from avatar.studio.readback import Atlas, to_bytes
from avatar.studio.shots import Frame

Floats = npt.NDArray[np.float32]

SIDE: Final = 60
"""Of a catchlight's sprite, pixels."""
_CLEAR: Final = 12.0
"""Luma from which on a sprite says how much of it is left."""


@dataclass(frozen=True, slots=True)
class Gloss:
    """As :class:`avatar.pack.Pack` has it."""

    sprites: npt.NDArray[np.uint8]
    shade: tuple[float, float]
    bleach: float


def learn(
    room: Darkroom, atlas: Atlas, frame: Frame, bare: tuple[Array, Array], own: list[Floats],
    charts: list[tuple[int, ...]],
) -> Gloss:  # fmt: skip
    """``bare``: eyeballs without a face around them, wet and dry; ``own``: their colours over their ``charts``."""
    spec, who = room.studio.spec, room.studio.who
    sprites, seen = [], []
    for eye in range(2):
        x, y, _ = (float(v) for v in spec.camera.project(who.eye_centres[eye]))
        middle = (x - frame.face.x0 - 0.5, y - frame.face.y0 - 0.5)
        whole = cv2.getRectSubPix(_luma(bare[0]) - _luma(bare[1]), (SIDE, SIDE), middle)
        corner = (x - SIDE / 2 - frame.eyes.x0, y - SIDE / 2 - frame.eyes.y0)
        for k, (wet, dry) in enumerate(shots.mirrors(frame)):
            pictures = to_yuv(room.picture(wet)), to_yuv(room.picture(dry))
            mine = _mine(room, atlas, frame, wet, eye)
            if k == 0:
                sprites.append(_sprite(pictures[0][..., 0] - pictures[1][..., 0], mine, whole, corner))
            glimpse = eyeballs.glimpse(atlas, spec, who, wet.frame(), pictures[1], frame.eyes)[eye]
            shade, _ = eyeballs.shade_of(glimpse, own[eye], charts[eye])
            rows, columns = np.nonzero(cv2.erode(mine.astype(np.uint8), np.ones((3, 3))))
            ball = Ball.of(spec, who, eye, wet.frame())
            factor = eyeballs.read(shade, ball.places(columns + frame.eyes.x0 + 0.5, rows + frame.eyes.y0 + 0.5))
            at = np.stack([columns - corner[0], rows - corner[1]], -1).astype(np.float32)
            added, colour = (pictures[0] - pictures[1])[rows, columns, 0], pictures[1][rows, columns, 1:] - 128
            bleached = pictures[0][rows, columns, 1:] - 128
            seen.append((factor, eyeballs.read(sprites[eye], at), added, colour, bleached))
    factor, whole, added, colour, bleached = (np.concatenate(part) for part in zip(*seen, strict=True))
    return Gloss(
        np.stack([to_bytes(np.maximum(s, 0)) for s in sprites]), _left(factor, whole, added),
        _bleach(added, colour, bleached),
    )  # fmt: skip


def _luma(picture: Array) -> Floats:
    return np.ascontiguousarray(to_yuv(picture)[..., 0], np.float32)


def _mine(room: Darkroom, atlas: Atlas, frame: Frame, shot: Shot, eye: int) -> Array:
    """(h, w) bool: where a picture of the eyes shows one of them."""
    studio = room.studio
    seen = atlas.seen(screens(atlas.found, shot.frame(), studio.spec, studio.who.eye_centres), frame.eyes)
    piece = next(k for k, p in enumerate(atlas.found) if p.eye == eye)
    return np.asarray((seen.owner >= 0) & (atlas.owners[seen.owner] == piece))


def _sprite(added: Array, mine: Array, bare: Array, corner: tuple[float, float]) -> Floats:
    """(SIDE, SIDE) luma that lamps add to an eyeball, its first pixel at ``corner``, column and row of ``added``.

    ``mine`` (h, w) is where the eye is seen. What lids hide is taken from ``bare`` (SIDE, SIDE), what a ball without a
    face around it mirrors, in the share that is left of that where it is seen.
    """
    middle = (corner[0] + SIDE / 2 - 0.5, corner[1] + SIDE / 2 - 0.5)
    both = np.where(mine, added, 0).astype(np.float32), mine.astype(np.float32)
    shown, known = (cv2.getRectSubPix(a, (SIDE, SIDE), middle) for a in both)
    bright = (known > 0.99) & (bare > 4)
    share = float((shown * bare)[bright].sum() / max(float((bare * bare)[bright].sum()), 1e-6))
    return np.asarray(shown + (1 - known) * share * bare, np.float32)


def _left(factor: Array, sprite: Array, added: Array) -> tuple[float, float]:
    """From which factor of shade on, and until which, lamps are mirrored: what fits best."""
    bright = sprite > _CLEAR
    f, g, a = factor[bright], sprite[bright], added[bright]
    best, found = np.inf, (0.2, 0.6)
    for low, span in product(np.arange(0.0, 0.8, 0.05), (0.05, 0.1, 0.2, 0.3, 0.4, 0.6)):
        wrong = float((np.square(a - g * ((f - low) / span).clip(0, 1))).sum())
        if wrong < best:
            best, found = wrong, (float(low), float(low + span))
    return found


def _bleach(added: Array, dry: Array, wet: Array) -> float:
    """The share of chroma that a level of mirrored light takes, from chroma about grey (n, 2) of dry and wet eyes."""
    lit = added > _CLEAR
    lost, weight = ((dry - wet) * dry)[lit].sum(1) * added[lit], (dry * dry)[lit].sum(1) * added[lit] ** 2
    return float(np.clip(lost.sum() / max(float(weight.sum()), 1e-6), 0, 0.02))
