"""Where every vertex is on the screen, of many faces: as :mod:`avatar.render.pose`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from avatar.face import EYE_RANGE, INDEX, FaceFrame
from avatar.pack import Pack
from avatar.render.limits import held
from avatar.render.pose import DEPTH_RANGE, FAR_OFF

_LOOKS: Final = [[INDEX[f"eyeLook{way}{side}"] for way in ("Out", "In", "Down", "Up")] for side in ("Left", "Right")]
_OUTWARD: Final = (1.0, -1.0)


@dataclass(frozen=True, slots=True)
class Posed:
    """n faces on the screen."""

    weights: Tensor
    """(n, 52)"""
    angles: Tensor
    """(n, 3)"""
    screen: Tensor
    """(n, vertices, 3) column, row and depth."""
    turn: Tensor
    """(n, 3, 3) and"""
    offset: Tensor
    """(n, 3): a point p of the head goes to ``turn @ p + offset``."""
    breath: Tensor
    lean: Tensor
    """(n,)"""
    balls: Tensor
    """(n, 2, 3) column, row and radius of the eyeballs, pixels."""


def rotation(angles: Tensor) -> Tensor:
    """(…, 3, 3) of (…, 3): :func:`avatar.render.pose.rotation_matrix`."""
    (cx, cy, cz), (sx, sy, sz) = torch.cos(angles).unbind(-1), torch.sin(angles).unbind(-1)
    rows = (
        (cy * cz + sy * sx * sz, -cy * sz + sy * sx * cz, sy * cx),
        (cx * sz, cx * cz, -sx),
        (-sy * cz + cy * sx * sz, sy * sz + cy * sx * cz, cy * cx),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


class Poser:
    def __init__(self, pack: Pack, left: int, top: int, device: torch.device) -> None:
        """(left, top): the drawn region's place on the canvas."""
        lens = pack.lens
        self.focal, self.distance, self.eye_y = lens.focal, lens.distance, lens.eye_y
        self.centre = (lens.centre_x - left, lens.centre_y - top)
        self._device = device

        def put(array: object) -> Tensor:
            return torch.as_tensor(np.asarray(array, np.float32), device=device)

        self._rest, self._follow, self._lean = put(pack.vertices), put(pack.follow)[:, None], put(pack.lean)
        self._breath, self._pivot = put(pack.breath), put(pack.pivot)
        deltas = np.zeros((len(pack.unit_starts) - 1, *pack.vertices.shape), np.float32)
        unit = np.repeat(np.arange(len(deltas)), np.diff(pack.unit_starts))
        np.add.at(deltas, (unit, pack.unit_indices), pack.unit_deltas)
        self._deltas = put(deltas.reshape(len(deltas), -1))
        self._spans, self._centres, self._radii = pack.eye_vertices, put(pack.eye_centres), put(pack.eye_radii)
        self._looks, self._outward = torch.tensor(_LOOKS, device=device), put(_OUTWARD)

    def pose(self, frames: Sequence[FaceFrame]) -> Posed:
        numbers = np.stack([held(frame) for frame in frames])
        given = torch.as_tensor(numbers).to(self._device, non_blocking=True)
        weights, angles, shift, (breath, lean) = (
            given[:, :-8],
            given[:, -8:-5],
            given[:, -5:-2],
            given[:, -2:].unbind(1),
        )
        turned = rotation(angles)
        one, none = torch.ones_like(lean), torch.zeros_like(lean)
        leaned = torch.stack([one, -lean, none, lean, one, none, none, none, one], -1).view(-1, 3, 3)
        turn = leaned @ turned
        offset = (leaned @ (self._pivot + shift - turned @ self._pivot)[..., None])[..., 0]
        points = self._rest + (weights @ self._deltas).view(len(frames), -1, 3)
        self._turn_eyes(points, weights)
        screen = self._project(self._moved(points, turned, shift, breath), lean)
        return Posed(weights, angles, screen, turn, offset, breath, lean, self._balls(turn, offset))

    def project(self, points: Tensor) -> Tensor:
        """(…, 2) column and row in the drawn region of points (…, 3) in metres."""
        scale = self.focal / (self.distance - points[..., 2])
        return torch.stack(
            [self.centre[0] + scale * points[..., 0], self.centre[1] - scale * (points[..., 1] - self.eye_y)], -1
        )

    def _turn_eyes(self, points: Tensor, weights: Tensor) -> None:
        out, into, down, up = weights[:, self._looks].unbind(-1)
        yaw, pitch = self._outward * (out - into), down - up
        turns = rotation(torch.stack([pitch, yaw, torch.zeros_like(yaw)], -1) * EYE_RANGE)
        for eye, (first, end) in enumerate(self._spans):
            centre = self._centres[eye]
            points[:, first:end] = centre + (points[:, first:end] - centre) @ turns[:, eye].mT

    def _moved(self, points: Tensor, turned: Tensor, shift: Tensor, breath: Tensor) -> Tensor:
        from_pivot = points - self._pivot
        motion = from_pivot @ turned.mT + shift[:, None] - from_pivot
        return points + self._follow * motion + breath[:, None, None] * self._breath

    def _project(self, points: Tensor, lean: Tensor) -> Tensor:
        x, y, z = points.unbind(-1)
        turn = lean[:, None] * self._lean
        depth = (-z).clamp(-DEPTH_RANGE, DEPTH_RANGE)
        scale = self.focal / (self.distance + depth).clamp(min=0.05)
        column = self.centre[0] + scale * (x - turn * y)
        row = self.centre[1] - scale * (y + turn * x - self.eye_y)
        return torch.stack([column.clamp(-FAR_OFF, FAR_OFF), row.clamp(-FAR_OFF, FAR_OFF), depth], -1)

    def _balls(self, turn: Tensor, offset: Tensor) -> Tensor:
        centres = self._centres @ turn.mT + offset[:, None]
        radii = self._radii * self.focal / (self.distance - centres[..., 2])
        return torch.cat([self.project(centres), radii[..., None]], -1)
