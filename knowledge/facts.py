"""Facts: the few sentences of the found passages that the language model is given to answer from.

A small model on one core reads some 28 tokens a second, so every sentence it need not read is time to first word.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from knowledge.answer import Citation
from knowledge.passage import Passage
from knowledge.retrieval import Hit
from knowledge.sentences import split_sentences
from knowledge.words import topical

_BUDGETS: Final = (150.0, 90.0, 60.0)
"""Length a fact may have by rank, in ideographs."""
_LATIN_WEIGHT: Final = 0.4

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_LINE_START = re.compile(r"^[ \t]*(?:[-*+>]|#{1,6}|\d+[.)])[ \t]+", re.MULTILINE)
_EMPHASIS = re.compile(r"\*\*|__|`|(?<!\w)[*_]|[*_](?!\w)")


@dataclass(frozen=True, slots=True)
class Fact:
    n: int
    """The number it goes by in the prompt, from 1."""
    passage: Passage
    quote: str
    """A run of whole sentences, verbatim from the passage."""

    @property
    def text(self) -> str:
        """The quote as it may be read aloud."""
        return plain(self.quote)

    def citation(self, n: int) -> Citation:
        return Citation(n=n, title=self.passage.title, locator=self.passage.locator, quote=self.quote)


def choose_facts(question: str, hits: Sequence[Hit]) -> tuple[Fact, ...]:
    """From each of the best passages the run of sentences that says most about the question."""
    wanted = frozenset(topical(question))
    return tuple(
        Fact(n, hit.passage, _best_run(hit.passage.text, wanted, budget))
        for n, (hit, budget) in enumerate(zip(hits, _BUDGETS, strict=False), start=1)
    )


def plain(text: str) -> str:
    """Markdown's marks taken away, on one line."""
    text = _LINK.sub(r"\1", text)
    text = _LINE_START.sub("", text)
    return " ".join(_EMPHASIS.sub("", text).split())


def _best_run(text: str, wanted: frozenset[str], budget: float) -> str:
    sentences = split_sentences(text)
    spans: list[tuple[int, int]] = []
    end = 0
    for sentence in sentences:
        start = text.index(sentence, end)
        end = start + len(sentence)
        spans.append((start, end))
    shares = [len(wanted.intersection(topical(sentence))) for sentence in sentences]
    best, best_share = (spans[0][0], spans[0][1]), -1
    for first in range(len(spans)):
        last = first
        while last + 1 < len(spans) and _length(text[spans[first][0] : spans[last + 1][1]]) <= budget:
            last += 1
        share = sum(shares[first : last + 1])
        if share > best_share:
            best, best_share = (spans[first][0], spans[last][1]), share
    return text[best[0] : best[1]]


def _length(text: str) -> float:
    return sum(1.0 if ord(c) >= 0x2E80 else _LATIN_WEIGHT for c in text)
