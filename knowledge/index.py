"""The index: a room's passages in one SQLite file, found by words (FTS5) and by embeddings.

Everything in it comes from the documents, so a lost or damaged file costs only the time to build it again.
"""

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from knowledge.document import Document
from knowledge.embedding import DIMENSIONS, Matrix, Vector
from knowledge.errors import IndexingError
from knowledge.passage import Passage
from knowledge.words import terms

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
CREATE VIRTUAL TABLE words USING fts5 (terms, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_TABLES: Final = ("words", "passage", "document", "meta")
_COLUMNS: Final = "title, locator, text, language, source"


@dataclass(frozen=True, slots=True)
class WordMatches:
    """Which passages hold which of the terms asked for."""

    best: tuple[int, ...]
    """Keys of passages, best first by BM25."""
    holders: dict[str, frozenset[int]]
    """Keys of all passages that hold a term; empty for a term no document uses."""


class Index:
    """One room's index, open in this process. Every method blocks; any thread may call it.

    Raises :class:`IndexingError` when the file is damaged, of another program, or cannot be written.
    """

    def __init__(self, database: Path, embedding: str) -> None:
        """``embedding`` names the model the vectors are of; vectors of another model are dropped."""
        self._database = database
        self._lock = threading.RLock()
        self._cached: tuple[NDArray[np.int64], Matrix] | None = None
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

    def update(self, documents: Sequence[Document], unchanged: Collection[str] = ()) -> int:
        """Make the index hold exactly these documents and the ``unchanged``; how many had changed, come or gone.

        All or nothing. Passages that stay the same keep their embedding.
        """
        with self._transaction() as db:
            known: dict[str, str] = dict(db.execute("SELECT source, digest FROM document"))
            gone = known.keys() - {document.source for document in documents} - set(unchanged)
            changed = [document for document in documents if known.get(document.source) != document.digest]
            for source in gone:
                self._remove_passages(source, keep=())
                db.execute("DELETE FROM document WHERE source = ?", (source,))
            for document in changed:
                self._replace(document)
        return len(changed) + len(gone)

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

    def counts(self) -> tuple[int, int]:
        """(passages with an embedding, all passages)."""
        with self._reading() as db:
            embedded, total = db.execute("SELECT count(vector), count(*) FROM passage").fetchone()
            return int(embedded), int(total)

    def titles(self, language: str) -> list[str]:
        """The titles of documents that have passages in ``language``, those with most to say first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT title FROM passage WHERE language = ? GROUP BY title ORDER BY count(*) DESC, title", (language,)
            )
            return [title for (title,) in rows]

    def passages(self, keys: Sequence[int]) -> dict[int, Passage]:
        with self._reading() as db:
            marks = ",".join("?" * len(keys))
            rows = db.execute(f"SELECT key, {_COLUMNS} FROM passage WHERE key IN ({marks})", list(keys))  # noqa: S608
            return {key: Passage(*row) for key, *row in rows}

    def match_words(self, wanted: Iterable[str], limit: int) -> WordMatches:
        """Find passages by terms (see :func:`knowledge.words.terms`)."""
        quoted = {term: '"' + term.replace('"', '""') + '"' for term in wanted}
        if not quoted:
            return WordMatches((), {})
        with self._reading() as db:
            best = db.execute(
                "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?",
                (" OR ".join(quoted.values()), limit),
            )
            keys = tuple(key for (key,) in best)
            holders = {
                term: frozenset(key for (key,) in db.execute("SELECT rowid FROM words WHERE words MATCH ?", (query,)))
                for term, query in quoted.items()
            }
            return WordMatches(keys, holders)

    def similarities(self, query: Vector) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(keys, cosines) of all passages embedded so far, most similar first; both shape (n,)."""
        keys, vectors = self._matrix()
        cosines = vectors @ query
        order = np.argsort(-cosines, kind="stable")
        return keys[order], cosines[order]

    def _matrix(self) -> tuple[NDArray[np.int64], Matrix]:
        with self._reading() as db:
            if self._cached is None:
                rows = db.execute("SELECT key, vector FROM passage WHERE vector IS NOT NULL ORDER BY key").fetchall()
                vectors = np.frombuffer(b"".join(vector for _, vector in rows), np.float16)
                self._cached = (
                    np.array([key for key, _ in rows], np.int64),
                    vectors.reshape(len(rows), DIMENSIONS).astype(np.float32),
                )
            return self._cached

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
                words = " ".join(terms(passage.headed_text))
                db.execute("INSERT INTO words (rowid, terms) VALUES (?, ?)", (inserted.lastrowid, words))

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
            self._cached = None

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
