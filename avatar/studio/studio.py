"""The host on the set: everything that casts light, shade or an image, and what is posed."""

from pathlib import Path

import bpy
import cv2
import numpy as np
from mathutils import Matrix, Vector
from mathutils.bvhtree import BVHTree
from scipy.spatial import cKDTree

from avatar.face import ARKIT, FaceFrame
from avatar.studio import hair, materials, paint, person, scene, wardrobe
from avatar.studio.base_mesh import Array
from avatar.studio.motion import rotation_matrix, smooth
from avatar.studio.person import Person
from avatar.studio.scene import Part, Surface, from_blender, to_blender
from avatar.studio.spec import HostSpec

EVEN = 0.55
"""Radiance of even light: white eyes come out as bright as under the lamps."""


class Ground:
    """The skin at rest as something to lay hairs on."""

    def __init__(self, surface: Surface) -> None:
        points = to_blender(surface.vertices.astype(float))
        self._tree = BVHTree.FromPolygons(points.tolist(), surface.triangles.tolist())

    def onto(self, flat: Array) -> Array:
        """Lay front-view points (n, 2) on the skin, a quarter of a millimetre above it."""
        out = []
        for x, y in flat:
            hit, normal, _, _ = self._tree.ray_cast(Vector((x, -1.0, y)), Vector((0, 1, 0)))
            out.append(hit + normal * 0.00025 if hit else Vector((x, 0, y)))
        return from_blender(np.array(out))


def lash_mask(width: int, height: int, hairs: int, upper: bool, liner: float) -> Array:
    """(h, w, 3) opacity of a lid's hairs on their card; the root is the first row.

    ``liner``: the share of an upper lid's card that is drawn solid along the roots.
    """
    rng = np.random.default_rng(11)
    scale = 4
    image = np.zeros((height * scale, width * scale), np.uint8)
    for k in range(hairs):
        x = (k + rng.uniform(-0.3, 0.3)) / hairs
        long_ = (
            (0.98 if upper else 0.75) * rng.uniform(0.72, 1.0) * (0.55 + 0.45 * np.sin(np.pi * min(1, x * 0.9 + 0.15)))
        )
        tip = x + rng.normal(0, 0.010) + 0.05 * (x - 0.45)
        t = np.linspace(0, 1, 10)
        xs = x + (tip - x) * t**1.6
        for j in range(9):
            a = (int(xs[j] * width * scale), int(t[j] * long_ * height * scale))
            b = (int(xs[j + 1] * width * scale), int(t[j + 1] * long_ * height * scale))
            thick = max(1, round(scale * (2.2 if upper else 1.3) * (1 - t[j]) ** 0.7))
            cv2.line(image, a, b, 255, thick, cv2.LINE_AA)
    if upper:
        image[: int(liner * height * scale)] = 255
    out = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    return np.repeat(out[..., None], 3, -1)


