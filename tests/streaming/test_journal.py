"""The journal: whatever is done to it afterwards is found."""

import hashlib
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming import journal as j
from streaming.cli import main
from streaming.errors import EverhostError
from streaming.journal import Head, Journal, entries, verified

MONDAY = 1_767_571_200.0
"""2026-01-05, midnight UTC."""
DAY = 86_400.0


class Clock:
    def __init__(self, now: float = MONDAY) -> None:
        self.now = now

    def __call__(self) -> float:
        self.now += 1
        return self.now


def kept(data: Path, lines: int = 5, clock: Clock | None = None, **given: Any) -> Path:
    """A journal of so many lines; its last file."""
    journal = Journal(data, clock=clock or Clock(), **given)
    for k in range(lines):
        journal.note("law", "said", text=f"第 {k} 句。")
    journal.close()
    return j.files(data / j.FOLDER)[-1]


def test_what_was_noted_can_be_read_and_follows_from_line_to_line(tmp_path: Path) -> None:
    file = kept(tmp_path)
    assert file.name == "2026-01-05.jsonl"
    read = list(entries(tmp_path))
    assert [entry["n"] for entry in read] == [0, 1, 2, 3, 4]
    assert read[3] | {"before": ""} == {
        "n": 3,
        "at": "2026-01-05T00:00:04.000Z",
        "room": "law",
        "what": "said",
        "before": "",
        "text": "第 3 句。",
    }
    found = verified(tmp_path)
    assert (found.lines, found.head.n, found.problems) == (5, 4, [])


def test_it_goes_on_after_a_restart_and_over_days(tmp_path: Path) -> None:
    kept(tmp_path)
    kept(tmp_path, clock=Clock(MONDAY + DAY))
    kept(tmp_path, lines=1, clock=Clock(MONDAY + DAY + 3600))
    assert [file.stem for file in j.files(tmp_path / j.FOLDER)] == ["2026-01-05", "2026-01-06"]
    assert verified(tmp_path) == j.Verified(11, verified(tmp_path).head, [])


def changed(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[2].replace("第".encode(), "其".encode()), *lines[3:]]


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (changed, ":4 does not follow"),
        (lambda lines: [*lines[:2], *lines[3:]], ":3 does not follow"),
        (lambda lines: [*lines[:2], lines[2], lines[2], *lines[3:]], ":4 does not follow"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], ":2 does not follow"),
        (lambda lines: lines[1:], "the beginning is missing"),
        (lambda lines: [*lines[:2], b"nonsense", *lines[3:]], ":3 is no line"),
        (lambda lines: [*lines[:2], b"{}", *lines[3:]], ":3 is no line"),
    ],
)
def test_tampering_is_found(tmp_path: Path, tamper: Callable[[list[bytes]], list[bytes]], says: str) -> None:
    file = kept(tmp_path)
    lines = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join(tamper(lines)) + b"\n")
    assert any(says in problem for problem in verified(tmp_path).problems), verified(tmp_path).problems


def test_lines_cut_off_at_the_end_are_found_by_who_kept_the_head(tmp_path: Path) -> None:
    file = kept(tmp_path)
    before = verified(tmp_path).head
    file.write_bytes(b"\n".join(file.read_bytes().splitlines()[:3]) + b"\n")
    after = verified(tmp_path)
    assert after.problems == []
    assert after.head != before


@given(st.data())
def test_any_byte_that_differs_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("journal")
    file = kept(folder, lines=3)
    head = verified(folder).head
    written = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(written) - 2))  # not the last line end
    written[at] ^= data.draw(st.integers(1, 255))
    file.write_bytes(written)
    found = verified(folder)
    assert found.problems or found.head != head


