"""Grounding: the marks that a sentence carries, what it shares with others, and whether it recites the instructions."""

import re
from collections.abc import Sequence
from typing import Final

from knowledge.facts import Fact
from knowledge.statements import plain

_MARK = re.compile(r"\s*(?:\[|【)\s*(\d+(?:\s*[,，、]\s*\d+)*)\s*(?:\]|】)")
_LIST_START = re.compile(r"^\s*(?:[-*•]|\d+[.)、])\s*")
_LEAK_LENGTH: Final = {"zh": 14, "en": 40}


def read_marks(sentence: str) -> tuple[str, tuple[int, ...]]:
    """(the sentence as it is said, the fact numbers it was marked with)."""
    marked = tuple(int(n) for match in _MARK.finditer(sentence) for n in re.split(r"\s*[,，、]\s*", match[1]))
    text = _LIST_START.sub("", plain(_MARK.sub("", sentence)))
    return text, tuple(dict.fromkeys(marked))


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
