"""What the face is measured by: known errors in known pictures, faces that are held out, benches that run."""

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar.bench import aperture, chart, faces, likeness, render, steadiness, truth
from avatar.bench.live import Live, Places, as_sent, union
from avatar.bench.metrics import luma, psnr, ssim
from avatar.bench.talk import LEAD, STEPS, Phone, Talk, act
from avatar.errors import AvatarError, PackError
from avatar.face import FaceFrame
from avatar.hosts import pack_path
from avatar.pack import load_pack
from avatar.speech import Phoneme, SpeechChunk

HOST = "lin"


@pytest.fixture(scope="module")
def live() -> Live:
    return Live(load_pack(pack_path(HOST)))


@pytest.fixture(scope="module")
def talk() -> Talk:
    """A mouth that opens and closes for a second and a half: mamabap."""
    symbols = ("m", "a", "m", "a", "b", "a", "p")
    phonemes = tuple(Phoneme(s, 0.2 * k, 0.2 * (k + 1)) for k, s in enumerate(symbols))
    sound = np.random.default_rng(1).normal(0, 0.1, round(1.4 * 16000)).astype(np.float32)
    return act([SpeechChunk(sound, 16000, "mamabap", phonemes)], "en", seed=3)


def photo() -> np.ndarray:
    """Something with flat parts, edges and texture."""
    rng = np.random.default_rng(5)
    image = np.full((96, 128, 3), 0.5, np.float32)
    cv2.circle(image, (60, 50), 30, (0.7, 0.4, 0.3), -1)
    image[:, 90:] += cv2.GaussianBlur(rng.normal(0, 0.15, (96, 38, 3)), (0, 0), 1).astype(np.float32)
    return image.clip(0, 1)


@pytest.mark.parametrize("decibels", [20.0, 34.0, 45.0])
def test_psnr_of_known_noise(decibels: float) -> None:
    noise = np.random.default_rng(2).normal(0, 10 ** (-decibels / 20), (200, 200, 3))
    grey = np.full(noise.shape, 0.5, np.float32)
    assert psnr(grey, (grey + noise).astype(np.float32)) == pytest.approx(decibels, abs=0.1)


def test_psnr_of_equal_pictures_is_finite() -> None:
    assert psnr(photo(), photo()) == 99.0


def test_ssim_is_one_for_equals_and_falls_with_damage() -> None:
    image = luma(photo())
    rng = np.random.default_rng(3)
    noisy = [ssim(image, (image + rng.normal(0, s, image.shape)).astype(np.float32)) for s in (0.01, 0.03, 0.1)]
    assert ssim(image, image) == pytest.approx(1)
    assert 1 > noisy[0] > noisy[1] > noisy[2] > 0


def test_ssim_forgives_brightness_more_than_blur() -> None:
    image = luma(photo())
    brighter = (image + 0.03).astype(np.float32)
    blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), 3), np.float32)
    assert psnr(image, brighter) < psnr(image, blurred) + 6
    assert ssim(image, brighter) > ssim(image, blurred)


def test_ssim_of_flat_pictures_is_what_the_formula_says() -> None:
    a, b = (np.full((20, 20), v, np.float32) for v in (0.4, 0.6))
    assert ssim(a, b) == pytest.approx((2 * 0.24 + 1e-4) / (0.16 + 0.36 + 1e-4), abs=1e-4)


def test_what_is_sent_loses_little() -> None:
    grey = np.repeat(np.linspace(0, 1, 64, dtype=np.float32)[None, :, None], 32, 0).repeat(3, 2)
    assert np.abs(as_sent(grey) - grey).max() < 0.6 / 219 + 1e-3


def test_the_held_out_faces_are_there_and_in_range() -> None:
    some = faces.load()
    assert {kind: sum(f.kind == kind for f in some) for kind in faces.COUNTS} == faces.COUNTS
    assert sum(f.kind != "wild" for f in some) >= 60
    turned = np.degrees([f.frame.rotation for f in some if f.kind == "turned"])
    assert np.abs(turned).max(0) == pytest.approx(faces.TURNS, abs=0.02)
    assert any(f.frame["eyeBlinkLeft"] > 0.5 for f in some if f.kind == "spoken")
    assert len({f.frame.weights.tobytes() + f.frame.rotation.tobytes() for f in some}) == len(some)