def test_what_a_kill_left_of_a_line_is_put_aside(tmp_path: Path) -> None:
    file = kept(tmp_path)
    with file.open("ab") as stream:
        stream.write(b'{"n":5,"at":"20')
    kept(tmp_path, lines=1, clock=Clock(MONDAY + 3600))
    *_, torn, last = entries(tmp_path)
    assert torn["what"] == "torn"
    assert (tmp_path / j.FOLDER / torn["kept_in"]).read_bytes() == b'{"n":5,"at":"20'
    assert last["what"] == "said"
    assert verified(tmp_path).problems == []


def test_old_days_are_forgotten_and_the_rest_still_follows(tmp_path: Path) -> None:
    for day in range(5):
        kept(tmp_path, lines=2, clock=Clock(MONDAY + day * DAY), keep_days=2)
    assert [file.stem for file in j.files(tmp_path / j.FOLDER)] == ["2026-01-07", "2026-01-08", "2026-01-09"]
    found = verified(tmp_path)
    assert found.problems == []
    assert found.lines == 8
    # Whoever deletes days by hand leaves a hole.
    j.files(tmp_path / j.FOLDER)[0].unlink()
    assert "the beginning is missing" in verified(tmp_path).problems[0]


def test_viewers_have_pseudonyms_that_only_this_installation_can_make(tmp_path: Path) -> None:
    journal, other = Journal(tmp_path / "a"), Journal(tmp_path / "b")
    assert journal.pseudonym("v1") == journal.pseudonym("v1")
    assert journal.pseudonym("v1") != journal.pseudonym("v2")
    assert journal.pseudonym("v1") != other.pseudonym("v1")
    assert journal.pseudonym(None) is None
    assert (tmp_path / "a" / j.FOLDER / j.KEY).stat().st_mode & 0o777 == 0o600
    journal.close()
    other.close()
    again = Journal(tmp_path / "a")
    assert again.pseudonym("v1") == journal.pseudonym("v1")
    again.close()


def test_a_full_disk_is_told_once_and_what_was_lost_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path, clock=Clock())
    full = monkeypatch.context()
    with full as patch:

        def refuse(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(Journal, "_append", refuse)
        for _ in range(3):
            journal.note("law", "said", text="…")
        journal._run(lambda: None).result()
    journal.note("law", "said", text="again")
    journal.close()
    assert [(entry["what"], entry.get("lines")) for entry in entries(tmp_path)] == [("lost", 3), ("said", None)]
    assert caplog.text.count("cannot be written") == 1


def test_what_every_line_has_is_no_fact(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="every line"):
        j.line(Head(), MONDAY, "law", "said", {"n": 7})


def test_where_there_is_none_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(EverhostError, match="--data"):
        verified(tmp_path)
    (tmp_path / j.FOLDER).mkdir()
    (tmp_path / j.FOLDER / j.KEY).write_text("nonsense")
    with pytest.raises(EverhostError, match="damaged"):
        Journal(tmp_path)


def test_lines_are_as_anybody_can_check_them(tmp_path: Path) -> None:
    """With any tool: the SHA-256 of one line is what the next says comes before it."""
    for before, line in pairwise(kept(tmp_path).read_bytes().splitlines()):
        assert json.loads(line)["before"] == hashlib.sha256(before).hexdigest()


def test_the_command_verifies_tells_the_head_and_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = kept(tmp_path)
    command = ["journal", "--data", str(tmp_path)]
    assert main([*command, "verify"]) == 0
    assert "5 lines: as they were written" in capsys.readouterr().out
    assert main([*command, "head"]) == 0
    assert capsys.readouterr().out == f"4 {verified(tmp_path).head.hash}\n"
    assert main([*command, "export", "--what", "said", "--room", "law"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert main([*command, "export", "--room", "museum"]) == 0
    assert capsys.readouterr().out == ""
    file.write_bytes(file.read_bytes().replace("第 2".encode(), "第 9".encode()))
    assert main([*command, "verify"]) == 1
    assert "2026-01-05.jsonl:4 does not follow" in capsys.readouterr().out
    assert main(["journal", "--data", str(tmp_path / "none"), "verify"]) == 2
    assert "no journal" in capsys.readouterr().err
