"""An operator's desk over HTTP: what a room does, who waits, and what an operator says to it.

Everything takes effect at once, is decided in :mod:`streaming.room`, and is logged with the name of whose token it was.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Annotated, Final

from fastapi import Body, FastAPI, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from avatar.life import Attention
from streaming import mutes
from streaming.on_air import OnAir
from streaming.operator import Operator, Operators
from streaming.problems import problems
from streaming.questions import Kind, Outcome, Question
from streaming.room import Decision, language_of
from streaming.roomfile import Language

log = logging.getLogger(__name__)

SHOWN: Final = 100
"""Waiting questions."""
LONGEST_MUTE_MINUTES: Final = 60 * 24 * 365 * 10


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Switches(_Sent):
    """What is left out stays as it is."""

    paused: bool | None = Field(None, description="Nothing more is begun; what is being said is said to its end.")
    cut: bool | None = Field(None, description="Off the air at once, behind a slate and in silence.")


class Word(_Sent):
    """An operator's word on a question."""

    decision: Decision = Field(
        description="approve: one that is held may be answered; hold: it waits; pin: it comes next; answer: `text` is"
        " said in answer (operators only); skip: it is dropped, also in the middle of its answer."
    )
    text: str = Field("", max_length=2000)

    @model_validator(mode="after")
    def _says_what(self) -> "Word":
        if (self.decision == "answer") != bool(self.text):
            raise ValueError("'text' goes with the decision 'answer', and with no other")
        return self


class Announcement(_Sent):
    text: str = Field(min_length=1, max_length=2000, description="With delivery marks, as [warm].")
    language: Language | None = Field(None, description="By the text, if left out.")
    at_once: bool = Field(False, description="In the middle of what is being said, which is dropped.")


class Choice(_Sent):
    storyline: str | None = Field(max_length=40, description="Told from its beginning; null: none any more.")


class Mute(_Sent):
    minutes: float = Field(gt=0, le=LONGEST_MUTE_MINUTES)


class Asked(BaseModel):
    question: str
    """The room's id."""
    text: str
    language: Language
    kind: Kind
    viewer: str | None
    name: str
    asked_at: float
    """Unix time, s."""
    held: bool
    pinned: bool
    reply: str
    """What an operator wants said in answer."""
    flagged: str
    """Which rule of moderation holds it, as category.rule; "" for none."""
    askers: int
    tries: int

    @classmethod
    def of(cls, question: Question) -> "Asked":
        return cls(
            question=question.id,
            text=question.text,
            language=question.language,
            kind=question.kind,
            viewer=question.viewer,
            name=question.name,
            asked_at=question.asked_at,
            held=question.held,
            pinned=question.pinned,
            reply=question.reply,
            flagged=question.flagged,
            askers=len(question.askers),
            tries=question.tries,
        )


class Muted(BaseModel):
    viewer: str
    until: float
    """Unix time, s."""
    grade: int
    """How often moderation has muted them; 0: an operator did."""
    why: str
    """Which rule stopped them last; "" when an operator muted them."""
    appeal: str
    """What they wrote to have it lifted."""

    @classmethod
    def of(cls, muted: mutes.Muted) -> "Muted":
        return cls(viewer=muted.viewer, until=muted.until, grade=muted.grade, why=muted.why, appeal=muted.appeal)


class Ended(BaseModel):
    question: str
    text: str
    kind: Kind
    viewer: str | None
    name: str
    asked_at: float
    ended_at: float
    outcome: Outcome
    answer: str


class Desk(BaseModel):
    room: str
    state: Attention
    paused: bool
    cut: bool
    segment: str
    """Of the programme, that is being told."""
    storyline: str | None
    """That is told, or comes next."""
    storylines: list[str]
    """That there are."""
    file_error: str
    """Why the room file as it is now was not taken."""
    current: Asked | None
    waiting: list[Asked]
    """In the order in which they will be answered, those that are held last; a hundred at most."""
    waiting_count: int
    muted: list[Muted]


