"""Grounding: which facts a sentence rests on, and whether it may be said at all."""

import re
from collections.abc import Sequence
from typing import Final

from knowledge.facts import Fact, plain
from knowledge.numerals import numbers
from knowledge.sentences import detect_language

_MARK = re.compile(r"\s*(?:\[|【)\s*(\d+(?:\s*[,，、]\s*\d+)*)\s*(?:\]|】)")
_LIST_START = re.compile(r"^\s*(?:[-*•]|\d+[.)、])\s*")
_MIN_OVERLAP: Final = 0.12
_FAITHFUL: Final = 0.7
"""Overlap from which a sentence counts as the fact's own words."""
_VERDICT = re.compile(
    r"(?:这?(?:当然)?(?:是)?(?:不)?(?:可以|能|行|合法|违法|需要|用|对|算|必须|会|是)(?:的|辞退|赔|退|算|要)?|没有?|有)[，,。！!]\s*"
    r"|(?:yes|no|sure|of course)\s*[,.!]\s*",
    re.IGNORECASE,
)
_LEAK_LENGTH: Final = {"zh": 14, "en": 40}


def read_marks(sentence: str) -> tuple[str, tuple[int, ...]]:
    """(the sentence as it is said, the fact numbers it was marked with)."""
    marked = tuple(int(n) for match in _MARK.finditer(sentence) for n in re.split(r"\s*[,，、]\s*", match[1]))
    text = _LIST_START.sub("", plain(_MARK.sub("", sentence)))
    return text, tuple(dict.fromkeys(marked))


def supporting(text: str, marked: Sequence[int], facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """The facts the model named, or else the one that shares most with the sentence; none if none shares enough."""
    named = tuple(fact for n in marked for fact in facts if fact.n == n)
    if named:
        return named
    best = max(facts, key=lambda fact: overlap(text, fact.text), default=None)
    return (best,) if best is not None and overlap(text, best.text) >= _MIN_OVERLAP else ()


def invents_numbers(text: str, question: str, facts: Sequence[Fact]) -> bool:
    """Whether the sentence states a number that neither its facts nor the question do."""
    known = numbers(question).union(*(numbers(f"{fact.passage.headed_text}") for fact in facts))
    scaled = {value * 100 for value in known} | {value / 100 for value in known}  # 1.5 times is 150 %
    return not numbers(text) <= known | scaled


def faithful(text: str, facts: Sequence[Fact]) -> str:
    """The sentence where it keeps to a fact's words, else the fact's own.

    Small models put the question's number where the fact has another, open with a verdict (可以, Yes) that the rest
    denies, or reason on by themselves; none of that may be said with a source's name on it. A translation cannot be
    compared this way and is left as it is.
    """
    alike = [fact.text for fact in facts if fact.passage.language == detect_language(text)]
    if not alike:
        return text
    nearest = max(alike, key=lambda fact_text: overlap(text, fact_text))
    if overlap(text, nearest) < _FAITHFUL or not numbers(text) <= numbers(nearest):
        return nearest
    if (verdict := _VERDICT.match(text)) and overlap(text[verdict.end() :], nearest) >= _FAITHFUL:
        return text[verdict.end() :]
    return text


def rests_on(text: str, facts: Sequence[Fact]) -> bool:
    """Whether the sentence has anything of its facts, unlike a bare verdict; a translation cannot be told this way."""
    if any(detect_language(text) != fact.passage.language for fact in facts):
        return True
    return overlap(text, " ".join(fact.passage.headed_text for fact in facts)) >= _MIN_OVERLAP


def leaks(text: str, instructions: str, facts: Sequence[Fact], language: str) -> bool:
    """Whether the sentence recites the instructions rather than the facts."""
    length = _LEAK_LENGTH.get(language, 40)
    allowed = "".join(fact.text for fact in facts)
    runs = (text[at : at + length] for at in range(len(text) - length + 1))
    return any(run in instructions and run not in allowed for run in runs)


def overlap(left: str, right: str) -> float:
    """Share in [0, 1] of the left text's character pairs (words in English) that the right text has too."""
    pairs, others = _features(left), _features(right)
    return len(pairs & others) / len(pairs) if pairs else 0.0


def _features(text: str) -> frozenset[str]:
    text = text.lower()
    han = re.findall(r"[\u3400-\u9fff]+", text)
    pairs = {run[at : at + 2] for run in han for at in range(max(1, len(run) - 1))}
    return frozenset(pairs.union(re.findall(r"[a-z]{3,}|\d+", text)))
