"""Retrieval: the passages a question is about, by words and by meaning, and whether they cover it at all."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from knowledge.embedding import Vector
from knowledge.index import Index
from knowledge.passage import Passage
from knowledge.words import topical

_CANDIDATES: Final = 30
"""Passages looked at from either search before they are scored together."""
_WORDS_WEIGHT: Final = 0.1
"""A full word match is worth this much cosine. Measured on the example room: the sum ranks the right passage among
the first three more often than reciprocal rank fusion does, and a weight of 0.05 to 0.2 makes little difference."""
_SAME_LANGUAGE: Final = 0.01
"""Worth of need for translation: enough to decide between the same passage in two languages."""
_COVERED: Final = 0.06
_SURE: Final = 0.08
_MARGIN_WORDS_WEIGHT: Final = 0.05
_MARGIN_BY_WORDS: Final = 0.17
_MARGIN_OF_ARTICLE: Final = 0.05
_ARTICLE = re.compile(r"art\d+")


@dataclass(frozen=True, slots=True)
class Hit:
    passage: Passage
    score: float
    """Cosine plus weighted coverage; comparable within one search."""
    similarity: float
    """Cosine of question and passage; 0 while the passage is not embedded yet."""
    coverage: float
    """Share, in [0, 1], of the question's topical terms (weighted by rarity) that the passage holds."""
    holds_article: bool = False
    """Whether the question names an article and the passage has it."""


@dataclass(frozen=True, slots=True)
class Found:
    hits: tuple[Hit, ...]
    """Best first."""
    margin: float
    """How far the best passage stands out from what the documents hold otherwise; see ``covered`` and ``sure``."""

    @property
    def covered(self) -> bool:
        """Whether the documents may speak of what was asked; below this they do not."""
        return self.margin >= _COVERED

    @property
    def sure(self) -> bool:
        """Whether they certainly do, whatever a language model says."""
        return self.margin >= _SURE


def retrieve(index: Index, question: str, embedding: Vector | None, *, language: str, limit: int = 4) -> Found:
    """Find what ``question`` is about. Blocks for a few milliseconds; ``embedding`` None searches by words alone."""
    words = index.match_words(topical(question), _CANDIDATES)
    rarity = _rarity(words.holders, index.counts()[1])
    similar: dict[int, float] = {}
    if embedding is not None:
        keys, cosines = index.similarities(embedding)
        similar = dict(zip(keys.tolist(), cosines.tolist(), strict=True))
    named = frozenset(key for term, keys in words.holders.items() if _ARTICLE.fullmatch(term) for key in keys)
    candidates = dict.fromkeys([*words.best, *list(similar)[:_CANDIDATES]])
    hits: list[Hit] = []
    for key, passage in index.passages(list(candidates)).items():
        similarity, coverage = similar.get(key, 0.0), _coverage(key, words.holders, rarity)
        score = similarity + _WORDS_WEIGHT * coverage + _SAME_LANGUAGE * (passage.language == language)
        hits.append(Hit(passage, score, similarity, coverage, key in named))
    hits.sort(key=lambda hit: -hit.score)
    background = float(np.mean(list(similar.values()))) if similar else 0.0
    best = hits[:limit]
    return Found(tuple(best), margin=max((_margin(hit, background) for hit in best), default=0.0))


def _margin(hit: Hit, background: float) -> float:
    """How far a passage stands out from the rest.

    Cosines of this model lie between 0.7 and 0.95 whatever is asked, so a passage's counts only as far as it exceeds
    the mean over all passages; shared words help. Before the embeddings are there, words must do alone.
    """
    if not hit.similarity:
        return _MARGIN_BY_WORDS * hit.coverage
    article = _MARGIN_OF_ARTICLE * hit.holds_article
    return hit.similarity - background + _MARGIN_WORDS_WEIGHT * hit.coverage + article


def _rarity(holders: Mapping[str, frozenset[int]], total: int) -> dict[str, float]:
    return {term: math.log((total + 1) / (len(keys) + 0.5)) for term, keys in holders.items()}


def _coverage(key: int, holders: Mapping[str, frozenset[int]], rarity: Mapping[str, float]) -> float:
    total = sum(rarity.values())
    return sum(rarity[term] for term, keys in holders.items() if key in keys) / total if total else 0.0
