"""The index: a room's passages in one SQLite file, found by words (FTS5) and by embeddings.

Everything in it comes from the documents, so a lost or damaged file costs only the time to build it again.
"""

import math
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from knowledge.document import Document
from knowledge.embedding import DIMENSIONS, Matrix, Vector
from knowledge.errors import IndexingError
from knowledge.passage import Passage
from knowledge.telling import within
from knowledge.wanted import Way, sounds
from knowledge.words import stem, terms

_SCHEMA_VERSION: Final = 2
_SCHEMA = """
CREATE TABLE document (
    source TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    digest TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT
) WITHOUT ROWID;
CREATE TABLE passage (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL REFERENCES document (source) ON DELETE CASCADE,
    title TEXT NOT NULL,
    locator TEXT NOT NULL,
    text TEXT NOT NULL,
    language TEXT NOT NULL,
    vector BLOB
);
CREATE INDEX passage_source ON passage (source);
CREATE VIRTUAL TABLE words USING fts5 (heading, body, sound, tokenize = 'unicode61 remove_diacritics 0');
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_RELOAD: Final = 50.0
"""Embeddings that have come are looked at after so many times what reading them all takes."""
_COUNTED: Final = 10_000
"""Terms whose count is kept."""
_TABLES: Final = ("words", "passage", "document", "meta")
_COLUMNS: Final = "title, locator, text, language, source"


@dataclass(frozen=True, slots=True)
class Holding:
    """The stemmed terms of a passage, between spaces."""

    _heading: str
    _text: str
    _sound: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Of any text, without a heading."""
        words = [stem(term) for term in terms(text)]
        said = f" {' '.join(words)} "
        return cls(said, said, f" {' '.join(sounds(words))} ")

    def heading(self, way: Way) -> float:
        """How far the heading puts it this way, in [0, 1]."""
        return self._share(way, self._heading)

    def anywhere(self, way: Way) -> float:
        """How far the passage does, its heading included."""
        return self._share(way, self._text)

    def _share(self, way: Way, text: str) -> float:
        if way.strict:
            return float(f" {' '.join(way.words)} " in (self._sound if way.sounds else text))
        share = sum(f" {word} " in text for word in way.words) / len(way.words)
        return share * share


@dataclass(slots=True)
class _Vectors:
    """The embeddings, as they were read from the file."""

    version: int
    keys: NDArray[np.int64]
    languages: NDArray[np.int8]
    vectors: Matrix
    took: float
    """Seconds that reading them took."""
    until: float = math.inf
    """When they are to be read again."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A document as the index knows it."""

    source: str
    title: str
    valid_from: str | None
    valid_to: str | None
    passages: int
    embedded: int


