"""The answerer contract: a question in, sentences with their sources (or a refusal) out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from knowledge.dialogue import Turn


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage an answer rests on."""

    n: int
    """The number that sentences refer to, from 1."""
    title: str
    locator: str
    """Where in the document, for a human: a heading path, an article number."""
    quote: str
    """Verbatim from the document."""
    source: str = ""
    """The document's path in the room's folder."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence to be shown and said."""

    text: str
    citations: tuple[Citation, ...] = ()
    quoted: bool = False
    """Whether these are a document's words, in place of a language model's."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The honest no, in the host's own manner."""

    text: str
    reason: Literal["not_covered", "not_allowed", "unavailable"]


@dataclass(frozen=True, slots=True)
class Context:
    """What an answer needs to know about the room and the one who asks."""

    language: str
    """BCP 47 primary tag the answer is given in: "zh", "en"."""
    host: str
    """The host's name."""
    persona: str
    """Who the host is and how they speak, in the room author's words."""
    refusal: str
    """What the host says when the documents do not cover the question."""
    turns: tuple[Turn, ...] = ()
    """What the question may lean on, the oldest first."""


class Answerer(Protocol):
    def answer(self, question: str, context: Context) -> AsyncIterator[Sentence | Refusal]:
        """Answer sentence by sentence; a refusal is the only item. Closing the iterator cancels.

        When the language model fails, the documents are quoted instead. Raises :class:`knowledge.errors.KnowledgeError`
        when they cannot be searched either.
        """
        ...
