"""Clips with the real host and the real English voice."""

import json
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from avatar.clock import SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.errors import PackError, VoiceError
from avatar.picture import Picture
from avatar.speech import SpeechChunk
from streaming import clip
from streaming.cli import main
from streaming.errors import EverhostError
from streaming.label import Label


def nothing() -> Iterator[SpeechChunk]:
    yield from ()


@pytest.mark.real
def test_a_clip_shows_and_says_it_and_is_labelled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.mp4"
    assert main(["render", "--text", "Hello, I am Lin.", "-o", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    with av.open(str(out)) as file:
        label = json.loads(file.metadata["AIGC"])
        video = file.streams.video[0]
        assert (video.width, video.height, video.average_rate) == (1920, 1080, TICKS_PER_SECOND)
        frames = list(file.decode(video))
    assert set(label) >= {"Label", "ContentProducer", "ProduceID"}
    assert len(frames) > 2 * clip.LEAD_TICKS + TICKS_PER_SECOND // 2
    with av.open(str(out)) as file:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    # Sound and picture are equally long, but for the last AAC frame.
    assert len(sound) / SAMPLES_PER_TICK == pytest.approx(len(frames), abs=3)
    lead = clip.LEAD_TICKS * SAMPLES_PER_TICK
    assert np.sqrt(np.mean(sound[lead:-lead] ** 2)) > 0.02
    assert np.abs(sound[: lead - 4000]).max() < 0.005
    # The label is in the pixels: where it is drawn, a picture without it is far off.
    shown = frames[len(frames) // 2].to_ndarray(format="yuv420p")
    grey = Picture(1920, 1080)
    grey.data[:] = 128
    Label(1920, 1080, (0, 0, 2, 2)).stamp(grey)
    white = grey.y > 220
    assert white.sum() > 1000
    assert np.median(shown[:1080][white]) > 200
    assert cv2.countNonZero((shown[:1080][~white & (grey.y != 128)] < 150).astype(np.uint8)) > 1000


@pytest.mark.parametrize(
    ("name", "message"),
    [("out.avi", "ends in .mp4"), ("nowhere/out.mp4", "there is no folder"), ("folder.mp4", "is a folder"),
     ("x" * 250 + ".mp4", "cannot be written: File name too long"),
     ("名" * 90 + ".mp4", "cannot be written: File name too long")],
)  # fmt: skip
def test_a_bad_name_is_explained_and_nothing_left(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    film = clip.Film("lin")
    with pytest.raises(EverhostError, match=message):
        film.shoot(nothing(), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]


def test_an_unknown_host_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="nobody"):
        clip.Film("nobody")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real
def test_a_voice_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    def broken() -> Iterator[SpeechChunk]:
        yield SpeechChunk(np.zeros(4800, np.float32), 48_000, "a")
        raise VoiceError("it broke")

    out = tmp_path / "out.mp4"
    out.write_bytes(b"an older clip")
    with pytest.raises(VoiceError, match="it broke"):
        clip.Film("lin").shoot(broken(), out)
    assert out.read_bytes() == b"an older clip"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.real
@pytest.mark.parametrize("at_once", [9, 10])
def test_another_device_draws_the_same_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    import torch

    torch.set_num_threads(1)
    monkeypatch.setattr(clip, "LEAD_TICKS", 9)
    monkeypatch.setattr(clip._GpuSet, "at_once", at_once)
    pictures = []
    for device in (None, "cpu"):
        out = tmp_path / f"{device}.mp4"
        sound = iter([SpeechChunk(np.zeros(4800, np.float32), 48_000, "a")])
        ticks = clip.Film("lin", device=device).shoot(sound, out, seed=3)
        with av.open(str(out)) as file:
            pictures.append([frame.to_ndarray(format="yuv420p").astype(np.int32) for frame in file.decode(video=0)])
        assert len(pictures[-1]) == ticks == 27
    for one, other in zip(*pictures, strict=True):
        assert np.square(one - other).mean() < 1


def test_what_is_transparent_has_no_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["render", "--text", "a", "--transparent", "--device", "cpu", "-o", str(tmp_path / "a.webm")]
    assert main(arguments) == 2
    assert "leave --device out" in capsys.readouterr().err


def test_there_must_be_something_to_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--text", "…", "-o", str(tmp_path / "out.mp4")]) == 2
    assert "nothing to say" in capsys.readouterr().err
