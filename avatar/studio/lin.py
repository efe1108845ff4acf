"""Lin (林), the first host: who she is, her hair, her clothes, her light."""

from dataclasses import dataclass

import bpy  # type: ignore[import-not-found,unused-ignore]
import numpy as np
from mathutils import Vector  # type: ignore[import-not-found,unused-ignore]
from mathutils.bvhtree import BVHTree  # type: ignore[import-not-found,unused-ignore]

from avatar.face import INDEX
from avatar.studio import scene, wardrobe
from avatar.studio.base_mesh import Array, BaseMesh
from avatar.studio.camera import Camera
from avatar.studio.hair import Bob, Brow, brow_hairs, grow, multiply, roots
from avatar.studio.scene import Lamp, Part, Surface, from_blender, to_blender

NAME, TITLE = "lin", "林 Lin"
CAMERA = Camera(1920, 1080, focal=6600.0, distance=2.8, eye_y=0.56, centre_y=418.0)
IDENTITY = {
    "macrodetails/asian-female-young": 1.0,
    "macrodetails/universal-female-young-averagemuscle-averageweight": 1.0,
    "eyes/l-eye-scale-incr": 0.45,
    "eyes/r-eye-scale-incr": 0.45,
    "mouth/mouth-upperlip-height-decr": 0.35,
    "mouth/mouth-lowerlip-height-decr": 0.30,
    "head/head-scale-vert-decr": 0.30,
    "nose/nose-scale-horiz-decr": 0.15,
    "chin/chin-width-decr": 0.30,
}
SMILE = 0.10
"""How much of a smile her face at rest has."""
JACKET, BLOUSE = (0.018, 0.024, 0.045), (0.72, 0.69, 0.64)
CUT_Y, HEAD_Y = 0.405, 0.470
"""Below the first nothing follows the head; above the second everything does."""
LASHES = 0.45
"""How much of the base mesh's lashes is kept."""
SEAM = (537, 540)
"""Vertices of the base mesh where the lips face each other, upper and lower."""
PIVOT = (0.0, 0.515, 0.02)
TARGET = np.array([0.0, 0.55, 0.08])
LAMPS = (
    Lamp((-0.9, 0.65, 1.3), 0.8, 21, (1.0, 0.96, 0.91)),
    Lamp((1.3, 0.1, 1.1), 1.3, 6, (0.88, 0.94, 1.0)),
    Lamp((0.0, -0.6, 1.0), 0.9, 2, (1.0, 0.95, 0.92)),
    Lamp((0.7, 0.6, -0.9), 0.6, 7, (1.0, 1.0, 1.0)),
    Lamp((-0.8, 0.5, -0.9), 0.6, 4, (0.95, 0.97, 1.0)),
)
WORLD = (0.10, 0.105, 0.115)
HAIR = Bob(crown=(0.0, 0.592, 0.03), part_x=0.022, end_y=0.470, strands=4500, children=7)
HAIR_COLOUR = (0.012, 0.007, 0.005)
BROW_COLOUR = (0.022, 0.013, 0.010)
BROW = Brow(
    (
        (0.0125, 0.5985, 0.0016),
        (0.022, 0.6005, 0.0020),
        (0.034, 0.6030, 0.0018),
        (0.044, 0.6020, 0.0012),
        (0.0515, 0.5980, 0.0004),
    )
)
LOWER_TEETH = np.array([0.0, -0.0075, 0.001])
"""The base mesh hides its upper teeth too high behind the lip."""
EYES = ("helper-l-eye", "helper-r-eye")
UPPER_LASHES = ("helper-l-eyelashes-2", "helper-r-eyelashes-2")
TEETH = ("helper-upper-teeth", "helper-lower-teeth")


@dataclass(frozen=True, slots=True)
class Person:
    """The base mesh made into her: at rest, and what each face unit adds."""

    base: BaseMesh
    units: Array
    """(52, n, 3) metres."""

    def posed(self, **weights: float) -> Array:
        out = self.base.vertices.copy()
        for name, weight in weights.items():
            out += weight * self.units[INDEX[name]]
        return out


