"""The programme as a room file has it: segments, and when each may come."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from streaming.feelings import Feeling
from streaming.hearing.transcript import Language
from streaming.parts import Part, Text, one_or_more
from streaming.programme.guesses import tokens
from streaming.saying import sayable

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIMES: Final = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)")


@dataclass(frozen=True, slots=True)
class Times:
    """A part of the day, in minutes since midnight; it may go past midnight."""

    begin: int
    end: int

    def holds(self, local: datetime) -> bool:
        minute = local.hour * 60 + local.minute
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


def _times(text: Any) -> Any:
    """ "09:00-12:00"."""
    if not isinstance(text, str):
        return text
    match = _TIMES.fullmatch(text.strip())
    numbers = [int(number) for number in match.groups()] if match else []
    if not numbers or max(numbers[0], numbers[2]) > 24 or max(numbers[1], numbers[3]) > 59:
        raise ValueError(f"“{text}” is no part of the day; write it as 09:00-12:00")
    begin, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if max(begin, end) > 24 * 60 or begin == end:
        raise ValueError(f"“{text}” is no part of the day; write it as 09:00-12:00")
    return Times(begin % (24 * 60), end)


Period = Annotated[Times, BeforeValidator(_times)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone “{name}”; write it as Asia/Shanghai") from None
    return name


Said = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(sayable)]


def _guessable(text: str) -> str:
    if not tokens(text):
        raise ValueError(f"“{text}” has no letter or digit that a guess could hold")
    return text


def _words(value: Any) -> Any:
    """YAML takes 30 for a number; here it is a word like others."""
    return [f"{one}" if type(one) in (int, float) else one for one in one_or_more(value)]


class Quiz(Part):
    question: Said
    answer: Said
    think_s: float = Field(default=8.0, ge=0, le=120)
    """Silence between the two."""
    accept: Annotated[
        list[Annotated[str, Field(max_length=60), AfterValidator(_guessable)]], BeforeValidator(_words)
    ] = Field(default_factory=list)
    """What a right guess holds, one of these; none: nobody's guess is judged."""


class Card(Part):
    """Shown beside the host while a segment is told."""

    title: Annotated[str, Field(min_length=1, max_length=80)]
    text: Annotated[str, Field(max_length=400)] = ""
    footer: Annotated[str, Field(max_length=80)] = ""
    """Where it is from, or what it costs."""
    picture: Path | None = None
    """PNG, JPEG or WebP, relative to the room file."""
    link: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """On pages, where viewers can follow it."""


