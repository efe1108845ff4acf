"""The state of all rooms of one gateway in an SQLite file.

Reads and writes go through one thread, in order; closing waits for what is still to be written.
"""

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from streaming.errors import EverhostError
from streaming.mutes import FORGIVEN_S, Muted
from streaming.programme.schedule import Aired
from streaming.questions import Outcome, Question
from streaming.state.state import Desk, ended_as

log = logging.getLogger(__name__)

FILE: Final = "state.sqlite"
"""In a data folder."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS questions (
    id TEXT PRIMARY KEY,
    room TEXT NOT NULL,
    text TEXT NOT NULL,
    language TEXT NOT NULL,
    name TEXT NOT NULL,
    asked_at REAL NOT NULL,
    outcome TEXT,
    answer TEXT,
    citations TEXT,
    ended_at REAL
);
CREATE INDEX IF NOT EXISTS unfinished ON questions (room, asked_at) WHERE outcome IS NULL;
CREATE TABLE IF NOT EXISTS aired (
    room TEXT NOT NULL,
    segment TEXT NOT NULL,
    wording INTEGER NOT NULL,
    line INTEGER NOT NULL,
    text TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS recently ON aired (room, at);
CREATE INDEX IF NOT EXISTS ended ON questions (room, ended_at);
CREATE TABLE IF NOT EXISTS muted (room TEXT, viewer TEXT, until REAL NOT NULL, PRIMARY KEY (room, viewer));
CREATE TABLE IF NOT EXISTS desks (
    room TEXT PRIMARY KEY,
    paused INTEGER NOT NULL DEFAULT 0,
    cut INTEGER NOT NULL DEFAULT 0,
    on_air_at REAL NOT NULL DEFAULT 0
);
"""
_SINCE: Final = {
    2: (
        "questions ADD COLUMN viewer TEXT",
        "questions ADD COLUMN client_id TEXT",
        "questions ADD COLUMN kind TEXT NOT NULL DEFAULT 'typed'",
        "questions ADD COLUMN tries INTEGER NOT NULL DEFAULT 0",
        "questions ADD COLUMN held INTEGER NOT NULL DEFAULT 0",
        "questions ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
        "questions ADD COLUMN reply TEXT NOT NULL DEFAULT ''",
    ),
    3: ("aired ADD COLUMN storyline TEXT NOT NULL DEFAULT ''",),
    4: (
        "questions ADD COLUMN flagged TEXT NOT NULL DEFAULT ''",
        "muted ADD COLUMN grade INTEGER NOT NULL DEFAULT 0",
        "muted ADD COLUMN why TEXT NOT NULL DEFAULT ''",
        "muted ADD COLUMN appeal TEXT NOT NULL DEFAULT ''",
    ),
}
"""What the first databases did not have, by the version that brought it."""
_COLUMNS: Final = "id, text, language, viewer, client_id, name, asked_at, kind, tries, held, pinned, reply, flagged"