class Index:
    """One room's index, open in this process. Every method blocks; any thread may call it.

    Raises :class:`IndexingError` when the file is damaged, of another program, or cannot be written.
    """

    def __init__(self, database: Path, embedding: str, today: Callable[[], date] = date.today) -> None:
        """``embedding`` names the model the vectors are of; vectors of another model are dropped. ``today`` tells which
        documents are in force.
        """
        self._today = today
        self._counts: dict[str, int] = {}
        self._database = database
        self._lock = threading.RLock()
        self._vectors: _Vectors | None = None
        self._total: int | None = None
        with self._explained():
            database.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(database, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            with self._explained():
                self._prepare(embedding)
        except IndexingError:
            self._connection.close()
            raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def digests(self) -> dict[str, str]:
        """Of the documents it holds, by source."""
        with self._reading() as db:
            return dict(db.execute("SELECT source, digest FROM document"))

    def replace(self, document: Document) -> None:
        """Take in a document, in place of what was known under its name: whole or not at all.

        Passages that stay the same keep their embedding.
        """
        with self._transaction():
            self._replace(document)

    def remove(self, sources: Iterable[str]) -> None:
        """Forget these documents."""
        with self._transaction() as db:
            for source in sources:
                self._remove_passages(source, keep=())
                db.execute("DELETE FROM document WHERE source = ?", (source,))

    def listed(self) -> list[Listed]:
        """The documents, by source."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT source, document.title, valid_from, valid_to, count(*), count(vector) "
                "FROM document JOIN passage USING (source) GROUP BY source ORDER BY source"
            )
            return [Listed(*row) for row in rows]

    def without_vector(self, limit: int) -> list[Passage]:
        """Passages still to be embedded, at most ``limit``."""
        with self._reading() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM passage WHERE vector IS NULL ORDER BY key LIMIT ?", (limit,))  # noqa: S608
            return [Passage(*row) for row in rows]

    def store_vectors(self, passages: Sequence[Passage], vectors: Matrix) -> None:
        """Keep the embeddings of ``passages``, row by row; of passages since gone they are dropped."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE passage SET vector = ? WHERE id = ?",
                [
                    (vector.astype(np.float16).tobytes(), passage.id)
                    for passage, vector in zip(passages, vectors, strict=True)
                ],
            )
            known = self._vectors
        if known is not None:
            # A large index fills for hours, a few passages at a time: what is held is used a while longer.
            known.until = min(known.until, time.monotonic() + _RELOAD * known.took)
            self._vectors = known

    def counts(self) -> tuple[int, int]:
        """(passages with an embedding, all passages)."""
        with self._reading() as db:
            embedded, total = db.execute("SELECT count(vector), count(*) FROM passage").fetchone()
            return int(embedded), int(total)

    def size(self) -> int:
        """How many passages there are."""
        with self._reading() as db:
            if self._total is None:
                (self._total,) = db.execute("SELECT count(*) FROM passage").fetchone()
            return self._total or 0

    def titles(self, language: str) -> list[str]:
        """The titles of documents in force that have passages in ``language``, those with most to say first."""
        with self._reading() as db:
            out = self._out_of_force()
            rows = db.execute("SELECT key, title FROM passage WHERE language = ?", (language,))
            held = Counter(title for key, title in rows if key not in out)
        return sorted(held, key=lambda title: (-held[title], title))

    def within(self, source: str, language: str) -> list[Passage]:
        """The passages in force of a document, or of a folder of them ("." for all), in their order."""
        with self._reading() as db:
            out = self._out_of_force()
            rows = db.execute(
                f"SELECT key, {_COLUMNS} FROM passage WHERE language = ? ORDER BY source, key",  # noqa: S608
                (language,),
            )
            found = [Passage(*row) for key, *row in rows if key not in out]
        return [passage for passage in found if within(passage, source, language)]

    def vocabulary(self) -> dict[str, int]:
        """How often each term stands in the passages and their headings."""
        with self._reading() as db:
            db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab(main, words, col)")
            rows = db.execute(
                "SELECT term, sum(cnt) FROM temp.vocabulary WHERE col IN ('heading', 'body') GROUP BY term"
            )
            return dict(rows)

    def sample(self, language: str, characters: int) -> list[str]:
        """Texts of passages in ``language``, about so many characters of them."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT text FROM (SELECT text, sum(length(text)) OVER (ORDER BY key) AS so_far FROM passage"
                " WHERE language = ?) WHERE so_far <= ?",
                (language, characters),
            )
            return [text for (text,) in rows]

    def passages(self, keys: Sequence[int]) -> dict[int, Passage]:
        with self._reading() as db:
            marks = ",".join("?" * len(keys))
            rows = db.execute(f"SELECT key, {_COLUMNS} FROM passage WHERE key IN ({marks})", list(keys))  # noqa: S608
            return {key: Passage(*row) for key, *row in rows}

    def best(self, ways: Iterable[Way], limit: int) -> list[int]:
        """Keys of the passages in force that any of the ``ways`` find, best first by BM25."""
        query = " OR ".join(_query(way) for way in ways)
        if not query:
            return []
        with self._reading() as db:
            out = self._out_of_force()
            rows = db.execute(
                "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?", (query, limit + len(out))
            )
            return [key for (key,) in rows if key not in out][:limit]

    def holding(self, keys: Sequence[int]) -> dict[int, Holding]:
        """What each of these passages holds."""
        with self._reading() as db:
            marks = ",".join("?" * len(keys))
            rows = db.execute(f"SELECT rowid, heading, body, sound FROM words WHERE rowid IN ({marks})", list(keys))  # noqa: S608
            return {
                key: Holding(f" {heading} ", f" {heading} {body} ", f" {sound} ") for key, heading, body, sound in rows
            }

    def count(self, way: Way) -> int:
        """How many passages put it this way."""
        query = _query(way)
        with self._reading() as db:
            if query not in self._counts:
                if len(self._counts) >= _COUNTED:
                    self._counts.clear()
                rows = db.execute("SELECT count(*) FROM words WHERE words MATCH ?", (query,))
                (self._counts[query],) = rows.fetchone()
            return self._counts[query]

    def similarities(self, query: Vector) -> tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.float32]]:
        """(keys, numbers of their languages, cosines), each (n,), by key: of all passages embedded and in force."""
        with self._reading():
            known = self._matrix()
            cosines = known.vectors @ query
            if out := self._out_of_force():
                stay = ~np.isin(known.keys, list(out))
                return known.keys[stay], known.languages[stay], cosines[stay]
            return known.keys, known.languages, cosines

    def _matrix(self) -> "_Vectors":
        db = self._connection
        (version,) = db.execute("PRAGMA data_version").fetchone()  # counts what other processes have written
        old = self._vectors
        if old is not None and old.version == version and time.monotonic() < old.until:
            return old
        begun = time.monotonic()
        (n,) = db.execute("SELECT count(*) FROM passage WHERE vector IS NOT NULL").fetchone()
        keys, languages, vectors = np.empty(n, np.int64), np.empty(n, np.int8), np.empty((n, DIMENSIONS), np.float32)
        numbers: dict[str, int] = {}
        rows = db.execute("SELECT key, language, vector FROM passage WHERE vector IS NOT NULL ORDER BY key")
        for at, (key, language, vector) in enumerate(rows):
            keys[at], vectors[at] = key, np.frombuffer(vector, np.float16)
            languages[at] = numbers.setdefault(language, len(numbers))
        self._vectors = _Vectors(version, keys, languages, vectors, took=time.monotonic() - begun)
        return self._vectors

    def _out_of_force(self) -> frozenset[int]:
        """Keys of passages that may not be quoted today."""
        today = self._today().isoformat()
        rows = self._connection.execute(
            "SELECT key FROM passage "
            "WHERE source IN (SELECT source FROM document WHERE valid_from > ? OR valid_to < ?)",
            (today, today),
        )
        return frozenset(key for (key,) in rows)

    def _prepare(self, embedding: str) -> None:
        db = self._connection
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA journal_mode = WAL")
        # A power cut may lose the last writes, which the documents give again, and never harms the file.
        db.execute("PRAGMA synchronous = NORMAL")
        (health,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if health != "ok":
            raise sqlite3.DatabaseError(health)
        with self._transaction():
            (version,) = db.execute("PRAGMA user_version").fetchone()
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            if version > _SCHEMA_VERSION or (tables and version == 0):
                raise IndexingError(
                    f"{self._database} is of another version ({version}, not {_SCHEMA_VERSION}): "
                    "delete it, it is built again from the documents"
                )
            if version < _SCHEMA_VERSION:
                for name in _TABLES if tables else ():  # all of it comes from the documents, and will again
                    db.execute(f"DROP TABLE {name}")
                for statement in _SCHEMA.split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            (same,) = db.execute(
                "SELECT count(*) FROM meta WHERE name = 'embedding' AND value = ?", (embedding,)
            ).fetchone()
            if not same:
                db.execute("UPDATE passage SET vector = NULL")
                db.execute("INSERT OR REPLACE INTO meta VALUES ('embedding', ?)", (embedding,))

    def _replace(self, document: Document) -> None:
        db = self._connection
        db.execute(
            "INSERT INTO document VALUES (:source, :title, :digest, :from, :to) ON CONFLICT (source) DO UPDATE "
            "SET title = :title, digest = :digest, valid_from = :from, valid_to = :to",
            {
                "source": document.source,
                "title": document.title,
                "digest": document.digest,
                "from": document.valid_from and document.valid_from.isoformat(),
                "to": document.valid_to and document.valid_to.isoformat(),
            },
        )
        self._remove_passages(document.source, keep=[passage.id for passage in document.passages])
        for passage in document.passages:
            inserted = db.execute(
                "INSERT OR IGNORE INTO passage (id, source, title, locator, text, language) VALUES (?, ?, ?, ?, ?, ?)",
                (passage.id, passage.source, passage.title, passage.locator, passage.text, passage.language),
            )
            if inserted.rowcount:
                heading, body = (list(map(stem, terms(text))) for text in (passage.heading, passage.text))
                row = (inserted.lastrowid, *map(" ".join, (heading, body, sounds([*heading, *body]))))
                db.execute("INSERT INTO words (rowid, heading, body, sound) VALUES (?, ?, ?, ?)", row)
            else:  # of what is no part of its id, an author may have thought better
                db.execute("UPDATE passage SET language = ? WHERE id = ?", (passage.language, passage.id))

    def _remove_passages(self, source: str, keep: Sequence[str]) -> None:
        db = self._connection
        kept = frozenset(keep)
        rows = db.execute("SELECT key, id FROM passage WHERE source = ?", (source,)).fetchall()
        removed = [(key,) for key, passage_id in rows if passage_id not in kept]
        db.executemany("DELETE FROM words WHERE rowid = ?", removed)
        db.executemany("DELETE FROM passage WHERE key = ?", removed)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explained():
            yield self._connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            self._vectors = self._total = None
            self._counts.clear()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise IndexingError(
                f"cannot use the index {self._database}: {error}. Check that its folder can be written, "
                "that the disk is not full and that no other program holds it"
            ) from error
        except sqlite3.DatabaseError as error:
            raise IndexingError(
                f"the index {self._database} is damaged ({error}): delete it, it is built again from the documents"
            ) from error
        except OSError as error:
            raise IndexingError(f"cannot use the index {self._database}: {error.strerror or error}") from error


def _query(way: Way) -> str:
    """For FTS5: the words next to each other."""
    quoted = '"' + " ".join(way.words).replace('"', '""') + '"'
    return f"sound : {quoted}" if way.sounds else f"{{heading body}} : {quoted}"
