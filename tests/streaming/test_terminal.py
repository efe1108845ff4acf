"""The command's verbs that only need a terminal."""

import json
from pathlib import Path

import cv2
import pytest

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
    assert capsys.readouterr().out.split() == ["lin"]


@pytest.mark.real
def test_a_contact_sheet_shows_every_shape(tmp_path: Path) -> None:
    out = tmp_path / "lin.png"
    assert main(["avatar", "show", "lin", "-o", str(out)]) == 0
    sheet = cv2.imread(str(out))
    assert sheet is not None
    assert sheet.shape == (6 * 270, 9 * 270, 3)  # neutral and 52 shapes, and one cell left over
    neutral = sheet[:240, :270].astype(int)  # above the name
    jaw_open = 1 + 17
    row, column = divmod(jaw_open, 9)
    opened = sheet[row * 270 : row * 270 + 240, column * 270 : (column + 1) * 270].astype(int)
    assert abs(opened - neutral).max() > 60
