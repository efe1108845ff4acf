"""Facts: the few sentences of the found passages that the language model is given to answer from.

A small model on one core reads some 28 tokens a second, so every sentence it need not read is time to first word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from knowledge.answer import Citation
from knowledge.passage import Passage
from knowledge.retrieval import Found
from knowledge.sentences import ideographs, split_sentences

_BUDGETS: Final = (110.0, 60.0, 40.0)
"""Length a fact may have by rank, in ideographs."""
_COVERAGE: Final = 0.2
"""What a sentence's share of the question counts for beside its passage's score: of 78 questions about the legal room
the first sentence answered 54, the first two 63, and so for 0.1 to 0.3; nearness by embedding added nothing."""
_ONE_BREATH: Final = 90.0
_WORTH_READING: Final = 0.035
"""How far a passage's score may lie below the best one's."""

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
    worth: float = 0.0
    """How much it says about the question, and how well its passage was found."""

    @property
    def text(self) -> str:
        """The quote as it may be read aloud."""
        return plain(self.quote)

    def citation(self, n: int) -> Citation:
        passage = self.passage
        return Citation(n, passage.title, passage.locator, self.quote, passage.source)


def choose_facts(found: Found) -> tuple[Fact, ...]:
    """Of each of the best passages the sentences that say most about the question, a fact a sentence.

    Within a passage those that say most come first: a small model prefers what it reads first.
    """
    near = [hit for hit in found.hits if hit.score >= found.hits[0].score - _WORTH_READING]
    chosen: list[tuple[Passage, str, float]] = []
    for hit, budget in zip(near, _BUDGETS, strict=False):
        sentences = sorted(
            ((found.coverage(plain(one)), one) for one in _sentences(hit.passage.text)), key=lambda told: -told[0]
        )
        left = budget
        for coverage, sentence in sentences:
            if left == budget or ideographs(sentence) <= left:  # one at least
                chosen.append((hit.passage, sentence, hit.score + _COVERAGE * coverage))
                left -= ideographs(sentence)
    return tuple(Fact(n, *told) for n, told in enumerate(chosen, start=1))


def _sentences(text: str) -> Iterator[str]:
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
