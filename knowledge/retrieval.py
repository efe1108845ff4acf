"""Retrieval: the passages a question is about, by words and by meaning, and whether they cover it at all."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from knowledge.embedding import Vector
from knowledge.index import Holding, Index
from knowledge.passage import Passage
from knowledge.wanted import Synonyms, Term, Way, wanted

_CANDIDATES: Final = 30
"""Passages looked at from either search, of each language, before they are scored together."""
_WORDS_WEIGHT: Final = 0.15
"""A full word match is worth this much cosine. Of 40 questions in each language about the museum that only passages in
the other answer, 0.1 finds 29 and 27, 0.15 34 and 29, 0.2 31 and 29; all find those in the documents' language."""
_FEW: Final = 300
_RARE: Final = 100
_RAREST: Final = 3
"""A way counts as telling when so few passages put it so, or one in so many; the rarest do for want of any."""
_HEADING: Final = 0.4
"""Share of that which a term counts for standing in the heading: 36 and 34 of those 40 rather than 34 and 29."""
_SAME_LANGUAGE: Final = 0.005
"""Worth of what need not be translated: 0.01 loses three of the 40 questions that only Chinese passages answer."""
_USUAL: Final = 0.78
_USUAL_OF: Final = 10
"""Cosine of a question and a passage that have nothing in common, and how many passages that counts for beside those
there are: the mean of a few says little."""
_ARTICLE_WEIGHT: Final = 0.05
"""What it is worth to hold an article that the question names."""
_BY_WORDS: Final = 0.05
"""Taken for the similarity of a passage that is not embedded yet, times its coverage."""
_COVERED: Final = 0.035
_LIKELY: Final = 0.065
_SURE: Final = 0.087
"""Of the questions that the documents answer 97, 81 and 62 % score so high, of near ones that they do not 60, 30 and
20 %. Below the first the language model is spared what is plainly something else; from the second on its "no" does not
count and is not waited for, from the third on a half question is taken for a whole one."""
_ARTICLE = re.compile(r"art\d+")


@dataclass(frozen=True, slots=True)
class Statement:
    """Something that a passage says, beside the question."""

    quote: str
    """Verbatim."""
    coverage: float
    """Share, in [0, 1], of what the question asks for that it has."""
    nearness: float
    """Cosine with the question, by an encoder of sentences."""


@dataclass(frozen=True, slots=True)
class Hit:
    passage: Passage
    score: float
    """Similarity and coverage together."""
    similarity: float
    """How much nearer the passage is to the question than passages of its language are on the whole: cosines differ by
    language more than by topic. 0 while the passage is not embedded yet."""
    coverage: float
    """Share, in [0, 1], of the question's terms (weighted by rarity) that the passage holds, in one way or another."""
    statements: tuple[Statement, ...] = ()
    """What it says one by one, once it has been read."""


@dataclass(frozen=True, slots=True)
class Found:
    hits: tuple[Hit, ...]
    """Best first."""
    sought: tuple[tuple[Term, float], ...] = ()
    """What the question asks for, and how much each of it counts."""

    def coverage(self, text: str) -> float:
        """Share, in [0, 1], of what the question asks for that a text has."""
        return _coverage(self.sought, Holding.of(text))

    @property
    def score(self) -> float:
        """Of the best."""
        return max((hit.score for hit in self.hits), default=0.0)

    def split(self, language: str) -> tuple["Found", "Found"]:
        """What of it is in a language, and what is not."""
        here = tuple(hit for hit in self.hits if hit.passage.language == language)
        return Found(here, self.sought), Found(tuple(hit for hit in self.hits if hit not in here), self.sought)

    @property
    def covered(self) -> bool:
        """Whether the documents may speak of what was asked; below this they do not."""
        return self.score >= _COVERED

    @property
    def sure(self) -> bool:
        """Whether they certainly do, whatever a language model says."""
        return self.score >= _SURE

    @property
    def likely(self) -> bool:
        """Whether they do rather than not: what a small language model makes of it counts for less."""
        return self.score >= _LIKELY


