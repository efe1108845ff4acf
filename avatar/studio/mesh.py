"""The mesh that is drawn live: fine where the surface bends, coarse elsewhere, laid out in an atlas."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import bpy
import numpy as np

from avatar.face import ARKIT, FaceFrame
from avatar.studio import person
from avatar.studio.base_mesh import Array
from avatar.studio.camera import Box, Camera
from avatar.studio.person import Landmarks
from avatar.studio.piece import LASHES, Piece
from avatar.studio.raster import Drawn
from avatar.studio.scene import Part, from_blender
from avatar.studio.studio import Studio

FLAT: Final = 0.55
"""Pixels by which a coarse quad may miss the surface."""
SLIDE: Final = 1.2
"""Pixels by which it may slide along the surface."""
TURN: Final = 0.14
"""Sine of the head's turn, which brings depth into view."""
TIGHT: Final = 0.62
"""Share of a zone, its middle, where lids lie on eyes and lips on teeth."""
GUTTER: Final = 5
DENSITY: Final = {"mouth": 1.7, "eye": 2.0, "": 1.2}
"""Texels a pixel at rest."""


@dataclass(slots=True)
class Polygons:
    """A part as it stands, subdivided."""

    vertices: Array
    """(n, 3) host axes."""
    quads: Array
    """(q, 4) vertices."""
    uvs: Array
    """(q, 4, 2)."""


def polygons(part: Part, levels: int) -> Polygons:
    modifier = part.object.modifiers.get("smooth")
    before = modifier.levels
    modifier.levels = levels
    mesh = part.object.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    vertices = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", vertices)
    loops = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", loops)
    uvs = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers[0].data.foreach_get("uv", uvs)
    part.object.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh_clear()
    modifier.levels = before
    return Polygons(from_blender(vertices.reshape(-1, 3)).astype(float), loops.reshape(-1, 4), uvs.reshape(-1, 4, 2))


def pieces(studio: Studio, camera: Camera) -> list[Piece]:
    """Every part at the fineness it needs, with what each unit adds to it."""
    marks = Landmarks.of(studio.who)
    parts = [studio.skin, *studio.eyes, studio.teeth, studio.tongue, *studio.lashes]
    studio.pose(FaceFrame())
    rest = {p.name: polygons(p, 1) for p in parts}
    units = {name: np.zeros((len(ARKIT), *q.vertices.shape), np.float32) for name, q in rest.items()}
    for k in range(len(ARKIT)):
        frame = FaceFrame()
        frame.weights[k] = 1
        for part in parts:
            if np.abs(studio.who.units[k][part.indices]).max() > 1e-5:
                part.pose(studio.who.posed(frame.weights.astype(float)))
                units[part.name][k] = polygons(part, 1).vertices - rest[part.name].vertices
                part.pose(studio.who.base.vertices)
    out = []
    for part in parts:
        q = rest[part.name]
        triangles, uvs = _thin(q, units[part.name], camera, marks)
        eye = person.EYES.index(part.name) if part.name in person.EYES else None
        out.append(Piece(part.name, q.vertices, units[part.name], triangles, uvs, np.zeros(len(triangles), int), eye))
    return out


