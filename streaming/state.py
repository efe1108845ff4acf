"""What a room must not forget, in SQLite: every accepted question and its one outcome, and what its programme said.

Reads and writes go through one thread, in order, so an outcome never overtakes its question; closing waits for what
is still to be written.
"""

import asyncio
import json
import logging
import sqlite3
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from streaming.errors import EverhostError
from streaming.programme.schedule import Aired
from streaming.room import Outcome, Question, spoken_text

log = logging.getLogger(__name__)

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
"""


class State:
    """One database for all rooms of a gateway."""

    def __init__(self, path: Path) -> None:
        """Raises :class:`EverhostError` when the database cannot be opened."""
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

    def record(self, room: str, question: Question, outcome: Outcome | None) -> None:
        """Keep a question without outcome when it is accepted, and with one when it ended; later outcomes are ignored.

        Returns at once. What cannot be written (a full disk) is logged: the room goes on.
        """
        row = (question.id, room, question.text, question.language, question.name, question.asked_at)
        if outcome is None:
            self._write("INSERT OR IGNORE INTO questions VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL)", row)
            return
        citations = [{"n": c.n, "title": c.title, "locator": c.locator, "quote": c.quote} for c in question.citations]
        ended = (outcome, spoken_text(question), json.dumps(citations, ensure_ascii=False), time.time(), question.id)
        self._write(
            "UPDATE questions SET outcome = ?, answer = ?, citations = ?, ended_at = ?"
            " WHERE id = ? AND outcome IS NULL",
            ended,
        )

    async def unfinished(self, room: str) -> list[Question]:
        """Accepted before a restart and never ended; whoever asked is no longer connected."""
        rows = await asyncio.wrap_future(
            self._run(
                "SELECT id, text, language, name, asked_at FROM questions WHERE room = ? AND outcome IS NULL"
                " ORDER BY asked_at",
                (room,),
            )
        )
        return [Question(i, text, language, None, None, name, at) for i, text, language, name, at in rows]

    def air(self, room: str, aired: Aired) -> None:
        """Keep a line of the programme. Returns at once."""
        row = (room, aired.segment, aired.wording, aired.line, aired.text, aired.at)
        self._write("INSERT INTO aired VALUES (?, ?, ?, ?, ?, ?)", row)

    async def aired(self, room: str, since: float) -> list[Aired]:
        """What the programme said since then (Unix time, s), oldest first; what is older is forgotten."""
        self._write("DELETE FROM aired WHERE room = ? AND at < ?", (room, since))
        rows = await asyncio.wrap_future(
            self._run("SELECT segment, wording, line, text, at FROM aired WHERE room = ? ORDER BY at, rowid", (room,))
        )
        return [Aired(*row) for row in rows]

    def _write(self, sql: str, values: tuple[object, ...]) -> None:
        self._run(sql, values).add_done_callback(_log_failure)

    def _run(self, sql: str, values: tuple[object, ...]) -> "Future[list[tuple[Any, ...]]]":
        return self._thread.submit(lambda: self._db.execute(sql, values).fetchall())

    def close(self) -> None:
        self._thread.submit(self._db.close).result()
        self._thread.shutdown()


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_SCHEMA)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _log_failure(done: "Future[list[tuple[Any, ...]]]") -> None:
    if (error := done.exception()) is not None:
        log.error("the state could not be written: %s", error)
