"""Tables, CSV and spreadsheets: a row a passage. Columns of questions and answers are known by their names."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from knowledge.document import About, Block, Outline
from knowledge.errors import DocumentError
from knowledge.formats.decoding import decode
from knowledge.formats.row import with_columns

_QUESTION: Final = frozenset({"question", "questions", "q", "问题", "问", "提问", "标准问", "標準問題", "問題"})
_ANSWER: Final = frozenset({"answer", "answers", "a", "答案", "答", "回答", "答复", "標準答案", "答覆"})
_UNDER: Final = frozenset({"category", "topic", "section", "分类", "类别", "主题", "分類", "類別"})
_SOURCE: Final = frozenset({"source", "reference", "basis", "来源", "依据", "出处", "來源", "依據"})
_ROWS: Final = 200_000
_ZIP: Final = b"PK\x03\x04"


def outline(source: str, content: bytes) -> Outline:
    is_text = source.lower().endswith((".csv", ".tsv"))
    blocks = _blocks(_rows(decode(content)), ()) if is_text else _sheets(content)
    return Outline(tuple(blocks), About(PurePosixPath(source).stem))


def _sheets(content: bytes) -> Iterator[Block]:
    import python_calamine

    from knowledge.formats.zipped import check

    if content.startswith(_ZIP):
        check(content)
    try:
        book = python_calamine.load_workbook(io.BytesIO(content))
        for name in book.sheet_names:
            rows = ([_cell(value) for value in row] for row in book.get_sheet_by_name(name).iter_rows())
            yield from _blocks(rows, (name,) if len(book.sheet_names) > 1 else ())
    except python_calamine.PasswordError as error:
        raise DocumentError("is locked with a password: save it without one") from error
    except python_calamine.CalamineError as error:
        raise DocumentError(f"is no spreadsheet that can be read ({error}): save it again as .xlsx") from error


def _rows(text: str) -> Iterator[list[str]]:
    head = text[:20_000]
    delimiter = max(",\t;|", key=lambda mark: sum(mark in line for line in head.split("\n")[:20]))
    csv.field_size_limit(1 << 20)
    try:
        yield from csv.reader(io.StringIO(text), delimiter=delimiter)
    except csv.Error as error:
        raise DocumentError(f"is no table that can be read ({error}): save it again as CSV") from error


def _cell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _blocks(rows: Iterable[Sequence[str]], headings: tuple[str, ...]) -> Iterator[Block]:
    head: list[str] | None = None
    for number, row in enumerate(rows, 1):
        if number > _ROWS:
            raise DocumentError(f"has more than {_ROWS} rows: split it")
        cells = [" ".join(cell.split()) for cell in row]
        if not any(cells):
            continue
        if head is None:
            head = cells
        elif block := _block(head, cells, headings, f"row {number}"):
            yield block
    if head is not None and number == 1:
        raise DocumentError("has one row only: the first row names the columns")


def _block(head: Sequence[str], cells: Sequence[str], headings: tuple[str, ...], place: str) -> Block | None:
    """None for a question that nobody has answered yet."""
    named = dict(zip((name.lower() for name in head), cells, strict=False))
    question, answer = _of(named, _QUESTION), _of(named, _ANSWER)
    if question and not answer and named.keys() & _ANSWER:
        return None
    if question and answer:
        source = _of(named, _SOURCE)
        under = tuple(part for part in (_of(named, _UNDER), f"{question}（{source}）" if source else question) if part)
        return Block(answer, (*headings, *under), place, apart=True)
    return Block(
        "\n".join(f"- {one}" for one in with_columns(head, cells)),
        (*headings, cells[0]) if cells[0] else headings,
        place,
        apart=True,
    )


def _of(named: dict[str, str], names: frozenset[str]) -> str:
    return next((cell for name, cell in named.items() if name in names), "")