class Sqlite:
    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """``clock``: Unix time, s. Raises :class:`EverhostError` when the database cannot be opened."""
        self.clock = clock
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EverhostError(
                f"the folder {path.parent} cannot be made ({error.strerror}); name another with --data"
            ) from error
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError as error:
            raise EverhostError(
                f"the state in {path} cannot be opened ({error}); move it away, or name another folder with --data"
            ) from error
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")

    def room(self, name: str) -> "SqliteRoom":
        return SqliteRoom(self, name)

    async def read(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        return await asyncio.wrap_future(self._run(sql, values))

    def write(self, sql: str, values: tuple[object, ...]) -> None:
        self._run(sql, values).add_done_callback(_log_failure)

    def _run(self, sql: str, values: tuple[object, ...]) -> "Future[list[tuple[Any, ...]]]":
        return self._thread.submit(lambda: self._db.execute(sql, values).fetchall())

    def close(self) -> None:
        self._thread.submit(self._db.close).result()
        self._thread.shutdown()


class SqliteRoom:
    """See :class:`streaming.state.state.RoomState`."""

    def __init__(self, file: Sqlite, room: str) -> None:
        self._file = file
        self._room = room

    def record(self, question: Question, outcome: Outcome | None) -> None:
        q = question
        if outcome is None:
            row = (q.id, self._room, q.text, q.language, q.name, q.asked_at, q.viewer, q.client_id, q.kind)
            self._file.write(
                "INSERT INTO questions (id, room, text, language, name, asked_at, viewer, client_id, kind, tries, held,"
                " pinned, reply, flagged) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET tries = excluded.tries, held = excluded.held,"
                " pinned = excluded.pinned, reply = excluded.reply",
                (*row, q.tries, q.held, q.pinned, q.reply, q.flagged),
            )
            return
        citations = json.dumps([asdict(cited) for cited in q.citations], ensure_ascii=False)
        self._file.write(
            "UPDATE questions SET outcome = ?, answer = ?, citations = ?, ended_at = ?"
            " WHERE id = ? AND outcome IS NULL",
            (outcome, q.answer, citations, self._file.clock(), q.id),
        )

    async def unfinished(self) -> list[Question]:
        rows = await self._file.read(
            f"SELECT {_COLUMNS} FROM questions WHERE room = ? AND outcome IS NULL ORDER BY asked_at",  # noqa: S608
            (self._room,),
        )
        return [_question(row) for row in rows]

    async def ended(self, since: float, limit: int) -> list[tuple[Question, Outcome, float]]:
        rows = await self._file.read(
            f"SELECT {_COLUMNS}, outcome, answer, citations, ended_at FROM questions"  # noqa: S608
            " WHERE room = ? AND ended_at > ? ORDER BY ended_at DESC LIMIT ?",
            (self._room, since, limit),
        )
        return [
            (ended_as(_question(row), outcome, answer, json.loads(citations)), outcome, ended_at)
            for *row, outcome, answer, citations, ended_at in rows
        ]

    async def kept(self) -> None:
        await self._file.read("SELECT 1", ())

    def mute(self, muted: Muted) -> None:
        row = (self._room, muted.viewer, muted.until, muted.grade, muted.why, muted.appeal)
        self._file.write(
            "INSERT OR REPLACE INTO muted (room, viewer, until, grade, why, appeal) VALUES (?, ?, ?, ?, ?, ?)", row
        )

    async def muted(self, now: float) -> list[Muted]:
        self._file.write(
            "DELETE FROM muted WHERE room = ? AND until <= CASE grade WHEN 0 THEN ? ELSE ? END",
            (self._room, now, now - FORGIVEN_S),
        )
        rows = await self._file.read(
            "SELECT viewer, until, grade, why, appeal FROM muted WHERE room = ? ORDER BY rowid", (self._room,)
        )
        return [Muted(*row) for row in rows]

    def switch(self, *, paused: bool, cut: bool) -> None:
        self._file.write(
            "INSERT INTO desks (room, paused, cut) VALUES (?, ?, ?)"
            " ON CONFLICT (room) DO UPDATE SET paused = excluded.paused, cut = excluded.cut",
            (self._room, paused, cut),
        )

    def is_on_air(self, at: float) -> None:
        self._file.write(
            "INSERT INTO desks (room, on_air_at) VALUES (?, ?)"
            " ON CONFLICT (room) DO UPDATE SET on_air_at = excluded.on_air_at",
            (self._room, at),
        )

    async def desk(self) -> Desk:
        rows = await self._file.read("SELECT paused, cut, on_air_at FROM desks WHERE room = ?", (self._room,))
        return Desk(bool(rows[0][0]), bool(rows[0][1]), rows[0][2]) if rows else Desk()

    def air(self, aired: Aired) -> None:
        row = (self._room, aired.segment, aired.wording, aired.line, aired.text, aired.at, aired.storyline)
        self._file.write("INSERT INTO aired VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    async def aired(self, since: float) -> list[Aired]:
        self._file.write("DELETE FROM aired WHERE room = ? AND at < ?", (self._room, since))
        rows = await self._file.read(
            "SELECT segment, wording, line, text, at, storyline FROM aired WHERE room = ? ORDER BY at, rowid",
            (self._room,),
        )
        return [Aired(*row) for row in rows]


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_SCHEMA)
        known = db.execute("PRAGMA user_version").fetchone()[0]
        for version, changes in _SINCE.items():
            if known < version:
                db.execute("BEGIN IMMEDIATE")
                for change in changes:
                    db.execute(f"ALTER TABLE {change}")
                db.execute(f"PRAGMA user_version = {version}")
                db.execute("COMMIT")
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _question(row: Sequence[Any]) -> Question:
    """Of a row of ``_COLUMNS``."""
    name, text, language, viewer, client_id, asker, asked_at, kind, tries, held, pinned, reply, flagged = row
    waits = {"tries": tries, "held": bool(held), "pinned": bool(pinned), "reply": reply, "flagged": flagged}
    return Question(name, text, language, viewer, client_id, asker, asked_at, kind, **waits)


def _log_failure(done: "Future[list[tuple[Any, ...]]]") -> None:
    if (error := done.exception()) is not None:
        log.error("the state could not be written: %s", error)
