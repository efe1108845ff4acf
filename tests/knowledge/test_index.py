import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from knowledge.document import Document
from knowledge.embedding import DIMENSIONS, Matrix
from knowledge.errors import IndexingError
from knowledge.folder import parse_document
from knowledge.index import Index
from knowledge.wanted import wanted


def document(source: str, *paragraphs: str) -> Document:
    return parse_document(source, "\n\n".join(f"## {p[:4]}\n\n{p}" for p in paragraphs).encode())


def take(index: Index, *documents: Document) -> None:
    for one in documents:
        index.replace(one)


def vectors(n: int) -> Matrix:
    return np.eye(n, DIMENSIONS, dtype=np.float32)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "state" / "index.db"


@pytest.fixture
def index(database: Path) -> Iterator[Index]:
    index = Index(database, "model")
    yield index
    index.close()


def found(index: Index, question: str) -> list[str]:
    best = index.best([way for term in wanted(question) for way in term.ways], 5)
    passages = index.passages(best)
    return [passages[key].text for key in best]


def test_words_are_found_at_once(index: Index) -> None:
    take(index, document("a.md", "试用期不得超过六个月。", "押金应当退还。"))
    take(index, document("b.md", "Deposits are returned."))
    assert found(index, "试用期多久")[0] == "试用期不得超过六个月。"
    assert found(index, "do you return the deposit?")[0] == "Deposits are returned."
    assert found(index, "天气") == []


def test_articles_are_found_however_written(index: Index) -> None:
    take(index, document("a.md", "依据第四十七条计算。", "依据第四十八条赔偿。"), document("b.md", "See Article 47."))
    assert set(found(index, "第47条")) == {"依据第四十七条计算。", "See Article 47."}


@pytest.mark.parametrize(
    "question",
    [
        '"',
        "'; DROP TABLE passage; --",
        "a OR b NOT (c",
        "NEAR(押金 退还)",
        "押金*",
        "^押金",
        "text:押金",
        "\0押金",
        "-押金",
    ],
)
def test_search_syntax_in_a_question_is_only_text(index: Index, question: str) -> None:
    take(index, document("a.md", "押金应当退还。"))
    assert found(index, question) == (["押金应当退还。"] if "押金" in question else [])


def test_only_what_changed_is_embedded_again(index: Index) -> None:
    one, two = document("a.md", "第一段话。", "第二段话。"), document("b.md", "第三段话。")
    take(index, one, two)
    pending = index.without_vector(10)
    index.store_vectors(pending, vectors(3))
    assert index.counts() == (3, 3)
    take(index, one, document("a.md", "第一段话。", "改过的话。"))
    assert [p.text for p in index.without_vector(10)] == ["改过的话。"]
    keys, languages, cosines = index.similarities(vectors(1)[0])
    assert index.passages([int(keys[0])])[int(keys[0])].text == "第一段话。"
    assert languages.tolist() == [0, 0]
    assert cosines.tolist() == [1.0, 0.0]


def test_removed_documents_are_forgotten(index: Index) -> None:
    take(index, document("a.md", "押金应当退还。"), document("b.md", "试用期六个月。"))
    index.store_vectors(index.without_vector(10), vectors(2))
    index.remove(["a.md"])
    assert found(index, "押金") == []
    assert index.counts() == (1, 1)
    assert len(index.similarities(vectors(1)[0])[0]) == 1


def test_it_survives_closing_and_drops_vectors_of_another_model(database: Path) -> None:
    first = Index(database, "model")
    take(first, document("a.md", "押金应当退还。"))
    first.store_vectors(first.without_vector(10), vectors(1))
    first.close()
    again = Index(database, "model")
    assert again.counts() == (1, 1)
    again.close()
    other = Index(database, "another model")
    assert other.counts() == (0, 1)
    other.close()


def test_an_update_that_breaks_off_changes_nothing(index: Index, database: Path) -> None:
    take(index, document("a.md", "押金应当退还。"))
    good = document("b.md", "试用期六个月。")
    broken = Document("a.md", "c", "digest", (good.passages[0], None))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        index.replace(broken)
    assert found(index, "押金") == ["押金应当退还。"]
    assert index.counts() == (0, 1)


def test_another_process_may_read_while_this_one_writes(index: Index, database: Path) -> None:
    take(index, document("a.md", "押金应当退还。"))
    reader = Index(database, "model")
    take(index, document("a.md", "押金应当退还。"), document("b.md", "试用期六个月。"))
    assert found(reader, "试用期") == ["试用期六个月。"]
    reader.close()


def test_a_process_that_dies_while_writing_leaves_a_whole_index(index: Index, database: Path) -> None:
    take(index, document("a.md", "押金应当退还。"))
    dying = sqlite3.connect(database, isolation_level=None)
    dying.execute("BEGIN IMMEDIATE")
    dying.execute("DELETE FROM passage")
    dying.close()  # without COMMIT
    assert index.counts() == (0, 1)


@pytest.mark.parametrize(
    "damage",
    [b"this is no database at all, but it is long enough to look like one" * 40, b"SQLite format 3\0" + b"\xff" * 5000],
)
def test_a_damaged_file_says_what_to_do(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "index.db"
    file.write_bytes(damage)
    with pytest.raises(IndexingError, match=r"index\.db.*delete it"):
        Index(file, "model")


def test_a_damaged_page_is_noticed(database: Path) -> None:
    index = Index(database, "model")
    take(index, *(document(f"{n}.md", *(f"第{n}份文件的第{k}段话。" for k in range(20))) for n in range(10)))
    index.close()
    content = bytearray(database.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    database.write_bytes(content)
    with pytest.raises(IndexingError, match="delete it"):
        Index(database, "model")


def test_an_older_file_is_built_again(database: Path) -> None:
    first = Index(database, "model")
    take(first, document("a.md", "押金应当退还。"))
    first.close()
    db = sqlite3.connect(database)
    db.execute("PRAGMA user_version = 1")
    db.close()
    again = Index(database, "model")
    assert again.counts() == (0, 0)
    take(again, document("a.md", "押金应当退还。"))
    assert again.counts() == (0, 1)
    again.close()


def test_what_is_not_in_force_is_not_found(database: Path) -> None:
    today = [date(2025, 6, 1)]
    index = Index(database, "model", lambda: today[0])
    dated = parse_document("a.md", "---\nvalid_from: 2021-01-01\nvalid_to: 2025-12-31\n---\n押金应当退还。".encode())
    take(index, dated, document("b.md", "押金最多两个月。"))
    index.store_vectors(index.without_vector(10), vectors(2))
    assert len(found(index, "押金")) == len(index.similarities(vectors(1)[0])[0]) == 2
    for day in (date(2020, 12, 31), date(2026, 1, 1)):
        today[0] = day
        assert found(index, "押金") == ["押金最多两个月。"]
        assert len(index.similarities(vectors(1)[0])[0]) == 1
    index.close()


def test_the_other_language_and_names_are_found(index: Index) -> None:
    take(index, document("a.md", "云冈石窟在大同。", "押金应当退还。"))
    take(index, document("b.md", "Dongba is written by the Naxi."))
    assert found(index, "Where is Yungang?") == ["云冈石窟在大同。"]
    assert found(index, "is the deposit returned?") == ["押金应当退还。"]
    assert found(index, "东巴是谁写的") == ["Dongba is written by the Naxi."]


def test_a_file_of_another_version_says_what_to_do(database: Path) -> None:
    Index(database, "model").close()
    db = sqlite3.connect(database)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(IndexingError, match="another version"):
        Index(database, "model")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IndexingError, match="file"):
        Index(tmp_path / "file" / "index.db", "model")
