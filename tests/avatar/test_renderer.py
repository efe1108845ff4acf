"""What a renderer makes of a pack: mesh, light, layers, outlines, views, and what it may touch."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numba import njit

from avatar.errors import PackError
from avatar.face import BodyPose, FaceFrame
from avatar.hosts import HOSTS, load_host
from avatar.mesh_renderer import MeshRenderer
from avatar.pack import GRID, Pack, save_pack
from avatar.picture import Picture
from avatar.render import eyes
from avatar.render.pose import rotation_matrix
from avatar.render.raster import EMPTY
from tests.avatar.packs import (
    ATLAS,
    BACKDROP,
    BODY_BOX,
    CLOTH,
    DROP,
    EYE,
    EYES,
    HAIR,
    HEAD_BOX,
    LENS,
    MOUTH,
    SKIN,
    TALL,
    WIDE,
    layer,
    light,
    nodes,
    rectangle,
    tiny_pack,
)  # fmt: skip

Image = np.ndarray


def renderer(pack: Pack | None = None, wide: bool = True, **options: Any) -> MeshRenderer:
    view = WIDE if wide else TALL
    return MeshRenderer(pack or tiny_pack(), view.width, view.height, **options)


def face(
    rotation: tuple[float, float, float] = (0, 0, 0), breath: float = 0.0, lean: float = 0.0, **weights: float
) -> FaceFrame:
    frame = FaceFrame(
        rotation=np.array(rotation, np.float32), body=BodyPose(breath, np.array([0, 0, lean], np.float32))
    )
    for name, weight in weights.items():
        frame[name] = weight
    return frame


def drawn(host: MeshRenderer, frame: FaceFrame | None = None) -> Picture:
    picture = Picture(host.width, host.height)
    host.prepare(picture)
    if frame is not None:
        host.draw(frame, picture)
    return picture


def at(picture: Picture, x: float, y: float, z: float = 0.08, view: Any = WIDE) -> int:
    """The luma that shows a point in metres."""
    column, row = pixel(x, y, z)
    return int(picture.y[int(row) - view.y0, int(column) - view.x0])


def pixel(x: float, y: float, z: float = 0.08) -> tuple[float, float]:
    """Column and row on the canvas."""
    scale = LENS.focal / (LENS.distance - z)
    return LENS.centre_x + scale * x, LENS.centre_y - scale * (y - LENS.eye_y)


def test_everything_is_where_the_lens_puts_it() -> None:
    picture = drawn(renderer())
    assert at(picture, 0.0, 0.62) == SKIN
    assert at(picture, 0.0, 0.50) == SKIN
    assert at(picture, EYES[0][0], EYES[0][1]) == EYE
    assert at(picture, EYES[1][0], EYES[1][1]) == EYE
    assert at(picture, 0.15, 0.6) == BACKDROP


def test_an_open_jaw_shows_the_mouth() -> None:
    host = renderer()
    assert at(drawn(host, face(jawOpen=0.5)), 0.0, 0.54 - DROP / 4) == MOUTH
    assert at(drawn(host, face(jawOpen=0.5)), 0.0, 0.54 - DROP) == SKIN


def test_the_nearer_surface_is_seen_in_whatever_order_the_mesh_has_them() -> None:
    pack = tiny_pack()
    turned = replace(pack, triangles=pack.triangles[::-1].copy(), uvs=pack.uvs[::-1].copy())
    frame = face((0.05, 0.1, 0.03), jawOpen=0.3)
    assert np.array_equal(drawn(renderer(pack), frame).data, drawn(renderer(turned), frame).data)


def test_neighbouring_triangles_leave_no_gap() -> None:
    for roll in np.linspace(-0.1, 0.1, 7):
        luma = drawn(renderer(), face((0, 0, float(roll)))).y
        column, row = (int(v) for v in pixel(0.0, 0.645))
        inside = luma[row - WIDE.y0 - 8 : row - WIDE.y0 + 8, column - 20 : column + 20]
        assert (inside == SKIN).all()


def test_positive_yaw_turns_to_the_viewers_right() -> None:
    nose = rotation_matrix(np.array([0, 0.3, 0], np.float32)) @ np.array([0, 0, 1], np.float32)
    assert nose[0] > 0
    assert (rotation_matrix(np.array([0.3, 0, 0], np.float32)) @ np.array([0, 0, 1], np.float32))[1] < 0


def test_views_show_the_same_canvas() -> None:
    pack = tiny_pack(**layer("body", BODY_BOX, CLOTH, 255), **layer("front", HEAD_BOX, HAIR, 90))
    frame = face((0.1, 0.1, 0.05), breath=0.5, lean=0.02, jawOpen=0.4)
    wide, tall = drawn(renderer(pack), frame), drawn(renderer(pack, wide=False), frame)
    x, y = TALL.x0 - WIDE.x0, WIDE.y0 - TALL.y0
    common = wide.y[:, x : x + TALL.width].astype(int) - tall.y[y : y + WIDE.height]
    assert (np.abs(common) > 3).mean() < 0.002  # layers may be read through another grid
    assert drawn(renderer(pack, wide=False)).y[TALL.height - 3, TALL.width // 2] == CLOTH


def test_a_size_without_a_view_is_refused() -> None:
    with pytest.raises(PackError, match="192x108, 108x192, not 1280x720"):
        MeshRenderer(tiny_pack(), 1280, 720)


def test_the_background_can_be_chosen(tmp_path: Path) -> None:
    red = np.zeros((40, 300, 3), np.uint8)
    red[..., 2] = 255
    cv2.imwrite(str(tmp_path / "red.png"), red)
    for wanted, yuv in (
        (None, (BACKDROP, 120, 130)),
        ("#ffffff", (235, 128, 128)),
        ("#000000", (16, 128, 128)),
        (tmp_path / "red.png", (63, 102, 240)),
    ):
        picture = drawn(renderer(background=wanted), face())
        for x in (2, 150):  # outside and inside the region
            assert (picture.y[4, x], picture.u[2, x // 2], picture.v[2, x // 2]) == yuv
    green = drawn(renderer(background="green"))
    assert green.y[4, 2] > 90
    assert max(green.u[2, 1], green.v[2, 1]) < 110


@pytest.mark.parametrize("wanted", ["#12345", "#gggggg", "blue", "gone.png"])
def test_a_background_that_is_none_is_refused(wanted: str) -> None:
    with pytest.raises(PackError, match="#rrggbb"):
        renderer(background=wanted)


def test_the_body_hides_the_mesh_and_the_hair_behind() -> None:
    pack = tiny_pack(**layer("body", BODY_BOX, CLOTH, 255), **layer("back", HEAD_BOX, HAIR, 255))
    picture = drawn(renderer(pack), face((0, 0.05, 0)))
    assert picture.y[BODY_BOX[1] + GRID + 2 - WIDE.y0, 96] == CLOTH
    assert at(picture, 0.0, 0.62) == SKIN
    assert picture.y[HEAD_BOX[1] + GRID + 4 - WIDE.y0, HEAD_BOX[0] + GRID + 6] == HAIR


def test_hair_in_front_hides_all_and_mixes_by_its_opacity() -> None:
    for opacity, luma in ((255, HAIR), (128, (HAIR * 128 + SKIN * 127) / 255)):
        picture = drawn(renderer(tiny_pack(**layer("front", HEAD_BOX, HAIR, opacity))), face())
        assert at(picture, 0.0, 0.62) == pytest.approx(luma, abs=1.5)
        column, row = (int(v) for v in pixel(0.0, 0.62))
        chroma = picture.u[(row - WIDE.y0) // 2, column // 2]
        assert chroma == pytest.approx(110 if opacity == 255 else (110 * 128 + 128 * 127) / 255, abs=1.5)


def textured(name: str, box: tuple[int, int, int, int]) -> dict[str, np.ndarray]:
    """A layer of smooth random colours and opacity."""
    made = layer(name, box, 0, 0)
    chance = np.random.default_rng(3)
    h, w = made[name].shape[1:]
    pixels = np.stack(
        [cv2.resize(chance.random((h // 6, w // 6)), (w, h), interpolation=cv2.INTER_CUBIC) for _ in "ab"]
    )
    made[name] = np.clip(pixels * 200 + 20, 16, 255).astype(np.uint8)
    made[name][1, :GRID], made[name][1, :, :GRID], made[name][1, :, -GRID:] = 0, 0, 0
    made[name][1, -GRID:] = 0
    return made


@pytest.mark.parametrize("roll", [0.0, 0.004, 0.02, 0.2])
def test_layers_are_read_between_their_pixels(roll: float) -> None:
    """Straight, slanted and freely turned cells agree with what OpenCV reads at the same places."""
    made = textured("back", HEAD_BOX)
    # At the pivot's depth a roll is a turn in the picture's plane.
    pack = tiny_pack(
        **made, triangles=np.zeros((0, 3), np.int32), uvs=np.zeros((0, 3, 2), np.float32), pivot=(0.0, 0.55, 0.0),
        back_reach=np.full((9, 9), LENS.distance, np.float32),
    )  # fmt: skip
    frame = face((0, 0, roll))
    frame.translation[:] = (0.0013, 0.0027, 0)
    luma = drawn(renderer(pack), frame).y.astype(float)
    scale = LENS.focal / LENS.distance
    px, py = LENS.centre_x, LENS.centre_y - scale * (0.55 - LENS.eye_y)
    y, x = np.mgrid[: WIDE.height, : WIDE.width] + 0.5
    dx, dy = x - px - scale * 0.0013, y + WIDE.y0 - py + scale * 0.0027
    c, s = np.cos(roll), np.sin(roll)
    qx, qy = px + c * dx - s * dy - HEAD_BOX[0] - 0.5, py + s * dx + c * dy - HEAD_BOX[1] - 0.5
    where = qx.astype(np.float32), qy.astype(np.float32)
    value, opacity = made["back"].astype(np.float32)
    shown, alpha = (cv2.remap(plane, *where, cv2.INTER_LINEAR) for plane in (value * opacity / 255, opacity))
    expected = shown + BACKDROP * (1 - alpha / 255)
    assert np.abs(luma - expected).max() < 6
    assert np.abs(luma - expected).mean() < 0.6


def test_breath_moves_body_and_mesh() -> None:
    up = np.zeros((*tiny_pack().body_lean.shape, 2), np.float32)
    up[..., 1] = -3.0
    lift = np.zeros_like(tiny_pack().vertices)
    lift[:, 1] = 0.01
    pack = tiny_pack(**layer("body", BODY_BOX, CLOTH, 255), body_breath=up, breath=lift)
    out, deep = (drawn(renderer(pack), face(breath=b)).y[:, 96].astype(int) for b in (0.0, 1.0))
    edge = BODY_BOX[1] + GRID - WIDE.y0
    assert out[edge - 1] != CLOTH
    assert (out[edge] == CLOTH, deep[edge - 3] == CLOTH, deep[edge - 4] == CLOTH) == (True, True, False)
    top = pixel(0, 0.68)[1] - pixel(0, 0.69)[1]
    assert top_of(deep) == pytest.approx(top_of(out) - top, abs=1.01)


def top_of(column: Image) -> int:
    """The first row that shows skin."""
    return int(np.flatnonzero(column == SKIN)[0])


def with_body(box: tuple[int, int, int, int]) -> Pack:
    rows, columns = nodes(box)
    return tiny_pack(
        body_box=box, **layer("body", box, CLOTH, 255), body_breath=np.zeros((rows, columns, 2), np.float32),
        body_lean=np.ones((rows, columns), np.float32),
    )  # fmt: skip


def test_leaning_turns_body_and_head_together() -> None:
    host = renderer(with_body((56, 90, 136, 192)), wide=False)
    rest, leaned = (drawn(host, face(lean=lean)).y for lean in (0.0, 0.05))
    foot = LENS.centre_y + LENS.focal / LENS.distance * LENS.eye_y
    row = int(pixel(0, 0.62)[1])
    # Positive: towards the host's right, the viewer's left, above the foot.
    moved = np.flatnonzero(leaned[row] == SKIN)[0] - np.flatnonzero(rest[row] == SKIN)[0]
    assert moved == pytest.approx(-0.05 * LENS.focal / (LENS.distance - 0.08) * 0.62, abs=1.5)
    edges = [np.flatnonzero(luma[150] == CLOTH)[-1] for luma in (rest, leaned)]
    assert edges[1] - edges[0] == pytest.approx(0.05 * (150 - foot), abs=1.5)


def test_light_follows_the_face_as_the_format_says() -> None:
    pack = tiny_pack(**light(2, 3, 5, 4, blocks=4))
    host, frame = renderer(pack), face((0.1, -0.05, 0.02), jawOpen=0.6, browInnerUp=0.4)
    drawn(host, frame)
    x = np.concatenate([frame.weights, frame.rotation]).astype(np.float64)
    c: list[float] = []
    for g in range(2):
        z = pack.light_metric[g] @ x
        near = np.exp(-((pack.light_centres[g] - z) ** 2).sum(1) / 2)
        c += list(near @ pack.light_kernel[g] + np.append(z, 1) @ pack.light_linear[g])
    for i in range(4):
        change = c[pack.light_ids[i]] * pack.light_scales[i] * pack.light_steps[i]
        expected = np.clip(SKIN + change[:256].reshape(16, 16), 0, 255)
        assert np.abs(host._light.luma[:16, 16 * i : 16 * i + 16][:, : 32 - 16 * (i % 2)] - expected).max() < 1 or i > 1
        chroma = host._light.chroma[:8, 8 * i : 8 * i + 8]
        assert np.abs((chroma & 0xFFFF) - np.clip(128 + change[256:320].reshape(8, 8), 0, 255)).max() < 1
        assert np.abs((chroma >> 16) - np.clip(128 + change[320:].reshape(8, 8), 0, 255)).max() < 1


def test_light_shows_in_the_picture() -> None:
    pack = tiny_pack(**light(2, 3, 5, 4, blocks=4))
    rest, moved = (drawn(renderer(pack), face(jawOpen=w)).y for w in (0.0, 0.9))
    column, row = (int(v) for v in pixel(0.0, 0.64))
    part = np.s_[row - WIDE.y0 - 6 : row - WIDE.y0 + 6, column - 30 : column + 30]
    assert (rest[part] != moved[part]).any()


def slanted(turn: float) -> tuple[Pack, np.ndarray]:
    """One rectangle turned in the picture's plane, brighter than what is behind; and its corners on the canvas."""
    corners = rectangle(-0.05, -0.03, 0.05, 0.04, 0.0)
    c, s = np.cos(turn), np.sin(turn)
    corners[:, :2] = corners[:, :2] @ np.array([[c, s], [-s, c]]) + (0.003, 0.555)
    pack = tiny_pack()
    u0, v0, u1, v1 = 34, 2, 62, 30
    square = np.array([[u0, v1], [u1, v1], [u1, v0], [u0, v0]], np.float32)
    atlas = np.full((ATLAS, ATLAS), 220, np.uint8)
    return (
        replace(
            pack, vertices=corners, follow=np.ones(4, np.float32), breath=np.zeros((4, 3), np.float32),
            lean=np.ones(4, np.float32), triangles=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
            uvs=np.stack([square[[0, 1, 2]], square[[0, 2, 3]]]), unit_starts=np.zeros(53, np.int32),
            unit_indices=np.zeros(0, np.int32), unit_deltas=np.zeros((0, 3), np.float32), atlas_y=atlas,
            eye_vertices=((0, 0), (0, 0)),
        ),
        np.array([pixel(*corner) for corner in corners]),
    )  # fmt: skip


