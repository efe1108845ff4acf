"""What lies behind the host: rooms built of boxes, path-traced out of focus."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import bpy
import numpy as np
import numpy.typing as npt

from avatar.studio import darkroom, materials, scene
from avatar.studio.camera import Camera
from avatar.studio.scene import to_blender

SIDE: Final = 720
"""Pixels of a picture along the canvas' width; it is soft enough for that."""
STOP: Final = 2.2
"""The lens' f-number: what blurs the room."""
FOCUS: Final = 0.1
"""z of what is sharp, metres."""
_EDITION: Final = 1
_SAMPLES: Final = 96


def picture(name: str, camera: Camera, folder: Path) -> npt.NDArray[np.float32]:
    """(h, w, 3) display-referred R'G'B' in [0, 1] of a room by its name, kept in ``folder``; clears Blender's scene."""
    seen = f"{camera.focal:g}-{camera.distance:g}-{camera.eye_y:g}-{camera.centre_y:g}"
    path = folder / f"set-{name}-{_EDITION}-{camera.width}x{camera.height}-{seen}.png"
    if not path.exists():
        scene.reset()
        ROOMS[name]()
        scale = SIDE / camera.width
        height = round(camera.height * scale)
        small = Camera(SIDE, height, camera.focal * scale, camera.distance, camera.eye_y, camera.centre_y * scale)
        scene.place_camera(small)
        lens = bpy.context.scene.camera.data
        lens.dof.use_dof, lens.dof.focus_distance = True, camera.distance - FOCUS
        lens.dof.aperture_fstop, lens.dof.aperture_blades = STOP, 0
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.png")
        scene.render(part, small, _SAMPLES)
        part.rename(path)
    return darkroom.read(path)[..., :3]


