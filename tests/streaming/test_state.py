"""What a room must not forget: real SQLite files, closed and opened again."""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streaming import protocol as say
from streaming.errors import EverhostError
from streaming.programme.schedule import Aired
from streaming.questions import Question
from streaming.state import State


def question(id: str, asked_at: float = 1.0) -> Question:  # noqa: A002
    return Question(id, "试用期最长多久？", "zh", "v1", "c1", "小王", asked_at)


def rows(path: Path) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(path)
    try:
        return db.execute("SELECT id, outcome, answer, citations FROM questions ORDER BY id").fetchall()
    finally:
        db.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "state.sqlite"


@pytest.fixture
def state(path: Path) -> Iterator[State]:
    state = State(path)
    yield state
    state.close()


async def test_accepted_questions_survive_in_the_order_they_were_asked(path: Path, state: State) -> None:
    for name, at in (("q2", 2.0), ("q1", 1.0), ("q3", 3.0)):
        state.record("law", question(name, at), None)
    state.record("museum", question("q4"), None)
    state.record("law", question("q3", 3.0), "answered")
    reopened = State(path)  # beside the first, as after a crash that closed nothing
    try:
        left = await state.unfinished("law")
        assert await reopened.unfinished("law") == left
    finally:
        reopened.close()
    assert [one.id for one in left] == ["q1", "q2"]
    assert (left[0].text, left[0].language, left[0].name, left[0].asked_at) == ("试用期最长多久？", "zh", "小王", 1.0)
    assert (left[0].viewer, left[0].client_id) == ("v1", "c1")  # whoever asked may come back
    assert [one.id for one in await state.unfinished("museum")] == ["q4"]


async def test_what_a_programme_said_is_known_after_a_restart_and_forgotten_in_time(path: Path) -> None:
    said = [Aired("talk", 0, k, f"Sentence {k}.", 100.0 + k) for k in range(4)]
    state = State(path)
    for one in said:
        state.air("law", one)
    state.air("museum", Aired("", 0, -1, "Where were we?", 103.0, "bronze"))
    state.close()
    again = State(path)
    try:
        assert await again.aired("law", 102.0) == said[2:]
        assert await again.aired("law", 0.0) == said[2:]
        assert [one.storyline for one in await again.aired("museum", 0.0)] == ["bronze"]
    finally:
        again.close()


async def test_an_older_database_is_brought_up_to_date(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE questions (id TEXT PRIMARY KEY, room TEXT NOT NULL, text TEXT NOT NULL, language TEXT NOT NULL,"
        " name TEXT NOT NULL, asked_at REAL NOT NULL, outcome TEXT, answer TEXT, citations TEXT, ended_at REAL);"
        "INSERT INTO questions VALUES ('q1', 'law', '多久？', 'zh', '王', 5.0, NULL, NULL, NULL, NULL);"
        "CREATE TABLE aired (room TEXT NOT NULL, segment TEXT NOT NULL, wording INTEGER NOT NULL,"
        " line INTEGER NOT NULL, text TEXT NOT NULL, at REAL NOT NULL);"
        "INSERT INTO aired VALUES ('law', 'talk', 0, 1, 'Two.', 5.0);"
    )
    db.close()
    for _ in range(2):
        state = State(path)
        [left] = await state.unfinished("law")
        assert (left.kind, left.tries, left.held, left.viewer) == ("typed", 0, False, None)
        assert await state.aired("law", 0.0) == [Aired("talk", 0, 1, "Two.", 5.0)]
        state.close()


async def test_how_a_question_waits_is_kept(path: Path, state: State) -> None:
    one = question("q1")
    state.record("law", one, None)
    one.tries, one.held, one.pinned, one.reply = 1, True, True, "两个月。"
    state.record("law", one, None)
    [left] = await state.unfinished("law")
    assert left == one


async def test_the_last_that_ended(path: Path, state: State) -> None:
    for k, outcome in enumerate(("answered", "skipped", "refused")):
        one = question(f"q{k}")
        one.sentences += ["[点头]好。"] if outcome != "skipped" else []
        one.citations.append(say.Cited(1, "Law", "Art. 1", "quote"))
        state.record("law", one, None)
        state.record("law", one, outcome)
    found = await state.ended("law", 0.0, 2)
    assert [(one.id, outcome) for one, outcome, _ in found] == [("q2", "refused"), ("q1", "skipped")]
    last, _, _ = found[0]
    assert (last.answer, last.refused, last.citations[0].title) == ("好。", True, "Law")
    assert await state.ended("law", 1e12, 9) == []


def test_closing_loses_nothing_that_was_recorded(path: Path) -> None:
    state = State(path)
    for n in range(300):
        state.record("law", question(f"q{n:03}"), None)
    state.close()
    assert len(rows(path)) == 300


async def test_a_question_has_one_outcome_and_its_answer(path: Path, state: State) -> None:
    one = question("q1")
    one.sentences += ["第一句。", "第二句。"]
    one.citations.append(say.Cited(1, "劳动合同法", "第十九条", "试用期不得超过六个月"))
    state.record("law", one, None)
    state.record("law", one, "answered")
    state.record("law", one, "skipped")
    state.record("law", one, None)
    assert await state.unfinished("law") == []
    ((name, outcome, answer, citations),) = rows(path)
    assert (name, outcome, answer) == ("q1", "answered", "第一句。第二句。")
    assert "第十九条" in citations


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 40, None])
def test_a_broken_database_says_so_and_what_to_do(path: Path, content: bytes | None) -> None:
    path.parent.mkdir()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(EverhostError, match=r"state.sqlite cannot be opened .*move it away"):
        State(path)


def test_a_database_of_something_else_is_refused(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE questions (something TEXT)")
    db.close()
    with pytest.raises(EverhostError, match="no such column"):
        State(path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EverhostError, match=r"cannot be made .*--data"):
        State(tmp_path / "file" / "data" / "state.sqlite")


async def test_what_cannot_be_written_is_logged_and_the_room_goes_on(
    path: Path, state: State, caplog: pytest.LogCaptureFixture
) -> None:
    await state.unfinished("law")
    thief = sqlite3.connect(path)
    thief.execute("DROP TABLE questions")
    thief.close()
    with caplog.at_level(logging.ERROR):
        state.record("law", question("q1"), None)
        with pytest.raises(sqlite3.OperationalError):
            await state.unfinished("law")
    assert "could not be written: no such table" in caplog.text
