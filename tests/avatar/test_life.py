import math

import numpy as np
import pytest

from avatar.clock import TICKS_PER_SECOND
from avatar.emotions import EMOTIONS
from avatar.face import ARKIT, INDEX, FaceFrame
from avatar.life import EYE_RANGE, Accent, Attention, Life

MINUTE = 60 * TICKS_PER_SECOND
FAR = 2**40


def lived(life: Life, first: int, ticks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (n, 52), head rotations (n, 3) in degrees and breath (n,) of ``ticks`` ticks."""
    weights, rotations, breaths = [], [], []
    for tick in range(first, first + ticks):
        frame = FaceFrame()
        life.apply(tick, frame)
        weights.append(frame.weights)
        rotations.append(np.degrees(frame.rotation))
        assert frame.body is not None
        breaths.append(frame.body.breath)
    return np.array(weights), np.array(rotations), np.array(breaths)


def blinks(weights: np.ndarray) -> list[tuple[int, int]]:
    """(first, last + 1) ticks of each blink."""
    shut = np.concatenate(([0], (weights[:, INDEX["eyeBlinkLeft"]] > 0.05).astype(int), [0]))
    found = list(zip(np.flatnonzero(np.diff(shut) == 1), np.flatnonzero(np.diff(shut) == -1), strict=True))
    return [(a, b) for a, b in found if a > 0 and b < len(weights)]


@pytest.mark.parametrize("first", [0, FAR])
def test_blinks_as_people_do(first: int) -> None:
    weights, _, _ = lived(Life(3), first, 2 * MINUTE)
    found = blinks(weights)
    assert 13 <= len(found) / 2 <= 22
    lengths = np.array([(b - a) / TICKS_PER_SECOND for a, b in found])
    assert lengths.min() > 0.08
    assert lengths.max() < 0.45
    gaps = np.diff([a for a, _ in found]) / TICKS_PER_SECOND
    assert gaps.std() > 0.8  # not a metronome
    both = weights[:, INDEX["eyeBlinkLeft"]], weights[:, INDEX["eyeBlinkRight"]]
    np.testing.assert_array_equal(*both)
    assert np.mean([both[0][a:b].max() for a, b in found]) > 0.9


def test_lids_close_faster_than_they_open() -> None:
    weights, _, _ = lived(Life(3), 0, MINUTE)
    lids = weights[:, INDEX["eyeBlinkLeft"]]
    closing = [np.argmax(lids[a:b]) for a, b in blinks(weights)]
    opening = [b - a - c for (a, b), c in zip(blinks(weights), closing, strict=True)]
    assert np.mean(closing) < np.mean(opening)


def test_gaze_stays_with_the_camera() -> None:
    weights, rotations, _ = lived(Life(5), 0, MINUTE)
    yaw = weights[:, INDEX["eyeLookOutLeft"]] - weights[:, INDEX["eyeLookInLeft"]]
    pitch = weights[:, INDEX["eyeLookDownLeft"]] - weights[:, INDEX["eyeLookUpLeft"]]
    seen = np.hypot(yaw * math.degrees(EYE_RANGE) + rotations[:, 1], pitch * math.degrees(EYE_RANGE) + rotations[:, 0])
    assert np.mean(seen < 2.0) > 0.65
    assert seen.max() > 3.0  # but not a stare
    right = weights[:, INDEX["eyeLookInRight"]] - weights[:, INDEX["eyeLookOutRight"]]
    np.testing.assert_allclose(right, yaw, atol=1e-6)


def test_head_and_breath_move_slowly_and_little() -> None:
    _, rotations, breath = lived(Life(7), 0, 2 * MINUTE)
    assert np.abs(rotations[:, 1]).max() < 4.0
    assert np.abs(rotations[:, 2]).max() < 2.0
    assert np.abs(np.diff(rotations, axis=0)).max() < 0.3
    assert rotations.std(axis=0).min() > 0.2
    crossings = np.count_nonzero((breath[:-1] < 0.5) & (breath[1:] >= 0.5))
    assert 12 <= crossings / 2 <= 16
    assert np.abs(np.diff(breath)).max() < 0.05


def test_eyes_lead_and_the_head_follows() -> None:
    weights, rotations, _ = lived(Life(5), 0, 3 * MINUTE)
    yaw = (weights[:, INDEX["eyeLookOutLeft"]] - weights[:, INDEX["eyeLookInLeft"]]) * math.degrees(EYE_RANGE)
    gaze, head = yaw + rotations[:, 1], rotations[:, 1]
    jumps = [k for k in np.flatnonzero(np.abs(np.diff(gaze)) > 2.5) if 10 < k < len(gaze) - 40]
    assert len(jumps) > 5
    same_way = 0
    for jump in jumps:
        way = np.sign(gaze[jump + 1] - gaze[jump])
        assert abs(head[jump + 3] - head[jump]) < 0.35  # the eyes are there, and the head has hardly begun
        same_way += way * (head[jump + 30] - 2 * head[jump] + head[jump - 10]) > 0
    assert same_way > len(jumps) / 2


def test_lids_shut_on_the_way_to_another_direction() -> None:
    life = Life(3)
    before = lived(life, 0, 100)[0]
    life.attend(Attention.THINKING, 100)
    after = lived(life, 100, 20)[0]
    assert before[-1, INDEX["eyeBlinkLeft"]] < 0.1
    assert after[:, INDEX["eyeBlinkLeft"]].max() > 0.8


@pytest.mark.parametrize("after", [1, 5, 8, 13])
def test_lids_do_not_jump_when_attention_turns_twice(after: int) -> None:
    life, lids = Life(3), []
    for tick in range(140):
        if tick == 100:
            life.attend(Attention.THINKING, tick)
        if tick == 100 + after:
            life.attend(Attention.SPEAKING, tick)
        frame = FaceFrame()
        life.apply(tick, frame)
        lids.append(frame["eyeBlinkLeft"])
    assert np.abs(np.diff(lids)).max() < 0.5


def test_the_head_does_not_jump_when_attention_turns_during_a_glance() -> None:
    fastest = 0.0
    for at in range(60, 1500, 40):
        life, head = Life(5), []
        life.attend(Attention.SPEAKING, 0)
        for tick in range(at - 30, at + 12):
            if tick == at:
                life.attend(Attention.LISTENING, tick)
            frame = FaceFrame()
            life.apply(tick, frame)
            head.append(np.degrees(frame.rotation))
        fastest = max(fastest, float(np.abs(np.diff(head, axis=0))[24:].max()))
    assert fastest < 0.45


def test_no_nod_is_cut_off() -> None:
    life = Life(2)
    nods = [life._nod(tick) for block in range(400) for tick in range(4096 * block - 40, 4096 * block + 60)]
    steps = np.abs(np.diff(np.array(nods).reshape(400, 100), axis=1))
    assert steps.max() < 0.2


def test_lids_shut_at_the_ends_of_phrases() -> None:
    plain, spoken = Life(3), Life(3)
    ends = [100 + 150 * k for k in range(40)]
    for end in ends:
        spoken.accent(Accent(end, 0.0))
    lids = [lived(life, 0, 6200)[0][:, INDEX["eyeBlinkLeft"]] for life in (plain, spoken)]
    more = [end for end in ends if lids[1][end : end + 14].max() > 0.9 > lids[0][end : end + 14].max()]
    assert 0.4 * len(ends) < len(more) < 0.8 * len(ends)


def test_one_seed_one_life() -> None:
    a, b, c = (lived(Life(seed), FAR, 200)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_ticks_may_be_skipped() -> None:
    whole = lived(Life(1), 0, 300)[0]
    life = Life(1)
    for tick in (0, 3, 120, 121, 299):
        frame = FaceFrame()
        life.apply(tick, frame)
        np.testing.assert_array_equal(frame.weights, whole[tick])


def test_modes_differ_and_change_smoothly() -> None:
    life = Life(4)
    weights, rotations = [], []
    modes = [Attention.LISTENING, Attention.THINKING, Attention.SPEAKING, Attention.IDLE, Attention.THINKING]
    for i in range(5 * 100):
        if i % 100 == 0:
            life.attend(modes[i // 100], i)
        if i == 310:  # changed again while still changing
            life.attend(Attention.THINKING, i)
        frame = FaceFrame()
        life.apply(i, frame)
        weights.append(frame.weights.copy())
        rotations.append(np.degrees(frame.rotation))
    track, head = np.array(weights), np.array(rotations)
    slow = [i for i, n in enumerate(ARKIT) if not n.startswith("eye")]
    assert np.abs(np.diff(track[:, slow], axis=0)).max() < 0.05
    assert np.abs(np.diff(head, axis=0)).max() < 1.0
    looks_up = track[:, INDEX["eyeLookUpLeft"]]
    assert looks_up[120:190].mean() > 0.15 > 2 * looks_up[20:90].mean()


def test_a_listener_nods() -> None:
    life = Life(4)
    life.attend(Attention.LISTENING, 0)
    pitch = lived(life, 0, MINUTE)[1][:, 0]
    assert np.count_nonzero((pitch[:-1] < 4.0) & (pitch[1:] >= 4.0)) >= 5


def test_accents_move_the_head_once_and_are_forgotten() -> None:
    still, moved = Life(9), Life(9)
    for i in range(20):
        moved.accent(Accent(100 + 50 * i, 1.0))
    difference = np.abs(lived(moved, 0, 1300)[1] - lived(still, 0, 1300)[1])[:, 0]
    assert difference[:80].max() == 0.0
    assert difference[90:1080].max() > 1.0
    assert difference[1150:].max() == 0.0
    assert not moved._accents


def test_hush_forgets_what_was_to_come() -> None:
    still, hushed = Life(9), Life(9)
    for i in range(20):
        hushed.accent(Accent(100 + 50 * i, 1.0))
    hushed.hush(100)
    np.testing.assert_array_equal(lived(hushed, 0, 300)[1], lived(still, 0, 300)[1])


# Gestures and feelings


def head(life: Life, ticks: int) -> np.ndarray:
    return lived(life, 0, ticks)[1]


@pytest.mark.parametrize(("name", "axis", "degrees"), [("nod", 0, 4), ("shake", 1, 4), ("tilt", 2, 4), ("bow", 0, 10)])
def test_gestures_move_the_head_and_bring_it_back(name: str, axis: int, degrees: float) -> None:
    plain, gesturing = Life(5), Life(5)
    gesturing.gesture(name, 48)
    moved = head(gesturing, 240) - head(plain, 240)
    assert np.abs(moved[:49]).max() < 1e-4
    assert np.abs(moved[160:]).max() < 1e-4
    assert np.abs(moved[:, axis]).max() > degrees
    assert np.abs(np.diff(moved, axis=0)).max() < 2.0  # nothing jerks


def test_a_feeling_shows_and_passes_without_a_jump() -> None:
    life, plain = Life(5), Life(5)
    life.feel("delighted", 48)
    life.feel(None, 144)
    shown = lived(life, 0, 240)[0] - lived(plain, 0, 240)[0]
    assert not shown[:48].any()
    assert shown[100, INDEX["mouthSmileLeft"]] > 0.3
    assert np.abs(shown[170:]).max() < 1e-5
    assert np.abs(np.diff(shown, axis=0)).max() < 0.1


def test_feelings_leave_a_speaking_mouth_alone() -> None:
    for name in EMOTIONS:
        life, plain = Life(5), Life(5)
        life.feel(name, 0)
        shown = lived(life, 0, 60)[0] - lived(plain, 0, 60)[0]
        for unit in ("jawOpen", "mouthClose", "mouthPucker", "mouthFunnel", "mouthUpperUpLeft", "mouthPressLeft"):
            assert not shown[:, INDEX[unit]].any(), (name, unit)


def test_what_was_to_come_is_hushed() -> None:
    life, plain = Life(5), Life(5)
    life.gesture("bow", 60)
    life.feel("sorry", 60)
    life.hush(50)
    np.testing.assert_array_equal(lived(life, 0, 150)[0], lived(plain, 0, 150)[0])
    np.testing.assert_array_equal(head(life, 150), head(plain, 150))
