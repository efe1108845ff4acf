"""A host small enough to reason about: a flat face whose lower half drops, a dark mouth behind it, two flat eyes."""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from avatar.face import ARKIT, INDEX
from avatar.pack import GRID, INPUTS, Lens, Pack, View, grid_nodes

CANVAS: Final = (192, 192)
WIDE, TALL = View(0, 16, 192, 108), View(42, 0, 108, 192)
LENS: Final = Lens(1000.0, 96.0, 80.0, 2.5, 0.56)
HEAD_BOX: Final = (32, 16, 160, 144)
BODY_BOX: Final = (16, 90, 176, 192)
DROP: Final = 0.04
"""Metres the lower half of the face drops at jawOpen 1."""
SKIN, MOUTH, EYE, HAIR, CLOTH, BACKDROP = 150, 30, 200, 60, 100, 40
"""Luma of each thing."""
ATLAS: Final = 64
_CHARTS: Final = {"skin": (2, 2, 30, 30), "mouth": (34, 2, 62, 30), "left": (2, 34, 14, 46), "right": (18, 34, 30, 46)}
EYES: Final = ((0.04, 0.59, 0.085), (-0.04, 0.59, 0.085))
_EYE_SIDE: Final = 0.024


def rectangle(x0: float, y0: float, x1: float, y1: float, z: float) -> np.ndarray:
    return np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]], np.float32)


def tiny_pack(**changes: Any) -> Pack:
    """The host, with no light, hair or lashes until ``changes`` bring them."""
    centre, (ex, ey, ez), half = 0.54, EYES[0], _EYE_SIDE / 2
    parts = [
        ("skin", rectangle(-0.1, centre, 0.1, 0.68, 0.08)),
        ("skin", rectangle(-0.1, 0.42, 0.1, centre, 0.08)),
        ("mouth", rectangle(-0.06, 0.46, 0.06, 0.58, 0.02)),
        ("left", rectangle(ex - half, ey - half, ex + half, ey + half, ez)),
        ("right", rectangle(-ex - half, ey - half, -ex + half, ey + half, ez)),
    ]
    vertices = np.concatenate([points for _, points in parts])
    triangles = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * i for i in range(len(parts))])
    uvs = []
    for name, _ in parts:
        u0, v0, u1, v1 = _CHARTS[name]
        corners = np.array([[u0, v1], [u1, v1], [u1, v0], [u0, v0]], np.float32)
        uvs += [corners[[0, 1, 2]], corners[[0, 2, 3]]]
    jaw = INDEX["jawOpen"]
    starts = np.where(np.arange(len(ARKIT) + 1) > jaw, 4, 0).astype(np.int32)
    atlas = np.full((ATLAS, ATLAS), SKIN, np.uint8)
    atlas[:32, 32:], atlas[32:, :32] = MOUTH, EYE
    n = len(vertices)
    pack = Pack(
        name="tiny", title="Tiny", credits="made for a test", lens=LENS, pivot=(0.0, 0.5, 0.0), canvas=CANVAS,
        views={"16:9": WIDE, "9:16": TALL}, head_box=HEAD_BOX, body_box=BODY_BOX, mouth_box=(70, 70, 122, 120),
        eye_boxes=((100, 50, 124, 80), (68, 50, 92, 80)), eye_centres=EYES,
        eye_radii=(0.014, 0.014), eye_vertices=((12, 16), (16, 20)),
        eye_charts=(_CHARTS["left"], _CHARTS["right"]), gloss_shade=(0.2, 0.6), gloss_bleach=0.0,
        lash_colour=(20, 128, 128),
        background=np.full((9, 16, 3), (BACKDROP, 120, 130), np.uint8),
        **layer("body", BODY_BOX, CLOTH, 0), body_breath=np.zeros((*nodes(BODY_BOX), 2), np.float32),
        body_lean=np.ones(nodes(BODY_BOX), np.float32),
        vertices=vertices, follow=np.ones(n, np.float32), breath=np.zeros((n, 3), np.float32),
        lean=np.ones(n, np.float32), triangles=triangles.astype(np.int32), uvs=np.array(uvs, np.float32),
        unit_starts=starts, unit_indices=np.arange(4, 8, dtype=np.int32),
        unit_deltas=np.tile(np.array([[0, -DROP, 0]], np.float32), (4, 1)),
        lash_triangles=np.zeros((0, 3), np.int32), lash_uvs=np.zeros((0, 3, 2), np.float32),
        lash=np.full((8, 8), 255, np.uint8), gloss=np.zeros((2, 8, 8), np.uint8),
        shade_rest=np.ones((2, 8, 12), np.float32), shade_ids=np.zeros(0, np.int32),
        shade_scales=np.zeros(0, np.float32), shade_steps=np.zeros((0, 2, 8, 12), np.int8),
        atlas_y=atlas, atlas_uv=np.full((ATLAS // 2, ATLAS // 2, 2), 128, np.uint8), **light(0, 0, 0, 0),
        **layer("back", HEAD_BOX, HAIR, 0), back_reach=np.full(nodes(HEAD_BOX), 2.5, np.float32),
        **layer("front", HEAD_BOX, HAIR, 0), front_reach=np.full(nodes(HEAD_BOX), 2.42, np.float32),
        front_depth=np.full(nodes(HEAD_BOX), 2.40, np.float32),
    )  # fmt: skip
    return replace(pack, **changes)


def nodes(box: tuple[int, int, int, int]) -> tuple[int, int]:
    return grid_nodes(box[3] - box[1]), grid_nodes(box[2] - box[0])


def layer(name: str, box: tuple[int, int, int, int], luma: int, opacity: int) -> dict[str, np.ndarray]:
    """A layer of one colour, clear for :data:`GRID` pixels around its edge, though a body goes on below."""
    h, w = box[3] - box[1], box[2] - box[0]
    pixels = np.zeros((2, h, w), np.uint8)
    pixels[0], pixels[1, GRID : h if name == "body" else -GRID, GRID:-GRID] = luma, opacity
    return {name: pixels, f"{name}_uv": np.full((h // 2, w // 2, 2), (110, 140), np.uint8)}


def light(groups: int, latents: int, points: int, coefficients: int, blocks: int = 0) -> dict[str, np.ndarray]:
    """Light that follows the face at random, one coefficient a block."""
    chance = np.random.default_rng(1)

    def floats(*shape: int) -> np.ndarray:
        return chance.normal(0, 0.3, shape).astype(np.float32)

    return {
        "light_metric": floats(groups, latents, INPUTS),
        "light_centres": floats(groups, points, latents),
        "light_kernel": floats(groups, points, coefficients),
        "light_linear": floats(groups, latents + 1, coefficients),
        "light_limits": np.full(groups * coefficients, 100, np.float32),
        "light_blocks": np.array([(i // 4, i % 4) for i in range(blocks)], np.int32).reshape(blocks, 2),
        "light_starts": np.arange(blocks + 1, dtype=np.int32),
        "light_ids": np.arange(blocks, dtype=np.int32) % max(1, groups * coefficients),
        "light_scales": np.full(blocks, 0.25, np.float32),
        "light_steps": chance.integers(-128, 128, (blocks, 384)).astype(np.int8),
    }
