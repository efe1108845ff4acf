"""Words: the terms a text is found by, cut the same way for documents and questions."""

import logging
import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.han import HAN
from knowledge.numerals import split_articles

if TYPE_CHECKING:
    import jieba

_WORD = re.compile(r"\w+")

# Words that say nothing about the topic; a question made of them alone matches nothing.
_STOPWORDS = frozenset(Path(__file__).with_name("stopwords.txt").read_text("utf-8").split())


@cache
def _segmenter() -> "jieba.Tokenizer":
    import jieba

    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    return jieba.dt


def load() -> None:
    """Load the Chinese dictionary now (about a second) rather than with the first question."""
    _segmenter()


def frequency(word: str) -> float:
    """The share of a Chinese word in the language; 0 for what is none."""
    segmenter = _segmenter()
    return float((segmenter.FREQ.get(word) or 0) / segmenter.total)


def cut(run: str) -> list[str]:
    """A run of ideographs as the words of the dictionary that are most probable together."""
    return list(_segmenter().cut(run, HMM=False))


def terms(text: str) -> list[str]:
    """The terms of ``text`` in order, with repeats: Chinese words long and short, lower-case Latin words, numbers.

    An article is the same term however it is written: 第四十七条, 第 47 条 and Article 47 all give ``art47``.
    """
    text, articles = split_articles(unicodedata.normalize("NFKC", text).lower())
    found: list[str] = []
    for run in _WORD.findall(text):
        if HAN.search(run):
            found.extend(word for word in _segmenter().cut_for_search(run) if _WORD.fullmatch(word))
        else:
            found.extend(part for part in run.split("_") if part)
    return found + [f"art{number}" for number in articles]


@lru_cache(1 << 16)
def stem(term: str) -> str:
    """What the forms of an English word have in common: deposits, deposited, deposit."""
    return str(_stemmer().stemWord(term)) if term.isascii() and term.isalpha() else term


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


def topical(question: str) -> list[str]:
    """The distinct terms of a question that say what it is about."""
    return [
        term
        for term in dict.fromkeys(terms(question))
        if term not in _STOPWORDS and not (len(term) == 1 and term.isascii())
    ]
