"""What no target of the base mesh does: parts of a head made larger, smaller or put elsewhere, a body made smaller.

Space itself is warped, and everything in it goes along: a face unit becomes the way from where a point comes to lie to
where it comes to lie when it has moved. So eyes half as large again still shut, and stay balls.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.errors import StudioError
from avatar.face import INDEX
from avatar.studio import person
from avatar.studio.base_mesh import Array, BaseMesh
from avatar.studio.motion import smooth
from avatar.studio.person import Landmarks, Person
from avatar.studio.spec import NECK_TOP, HostSpec, Region

NECK: Final = np.array([0.0, NECK_TOP, 0.02])
"""What a body is made smaller about: the top of the neck."""
_SLOPE: Final = 0.4
"""The border of head and body rises from the chin to the nape by this much a metre,"""
_BORDER: Final = (0.478, 0.535)
"""and between these heights, under the middle of the head, it runs."""
_MIDLINE: Final = 0.012
"""Metres beside the middle of the face within which what is done to one side ends."""
_LEAST: Final = 0.12
"""Of a volume, what must be left of it: less looks pleated, and nothing or below is folded over."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A region, and where its middle is."""

    region: Region
    middle: Array
    """(3,) metres, of the host's left one where there are two."""

    def __call__(self, points: Array) -> Array:
        region, out = self.region, points.copy()
        paired = bool(self.middle[0])
        for side in (1, -1) if paired else (1,):
            mirror = np.array([side, 1, 1])
            away = points - self.middle * mirror
            reach = np.linalg.norm(away / region.radii, axis=-1)
            share = 1 - smooth((reach - 1) / (region.fade - 1))
            if paired:
                share *= smooth(0.5 + 0.5 * side * points[:, 0] / _MIDLINE)
            out += share[:, None] * ((np.array(region.scale) - 1) * away + mirror * region.move)
        return out


def _placed(regions: Sequence[Region], marks: Landmarks) -> list[_Drawn]:
    """Each region where its landmark has come to lie by those before it."""
    out: list[_Drawn] = []
    found = np.stack([np.zeros(3), marks.mouth * (0, 1, 1), marks.eye])
    for region in regions:
        out.append(_Drawn(region, found[("origin", "mouth", "eyes").index(region.about)] + region.place))
        found[1:] = out[-1](found[1:])
    return out


def fitted(points: Array, body: float, share: Array | float = 1.0) -> Array:
    """Points (n, 3) of a person's body, where they lie on one of another size."""
    return np.asarray(points + np.asarray(share)[..., None] * (body - 1) * (points - NECK))


def _below(points: Array) -> Array:
    """(n,) in [0, 1]: how far points (n, 3) belong to the body."""
    height = points[:, 1] + _SLOPE * (points[:, 2] - NECK[2])
    return 1 - smooth((height - _BORDER[0]) / (_BORDER[1] - _BORDER[0]))


def sculpted(who: Person, spec: HostSpec) -> Person:
    """``who``, with what ``spec`` says beyond the targets of the base mesh.

    Raises:
        StudioError: a region folds the head over.
    """
    if not spec.sculpt and spec.body == 1 and spec.blink == 1:
        return who
    base, drawn = who.base, _placed(spec.sculpt, Landmarks.of(who))

    def head(points: Array) -> Array:
        for region in drawn:
            points = region(points)
        return points

    _refuse_folds(head, base.vertices)
    shift = person.EYES_AT - person.between_the_eyes(base, head(base.vertices))

    def warp(points: Array) -> Array:
        points = head(points) + shift  # before the body is fitted: clothes are cut for where that lies
        return points if spec.body == 1 else fitted(points, spec.body, _below(points))

    vertices, units = warp(base.vertices), who.units.copy()
    for side in ("Left", "Right"):
        units[INDEX[f"eyeBlink{side}"]] *= spec.blink
    for unit in units:
        unit[:] = warp(base.vertices + unit) - vertices if unit.any() else 0
    centres = person.place_eyeballs(base, who.reference, vertices)
    units[:, np.concatenate(who.eyes)] = 0
    return Person(BaseMesh(vertices, base.uvs, base.groups, base.data), who.reference, units, who.eyes, centres)


def _refuse_folds(head: Callable[[Array], Array], points: Array) -> None:
    step = 1e-4
    ways = np.stack([(head(points + step * axis) - head(points - step * axis)) / (2 * step) for axis in np.eye(3)], -1)
    left = np.linalg.det(ways)
    worst = int(left.argmin())
    if left[worst] < _LEAST:
        x, y, z = points[worst].round(3)
        raise StudioError(
            f"sculpt: the head is folded over, or nearly, at ({x}, {y}, {z}). Give regions that reach there a wider "
            "fade, a smaller move, or a scale nearer to 1"
        )