def person(base: BaseMesh) -> Person:
    vertices = base.vertices.copy()
    for name, weight in IDENTITY.items():
        vertices += weight * base.target(f"mpfb2/targets/{name}.target.gz")
    vertices = close_lips(vertices)
    for side in ("Left", "Right"):
        vertices += SMILE * base.face_unit(f"mouthSmile{side}")
    upper = np.array(sorted({v for f in base.groups[TEETH[0]] for v, _ in f}))
    vertices[upper] += LOWER_TEETH
    vertices = lower_arms(vertices)
    units = base.face_units()
    shorten_lashes(vertices, units, base)
    return Person(BaseMesh(vertices, base.uvs, base.groups, base.data), units)


def close_lips(vertices: Array) -> Array:
    """The base mesh stands with its lips a hair apart: bring them together where they face each other."""
    x, y, z = vertices.T
    near = np.exp(-((x / 0.024) ** 6)) * ((z - 0.105) / 0.012).clip(0, 1)
    seam = vertices[list(SEAM), 1].mean()
    below = np.where(y < seam, np.exp(-(((seam - y) / 0.006) ** 2)), 0.0)
    above = np.where(y >= seam, np.exp(-(((y - seam) / 0.005) ** 2)), 0.0)
    out = vertices.copy()
    out[:, 1] += near * (0.0007 * below - 0.0004 * above)
    return out


def shorten_lashes(vertices: Array, units: Array, base: BaseMesh) -> None:
    """The base mesh's lashes are broad blades: draw them in towards the lid, at rest and wherever it goes."""
    lashes = np.array(sorted({v for g in UPPER_LASHES for f in base.groups[g] for v, _ in f}))
    skin = np.array(sorted({v for f in base.groups["body"] for v, _ in f}))
    skin = skin[(vertices[skin, 2] > 0.08) & (vertices[skin, 1] > 0.5)]
    lid = skin[np.linalg.norm(vertices[lashes][:, None] - vertices[skin][None], axis=-1).argmin(1)]
    for field in (vertices, *units):
        field[lashes] = field[lid] + LASHES * (field[lashes] - field[lid])


def lower_arms(vertices: Array) -> Array:
    """The base mesh holds its arms away: let them hang."""
    out = vertices.copy()
    for side in (1, -1):
        pivot = np.array([side * 0.150, 0.365])
        reach = (side * vertices[:, 0] - 0.125) / 0.07
        angle = -side * np.radians(34) * _smooth(reach) * (vertices[:, 1] < 0.46)
        dx, dy = vertices[:, 0] - pivot[0], vertices[:, 1] - pivot[1]
        turned = (
            np.stack([np.cos(angle) * dx - np.sin(angle) * dy, np.sin(angle) * dx + np.cos(angle) * dy], -1) + pivot
        )
        mine = side * vertices[:, 0] > 0.1
        out[mine, :2] = turned[mine]
    return out


def _smooth(t: Array) -> Array:
    t = t.clip(0, 1)
    return np.asarray(t * t * (3 - 2 * t))


