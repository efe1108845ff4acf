"""A face from outside: what comes in as JSON, and what of it the host shows."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar import livelink
from avatar.actor import Actor
from avatar.face import ARKIT, INDEX, FaceFrame
from avatar.puppet import STALE_TICKS, Puppet

ZERO = np.zeros(3, np.float32)


def weights(**named: float) -> np.ndarray:
    out = np.zeros(len(ARKIT), np.float32)
    for name, value in named.items():
        out[INDEX[name]] = value
    return out


def test_frames_come_by_name_in_any_capitals_or_as_a_list() -> None:
    by_name, rotation, _ = livelink.parse(
        {"weights": {"JawOpen": 0.5, "eyeblinkleft": 1.0, "mouthSmile_R": 0.25, "HeadYaw": 0.1, "LeftEyeYaw": 0.2}}
    )
    assert by_name[INDEX["jawOpen"]] == 0.5
    assert by_name[INDEX["eyeBlinkLeft"]] == 1.0
    assert by_name[INDEX["mouthSmileRight"]] == 0.25
    assert rotation.tolist() == pytest.approx([0.0, 0.1, 0.0])
    by_list, rotation, translation = livelink.parse(
        {"weights": [0.5] * 52, "rotation": [0.1, -0.2, 0], "translation": [0, 0.01, 9]}
    )
    assert by_list.tolist() == [0.5] * 52
    assert rotation.tolist() == pytest.approx([0.1, -0.2, 0.0])
    assert translation.tolist() == pytest.approx([0.0, 0.01, livelink.MOST_SHIFT])


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (None, "a face frame is"),
        ([], "a face frame is"),
        ({"weights": 3}, "by name, or a list"),
        ({"weights": [1.0]}, "52 numbers"),
        ({"weights": {"jawopne": 0.1}}, "no blendshape 'jawopne'"),
        ({"weights": {"jawOpen": "wide"}}, "jawOpen must be a finite number"),
        ({"weights": {"jawOpen": float("nan")}}, "finite"),
        ({"weights": {}, "rotation": [1, 2]}, "rotation is three numbers"),
        ({"weights": {}, "translation": {"x": 1}}, "translation is three numbers"),
    ],
)
def test_what_is_no_frame_is_refused_in_words(frame: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        livelink.parse(frame)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
)


@given(JSON)
def test_any_json_is_a_frame_or_refused(value: Any) -> None:
    for frame in (value, {"weights": value}, {"weights": {}, "rotation": value}):
        try:
            taken, rotation, translation = livelink.parse(frame)
        except ValueError:
            continue
        assert np.isfinite(np.concatenate((taken, rotation, translation))).all()
        assert 0.0 <= taken.min() <= taken.max() <= 1.0


def test_what_is_sent_can_be_taken() -> None:
    frame = FaceFrame(weights(jawOpen=0.4), np.array([0.1, 0.0, -0.1], np.float32))
    back, rotation, _ = livelink.parse(json.loads(json.dumps(livelink.encode(7, frame))))
    np.testing.assert_allclose(back, frame.weights, atol=1e-4)
    np.testing.assert_allclose(rotation, frame.rotation, atol=1e-4)


def test_the_host_is_handed_over_and_back_without_a_jump() -> None:
    actor, free = Actor(2), Actor(2)
    jaw, rotations = [], []
    for tick in range(300):
        if 48 <= tick < 144:
            actor.be(weights(jawOpen=0.6), np.array([0.0, 0.2, 0.0], np.float32), ZERO, tick)
        frame = actor.frame(tick)
        jaw.append(frame["jawOpen"])
        rotations.append(frame.rotation.copy())
        alone = free.frame(tick)
        if not 48 <= tick < 144 + STALE_TICKS + 20:
            np.testing.assert_allclose(frame.weights, alone.weights, atol=1e-5)
    assert max(jaw[:48]) < 0.01
    assert jaw[100] == pytest.approx(0.6, abs=0.01)
    assert rotations[100][1] == pytest.approx(0.2, abs=0.01)
    assert np.abs(np.diff(jaw)).max() < 0.12
    assert np.abs(np.diff(np.array(rotations), axis=0)).max() < 0.04


def test_a_trackers_frames_are_followed_within_two_ticks() -> None:
    puppet = Puppet()
    shown = []
    for tick in range(100):
        puppet.follow(weights(jawOpen=float(tick % 20 < 10)), ZERO, ZERO, tick)
        frame = FaceFrame()
        puppet.apply(tick, frame)
        shown.append(frame["jawOpen"])
    assert min(shown[42:50]) > 0.8
    assert max(shown[52:60]) < 0.2
