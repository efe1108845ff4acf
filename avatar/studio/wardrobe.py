"""Clothes: a jacket over a blouse or knit, or a jumper, cut from the base mesh's tights by outlines from the front."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import bpy
import cv2
import numpy as np
from mathutils import Vector, geometry
from mathutils.bvhtree import BVHTree
from scipy.spatial import cKDTree

from avatar.errors import StudioError
from avatar.studio import cloth, materials
from avatar.studio.base_mesh import Array, BaseMesh, Corner
from avatar.studio.materials import Tree
from avatar.studio.motion import smooth
from avatar.studio.scene import Part, Surface, to_blender
from avatar.studio.sculpt import NECK, fitted
from avatar.studio.spec import Blazer, Jumper

Outline = Sequence[tuple[float, float]]
"""Corners of the right-hand half (x < 0 is the viewer's left), metres, seen from the front."""

LEFT, RIGHT, BOTTOM, TOP = -0.3, 0.3, -0.22, 0.54
"""What the cutting pictures cover."""
PIXELS_A_METRE: Final = 3000
NECK_Y: Final = -0.012
"""Blender's y of the neck's middle."""
NECKLINE: Final[Outline] = (
    (-0.070, 0.54), (-0.066, 0.462), (-0.060, 0.446), (-0.049, 0.432), (-0.035, 0.4205), (-0.020, 0.413),
    (-0.008, 0.4095), (-0.001, 0.4088),
)  # fmt: skip
CREW: Final[Outline] = (
    (-0.070, 0.54), (-0.0655, 0.474), (-0.0615, 0.464), (-0.052, 0.4545), (-0.038, 0.447), (-0.022, 0.4425),
    (-0.008, 0.4405), (-0.001, 0.4400),
)  # fmt: skip
_ABOVE: Final[Outline] = ((-0.14, 0.54), (-0.14, 0.482))
"""Before the neck no jumper reaches higher than this."""
_NAPE: Final = 0.060
"""Metres from the sides of the neck to its nape."""
NECKLINES: Final[dict[str, Outline]] = {"scoop": NECKLINE, "crew": CREW}
_NECK_FROM: Final = {"scoop": 0.40, "crew": 0.444}
"""Heights from which on a blouse is cut away about the neck."""
OPENING: Final[Outline] = ((-0.074, 0.54), (-0.073, 0.445), (-0.060, 0.360), (-0.030, 0.270), (-0.004, 0.205))
BODICE: Final[Outline] = ((-0.105, 0.54), (-0.105, -0.22))
LAPEL: Final[Outline] = (
    (-0.073, 0.449), (-0.084, 0.446), (-0.106, 0.410), (-0.116, 0.398), (-0.098, 0.388), (-0.126, 0.372),
    (-0.098, 0.318), (-0.056, 0.250), (-0.010, 0.196), (0.004, 0.200), (-0.028, 0.272), (-0.055, 0.360),
    (-0.068, 0.420),
)  # fmt: skip
_FINE: Final = 0.002
"""Metres between points of a sheet of cloth."""


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


def _cut(
    material: bpy.types.Material, hole: Array, neck: tuple[float, float], least: float = 0.40, body: float = 1.0
) -> None:
    """Make a material vanish where ``hole``, laid on from the front, is 1 on the front of the body, and about the neck.

    ``neck`` is half the width and half the depth of the hole for the neck, which begins at a height of ``least``;
    metres. All of it is on a person; the material is worn on a body of the size ``body`` of one.
    """
    tree = Tree(material)
    image = materials.picture(material.name, np.repeat(hole[..., None], 3, -1))
    position = tree.node("NewGeometry", out="Position")
    x, y, z = (tree.node("SeparateXYZ", position, out=axis) for axis in "XYZ")
    if body != 1:
        away = to_blender(NECK) * (1 - body)
        x, y, z = (tree.math("DIVIDE", tree.math("SUBTRACT", v, a), body) for v, a in zip((x, y, z), away, strict=True))
    u = tree.math("DIVIDE", tree.math("SUBTRACT", x, LEFT), RIGHT - LEFT)
    v = tree.math("DIVIDE", tree.math("SUBTRACT", z, BOTTOM), TOP - BOTTOM)
    texture = tree.node("TexImage", tree.node("CombineXYZ", u, v), image=image, extension="CLIP")
    front = tree.math("MULTIPLY", texture, tree.math("LESS_THAN", y, NECK_Y))
    across = tree.math("POWER", tree.math("DIVIDE", x, neck[0]), 2.0)
    along = tree.math("POWER", tree.math("DIVIDE", tree.math("SUBTRACT", y, NECK_Y), neck[1]), 2.0)
    within = tree.math("LESS_THAN", tree.math("ADD", across, along), 1.0)
    within = tree.math("MULTIPLY", within, tree.math("GREATER_THAN", z, least))
    gone = tree.math("MAXIMUM", front, within)
    mix = tree.node("MixShader", gone, tree.nodes["Principled BSDF"].outputs[0], tree.node("BsdfTransparent"))
    tree.put(tree.nodes["Material Output"].inputs["Surface"], mix)


def dress(base: BaseMesh, clothes: Blazer | Jumper, body: float, bottom: float, cache: Path) -> list[bpy.types.Object]:
    """What is worn on a body of the size ``body`` of a person's; what hangs is kept in ``cache``.

    Raises:
        StudioError: a blazer, which is cut for people, and a body that is not.
    """
    faces = [f for f in base.groups["helper-tights"] if all(base.vertices[v, 1] > bottom - 0.12 for v, _ in f)]
    if isinstance(clothes, Jumper):
        return _jumper(base, faces, clothes, body)
    if body != 1:
        raise StudioError("clothes: a blazer is cut for a person's body. Leave `body` at 1, or dress it in a jumper")
    return _blazer(base, faces, clothes, cache)


def _jumper(base: BaseMesh, faces: list[list[Corner]], clothes: Jumper, body: float) -> list[bpy.types.Object]:
    wool = materials.cloth("wool", clothes.wool, weave=clothes.weave, sheen=0.25, wrinkles=0.15)
    hole = np.maximum(_fill(CREW, mirrored=True), _fill(_ABOVE, mirrored=True))
    _cut(wool, hole, (0.0625, 0.056), _NECK_FROM["crew"], body)
    knit = _shell("jumper", base, faces, wool, 0.010 * body, loose=40)
    bpy.context.view_layer.update()
    roll = materials.cloth("collar", clothes.wool, clothes.weave, 0.25, 0.0)
    return [knit.object, _trim("collar", CREW[1:], knit.surface(), roll, clothes.collar, body, around=_NAPE)]


def _blazer(base: BaseMesh, faces: list[list[Corner]], clothes: Blazer, cache: Path) -> list[bpy.types.Object]:
    neckline = NECKLINES[clothes.neckline]
    inner = materials.cloth("blouse", clothes.blouse, weave=clothes.weave, sheen=0.1, wrinkles=0.25)
    sides = 1 - _fill(BODICE, mirrored=True)
    _cut(inner, np.maximum(_fill(neckline, mirrored=True), sides), (0.0625, 0.056), _NECK_FROM[clothes.neckline])
    outer = materials.cloth("jacket", clothes.jacket, weave=0.010, sheen=0.04, wrinkles=0.0)
    _cut(outer, _fill(OPENING, mirrored=True), (0.074, 0.068))
    blouse = _shell("blouse", base, faces, inner, 0.004)
    jacket = cloth.hang("jacket", base, faces, _padded(base.vertices), cloth.SUITING, cache)
    jacket.object.data.materials[0] = outer
    bpy.context.view_layer.update()
    ground = jacket.surface(0)
    lapels = materials.cloth("lapel", clothes.jacket, weave=0.010, sheen=0.04, wrinkles=0.05)
    edge = materials.cloth("hem", clothes.blouse, clothes.weave, 0.1, 0.0)
    hem = _trim("hem", neckline[2:], blouse.surface(2), edge)
    return [blouse.object, hem, jacket.object] + [
        _sheet(f"lapel{side}", LAPEL, side, ground, lapels) for side in (1, -1)
    ]


def _padded(vertices: Array) -> Array:
    """A body with pads on its shoulders, and without what a jacket does not follow."""
    out = vertices.copy()
    x, y = np.abs(vertices[:, 0]), vertices[:, 1]
    pad = smooth((x - 0.09) / 0.06) * smooth((0.215 - x) / 0.04) * smooth((y - 0.33) / 0.06)
    out[:, 1] += 0.007 * pad
    out[:, 0] += 0.004 * np.sign(vertices[:, 0]) * pad
    return out


def _shell(
    name: str, base: BaseMesh, faces: list[list[Corner]], material: bpy.types.Material, away: float, loose: int = 0
) -> Part:
    """What lies on the body, ``away`` metres above it; the looser, the less of its shape it shows."""
    part = Part(name, base, faces, material, 3)
    if loose:
        even = part.object.modifiers.new("loose", "SMOOTH")
        even.factor, even.iterations = 0.5, loose
    push = part.object.modifiers.new("away", "DISPLACE")
    push.strength, push.mid_level = away, 0
    return part


def _sheet(name: str, outline: Outline, side: int, ground: Surface, material: bpy.types.Material) -> bpy.types.Object:
    """A piece of cloth of the outline's shape lying on ``ground``, with a thickness of its own."""
    corners = np.array([(side * x, y) for x, y in outline])
    edge = np.concatenate([
        np.linspace(a, b, max(2, round(float(np.linalg.norm(b - a)) / _FINE)), endpoint=False)
        for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)
    ])  # fmt: skip
    low, high = corners.min(0), corners.max(0)
    grid = np.stack(np.meshgrid(*(np.arange(low[k], high[k], _FINE) for k in (0, 1))), -1).reshape(-1, 2)
    contour = (corners * 1e4).astype(np.float32)
    deep = np.array([cv2.pointPolygonTest(contour, (float(x) * 1e4, float(y) * 1e4), True) for x, y in grid])
    flat = np.concatenate([edge, grid[deep > 0.6 * _FINE * 1e4]])
    ring = [list(range(len(edge)))]
    points, _, faces, *_ = geometry.delaunay_2d_cdt([Vector(p) for p in flat], [], ring, 1, 1e-6)
    tree = BVHTree.FromPolygons(to_blender(ground.vertices.astype(float)).tolist(), ground.triangles.tolist())
    depth = []
    for x, y in points:
        hit, _, _, _ = tree.ray_cast(Vector((x, -1.0, y)), Vector((0, 1, 0)))
        depth.append(hit.y if hit is not None else 0.0)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(
        [(x, y - 0.0035, z) for (x, z), y in zip(points, _lying(points, np.array(depth)), strict=True)], [], faces
    )
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    mesh.materials.append(material)
    ob = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(ob)
    thick = ob.modifiers.new("thick", "SOLIDIFY")
    thick.thickness, thick.offset = 0.0022, 0
    return ob


