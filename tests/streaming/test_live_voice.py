"""An operator's voice on its way to the air: jitter, drift and level. Sans-I/O."""

from collections.abc import Callable

import numpy as np
import pytest

from avatar.listening import LOOK_AHEAD
from avatar.listening.listener import Listener
from streaming.live_voice import CUSHION, FULL, LiveVoice

RATE = 48_000
PIECE = 960


def tone(seconds: float, level: float = 0.15) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * 300 * t)).astype(np.float32)


def play(sound: np.ndarray, ticks: int, come: Callable[[int], int]) -> tuple[np.ndarray, LiveVoice]:
    """``come``: how many samples have come before a tick."""
    voice, given, out = LiveVoice(Listener()), 0, []
    for tick in range(ticks):
        until = min(len(sound), come(tick))
        while given + PIECE <= until:
            voice.put(sound[given : given + PIECE])
            given += PIECE
        pcm = np.zeros(1000, np.float32)
        voice.take(pcm)
        out.append(pcm)
    return np.concatenate(out), voice


def test_sound_leaves_whole_after_the_cushion_and_the_look_ahead() -> None:
    sound = tone(2.0)
    out, voice = play(sound, 140, lambda tick: 1000 * tick)
    heard = np.flatnonzero(np.abs(out) > 1e-3)
    delay = heard[0] / 1000
    assert CUSHION + LOOK_AHEAD <= delay <= CUSHION + LOOK_AHEAD + 2
    assert heard[-1] - heard[0] == pytest.approx(len(sound), abs=2 * PIECE)
    assert voice.late == 1  # when it ended


def test_jitter_within_the_cushion_is_not_heard() -> None:
    rng = np.random.default_rng(1)
    lateness = rng.integers(0, 2500, 400)
    out, voice = play(tone(6.0), 240, lambda tick: 1000 * tick - int(lateness[tick]))
    assert voice.late <= 1
    spoken = out[20_000:200_000]
    assert np.abs(spoken).reshape(-1, 500).max(1).min() > 0.05


def test_a_faster_clock_is_caught_up_in_pauses() -> None:
    words = np.concatenate([np.concatenate((tone(0.6), np.zeros(RATE // 5, np.float32)))] * 20)
    out, voice = play(words, 700, lambda tick: int(1030 * tick))
    assert voice._samples <= (FULL + 2) * 1000
    assert np.abs(out).max() <= 0.89 + 1e-6


@pytest.mark.parametrize("level", [0.02, 0.1, 0.6])
def test_loud_and_soft_speakers_become_alike(level: float) -> None:
    out, _ = play(tone(12.0, level), 500, lambda tick: 1000 * tick)
    late = out[400_000:450_000]
    assert float(np.sqrt(np.mean(late**2))) == pytest.approx(0.11, rel=0.25)


def test_silence_is_not_raised() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.0005, 10 * RATE).astype(np.float32)
    out, _ = play(noise, 450, lambda tick: 1000 * tick)
    assert np.abs(out).max() < 0.02
