"""The gold sets: questions with what a right answer must say, and pairs for the check of sentences.

The files in ``data`` say themselves how they are to be read. Prompts and rules are tuned with those named ``tuning``.
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from knowledge.errors import DocumentError

Kind = Literal["answerable", "unanswerable", "hostile"]
GOLD: Final = {"legal-assistant": ("legal-zh", "legal-en"), "museum-guide": ("museum-en", "museum-zh")}
"""Sets by the folder of documents that they ask about."""
TUNING: Final = {"legal-assistant": ("tuning-legal-zh", "tuning-legal-en")}


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    kind: Kind
    style: str
    question: str
    passages: tuple[str, ...] = ()
    """FILE#HEADING of each passage that suffices by itself."""
    must: tuple[tuple[str, ...], ...] = ()
    """Of each group, one alternative at least must stand in the answer."""
    must_not: tuple[str, ...] = ()

    @property
    def language(self) -> str:
        return self.id.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence, and whether the fact carries it."""

    id: str
    language: str
    fact: str
    sentence: str
    right: bool
    why: str


def about(documents: Path, *, tuning: bool = False) -> tuple[str, ...]:
    """The sets that ask about a folder of documents. Raises :class:`DocumentError` when there are none."""
    sets = TUNING if tuning else GOLD
    try:
        return sets[documents.name]
    except KeyError:
        known = ", ".join(f"rooms/{name}" for name in sets)
        raise DocumentError(f"no questions ask about {documents}; there are some about {known}") from None


def questions(name: str) -> list[Question]:
    """Of the set ``name``, one of :data:`GOLD` or :data:`TUNING`."""
    return [
        Question(
            one["id"],
            one["kind"],
            one["style"],
            one["question"],
            tuple(one.get("passages") or ()),
            tuple(map(tuple, one.get("must") or ())),
            tuple(one.get("must_not") or ()),
        )
        for one in _load(name)
    ]


def pairs() -> list[Pair]:
    return [Pair(**one) for one in _load("check-pairs")]


def _load(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.load(
        (files("knowledge.bench") / f"data/{name}.yaml").read_text("utf-8"), yaml.CSafeLoader
    )
    return loaded
