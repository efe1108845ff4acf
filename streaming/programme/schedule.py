"""Which segment comes next. Sans-I/O: what was said when, and a clock."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Final, cast

from avatar.voice.marks import NEUTRAL
from knowledge.sentences import split_sentences
from streaming.feelings import Feeling, marked_with, own
from streaming.hearing.transcript import Language
from streaming.programme.rundown import HEADING, Quiz, Rundown, Segment
from streaming.programme.turns import shuffled

BREATH_S: Final = 0.35
"""Between two sentences."""
_NEVER: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence or a piece of music, and the silence after it. Neither: the silence only."""

    text: str
    pause_s: float = BREATH_S
    music: Path | None = None
    level_db: float = 0.0
    """Of music, against how it was recorded."""
    feeling: Feeling | None = None
    """It is said with, unless the text has a mark of its own."""

    @property
    def said(self) -> str:
        """The text, with the mark of its feeling."""
        return marked_with(self.feeling, self.text) if self.feeling else self.text

    @property
    def name(self) -> str:
        """What it is remembered by; "" of silence."""
        return self.text or (f"♪ {self.music.name}" if self.music else "")


@dataclass(frozen=True, slots=True)
class Telling:
    """A segment in one of its wordings."""

    segment: str
    wording: int
    lines: tuple[Line, ...]
    accept: Sequence[str] = ()
    """Of a quiz: what a right guess holds;"""
    asked: int = 0
    """how many of the lines ask."""


@dataclass(frozen=True, slots=True)
class Aired:
    """A line that was said whole."""

    segment: str
    """"" of a bridge."""
    wording: int
    line: int
    """Which of the wording; -1 of a bridge."""
    text: str
    at: float
    """Unix time, s."""
    storyline: str = ""
    """That it was part of."""


class Schedule:
    def __init__(self, rundown: Rundown, language: Language, random: Random) -> None:
        self._rundown = rundown
        self._language: Language = language
        self._transitions = rundown.transitions.get(language, [])
        self._random = random
        self._tellings = _tellings(rundown)
        self._learned: set[str] = set()
        """Topics whose documents are known."""
        self._said: dict[str, float] = {}
        """When each sentence was said last."""
        self._wording: dict[str, int] = {}
        """In which wording each segment came last."""
        self._begun: dict[str, float] = {}
        """When each segment came last."""
        self._today: defaultdict[str, int] = defaultdict(int)
        self._day: date | None = None
        self._last = ""

    def edited(self, rundown: Rundown) -> None:
        """Another rundown; what was said stays known, and what the topics' documents have to tell."""
        before, self._rundown = self._rundown, rundown
        self._transitions = rundown.transitions.get(self._language, [])
        known = self._tellings
        self._tellings = _tellings(rundown)
        topics = {name: segment.topic for name, segment in rundown.segments.items() if segment.topic}
        self._learned = {
            name for name in self._learned if name in topics and topics[name] == before.segments[name].topic
        }
        self._tellings.update((name, known[name]) for name in self._learned)

    def learn(self, segment: str, passages: Iterable[tuple[str, Sequence[str]]]) -> None:
        """What a topic's documents have to tell now: what each passage is about, and its sentences."""
        if segment not in self._rundown.segments:
            return  # edited away meanwhile
        self._learned.add(segment)
        feeling = self._rundown.segments[segment].feeling
        transitions = shuffled(self._transitions, Random(segment))  # noqa: S311 (the same each time)
        self._tellings[segment] = [
            Telling(segment, k, (*_announced(heading, transitions), *_felt(map(Line, sentences), feeling)))
            for k, (heading, sentences) in enumerate(passages)
            if sentences
        ]

    def awaits(self, segment: str) -> bool:
        """Whether it is a topic whose documents are not known yet."""
        known = self._rundown.segments.get(segment)
        return known is not None and bool(known.topic) and segment not in self._learned

    def telling(self, segment: str, wording: int) -> Telling | None:
        """None where there is no such wording (any more)."""
        return next((one for one in self._tellings.get(segment, []) if one.wording == wording), None)

    def following(self, segment: str, last: int | None) -> Telling | None:
        """A segment of a storyline, also before its time and again: of a topic the passage after the ``last`` that was
        told, of others one wording, the one that was not said for longest.
        """
        tellings = self._tellings.get(segment, [])
        if segment in self._rundown.segments and self._rundown.segments[segment].topic:
            return next((one for one in tellings if last is None or one.wording > last), None)
        return None if last is not None else min(tellings, key=self._said_at, default=None)

    def _said_at(self, telling: Telling) -> float:
        return max((self._said.get(line.name, _NEVER) for line in telling.lines), default=_NEVER)

    def aired(self, entries: Iterable[Aired]) -> None:
        """What was said, oldest first."""
        for one in entries:
            if one.text:
                self._said[one.text] = one.at
            if one.segment:
                self._last = one.segment
            if one.line == 0:
                self._wording[one.segment] = one.wording
                self._turn_day(one.at)
                self._begun[one.segment] = one.at
                self._today[one.segment] += 1

    def pass_over(self, segment: str) -> None:
        """It could not be told: rather another next."""
        self._last = segment

    def is_fresh(self, text: str, now: float) -> bool:
        """Whether it was not said for long enough to be said again."""
        return now - self._said.get(text, _NEVER) >= self._rundown.repeat_after_minutes * 60

    def choose(self, now: float) -> Telling | None:
        """The next segment; None when none may come now."""
        local = self._rundown.local(now)
        if any(times.holds(local) for times in self._rundown.quiet):
            return None
        self._turn_day(now)
        self._forget(now)
        able = {
            name: fresh
            for name, segment in self._rundown.segments.items()
            if segment.weight
            and self._may_come(name, segment, now)
            and segment.is_on(local)
            and (fresh := self._fresh(name, now))
        }
        if not able:
            return None
        segments = self._rundown.segments
        due = [name for name in able if segments[name].every_minutes is not None]
        if due:
            name = max(due, key=lambda name: self._overdue(name, now))
        else:
            names = [name for name in able if name != self._last] or list(able)
            name = self._random.choices(names, [segments[name].weight for name in names])[0]
        return self._pick(name, able[name])

    def _pick(self, name: str, fresh: list[Telling]) -> Telling:
        """Any wording of a script; of documents the passage after the last one, so that one thing leads to another."""
        last = self._wording.get(name)
        if not self._rundown.segments[name].topic or last is None:
            return self._random.choice(fresh)
        return next((telling for telling in fresh if telling.wording > last), fresh[0])

    def _may_come(self, name: str, segment: Segment, now: float) -> bool:
        since = now - self._begun.get(name, _NEVER)
        enough = segment.per_day is not None and self._today[name] >= segment.per_day
        return not enough and since >= 60 * max(segment.gap_minutes, segment.every_minutes or 0.0)

    def _overdue(self, name: str, now: float) -> float:
        """How many times its period has passed."""
        every = self._rundown.segments[name].every_minutes or 1.0
        return (now - self._begun.get(name, _NEVER)) / every

    def _fresh(self, name: str, now: float) -> list[Telling]:
        return [
            telling
            for telling in self._tellings[name]
            if all(not line.name or self.is_fresh(line.name, now) for line in telling.lines)
        ]

    def _turn_day(self, now: float) -> None:
        if (day := self._rundown.local(now).date()) != self._day:
            self._day = day
            self._today.clear()

    def _forget(self, now: float) -> None:
        """What may be said again need not be remembered."""
        if len(self._said) > 2 * sum(len(t.lines) for ts in self._tellings.values() for t in ts) + 100:
            self._said = {text: at for text, at in self._said.items() if not self.is_fresh(text, now)}