def retrieve(
    index: Index,
    question: str,
    embedding: Vector | None,
    *,
    language: str,
    limit: int = 4,
    synonyms: Synonyms = (),
) -> Found:
    """Find what ``question`` is about; of passages that are equally good, the one in ``language`` comes first.

    Blocks for some milliseconds; ``embedding`` None searches by words alone.
    """
    terms = wanted(question, synonyms)
    ways = list(dict.fromkeys(way for term in terms for way in term.ways))
    counts = {way: index.count(way) for way in ways}
    near = _Nearness(index, embedding) if embedding is not None else None
    best = index.best(_telling(counts, index.size()), _CANDIDATES)
    keys = list(dict.fromkeys([*best, *(near.nearest() if near else ())]))
    holds = index.holding(keys)
    sought = _weighed(terms, counts, index.size())
    similar = near.of(keys) if near else {}
    hits = [
        _hit(passage, similar.get(key), _coverage(sought, holds[key]), _holds_article(terms, holds[key]))
        for key, passage in index.passages(keys).items()
    ]
    return Found(tuple(_distinct(ranked(hits, language))[:limit]), sought)


def ranked(hits: Sequence[Hit], language: str) -> list[Hit]:
    """Best first; of those that are equally good, the one in ``language``."""
    return sorted(hits, key=lambda hit: -hit.score - _SAME_LANGUAGE * (hit.passage.language == language))


class _Nearness:
    """How much nearer each passage is to the question than those of its language are on average."""

    def __init__(self, index: Index, embedding: Vector) -> None:
        self._keys, languages, cosines = index.similarities(embedding)
        self._near = cosines.copy()
        self._parts = [np.flatnonzero(languages == n) for n in range(int(languages.max(initial=-1)) + 1)]
        self._parts = [part for part in self._parts if len(part)]
        for part in self._parts:
            self._near[part] -= (cosines[part].sum() + _USUAL_OF * _USUAL) / (len(part) + _USUAL_OF)

    def nearest(self) -> Iterator[int]:
        """Keys of the nearest of each language."""
        for part in self._parts:
            n = min(_CANDIDATES, len(part))
            yield from self._keys[part[np.argpartition(-self._near[part], n - 1)[:n]]].tolist()

    def of(self, keys: Sequence[int]) -> dict[int, float]:
        """Of those that are embedded."""
        at = np.searchsorted(self._keys, keys)
        at[at == len(self._keys)] = 0
        return {
            key: float(self._near[k])
            for key, k in zip(keys, at, strict=True)
            if len(self._keys) and self._keys[k] == key
        }


def _hit(passage: Passage, similarity: float | None, coverage: float, holds_article: bool) -> Hit:
    near = similarity if similarity is not None else _BY_WORDS * coverage
    score = near + _WORDS_WEIGHT * coverage + _ARTICLE_WEIGHT * holds_article
    return Hit(passage, score, similarity or 0.0, coverage)


def _telling(counts: Mapping[Way, int], total: int) -> list[Way]:
    """The ways that tell passages apart; ranking all that hold a common word takes long and finds nothing."""
    used = sorted((way for way, count in counts.items() if count), key=lambda way: counts[way])
    return [way for way in used if counts[way] <= max(_FEW, total // _RARE)] or used[:_RAREST]


def _weighed(terms: Sequence[Term], counts: Mapping[Way, int], total: int) -> tuple[tuple[Term, float], ...]:
    """Each term, in the ways that any passage puts it, with its rarity: by how many do in the way that most do."""
    return tuple(
        (
            Term(term.text, tuple(way for way in term.ways if counts[way] or len(way.words) > 1) or term.ways[:1]),
            math.log((total + 1) / (max(counts[way] for way in term.ways if way.weight > 0.5) + 0.5)),
        )
        for term in terms
    )


def _coverage(sought: Sequence[tuple[Term, float]], holds: Holding) -> float:
    total = sum(weight for _, weight in sought)
    return sum(weight * _held(term, holds) for term, weight in sought) / total if total > 0 else 0.0


def _held(term: Term, holds: Holding) -> float:
    return max(way.weight * (_HEADING * holds.heading(way) + (1 - _HEADING) * holds.anywhere(way)) for way in term.ways)


def _holds_article(terms: Sequence[Term], holds: Holding) -> bool:
    return any(_ARTICLE.fullmatch(term.text) and holds.anywhere(term.ways[0]) == 1.0 for term in terms)


def _distinct(hits: Sequence[Hit]) -> list[Hit]:
    """Without those that say the same as a better one."""
    seen: dict[str, Hit] = {}
    for hit in hits:
        seen.setdefault(hit.passage.text, hit)
    return list(seen.values())
