"""Facts: the few sentences of the found passages that the language model is given to answer from.

A small model on one core reads some 28 tokens a second, so every sentence it need not read is time to first word.
"""

import re
from dataclasses import dataclass
from typing import Final

from knowledge.answer import Citation
from knowledge.passage import Passage
from knowledge.quantities import quantities
from knowledge.retrieval import Found, Statement
from knowledge.sentences import ideographs
from knowledge.statements import plain

_BUDGETS: Final = (110.0, 60.0, 40.0)
"""Length a fact may have by rank, in ideographs."""
_COVERAGE: Final = 0.1
_NEARNESS: Final = 0.1
"""What a statement's share of the question and its nearness to it count for beside its passage's score. Of the legal
room's questions in Chinese the first statement answers 67 %, the first two 83, all three 88; by coverage alone (0.2,
without reading the passages) it was 59, 76 and 81 %."""
_WORTH_READING: Final = 0.035
"""How far a passage's score may lie below the best one's."""
_NUMBER: Final = 0.015
"""What it is worth to say a number where one is asked for: as many questions right as without, but of two statements
that are as near, the one that answers comes first."""
_ASKS_NUMBER: Final = re.compile(
    r"多少|[几幾]|多[久长大高远]|最[长多低高晚短迟]|(?:何|什么|啥)时候?|期限|"
    r"\b(?:how (?:many|much|long|soon|often|old|high|late|far)|when|what (?:share|percentage|amount|age|time))\b"
    r"|\b(?:maximum|minimum)\b",
    re.IGNORECASE,
)


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


def choose_facts(found: Found, question: str) -> tuple[Fact, ...]:
    """Of each of the best passages the statements that say most about ``question``, a fact each.

    Within a passage those that say most come first: a small model prefers what it reads first.
    """
    near = [hit for hit in found.hits if hit.score >= found.hits[0].score - _WORTH_READING]
    number = bool(_ASKS_NUMBER.search(question))
    chosen: list[tuple[Passage, str, float]] = []
    for hit, budget in zip(near, _BUDGETS, strict=False):
        told = sorted(((_worth(one, number), one.quote) for one in hit.statements), key=lambda one: -one[0])
        left = budget
        for worth, quote in told:
            if left == budget or ideographs(quote) <= left:  # one at least
                chosen.append((hit.passage, quote, hit.score + worth))
                left -= ideographs(quote)
    return tuple(Fact(n, *told) for n, told in enumerate(chosen, start=1))


def _worth(one: Statement, number: bool) -> float:
    told = number and any(quantity.unit != "article" for quantity in quantities(plain(one.quote)))
    return _NEARNESS * one.nearness + _COVERAGE * one.coverage + _NUMBER * told