@pytest.mark.parametrize("turn", [0.0, 0.07, 0.4, 0.8, 1.3])
def test_outlines_are_smooth(turn: float) -> None:
    """A pixel on an outline is as bright as the share of it that the surface covers."""
    pack, corners = slanted(turn)
    luma = drawn(renderer(pack), face()).y.astype(float)
    fine = 16
    big = np.zeros((WIDE.height * fine, WIDE.width * fine), np.uint8)
    places = (corners - (WIDE.x0, WIDE.y0)) * fine - 0.5
    cv2.fillPoly(big, [np.rint(places * 256).astype(np.int32)], 1, shift=8)
    share = big.reshape(WIDE.height, fine, WIDE.width, fine).mean((1, 3))
    error = np.abs(luma - (BACKDROP + share * (220 - BACKDROP)))
    edge = (share > 0) & (share < 1)
    assert error[~edge].max() < 45  # a pixel that the outline's other neighbour takes a corner of
    assert error[edge].mean() < 0.07 * (220 - BACKDROP)
    jagged = np.abs(BACKDROP + (share > 0.5) * (220 - BACKDROP) - (BACKDROP + share * (220 - BACKDROP)))
    assert error[edge].mean() < 0.35 * jagged[edge].mean() or turn == 0.0


def test_outlines_move_without_jumps() -> None:
    """Over a slow slide no pixel of a straight outline changes by much more than its share of the way."""
    pack, corners = slanted(0.3)
    host, picture = renderer(pack), drawn(renderer(pack))
    y, x = np.mgrid[: WIDE.height, : WIDE.width] + 0.5
    plain = np.min([np.hypot(x + WIDE.x0 - cx, y + WIDE.y0 - cy) for cx, cy in corners], 0) > 4
    last, frame, steps = None, face(), []
    for shift in np.linspace(0, 0.005, 40):  # a twentieth of a pixel each
        frame.translation[0] = shift
        host.draw(frame, picture)
        if last is not None:
            steps.append(int(np.abs(picture.y.astype(int) - last)[plain].max()))
        last = picture.y.astype(int)
    assert max(steps) < 2 * 0.05 * (220 - BACKDROP)


