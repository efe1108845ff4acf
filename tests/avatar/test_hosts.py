"""Each host that comes with everhost: lips, lids, gaze, turns."""

import numpy as np
import pytest

from avatar.face import ARKIT, FaceFrame
from avatar.hosts import HOSTS, load_host, pack_path
from avatar.mesh_renderer import MeshRenderer
from avatar.pack import Box, load_pack
from avatar.picture import Picture, Plane


@pytest.fixture(scope="module", params=HOSTS)
def name_of_host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def host(name_of_host: str) -> MeshRenderer:
    return load_host(name_of_host)


@pytest.fixture(scope="module")
def blank(host: MeshRenderer) -> Picture:
    picture = Picture(host.width, host.height)
    host.prepare(picture)
    return picture


def face(rotation: tuple[float, float, float] = (0, 0, 0), **weights: float) -> FaceFrame:
    frame = FaceFrame(rotation=np.array(rotation, np.float32))
    for name, weight in weights.items():
        for side in ("Left", "Right") if name + "Left" in ARKIT else ("",):
            frame[name + side] = weight
    return frame


def drawn(host: MeshRenderer, picture: Picture, frame: FaceFrame) -> Plane:
    host.draw(frame, picture)
    return picture.y.copy()


def crop(luma: Plane, box: Box) -> np.ndarray:
    x0, y0, x1, y1 = box
    return luma[y0:y1, x0:x1].astype(int)


def cavity(host: MeshRenderer, luma: Plane) -> int:
    """Pixels around the lips as dark as the inside of a mouth."""
    x0, y0, x1, y1 = host.mouth_box
    return int((crop(luma, (x0 + 40, y0 + 20, x1 - 40, y1 - 20)) < 50).sum())


def test_lips_meet_when_the_mouth_is_closed_over_an_open_jaw(host: MeshRenderer, blank: Picture) -> None:
    rest = cavity(host, drawn(host, blank, face()))
    closed = cavity(host, drawn(host, blank, face(jawOpen=0.4, mouthClose=0.4)))
    opened = cavity(host, drawn(host, blank, face(jawOpen=0.4)))
    assert opened > 500
    assert rest < opened / 10
    assert closed < opened / 10


def test_a_wider_jaw_shows_more_of_the_inside(host: MeshRenderer, blank: Picture) -> None:
    areas = [cavity(host, drawn(host, blank, face(jawOpen=w))) for w in (0.1, 0.25, 0.4, 0.6)]
    assert areas == sorted(areas)
    assert areas[0] < areas[1] < areas[2] < areas[3]


def test_a_blink_hides_the_iris(host: MeshRenderer, blank: Picture) -> None:
    awake, asleep = drawn(host, blank, face()), drawn(host, blank, face(eyeBlink=1.0))
    for box in host.eye_boxes:
        x0, y0, x1, y1 = box
        inner = (x0 + (x1 - x0) // 3, y0 + (y1 - y0) // 3, x1 - (x1 - x0) // 3, y1 - (y1 - y0) // 3)
        assert crop(asleep, inner).mean() > crop(awake, inner).mean() + 10


def test_gaze_moves_the_dark_of_the_eye_towards_its_side(host: MeshRenderer, blank: Picture) -> None:
    def centre(frame: FaceFrame) -> float:
        luma = crop(drawn(host, blank, frame), host.eye_boxes[0])
        dark = (60 - luma).clip(0)
        return float((dark.sum(0) * np.arange(luma.shape[1])).sum() / dark.sum())

    host_left = centre(face(eyeLookOutLeft=0.8, eyeLookInRight=0.8))
    host_right = centre(face(eyeLookInLeft=0.8, eyeLookOutRight=0.8))
    assert host_left > host_right + 2  # the host's left is the viewer's right


@pytest.mark.parametrize("name", ARKIT)
def test_every_blendshape_is_seen(host: MeshRenderer, blank: Picture, name: str) -> None:
    rest = drawn(host, blank, face()).astype(int)
    frame = face(jawOpen=0.3) if name in {"tongueOut", "mouthClose"} else face()
    before = drawn(host, blank, frame).astype(int) if name in {"tongueOut", "mouthClose"} else rest
    frame[name] = 0.8
    after = drawn(host, blank, frame).astype(int)
    assert (np.abs(after - before) > 8).sum() > 60


@pytest.mark.parametrize("rotation", [(0.1, 0, 0), (0, 0.1, 0), (0, 0, 0.1)])
def test_a_turn_of_the_head_changes_the_picture(
    host: MeshRenderer, blank: Picture, rotation: tuple[float, float, float]
) -> None:
    rest, turned = drawn(host, blank, face()), drawn(host, blank, face(rotation))
    assert (np.abs(rest.astype(int) - turned) > 8).sum() > 5000


OUTLINES = {"lin": np.s_[420:520, 800:860], "bo": np.s_[420:520, 770:830], "mimi": np.s_[440:540, 770:840]}
"""Where a cheek is seen before the hair, or before what is behind the host."""


def test_an_outline_moves_without_sparks(name_of_host: str, host: MeshRenderer, blank: Picture) -> None:
    """It is moved by a small part of a pixel."""
    before, after = (drawn(host, blank, face(cheekSquintRight=w)).astype(int) for w in (0.50, 0.54))
    outline = OUTLINES[name_of_host]
    assert np.ptp(before[outline]) > 80
    assert 0 < np.abs(after - before)[outline].max() < 25


def test_colours_stay_within_the_limited_range(host: MeshRenderer, blank: Picture) -> None:
    luma = drawn(host, blank, face(jawOpen=0.5))
    assert luma.min() >= 12
    assert luma.max() <= 240


def test_the_pack_is_small(name_of_host: str) -> None:
    pack = pack_path(name_of_host)
    assert pack.stat().st_size <= 15 << 20
    assert load_pack(pack).credits


def test_a_picture_does_not_depend_on_what_was_drawn_before(host: MeshRenderer, blank: Picture) -> None:
    first = drawn(host, blank, face())
    for frame in (face((0.1, 0.14, 0.08)), face((-0.1, -0.14, -0.08), jawOpen=0.5), face(eyeBlink=1.0)):
        drawn(host, blank, frame)
    assert (drawn(host, blank, face()) == first).all()
