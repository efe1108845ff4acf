"""Clothes: a blazer over a blouse, cut from the base mesh's own tights by outlines seen from the front."""

from collections.abc import Sequence

import bpy  # type: ignore[import-not-found,unused-ignore]
import cv2
import numpy as np
from mathutils import Vector  # type: ignore[import-not-found,unused-ignore]
from mathutils.bvhtree import BVHTree  # type: ignore[import-not-found,unused-ignore]

from avatar.studio import materials
from avatar.studio.base_mesh import Array, BaseMesh
from avatar.studio.materials import Colour, Tree
from avatar.studio.scene import Part, Surface, to_blender

Outline = Sequence[tuple[float, float]]
"""Corners of the right-hand half (x < 0 is the viewer's left), metres, seen from the front."""

LEFT, RIGHT, BOTTOM, TOP = -0.3, 0.3, -0.22, 0.54
"""What the cutting pictures cover."""
PIXELS_A_METRE = 3000
NECK_Y = -0.012
"""Blender's y of the neck's middle."""
NECKLINE: Outline = (
    (-0.068, 0.54),
    (-0.067, 0.445),
    (-0.058, 0.418),
    (-0.040, 0.392),
    (-0.020, 0.372),
    (-0.004, 0.362),
)
OPENING: Outline = ((-0.074, 0.54), (-0.073, 0.445), (-0.060, 0.360), (-0.030, 0.270), (-0.004, 0.205))
BODICE: Outline = ((-0.105, 0.54), (-0.105, -0.22))
LAPEL: Outline = (
    (-0.073, 0.449), (-0.084, 0.446), (-0.106, 0.410), (-0.116, 0.398), (-0.098, 0.388), (-0.126, 0.372),
    (-0.098, 0.318), (-0.056, 0.250), (-0.010, 0.196), (0.004, 0.200), (-0.028, 0.272), (-0.055, 0.360),
    (-0.068, 0.420),
)  # fmt: skip


def _fill(outline: Outline, *, mirrored: bool) -> Array:
    """(h, w) in [0, 1], 1 within the outline, its edge antialiased."""
    size = (round((TOP - BOTTOM) * PIXELS_A_METRE), round((RIGHT - LEFT) * PIXELS_A_METRE))
    points = list(outline)
    if mirrored:
        points += [(-x, y) for x, y in reversed(points)]
    at = np.array([((x - LEFT) * PIXELS_A_METRE, (TOP - y) * PIXELS_A_METRE) for x, y in points])
    image = np.zeros(size, np.uint8)
    cv2.fillPoly(image, [np.rint(at * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return image.astype(np.float64) / 255


def _cut(material: bpy.types.Material, hole: Array, neck: tuple[float, float]) -> None:
    """Make a material vanish where ``hole``, laid on from the front, is 1 on the front of the body, and about the neck.

    ``neck`` is half the width and half the depth of the hole for the neck, metres.
    """
    tree = Tree(material)
    image = materials.picture(material.name, np.repeat(hole[..., None], 3, -1))
    position = tree.node("NewGeometry", out="Position")
    x, y, z = (tree.node("SeparateXYZ", position, out=axis) for axis in "XYZ")
    u = tree.math("DIVIDE", tree.math("SUBTRACT", x, LEFT), RIGHT - LEFT)
    v = tree.math("DIVIDE", tree.math("SUBTRACT", z, BOTTOM), TOP - BOTTOM)
    texture = tree.node("TexImage", tree.node("CombineXYZ", u, v), image=image, extension="CLIP")
    front = tree.math("MULTIPLY", texture, tree.math("LESS_THAN", y, NECK_Y))
    across = tree.math("POWER", tree.math("DIVIDE", x, neck[0]), 2.0)
    along = tree.math("POWER", tree.math("DIVIDE", tree.math("SUBTRACT", y, NECK_Y), neck[1]), 2.0)
    within = tree.math("LESS_THAN", tree.math("ADD", across, along), 1.0)
    within = tree.math("MULTIPLY", within, tree.math("GREATER_THAN", z, 0.40))
    gone = tree.math("MAXIMUM", front, within)
    mix = tree.node("MixShader", gone, tree.nodes["Principled BSDF"].outputs[0], tree.node("BsdfTransparent"))
    tree.put(tree.nodes["Material Output"].inputs["Surface"], mix)


def dress(base: BaseMesh, jacket: Colour, blouse: Colour, bottom: float) -> list[bpy.types.Object]:
    faces = [f for f in base.groups["helper-tights"] if all(base.vertices[v, 1] > bottom for v, _ in f)]
    inner = materials.cloth("blouse", blouse, weave=0.002, sheen=0.1, wrinkles=0.25)
    sides = 1 - _fill(BODICE, mirrored=True)
    _cut(inner, np.maximum(_fill(NECKLINE, mirrored=True), sides), (0.068, 0.062))
    outer = materials.cloth("jacket", jacket, weave=0.010, sheen=0.04, wrinkles=0.40)
    _cut(outer, _fill(OPENING, mirrored=True), (0.074, 0.068))
    shells = [_shell("blouse", base, faces, inner, 0.004), _shell("jacket", base, faces, outer, 0.010)]
    bpy.context.view_layer.update()
    ground = shells[1].surface(2)
    lapels = materials.cloth("lapel", jacket, weave=0.010, sheen=0.04, wrinkles=0.10)
    return [s.object for s in shells] + [_sheet(f"lapel{side}", LAPEL, side, ground, lapels) for side in (1, -1)]


def _shell(
    name: str, base: BaseMesh, faces: list[list[tuple[int, int]]], material: bpy.types.Material, away: float
) -> Part:
    part = Part(name, base, faces, material, 3)
    push = part.object.modifiers.new("offset", "DISPLACE")
    push.strength, push.mid_level = away, 0
    return part


def _sheet(name: str, outline: Outline, side: int, ground: Surface, material: bpy.types.Material) -> bpy.types.Object:
    """A piece of cloth of the outline's shape lying on ``ground``, with a thickness of its own."""
    points = np.array([(side * x, y) for x, y in outline])
    low, high = points.min(0), points.max(0)
    pitch = 0.0012
    xs, ys = (np.arange(low[k] - pitch, high[k] + 2 * pitch, pitch) for k in (0, 1))
    tree = BVHTree.FromPolygons(to_blender(ground.vertices.astype(float)).tolist(), ground.triangles.tolist())
    grid = np.full((len(ys), len(xs), 3), np.nan)
    for j, y in enumerate(ys):
        for i, x in enumerate(xs):
            hit, normal, _, _ = tree.ray_cast(Vector((x, -1.0, y)), Vector((0, 1, 0)))
            if hit is not None:
                grid[j, i] = hit + normal * 0.0035
    contour = np.rint((points - low) / pitch * 64).astype(np.int32) + 64
    mask = np.zeros(grid.shape[:2], np.uint8)
    cv2.fillPoly(mask, [contour], 1, cv2.LINE_8, 6)
    kept = (mask > 0) & np.isfinite(grid[..., 0])
    number = np.full(kept.shape, -1)
    number[kept] = np.arange(kept.sum())
    quads = np.stack([number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]], -1).reshape(-1, 4)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(grid[kept].tolist(), [], quads[(quads >= 0).all(1)].tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    mesh.materials.append(material)
    ob = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(ob)
    relax = ob.modifiers.new("relax", "SMOOTH")
    relax.iterations, relax.factor = 30, 0.5
    thick = ob.modifiers.new("thick", "SOLIDIFY")
    thick.thickness, thick.offset = 0.0022, 0
    return ob