def test_catchlights_lie_on_eyes_alone_and_not_on_their_gaze() -> None:
    gloss = np.zeros((2, 12, 12), np.uint8)
    gloss[:, 4:8, 4:8] = 40
    host = renderer(tiny_pack(gloss=gloss))
    picture = drawn(host, face())
    assert at(picture, *EYES[0]) == 235  # no whiter than white
    dark = np.full((ATLAS, ATLAS), 100, np.uint8)
    picture = drawn(renderer(tiny_pack(gloss=gloss, atlas_y=dark)), face())
    assert at(picture, *EYES[0]) == 140
    assert at(picture, *EYES[1]) == 140
    assert at(picture, EYES[0][0] + 0.009, EYES[0][1]) == 100
    aside = tiny_pack(gloss=gloss, atlas_y=dark, eye_centres=((0.0, 0.63, 0.08), (0.0, 0.63, 0.08)))
    assert at(drawn(renderer(aside), face()), 0.0, 0.63) == 100  # skin


def test_an_eyeball_turns_with_the_gaze_by_thirty_degrees_a_weight() -> None:
    host = renderer(tiny_pack())
    drawn(host, face(eyeLookOutLeft=1.0, eyeLookInRight=0.5, eyeLookDownRight=0.5))
    posed = host._pose._posed
    for (first, end), centre, (yaw, pitch) in zip(((12, 16), (16, 20)), EYES, ((30, 0), (15, 15)), strict=True):
        a, b = (np.radians(v) for v in (yaw, pitch))
        turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        turn = turn @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        expected = (tiny_pack().vertices[first:end] - centre) @ turn.T + centre
        assert posed[first:end] == pytest.approx(expected, abs=1e-6)


