"""Grounding: which facts a sentence rests on, and whether it may be said at all."""

import re
from collections.abc import Sequence
from typing import Final

from knowledge.facts import Fact, plain
from knowledge.numerals import numbers
from knowledge.sentences import split_sentences

_MARK = re.compile(r"\s*(?:\[|【)\s*(\d+(?:\s*[,，、]\s*\d+)*)\s*(?:\]|】)")
_LIST_START = re.compile(r"^\s*(?:[-*•]|\d+[.)、])\s*")
_MIN_OVERLAP: Final = 0.12
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


def leaks(text: str, instructions: str, facts: Sequence[Fact], language: str) -> bool:
    """Whether the sentence recites the instructions rather than the facts."""
    length = _LEAK_LENGTH.get(language, 40)
    allowed = "".join(fact.text for fact in facts)
    runs = (text[at : at + length] for at in range(len(text) - length + 1))
    return any(run in instructions and run not in allowed for run in runs)


def best_sentence(text: str, fact: Fact) -> str:
    """The fact's own sentence nearest to ``text``, as it may be read aloud."""
    sentences = [plain(sentence) for sentence in split_sentences(fact.quote)]
    return max(sentences, key=lambda sentence: overlap(text, sentence))


def overlap(left: str, right: str) -> float:
    """Share in [0, 1] of the left text's character pairs (words in English) that the right text has too."""
    pairs, others = _features(left), _features(right)
    return len(pairs & others) / len(pairs) if pairs else 0.0


def _features(text: str) -> frozenset[str]:
    text = text.lower()
    han = re.findall(r"[\u3400-\u9fff]+", text)
    pairs = {run[at : at + 2] for run in han for at in range(max(1, len(run) - 1))}
    return frozenset(pairs.union(re.findall(r"[a-z]{3,}|\d+", text)))
