"""The studio: a Blender scene with the host in it, path-traced by Cycles.

Needs the ``studio`` extra. Positions given to this module are in the host's axes (see :mod:`avatar.studio.base_mesh`);
Blender's own are z up, -y towards the camera.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy  # type: ignore[import-not-found,unused-ignore]
import numpy as np
import numpy.typing as npt
from mathutils import Vector  # type: ignore[import-not-found,unused-ignore]

from avatar.studio.base_mesh import Array, BaseMesh
from avatar.studio.camera import Camera

Colour = tuple[float, float, float]
NO_CUT = 100.0
"""A height above everything, metres."""


def to_blender(points: Array) -> Array:
    """Host axes to Blender axes, (…, 3)."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)


def from_blender(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)


@dataclass(frozen=True, slots=True)
class Surface:
    """The evaluated (subdivided, triangulated) form of one part."""

    vertices: npt.NDArray[np.float32]
    """(n, 3) host axes, metres."""
    triangles: npt.NDArray[np.int32]
    """(t, 3) vertices."""
    uvs: npt.NDArray[np.float32]
    """(t, 3, 2) in [0, 1], v up."""


class Part:
    """One mesh object made of some groups of the base mesh, whose vertices can be moved in place."""

    def __init__(
        self, name: str, base: BaseMesh, faces: list[list[tuple[int, int]]], material: bpy.types.Material, levels: int
    ) -> None:
        self.name = name
        self.indices = np.array(sorted({vertex for face in faces for vertex, _ in face}))
        place = {int(vertex): k for k, vertex in enumerate(self.indices)}
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(
            to_blender(base.vertices[self.indices]).tolist(), [], [[place[v] for v, _ in f] for f in faces]
        )
        layer = mesh.uv_layers.new()
        layer.data.foreach_set("uv", base.uvs[[t for f in faces for _, t in f]].astype(np.float32).ravel())
        mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
        mesh.materials.append(material)
        self.object = bpy.data.objects.new(name, mesh)
        bpy.context.scene.collection.objects.link(self.object)
        if levels:
            modifier = self.object.modifiers.new("smooth", "SUBSURF")
            modifier.levels = modifier.render_levels = levels

    def pose(self, vertices: Array) -> None:
        """Move the part to ``vertices`` of the whole base mesh, (n, 3)."""
        mesh = self.object.data
        mesh.vertices.foreach_set("co", to_blender(vertices[self.indices]).astype(np.float32).ravel())
        mesh.update()

    def surface(self, levels: int | None = None) -> Surface:
        """The part as it stands, subdivided ``levels`` times (as in the render when None)."""
        modifier = self.object.modifiers.get("smooth")
        before = modifier.levels if modifier else 0
        if modifier and levels is not None:
            modifier.levels = levels
        evaluated = self.object.evaluated_get(bpy.context.evaluated_depsgraph_get())
        mesh = evaluated.to_mesh()
        mesh.calc_loop_triangles()
        vertices = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", vertices)
        triangles = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        mesh.loop_triangles.foreach_get("vertices", triangles)
        corners = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        mesh.loop_triangles.foreach_get("loops", corners)
        uvs = np.empty(len(mesh.loops) * 2, np.float32)
        mesh.uv_layers[0].data.foreach_get("uv", uvs)
        evaluated.to_mesh_clear()
        if modifier:
            modifier.levels = before
        return Surface(
            from_blender(vertices.reshape(-1, 3)),
            triangles.reshape(-1, 3),
            uvs.reshape(-1, 2)[corners].reshape(-1, 3, 2),
        )


def reset() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)


def principled(
    name: str, colour: Colour, roughness: float, *, subsurface: float = 0.0, specular: float = 0.5, sheen: float = 0.0
) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"].inputs
    shader["Base Color"].default_value = (*colour, 1)
    shader["Roughness"].default_value = roughness
    shader["Specular IOR Level"].default_value = specular
    shader["Sheen Weight"].default_value = sheen
    if subsurface:
        shader["Subsurface Weight"].default_value = subsurface
        shader["Subsurface Radius"].default_value = (1, 0.35, 0.2)
        shader["Subsurface Scale"].default_value = 0.008
    return material


