"""``everhost bench retrieval``: whether the passage that answers a question is among the first found, and whether
questions that the documents do not cover are known by what is found.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tqdm import tqdm

from knowledge.bench.gold import questions
from knowledge.embedding import InThreads
from knowledge.library import Library
from knowledge.retrieval import Found

FIRST: Final = 3
MUST: Final = 0.95


@dataclass(frozen=True, slots=True)
class Missed:
    id: str
    question: str
    found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Set:
    name: str
    answerable: int
    right: int
    """Of those, with a right passage among the first three;"""
    covered: int
    """taken for covered by the documents."""
    others: int
    """Unanswerable or hostile,"""
    uncovered: int
    """and known for it before a language model is asked."""
    styles: dict[str, tuple[int, int]]
    """Right and all, of each style."""
    query_ms: float
    """Median of a search, its embedding included."""
    missed: tuple[Missed, ...]


def run(documents: Path, names: Sequence[str]) -> list[Set]:
    """``documents``: the folder that the sets ``names`` ask about."""
    return asyncio.run(_run(documents, names))


def table(sets: Sequence[Set]) -> str:
    rows = [
        f"{'set':10}{'first ' + str(FIRST):>10}{'must be':>9}{'covered':>9}{'others':>8}{'known':>7}{'search':>10}",
        *(
            f"{one.name:10}{one.right / one.answerable:10.1%}{MUST:9.0%}{one.covered / one.answerable:9.1%}"
            f"{one.others:8d}{one.uncovered / one.others:7.0%}{one.query_ms:7.0f} ms"
            for one in sets
        ),
    ]
    for one in sets:
        rows.append(f"{one.name}: " + ", ".join(f"{style} {a}/{n}" for style, (a, n) in sorted(one.styles.items())))
        rows += [f"  {miss.id} {miss.question}\n      {' | '.join(miss.found)}" for miss in one.missed]
    return "\n".join(rows)


async def _run(documents: Path, names: Sequence[str]) -> list[Set]:
    with tempfile.TemporaryDirectory() as folder:
        library = await Library.open(documents, Path(folder) / "index.sqlite", InThreads())
        try:
            await library.filled()
            return [await _set(library, name) for name in names]
        finally:
            await library.aclose()


async def _set(library: Library, name: str) -> Set:
    asked = questions(name)
    found: dict[str, Found] = {}
    took = []
    for one in tqdm(asked, desc=name, unit="question", disable=None):
        begun = time.perf_counter()
        found[one.id] = await library.search(one.question, language=one.language, limit=FIRST)
        took.append(time.perf_counter() - begun)
    answerable = [one for one in asked if one.kind == "answerable"]
    others = [one for one in asked if one.kind != "answerable"]
    right = {one.id for one in answerable if set(places(found[one.id])) & set(one.passages)}
    styles: dict[str, tuple[int, int]] = {}
    for one in answerable:
        good, of = styles.get(one.style, (0, 0))
        styles[one.style] = good + (one.id in right), of + 1
    return Set(
        name,
        len(answerable),
        len(right),
        sum(found[one.id].covered for one in answerable),
        len(others),
        sum(not found[one.id].covered for one in others),
        styles,
        1e3 * median(took),
        tuple(Missed(one.id, one.question, tuple(places(found[one.id]))) for one in answerable if one.id not in right),
    )


def places(found: Found) -> list[str]:
    """FILE#HEADING of what was found."""
    return [f"{hit.passage.source}#{hit.passage.locator.rpartition(' › ')[2]}" for hit in found.hits]
