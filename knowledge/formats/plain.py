"""Plain text: paragraphs, and the headings that a law or a handbook has without markup."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from knowledge.document import About, Block, Outline
from knowledge.formats.decoding import decode

_LONGEST: Final = 4000
"""Characters after which a paragraph without an end is cut: looking at all of it for each line takes ever longer."""
_NUMERAL: Final = "[零〇一二三四五六七八九十百千\\d]+"
# 第二编 物权, 第三章 劳动合同的解除, CHAPTER IV Dissolution; deeper ones later.
_LEVELS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"第{_NUMERAL}编(?:\s|　|$).{{0,40}}$|part\s+(?:[ivxlc]+|\d+)\b.{{0,80}}$",
        rf"第{_NUMERAL}(?:分编|篇)(?:\s|　|$).{{0,40}}$",
        rf"第{_NUMERAL}章(?:\s|　|$).{{0,40}}$|chapter\s+(?:[ivxlc]+|\d+)\b.{{0,80}}$",
        rf"第{_NUMERAL}节(?:\s|　|$).{{0,40}}$|section\s+(?:[ivxlc]+|\d+)\b.{{0,80}}$",
    )
)
_ENDS: Final = re.compile(r"[。！？；：.!?;:”’」』）)\]】]\s*$")
_BEGINS: Final = re.compile(
    rf"\s*(?:第{_NUMERAL}[条章节编款]|[-*•·●■]\s|[（(]?(?:\d+|[一二三四五六七八九十]+)[)）、.．]\s*)"
)
_ITEM: Final = re.compile(r"\s*(?:[-*•·●■]\s|[（(]?(?:\d+|[一二三四五六七八九十]+)[)）、.．])")
_HAN: Final = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    place: str = ""
    level: int = 0
    """Of a heading, from 1; 0 for text."""


def outline(source: str, content: bytes) -> Outline:
    lines = [Line(text) for text in decode(content).strip().split("\n")]
    title = PurePosixPath(source).stem
    if _titled(lines):
        title = lines.pop(0).text.strip()
    said = [line.text for line in lines if line.text.strip()]
    broken = sum(not _ENDS.search(text) and not _level(text.strip()) for text in said)
    return Outline(tuple(blocks(lines, wrapped=broken > 0.4 * len(said))), About(title))


def _titled(lines: Sequence[Line]) -> bool:
    """Whether a text begins with a line of its own that is no sentence."""
    first = lines[0].text.strip()
    return (
        0 < len(first) <= 60
        and len(lines) > 2
        and not lines[1].text.strip()
        and not (_ENDS.search(first) or _level(first))
    )


def blocks(lines: Iterable[Line], *, wrapped: bool) -> Iterator[Block]:
    """Lines to paragraphs under headings. An empty line ends a paragraph; where lines are ``wrapped`` at a margin, so
    does a short one that ends a sentence; otherwise every line is one.
    """
    path: dict[int, str] = {}
    paragraph, place, width, before, apart = "", "", 0, 0, False
    for line in (*lines, Line("")):
        text = line.text.strip(" \t\u3000\ufeff")
        level = line.level or _level(text)
        if paragraph and (not text or level or _new(paragraph, text, width if wrapped else None)):
            yield Block(paragraph, tuple(heading for _, heading in sorted(path.items())), place, apart)
            paragraph, width, apart = "", 0, False
        if level:
            begun = path.get(level, "") if line.level == before else ""  # a large heading takes two lines
            path = {at: heading for at, heading in path.items() if at < level}
            path[level] = _on(begun, " ".join(text.split()))
            apart = True
        elif text:
            place = place if paragraph else line.place
            width = max(width, len(text))
            paragraph = _on(paragraph, text)
        before = line.level or (before if not text else -1)


def _level(text: str) -> int:
    if len(text) > 90 or _ENDS.search(text):
        return 0
    return next((level for level, pattern in enumerate(_LEVELS, 1) if pattern.match(text)), 0)


def _new(paragraph: str, text: str, width: int | None) -> bool:
    """Whether ``text`` begins a paragraph. ``width``: of the lines of this one, None when they are not wrapped."""
    if len(paragraph) > _LONGEST:
        return True
    last = paragraph.rpartition("\n")[2]
    if _BEGINS.match(text):
        return not (_ITEM.match(text) and (_ITEM.match(last) or last.endswith((":", "："))))
    if width is None:
        return True
    return bool(_ENDS.search(paragraph)) and len(last) < 0.8 * max(width, len(text))


def _on(paragraph: str, text: str) -> str:
    if not paragraph:
        return text
    if _ITEM.match(text):
        return f"{paragraph}\n{text}"
    if paragraph.endswith("-") and text[0].islower():
        return paragraph[:-1] + text
    return paragraph + ("" if _HAN.match(text[0]) and _HAN.match(paragraph[-1]) else " ") + text
