"""How light depends on the face: groups of coefficients for mouth, teeth, eyes and head."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.studio import inside, light, shots
from avatar.studio.base_mesh import Array
from avatar.studio.light import Group, Samples
from avatar.studio.person import Landmarks, Person
from avatar.studio.readback import Atlas
from avatar.studio.readings import Base, Readings, of_pieces


@dataclass(frozen=True, slots=True)
class _Kind:
    """A group of coefficients."""

    shots: str
    """Which pictures it is learnt from."""
    inside: bool | None
    """Whether it explains teeth and tongue, or all but them; None: everything."""
    rank: int
    sure: float
    """Share of its shots that must show a texel before its light is believed to follow them."""


KINDS: Final = (
    _Kind("mouth", False, 40, 0.12),
    _Kind("mouth", True, 20, 0.01),
    _Kind("eyes", False, 32, 0.03),
    _Kind("head", None, 8, 0.12),
)
"""Each explains what those before it leave."""
EYE_LEVELS: Final = 260.0
"""What a shade's factor weighs against a texel's levels: whites have about 170, and few cells show so much."""


def learn(
    atlas: Atlas, who: Person, readings: dict[str, Readings], base: Base, drawn: Array, say: Callable[[str], None]
) -> list[Group]:
    """The groups, in the order of :data:`KINDS`.

    ``drawn`` (T,) bool: what of the whole atlas ``readings`` hold.
    """
    done: list[Group] = []
    for kind in KINDS:
        done.append(_group(kind, _measure(kind.shots, who), atlas, readings[kind.shots], base, drawn, done, say))
    return done


def _measure(name: str, who: Person) -> Array:
    """(d, 55): how a group tells two faces apart."""
    if name == "head":
        measure = np.zeros((3, 55))
        measure[:, 52:] = np.eye(3)
        return measure
    marks, points = Landmarks.of(who), who.base.vertices
    if name == "mouth":
        weight, chosen = _near(points, marks.mouth, 0.018), shots.LOWER
    else:
        weight = np.sum([_near(points, marks.eye * (side, 1, 1), 0.016) for side in (1, -1)], 0)
        chosen = shots.UPPER | shots.SHARED
    return light.metric(who.units, weight, chosen.astype(float), 24)


def _near(points: Array, place: Array, size: float) -> Array:
    return np.asarray(np.exp(-(((points - place) / size) ** 2).sum(1)))


def _group(
    kind: _Kind, measure: Array, atlas: Atlas, reading: Readings, base: Base, drawn: Array, before: list[Group],
    say: Callable[[str], None],
) -> Group:  # fmt: skip
    theirs = of_pieces(atlas, inside.PIECES)[drawn]
    chosen = (reading.trust.max(0) > 0) & (np.True_ if kind.inside is None else theirs == kind.inside)
    place = np.flatnonzero(drawn)[chosen]
    residual = reading.values[:, chosen].astype(np.float32) - base.colours[place]
    eyed = reading.shades.shape[1] > 0
    shades = (reading.shades - base.shades) if eyed else reading.shades
    for group in before:
        c = group.coefficients(reading.faces).astype(np.float32)
        residual -= c @ group.components[:, place]
        if eyed:
            shades = shades - c @ group.shades
    trust = reading.trust[:, chosen].astype(np.float32)
    samples = Samples(
        reading.faces,
        np.concatenate([residual, shades * EYE_LEVELS], 1),
        np.concatenate([trust, reading.shade_trust], 1),
    )
    fit, name = (light.fit_hidden, "teeth and tongue") if kind.inside else (light.fit, kind.shots)
    lean = fit(samples, measure, kind.rank, say, name)
    components = np.zeros((len(lean.components), len(drawn)), np.float32)
    components[:, place] = lean.components[:, : len(place)]
    sure = np.zeros(len(drawn), bool)
    sure[place] = trust.sum(0) > max(2.0, kind.sure * len(trust))
    index, share = light.spread(sure, atlas.piece >= 0)
    others = drawn.copy()
    others[place] = False
    share[others] = 0
    found = np.zeros((len(components), len(base.shades)), np.float32)
    if eyed:
        found[:] = lean.components[:, len(place) :] / EYE_LEVELS
    return Group(lean.metric, lean.centres, lean.kernel, lean.linear, lean.limits, components[:, index] * share, found)