class Segment(Part):
    """One thing to say or do, told in one of its wordings."""

    script: Annotated[list[Said], BeforeValidator(one_or_more)] = Field(default_factory=list)
    """What is said, in one or more wordings, each of any number of sentences;"""
    quiz: Annotated[list[Quiz], BeforeValidator(one_or_more)] = Field(default_factory=list)
    """or questions that the host asks and answers, one each time;"""
    topic: Annotated[list[Said], BeforeValidator(one_or_more)] = Field(default_factory=list)
    """or what documents tell, a passage each time: files or folders, relative to the room's documents;"""
    music: Annotated[list[Path], BeforeValidator(one_or_more)] = Field(default_factory=list)
    """or pieces that are played while the host says nothing, one each time: files that hold sound, relative to the room
    file;"""
    silence_s: float | None = Field(default=None, gt=0, le=3600)
    """or nothing, for so long."""
    level_db: float = Field(default=-12.0, ge=-60, le=0)
    """Of music, against how it was recorded."""
    feeling: Feeling | None = None
    """What a script or documents are told with, where no mark says otherwise: warm, serious, …"""
    card: Card | None = None
    weight: float = Field(default=1.0, ge=0)
    """How often it comes, beside the others; 0: only within storylines."""
    every_minutes: float | None = Field(default=None, gt=0)
    """It comes as soon as so long has passed, and not before."""
    gap_minutes: float = Field(default=0.0, ge=0)
    """It does not come again before."""
    per_day: int | None = Field(default=None, ge=1)
    times: Annotated[list[Period], BeforeValidator(one_or_more)] = Field(default_factory=list)
    """Parts of the day in which it may come; always otherwise."""
    days: Annotated[list[Day], BeforeValidator(one_or_more)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Segment":
        if sum(map(bool, (self.script, self.quiz, self.topic, self.music, self.silence_s))) != 1:
            raise ValueError("give one of script, quiz, topic, music and silence_s")
        if self.feeling and not (self.script or self.topic):
            raise ValueError("feeling is for scripts and topics")
        if "level_db" in self.model_fields_set and not self.music:
            raise ValueError("level_db is for segments of music")
        return self

    def is_on(self, local: datetime) -> bool:
        """Whether it may come at this time of the week."""
        today = not self.days or _DAYS[local.weekday()] in self.days
        return today and (not self.times or any(times.holds(local) for times in self.times))


class Storyline(Part):
    """A thread that a visitor or an operator may choose."""

    title: Text
    segments: Annotated[list[str], Field(min_length=1), BeforeValidator(one_or_more)]
    """Told in this order, of topics every passage."""

    @model_validator(mode="after")
    def _tells_nothing_twice(self) -> "Storyline":
        if len(set(self.segments)) < len(self.segments):
            raise ValueError("a storyline names a segment once")
        return self


BRIDGES: Final[dict[Language, list[str]]] = {
    "zh": [
        "好，我们接着说。",
        "回到刚才的话题。",
        "刚才说到一半，我继续。",
        "嗯，接着刚才的讲。",
        "那我们继续。",
        "说回刚才那件事。",
    ],
    "en": [
        "Now, where were we?",
        "Back to what I was saying.",
        "Let me go on from there.",
        "To pick up where I left off.",
        "So, as I was saying.",
        "Right, let us go on.",
    ],
}
HEADING: Final = "{heading}"
TRANSITIONS: Final[dict[Language, list[str]]] = {
    "zh": [
        "接下来说说：{heading}。",
        "下面讲一讲：{heading}。",
        "再来看看：{heading}。",
        "说到这里，讲讲{heading}。",
        "聊一个话题：{heading}。",
    ],
    "en": [
        "Next: {heading}.",
        "Let me tell you about this: {heading}.",
        "Here is something else: {heading}.",
        "Another thing: {heading}.",
    ],
}
OPENINGS: Final[dict[Language, list[str]]] = {
    "zh": [
        "[点头]好，那就讲{heading}。",
        "[点头]好的，我们来讲{heading}。",
        "[微笑]没问题，这就讲{heading}。",
        "[点头]好，从头讲讲{heading}。",
    ],
    "en": [
        "[nod] With pleasure. Here it comes: {heading}.",
        "[nod] All right: {heading}.",
        "[warm] Good choice. Let me begin: {heading}.",
        "[nod] Gladly. Let me tell you this: {heading}.",
    ],
}
WHO: Final = "{who}"
WINNERS: Final[dict[Language, list[str]]] = {
    "zh": [
        "[微笑]{who}答对了！",
        "[微笑]{who}猜中了，真棒！",
        "这一题，{who}答对了。",
        "[点头]{who}说对了，了不起！",
        "{who}知道答案，厉害！",
        "[微笑]{who}一下就答对了！",
    ],
    "en": [
        "[warm] {who} had it.",
        "{who} got it right.",
        "[nod] {who} knew it. Well done!",
        "{who} had the answer.",
        "[warm] {who} guessed it. Bravo!",
        "[nod] {who} answered that right.",
    ],
}


def _has_heading(text: str) -> str:
    if HEADING not in text:
        raise ValueError(f"“{text}” must hold {HEADING}, which stands for what comes next")
    return text


def _has_names(text: str) -> str:
    if WHO not in text:
        raise ValueError(f"“{text}” must hold {WHO}, which stands for those who had it right")
    return text


Name = Annotated[str, Field(pattern=r"^[\w-]{1,40}$")]
Opening = Annotated[Said, AfterValidator(_has_heading)]


class Rundown(Part):
    """Programme of a room."""

    segments: dict[Name, Segment] = Field(min_length=1)
    storylines: dict[Name, Storyline] = Field(default_factory=dict)
    storylines_by: Literal["viewers", "operators"] | None = None
    """Who may choose one. By default viewers where the host listens without a button, as before a kiosk."""
    pause_s: float = Field(default=4.0, ge=0, le=600)
    """Between two segments."""
    repeat_after_minutes: float = Field(default=60.0, ge=0)
    """No sentence is said again before."""
    resume_within_s: float = Field(default=90.0, ge=0)
    """A segment broken off by an answer goes on after it; after longer than this another begins."""
    quiet: Annotated[list[Period], BeforeValidator(one_or_more)] = Field(default_factory=list)
    """Parts of the day in which the host says nothing unasked."""
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    """Of all times; the machine's otherwise."""
    bridges: dict[Language, list[Said]] = Field(default_factory=lambda: dict(BRIDGES))
    """Said before a segment goes on."""
    transitions: dict[Language, list[Opening]] = Field(default_factory=lambda: dict(TRANSITIONS))
    """Said before a passage of a topic; none: it begins at once."""
    openings: dict[Language, list[Opening]] = Field(default_factory=lambda: dict(OPENINGS))
    """Said before a storyline."""
    winners: dict[Language, list[Annotated[Said, AfterValidator(_has_names)]]] = Field(
        default_factory=lambda: dict(WINNERS)
    )
    """Said after the answer of a quiz, of those who had it right; none: nobody is named."""

    @model_validator(mode="after")
    def _storylines_tell_what_there_is(self) -> "Rundown":
        told = {name for storyline in self.storylines.values() for name in storyline.segments}
        for name, storyline in self.storylines.items():
            if unknown := [one for one in storyline.segments if one not in self.segments]:
                raise ValueError(
                    f"storylines.{name}: there is no segment “{unknown[0]}”; there are: {', '.join(self.segments)}"
                )
        if lost := [name for name, one in self.segments.items() if not one.weight and name not in told]:
            raise ValueError(f"segments.{lost[0]} never comes: it has no weight, and no storyline tells it")
        return self

    def local(self, now: float) -> datetime:
        """Unix time as clocks in the room show it."""
        return datetime.fromtimestamp(now, ZoneInfo(self.timezone) if self.timezone else None)
