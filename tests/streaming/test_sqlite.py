"""The state's file: older ones, broken ones, and disks that are full."""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from streaming.errors import EverhostError
from streaming.programme.schedule import Aired
from streaming.state.sqlite import Sqlite
from tests.streaming.test_state import question


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "state.sqlite"


@pytest.fixture
def state(path: Path) -> Iterator[Sqlite]:
    state = Sqlite(path)
    yield state
    state.close()


async def test_a_second_one_sees_what_the_first_wrote(path: Path, state: Sqlite) -> None:
    """As after a crash that closed nothing."""
    state.room("law").record(question("q1"), None)
    left = await state.room("law").unfinished()
    other = Sqlite(path)
    try:
        assert await other.room("law").unfinished() == left
    finally:
        other.close()


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
        state = Sqlite(path)
        [left] = await state.room("law").unfinished()
        assert (left.kind, left.tries, left.held, left.viewer) == ("typed", 0, False, None)
        assert await state.room("law").aired(0.0) == [Aired("talk", 0, 1, "Two.", 5.0)]
        state.close()


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 40, None])
def test_a_broken_database_says_so_and_what_to_do(path: Path, content: bytes | None) -> None:
    path.parent.mkdir()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(EverhostError, match=r"state.sqlite cannot be opened .*move it away"):
        Sqlite(path)


def test_a_database_of_something_else_is_refused(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE questions (something TEXT)")
    db.close()
    with pytest.raises(EverhostError, match="no such column"):
        Sqlite(path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EverhostError, match=r"cannot be made .*--data"):
        Sqlite(tmp_path / "file" / "data" / "state.sqlite")


async def test_what_cannot_be_written_is_logged_and_the_room_goes_on(
    path: Path, state: Sqlite, caplog: pytest.LogCaptureFixture
) -> None:
    room = state.room("law")
    await room.unfinished()
    thief = sqlite3.connect(path)
    thief.execute("DROP TABLE questions")
    thief.close()
    with caplog.at_level(logging.ERROR):
        room.record(question("q1"), None)
        with pytest.raises(sqlite3.OperationalError):
            await room.unfinished()
    assert "could not be written: no such table" in caplog.text
