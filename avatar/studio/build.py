"""From a host's spec to its pack: photograph, read back, learn the light, assemble."""

from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar.face import ARKIT, FaceFrame
from avatar.pack import Pack
from avatar.studio import learn, light, mesh, person, readings, shots
from avatar.studio.assemble import Skin, assemble
from avatar.studio.base_mesh import Array, load_base_mesh
from avatar.studio.camera import Box
from avatar.studio.darkroom import Darkroom, Shot
from avatar.studio.geometry import screens
from avatar.studio.piece import Piece
from avatar.studio.readback import Atlas
from avatar.studio.sculpt import sculpted
from avatar.studio.shots import Frame
from avatar.studio.spec import HostSpec
from avatar.studio.studio import Studio

COMPONENTS: Final = 4500
"""Of blocks of the atlas; each costs 384 bytes and 0.05 µs a picture."""
Progress = Callable[[str, list[Shot]], Iterable[Shot]]


def photograph(room: Darkroom, frame: Frame, counts: tuple[int, int, int], progress: Progress) -> None:
    """Take every picture that a pack needs and is not there yet, a fair share of each kind at any time."""
    mixed = _shuffle(list(shots.bake(frame, counts).values()))
    pairs = [shot for pair in shots.mirrors(frame) for shot in pair]
    for shot in progress("plates", [*shots.plates(frame).values(), *shots.balls(frame), *pairs]):
        room.picture(shot)
    for shot in progress("faces", mixed):
        room.picture(shot)


def _shuffle(lists: list[list[Shot]]) -> list[Shot]:
    """All lists as one, each evenly through the whole."""
    placed = [((k + 0.5) / len(one), shot) for one in lists for k, shot in enumerate(one)]
    return [shot for _, shot in sorted(placed, key=lambda pair: pair[0])]


def develop(room: Darkroom, frame: Frame, counts: tuple[int, int, int], say: Callable[[str], None]) -> Pack:
    """The pack, from pictures that are there; faces not photographed yet are left out."""
    studio = room.studio
    flat = shots.plates(frame)
    plates = {name: room.picture(shot) for name, shot in flat.items()}
    found = _surface(studio, frame, plates["body"])
    shape, charts = mesh.lay_out(found, studio.spec.camera, studio.who)
    say(f"mesh of {sum(len(p.triangles) for p in found)} triangles, atlas of {shape[1]} x {shape[0]}")
    atlas = Atlas.of(found, shape)
    bake = shots.bake(frame, counts)
    taken = {name: [s for s in some if room.path(s).exists()] for name, some in bake.items()}
    drawn = readings.drawn(atlas)
    read, base = readings.read(atlas, room, taken | {"rest": [flat["rest"]]}, shots.balls(frame), charts, drawn)
    groups = learn.learn(atlas, studio.who, read, base, drawn, say)
    cut = light.blocks(groups, shape, COMPONENTS)
    say(f"{len(cut.places)} blocks follow the face, {len(cut.ids)} components")
    return assemble(room, frame, plates, Skin(atlas, charts, base, groups, cut))


def _surface(studio: Studio, frame: Frame, body: Array) -> list[Piece]:
    spec = studio.spec
    found = mesh.pieces(studio, spec.camera)
    region = Box(frame.head.x0, frame.head.y0, frame.head.x1, frame.head.y1 + 100)
    hidden = np.zeros((spec.camera.height, spec.camera.width), np.uint8)
    hidden[frame.body.y0 : frame.body.y1, frame.body.x0 : frame.body.x1] = body[..., 3] > 0.99
    always = np.asarray(cv2.erode(hidden, np.ones((9, 9)))[region.y0 : region.y1, region.x0 : region.x1] > 0)
    tried = [screens(found, face, spec, studio.who.eye_centres) for face in _poses()]
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


def studio_of(spec: HostSpec, data: Path, cache: Path) -> Studio:
    """``data``: the base mesh, unpacked; ``cache``: a folder of this host's own."""
    made = person.make(load_base_mesh(data), spec.targets(), spec.smile, spec.lashes)
    return Studio(spec, sculpted(made, spec), cache)