def _trim(
    name: str,
    outline: Outline,
    ground: Surface,
    material: bpy.types.Material,
    thick: float = 0.0016,
    body: float = 1.0,
    around: float = 0.0,
) -> bpy.types.Object:
    """A rolled edge along an outline from one side to the other, and ``around`` the nape if that is so far behind.

    ``thick``, its radius, and ``around`` are metres on a person.
    """
    half = fitted(np.pad(np.array(outline), ((0, 0), (0, 1))), body)[:, :2]
    whole = np.concatenate([half, half[::-1] * (-1, 1)])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(whole, axis=0), axis=1))])
    even = np.linspace(0, along[-1], round(along[-1] / (_FINE * body)))
    flat = np.stack([np.interp(even, along, whole[:, k]) for k in (0, 1)], -1)
    tree = BVHTree.FromPolygons(to_blender(ground.vertices.astype(float)).tolist(), ground.triangles.tolist())
    hits = [tree.ray_cast(Vector((x, -1.0, y)), Vector((0, 1, 0)))[0] for x, y in flat]
    points = np.array([(*h, 1.0) for h in hits if h is not None])
    if not len(points):
        raise StudioError(
            f"clothes: there is no cloth where the {name} would lie; is `body` or `bottom` as it should be?"
        )
    kernel = np.hanning(15) / np.hanning(15).sum()
    padded = np.pad(points, ((7, 7), (0, 0)), mode="edge")
    points = np.stack([np.convolve(padded[:, k], kernel, mode="valid") for k in range(4)], -1)
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution = "3D", thick * body, 3
    line = curve.splines.new("POLY")
    if around:
        angle = np.linspace(0, np.pi, 80)[1:-1, None]
        start, end = points[-1], points[0]
        behind = (start + end) / 2 + np.cos(angle) * (start - end) / 2 + np.sin(angle) * (0, around * body, 0, 0)
        points = np.concatenate([points, behind])
        line.use_cyclic_u = True
    line.points.add(len(points) - 1)
    line.points.foreach_set("co", points.astype(np.float32).ravel())
    curve.materials.append(material)
    ob = bpy.data.objects.new(name, curve)
    bpy.context.scene.collection.objects.link(ob)
    return ob


def _lying(points: Array, depth: Array) -> Array:
    """Depths (n,) of a stiff sheet laid on what is so deep at ``points`` (n, 2): it bridges folds, sinks into none."""
    at = np.array([tuple(p) for p in points])
    near = cKDTree(at).query_ball_point(at, 0.016)
    out = depth
    for _ in range(8):
        out = np.minimum(np.array([out[k].mean() for k in near]), depth)
    return out
