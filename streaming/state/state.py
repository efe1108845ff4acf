"""What a room must not forget: every accepted question and its one outcome, what its programme said, who is muted, and
what an operator has switched.

What is written is written in order, so an outcome never overtakes its question, and what is read knows of all that was
written before. Writing returns at once; what cannot be written is logged, and the room goes on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from streaming.mutes import Muted
from streaming.programme.schedule import Aired
from streaming.protocol import Cited
from streaming.questions import Outcome, Question


@dataclass(frozen=True, slots=True)
class Desk:
    """How an operator left a room."""

    paused: bool = False
    cut: bool = False
    on_air_at: float = 0.0
    """When it was on air last (Unix time, s); 0: never."""


class RoomState(Protocol):
    """One room's."""

    def record(self, question: Question, outcome: Outcome | None) -> None:
        """Keep a question without outcome when it is accepted, and as it changes, and with one when it ended; later
        outcomes are ignored.
        """

    async def unfinished(self) -> list[Question]:
        """Accepted before a restart and never ended, in the order they were asked."""

    async def ended(self, since: float, limit: int) -> list[tuple[Question, Outcome, float]]:
        """The last that ended since then (Unix time, s), how and when, the latest first."""

    async def kept(self) -> None:
        """Wait until all that was written before is kept. Raises :class:`EverhostError` when it will not be."""

    def mute(self, muted: Muted) -> None:
        """Keep until when a viewer is not heard, and why."""

    async def muted(self, now: float) -> list[Muted]:
        """Who is not heard, or lately was not; what counts no more is forgotten."""

    def switch(self, *, paused: bool, cut: bool) -> None:
        """Keep what an operator has switched."""

    def is_on_air(self, at: float) -> None:
        """Keep that it was, then (Unix time, s)."""

    async def desk(self) -> Desk: ...

    def air(self, aired: Aired) -> None:
        """Keep a line of the programme."""

    async def aired(self, since: float) -> list[Aired]:
        """What the programme said since then (Unix time, s), oldest first; what is older is forgotten."""


def ended_as(question: Question, outcome: Outcome, answer: str, citations: Iterable[Mapping[str, Any]]) -> Question:
    """A question as it was when it ended."""
    question.written, question.refused = True, outcome == "refused"
    question.sentences = [answer] if answer else []
    question.citations = [Cited(**cited) for cited in citations]
    return question
