"""What the pictures of a bake say: the colour of each texel in each, and the shade of each eyeball."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.colours import to_yuv
from avatar.studio import eyeballs, inside, light
from avatar.studio.base_mesh import Array
from avatar.studio.darkroom import Darkroom, Shot
from avatar.studio.eyeballs import COLUMNS, ROWS, Glimpse
from avatar.studio.geometry import screens
from avatar.studio.inside import Inside
from avatar.studio.readback import Atlas, fill, halve

Floats = npt.NDArray[np.float32]

INNER: Final = (38.0, 124.0, 139.0)
"""Y'CbCr of what no picture shows: the depth of the mouth."""
SHADES: Final = 2 * ROWS * COLUMNS
"""Numbers of both eyeballs' shades."""
EYED: Final = ("eyes", "head", "rest")
"""Groups whose pictures show the eyes."""
Charts = list[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Readings:
    """What some shots say of the atlas, where a triangle of anything but an eyeball covers it, and of the eyes."""

    faces: Array
    """(n, 55) weights and rotation."""
    values: npt.NDArray[np.float16]
    """(n, T)."""
    trust: npt.NDArray[np.float16]
    """(n, T) in [0, 1]."""
    shades: Floats
    """(n, SHADES), or (n, 0) where no eye is seen."""
    shade_trust: Floats


@dataclass(frozen=True, slots=True)
class Base:
    """The host at rest."""

    own: list[Floats]
    """Each eyeball's own colours over its chart, Y'CbCr (h, w, 3)."""

    colours: Floats
    """(A · B · 3/2,) as :func:`avatar.studio.light.join` has them."""
    shades: Floats
    """(SHADES,)"""


def drawn(atlas: Atlas) -> Array:
    """(A · B · 3/2,) bool: luma and chroma texels that belong to triangles, but for those of eyeballs."""
    return of_pieces(atlas, [piece.name for piece in atlas.found if piece.eye is None])


def of_pieces(atlas: Atlas, names: Collection[str]) -> Array:
    """(A · B · 3/2,) bool: luma and chroma texels that belong to triangles of these pieces."""
    luma = np.isin(atlas.piece, [k for k, piece in enumerate(atlas.found) if piece.name in names])
    small = np.logical_or.reduce([luma[i::2, j::2] for i in (0, 1) for j in (0, 1)])
    return np.asarray(light.join(luma, np.repeat(small[..., None], 2, -1)) > 0)


def read(
    atlas: Atlas, room: Darkroom, taken: Mapping[str, list[Shot]], balls: list[Shot], charts: Charts, within: Array
) -> tuple[dict[str, Readings], Base]:
    """What each group of shots says, "rest" among them, and the host at rest.

    ``balls``: bare eyeballs in even light; ``charts``: theirs in the atlas; ``within``: what :func:`drawn` says.
    """
    spec, who = room.studio.spec, room.studio.who
    texels = {name: [_texels(atlas, room, shot, within) for shot in some] for name, some in taken.items()}
    glimpses = {
        name: [
            eyeballs.glimpse(atlas, spec, who, shot.frame(), to_yuv(room.picture(shot)), shot.box)
            for shot in taken[name]
        ]
        for name in EYED
    }
    bare = [
        eyeballs.glimpse(atlas, spec, who, shot.frame(), to_yuv(room.picture(shot)), shot.box, bare=True)
        for shot in balls
    ]
    own = [eyeballs.own_colours([one[eye] for one in bare], charts[eye]) for eye in range(2)]
    shades, trusts = _shades(glimpses, own, charts)
    every = [one for some in glimpses.values() for one in some]
    thrown = np.concatenate([shades[name] for name in glimpses]).reshape(-1, 2, ROWS, COLUMNS)
    own = [
        eyeballs.true_chroma(own[eye], [one[eye] for one in every], list(thrown[:, eye]), charts[eye])
        for eye in range(2)
    ]
    out = {}
    for name, some in taken.items():
        faces = np.array([np.concatenate([s.frame().weights, s.frame().rotation]) for s in some])
        values, trust = (np.stack(part) for part in zip(*texels[name], strict=True))
        nothing = np.zeros((len(some), 0), np.float32)
        out[name] = Readings(faces, values, trust, shades.get(name, nothing), trusts.get(name, nothing))
    hidden = Inside.of(of_pieces(atlas, inside.PIECES), within, atlas.shape)
    hidden.clean([one.values for one in out.values()], [one.trust for one in out.values()])
    colours = _colours(atlas, out, within)
    luma, chroma = light.split(colours, atlas.shape)
    for ball, (x0, y0, x1, y1) in zip(own, charts, strict=True):
        luma[y0:y1, x0:x1] = ball[..., 0]
        small = halve(np.pad(ball[..., 1:], ((y0 % 2, y1 % 2), (x0 % 2, x1 % 2), (0, 0)), mode="edge"))
        chroma[y0 // 2 : y0 // 2 + len(small), x0 // 2 : x0 // 2 + small.shape[1]] = small
    return out, Base(own, light.join(luma, chroma), _resting(out))


def _texels(
    atlas: Atlas, room: Darkroom, shot: Shot, within: Array
) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]:
    at = screens(atlas.found, shot.frame(), room.studio.spec, room.studio.who.eye_centres)
    colour, trust = atlas.read(at, to_yuv(room.picture(shot)), shot.box)
    trust = np.clip(trust * 1.5, 0, 1)
    # Chroma texels are trusted as far as the least of their four.
    small = np.minimum.reduce([trust[i::2, j::2] for i in (0, 1) for j in (0, 1)])
    return (
        light.join(colour[..., 0], halve(colour[..., 1:]))[within].astype(np.float16),
        light.join(trust, np.repeat(small[..., None], 2, -1))[within].astype(np.float16),
    )


def _shades(
    glimpses: dict[str, list[list[Glimpse]]], own: list[Floats], charts: Charts
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Each group's shades and the trust in them, (n, SHADES)."""
    shades, trusts = {}, {}
    for name, some in glimpses.items():
        pairs = [
            [eyeballs.shade_of(one, ball, chart) for one, ball, chart in zip(both, own, charts, strict=True)]
            for both in some
        ]
        shades[name] = np.array([[shade for shade, _ in pair] for pair in pairs], np.float32).reshape(-1, SHADES)
        trusts[name] = np.array([[trust for _, trust in pair] for pair in pairs], np.float32).reshape(-1, SHADES)
    return shades, trusts


def _resting(readings: dict[str, Readings]) -> Floats:
    """Shades at rest; where rest shows nothing, their mean over the faces that do."""
    rest = readings["rest"]
    others = [r for name, r in readings.items() if r.shades.shape[1] and name != "rest"]
    total = sum(((r.shades * r.shade_trust).sum(0) for r in others), np.zeros(SHADES, np.float32))
    weight = sum((r.shade_trust.sum(0) for r in others), np.zeros(SHADES, np.float32))
    known = np.clip(weight / 3, 0, 1) * (1 - rest.shade_trust[0])
    mixed = rest.shades[0] + known * (total / np.maximum(weight, 1e-3) - rest.shades[0])
    sure = np.maximum(rest.shade_trust[0], known).reshape(2, ROWS, COLUMNS)
    pages = mixed.reshape(2, ROWS, COLUMNS, 1)
    return np.stack([fill(page, trust) for page, trust in zip(pages, sure, strict=True)]).ravel().astype(np.float32)


def _colours(atlas: Atlas, readings: dict[str, Readings], within: Array) -> Floats:
    """(A · B · 3/2,): the colours at rest; where rest hides a texel, its mean over the faces that show it."""
    rest = readings["rest"]
    total, weight = (np.zeros(rest.values.shape[1], np.float32) for _ in range(2))
    for name, reading in readings.items():
        if name != "rest":
            for values, trust in zip(reading.values, reading.trust, strict=True):
                total += values.astype(np.float32) * trust
                weight += trust
    other = total / np.maximum(weight, 1e-3)
    first = rest.trust[0].astype(np.float32)
    page, sure = np.zeros(len(within), np.float32), np.zeros(len(within), np.float32)
    page[within] = other + first * (rest.values[0] - other)
    sure[within] = np.maximum(first, np.clip(weight / 3, 0, 1))
    luma, chroma = light.split(page, atlas.shape)
    sure_luma, sure_chroma = light.split(sure, atlas.shape)
    done_luma = _complete(luma[..., None], sure_luma, atlas.chart, atlas, INNER[:1])
    done_chroma = _complete(chroma, sure_chroma[..., 0], atlas.chart[::2, ::2], atlas, INNER[1:])
    return light.join(done_luma[..., 0], done_chroma)


def _complete(page: Array, known: Array, charts: Array, atlas: Atlas, otherwise: tuple[float, ...]) -> Array:
    """Fill what is not known of a chart from that chart alone, and the gutters from the nearest chart."""
    out = np.zeros_like(page)
    for chart in range(atlas.chart.max() + 1):
        mine = charts == chart
        rows, columns = np.flatnonzero(mine.any(1)), np.flatnonzero(mine.any(0))
        if len(rows) == 0:
            continue
        window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        inside = mine[window]
        if (known[window] * inside).max() < 0.2:
            out[window][inside] = otherwise
        else:
            three = np.tile(page[window], 3)[..., :3]
            filled = fill(three * inside[..., None], known[window] * inside)[..., : page.shape[-1]]
            out[window][inside] = filled[inside]
    return out.reshape(-1, page.shape[-1])[atlas.nearest(charts >= 0)].reshape(out.shape)
