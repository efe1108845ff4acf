"""A pack from one still picture: no head mesh, no path tracer; a grid over the picture, and units that bend it."""

from pathlib import Path

import cv2
import numpy as np

from avatar.face import ARKIT, INDEX, FaceFrame
from avatar.mesh_renderer import MeshRenderer
from avatar.pack import Pack, load_pack, save_pack
from avatar.picture import Picture, Plane
from tests.avatar.packs import ATLAS, LENS, WIDE, tiny_pack

SIDE = 64
LEFT, TOP = 64, 40
"""Where the picture's first pixel lies on the canvas."""
MOUTH_ROW = 44
DEPTH = 0.08


def photograph() -> np.ndarray:
    """(64, 64) luma: a face as a child draws it, with a mouth."""
    face = np.full((SIDE, SIDE), 90, np.uint8)
    cv2.ellipse(face, (32, 32), (24, 29), 0, 0, 360, 170, -1)
    for x in (23, 41):
        cv2.circle(face, (x, 26), 4, 60, -1)
    cv2.line(face, (22, MOUTH_ROW), (42, MOUTH_ROW), 110, 2)
    return np.asarray(cv2.GaussianBlur(face, (0, 0), 1.0), np.uint8)


def still_pack(picture: np.ndarray) -> Pack:
    """The picture on a grid, cut along the mouth, with a dark patch behind the cut and one unit that opens it."""
    step = 4
    at = np.arange(2, SIDE - 1, step, dtype=np.float32)
    cut = int(np.searchsorted(at, MOUTH_ROW))
    rows = np.concatenate([at[: cut + 1], at[cut:]])  # the row of the mouth twice: two lips
    column, row = np.meshgrid(at, rows)
    metres = (LENS.distance - DEPTH) / LENS.focal
    points = np.stack(
        [
            (LEFT + column - LENS.centre_x) * metres,
            LENS.eye_y - (TOP + row - LENS.centre_y) * metres,
            np.full_like(column, DEPTH),
        ],
        -1,
    )
    number = np.arange(points[..., 0].size).reshape(column.shape)
    quads = np.stack([number[1:, :-1], number[1:, 1:], number[:-1, 1:], number[:-1, :-1]], -1)
    quads = np.delete(quads, cut, 0).reshape(-1, 4)
    behind = points[[cut - 1, cut + 3, cut + 3, cut - 1], [4, 4, 10, 10]] - (0, 0, 0.02)
    vertices = np.concatenate([points.reshape(-1, 3), behind[[0, 1, 2, 3]]]).astype(np.float32)
    first = number.size
    inner = np.array([[first, first + 1, first + 2, first + 3]])
    texels = np.concatenate([np.stack([column, row], -1).reshape(-1, 2), np.full((4, 2), 3.0)])
    corners = np.concatenate([quads, inner])
    triangles = np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]]).astype(np.int32)
    below = np.flatnonzero(np.arange(len(rows)).repeat(len(at)) > cut).astype(np.int32)
    atlas = np.zeros((ATLAS, ATLAS), np.uint8)
    atlas[:SIDE, :SIDE] = picture
    atlas[:6, :6] = 25
    return tiny_pack(
        vertices=vertices, follow=np.ones(len(vertices), np.float32), breath=np.zeros_like(vertices),
        lean=np.ones(len(vertices), np.float32), triangles=triangles,
        uvs=np.clip(texels[triangles], 1, ATLAS - 3).astype(np.float32), atlas_y=atlas,
        unit_starts=np.where(np.arange(len(ARKIT) + 1) > INDEX["jawOpen"], len(below), 0).astype(np.int32),
        unit_indices=below, unit_deltas=np.tile(np.array([[0, -0.02, 0]], np.float32), (len(below), 1)),
    )  # fmt: skip


def drawn(renderer: MeshRenderer, **weights: float) -> Plane:
    picture = Picture(renderer.width, renderer.height)
    renderer.prepare(picture)
    frame = FaceFrame()
    for name, weight in weights.items():
        frame[name] = weight
    renderer.draw(frame, picture)
    x, y = LEFT - WIDE.x0, TOP - WIDE.y0
    return picture.y[y : y + SIDE, x : x + SIDE].copy()


def test_a_still_picture_is_a_pack_that_opens_its_mouth(tmp_path: Path) -> None:
    photo = photograph()
    save_pack(still_pack(photo), tmp_path / "still.pack")
    renderer = MeshRenderer(load_pack(tmp_path / "still.pack"), WIDE.width, WIDE.height)
    rest = drawn(renderer)
    inside = slice(8, -8), slice(8, -8)
    assert np.abs(rest[inside].astype(int) - photo[inside]).max() <= 3
    opened = drawn(renderer, jawOpen=0.8)
    assert (opened[inside] < 40).sum() > 40 > (rest[inside] < 40).sum()
    assert np.abs(opened[8:40].astype(int) - rest[8:40]).max() <= 2
