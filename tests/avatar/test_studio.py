"""The studio's own reckoning, without a path tracer: eyes and their shade, light, hair, what a bake takes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avatar import hosts
from avatar.errors import StudioError
from avatar.face import ARKIT, EYE_RANGE, INDEX
from avatar.render import eyes as live_eyes
from avatar.studio import (
    base_mesh,
    command,
    darkroom,
    eyeballs,
    hair,
    inside,
    layers,
    light,
    person,
    sculpt,
    shots,
    spec,
)
from avatar.studio.camera import Camera
from avatar.studio.eyeballs import COLUMNS, ROWS, Glimpse

CHART = (40, 20, 120, 100)


def test_an_eyes_shade_is_what_its_own_colours_do_not_explain() -> None:
    chance = np.random.default_rng(1)
    side = CHART[2] - CHART[0]
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    own = np.where(np.hypot(x, y) < 14, 40.0, 170.0).astype(np.float32)  # an iris in a white
    rows = np.linspace(-1, 1, ROWS, dtype=np.float32)[:, None]
    shade = np.broadcast_to(1.1 - 0.8 / (1 + np.exp((rows + 0.4) * 8)), (ROWS, COLUMNS)).astype(np.float32)

    def seen(gaze: np.ndarray, under: np.ndarray) -> Glimpse:
        place = chance.uniform(0, (COLUMNS - 1, ROWS - 1), (9000, 2)).astype(np.float32)
        texel = ((place / (COLUMNS, ROWS) - 0.5) * 52 + gaze + side / 2).astype(np.float32)
        luma = eyeballs.read(own, texel - 0.5) * eyeballs.read(under, place)
        colour = np.stack([luma, 0 * luma + 3, 0 * luma - 2], -1).astype(np.float32)
        return Glimpse(texel + np.float32(CHART[:2]), place, colour, np.ones(9000, np.float32))

    ways = np.array([[0, 0], [12, 0], [-12, 0], [0, 12], [0, -12]])
    found = eyeballs.own_colours([seen(way, np.ones_like(shade)) for way in ways], CHART)
    middle = np.s_[12:68, 12:68]
    assert np.abs(found[..., 0] - 16 - own)[middle].mean() < 4
    assert found[40, 40, 1:] == pytest.approx([131, 126], abs=0.5)
    for way in ways / 2:
        got, trust = eyeballs.shade_of(seen(way, shade), found, CHART)
        assert trust.mean() > 0.9
        assert np.abs(got - shade).mean() < 0.02


def test_builders_turn_eyes_as_the_renderer_does() -> None:
    weights = np.zeros(len(ARKIT), np.float32)
    for name, weight in {"eyeLookOutLeft": 0.4, "eyeLookUpLeft": 0.3, "eyeLookInRight": 0.9}.items():
        weights[INDEX[name]] = weight
    assert person.gaze(weights) == pytest.approx(live_eyes.gaze(weights), abs=1e-6)
    ahead = person.gaze(weights)[1] @ (0, 0, 1)
    assert np.arctan2(ahead[0], ahead[2]) == pytest.approx(0.9 * EYE_RANGE)  # the right eye looks to the host's left


MEASURE = np.zeros((2, 55))
MEASURE[0, 0] = MEASURE[1, 1] = 3.0


def lamps(pattern: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """How (2, n) two patterns of light follow the first two weights of faces (m, 55)."""
    return lambda some: np.asarray(np.sin(2 * some[:, :1]) * pattern[0] + some[:, 1:2] ** 2 * pattern[1], np.float32)


def test_light_is_learnt_and_goes_on_between_the_faces_it_was_learnt_from() -> None:
    chance = np.random.default_rng(2)
    faces = np.zeros((60, 55))
    faces[:, :2] = chance.random((60, 2))
    lit = lamps(chance.normal(0, 10, (2, 300)))
    seen = (chance.random((60, 300)) < 0.8).astype(np.float32)
    noise = chance.normal(0, 0.5, (60, 300)).astype(np.float32)
    samples = light.Samples(faces, (lit(faces) + noise) * seen, seen)
    group = light.fit(samples, MEASURE, 10, lambda text: None, "test")
    others = np.zeros((50, 55))
    others[:, :2] = 0.1 + 0.8 * chance.random((50, 2))
    wrong = group.coefficients(others) @ group.components - lit(others)
    assert np.sqrt((wrong**2).mean()) < 1.0


def test_what_few_shots_show_is_learnt_from_those_that_show_it() -> None:
    chance = np.random.default_rng(3)
    faces = np.zeros((90, 55))
    faces[:, :2] = chance.random((90, 2))
    lit = lamps(chance.normal(0, 10, (2, 40)))
    hidden = faces[:, :1] < 0.6  # most shots hide all of it
    seen = np.where(hidden, 0, chance.uniform(0.2, 1, (90, 40))).astype(np.float32)
    noise = (chance.normal(0, 0.3, (90, 40)) / np.sqrt(np.maximum(seen, 0.1))).astype(np.float32)
    samples = light.Samples(faces, np.where(seen > 0, lit(faces) + noise, 99).astype(np.float32), seen)
    group = light.fit_hidden(samples, MEASURE, 10, lambda text: None, "test")
    others = np.zeros((50, 55))
    others[:, :2] = (0.65, 0.1) + (0.3, 0.8) * chance.random((50, 2))
    wrong = group.coefficients(others) @ group.components - lit(others)
    assert np.sqrt((wrong**2).mean()) < 0.8


def test_teeth_are_read_as_their_own_colours_under_a_smooth_shade() -> None:
    chance = np.random.default_rng(4)
    shape = (64, 96)
    flags = np.zeros(shape, bool)
    flags[20:44, 16:80] = True
    theirs = light.join(flags, np.repeat(flags[::2, ::2, None], 2, -1)) > 0
    place = inside.Inside.of(theirs, np.ones_like(theirs), shape)
    own = chance.uniform(100, 180, shape).astype(np.float32)
    own[:, ::8] = 60  # gaps
    down = np.arange(shape[0], dtype=np.float32)[:, None]
    shade = [np.broadcast_to(np.clip(0.3 + (down - 20 + 2 * k) / 40, 0, 1), shape) for k in range(12)]
    exact = [light.join(16 + own * one, np.broadcast_to([126.0, 133.0], (32, 48, 2))) for one in shade]
    values = np.array([v + chance.normal(0, 15, v.shape) for v in exact]).astype(np.float16)
    trust = np.full(values.shape, 0.4, np.float16)
    place.clean([values], [trust])
    middle = light.join(np.pad(np.ones((12, 48)), ((26, 26), (24, 24))), np.zeros((32, 48, 2))) > 0
    wrong = (values - np.array(exact))[:, middle]
    assert np.sqrt((wrong.astype(float) ** 2).mean()) < 7  # of the noise of 15, and gaps are still gaps
    assert values[:, place.chroma].astype(float).mean((0, 1)) == pytest.approx([126, 133], abs=0.5)


def test_hair_is_before_the_face_where_it_hides_it_and_not_where_the_jaw_hides_it() -> None:
    hair, seen, solid = (np.zeros((40, 120, 4), np.float32) for _ in range(3))
    solid[:, 30:90, 3] = 1  # a face
    hair[:, 20:50, 3] = 1  # hair before its left side,
    seen[:, 20:50, 3] = 1
    hair[:, 70:110, 3] = 1  # and behind its right one
    seen[:, 90:110, 3] = 1
    front = layers.before(hair, seen, solid, 12)[..., 3]
    assert front[20, 40] == 1
    assert front[20, 27] > 0.9  # some way beyond the face as well
    assert front[20, 80] == 0
    assert front[20, 95] < 0.05


def test_where_a_neck_moves_aside_its_collar_is_seen() -> None:
    hair, body, solid = (np.zeros((120, 160, 4), np.float32) for _ in range(3))
    solid[:, 50:110, 3] = 1  # a head and its neck,
    solid[60:, 20:140, 3] = 1
    body[60:, 20:50] = body[60:, 110:140] = (0.2, 0.1, 0.3, 1)  # in a collar
    found = layers.behind_neck(hair, body, solid)
    assert found[90, 55] == pytest.approx([0.2, 0.1, 0.3, 1], abs=0.02)
    assert found[90, 45, 3] == 1  # the collar moves, too, as far as the head leans
    assert (found[..., 3][solid[..., 3] == 0] == 0).all()
    assert (found[:, 20:30, 3] == 0).all()  # but not at its own outline
    assert (found[:50, :, 3] == 0).all()
    hair[90, 55] = (1, 1, 1, 0.5)
    assert layers.behind_neck(hair, body, solid)[90, 55] == pytest.approx([0.6, 0.55, 0.65, 1], abs=0.02)


def test_a_wisp_over_the_forehead_is_not_as_far_off_as_the_hair_behind_the_head() -> None:
    box = shots.Box(600, 200, 920, 520)
    view, rng = Camera(1920, 1920, 6600.0, 2.8, 0.56, 618.0), np.random.default_rng(2)

    def hairs(count: int, z: float, right: float) -> np.ndarray:
        column, row = rng.uniform(600, right, count), rng.uniform(200, 520, count)
        far = (2.8 - z) / 6600.0
        root = np.stack([(column - 960) * far, 0.56 + (618.0 - row) * far, np.full(count, z)], -1)
        return np.asarray(root[:, None] + np.linspace(0, 1, 6)[:, None] * (0.003, -0.003, 0.0))

    paths = np.concatenate([hairs(4000, 0.11, 780), hairs(90000, -0.06, 920)])
    opacity, solid = np.full((320, 320), 0.4), np.zeros((320, 320))
    solid[:, :160] = 1  # a forehead, and beside it nothing that hides what hangs behind the head
    smooth, true = layers.depths(paths, opacity, solid, view, box, 2.78)
    for found in (smooth, true):
        assert found[5:15, 2:7] == pytest.approx(2.69, abs=0.002)
        assert found[5:15, 14:19] == pytest.approx(2.86, abs=0.002)


def test_a_part_of_the_canvas_is_taken_from_another() -> None:
    plate = np.arange(4 * 6, dtype=np.float32).reshape(4, 6, 1)
    found = layers.inside(plate, shots.Box(10, 20, 16, 24), shots.Box(8, 22, 13, 30))[..., 0]
    assert found.shape == (8, 5)
    assert found[:2, 2:].tolist() == plate[2:, :3, 0].tolist()
    assert found.sum() == plate[2:, :3].sum()


def ball(count: int) -> np.ndarray:
    """Points over a skull that is a ball of 10 cm."""
    way = np.random.default_rng(6).normal(size=(count, 3))
    return np.asarray(hair.AXIS + 0.1 * way / np.linalg.norm(way, axis=1, keepdims=True))


def test_short_hair_lies_on_the_head_longer_on_top() -> None:
    skull = hair.Skull(ball(4000), np.zeros(4000))
    roots = ball(600)
    roots = roots[roots[:, 1] > hair.AXIS[1] + 0.005]
    style = spec.Short(colour=(0, 0, 0), top=0.06, sides=0.012, children=1)
    paths = hair.grow(style, roots, skull, np.random.default_rng(1))
    assert paths.shape == (len(roots), style.points, 3)
    heights = skull.nearest(paths.reshape(-1, 3).copy())[0]
    assert heights.min() > -0.002
    assert heights.max() < 0.035
    lengths = np.linalg.norm(np.diff(paths, axis=1), axis=2).sum(1)
    high = roots[:, 1] > hair.AXIS[1] + 0.09
    low = (roots[:, 1] < hair.AXIS[1] + 0.035) & (roots[:, 2] < hair.AXIS[2])
    assert np.median(lengths[high]) > 3 * np.median(lengths[low])
    assert lengths.max() < 1.3 * style.top
    down = paths[low, -1, 1] - paths[low, 0, 1]
    assert (down < 0).mean() > 0.9  # at the sides it falls


def test_a_hairline_recedes_above_the_temples_most() -> None:
    azimuth = np.radians(np.array([0.0, 34.0, 80.0, 150.0]))
    lift = np.radians(40)
    on = hair.CROWN + 0.1 * np.stack(
        [np.sin(azimuth) * np.cos(lift), np.full(4, np.sin(lift)), np.cos(azimuth) * np.cos(lift)], -1
    )
    lost = hair.inside_hairline(on, 0) - hair.inside_hairline(on, 8)
    assert lost[1] > lost[0] > 2
    assert lost[2:] == pytest.approx(0, abs=1e-6)


def test_longer_bakes_begin_with_the_pictures_of_shorter_ones() -> None:
    frame = shots.Frame(*[shots.Box(0, 0, 16, 16)] * 5)
    short, long = shots.bake(frame, (12, 6, 6)), shots.bake(frame, (30, 12, 12))
    for name, some in short.items():
        assert long[name][: len(some)] == some


BALL = 0.012
"""Metres; of an eye of the doll below."""


def doll() -> person.Person:
    """Points about a head and shoulders, two eyes, and a lid that moves down over the left one."""
    chance = np.random.default_rng(8)
    cloud = chance.uniform((-0.2, 0.2, -0.1), (0.2, 0.75, 0.15), (700, 3))
    cloud[list(person.SEAM)] = ((0, 0.535, 0.13), (0, 0.533, 0.13))
    way = chance.normal(size=(60, 3))
    way = np.concatenate([way, -way])
    ball = BALL * way / np.linalg.norm(way, axis=1, keepdims=True)
    middles = np.array([[0.03, 0.588, 0.111], [-0.03, 0.588, 0.111]])
    vertices = np.concatenate([cloud, *(middle + ball for middle in middles for _ in range(2))])
    numbers = np.arange(len(cloud), len(vertices)).reshape(4, -1)
    names = ("helper-l-eye", "left-eye", "helper-r-eye", "right-eye")
    groups = {name: [[(int(v), 0) for v in some]] for name, some in zip(names, numbers, strict=True)}
    vertices[0] = middles[0] + (0.004, 0.008, 0.008)  # the lid
    units = np.zeros((len(ARKIT), len(vertices), 3))
    units[INDEX["eyeBlinkLeft"], 0] = (0, -0.010, 0.002)
    base = base_mesh.BaseMesh(vertices, np.zeros((1, 2)), groups, Path())
    return person.Person(base, vertices.copy(), units, (numbers[1], numbers[3]), middles)


def mimi(**changes: object) -> spec.HostSpec:
    plain: dict[str, object] = {"shape": {}, "sculpt": (), "body": 1.0, "blink": 1.0}
    file = Path(hosts.__file__).with_name("mimi.yaml")
    return spec.load_spec(file).model_copy(update=plain | changes)


LARGER = spec.Region(
    about="eyes", place=(0, 0, 0), radii=(0.024, 0.022, 0.03), fade=3.0, scale=(1.25,) * 3, move=(0.004, 0, 0)
)


def test_eyes_are_made_larger_with_the_lids_that_shut_them() -> None:
    who = doll()
    made = sculpt.sculpted(who, mimi(sculpt=(LARGER,), blink=1.1))
    assert made.eye_radius(0) == pytest.approx(1.25 * who.eye_radius(0))
    assert made.eye_centres[0] == pytest.approx([0.034, *person.EYES_AT[1:]])
    assert made.eye_centres[1] == pytest.approx(made.eye_centres[0] * (-1, 1, 1))
    lid, was = (one.base.vertices[0] - one.eye_centres[0] for one in (made, who))
    assert lid == pytest.approx(1.25 * was)
    blink = INDEX["eyeBlinkLeft"]
    assert made.units[blink, 0] == pytest.approx(1.25 * 1.1 * who.units[blink, 0])
    assert not made.units[INDEX["jawOpen"]].any()
    far = np.linalg.norm(who.base.vertices[:700] / 0.09 - np.array([0, 0.588, 0.111]) / 0.09, axis=1) > 1.5
    assert made.base.vertices[:700][far] == pytest.approx(who.base.vertices[:700][far])


def test_a_smaller_body_leaves_the_head_as_it_is() -> None:
    who = doll()
    made = sculpt.sculpted(who, mimi(body=0.6))
    y = who.base.vertices[:, 1]
    assert made.base.vertices[y > 0.6] == pytest.approx(who.base.vertices[y > 0.6])
    away = who.base.vertices[y < 0.42] - sculpt.NECK
    assert made.base.vertices[y < 0.42] - sculpt.NECK == pytest.approx(0.6 * away)


def test_clothes_find_the_body_where_it_lies_on_a_person() -> None:
    back = LARGER.model_copy(update={"place": (0, 0, 0.01)})  # which moves eyes, and with them the whole head
    person_, small = (sculpt.sculpted(doll(), mimi(sculpt=(back,), body=body)) for body in (1.0, 0.6))
    below = person_.base.vertices[:, 1] < 0.42
    assert small.base.vertices[below] == pytest.approx(sculpt.fitted(person_.base.vertices[below], 0.6))
    still = mimi(body=0.6).follow(small.base.vertices[below])
    assert still == pytest.approx(mimi().follow(person_.base.vertices[below]))


def test_a_region_on_the_middle_acts_once_and_one_beside_it_on_both_sides() -> None:
    who = doll()
    lips = spec.Region(about="mouth", place=(0, 0, 0), radii=(0.03, 0.03, 0.03), move=(0, 0, 0.005))
    made = sculpt.sculpted(who, mimi(sculpt=(lips,)))
    seam = list(person.SEAM)
    assert made.base.vertices[seam] == pytest.approx(who.base.vertices[seam] + (0, 0, 0.005))
    cheeks = spec.Region(place=(0.1, 0.5, 0), radii=(0.05, 0.05, 0.05), move=(0.01, 0, 0))
    made = sculpt.sculpted(who, mimi(sculpt=(cheeks,)))
    apart = np.abs(who.base.vertices[:, :1]) - 0.1, who.base.vertices[:, 1:] - (0.5, 0)
    inside = np.linalg.norm(np.concatenate(apart, 1), axis=1) < 0.045
    moved = made.base.vertices - who.base.vertices
    assert inside.sum() > 3
    assert moved[inside] == pytest.approx(np.sign(who.base.vertices[inside, :1]) * (0.01, 0, 0))


def test_a_person_of_whom_nothing_is_said_beyond_targets_stays_the_same() -> None:
    who = doll()
    assert sculpt.sculpted(who, mimi()) is who


def test_a_head_that_would_be_folded_over_is_refused() -> None:
    steep = LARGER.model_copy(update={"scale": (2.0,) * 3, "fade": 1.5})
    with pytest.raises(StudioError, match=r"folded over.* at .* wider fade"):
        sculpt.sculpted(doll(), mimi(sculpt=(steep,), body=0.5))


def test_pictures_of_one_edition_are_of_one_file(tmp_path: Path) -> None:
    file, cache = tmp_path / "bo.yaml", tmp_path / "cache"
    text = hosts.spec_path("bo").read_text("utf-8")

    def begun(text: str) -> str:
        file.write_text(text, "utf-8")
        with pytest.raises(StudioError) as error:
            command.darkroom(file, None, cache)
        return str(error.value)

    assert "base mesh is not there" in begun(text)
    described = darkroom.edition_of(cache / "bo", 1)
    described.parent.mkdir(parents=True)
    described.write_text(spec.load_spec(file).looks(), "utf-8")  # as the first picture does
    assert "base mesh is not there" in begun(text.replace("title: 柏 Bo", "title: Bo") + "# a remark\n")
    for change in (("age: 57", "age: 58"), ("style: short", "style: draped")):
        assert "raise `edition`" in begun(text.replace(*change))
        assert "base mesh is not there" in begun(text.replace(*change).replace("edition: 1", "edition: 2"))


def test_a_look_at_a_host_is_a_picture(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"ends in \.png or \.jpg"):
        command.look(hosts.spec_path("bo"), tmp_path / "bo.pack", None, tmp_path)
    with pytest.raises(StudioError, match="no folder"):
        command.look(hosts.spec_path("bo"), tmp_path / "none" / "bo.png", None, tmp_path)


def test_hosts_are_described_by_their_files() -> None:
    assert set(hosts.HOSTS) <= set(hosts.described())
    for name in hosts.described():
        assert spec.load_spec(hosts.spec_path(name)).name == name
