"""The face that is drawn: lips, lids, gaze, turns, and what the renderer may touch."""

import numpy as np
import pytest

from avatar.errors import PackError
from avatar.face import ARKIT, FaceFrame
from avatar.hosts import HOSTS, load_host
from avatar.mesh_renderer import MeshRenderer, rotation_matrix
from avatar.pack import Box
from avatar.picture import Picture, Plane


@pytest.fixture(scope="module")
def host() -> MeshRenderer:
    return load_host("lin")


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
    """Pixels of the mouth box as dark as the inside of a mouth."""
    return int((crop(luma, host.mouth_box) < 50).sum())


def test_lips_meet_when_the_mouth_is_closed_over_an_open_jaw(host: MeshRenderer, blank: Picture) -> None:
    rest = cavity(host, drawn(host, blank, face()))
    closed = cavity(host, drawn(host, blank, face(jawOpen=0.4, mouthClose=0.4)))
    opened = cavity(host, drawn(host, blank, face(jawOpen=0.4)))
    assert opened > 500
    assert rest < opened / 10
    assert closed < opened / 10


def test_a_wider_jaw_shows_more_of_the_inside(host: MeshRenderer, blank: Picture) -> None:
    areas = [cavity(host, drawn(host, blank, face(jawOpen=w))) for w in (0.0, 0.15, 0.3, 0.5)]
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


def test_positive_yaw_turns_to_the_viewers_right() -> None:
    nose = rotation_matrix(np.array([0, 0.3, 0], np.float32)) @ np.array([0, 0, 1], np.float32)
    assert nose[0] > 0
    assert (rotation_matrix(np.array([0.3, 0, 0], np.float32)) @ np.array([0, 0, 1], np.float32))[1] < 0


def test_nothing_outside_the_region_is_touched(host: MeshRenderer) -> None:
    picture = Picture(host.width, host.height)
    picture.data[:] = 77
    host.draw(face((0.2, -0.3, 0.2), jawOpen=1.0), picture)
    x0, y0, x1, y1 = host.region
    for plane, k in ((picture.y, 1), (picture.u, 2), (picture.v, 2)):
        inside = np.zeros(plane.shape, bool)
        inside[y0 // k : y1 // k, x0 // k : x1 // k] = True
        assert (plane[~inside] == 77).all()
        assert (plane[inside] != 77).mean() > 0.9


def test_a_picture_depends_on_its_frame_alone(host: MeshRenderer) -> None:
    first, second = Picture(host.width, host.height), Picture(host.width, host.height)
    host.prepare(first)
    host.prepare(second)
    host.draw(face((0.1, 0.2, 0), jawOpen=0.7, eyeBlink=0.6), second)
    frame = face((0, -0.1, 0.05), mouthSmile=0.5)
    host.draw(frame, first)
    host.draw(frame, second)
    assert np.array_equal(first.data, second.data)


def test_colours_stay_within_the_limited_range(host: MeshRenderer, blank: Picture) -> None:
    luma = drawn(host, blank, face(jawOpen=0.5))
    assert luma.min() >= 12
    assert luma.max() <= 240


def test_wild_frames_do_no_harm(host: MeshRenderer, blank: Picture) -> None:
    frame = FaceFrame(np.full(len(ARKIT), 9.0, np.float32), np.full(3, 1.2, np.float32), np.full(3, 0.5, np.float32))
    host.draw(frame, blank)
    host.draw(face(), blank)


def test_hosts_are_found_by_name_or_path() -> None:
    assert HOSTS == ("lin",)
    with pytest.raises(PackError, match="use lin"):
        load_host("nobody")
    with pytest.raises(PackError, match="1920x1080, not 1280x720"):
        load_host("lin", 1280, 720)