def add_desk(app: FastAPI, find: Callable[[str], OnAir], operators: Operators) -> None:
    """``find`` gives a room by its name, or raises HTTPException."""

    @app.get("/rooms/{room}/desk", responses=problems(), tags=["desk"])
    async def show(room: str, _: Annotated[Operator, operators.needs("moderator")]) -> Desk:
        """What the room does now, and who waits."""
        return _desk(find(room))

    @app.patch("/rooms/{room}/desk", responses=problems(), tags=["desk"])
    async def switch(
        room: str, switches: Switches, operator: Annotated[Operator, operators.needs("moderator")]
    ) -> Desk:
        """Pause the room, or take it off the air."""
        on_air = find(room)
        _log(operator, on_air, f"switches {switches.model_dump(exclude_none=True)}")
        if switches.cut is not None and switches.cut != on_air.core.cut:
            on_air.perform(on_air.core.cut_off(switches.cut, on_air.now()))
        if switches.paused is not None and switches.paused != on_air.core.paused:
            on_air.perform(on_air.core.pause(switches.paused, on_air.now()))
        return _desk(on_air)

    @app.post("/rooms/{room}/questions/{question}", responses=problems(), tags=["desk"])
    async def decide(
        room: str,
        question: Annotated[str, Path(max_length=64)],
        word: Word,
        operator: Annotated[Operator, operators.needs("moderator")],
    ) -> Desk:
        """Approve, hold, pin, answer or skip a question."""
        if word.decision == "answer" and not operator.may("operator"):
            raise HTTPException(403, "a moderator does not speak through the host; this needs the operator's token")
        on_air = find(room)
        actions = on_air.core.decide(question, word.decision, on_air.now(), word.text)
        if actions is None:
            raise HTTPException(404, f"no question {question} waits in {room}; it may have been answered by now")
        _log(operator, on_air, f"{word.decision} {question}")
        on_air.perform(actions)
        return _desk(on_air)

    @app.get("/rooms/{room}/questions", responses=problems(), tags=["desk"])
    async def ended(
        room: str,
        _: Annotated[Operator, operators.needs("moderator")],
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    ) -> list[Ended]:
        """What became of the last questions, the latest first."""
        return [_ended(question, outcome, at) for question, outcome, at in await find(room).ended(limit)]

    @app.post(
        "/rooms/{room}/announcements",
        status_code=202,
        responses=problems(e409="The room is off the air."),
        tags=["desk"],
    )
    async def announce(
        room: str, announcement: Announcement, operator: Annotated[Operator, operators.needs("operator")]
    ) -> Desk:
        """Have the host say something, after the sentence that is on air."""
        on_air = find(room)
        if on_air.core.cut:
            raise HTTPException(409, "the room is off the air; put it on again first: PATCH the desk with cut: false")
        language = announcement.language or language_of(announcement.text, on_air.settings.language)
        _log(operator, on_air, f"announces “{announcement.text}”")
        now = on_air.now()
        on_air.perform(on_air.core.announce(announcement.text, language, now, at_once=announcement.at_once))
        return _desk(on_air)

    @app.post("/rooms/{room}/programme/next", responses=problems(), tags=["desk"])
    async def go_on(room: str, operator: Annotated[Operator, operators.needs("moderator")]) -> Desk:
        """Leave the segment that is being told."""
        on_air = find(room)
        _log(operator, on_air, "next segment")
        on_air.perform(on_air.core.next_segment(on_air.now()))
        return _desk(on_air)

    @app.put("/rooms/{room}/programme/storyline", responses=problems(), tags=["desk"])
    async def follow(room: str, choice: Choice, operator: Annotated[Operator, operators.needs("moderator")]) -> Desk:
        """Tell a storyline, after the sentence that is on air; or leave the one that is told."""
        on_air = find(room)
        actions = on_air.core.follow(choice.storyline or "", on_air.now())
        if actions is None:
            there = ", ".join(on_air.core.choosing.known) or "none"
            raise HTTPException(404, f"there is no storyline “{choice.storyline}” in {room}; there are: {there}")
        _log(operator, on_air, f"storyline {choice.storyline or 'none'}")
        on_air.perform(actions)
        return _desk(on_air)

    @app.put("/rooms/{room}/muted/{viewer}", responses=problems(), tags=["desk"])
    async def mute(
        room: str,
        viewer: Annotated[str, Path(max_length=100)],
        sent: Annotated[Mute, Body()],
        operator: Annotated[Operator, operators.needs("moderator")],
    ) -> Desk:
        """Take nothing of a viewer for so long; what waits of theirs is dropped."""
        on_air = find(room)
        now = on_air.now()
        _log(operator, on_air, f"mutes {viewer} for {sent.minutes:g} minutes")
        on_air.perform(on_air.core.mute(viewer, now + 60 * sent.minutes, now))
        return _desk(on_air)

    @app.delete("/rooms/{room}/muted/{viewer}", responses=problems(), tags=["desk"])
    async def unmute(
        room: str,
        viewer: Annotated[str, Path(max_length=100)],
        operator: Annotated[Operator, operators.needs("moderator")],
    ) -> Desk:
        """Hear a viewer again."""
        on_air = find(room)
        now = on_air.now()
        if on_air.core.door.mutes.of(viewer, now) is None:
            raise HTTPException(404, f"{viewer} is not muted in {room}")
        _log(operator, on_air, f"hears {viewer} again")
        on_air.perform(on_air.core.mute(viewer, now, now))
        return _desk(on_air)


def _log(operator: Operator, on_air: OnAir, what: str) -> None:
    log.info("%s (%s) in %s: %s", operator.name, operator.role, on_air.settings.id, what)
    on_air.note("operator", who=operator.name, role=operator.role, did=what)


def _desk(on_air: OnAir) -> Desk:
    core, now = on_air.core, on_air.now()
    waiting: Iterable[Question] = core.questions.in_order(now)[:SHOWN]
    return Desk(
        room=on_air.settings.id,
        state=core.state,
        paused=core.paused,
        cut=core.cut,
        segment=core.segment,
        storyline=core.choosing.storyline or None,
        storylines=list(core.choosing.known),
        file_error=on_air.file_error,
        current=Asked.of(core.current) if core.current else None,
        waiting=[Asked.of(one) for one in waiting],
        waiting_count=core.waiting,
        muted=[Muted.of(one) for one in core.door.mutes.now(now)],
    )


def _ended(question: Question, outcome: Outcome, at: float) -> Ended:
    return Ended(
        question=question.id,
        text=question.text,
        kind=question.kind,
        viewer=question.viewer,
        name=question.name,
        asked_at=question.asked_at,
        ended_at=at,
        outcome=outcome,
        answer=question.answer,
    )