def _box(low: tuple[float, float, float], high: tuple[float, float, float], material: Any) -> None:
    a, b = np.array(low), np.array(high)
    corners = np.array([[(a, b)[i][0], (a, b)[j][1], (a, b)[k][2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new("box")
    mesh.from_pydata(to_blender(corners).tolist(), [], sides)
    mesh.materials.append(material)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("box", mesh))


def _paint(name: str, colour: tuple[float, float, float], roughness: float = 0.6, **more: Any) -> Any:
    return materials.principled(name, Base_Color=colour, Roughness=roughness, **more)[0]


def _glow(name: str, colour: tuple[float, float, float], strength: float) -> Any:
    return materials.principled(name, Base_Color=(0, 0, 0), Emission_Color=colour, Emission_Strength=strength)[0]


def _lamp(place: tuple[float, float, float], size: float, watts: float, colour: tuple[float, float, float]) -> None:
    data = bpy.data.lights.new("lamp", "AREA")
    data.size, data.energy, data.color = size, watts, colour
    ob = bpy.data.objects.new("lamp", data)
    ob.location = to_blender(np.array(place))
    bpy.context.scene.collection.objects.link(ob)


def _disc(centre: tuple[float, float, float], radius: float, material: Any, flat: float = 1.0) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(radius=radius, location=to_blender(np.array(centre)).tolist())
    ob = bpy.context.object
    ob.scale = (1, 1, flat)
    ob.data.materials.append(material)
    ob.data.polygons.foreach_set("use_smooth", np.ones(len(ob.data.polygons), bool))


def _office() -> None:
    """A lawyer's: a window with blinds, a panelled wall, shelves of volumes, a lamp, a plant."""
    rng = np.random.default_rng(5)
    back = -2.7
    _box((-2.5, -1.5, back - 0.1), (2.5, 2.2, back), _paint("wall", (0.42, 0.38, 0.33), 0.8))
    panel = _paint("panel", (0.20, 0.125, 0.075), 0.45)
    _box((-2.5, -1.5, back), (2.5, 0.18, back + 0.03), panel)
    for k in range(-9, 9):
        _box((k * 0.27 + 0.02, -1.4, back + 0.03), (k * 0.27 + 0.25, 0.12, back + 0.045), panel)
    _window(back)
    _shelves(back, rng)
    shade, brass = _glow("shade", (1.0, 0.74, 0.45), 3.2), _paint("brass", (0.65, 0.45, 0.18), 0.3, Metallic=1.0)
    _disc((0.245, 0.40, back + 0.25), 0.060, shade, 0.8)
    _box((0.240, 0.12, back + 0.24), (0.250, 0.36, back + 0.26), brass)
    _box((-0.1, 0.09, back), (0.36, 0.12, back + 0.40), panel)
    leaf, pot = _paint("leaf", (0.035, 0.085, 0.028), 0.5), _paint("pot", (0.45, 0.42, 0.38), 0.4)
    _box((-0.80, 0.16, back + 0.10), (-0.64, 0.30, back + 0.26), pot)
    for _ in range(150):
        a, r = rng.uniform(0, 2 * math.pi), 0.17 * rng.random() ** 0.5
        x, y = -0.72 + r * math.cos(a), 0.42 + 0.9 * r * math.sin(a)
        _disc((x, y, back + 0.18 + 0.1 * rng.normal()), rng.uniform(0.016, 0.036), leaf, 0.35)
    _lamp((0.3, 2.0, -1.0), 1.6, 60, (1.0, 0.93, 0.84))
    scene.surround((0.10, 0.10, 0.11))


def _window(back: float) -> None:
    frame = _paint("frame", (0.70, 0.69, 0.66), 0.5)
    _box((-1.30, 0.16, back + 0.001), (-0.44, 1.70, back + 0.02), _glow("sky", (0.80, 0.90, 1.0), 1.15))
    for x in (-1.32, -0.90, -0.45):
        _box((x, 0.12, back), (x + 0.035, 1.74, back + 0.06), frame)
    for y in (0.12, 0.72, 1.30):
        _box((-1.32, y, back), (-0.41, y + 0.03, back + 0.06), frame)
    slat = _paint("slat", (0.80, 0.79, 0.76), 0.7)
    for k in range(42):
        y = 0.20 + k * 0.036
        _box((-1.28, y, back + 0.075), (-0.46, y + 0.010, back + 0.10), slat)
    _box((-0.42, -1.0, back + 0.06), (-0.30, 1.9, back + 0.14), _paint("curtain", (0.56, 0.51, 0.44), 0.9))
    _lamp((-0.9, 0.9, back + 0.9), 0.8, 22, (0.86, 0.93, 1.0))


def _shelves(back: float, rng: np.random.Generator) -> None:
    wood = _paint("wood", (0.13, 0.072, 0.038), 0.4)
    left, right, front = 0.36, 1.5, back + 0.30
    _box((left, -1.4, back), (right, 1.9, back + 0.02), wood)
    for x in (left, 0.86, right):
        _box((x, -1.4, back), (x + 0.03, 1.9, front), wood)
    covers = [(0.13, 0.035, 0.03), (0.05, 0.07, 0.055), (0.045, 0.055, 0.085), (0.26, 0.20, 0.13), (0.42, 0.37, 0.31)]
    paints = [_paint(f"cover{k}", c, 0.5) for k, c in enumerate(covers)]
    gold = _paint("gold", (0.70, 0.50, 0.20), 0.35, Metallic=0.8)
    for floor in np.arange(-1.3, 1.8, 0.31):
        _box((left, floor, back), (right, floor + 0.022, front), wood)
        x = left + 0.05
        while x < right - 0.06:
            run, cover = int(rng.integers(3, 9)), paints[int(rng.integers(len(paints)))]
            tall = rng.uniform(0.20, 0.26)
            for _ in range(run):
                width = rng.uniform(0.026, 0.045)
                if x + width > right - 0.02:
                    break
                y, z = floor + 0.022, front - rng.uniform(0.03, 0.05)
                _box((x, y, back + 0.02), (x + width - 0.003, y + tall, z), cover)
                for band in (0.18, 0.78):
                    _box((x, y + band * tall, z), (x + width - 0.003, y + band * tall + 0.009, z + 0.001), gold)
                x += width
            x += rng.uniform(0.0, 0.07)


def _gallery() -> None:
    """A museum's: a dark green wall with a rail, pictures in gilded frames, a bronze vase on a plinth, spotlights."""
    rng = np.random.default_rng(11)
    back = -2.7
    _box((-2.5, -1.5, back - 0.1), (2.5, 2.4, back), _paint("wall", (0.070, 0.105, 0.098), 0.85))
    wood = _paint("wainscot", (0.085, 0.050, 0.030), 0.5)
    _box((-2.5, -1.5, back), (2.5, -0.14, back + 0.03), wood)
    _box((-2.5, -0.14, back), (2.5, -0.10, back + 0.05), wood)
    gold = _paint("gilt", (0.62, 0.42, 0.16), 0.32, Metallic=0.9)
    _framed((-0.98, 0.16), (-0.26, 0.86), back, gold, rng)
    _framed((0.30, 0.66), (0.62, 1.10), back, gold, rng)
    _framed((0.74, 0.44), (1.20, 1.02), back, gold, rng)
    stone = _paint("stone", (0.55, 0.53, 0.49), 0.7)
    _box((0.36, -1.5, back + 0.30), (0.66, 0.10, back + 0.60), stone)
    bronze = _paint("bronze", (0.24, 0.135, 0.060), 0.38, Metallic=0.85)
    for y, radius, tall in ((0.125, 0.055, 0.5), (0.20, 0.085, 0.95), (0.285, 0.050, 0.9), (0.345, 0.062, 0.28)):
        _disc((0.51, y, back + 0.45), radius, bronze, tall)
    for x, watts in ((-0.62, 34), (0.46, 26), (0.95, 14)):
        _lamp((x, 1.75, back + 0.85), 0.22, watts, (1.0, 0.86, 0.68))
    _lamp((0.0, 2.2, 0.2), 1.8, 26, (1.0, 0.94, 0.86))
    scene.surround((0.035, 0.036, 0.040))


def _framed(
    low: tuple[float, float], high: tuple[float, float], back: float, gold: Any, rng: np.random.Generator
) -> None:
    """A landscape in a frame: sky, a line of hills, water, as bands that wander."""
    (x0, y0), (x1, y1), wide = low, high, 0.045
    _box((x0, y0, back), (x1, y1, back + 0.03), gold)
    _box((x0 + 0.6 * wide, y0 + 0.6 * wide, back + 0.03), (x1 - 0.6 * wide, y1 - 0.6 * wide, back + 0.034), gold)
    left, right, bottom, top = x0 + wide, x1 - wide, y0 + wide, y1 - wide
    bands = [
        ((0.36, 0.42, 0.46), 1.0), ((0.52, 0.45, 0.33), 0.72), ((0.16, 0.20, 0.17), 0.52), ((0.10, 0.13, 0.08), 0.40),
        ((0.20, 0.24, 0.24), 0.24), ((0.13, 0.09, 0.05), 0.10),
    ]  # fmt: skip
    tint, columns = rng.uniform(0.8, 1.15, 3), 24
    width = (right - left) / columns
    for n, (colour, share) in enumerate(bands):
        paint = _paint("oil", tuple(float(c * t) for c, t in zip(colour, tint, strict=True)), 0.5)  # type: ignore[arg-type]
        line = share + (
            0.04 * np.cumsum(rng.normal(0, 0.5, columns)).clip(-1.5, 1.5) if 0 < n < 5 else np.zeros(columns)
        )
        for k in range(columns):
            height = bottom + (top - bottom) * float(np.clip(line[k], 0, 1))
            z = back + 0.034 + 0.001 * (n + 1)
            _box((left + k * width, bottom, back + 0.03), (left + (k + 1) * width, height, z), paint)


ROOMS: Final[dict[str, Callable[[], None]]] = {"office": _office, "gallery": _gallery}
