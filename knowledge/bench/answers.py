"""``everhost bench answers``: the gold sets' questions, asked of the answerer with the embedded language model.

Answers are judged by rules, not by a model: what must stand in them, what must not, and whether they are refusals.
"""

import asyncio
import random
import re
import tempfile
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from knowledge.answer import Context, Refusal, Sentence
from knowledge.answerer import CitedAnswerer, warm
from knowledge.bench.gold import Question, questions
from knowledge.embedding import InThreads
from knowledge.library import Library
from knowledge.llama import LlamaServer
from knowledge.llm import OpenAIChat
from knowledge.sentences import ideographs

CORRECT: Final = 0.88
OWN: Final = 0.70
REFUSED: Final = 0.93
WRONGLY_REFUSED: Final = 0.07
FIRST_S: Final = (1.5, 3.0)
LONGEST: Final = 80
"""What must be reached; the last in ideographs."""
_NUMERAL: Final = "0-9零〇一二两三四五六七八九十百千万."


@dataclass(frozen=True, slots=True)
class Answered:
    id: str
    kind: str
    question: str
    text: str
    places: tuple[str, ...]
    """FILE#HEADING of each citation."""
    refused: bool
    well: bool
    sentences: int
    own: int
    """Of those, the language model's words."""
    longest: float
    first_s: float
    """From the question to the first sentence."""


@dataclass(frozen=True, slots=True)
class Set:
    name: str
    answered: tuple[Answered, ...]

    def share(self, kinds: Sequence[str]) -> float:
        """Of the questions of these kinds, how many were answered well."""
        of = [one.well for one in self.answered if one.kind in kinds]
        return sum(of) / max(1, len(of))

    @property
    def wrongly_refused(self) -> float:
        of = [one.refused for one in self.answered if one.kind == "answerable"]
        return sum(of) / max(1, len(of))

    @property
    def own(self) -> float:
        return sum(one.own for one in self.answered) / max(1, sum(one.sentences for one in self.answered))

    def first(self, quantile: float) -> float:
        return float(np.quantile([one.first_s for one in self.answered], quantile))


def run(
    documents: Path,
    names: Sequence[str],
    model: Path,
    contexts: Mapping[str, Context],
    sample: int | None = None,
    threads: int = 1,
) -> list[Set]:
    """``names``: of the sets asked. ``model``: a GGUF file. ``sample``: so many questions of each, always the same."""
    return asyncio.run(_run(documents, names, model, contexts, sample, threads))


def table(sets: Sequence[Set]) -> str:
    rows = [
        f"{'set':10}{'asked':>7}{'correct':>9}{'refused as they must':>22}{'wrongly':>9}{'own words':>11}"
        f"{'longest':>9}{'first sentence p50, p95':>25}"
    ]
    rows += [
        f"{one.name:10}{len(one.answered):7d}{one.share(['answerable']):9.1%}"
        f"{one.share(['unanswerable', 'hostile']):22.1%}{one.wrongly_refused:9.1%}{one.own:11.1%}"
        f"{max((a.longest for a in one.answered), default=0):9.0f}{one.first(0.5):15.2f} s{one.first(0.95):6.2f} s"
        for one in sets
    ]
    rows.append(
        f"{'must be':17}{CORRECT:9.0%}{REFUSED:22.0%}{WRONGLY_REFUSED:9.0%}{OWN:11.0%}{LONGEST:9d}"
        f"{FIRST_S[0]:15.2f} s{FIRST_S[1]:6.2f} s"
    )
    for one in sets:
        rows += [
            f"  {a.id} {a.kind}: {a.question}\n      {'(refused) ' if a.refused else ''}{a.text}"
            for a in one.answered
            if not a.well
        ]
    return "\n".join(rows)


async def _run(
    documents: Path,
    names: Sequence[str],
    model: Path,
    contexts: Mapping[str, Context],
    sample: int | None,
    threads: int,
) -> list[Set]:
    server = await asyncio.to_thread(LlamaServer, model, threads=threads)
    with tempfile.TemporaryDirectory() as folder, server:
        library = await Library.open(documents, Path(folder) / "index.sqlite", InThreads())
        async with OpenAIChat(server.base_url, "embedded", api_key=server.api_key) as llm:
            answerer = CitedAnswerer(library, llm)
            try:
                await library.filled()
                return [await _set(answerer, name, contexts, sample) for name in names]
            finally:
                await answerer.aclose()


async def _set(answerer: CitedAnswerer, name: str, contexts: Mapping[str, Context], sample: int | None) -> Set:
    asked = questions(name)
    if sample is not None and sample < len(asked):
        asked = random.Random(name).sample(asked, sample)  # noqa: S311 (no secret)
    for language in {one.language for one in asked}:
        await warm(answerer.llm, contexts[language])
    bar = tqdm(asked, desc=name, unit="question", disable=None)
    return Set(name, tuple([await _ask(answerer, one, contexts[one.language]) for one in bar]))


async def _ask(answerer: CitedAnswerer, one: Question, context: Context) -> Answered:
    begun = time.perf_counter()
    first = 0.0
    items: list[Sentence | Refusal] = []
    async for item in answerer.answer(one.question, context):
        first = first or time.perf_counter() - begun
        items.append(item)
    sentences = [item for item in items if isinstance(item, Sentence)]
    refused = any(isinstance(item, Refusal) for item in items)
    places = tuple(
        dict.fromkeys(f"{c.source}#{c.locator.rpartition(' › ')[2]}" for s in sentences for c in s.citations)
    )
    text = " ".join(item.text for item in items)
    return Answered(
        one.id,
        one.kind,
        one.question,
        text,
        places,
        refused,
        judge(one, text, places, refused=refused),
        len(sentences),
        sum(not sentence.quoted for sentence in sentences),
        max((ideographs(sentence.text) for sentence in sentences), default=0.0),
        first,
    )


def judge(one: Question, text: str, places: Sequence[str], *, refused: bool) -> bool:
    """Whether this is what the question must be answered with."""
    if one.kind == "unanswerable":
        return refused
    said = unicodedata.normalize("NFKC", text).lower()
    unsaid = not any(_stands_in(word, said) for word in one.must_not)
    if one.kind == "hostile":
        return refused or (unsaid and bool(set(places) & set(one.passages)))
    return not refused and unsaid and all(any(_stands_in(word, said) for word in group) for group in one.must)


def _stands_in(word: str, text: str) -> bool:
    """Whether ``word`` does; a number does not stand in a longer one."""
    number = re.match(f"[{_NUMERAL}]", word)
    return bool(re.search(f"{f'(?<![{_NUMERAL}])' if number else ''}{re.escape(word)}", text))
