"""Draws a host from its pack: exact geometry, the studio's light, one CPU core, straight into I420."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.errors import PackError
from avatar.face import FaceFrame
from avatar.pack import Box, Pack, View
from avatar.picture import Picture
from avatar.render import compose, edges, eyes, layers, light, pose, raster
from avatar.render.backdrop import backdrop
from avatar.render.limits import held

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

_AROUND: Final = 7
"""Cells across that the mesh may move within, about, against the hair."""
_WELL: Final = 0.006
"""Metres by which the mesh must come before the hair to count; less than hides it, for turns change depths."""


class MeshRenderer:
    """A :class:`avatar.renderer.Renderer` over a view of a :class:`avatar.pack.Pack`.

    The whole region is drawn anew every time, so any number of pictures may be in flight. The same frame always
    makes the same picture.
    """

    def __init__(self, pack: Pack, width: int, height: int, background: str | Path | None = None) -> None:
        """``background`` is as in :func:`avatar.hosts.load_host`.

        Raises:
            PackError: no view of this size, or a background that is none.
        """
        view = view_of(pack, width, height)
        self.width, self.height = width, height
        self.region: Box = region_of(pack, view)
        """All that :meth:`draw` may touch."""
        self.mouth_box: Box = _moved(pack.mouth_box, view)
        self.eye_boxes: tuple[Box, Box] = (_moved(pack.eye_boxes[0], view), _moved(pack.eye_boxes[1], view))
        self._backdrop = backdrop(pack.background, background, width, height)
        self._pose = _Pose(pack, view.x0 + self.region[0], view.y0 + self.region[1])
        self._pose.take(FaceFrame())
        self._light = _Light(pack)
        self._stage = _Stage(pack, view, self.region, self._backdrop, self._light, self._pose.screen)

    def prepare(self, picture: Picture) -> None:
        """Draw the background and the host at rest."""
        picture.y[:], picture.u[:], picture.v[:] = self._backdrop
        self.draw(FaceFrame(), picture)

    def draw(self, frame: FaceFrame, picture: Picture) -> None:
        self._pose.take(frame)
        self._light.follow(self._pose.weights, self._pose.angles)
        self._stage.draw(self._pose, picture)


class _Pose:
    """The frame last taken, held within what the host is made for, and where it puts everything."""

    def __init__(self, pack: Pack, left: int, top: int) -> None:
        """(left, top): the drawn region's place on the canvas."""
        self._pack = pack
        self._pivot = np.array(pack.pivot, np.float32)
        lens = pack.lens
        self.lens = np.array(
            [lens.focal, lens.centre_x - left, lens.centre_y - top, lens.distance, lens.eye_y], np.float32
        )
        self.foot = self.project(np.zeros(3, np.float32))
        """The point the torso leans about, pixels."""
        self._posed = np.empty_like(pack.vertices)
        self.screen = np.empty_like(pack.vertices)
        self.weights = np.zeros(len(pack.unit_starts) - 1, np.float32)
        self.angles = np.zeros(3, np.float32)
        self._eyes = np.array(pack.eye_centres, np.float32)
        self._spans = np.array(pack.eye_vertices, np.int64)
        self.balls = np.zeros((2, 15), np.float32)
        """Where the eyeballs are, as :func:`avatar.render.eyes.light_at` wants it."""
        low, high = pack.gloss_shade
        self.balls[:, 12:] = low, 1 / max(high - low, 1e-3), pack.gloss_bleach
        self.breath, self.lean = np.float32(0), np.float32(0)
        self.turn, self.offset = np.eye(3, dtype=np.float32), np.zeros(3, np.float32)
        """The head's whole motion: a point p goes to ``turn @ p + offset``."""

    def take(self, frame: FaceFrame) -> None:
        pack, pivot = self._pack, self._pivot
        numbers = held(frame)
        self.weights, self.angles, shift = numbers[:-8], numbers[-8:-5], numbers[-5:-2]
        self.breath, self.lean = numbers[-2:]
        rotation = pose.rotation_matrix(self.angles)
        leaned = np.array([[1, -self.lean, 0], [self.lean, 1, 0], [0, 0, 1]], np.float32)
        self.turn = leaned @ rotation
        self.offset = leaned @ (pivot + shift - rotation @ pivot)
        pose.pose(pack.vertices, pack.unit_starts, pack.unit_indices, pack.unit_deltas, self.weights, self._posed)
        eyes.turn_eyes(self._posed, self._spans, self._eyes, eyes.gaze(self.weights))
        pose.move_and_project(
            self._posed, pack.follow, pack.breath, pack.lean, pivot, rotation, shift, self.breath, self.lean, self.lens,
            self.screen,
        )  # fmt: skip
        for eye, (ball, radius) in enumerate(zip(self.balls, pack.eye_radii, strict=True)):
            centre = self.turn @ self._eyes[eye] + self.offset
            ball[:2], ball[3:12] = self.project(centre), self.turn.ravel()
            ball[2] = radius * self.lens[0] / (self.lens[3] - centre[2])

    def project(self, point: Floats) -> Floats:
        """(2,) column and row in the drawn region of a point (3,) in metres."""
        focal, x, y, distance, eye_y = self.lens
        scale = focal / (distance - point[2])
        return np.array([x + scale * point[0], y - scale * (point[1] - eye_y)], np.float32)


