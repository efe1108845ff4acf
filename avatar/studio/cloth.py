"""Garments that hang by their own weight: Blender's cloth simulation, its result kept on disk."""

import hashlib
from dataclasses import astuple, dataclass
from pathlib import Path

import bpy
import numpy as np

from avatar.studio.base_mesh import Array, BaseMesh, Corner
from avatar.studio.materials import plain
from avatar.studio.scene import Part, from_blender, to_blender

_EDITION = 1
"""To be raised when the same garment comes out otherwise."""


@dataclass(frozen=True, slots=True)
class Fabric:
    away: float
    """Metres it is cut away from the body."""
    levels: int
    """How often the base mesh's quads are parted for it."""
    tension: float
    bending: float
    mass: float
    """Kilograms a knot, as Blender has it."""
    ease: float = 0.012
    """Share by which it is cut wider than it lies."""
    frames: int = 40
    """How long it falls, 1/24 s."""


SUITING = Fabric(away=0.016, levels=2, tension=30.0, bending=4.0, mass=0.35)


def hang(name: str, base: BaseMesh, faces: list[list[Corner]], body: Array, fabric: Fabric, cache: Path) -> Part:
    """A part cut from ``faces`` and fallen onto the ``body`` (n, 3), the whole base mesh as cloth feels it."""
    worn = sorted({vertex for face in faces for vertex, _ in face})
    found = hashlib.sha256(repr((_EDITION, name, astuple(fabric))).encode())
    for array in (base.vertices, body):
        found.update(np.round(array[worn], 5).tobytes())
    file = cache / f"{name}-{found.hexdigest()[:16]}.npz"
    if not file.exists():
        vertices = _simulate(base, faces, body, fabric)
        cache.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npz")
        np.savez_compressed(part, vertices=vertices)
        part.replace(file)
    with np.load(file) as data:
        vertices = data["vertices"]
    out = Part(name, base, faces, plain(name), 0)
    _divide(out, fabric.levels)
    mesh = out.object.data
    mesh.vertices.foreach_set("co", to_blender(vertices).astype(np.float32).ravel())
    mesh.update()
    modifier = out.object.modifiers.new("smooth", "SUBSURF")
    modifier.levels, modifier.render_levels = 0, 1
    return out


def _divide(part: Part, levels: int) -> None:
    part.object.modifiers.new("divide", "SUBSURF").levels = levels
    _apply(part, "divide")


def _apply(part: Part, name: str) -> None:
    bpy.context.view_layer.objects.active = part.object
    bpy.ops.object.modifier_apply(modifier=name)


def _simulate(base: BaseMesh, faces: list[list[Corner]], body: Array, fabric: Fabric) -> Array:
    solid = Part("body", BaseMesh(body, base.uvs, base.groups, base.data), faces, plain("body"), 0)
    _divide(solid, 1)
    solid.object.modifiers.new("collision", "COLLISION")
    felt = solid.object.collision
    felt.thickness_outer, felt.thickness_inner, felt.cloth_friction = 0.005, 0.02, 20
    garment = Part("garment", BaseMesh(body, base.uvs, base.groups, base.data), faces, plain("garment"), 0)
    _divide(garment, fabric.levels)
    ob = garment.object
    push = ob.modifiers.new("away", "DISPLACE")
    push.strength, push.mid_level = fabric.away, 0
    _apply(garment, "away")
    relax = ob.modifiers.new("relax", "SMOOTH")
    relax.factor, relax.iterations = 0.5, 25
    _apply(garment, "relax")
    cloth = ob.modifiers.new("cloth", "CLOTH")
    settings, felt = cloth.settings, cloth.collision_settings
    settings.quality, settings.mass, settings.air_damping = 6, fabric.mass, 3
    settings.tension_stiffness = settings.compression_stiffness = fabric.tension
    settings.shear_stiffness, settings.bending_stiffness = fabric.tension / 3, fabric.bending
    settings.tension_damping = settings.compression_damping = settings.shear_damping = 10
    settings.bending_damping, settings.shrink_min = 1, -fabric.ease
    felt.distance_min, felt.use_self_collision, felt.self_distance_min = 0.003, True, 0.003
    at = _positions(ob.data)
    held = ob.vertex_groups.new(name="held")
    held.add(np.flatnonzero((at[:, 1] > 0.445) & (np.abs(at[:, 0]) < 0.11)).tolist(), 1.0, "REPLACE")
    settings.vertex_group_mass = "held"
    scene = bpy.context.scene
    cloth.point_cache.frame_start, cloth.point_cache.frame_end = 1, fabric.frames
    scene.frame_start, scene.frame_end = 1, fabric.frames
    for frame in range(1, fabric.frames + 1):
        scene.frame_set(frame)
    evaluated = ob.evaluated_get(bpy.context.evaluated_depsgraph_get())
    fallen = _positions(evaluated.to_mesh())
    evaluated.to_mesh_clear()
    for part in (garment, solid):
        bpy.data.objects.remove(part.object)
    scene.frame_set(1)
    return fallen


def _positions(mesh: bpy.types.Mesh) -> Array:
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", flat)
    return from_blender(flat.reshape(-1, 3))
