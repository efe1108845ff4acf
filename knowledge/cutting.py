"""Blocks to passages: one a section or article, lists kept whole, long sections cut between paragraphs."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final

from knowledge.document import About, Block, Outline
from knowledge.errors import DocumentError
from knowledge.passage import Passage
from knowledge.sentences import detect_language, ideographs, split_sentences

VERSION: Final = 3
"""Raised whenever the same document would give other passages, so that an index knows to read it again."""

_PASSAGE_WEIGHT: Final = 450
"""About what the embedding model reads of a passage and a small language model can attend to."""
_STRETCH: Final = 8000
_ENDLESS: Final = 1500
"""Characters after which a sentence is cut anywhere."""
_ARTICLE = re.compile(
    r"\s*(?:\*\*|__)?(第[零〇一二三四五六七八九十百千\d]+条(?:之[一二三四五六七八九十]+)?"
    r"|Article \d+[A-Z]?(?!\s+(?:of|and|to|or|in|applies|does|is|was)\b))(?=[\s*_　：:.（(【［\[]|$)"
)
_ANNOUNCES = re.compile(r"[:：]\s*\Z")
# Said of a whole section or article, which then says nothing that holds.
_REPEALED = re.compile(
    r"[（(\[【［]\s*(?:(?:自|于|从)?\s*(?P<day>\d{4}年\d{1,2}月\d{1,2}日)\s*起?\s*)?"
    r"(?:已?废止|已?失效|已?删除|删去|repealed|deleted|no longer in force)\s*[）)\]】］]",
    re.IGNORECASE,
)


def cut(source: str, outline: Outline) -> tuple[About, tuple[Passage, ...]]:
    """The passages of a document, and its title where nobody gave it one.

    Sections and articles that are marked as repealed are left out. Raises :class:`DocumentError` when nothing is left.
    """
    about = outline.about
    about = about.over(About(common_heading(outline.blocks) or PurePosixPath(source).stem))
    if _is_marked(about.title):
        raise DocumentError("is marked as repealed in its title: give it a valid_to, or take the mark out")
    passages: dict[str, Passage] = {}
    repealed: tuple[tuple[str, ...], str] | None = None
    for article, block in _articles(outline.blocks):
        headings = block.headings[1:] if block.headings[:1] == (about.title,) else block.headings
        if _repealed(block, article) or (article and (block.headings, article) == repealed):
            repealed = (block.headings, article)  # and what else is of that article
            continue
        locator = " › ".join(part for part in (*headings, article, block.place) if part)
        language = about.language or detect_language(block.text)
        passage = Passage(about.title, locator, block.text, language, source)
        passages.setdefault(passage.id, passage)
    if not passages:
        raise DocumentError("has no text")
    return about, tuple(passages.values())


def common_heading(blocks: Iterable[Block]) -> str:
    """What all that has a heading stands under: the document's title; or ""."""
    first = {block.headings[0] for block in blocks if block.headings}
    return first.pop() if len(first) == 1 else ""


def _repealed(block: Block, article: str) -> bool:
    opening = block.text.lstrip(" *_")[: len(article) + 32] if article else ""
    return any(map(_is_marked, (*block.headings, opening)))


def _is_marked(text: str) -> bool:
    """As repealed, and not only from a day on that is still to come."""
    mark = _REPEALED.search(text)
    if mark is None or not mark["day"]:
        return mark is not None
    year, month, day = map(int, re.findall(r"\d+", mark["day"]))
    return (year, month, day) <= date.today().timetuple()[:3]


def _articles(blocks: Iterable[Block]) -> Iterator[tuple[str, Block]]:
    """Blocks joined into runs of readable size, each with the article that it is of, or ""."""
    article, run = "", None
    for block in (piece for whole in blocks for piece in _pieces(whole)):
        opening = _ARTICLE.match(block.text)
        if run is not None and (opening or not _belong_together(run, block)):
            yield article, run
            if run.headings != block.headings:
                article = ""
            run = None
        if opening:
            article = opening[1]
        run = replace(run, text=f"{run.text}\n\n{block.text}") if run else block
    if run is not None:
        yield article, run


def _belong_together(run: Block, block: Block) -> bool:
    if block.apart or run.headings != block.headings:
        return False
    return bool(_ANNOUNCES.search(run.text)) or ideographs(run.text) + ideographs(block.text) <= _PASSAGE_WEIGHT


def _pieces(block: Block) -> Iterator[Block]:
    """A block whole, unless it is far too long: then by lines of a list or table, or by sentences."""
    if ideographs(block.text) <= 2 * _PASSAGE_WEIGHT:
        yield block
        return
    for stretch in _stretches(block.text):
        starts, end = [0], 0
        for part in split_sentences(stretch):
            at = stretch.index(part, end)
            end = at + len(part)
            if at > starts[-1] and ideographs(stretch[starts[-1] : end]) > _PASSAGE_WEIGHT:
                starts.append(at)
            starts += range(starts[-1] + _ENDLESS, end, _ENDLESS)
        for a, b in pairwise([*starts, len(stretch)]):
            if text := stretch[a:b].rstrip():
                yield replace(block, text=text)


def _stretches(text: str) -> Iterator[str]:
    """Up to so much at a time, to the end of a line or a word: what finds sentences copies what is left after each."""
    start = 0
    while start < len(text):
        end = start + _STRETCH
        if end < len(text):
            cut = max(text.rfind("\n", start, end), text.rfind(" ", start, end), text.rfind("。", start, end))
            end = cut + 1 if cut > start else end
        yield text[start:end]
        start = end
