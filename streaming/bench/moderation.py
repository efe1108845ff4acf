"""Moderation on a gold set: what is caught, what is wrongly stopped, and how fast.

The lists were written on ``data/moderation/tuning.jsonl``; of ``unseen.jsonl`` nothing but these counts was ever looked
at, and of ``fresh.jsonl`` nothing at all before all else was settled. All were written apart from the lists and from
what the classifier learns.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal

from tqdm import tqdm

from streaming.judge import Alone
from streaming.moderation.policy import Policy
from streaming.moderation.train import is_taught, sentences
from streaming.moderation.verdict import CATEGORIES, What

CAUGHT: Final = 0.95
FALSE: Final = 0.02
"""Goals: of what is to be caught, and of what is harmless."""
A_SECOND: Final = 10_000
"""Texts through the lists on one core."""

Half = Literal["tuning", "unseen", "fresh", "obvious"]
HALVES: Final[tuple[Half, ...]] = ("tuning", "unseen", "fresh", "obvious")
"""The last: what anybody tries first, in the plainest words; nothing harmless is among it."""


@dataclass(frozen=True, slots=True)
class Message:
    text: str
    language: Literal["zh", "en"]
    what: What
    category: str | None
    """None: harmless."""
    evasion: str | None


@dataclass(frozen=True, slots=True)
class Found:
    half: str
    lists: tuple[int, int]
    """Caught and wrongly stopped by the lists alone;"""
    both: tuple[int, int]
    """and with the classifier."""
    banned: int
    harmless: int
    categories: dict[str, tuple[int, int]]
    """Caught with both, of all."""
    evasions: tuple[int, int]
    """Of what is disguised."""


@dataclass(frozen=True, slots=True)
class Report:
    sets: list[Found]
    documents: tuple[int, int]
    """Sentences of the documents that would be stopped in an answer, of all."""
    lists_a_second: float
    """Texts."""
    both_ms: float
    """Of one text, median, with its vectors."""


def messages(half: Half) -> list[Message]:
    lines = files("streaming.bench").joinpath(f"data/moderation/{half}.jsonl").read_text("utf-8").splitlines()
    return [_message(json.loads(line)) for line in lines]


def _message(row: dict[str, Any]) -> Message:
    what: What = "question" if row["what"] == "comment" else row["what"]
    return Message(row["text"], row["language"], what, row["category"], row["evasion"])


def run(documents: Sequence[Path]) -> Report:
    """``documents``: folders of Markdown, whose sentences an answer may quote."""
    judge = Alone(Policy())
    sets = [_found(half, judge) for half in HALVES]
    texts = [(one.text, one.language, one.what) for half in HALVES for one in messages(half)]
    took = []
    for text in texts:
        begun = time.perf_counter()
        judge.of(*text)
        took.append(time.perf_counter() - begun)
    begun, rounds = time.perf_counter(), 5
    for _ in range(rounds):
        for text in texts:
            judge.moderator.check(*text)
    a_second = rounds * len(texts) / (time.perf_counter() - begun)
    quoted = [one for folder in documents for one in sentences(folder) if not is_taught(one[0])]
    stopped = sum(
        judge.of(text, language, "answer") is not None for text, language in tqdm(quoted, "documents", disable=None)
    )
    return Report(sets, (stopped, len(quoted)), a_second, 1e3 * median(took))


def _found(half: Half, judge: Alone) -> Found:
    said = messages(half)
    lists, both = [0, 0], [0, 0]
    caught: Counter[str] = Counter()
    disguised = 0
    for one in tqdm(said, half, disable=None):
        by_lists = judge.moderator.check(one.text, one.language, one.what) is not None
        by_both = judge.of(one.text, one.language, one.what) is not None
        harmless = one.category is None
        lists[harmless] += by_lists
        both[harmless] += by_both
        if one.category and by_both:
            caught[one.category] += 1
            disguised += one.evasion is not None
    banned = Counter(one.category for one in said if one.category)
    return Found(
        half,
        (lists[0], lists[1]),
        (both[0], both[1]),
        banned.total(),
        len(said) - banned.total(),
        {name: (caught[name], banned[name]) for name in CATEGORIES if banned[name]},
        (disguised, sum(one.evasion is not None for one in said)),
    )


def table(report: Report) -> str:
    lines = [f"{'':10} {'lists alone':>24} {'with the classifier':>24}   goal"]
    for one in report.sets:
        goal = f"   {CAUGHT:.0%} caught, {FALSE:.0%} wrongly" if one.half in ("unseen", "fresh") else ""
        lines.append(
            f"{one.half:10} {_share(one.lists[0], one.banned)} caught, {_share(one.lists[1], one.harmless)} wrongly"
            f"   {_share(one.both[0], one.banned)} caught, {_share(one.both[1], one.harmless)} wrongly{goal}"
        )
    for one in report.sets:
        by = ", ".join(f"{name} {caught}/{of}" for name, (caught, of) in one.categories.items())
        lines.append(f"{one.half}: {by}; disguised {one.evasions[0]}/{one.evasions[1]}")
    stopped, of = report.documents
    lines += [
        f"sentences of the documents that would be stopped in an answer: {stopped} of {of}",
        f"lists: {report.lists_a_second:,.0f} texts a second (goal {A_SECOND:,}); both: {report.both_ms:.1f} ms a text",
    ]
    return "\n".join(lines)


def _share(some: int, of: int) -> str:
    return f"{some}/{of} ({some / max(of, 1):.1%})"