def skin(data: Path, base: Colour, lips: Colour, mouth: Colour, pores: float = 0.10) -> bpy.types.Material:
    """Skin with lips and the inside of the mouth tinted through the base mesh's own masks."""
    material = principled("skin", base, 0.45, subsurface=0.22, specular=0.4)
    tree = material.node_tree
    shader = tree.nodes["Principled BSDF"].inputs
    colour = None
    for mask, tint in (("mpfb_lips.jpg", lips), ("mpfb_inside-mouth.jpg", mouth)):
        image = tree.nodes.new("ShaderNodeTexImage")
        image.image = bpy.data.images.load(str(data / "mpfb2/textures" / mask))
        image.image.colorspace_settings.name = "Non-Color"
        mix = tree.nodes.new("ShaderNodeMixRGB")
        mix.inputs[1].default_value, mix.inputs[2].default_value = (*base, 1), (*tint, 1)
        tree.links.new(image.outputs["Color"], mix.inputs[0])
        if colour:
            tree.links.new(colour, mix.inputs[1])
        colour = mix.outputs[0]
    tree.links.new(colour, shader["Base Color"])
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 450
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value, bump.inputs["Distance"].default_value = pores, 0.002
    tree.links.new(noise.outputs["Fac"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader["Normal"])
    _cuttable(material)
    return material


def _cuttable(material: bpy.types.Material) -> None:
    """Let the camera see through all that lies above a height, the value of the node named ``cut``."""
    tree = material.node_tree
    geometry, axes, above, seen, both, clear, mix, cut = (
        tree.nodes.new(kind)
        for kind in (
            "ShaderNodeNewGeometry",
            "ShaderNodeSeparateXYZ",
            "ShaderNodeMath",
            "ShaderNodeLightPath",
            "ShaderNodeMath",
            "ShaderNodeBsdfTransparent",
            "ShaderNodeMixShader",
            "ShaderNodeValue",
        )
    )
    cut.name = "cut"
    cut.outputs[0].default_value = NO_CUT
    above.operation, both.operation = "GREATER_THAN", "MULTIPLY"
    tree.links.new(geometry.outputs["Position"], axes.inputs[0])
    tree.links.new(axes.outputs["Z"], above.inputs[0])
    tree.links.new(cut.outputs[0], above.inputs[1])
    tree.links.new(above.outputs[0], both.inputs[0])
    tree.links.new(seen.outputs["Is Camera Ray"], both.inputs[1])
    tree.links.new(both.outputs[0], mix.inputs[0])
    tree.links.new(tree.nodes["Principled BSDF"].outputs[0], mix.inputs[1])
    tree.links.new(clear.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], tree.nodes["Material Output"].inputs["Surface"])


def picture(name: str, pixels: npt.NDArray[np.floating], colour_space: str = "Non-Color") -> bpy.types.Image:
    """An image from (h, w, 3) floats, its first row on top."""
    h, w = pixels.shape[:2]
    image = bpy.data.images.new(name, w, h, float_buffer=True)
    image.colorspace_settings.name = colour_space
    rgba = np.concatenate([pixels, np.ones((h, w, 1))], -1)[::-1]
    image.pixels.foreach_set(np.ascontiguousarray(rgba, np.float32).ravel())
    image.pack()
    return image