def _tellings(rundown: Rundown) -> dict[str, list[Telling]]:
    return {
        name: [_asked(name, k, quiz) for k, quiz in enumerate(segment.quiz)]
        or [Telling(name, k, lines) for k, lines in enumerate(_wordings(segment))]
        for name, segment in rundown.segments.items()
    }


def _announced(heading: str, transitions: Iterator[str]) -> tuple[Line, ...]:
    transition = next(transitions, None) if heading else None
    return (Line(transition.replace(HEADING, heading)),) if transition else ()


def _asked(name: str, k: int, quiz: Quiz) -> Telling:
    question, answer = _felt(_sentences(quiz.question, quiz.think_s), None), _felt(_sentences(quiz.answer), None)
    return Telling(name, k, (*question, *answer), quiz.accept, len(question))


def _wordings(segment: Segment) -> list[tuple[Line, ...]]:
    if segment.silence_s is not None:
        return [(Line("", segment.silence_s),)]
    if segment.music:
        return [(Line("", music=piece, level_db=segment.level_db),) for piece in segment.music]
    return [_felt(_sentences(text), segment.feeling) for text in segment.script]


def _felt(lines: Iterable[Line], feeling: Feeling | None) -> tuple[Line, ...]:
    """Each line said with the feeling that the marks before it have left, for it is a text of its own."""
    out = []
    for line in lines:
        out.append(replace(line, feeling=feeling))
        if marked := own(line.text):
            feeling = None if marked == NEUTRAL else cast(Feeling, marked)
    return tuple(out)


def _sentences(text: str, pause_s: float = BREATH_S) -> tuple[Line, ...]:
    sentences = split_sentences(text)
    return tuple(Line(one, BREATH_S if k + 1 < len(sentences) else pause_s) for k, one in enumerate(sentences))
