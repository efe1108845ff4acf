"""What a room must not forget, in SQLite: every accepted question and its one outcome.

Writes go through one thread, in order; a question's acceptance is on disk before anybody answers it.
"""

import asyncio
import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from streaming.errors import EverhostError
from streaming.room import Outcome, Question, spoken_text

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
"""


class State:
    """One database for all rooms of a gateway."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise EverhostError(f"the state in {path} cannot be opened ({error}); move the file away") from error

    async def record(self, room: str, question: Question, outcome: Outcome | None) -> None:
        row = (question.id, room, question.text, question.language, question.name, question.asked_at)
        if outcome is None:
            await self._run("INSERT OR IGNORE INTO questions VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL)", row)
            return
        citations = [{"n": c.n, "title": c.title, "locator": c.locator, "quote": c.quote} for c in question.citations]
        ended = (outcome, spoken_text(question), json.dumps(citations, ensure_ascii=False), time.time(), question.id)
        await self._run(
            "UPDATE questions SET outcome = ?, answer = ?, citations = ?, ended_at = ?"
            " WHERE id = ? AND outcome IS NULL",
            ended,
        )

    async def unfinished(self, room: str) -> list[Question]:
        """Accepted before a restart and never ended; whoever asked is no longer connected."""
        rows = await self._run(
            "SELECT id, text, language, name, asked_at FROM questions WHERE room = ? AND outcome IS NULL"
            " ORDER BY asked_at",
            (room,),
        )
        return [Question(i, text, language, None, None, name, at) for i, text, language, name, at in rows]

    async def _run(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: self._db.execute(sql, values).fetchall())

    def close(self) -> None:
        self._thread.submit(self._db.close).result()
        self._thread.shutdown()
