"""Music from files that are made here: how loud, how long, how soon."""

import asyncio
import time
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from avatar.actor import Actor
from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from avatar.face import INDEX
from avatar.lips import MOUTH, Lips
from avatar.speech import SpeechChunk
from streaming import music


def song(path: Path, seconds: float = 3.0, rate: int = 44_100, codec: str = "pcm_s16le", channels: int = 2) -> Path:
    """A tone of 440 Hz at half the full scale."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    layout = "stereo" if channels == 2 else "mono"
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate, layout=layout)
        for begin in range(0, len(tone), 960):
            samples = np.tile(np.float32(tone[begin : begin + 960]), (channels, 1))
            frame = AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, begin
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def level(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound))))


@pytest.mark.parametrize(
    ("name", "rate", "codec", "channels"),
    [("a.wav", 44_100, "pcm_s16le", 2), ("a.wav", 16_000, "pcm_s16le", 1), ("a.ogg", 48_000, "libopus", 2)],
)
def test_a_piece_is_read_in_blocks_at_its_level_and_comes_and_goes(
    tmp_path: Path, name: str, rate: int, codec: str, channels: int
) -> None:
    path = song(tmp_path / name, 4.5, rate, codec, channels)
    assert music.seconds(path) == pytest.approx(4.5, abs=0.05)
    blocks = list(music.blocks(path, -6.0))
    assert [len(block) for block in blocks[:-1]] == [music.BLOCK] * 4
    assert all(block.dtype == np.float32 and block.ndim == 1 for block in blocks)
    sound = np.concatenate(blocks)
    assert len(sound) / SAMPLE_RATE == pytest.approx(4.5, abs=0.05)
    assert level(sound[2 * SAMPLE_RATE : 3 * SAMPLE_RATE]) == pytest.approx(0.5 / 2**0.5 / 2, rel=0.05)
    assert level(sound[:480]) < 0.01
    assert level(sound[SAMPLE_RATE // 2 : SAMPLE_RATE // 2 + 960]) == pytest.approx(0.5 / 2**0.5 / 4, rel=0.1)
    assert level(sound[-480:]) < 0.01
    assert np.abs(np.diff(sound)).max() < 0.03  # no click between two blocks


def test_a_jingle_shorter_than_its_fades(tmp_path: Path) -> None:
    (sound,) = music.blocks(song(tmp_path / "a.wav", 0.3, 48_000), 0.0)
    assert len(sound) == pytest.approx(0.3 * SAMPLE_RATE, abs=64)
    assert np.abs(sound).max() == pytest.approx(0.5, rel=0.01)
    assert abs(sound[-1]) < 0.01


def test_what_holds_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.ogg").write_text("This is no music.")
    with pytest.raises(ValueError, match=r"text\.ogg cannot be read as sound: "):
        music.seconds(tmp_path / "text.ogg")
    with pytest.raises(ValueError, match=r"gone\.ogg cannot be read as sound: No such file"):
        next(music.blocks(tmp_path / "gone.ogg", 0.0))
    silent = tmp_path / "silent.mp4"
    with av.open(str(silent), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        file.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        file.mux(stream.encode(None))
    with pytest.raises(ValueError, match="there is no sound in"):
        music.seconds(silent)


async def test_no_more_of_it_lies_in_the_stage_than_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(music, "BLOCK", 4800)
    monkeypatch.setattr(music, "AHEAD_S", 0.3)
    path = song(tmp_path / "a.wav", 2.0, 48_000)
    begun, sent = time.monotonic(), 0.0
    async for chunk in music.played(path, -12.0):
        sent += chunk.seconds
        assert sent - (time.monotonic() - begun) < 0.31
        assert (chunk.rate, chunk.text, chunk.rest) == (SAMPLE_RATE, "", 0.0)
        assert chunk.mouth is not None
        assert chunk.mouth.shape == (-(-len(chunk.pcm) // SAMPLES_PER_TICK), MOUTH)
    assert sent == pytest.approx(2.0, abs=0.01)
    assert time.monotonic() - begun >= 1.6


async def test_it_can_be_stopped_while_it_is_read(tmp_path: Path) -> None:
    path = song(tmp_path / "a.wav", 20.0)
    for wait in (0.0, 0.01, 0.3):
        told: list[SpeechChunk] = []

        async def play(told: list[SpeechChunk] = told) -> None:
            told.extend([chunk async for chunk in music.played(path, 0.0)])

        task = asyncio.create_task(play())
        await asyncio.sleep(wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not told


def test_the_mouth_rests_while_music_is_heard(tmp_path: Path) -> None:
    lips, actor, idle = Lips(), Actor(), Actor()
    for second, pcm in enumerate(music.blocks(song(tmp_path / "a.wav"), 0.0)):
        chunk = SpeechChunk(pcm, SAMPLE_RATE, "", mouth=np.zeros((-(-len(pcm) // SAMPLES_PER_TICK), MOUTH), np.float32))
        lips.say(chunk, second * SAMPLE_RATE)
        actor.say(chunk, second * SAMPLE_RATE)
    jaws = []
    for tick in range(160):
        assert not lips.weights(tick).any()
        jaws.append([one.frame(tick).weights[INDEX["jawOpen"]] for one in (actor, idle)])
    assert np.max(jaws) < 0.03
