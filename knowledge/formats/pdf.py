"""PDF: the text of its pages, with headings known by their size, and without what is printed on every page."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pypdfium2
import pypdfium2.raw as pdfium

from knowledge.cutting import common_heading
from knowledge.document import About, Outline
from knowledge.errors import DocumentError
from knowledge.formats.decoding import clean
from knowledge.formats.plain import Line, blocks

_PAGES: Final = 3000
_LARGER: Final = 1.15
"""How much larger than the text a heading is."""
_LONGEST_HEADING: Final = 80
_NO_TITLE: Final = re.compile(r"^untitled|^microsoft |^(?:slide|page) ?\d|\.\w{2,4}$", re.IGNORECASE)
"""What programs write where nobody gave a title."""
_DIGITS: Final = re.compile(r"\d+")
_PAGE_NUMBER: Final = re.compile(r"\W*(?:page|第)?\s*\d{1,4}\s*(?:页|of \d+|/\s*\d+)?\W*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Printed:
    text: str
    size: float
    page: int


def outline(_source: str, content: bytes) -> Outline:
    try:
        book = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise DocumentError("is locked with a password: save it without one") from error
        raise DocumentError(f"is no PDF that can be read ({error}): save it again") from error
    try:
        if len(book) > _PAGES:
            raise DocumentError(f"has {len(book)} pages (at most {_PAGES}): split it")
        pages = [_page(book, n) for n in range(len(book))]
        title = clean(book.get_metadata_value("Title")).strip()
    except pypdfium2.PdfiumError as error:
        raise DocumentError(f"has a page that cannot be read ({error}): save it again") from error
    finally:
        book.close()
    printed = [line for page in _without_edges(pages) for line in page]
    if not any(line.text.strip() for line in printed):
        raise DocumentError("has no text: it is a scan; have its text recognized first (ocrmypdf does)")
    read = tuple(blocks(_lines(printed), wrapped=True))
    return Outline(read, About("" if common_heading(read) or _NO_TITLE.search(title) else title))


def _page(book: pypdfium2.PdfDocument, n: int) -> list[_Printed]:
    text = book[n].get_textpage()
    said: list[_Printed] = []
    at = 0
    for line in text.get_text_range().split("\n"):
        stripped = line.strip()
        start = at + len(line) - len(line.lstrip())
        said.append(_Printed(clean(stripped.replace("\ufffe", "")), _size(text, start) if stripped else 0.0, n + 1))
        at += len(line) + 1
    return said


def _size(text: pypdfium2.PdfTextPage, index: int) -> float:
    # Half points: a scaled page gives 11.97 here and 12.01 there.
    return round(2 * float(pdfium.FPDFText_GetFontSize(text.raw, index))) / 2


def _without_edges(pages: Sequence[list[_Printed]]) -> Iterator[list[_Printed]]:
    """Without page numbers, and without first and last lines that stand on most pages."""
    pages = [[line for line in page if line.text] for page in pages]
    seen = Counter(key for page in pages for key in {_key(line) for line in (*page[:2], *page[-2:])})
    often = {key for key, times in seen.items() if len(pages) >= 3 and times > len(pages) / 2}
    for page in pages:
        edge = {0, 1, len(page) - 1, len(page) - 2}
        yield [
            line
            for at, line in enumerate(page)
            if not (at in edge and (_key(line) in often or _PAGE_NUMBER.fullmatch(line.text)))
        ]


def _key(line: _Printed) -> str:
    return _DIGITS.sub("0", line.text)


def _lines(printed: Sequence[_Printed]) -> Iterator[Line]:
    letters: Counter[float] = Counter()
    for line in printed:
        letters[line.size] += len(line.text)
    body = letters.most_common(1)[0][0]
    larger = sorted({line.size for line in printed if line.size > _LARGER * body}, reverse=True)
    levels = {size: level for level, size in enumerate(larger, 1)}
    for line in printed:
        heading = levels.get(line.size, 0) if len(line.text) <= _LONGEST_HEADING else 0
        yield Line(line.text, f"p. {line.page}", heading)