def _thin(q: Polygons, units: Array, camera: Camera, marks: Landmarks) -> tuple[Array, Array]:
    """Triangles (t, 3) and their UVs: four fine quads where the surface bends, one coarse polygon where it is flat.

    A coarse polygon keeps the midpoints that it shares with fine neighbours, so that no crack opens.
    """
    base = int(q.quads.min(1).max()) + 1  # subdivision keeps the base mesh's vertices first
    faces: dict[int, list[int]] = defaultdict(list)
    for number, quad in enumerate(q.quads):
        faces[int(quad.max())].append(number)  # and the middles of its faces last
    scale = camera.focal / camera.distance
    shapes = [q.vertices] + [q.vertices + 0.7 * u for u in units if np.abs(u).max() > 1e-5]
    rings: dict[int, list[tuple[int, Array]]] = {}
    coarse: dict[int, bool] = {}
    for middle, members in faces.items():
        ring: dict[int, tuple[int, int, dict[int, Array]]] = {}
        for number in members:
            quad = [int(v) for v in q.quads[number]]
            at = dict(zip(quad, q.uvs[number], strict=True))
            k = next(i for i, v in enumerate(quad) if v < base)
            ring[quad[k - 1]] = (quad[k], quad[(k + 1) % 4], at)
        start = next(iter(ring))
        loop: list[tuple[int, Array]] = []
        here = start
        while True:
            corner, after, at = ring[here]
            loop += [(here, at[here]), (corner, at[corner])]
            here = after
            if here == start or here not in ring:
                break
        rings[middle] = loop
        if here != start or len(loop) != 8:
            coarse[middle] = False
            continue
        corners, mids = [v for v, _ in loop[1::2]], [v for v, _ in loop[0::2]]
        if marks.zone(q.vertices[middle][None], TIGHT)[0]:  # parts lie closer to each other than flatness allows
            coarse[middle] = False
            continue
        worst = 0.0
        for shape in shapes:
            ends = shape[corners]
            edge = (ends + np.roll(ends, 1, 0)) / 2
            off = np.concatenate([shape[mids] - edge, (shape[middle] - ends.mean(0))[None]])
            normal = np.cross(ends[2] - ends[0], ends[3] - ends[1])
            normal /= np.linalg.norm(normal) + 1e-12
            away = np.abs(off @ normal) * (np.hypot(normal[0], normal[1]) + TURN * abs(normal[2]))
            worst = max(worst, away.max(), np.linalg.norm(off, axis=1).max() * FLAT / SLIDE)
            if worst * scale > FLAT:
                break
        coarse[middle] = bool(worst * scale <= FLAT)
    fine_mids = {v for middle, loop in rings.items() if not coarse[middle] for v, _ in loop[0::2]}
    triangles: list[tuple[int, int, int]] = []
    uvs: list[tuple[Array, Array, Array]] = []
    for middle, members in faces.items():
        if coarse[middle]:
            loop = [(v, uv) for k, (v, uv) in enumerate(rings[middle]) if k % 2 or v in fine_mids]
            polys = [loop]
        else:
            polys = [[(int(v), uv) for v, uv in zip(q.quads[n], q.uvs[n], strict=True)] for n in members]
        for poly in polys:
            first = next((k for k, (v, _) in enumerate(poly) if v in fine_mids), 0) if len(poly) > 4 else 0
            poly = poly[first:] + poly[:first]
            for k in range(1, len(poly) - 1):
                trio = poly[0], poly[k], poly[k + 1]
                triangles.append((trio[0][0], trio[1][0], trio[2][0]))
                uvs.append((trio[0][1], trio[1][1], trio[2][1]))
    return np.array(triangles, np.int32), np.array(uvs, np.float32)


def visible(found: list[Piece], poses: list[list[Array]], box: Box, hidden: Array) -> list[Piece]:
    """Leave out what no pose shows, but keep its neighbours, so that no pose between two tried ones opens a hole.

    ``poses``: for each, each piece's vertices on the screen, (n, 3). ``hidden`` (h, w) bool over ``box``: what clothes
    always cover.
    """
    starts = np.cumsum([0] + [len(p.triangles) for p in found])
    seen = np.zeros(starts[-1], bool)
    shape = (box.y1 - box.y0, box.x1 - box.x0)
    for screens in poses:
        corners = np.concatenate([
            s[p.triangles] + (1e6 if p.name in LASHES else 0)  # seen through
            for p, s in zip(found, screens, strict=True)
        ])  # fmt: skip
        owner = Drawn(corners, (box.x0, box.y0), shape).owner
        seen[np.unique(owner[(owner >= 0) & ~hidden])] = True
    out = []
    for k, piece in enumerate(found):
        mine = seen[starts[k] : starts[k + 1]]
        touched = np.zeros(len(piece.vertices), bool)
        touched[piece.triangles[mine]] = True
        keep = touched[piece.triangles].any(1) if piece.name not in LASHES else np.ones(len(mine), bool)
        used = np.unique(piece.triangles[keep])
        place = np.full(len(piece.vertices), -1, np.int32)
        place[used] = np.arange(len(used))
        out.append(
            Piece(
                piece.name,
                piece.vertices[used],
                piece.units[:, used],
                place[piece.triangles[keep]],
                piece.uvs[keep],
                piece.charts[keep],
                piece.eye,
            )
        )
    return out