def test_no_host_is_built_from_a_held_out_face() -> None:
    shots = pytest.importorskip("avatar.studio.shots", reason="needs the studio extra", exc_type=ImportError)
    counts = (240, 150, 48)
    built = [*shots.mouths(1, counts[0]), *shots.eyes(1, counts[1]), *(f.weights for f in shots.heads(1, counts[2]))]
    held_out = np.array([f.frame.weights for f in faces.load()])
    nearest = np.linalg.norm(held_out[:, None] - np.array(built)[None], axis=-1).min(1)
    assert nearest.min() > 0.01


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "range", "kind"])
def test_damaged_faces_are_refused(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "faces.npz"
    with np.load(faces.FILE) as file:
        arrays = dict(file)
    if damage == "range":
        arrays["weights"][3, 4] = 1.5
    elif damage == "kind":
        arrays["kind"][0] = "wild"
    if damage in ("empty", "cut"):
        path.write_bytes(faces.FILE.read_bytes()[: 0 if damage == "empty" else 4000])
    elif damage != "missing":
        np.savez(path, **arrays)
    with pytest.raises(AvatarError, match=r"faces\.npz"):
        faces.load(path)


def test_boxes_go_with_the_head(live: Live) -> None:
    places, turned = Places(live.pack), FaceFrame()
    turned.rotation[1] = np.radians(8)
    for name in ("mouth", "left eye", "right eye"):
        rest, moved = places.box(name, FaceFrame()), places.box(name, turned)
        assert all(edge % 2 == 0 for edge in (*rest, *moved))
        assert 10 < moved[0] - rest[0] < 80  # to the host's left, the viewer's right
        assert (moved[2] - moved[0], moved[3] - moved[1]) == (rest[2] - rest[0], rest[3] - rest[1])


def test_a_tiny_render_bench(talk: Talk) -> None:
    report = render.run(HOST, [talk], ticks=8, still=4)
    assert report.speaking.ticks == 8
    assert 0 < report.speaking.p50 <= report.speaking.p95
    assert 0 < report.pack_mb < render.MAX_MB
    assert json.loads(json.dumps(asdict(report)))["still"]["ticks"] == 4
    assert "speaking" in render.table(report)


def test_the_opening_that_is_seen_is_the_one_that_is_meant(live: Live) -> None:
    meant, seen = aperture.Meant(live.pack), aperture.Seen(live)
    closed, wide = FaceFrame(), FaceFrame()
    closed["jawOpen"] = closed["mouthClose"] = 0.3
    wide["jawOpen"] = 0.5
    assert meant.opening(closed) < 2
    assert max(seen.openings(closed)) < 2
    assert meant.opening(wide) > 15
    assert seen.openings(wide)[1] == pytest.approx(meant.opening(wide), rel=0.15)


def test_a_tiny_aperture_bench(talk: Talk, tmp_path: Path) -> None:
    report = aperture.run(HOST, [talk], tmp_path)
    assert report.labials == 4
    assert len(report.open) == report.labials - report.closed
    assert report.ticks == len(talk.frames) > 3 * LEAD
    assert cv2.imread(str(tmp_path / "lips-en.png")) is not None
    assert "correlation" in aperture.table(report)


@pytest.mark.parametrize("late", [-2, 0, 3])
def test_lips_seen_to_part_before_or_after_they_are_heard_to(late: int) -> None:
    """Seen shut in ticks 10 and 11, open from the edge between 11 and 12 on; heard to part ``late`` ticks after."""
    seen = np.ones(30, np.float32)
    seen[10:12] = 0
    loudness = np.full(30 * STEPS, -60, np.float32)
    loudness[(12 + late) * STEPS :] = -20
    one = Talk("en", (FaceFrame(),) * 30, (Phone("b", 9.5, 11.7),), loudness)
    [found] = aperture._partings(one, seen)
    assert found == pytest.approx(late, abs=1 / STEPS)


def test_likeness_of_the_live_picture_to_itself(live: Live, tmp_path: Path) -> None:
    """Pictures of the live host in the place of the path-traced ones: as alike as 4:2:0 lets them be."""
    for face, pair in list(zip(faces.load(), likeness.pictures(live.pack, faces.load()), strict=True))[::30]:
        live.draw(face.frame)
        for wanted in pair:
            write(wanted, live.rgb(wanted.box), tmp_path)
    report = likeness.run(HOST, tmp_path, tmp_path / "sheets")
    assert report.missing == 2 * (len(faces.load()) - 3)
    assert len(report.scores) == 9
    assert all(score.psnr > 38 and score.ssim > 0.98 for score in report.scores)
    assert {path.name for path in (tmp_path / "sheets").iterdir()} == {"worst-eyes.png", "worst-mouth.png"}
    assert f"{report.missing} path-traced pictures are missing" in likeness.table(report)


def test_likeness_without_pictures_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match="--take"):
        likeness.run(HOST, tmp_path)


def test_steadiness_of_the_live_picture_against_itself(live: Live, tmp_path: Path) -> None:
    wanted = [one for way in steadiness.ways(live.pack)[:3] for pair in way.wanted() for one in pair]
    for one in wanted:
        live.draw(one.frame)
        write(one, live.rgb(one.box), tmp_path)
    report = steadiness.run(HOST, tmp_path, tmp_path)
    assert report.held == 0
    assert [sweep.ratio for sweep in report.sweeps[:3]] == pytest.approx([1, 1, 1], abs=0.15)
    assert all(sweep.ratio is None for sweep in report.sweeps[3:])
    assert "eyeBlinkLeft" in steadiness.table(report)
    assert json.loads(json.dumps(asdict(report), allow_nan=False))["missing"] == report.missing


def test_no_such_host() -> None:
    with pytest.raises(PackError, match="nobody"):
        render.run("nobody", [Talk("en", (FaceFrame(),), (), np.zeros(4, np.float32))])


def test_charts_take_any_numbers(tmp_path: Path) -> None:
    chart.lines(tmp_path / "a.png", "flat", {"zero": np.zeros(5)})
    chart.bars(tmp_path / "b.png", "bars", {"one": 1.0, "two": 2.0}, 1.5)
    assert all(cv2.imread(str(tmp_path / name)) is not None for name in ("a.png", "b.png"))
    with pytest.raises(AvatarError, match="PNG"):
        chart.lines(tmp_path / "a.jpg", "flat", {"zero": np.zeros(5)})


def test_boxes_unite() -> None:
    assert union((0, 4, 10, 12), (2, 2, 14, 8)) == (0, 2, 14, 12)


def write(wanted: truth.Wanted, rgb: np.ndarray, folder: Path) -> None:
    """As the path tracer leaves it: 16 bit, opaque."""
    rgba = np.dstack([rgb[..., ::-1], np.ones(rgb.shape[:2], np.float32)])
    cv2.imwrite(str(wanted.path(folder)), np.rint(rgba * 65535).astype(np.uint16))
