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

_BUDGETS: Final = (110.0, 60.0, 40.0)
"""Length a fact may have by rank, in ideographs."""
_WORTH_READING: Final = 0.035
"""How far a passage's score may lie below the best one's."""
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
    """One sentence or list item, verbatim from the passage."""

    @property
    def text(self) -> str:
        """The quote as it may be read aloud."""
        return plain(self.quote)

    def citation(self, n: int) -> Citation:
        return Citation(n=n, title=self.passage.title, locator=self.passage.locator, quote=self.quote)


def choose_facts(question: str, hits: Sequence[Hit]) -> tuple[Fact, ...]:
    """From each of the best passages the run of sentences that says most about the question, a fact a sentence.

    Within a passage those that share most words with the question come first: a small model prefers what it reads
    first.
    """
    wanted = frozenset(topical(question))
    near = [hit for hit in hits if hit.score >= hits[0].score - _WORTH_READING]
    chosen = [
        (hit.passage, sentence)
        for hit, budget in zip(near, _BUDGETS, strict=False)
        for sentence in sorted(
            _best_run(hit.passage.text, wanted, budget),
            key=lambda sentence: -len(wanted.intersection(topical(sentence))),
        )
    ]
    return tuple(Fact(n, passage, sentence) for n, (passage, sentence) in enumerate(chosen, start=1))


def plain(text: str) -> str:
    """Markdown's marks taken away, on one line."""
    text = _LINK.sub(r"\1", text)
    text = _LINE_START.sub("", text)
    return " ".join(_EMPHASIS.sub("", text).split())


def _best_run(text: str, wanted: frozenset[str], budget: float) -> list[str]:
    """Consecutive sentences of at most ``budget`` (one at least), the earliest of those that share most words."""
    sentences = split_sentences(text)
    lengths = [_length(sentence) for sentence in sentences]
    shared = [wanted.intersection(topical(sentence)) for sentence in sentences]
    best, most = sentences[:1], -1
    for first in range(len(sentences)):
        last = first + 1
        while last < len(sentences) and sum(lengths[first : last + 1]) <= budget:
            last += 1
        if (share := len(frozenset().union(*shared[first:last]))) > most:
            best, most = sentences[first:last], share
    return best


def _length(text: str) -> float:
    return sum(1.0 if ord(c) >= 0x2E80 else _LATIN_WEIGHT for c in text)