# --- the atlas ---------------------------------------------------------------------------------------------------


def lay_out(
    found: list[Piece], camera: Camera, who: person.Person, eye_texels: int = 192
) -> tuple[tuple[int, int], list[tuple[int, ...]]]:
    """Give every triangle its place in an atlas; returns its shape (rows, columns) and the eyeballs' charts."""
    marks = Landmarks.of(who)
    charts: list[tuple[Piece, Array, Array]] = []
    for piece in found:
        if piece.name in LASHES:
            continue
        screen = camera.project(piece.vertices.astype(np.float32))[piece.triangles][..., :2]
        if piece.eye is not None:
            flat = _eye_chart(piece, who.eye_centres[piece.eye], eye_texels)
            charts.append((piece, np.arange(len(piece.triangles)), flat))
            continue
        flipped = np.stack([piece.uvs[..., 0], 1 - piece.uvs[..., 1]], -1).astype(float)
        zones = marks.zone(piece.vertices[piece.triangles].mean(1)) if piece.name == "skin" else None
        labels = _islands(piece.triangles, piece.uvs, zones)
        for label in np.unique(labels):
            mine = np.flatnonzero(labels == label)
            zone = str(zones[mine[0]]) if zones is not None else "mouth"
            uv_area = np.abs(_area(flipped[mine])).sum()
            seen = np.abs(_area(screen[mine])).sum()
            solid = _solid_area(piece.vertices[piece.triangles[mine]]) * (camera.focal / camera.distance) ** 2
            want = DENSITY[zone] * np.sqrt(max(seen, 0.45 * solid) / max(uv_area, 1e-12))
            charts.append((piece, mine, flipped[mine] * want))
    order = sorted(charts, key=lambda c: -np.ptp(c[2][..., 1]))
    width = 1024
    x = y = tall = 0
    eyes: list[tuple[int, ...]] = []
    for number, (piece, mine, uv) in enumerate(order):
        piece.charts[mine] = number
        low, size = uv.reshape(-1, 2).min(0), np.ptp(uv.reshape(-1, 2), axis=0)
        w, h = (int(np.ceil(s)) + 2 * GUTTER for s in size)
        width = max(width, w)
        if x + w > width:
            x, y, tall = 0, y + tall, 0
        piece.uvs[mine] = uv - low + (x + GUTTER, y + GUTTER)
        if piece.eye is not None:
            eyes.append((x, y, x + w, y + h, piece.eye))
        x, tall = x + w, max(tall, h)
    shape = (-(-(y + tall) // 16) * 16, -(-width // 16) * 16)
    return shape, [e[:4] for e in sorted(eyes, key=lambda e: e[4])]


def _eye_chart(piece: Piece, centre: Array, texels: int) -> Array:
    """An eyeball laid flat around its front pole: distance from the chart's middle is the angle from the pole."""
    away = (piece.vertices - centre) / np.linalg.norm(piece.vertices - centre, axis=1, keepdims=True)
    angle = np.arccos(np.clip(away[:, 2], -1, 1))
    ray = away[:, :2] / np.maximum(np.linalg.norm(away[:, :2], axis=1, keepdims=True), 1e-9)
    flat = ray * (np.minimum(angle, 1.9) / np.radians(85))[:, None] * (texels / 2) * (1, -1)
    return np.asarray(flat[piece.triangles])


def _islands(triangles: Array, uvs: Array, zones: Array | None) -> Array:
    """(t,) numbers: triangles that share an edge, both its UVs and their zone are of one chart."""
    keys: dict[tuple[object, ...], int] = {}
    parent = np.arange(len(triangles))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for t in range(len(triangles)):
        zone = zones[t] if zones is not None else ""
        for k in range(3):
            for_vertex = (int(triangles[t, k]), *np.round(uvs[t, k], 5).tolist(), zone)
            other = keys.setdefault(for_vertex, t)
            parent[root(t)] = root(other)
    return np.array([root(t) for t in range(len(triangles))])


def _area(corners: Array) -> Array:
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2)


def _solid_area(corners: Array) -> float:
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return float(np.linalg.norm(np.cross(a, b), axis=1).sum() / 2)
