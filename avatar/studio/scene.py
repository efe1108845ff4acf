"""The studio: a Blender scene with the host in it, path-traced by Cycles.

Needs the ``studio`` extra. Positions given to this module are in the host's axes (see :mod:`avatar.studio.base_mesh`);
Blender's own are z up, -y towards the camera.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
import numpy.typing as npt
from mathutils import Vector

from avatar.studio.base_mesh import Array, BaseMesh
from avatar.studio.camera import Box, Camera
from avatar.studio.spec import Lamp

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

    def attribute(self, name: str, values: Array) -> None:
        """Give each vertex a number, (n,), or a vector, (n, 3), of the whole base mesh, for materials to read."""
        kind, key = ("FLOAT", "value") if values.ndim == 1 else ("FLOAT_VECTOR", "vector")
        layer = self.object.data.attributes.new(name, kind, "POINT")
        layer.data.foreach_set(key, values[self.indices].astype(np.float32).ravel())

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


def light(lamps: Sequence[Lamp], target: Array, world: Colour) -> None:
    for lamp in lamps:
        data = bpy.data.lights.new("area", "AREA")
        data.size, data.energy, data.color = lamp.size, lamp.watts, lamp.colour
        ob = bpy.data.objects.new("area", data)
        place = Vector(to_blender(target + np.array(lamp.place)))
        ob.location = place
        ob.rotation_euler = (Vector(to_blender(target)) - place).to_track_quat("-Z", "Y").to_euler()
        bpy.context.scene.collection.objects.link(ob)
    surround(world)


def surround(colour: Colour) -> None:
    """Light from everywhere."""
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (*colour, 1)
    bpy.context.scene.world = world


def strands(name: str, points: Array, radius: float, material: bpy.types.Material) -> bpy.types.Object:
    """Hairs, (n, k, 3) points from root to tip, thinning towards the tip."""
    count, length = points.shape[:2]
    curves = bpy.data.hair_curves.new(name)
    curves.add_curves([length] * count)
    curves.points.foreach_set("position", to_blender(points).astype(np.float32).ravel())
    taper = radius * (1 - 0.75 * np.linspace(0, 1, length) ** 2)
    curves.points.foreach_set("radius", np.tile(taper, count).astype(np.float32))
    curves.materials.append(material)
    ob = bpy.data.objects.new(name, curves)
    bpy.context.scene.collection.objects.link(ob)
    return ob


def setup(camera: Camera, samples: int, *, box: Box | None = None, transparent: bool = False, seed: int = 1) -> None:
    scene = bpy.context.scene
    settings = scene.render
    settings.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples = "CPU", samples
    scene.cycles.use_denoising, scene.cycles.seed = True, seed
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.max_bounces, scene.cycles.transparent_max_bounces = 5, 8
    scene.cycles_curves.shape = "RIBBONS"
    settings.use_persistent_data, settings.film_transparent = True, transparent
    settings.resolution_x, settings.resolution_y, settings.resolution_percentage = camera.width, camera.height, 100
    scene.view_settings.view_transform = "Filmic"
    scene.view_settings.look = "Medium High Contrast"
    settings.use_border = settings.use_crop_to_border = box is not None
    if box is not None:
        x0, x1, y0, y1 = (v + 0.25 for v in (box.x0, box.x1, box.y0, box.y1))  # Blender cuts fractions off
        settings.border_min_x, settings.border_max_x = x0 / camera.width, x1 / camera.width
        settings.border_max_y, settings.border_min_y = 1 - (y0 - 0.5) / camera.height, 1 - (y1 - 0.5) / camera.height
    settings.image_settings.file_format = "PNG"
    settings.image_settings.color_mode = "RGBA" if transparent else "RGB"
    settings.image_settings.color_depth = "16"


def render(
    path: Path, camera: Camera, samples: int, *, box: Box | None = None, transparent: bool = False, seed: int = 1
) -> None:
    """Path-trace the scene (or a box of it) into a 16-bit PNG."""
    setup(camera, samples, box=box, transparent=transparent, seed=seed)
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