def test_shade_darkens_eyes_alone_and_goes_with_the_head_not_the_gaze() -> None:
    across = np.linspace(0.0, 1.0, 12, dtype=np.float32)  # dark at the viewer's left
    rest = np.broadcast_to(across, (2, 8, 12)).copy()
    pack = tiny_pack(shade_rest=rest, atlas_y=np.full((ATLAS, ATLAS), 116, np.uint8))
    x, y, _ = EYES[0]
    picture = drawn(renderer(pack), face())
    assert at(picture, x, y) == pytest.approx(16 + 100 * 0.5, abs=4)
    assert at(picture, x + 0.006, y) - at(picture, x - 0.006, y) == pytest.approx(
        100 * 0.012 / 0.014 / 2 / eyes.WIDE, abs=4
    )
    assert at(picture, 0.0, 0.66) == 116
    looking = drawn(renderer(pack), face(eyeLookOutLeft=0.3))
    assert at(looking, x, y) == pytest.approx(at(picture, x, y), abs=2)


def test_lamps_are_mirrored_less_in_shade_and_bleach_the_eye() -> None:
    gloss = np.full((2, 12, 12), 40, np.uint8)
    dark = {"atlas_y": np.full((ATLAS, ATLAS), 116, np.uint8), "gloss": gloss, "gloss_bleach": 0.01}
    coloured = np.full((ATLAS // 2, ATLAS // 2, 2), (108, 148), np.uint8)
    x, y, _ = EYES[0]
    column, row = (int(v) // 2 for v in pixel(x, y))
    for factor, mirrored in ((0.1, 0.0), (0.4, 0.5), (1.0, 1.0)):
        shade = np.full((2, 8, 12), factor, np.float32)
        picture = drawn(renderer(tiny_pack(**dark, atlas_uv=coloured, shade_rest=shade)), face())
        assert at(picture, x, y) == pytest.approx(16 + 100 * factor + 40 * mirrored, abs=2)
        red = 128 + 20 * factor * (1 - 0.4 * mirrored)
        assert picture.v[row - WIDE.y0 // 2, column] == pytest.approx(red, abs=2)


def test_builders_find_the_shade_where_the_renderer_reads_it() -> None:
    turn = rotation_matrix(np.array([0.1, -0.15, 0.05], np.float32))
    rest = np.random.default_rng(3).uniform(0.2, 1, (2, 20, 30)).astype(np.float32)
    ball = np.array([40.3, 30.7, 25.0, *turn.ravel(), 0, 1, 0], np.float32)
    for x, y in ((40, 30), (47, 22), (33, 36)):
        factor, _ = _light_at(rest[0], np.zeros((4, 4), np.float32), ball, x, y)
        column, row = eyes.on_the_ball(np.float32(x + 0.5), np.float32(y + 0.5), ball[:2], 25.0, turn)
        wanted = cv2.remap(
            rest[0], np.array([[(column + 1) / 2 * 29]], np.float32), np.array([[(row + 1) / 2 * 19]], np.float32),
            cv2.INTER_LINEAR,
        )  # fmt: skip
        assert factor == pytest.approx(float(wanted[0, 0]), abs=0.02)


@njit
def _light_at(shades, gloss, ball, x, y):  # type: ignore[no-untyped-def]
    return eyes.light_at(shades, gloss, ball, x, y)


def test_lashes_lie_over_the_face_by_their_opacity() -> None:
    extra = rectangle(-0.03, 0.62, 0.03, 0.65, 0.09)
    pack = tiny_pack()
    n = len(pack.vertices)
    pack = replace(
        pack, vertices=np.concatenate([pack.vertices, extra]), follow=np.ones(n + 4, np.float32),
        breath=np.zeros((n + 4, 3), np.float32), lean=np.ones(n + 4, np.float32),
        lash_triangles=np.array([[n, n + 1, n + 2], [n + 3, n + 2, n]], np.int32),  # one seen from behind
        lash_uvs=np.full((2, 3, 2), 4, np.float32), lash=np.full((8, 8), 128, np.uint8), lash_colour=(20, 140, 100),
    )  # fmt: skip
    picture = drawn(renderer(pack), face())
    expected = SKIN + (20 - SKIN) * 0.5
    for x in (-0.02, 0.02):
        assert at(picture, x, 0.63) == pytest.approx(expected, abs=2)
    assert at(picture, 0.0, 0.66) == SKIN
    column, row = (int(v) // 2 for v in pixel(0.0, 0.635))
    assert picture.v[row - WIDE.y0 // 2, column] == pytest.approx(114, abs=2)


def test_nothing_outside_the_region_is_touched() -> None:
    host = renderer(with_body((48, 112, 144, 192)))
    picture = Picture(host.width, host.height)
    picture.data[:] = 77
    host.draw(face((0.2, -0.3, 0.2), breath=1.0, lean=0.05, jawOpen=1.0), picture)
    x0, y0, x1, y1 = host.region
    assert (x0, x1) == (32, 160)
    for plane, k in ((picture.y, 1), (picture.u, 2), (picture.v, 2)):
        inside = np.zeros(plane.shape, bool)
        inside[y0 // k : y1 // k, x0 // k : x1 // k] = True
        assert (plane[~inside] == 77).all()
        assert (plane[inside] != 77).mean() > 0.99


def test_a_picture_depends_on_its_frame_alone() -> None:
    pack = tiny_pack(
        **layer("body", BODY_BOX, CLOTH, 255), **textured("front", HEAD_BOX), **light(2, 3, 5, 4, blocks=16)
    )
    host = renderer(pack)
    first, second = drawn(host), drawn(host, face((0.1, 0.2, 0), breath=0.7, lean=-0.03, jawOpen=0.7))
    frame = face((0, -0.1, 0.05), jawOpen=0.2)
    host.draw(frame, first)
    host.draw(frame, second)
    assert np.array_equal(first.data, second.data)


def test_nothing_is_left_of_a_picture_when_it_is_drawn() -> None:
    pack = tiny_pack(**layer("body", BODY_BOX, CLOTH, 255), **layer("front", HEAD_BOX, HAIR, 255))
    host = renderer(replace(pack, front=np.where(np.arange(128) < 64, pack.front, 0).astype(np.uint8)), wide=False)
    for rotation in ((0.0, 0.0, 0.0), (0.1, 0.3, 0.1), (-0.2, -0.3, 0.2)):
        drawn(host, face(rotation, breath=0.5, jawOpen=1.0))
        work = host._stage._work
        assert (work.near == EMPTY).all()
        assert not any(plane.any() for plane in (work.touched, work.shares, work.crossed, work.veil, work.veiled))


def test_wild_frames_do_no_harm() -> None:
    pack = tiny_pack(
        **layer("body", BODY_BOX, CLOTH, 255), **textured("front", HEAD_BOX), **light(2, 3, 5, 4, blocks=16)
    )
    host = renderer(pack)
    picture = drawn(host)
    calm = picture.data.copy()
    for value in (np.nan, np.inf, -np.inf, 9.0, -9.0):
        wild = np.full(3, value, np.float32)
        frame = FaceFrame(np.full(52, value, np.float32), wild, wild, BodyPose(value, wild))
        host.draw(frame, picture)
    host.draw(FaceFrame(), picture)
    assert np.array_equal(picture.data, calm)


def test_hosts_are_found_by_name_or_path(tmp_path: Path) -> None:
    assert HOSTS == ("lin", "bo", "mimi")
    with pytest.raises(PackError, match="use lin, bo, mimi"):
        load_host("nobody")
    save_pack(tiny_pack(), tmp_path / "tiny.pack")
    host = load_host(str(tmp_path / "tiny.pack"), WIDE.width, WIDE.height, background="green")
    assert (host.width, host.height) == (WIDE.width, WIDE.height)
    assert host.mouth_box == (70, 70 - WIDE.y0, 122, 120 - WIDE.y0)