def garment(
    name: str, image: bpy.types.Image, frame: tuple[float, float, float, float], jacket: Colour, blouse: Colour
) -> bpy.types.Material:
    """Cloth whose kind is read from a picture laid on from the front: fabric or bare, jacket or blouse, relief.

    ``frame`` is left, right, bottom, top in metres.
    """
    left, right, bottom, top = frame
    material = principled(name, jacket, 0.75, specular=0.25)
    tree = material.node_tree
    shader = tree.nodes["Principled BSDF"]
    position, axes, place, texture, channels, colour, bump, clear, mix = (
        tree.nodes.new(kind)
        for kind in (
            "ShaderNodeNewGeometry",
            "ShaderNodeSeparateXYZ",
            "ShaderNodeCombineXYZ",
            "ShaderNodeTexImage",
            "ShaderNodeSeparateColor",
            "ShaderNodeMixRGB",
            "ShaderNodeBump",
            "ShaderNodeBsdfTransparent",
            "ShaderNodeMixShader",
        )
    )
    texture.image, texture.extension = image, "EXTEND"
    tree.links.new(position.outputs["Position"], axes.inputs[0])
    for axis, low, high, to in (("X", left, right, 0), ("Z", bottom, top, 1)):
        scaled = tree.nodes.new("ShaderNodeMapRange")
        scaled.clamp = False
        scaled.inputs["From Min"].default_value, scaled.inputs["From Max"].default_value = low, high
        tree.links.new(axes.outputs[axis], scaled.inputs["Value"])
        tree.links.new(scaled.outputs[0], place.inputs[to])
    tree.links.new(place.outputs[0], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Color"], channels.inputs[0])
    colour.inputs[1].default_value, colour.inputs[2].default_value = (*blouse, 1), (*jacket, 1)
    tree.links.new(channels.outputs[1], colour.inputs[0])
    tree.links.new(colour.outputs[0], shader.inputs["Base Color"])
    bump.inputs["Strength"].default_value, bump.inputs["Distance"].default_value = 1.0, 0.008
    tree.links.new(channels.outputs[2], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    tree.links.new(channels.outputs[0], mix.inputs[0])
    tree.links.new(clear.outputs[0], mix.inputs[1])
    tree.links.new(shader.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], tree.nodes["Material Output"].inputs["Surface"])
    return material


def backdrop(image: bpy.types.Image, camera: Camera, distance: float) -> bpy.types.Object:
    """A glowing picture that fills the frame, ``distance`` metres from the camera."""
    material = bpy.data.materials.new("backdrop")
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.remove(tree.nodes["Principled BSDF"])
    emission, texture = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    tree.links.new(texture.outputs["Color"], emission.inputs["Color"])
    tree.links.new(emission.outputs[0], tree.nodes["Material Output"].inputs[0])
    scale = distance / camera.focal
    x = camera.width / 2 * scale * 1.01
    top, bottom = (camera.eye_y + (camera.centre_y - row) * scale for row in (-5, camera.height + 5))
    z = camera.distance - distance
    corners = to_blender(np.array([(-x, bottom, z), (x, bottom, z), (x, top, z), (-x, top, z)]))
    mesh = bpy.data.meshes.new("backdrop")
    mesh.from_pydata(corners.tolist(), [], [(0, 1, 2, 3)])
    mesh.uv_layers.new().data.foreach_set("uv", np.array([0, 0, 1, 0, 1, 1, 0, 1], np.float32))
    mesh.materials.append(material)
    ob = bpy.data.objects.new("backdrop", mesh)
    bpy.context.scene.collection.objects.link(ob)
    return ob


def iris(name: str, centre: Array, radius: float) -> bpy.types.Material:
    """An eyeball coloured by the distance from its front pole: pupil, brown iris, dark limbus, sclera."""
    material = principled(name, (0.9, 0.88, 0.86), 0.05)
    tree = material.node_tree
    pole = to_blender(np.asarray(centre) + np.array([0, 0, radius]))
    position, distance, ratio, ramp = (
        tree.nodes.new(kind)
        for kind in ("ShaderNodeNewGeometry", "ShaderNodeVectorMath", "ShaderNodeMath", "ShaderNodeValToRGB")
    )
    distance.operation, ratio.operation = "DISTANCE", "DIVIDE"
    distance.inputs[1].default_value, ratio.inputs[1].default_value = tuple(pole), radius
    stops = ramp.color_ramp.elements
    stops[0].position, stops[0].color = 0.0, (0.004, 0.004, 0.004, 1)
    stops[1].position, stops[1].color = 0.17, (0.006, 0.005, 0.004, 1)
    for at, colour in (
        (0.20, (0.075, 0.034, 0.016)),
        (0.40, (0.045, 0.02, 0.010)),
        (0.47, (0.012, 0.008, 0.006)),
        (0.53, (0.80, 0.76, 0.74)),
    ):
        stops.new(at).color = (*colour, 1)
    tree.links.new(position.outputs["Position"], distance.inputs[0])
    tree.links.new(distance.outputs["Value"], ratio.inputs[0])
    tree.links.new(ratio.outputs[0], ramp.inputs[0])
    tree.links.new(ramp.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return material


def place_camera(camera: Camera) -> None:
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", 36.0
    data.lens = camera.focal / camera.width * data.sensor_width
    data.shift_y = (camera.centre_y - camera.height / 2) / camera.width
    ob = bpy.data.objects.new("camera", data)
    ob.location = to_blender(np.array([0.0, camera.eye_y, camera.distance]))
    ob.rotation_euler = (math.radians(90), 0, 0)
    bpy.context.scene.collection.objects.link(ob)
    bpy.context.scene.camera = ob


@dataclass(frozen=True, slots=True)
class Lamp:
    place: tuple[float, float, float]
    """Host axes, metres, relative to the target."""
    size: float
    watts: float
    colour: Colour


def light(lamps: Sequence[Lamp], target: Array, world: Colour) -> None:
    for lamp in lamps:
        data = bpy.data.lights.new("area", "AREA")
        data.size, data.energy, data.color = lamp.size, lamp.watts, lamp.colour
        ob = bpy.data.objects.new("area", data)
        place = Vector(to_blender(target + np.array(lamp.place)))
        ob.location = place
        ob.rotation_euler = (Vector(to_blender(target)) - place).to_track_quat("-Z", "Y").to_euler()
        bpy.context.scene.collection.objects.link(ob)
    background = bpy.data.worlds.new("world")
    bpy.context.scene.world = background
    background.use_nodes = True
    background.node_tree.nodes["Background"].inputs[0].default_value = (*world, 1)


def strands(name: str, points: Array, radius: float, colour: Colour, roughness: float = 0.3) -> bpy.types.Object:
    """Hairs, (n, k, 3) points from root to tip, thinning towards the tip."""
    count, length = points.shape[:2]
    curves = bpy.data.hair_curves.new(name)
    curves.add_curves([length] * count)
    curves.points.foreach_set("position", to_blender(points).astype(np.float32).ravel())
    taper = radius * (1 - 0.75 * np.linspace(0, 1, length) ** 2)
    curves.points.foreach_set("radius", np.tile(taper, count).astype(np.float32))
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.remove(tree.nodes["Principled BSDF"])
    shader = tree.nodes.new("ShaderNodeBsdfHairPrincipled")
    shader.parametrization = "COLOR"
    shader.inputs["Color"].default_value = (*colour, 1)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Radial Roughness"].default_value = 0.45
    shader.inputs["Random Roughness"].default_value = 0.2
    tree.links.new(shader.outputs[0], tree.nodes["Material Output"].inputs[0])
    curves.materials.append(material)
    ob = bpy.data.objects.new(name, curves)
    bpy.context.scene.collection.objects.link(ob)
    return ob


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels, the right and lower edges excluded."""

    x0: int
    y0: int
    x1: int
    y1: int


def render(path: Path, camera: Camera, samples: int, *, box: Box | None = None, transparent: bool = False) -> None:
    """Path-trace the scene (or a box of it) into a 16-bit PNG."""
    scene = bpy.context.scene
    settings = scene.render
    settings.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples = "CPU", samples
    scene.cycles.use_denoising, scene.cycles.seed = True, 1
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.max_bounces, scene.cycles.transparent_max_bounces = 6, 8
    scene.cycles_curves.shape = "RIBBONS"
    settings.use_persistent_data, settings.film_transparent = True, transparent
    settings.resolution_x, settings.resolution_y, settings.resolution_percentage = camera.width, camera.height, 100
    scene.view_settings.view_transform = "Filmic"
    scene.view_settings.look = "Medium High Contrast"
    settings.use_border = settings.use_crop_to_border = box is not None
    if box is not None:
        settings.border_min_x, settings.border_max_x = box.x0 / camera.width, box.x1 / camera.width
        settings.border_max_y, settings.border_min_y = 1 - box.y0 / camera.height, 1 - box.y1 / camera.height
    settings.image_settings.file_format = "PNG"
    settings.image_settings.color_mode = "RGBA" if transparent else "RGB"
    settings.image_settings.color_depth = "16"
    settings.filepath = str(path)
    bpy.ops.render.render(write_still=True)