class _Light:
    """The atlas, lit for the face last followed."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self.luma = pack.atlas_y.copy()
        cb, cr = (pack.atlas_uv[..., k].astype(np.uint32) for k in (0, 1))
        self.chroma = cb | cr << np.uint32(16)
        self._base = light.resting_blocks(pack.atlas_y, pack.atlas_uv, pack.light_blocks)
        self._inputs = np.empty(pack.light_metric.shape[2], np.float32)
        self._coefficients = np.zeros(len(pack.light_limits), np.float32)
        self._kept = np.full(len(pack.light_ids), np.iinfo(np.int32).max, np.int32)
        self.shades = pack.shade_rest.copy()
        """Factors on the colours of the eyeballs."""

    def follow(self, weights: Floats, angles: Floats) -> None:
        pack = self._pack
        self._inputs[: len(weights)], self._inputs[len(weights) :] = weights, angles
        light.coefficients(
            pack.light_metric, pack.light_centres, pack.light_kernel, pack.light_linear, pack.light_limits,
            self._inputs, self._coefficients,
        )  # fmt: skip
        light.relight(
            pack.light_blocks, pack.light_starts, pack.light_ids, pack.light_scales, pack.light_steps,
            self._coefficients, self._base, self._kept, self.luma, self.chroma,
        )  # fmt: skip
        eyes.shade(
            pack.shade_rest, pack.shade_ids, pack.shade_scales, pack.shade_steps, self._coefficients, self.shades
        )


class _Stage:
    """All that is drawn on, and what is drawn: the mesh, and the layers before and behind it."""

    def __init__(
        self, pack: Pack, view: View, region: Box, planes: tuple[Bytes, Bytes, Bytes], atlas: _Light, rest: Floats
    ) -> None:
        """``rest`` (n, 3) is where the vertices are on the screen when the face is at rest."""
        self._pack, self._region = pack, region
        x0, y0, x1, y1 = region
        cells = -(-(y1 - y0) // raster.CELL), -(-(x1 - x0) // raster.CELL)
        h, w = cells[0] * raster.CELL, cells[1] * raster.CELL
        luma, cb, cr = (
            cells_of(plane, x0 // k, y0 // k, w // k, h // k).reshape(-1)
            for plane, k in zip(planes, (1, 2, 2), strict=True)
        )
        self._backdrop = compose.Backdrop(luma, cb, cr, w)
        self._mesh = _mesh(pack, atlas, rest)
        self._work = compose.make_work(self._mesh, h, w)
        left, top = view.x0 + x0, view.y0 + y0
        self._back = _Sheet(pack.back, pack.back_uv, pack.head_box, left, top, cells, endless=False)
        self._front = _Sheet(pack.front, pack.front_uv, pack.head_box, left, top, cells, endless=False)
        self._body = _Sheet(pack.body, pack.body_uv, pack.body_box, left, top, cells, endless=True)
        self._work.never[:] = self._overlaps(rest, h, w)
        self._breath_x, self._breath_y = (np.ascontiguousarray(pack.body_breath[..., k]) for k in (0, 1))

    def _overlaps(self, rest: Floats, h: int, w: int) -> Bytes:
        """(cells, cells): 1 where a turn of the head may bring some of the mesh before the front hair."""
        pack = self._pack
        near = raster.draw_alone(pack.triangles, rest, pack.uvs, h, w)
        depth = np.where(near == raster.EMPTY, np.float32(pose.DEPTH_RANGE), raster.unpack(near)[1])
        cells = depth.reshape(h // raster.CELL, raster.CELL, w // raster.CELL, raster.CELL).min((1, 3))
        nearest = cv2.erode(cells, np.ones((_AROUND, _AROUND), np.uint8))
        deepest = cv2.dilate(pack.front_depth - np.float32(pack.lens.distance), np.ones((3, 3), np.uint8))
        at = (
            np.clip(np.arange(count) - round(start / raster.CELL), 0, there - 1)
            for count, start, there in zip(cells.shape, (self._front.top, self._front.left), deepest.shape, strict=True)
        )
        return (nearest < deepest[np.ix_(*at)] - _WELL).astype(np.uint8)

    def draw(self, at: _Pose, picture: Picture) -> None:
        pack, mesh = self._pack, self._mesh
        back, body, front = self._back, self._body, self._front
        for sheet, reach, depth in (
            (back, pack.back_reach, pack.back_reach), (front, pack.front_reach, pack.front_depth)
        ):  # fmt: skip
            layers.warp_head(
                reach, depth, sheet.content, at.turn, at.offset, at.lens, sheet.left, sheet.top, sheet.span,
                sheet.grid, sheet.deep,
            )  # fmt: skip
            layers.survey(sheet.bounds, sheet.grid, sheet.span, sheet.least_most)
        layers.warp_body(
            self._breath_x, self._breath_y, pack.body_lean, body.content, at.breath, at.lean, at.foot[0], at.foot[1],
            body.left, body.top, body.span, body.grid,
        )  # fmt: skip
        layers.survey(body.bounds, body.grid, body.span, body.least_most)
        mesh.balls[:] = at.balls
        x0, y0, x1, y1 = self._region
        planes = picture.y.reshape(-1), picture.u.reshape(-1), picture.v.reshape(-1)
        target = compose.Target(*planes, picture.width, x0, y0, x1 - x0, y1 - y0)
        compose.compose(self._backdrop, back.flat, mesh, at.screen, body.flat, front.flat, self._work, target)


def _mesh(pack: Pack, atlas: _Light, rest: Floats) -> compose.Mesh:
    order = raster.reading_order(pack.triangles, rest)
    triangles = np.ascontiguousarray(pack.triangles[order])
    sides, ends = edges.mesh_edges(triangles)
    return compose.Mesh(
        triangles=triangles,
        uvs=raster.fixed_uvs(pack.uvs[order]),
        sides=sides,
        ends=ends,
        lash_triangles=pack.lash_triangles,
        lash_uvs=pack.lash_uvs,
        lash_opacity=pack.lash.astype(np.float32) / np.float32(255),
        lash=np.array(pack.lash_colour, np.float32),
        luma=atlas.luma.reshape(-1),
        chroma=atlas.chroma,
        gloss=np.pad(pack.gloss.astype(np.float32), ((0, 0), (1, 1), (1, 1))),
        shades=atlas.shades,
        balls=np.zeros((2, 15), np.float32),
        charts=np.array(pack.eye_charts, np.int64) * 256 - 128,
    )


class _Sheet:
    """A layer, the grid it is read on, and which cells it can reach."""

    def __init__(
        self, pixels: Bytes, chroma: Bytes, box: Box, left: int, top: int, cells: tuple[int, int], endless: bool
    ) -> None:
        """``box`` and (left, top), the drawn region's place, on the canvas."""
        made = layers.make_layer(pixels, chroma, endless)
        self.bounds = made.bounds
        self.left, self.top = box[0] - left, box[1] - top
        self.content = made.content
        self.span = np.zeros(4, np.int64)
        self.grid = np.zeros((cells[0] + 1, cells[1] + 1, 2), np.float32)
        self.deep = np.zeros((cells[0] + 1, cells[1] + 1), np.float32)
        self.least_most = np.zeros((*cells, 2), np.uint8)
        h, w = made.luma.shape
        planes = (made.luma, made.opacity, made.cb, made.cr, made.half_opacity)
        flat_luma, flat_opacity, cb, cr, half_opacity = (plane.reshape(-1) for plane in planes)
        self.flat = compose.Flat(
            flat_luma, flat_opacity, cb, cr, half_opacity, (h, w), self.grid, self.deep, self.least_most
        )


