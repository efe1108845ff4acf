"""Tables of clips: what is wrong is said with its row, before anything is made."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from avatar.speech import SpeechChunk
from streaming import batch, clip
from streaming.batch import Order, orders
from streaming.cli import main
from streaming.errors import EverhostError
from streaming.render import Style, emotion

TEXT = "Dear {name}, you owe {sum} euros. {{sic}}"


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "people.csv"
    file.write_text(text, encoding)
    return file


def made(folder: Path, text: str, say: str = TEXT, out: str = "{name}.mp4") -> list[Order]:
    return orders(table(folder, text), say, f"{folder}/{out}")


def test_each_row_is_a_clip(tmp_path: Path) -> None:
    first, second = made(tmp_path, 'name, sum\nAnn,"1,000"\n\n,\n李雷,20\n')
    assert (first.row, first.text) == (2, "Dear Ann, you owe 1,000 euros. {sic}")
    assert first.out == tmp_path / "Ann.mp4"
    assert (second.row, second.out.name) == (5, "李雷.mp4")


def test_as_spreadsheets_write_it(tmp_path: Path) -> None:
    (one,) = orders(table(tmp_path, "\r\nname,sum,\r\nAnn,3,,\r\n", "utf-8-sig"), TEXT, f"{tmp_path}/{{name}}.mp4")
    assert one.row == 3
    assert one.text.startswith("Dear Ann, you owe 3")


@pytest.mark.parametrize(
    ("text", "out", "message"),
    [
        ("name,sum\n", "{name}.mp4", "no rows"),
        ("name\nAnn\n", "{name}.mp4", "has no column 'sum'; there are name"),
        ("name,sum\nAnn,1\n", "{id}.mp4", "has no column 'id'; there are name, sum"),
        ("name,sum\nAnn,1\n", "{name}}.mp4", "a } stands alone; write }}"),
        ("name,sum\n../x,1\n", "{name}.mp4", "row 2 .* nothing for a file's name"),
        ("name,sum\n,1\n", "{name}.mp4", "row 2 .* nothing for a file's name"),
        ("name,sum\nAnn,1\nBob,2\n", "all.mp4", "rows 2, 3 .* tells them apart"),
        ("name,sum\nAnn,1\nann,2\n", "{name}.mp4", "rows 2, 3 .* tells them apart"),
        ("name,sum\n" + 90 * "名" + ",1\n", "{name}.mp4", "File name too long"),
        ("name,sum\nAnn,1\n", "{name}.avi", "ends in .mp4"),
        ("name,sum\nAnn,1\n", "nowhere/{name}.mp4", "no folder"),
        ("name,sum\nAnn,1,2\n", "{name}.mp4", "row 2 .* more values"),
        ("name,name\nAnn,1\n", "{name}.mp4", "each once"),
        ("", "{name}.mp4", "names the columns|no rows"),
        ('name,sum\n"Ann,1\n', "{name}.mp4", "cannot be read as CSV"),
    ],
)
def test_what_is_wrong_is_said_with_its_row(tmp_path: Path, text: str, out: str, message: str) -> None:
    with pytest.raises(EverhostError, match=message):
        made(tmp_path, text, out=out)


def test_a_text_without_words_is_nothing_to_say(tmp_path: Path) -> None:
    with pytest.raises(EverhostError, match=r"row 2 .* nothing to say"):
        made(tmp_path, "name,sum\nAnn,…\n", say="{sum}")
    with pytest.raises(EverhostError, match=r"row 2 .* nothing to say"):
        made(tmp_path, "name,sum\nAnn,\n", say="[warm] {sum} [nod]")
    with pytest.raises(EverhostError, match=r"a { stands alone; write {{"):
        made(tmp_path, "name,sum\nAnn,1\n", say="a { b")


def test_a_table_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    with pytest.raises(EverhostError, match="cannot be read"):
        orders(file, TEXT, "{name}.mp4")
    file.write_bytes(b"name,sum\n\xff\xfe,1\n")
    with pytest.raises(EverhostError, match="UTF-8"):
        orders(file, TEXT, "{name}.mp4")


def test_a_clip_is_there_when_it_was_made_of_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = Order(2, "Hello.", tmp_path / "a.mp4")
    how = {"seed": 0, "size": (1920, 1080)}
    assert not order.is_there(how)
    order.out.write_bytes(b"not a clip")
    assert not order.is_there(how)
    monkeypatch.setattr(clip, "about", lambda path: order.about(how))
    assert order.is_there(how)
    assert not order.is_there({**how, "seed": 1})
    assert not batch.Order(2, "Hello!", order.out).is_there(how)


def test_a_recording_is_cut_where_it_is_quiet(tmp_path: Path) -> None:
    rate, file = 48_000, tmp_path / "speech.wav"
    at = np.arange(20 * rate) / rate
    sound = (0.3 * np.sin(2 * np.pi * 220 * at)).astype(np.float32)
    sound[6 * rate : 6 * rate + rate // 4] = 0
    with av.open(str(file), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray((32767 * sound[None]).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = rate
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    chunks = list(clip.spoken(file, "warm"))
    assert sum(len(chunk.pcm) for chunk in chunks) == len(sound)
    assert 6.0 < len(chunks[0].pcm) / rate < 6.25
    assert [mark.value for chunk in chunks for mark in chunk.marks] == ["warm"]
    with pytest.raises(EverhostError, match="cannot be read as sound"):
        list(clip.spoken(tmp_path / "people.csv"))


@pytest.mark.real
def test_a_batch_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = table(tmp_path, "name\nAnn\nBob\n")
    arguments = ["render", "--batch", str(file), "--text", "[warm] Hi {name}.", "-o", f"{tmp_path}/{{name}}.mp4"]
    arguments += ["--size", "1080x1920", "--background", "#203040"]
    assert main(arguments) == 0
    assert "2 made" in capsys.readouterr().out
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.mp4")}
    with av.open(str(tmp_path / "Ann.mp4")) as made_clip:
        video = made_clip.streams.video[0]
        assert (video.width, video.height) == (1080, 1920)
    (tmp_path / "Bob.mp4").unlink()
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "2 clips; 1 are there already" in told
    assert "1 made" in told
    assert (tmp_path / "Ann.mp4").stat().st_mtime_ns == stamps[tmp_path / "Ann.mp4"]
    assert main([*arguments, "--seed", "1"]) == 0  # another way to make them
    assert "0 are there already" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Ann.mp4", "Bob.mp4", "people.csv"]


@pytest.mark.real
@pytest.mark.parametrize("stopped", [signal.SIGKILL, signal.SIGTERM])
def test_a_batch_that_was_killed_goes_on(tmp_path: Path, stopped: signal.Signals) -> None:
    file = table(tmp_path, "name\nAnn\nBob\nCid\n")
    command = [sys.executable, "-c", "import sys; from streaming.cli import main; sys.exit(main())", "render"]
    command += ["--batch", str(file), "--text", "Hello there, dear {name}.", "-o", f"{tmp_path}/{{name}}.mp4"]
    with subprocess.Popen(command) as run:
        while not (tmp_path / "Ann.mp4").exists() or not list(tmp_path.glob(".Bob.*.mp4")):
            assert run.poll() is None
            time.sleep(0.02)
        run.send_signal(stopped)
    assert run.returncode == (-9 if stopped is signal.SIGKILL else 143)
    left = list(tmp_path.glob(".*"))
    assert len(left) == (stopped is signal.SIGKILL)
    for path in left:
        os.utime(path, (time.time() - 120, time.time() - 120))
    before = (tmp_path / "Ann.mp4").stat().st_mtime_ns
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "3 clips; 1 are there already" in again.stdout
    assert (tmp_path / "Ann.mp4").stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Ann.mp4", "Bob.mp4", "Cid.mp4", "people.csv"]


@pytest.mark.parametrize("other", [b"other", b""])
def test_a_clip_is_another_before_another_picture(tmp_path: Path, other: bytes) -> None:
    picture = tmp_path / "lobby.jpg"
    picture.write_bytes(b"one")
    style = Style(None, "lin", None, 0, (1920, 1080), str(picture), transparent=False, emotion=None, device=None)
    before = style.made_of()
    assert before == replace(style, device="cuda").made_of()
    picture.write_bytes(other)
    assert style.made_of() != before
    assert replace(style, host="bo").made_of() != style.made_of()


def test_what_a_feeling_may_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [emotion(written) for written in ("sorry", "sorry 0.5", "抱歉")] == ["sorry", "sorry 0.5", "sorry"]
    for written in ("happy", "nod", "pause", "sorry] [warm", "sorry 2"):
        assert main(["render", "--text", "Hi.", "--emotion", written, "-o", str(tmp_path / "a.mp4")]) == 2
        assert "curious, delighted" in capsys.readouterr().err
    assert main(["render", "--text", "[happy] Hi.", "-o", str(tmp_path / "a.mp4")]) == 2
    assert "no delivery mark [happy]" in capsys.readouterr().err


@pytest.mark.real
def test_a_recording_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    assert main(["render", "--text", "Hello there.", "-o", str(first)]) == 0
    assert main(["render", "--audio", str(first), "--emotion", "warm", "-o", str(second)]) == 0
    with av.open(str(first)) as one, av.open(str(second)) as other:
        lengths = [float((file.duration or 0) / av.time_base) for file in (one, other)]
    assert lengths[1] == pytest.approx(lengths[0] + 2 * clip.LEAD_TICKS / 48, abs=0.2)
    assert main(["render", "--audio", str(first), "--batch", "x.csv", "-o", "y.mp4"]) == 2
    assert "--audio has none" in capsys.readouterr().err
    assert main(["render", "--text", "Hi", "--size", "big", "-o", "y.mp4"]) == 2
    assert "WIDTHxHEIGHT" in capsys.readouterr().err


@pytest.mark.real
@pytest.mark.parametrize(("name", "codec"), [("a.webm", "libvpx-vp9"), ("a.mov", "prores")])
def test_a_transparent_clip(tmp_path: Path, name: str, codec: str) -> None:
    out = tmp_path / name
    assert main(["render", "--text", "Hi.", "--transparent", "--size", "1080x1920", "-o", str(out)]) == 0
    with av.open(str(out)) as file:
        video = file.streams.video[0]
        # FFmpeg's own VP9 leaves the alpha out.
        decoder = av.codec.CodecContext.create(codec, "r")
        decoder.extradata = video.codec_context.extradata
        frames = [frame for packet in file.demux(video) for frame in decoder.decode(packet)]
    assert "yuva" in frames[-1].format.name
    alpha = frames[-1].to_ndarray(format="rgba")[..., 3]
    assert (alpha[:200, -100:] < 3).all()
    assert np.median(alpha[1400:, 440:640]) > 252
    assert clip.about(out) == ""
    film = clip.Film("lin", 1080, 1920, transparent=True)
    film.shoot(iter([SpeechChunk(np.zeros(480, np.float32), 48_000, "")]), out, about="this")
    assert clip.about(out) == "this"


def test_transparent_clips_have_files_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, more in (("a.mp4", ["--transparent"]), ("a.webm", [])):
        assert main(["render", "--text", "Hi.", "-o", str(tmp_path / name), *more]) == 2
        assert "ends in" in capsys.readouterr().err
    arguments = ["render", "--text", "Hi.", "-o", "a.webm", "--transparent", "--background", "green"]
    assert main(arguments) == 2
    assert "no --background" in capsys.readouterr().err
