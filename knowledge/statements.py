"""Statements: what a passage says one by one, as it may be quoted: a sentence, or a list with what announces it."""

import re
from collections.abc import Iterator
from typing import Final

from knowledge.sentences import ideographs, split_sentences

_ONE_BREATH: Final = 90.0

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_LINE_START = re.compile(r"^[ \t]*(?:[-*+>]|#{1,6}|\d+[.)])[ \t]+", re.MULTILINE)
_EMPHASIS = re.compile(r"\*\*|__|`|(?<!\w)[*_]|[*_](?!\w)")


def statements(text: str) -> Iterator[str]:
    """Verbatim. A list that is announced goes with what announces it, as far as it can be said in one breath."""
    start = end = at = 0
    for sentence in split_sentences(text):
        at = text.index(sentence, at)
        follows = at + len(sentence)
        if end and _LINE_START.match(sentence) and ideographs(text[start:follows]) <= _ONE_BREATH:
            end = at = follows
            continue
        if end:
            yield text[start:end]
            end = 0
        if sentence.endswith((":", "：")):
            start, end = at, follows
        else:
            yield sentence
        at = follows
    if end:
        yield text[start:end]


def plain(text: str) -> str:
    """Markdown's marks taken away, on one line."""
    text = _LINK.sub(r"\1", text)
    text = _LINE_START.sub("", text)
    return " ".join(_EMPHASIS.sub("", text).split())