class Studio:
    """One host, posed by face weights and head motion. ``show`` says what the camera sees."""

    def __init__(self, spec: HostSpec, who: Person, cache: Path) -> None:
        """``cache``: where what takes long is kept."""
        scene.reset()
        self.spec, self.who = spec, who
        base, data = who.base, who.base.data
        rest = base.vertices
        ears = who.ears()
        faces = [f for f in base.groups["body"] if all(rest[v, 1] > spec.bottom for v, _ in f)]
        self.skin = Part("skin", base, faces, self._skin(data), 2)
        self.skin.attribute(
            "scalp",
            0.92
            * smooth(hair.inside_hairline(who.reference, spec.hair.receding) / 9)
            * (rest[:, 1] > 0.5)
            * (ears < 0.2),
        )
        self.skin.attribute("reference", to_blender(who.reference))
        for name, values in paint.masks(who.reference, ears).items():
            self.skin.attribute(name, values)
        self.eyes = [self._eye(group) for group in person.EYES]
        self.teeth = Part("teeth", base, [f for g in person.TEETH for f in base.groups[g]], materials.teeth(), 1)
        self.teeth.attribute("reference", to_blender(who.reference))
        self.tongue = Part("tongue", base, base.groups["helper-tongue"], materials.tongue(), 1)
        self.tongue.attribute("reference", to_blender(who.reference))
        self.lashes = [self._lash("upper", person.UPPER_LASHES), self._lash("lower", person.LOWER_LASHES)]
        self.parts = [self.skin, *self.eyes, self.teeth, self.tongue, *self.lashes]
        bpy.context.view_layer.update()
        self._grow(ears)
        self.clothes = wardrobe.dress(base, spec.clothes, spec.body, spec.bottom, cache)
        scene.place_camera(spec.camera)
        scene.light(spec.lamps, np.array(spec.target), spec.world)
        bpy.context.view_layer.update()

    def _skin(self, data: Path) -> bpy.types.Material:
        spec = self.spec
        if spec.finish == "toy":
            return materials.toy(data, spec.tone, spec.lips, spec.hair.colour)
        return materials.skin(data, spec.tone, spec.lips, spec.hair.colour, spec.beard)

    def _eye(self, group: str) -> Part:
        base = self.who.base
        eye = person.EYES.index(group)
        centre = self.who.eye_centres[eye]
        stuff = materials.eye(group, centre, self.who.eye_radius(eye), self.spec.iris, self.spec.iris_size)
        part = Part(group, base, base.groups[group], stuff, 1)
        part.attribute("rest", to_blender(base.vertices))
        return part

    def _lash(self, name: str, groups: tuple[str, str]) -> Part:
        mask = materials.picture(
            name, lash_mask(512, 64, 95 if name == "upper" else 60, name == "upper", self.spec.liner)
        )
        faces = [f for g in groups for f in self.who.base.groups[g]]
        part = Part(name, self.who.base, faces, materials.lash(name, mask), 1)
        layer = part.object.data.uv_layers[0].data
        flat = np.empty(len(layer) * 2, np.float32)
        layer.foreach_get("uv", flat)
        uvs = flat.reshape(-1, 2)
        corners = [v for f in faces for v, _ in f]
        for sign in (1, -1):
            mine = np.array([sign * self.who.base.vertices[v, 0] > 0 for v in corners])
            low, high = uvs[mine].min(0), uvs[mine].max(0)
            uvs[mine] = (uvs[mine] - low) / (high - low)
        layer.foreach_set("uv", uvs.ravel())
        return part

    def _grow(self, ears: Array) -> None:
        spec = self.spec
        surface = self.skin.surface(1)
        ground = Ground(surface)
        vertices = surface.vertices.astype(float)
        whole = self.who.base.vertices[self.skin.indices]
        nearest = cKDTree(whole).query(vertices)[1]
        near, reference = ears[self.skin.indices][nearest], self.who.reference[self.skin.indices][nearest]
        rng = np.random.default_rng(spec.hair.seed)
        skull = hair.Skull(vertices, near)
        start, _ = hair.roots(spec.hair, vertices, reference, surface.triangles, near, rng)
        grown = hair.grow(spec.hair, start, skull, rng)
        self.hair_points = hair.multiply(grown, spec.hair.children, 0.0013, rng)
        self.hair = self._dyed(rng)
        self._brow_rest = np.concatenate([hair.brow_hairs(spec.brow, side, ground.onto) for side in (1, -1)])
        self._brow_units = self._bound(self._brow_rest[:, 0])
        stuff = materials.strand("brows", spec.brow.colour, 0.5)
        self.brows = scene.strands("brows", self._brow_rest, spec.brow.radius, stuff)

    def _dyed(self, rng: np.random.Generator) -> list[bpy.types.Object]:
        wanted, points = self.spec.hair, self.hair_points
        grey = rng.random(len(points)) < wanted.grey if wanted.grey else np.zeros(len(points), bool)
        return [
            scene.strands(name, points[some], wanted.radius, materials.strand(name, colour, wanted.gloss))
            for name, colour, some in (("hair", wanted.colour, ~grey), ("grey", wanted.grey_colour, grey))
            if some.any()
        ]

    def _bound(self, roots: Array) -> Array:
        """(52, n, 3): what each face unit adds to the skin, subdivided as in the render, beneath each point at rest."""
        rest = self.skin.surface().vertices
        distance, near = cKDTree(rest).query(roots, 4)
        share = 1 / (distance + 1e-5)
        share /= share.sum(1, keepdims=True)
        out = np.zeros((len(ARKIT), len(roots), 3))
        base = self.who.base.vertices
        brows = (np.abs(base[:, 0]) < 0.07) & (np.abs(base[:, 1] - roots[:, 1].mean()) < 0.02) & (base[:, 2] > 0.06)
        for k, unit in enumerate(self.who.units):
            if np.abs(unit[brows]).max() > 2e-5:
                self.skin.pose(base + unit)
                moved = self.skin.surface().vertices - rest
                out[k] = (moved[near] * share[..., None]).sum(1)
        self.skin.pose(base)
        return out

    def named(self) -> dict[str, list[bpy.types.Object]]:
        """What a picture can name."""
        return {
            "skin": [self.skin.object],
            "brows": [self.brows],
            "eyes": [e.object for e in self.eyes],
            "teeth": [self.teeth.object],
            "tongue": [self.tongue.object],
            "lashes": [p.object for p in self.lashes],
            "hair": self.hair,
            "clothes": self.clothes,
        }

    def pose(self, frame: FaceFrame) -> None:
        """Face and head as the frame says; the body stays at rest."""
        weights = frame.weights.astype(float)
        turn = rotation_matrix(frame.rotation).astype(float)
        for part in self.parts:
            part.pose(self.turned(self.who.posed(weights), turn, frame.translation))
        brows = self._brow_rest + np.tensordot(weights, self._brow_units, 1)[:, None]
        flat = self.turned(brows.reshape(-1, 3), turn, frame.translation)
        self.brows.data.points.foreach_set("position", to_blender(flat).astype(np.float32).ravel())
        self.brows.data.update_tag()
        pivot = np.array(self.spec.pivot)
        rigid = np.eye(4)
        axes = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)
        rigid[:3, :3] = axes @ turn @ axes.T
        rigid[:3, 3] = axes @ (pivot + frame.translation - turn @ pivot)
        for one in self.hair:
            one.matrix_world = Matrix(rigid.tolist())

    def turned(self, points: Array, turn: Array, shift: Array) -> Array:
        """Points (n, 3) after the head's motion, which the neck takes up."""
        pivot = np.array(self.spec.pivot)
        moved = (points - pivot) @ turn.T + pivot + shift
        return np.asarray(points + self.spec.follow(points)[:, None] * (moved - points))

    def gloss(self, wet: bool) -> None:
        """Whether the eyes mirror the lamps."""
        for eye in self.eyes:
            shader = eye.object.data.materials[0].node_tree.nodes["Principled BSDF"].inputs
            shader["Coat Weight"].default_value = float(wet)
            shader["Specular IOR Level"].default_value = 0.2 * wet

    def even(self, on: bool) -> None:
        """Light from everywhere alike, about as much as the lamps give, instead of the lamps."""
        for ob in bpy.context.scene.objects:
            if ob.type == "LIGHT":
                ob.hide_render = on
        world = bpy.context.scene.world.node_tree.nodes["Background"].inputs[0]
        world.default_value = (*((EVEN,) * 3 if on else self.spec.world), 1)

    def show(
        self, seen: list[bpy.types.Object], holdout: list[bpy.types.Object], absent: list[bpy.types.Object]
    ) -> None:
        """What the camera sees; what cuts a hole into that; what is not there, not even as a shadow."""
        for ob in bpy.context.scene.objects:
            if ob.type not in {"MESH", "CURVES", "CURVE"}:
                continue
            ob.visible_camera = ob in seen or ob in holdout
            ob.is_holdout = ob in holdout
            ob.hide_render = ob in absent