class Skin:
    """The skin at rest as something to grow on."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        points = to_blender(surface.vertices.astype(float))
        self._tree = BVHTree.FromPolygons(points.tolist(), surface.triangles.tolist())

    def nearest(self, points: Array) -> tuple[Array, Array]:
        found = [self._tree.find_nearest(p)[:2] for p in to_blender(points).tolist()]
        on, normal = (np.array([f[k] for f in found]) for k in (0, 1))
        return from_blender(on), from_blender(normal)

    def onto(self, flat: Array) -> Array:
        """Lay front-view points (n, 2) on the skin, a quarter of a millimetre above it."""
        out = []
        for x, y in flat:
            hit, normal, _, _ = self._tree.ray_cast(Vector((x, -1.0, y)), Vector((0, 1, 0)))
            out.append(hit + normal * 0.00025 if hit else Vector((x, 0, y)))
        return from_blender(np.array(out))


class Studio:
    """Her, on the set. ``show`` says what the camera sees; what it does not see still casts shadows."""

    def __init__(self, who: Person) -> None:
        scene.reset()
        base, data = who.base, who.base.data
        rest = base.vertices
        faces = [f for f in base.groups["body"] if all(rest[v, 1] > 0.05 for v, _ in f)]
        self.skin = Part(
            "skin", base, faces, scene.skin(data, (0.66, 0.41, 0.30), (0.50, 0.14, 0.13), (0.25, 0.05, 0.05)), 2
        )
        self.eyes = [self._eye(base, group) for group in EYES]
        self.teeth = Part(
            "teeth",
            base,
            [f for g in TEETH for f in base.groups[g]],
            scene.principled("teeth", (0.86, 0.82, 0.74), 0.2, subsurface=0.1),
            1,
        )
        self.tongue = Part(
            "tongue",
            base,
            base.groups["helper-tongue"],
            scene.principled("tongue", (0.55, 0.2, 0.2), 0.35, subsurface=0.2),
            1,
        )
        self.lashes = Part(
            "lashes",
            base,
            [f for g in UPPER_LASHES for f in base.groups[g]],
            scene.principled("lashes", (0.015, 0.011, 0.01), 0.6),
            1,
        )
        self.parts = [self.skin, *self.eyes, self.teeth, self.tongue, self.lashes]
        bpy.context.view_layer.update()
        ground = Skin(self.skin.surface(1))
        rng = np.random.default_rng(HAIR.seed)
        start = roots(HAIR, ground.surface.vertices.astype(float), ground.surface.triangles, rng)
        self.hair_points = multiply(HAIR, grow(HAIR, start, ground.nearest, rng), rng)
        self.hair = scene.strands("hair", self.hair_points, 0.00011, HAIR_COLOUR)
        brows = np.concatenate([brow_hairs(BROW, side, ground.onto) for side in (1, -1)])
        self.brows = scene.strands("brows", brows, 0.00007, BROW_COLOUR, 0.5)
        self.clothes = self._clothes(base)
        self.backdrop = scene.backdrop(scene.picture("office", wardrobe.office(960, 540)), CAMERA, 5.5)
        scene.place_camera(CAMERA)
        scene.light(LAMPS, TARGET, WORLD)
        bpy.context.view_layer.update()

    def _eye(self, base: BaseMesh, group: str) -> Part:
        points = base.vertices[sorted({v for f in base.groups[group] for v, _ in f})]
        centre, radius = (points.max(0) + points.min(0)) / 2, np.ptp(points[:, 0]) / 2
        return Part(group, base, base.groups[group], scene.iris(group, centre, radius), 2)

    def _clothes(self, base: BaseMesh) -> list[bpy.types.Object]:
        faces = [f for f in base.groups["helper-tights"] if all(base.vertices[v, 1] > 0.05 for v, _ in f)]
        frame = (wardrobe.LEFT, wardrobe.RIGHT, wardrobe.BOTTOM, wardrobe.TOP)
        cloth = scene.garment("suit", scene.picture("garment", wardrobe.garment()), frame, JACKET, BLOUSE)
        suit = Part("suit", base, faces, cloth, 3)
        push = suit.object.modifiers.new("offset", "DISPLACE")
        push.strength, push.mid_level = 0.010, 0
        return [suit.object]

    def named(self) -> dict[str, list[bpy.types.Object]]:
        """What a plate can name."""
        return {
            "skin": [self.skin.object],
            "brows": [self.brows],
            "eyes": [e.object for e in self.eyes],
            "teeth": [self.teeth.object],
            "tongue": [self.tongue.object],
            "hair": [self.hair],
            "clothes": self.clothes,
            "backdrop": [self.backdrop],
        }

    def pose(self, vertices: Array) -> None:
        for part in self.parts:
            part.pose(vertices)

    def cut(self, height: float = scene.NO_CUT) -> None:
        """Hide the skin above a height from the camera."""
        self.skin.object.data.materials[0].node_tree.nodes["cut"].outputs[0].default_value = height

    def show(self, *seen: bpy.types.Object, holdout: tuple[bpy.types.Object, ...] = ()) -> None:
        for ob in bpy.context.scene.objects:
            if ob.type not in {"MESH", "CURVES"}:
                continue
            ob.visible_camera = ob in seen or ob in holdout
            ob.is_holdout = ob in holdout