def view_of(pack: Pack, width: int, height: int) -> View:
    for view in pack.views.values():
        if (view.width, view.height) == (width, height):
            return view
    sizes = ", ".join(f"{view.width}x{view.height}" for view in pack.views.values())
    raise PackError(f"host {pack.name!r} is made for {sizes}, not {width}x{height}")


def region_of(pack: Pack, view: View) -> Box:
    """What of a view can change, from whole cells on."""
    boxes = [_moved(box, view) for box in (pack.head_box, pack.body_box)]
    x0, y0 = (min(box[k] for box in boxes) // raster.CELL * raster.CELL for k in (0, 1))
    x1, y1 = (-(-max(box[k] for box in boxes) // raster.CELL) * raster.CELL for k in (2, 3))
    return max(0, x0), max(0, y0), min(view.width, x1), min(view.height, y1)


def _moved(box: Box, view: View) -> Box:
    """A box of the canvas in the pixels of a view."""
    return box[0] - view.x0, box[1] - view.y0, box[2] - view.x0, box[3] - view.y0


def cells_of(plane: Bytes, x0: int, y0: int, width: int, height: int) -> Bytes:
    """A part of a plane, going on beyond its edges as it is there."""
    part = plane[y0 : y0 + height, x0 : x0 + width]
    return np.pad(part, ((0, height - part.shape[0]), (0, width - part.shape[1])), mode="edge")
