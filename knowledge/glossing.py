"""Glosses: the viewer's own words beside those that a document in another language has for them.

A small model that translates "a saggar" makes a casserole of it (砂锅); of "a saggar (匣钵)" it makes what the viewer
asked about.
"""

import re
from collections.abc import Sequence
from typing import Final

from knowledge.han import HAN
from knowledge.wanted import Term
from knowledge.words import stem

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z'-]*")
_TELLING: Final = 2.5
"""What a term must count for: common words are translated well enough."""
_MEANT: Final = 0.85


def glossed(statement: str, sought: Sequence[tuple[Term, float]]) -> str:
    """An English statement with the Chinese terms of a question behind the words that stand for them."""
    for term, weight in sought:
        if weight >= _TELLING and HAN.search(term.text) and (end := _end(statement, term)):
            statement = f"{statement[:end]} ({term.text}){statement[end:]}"
    return statement


def unglossed(text: str, sought: Sequence[tuple[Term, float]]) -> str:
    """A translation without the glosses that were copied: 匣钵（匣钵）."""
    for term, _ in sought:
        text = re.sub(rf"\s?[（(]{re.escape(term.text)}[）)]", "", text)
    return text


def _end(statement: str, term: Term) -> int | None:
    """Where the first words of the statement end that stand for the term."""
    words = [(match.end(), stem(match[0].lower())) for match in _WORD.finditer(statement)]
    for way in term.ways[1:]:
        if way.sounds or way.weight < _MEANT or not way.words:
            continue
        for k in range(len(words) - len(way.words) + 1):
            if tuple(word for _, word in words[k : k + len(way.words)]) == way.words:
                return words[k + len(way.words) - 1][0]
    return None
