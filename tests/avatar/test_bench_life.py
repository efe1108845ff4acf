"""The bench of a host's life: it sees what it should, and what is wrong with a face that does not live."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar.actor import Actor
from avatar.bench import life
from avatar.bench.talk import Talk, act
from avatar.clock import TICKS_PER_SECOND
from avatar.face import INDEX, FaceFrame
from avatar.hosts import load_host
from avatar.life import Attention
from avatar.speech import SpeechChunk


@pytest.fixture(scope="module")
def talks() -> list[Talk]:
    """Half a minute of syllables in phrases of four seconds, by each of four."""
    chance = np.random.default_rng(1)
    rate, out = 16_000, []
    for seed in range(4):
        chunks = []
        for _ in range(8):
            at = np.arange(4 * rate) / rate
            swell = np.clip(np.sin(2 * np.pi * 3.1 * at + chance.uniform(0, 6)), 0, 1) * chance.uniform(0.5, 1)
            noise = (chance.normal(0, 0.15, len(at)) * swell * (at < 3.6)).astype(np.float32)
            chunks.append(SpeechChunk(noise, rate, ""))
        out.append(act(chunks, "en", seed))
    return out


def test_a_host_lives_as_people_do(talks: list[Talk]) -> None:
    report = life.run(talks, seed=3, minutes=12)
    assert report.good, life.table(report)
    assert "Bentivoglio" in life.table(report)


def frames(count: int) -> list[FaceFrame]:
    return [FaceFrame() for _ in range(count)]


def test_what_does_not_live_is_found(talks: list[Talk], monkeypatch: pytest.MonkeyPatch) -> None:
    doll = Actor(1)
    once = [doll.frame(tick).copy() for tick in range(30 * TICKS_PER_SECOND)]

    def again(attention: Attention, seed: int, minutes: float) -> list[FaceFrame]:
        return [once[tick % len(once)] for tick in range(round(60 * minutes * TICKS_PER_SECOND))]

    monkeypatch.setattr(life, "lived", again)
    found = {figure.name: figure.good for figure in life.run(talks, minutes=10).figures}
    assert not found["most alike 20 s of an idle ten minutes"]


def test_blinks_and_saccades_are_measured() -> None:
    still = frames(5 * TICKS_PER_SECOND)
    for k, shut in enumerate((0.3, 0.8, 1.0, 1.0, 0.8, 0.5, 0.3, 0.1)):
        still[48 + k]["eyeBlinkLeft"] = shut
    for frame in still[100:]:
        frame.weights[INDEX["eyeLookOutLeft"]] = 6 / 30
    track = life.Track.of(still)
    (blink,) = life._blinks(track)
    assert blink.at == 1.0
    assert blink.takes == pytest.approx(9 * 1000 / 48)
    assert blink.shuts == pytest.approx(3 * 1000 / 48)
    (saccade,) = life._saccades(track)
    assert saccade.degrees == pytest.approx(6, abs=0.01)
    assert saccade.takes == pytest.approx(1000 / 48)
    turned = frames(3 * TICKS_PER_SECOND)
    for k, frame in enumerate(turned):  # a head that turns under eyes that stay makes no saccade
        frame.rotation[1] = np.radians(k / 10)
        frame["eyeLookInLeft"] = k / 10 / 30
    assert not life._saccades(life.Track.of(turned))


def test_a_heads_motion_is_told_by_its_frequency() -> None:
    nodding = frames(30 * TICKS_PER_SECOND)
    for k, frame in enumerate(nodding):
        frame.rotation[0] = 0.1 * np.sin(2 * np.pi * 2.5 * k / TICKS_PER_SECOND)
    tracks = [life.Track.of(nodding)]
    assert life._within(tracks, 1.8, 3.7) > 0.99
    assert life._within(tracks, 0.2, 1.8) + life._within(tracks, 3.7, 7.0) < 0.01


def test_charts_and_strips(talks: list[Talk], tmp_path: Path) -> None:
    life.charts(talks, life.lived(Attention.IDLE, 0, 2), tmp_path / "life.png")
    assert cv2.imread(str(tmp_path / "life.png")).std() > 5
    picture = life.strip(load_host("lin"), talks[0].frames, 2 * TICKS_PER_SECOND, "speaking")
    assert picture.shape == (20 + 2 * life.CELL, life.COLUMNS * life.CELL, 3)
    first, later = (picture[20 : 20 + life.CELL, k * life.CELL :][:, : life.CELL].astype(int) for k in (0, 5))
    assert 0.1 < np.abs(first - later).mean() < 30
