"""What a question asks for: its terms, and for each the ways a document may put it.

The term itself; what the room's synonyms and the other language have for it; and, of names, the sound.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from knowledge.bilingual import romanized, translations
from knowledge.han import HAN
from knowledge.words import stem, terms, topical

_ADJACENT: Final = 4
"""Characters of two neighbouring words that may be one name which the segmenter does not know."""
_SOUND: Final = 0.9
_SYNONYM: Final = 0.95

Part = Literal["heading", "body", "sound"]


@dataclass(frozen=True, slots=True)
class Way:
    words: tuple[str, ...]
    """Stemmed, as the index holds them."""
    weight: float
    """How far it is what was meant, in (0, 1]."""
    strict: bool = False
    """Whether the words count together or not at all: the syllables of a name."""
    sounds: bool = False
    """Whether it is what Chinese words sound like, rather than words of the text."""


@dataclass(frozen=True, slots=True)
class Term:
    text: str
    ways: tuple[Way, ...]
    """The term itself first."""


Synonyms = Sequence[frozenset[str]]
"""Groups of words and phrases, in lower case, that stand for one another."""


def wanted(question: str, synonyms: Synonyms = ()) -> tuple[Term, ...]:
    asked = topical(question)
    ways: dict[str, list[Way]] = {term: [Way((stem(term),), 1.0), *_ways(term)] for term in asked}
    for one, other in pairwise(asked):
        for way in _pair(one, other, question):
            ways[one].append(way)
            ways[other].append(way)
    for member, others in _synonyms(question.lower(), synonyms):
        of = [term for term in topical(member) if term in ways]
        if not of:
            ways[member] = [_phrase(member, 1.0)]  # "N+1" has no term of its own
            of = [member]
        for term in of:
            ways[term] += (_phrase(other, _SYNONYM) for other in others)
    return tuple(Term(term, tuple(way for way in dict.fromkeys(found) if way.words)) for term, found in ways.items())


def _meant(phrase: str, weight: float) -> Way:
    return Way(tuple(map(stem, terms(phrase))), weight)


def _phrase(text: str, weight: float) -> Way:
    return Way(tuple(map(stem, topical(text) or terms(text))), weight)


def _ways(term: str) -> Iterator[Way]:
    meant = translations(term)
    for phrase, weight in meant.items():
        yield _meant(phrase, weight)
    if HAN.search(term):
        if len(term) > 1:
            yield from _sounding(term)
    elif not meant and len(term) > 3:
        yield Way((term,), _SOUND, strict=True, sounds=True)


def _pair(one: str, other: str, question: str) -> Iterator[Way]:
    """Of two neighbours: a name that was cut in two, or a phrase."""
    if HAN.search(one) and HAN.search(other):
        if len(one + other) <= _ADJACENT and one + other in question:
            yield from _sounding(one + other)
    elif one.isascii() and other.isascii():
        for phrase, weight in translations(f"{one} {other}").items():
            yield _meant(phrase, weight)
        yield Way((one + other,), _SOUND, strict=True, sounds=True)


def _sounding(chinese: str) -> Iterator[Way]:
    """云冈 in an English text: Yungang, Yun Gang."""
    syllables = romanized(chinese)
    yield Way(tuple(map(stem, syllables)), _SOUND, strict=True)
    yield Way((stem("".join(syllables)),), _SOUND, strict=True)


def sounds(words: Iterable[str]) -> Iterator[str]:
    """What the Chinese words of a text, and neighbours that may be one name, sound like."""
    chinese = [word for word in words if HAN.search(word)]
    for word in chinese:
        if len(word) > 1:
            yield "".join(romanized(word))
    for one, other in pairwise(chinese):
        if len(one + other) <= _ADJACENT:
            yield "".join(romanized(one + other))


def _synonyms(question: str, synonyms: Synonyms) -> Iterator[tuple[str, list[str]]]:
    """Members that stand in the question, the longest of each group, with the others."""
    for group in synonyms:
        said = [member for member in group if _stands_in(member, question)]
        if said:
            member = max(said, key=len)
            yield member, sorted(group - {member})


def _stands_in(member: str, question: str) -> bool:
    if HAN.search(member):
        return member in question
    return bool(re.search(rf"(?<![a-z0-9]){re.escape(member)}(?![a-z0-9])", question))
