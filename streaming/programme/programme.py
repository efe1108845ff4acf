"""The programme on air: line after line, around what viewers ask. Sans-I/O.

A line is a sentence, so that a question never waits for longer than that. After an answer the segment goes on, with a
bridge; what was broken off in the middle of a sentence is said again from its beginning. A piece of music is a line,
too, over whenever it is broken off. A storyline that somebody has chosen comes instead of what the schedule would
choose, until its end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from streaming.hearing.transcript import Language
from streaming.programme.guesses import Guesses
from streaming.programme.names import listed
from streaming.programme.rundown import HEADING, WHO, Card, Rundown
from streaming.programme.schedule import BREATH_S, Aired, Line, Schedule, Telling
from streaming.programme.thread import Thread

RETRY_S: Final = 5.0
"""After a line that could not be said."""
TRIES: Final = 3
"""Of one line."""


class Programme:
    def __init__(self, rundown: Rundown, language: Language, random: Random | None = None) -> None:
        self.rundown = rundown
        self._language: Language = language
        self._random = random or Random()  # noqa: S311
        self._schedule = Schedule(rundown, language, self._random)
        self._thread: Thread | None = None
        """The storyline that is told."""
        self._chosen: str | None = None
        """Another, or "" for none, from the next line on."""
        self._telling: Telling | None = None
        self._next = 0
        """Which of its lines comes next."""
        self._guesses: Guesses | None = None
        self._interrupted = False
        """Something else was said since its last line."""
        self._bridge: Line | None = None
        """What is to be said before the next."""
        self._at = self._moved_at = 0.0
        """When the next line may begin; when the last one ended."""
        self._tries = 0
        self._left_off: Aired | None = None
        """The last line before a restart."""

    def learn(self, segment: str, passages: Iterable[tuple[str, Sequence[str]]]) -> None:
        """What a topic's documents have to tell now: what each passage is about, and its sentences. A passage that is
        being told is told to its end.
        """
        self._schedule.learn(segment, passages)

    def edited(self, rundown: Rundown, language: Language) -> None:
        """Go on by another rundown; a segment or a storyline that is being told is told to its end."""
        self.rundown, self._language = rundown, language
        self._schedule.edited(rundown)

    def restore(self, aired: Sequence[Aired]) -> None:
        """Go on where a programme broke off that said this, oldest first."""
        self._schedule.aired(aired)
        self._left_off = next((one for one in reversed(aired) if one.segment), None)

    def follow(self, storyline: str) -> None:
        """Tell this one from its beginning, "" none any more, as soon as the line on air was said."""
        self._chosen = storyline

    @property
    def storyline(self) -> str:
        """That is told, or comes next; "" for none."""
        if self._chosen is not None:
            return self._chosen
        return self._thread.name if self._thread else ""

    @property
    def guesses(self) -> Guesses | None:
        """Of a quiz whose question was said and whose answer has not begun."""
        return self._guesses

    def line(self, now: float) -> Line | None:
        """What to say now; None: nothing yet. The same until it ended."""
        if self._chosen is not None:
            self._turn(self._chosen, now)
        if now < self._at:
            return None
        if self._telling is not None and self._done:
            self._leave()
        late = now - max(self._moved_at, self._at) > self.rundown.resume_within_s
        if late and (self._next or self._thread is None):  # what was chosen is begun whenever it can be
            self._leave()
        if self._telling is None:
            self._begin(now)
        if self._telling is None:
            return None
        if self._interrupted:
            self._interrupted = False
            if self._next:
                self._bridge = self._some_bridge(now)
        if self._guesses is not None and self._bridge is None:
            self._judge(now)
        return self._bridge or self._telling.lines[self._next]

    @property
    def upcoming(self) -> str:
        """The line after this one, to be made ready; "" when that is not known."""
        if self._telling is None:
            return ""
        after = self._next if self._bridge else self._next + 1
        return self._telling.lines[after].said if after < len(self._telling.lines) else ""

    def ended(self, now: float) -> Aired | None:
        """The line was said whole, or is a piece of music that was broken off; what is to be remembered of it."""
        self._moved_at, self._tries = now, 0
        telling = self._telling
        if telling is None:
            return None
        storyline = self._thread.name if self._thread else ""
        if self._bridge is not None:
            text, self._at, self._bridge = self._bridge.text, now + self._bridge.pause_s, None
            aired = Aired("", 0, -1, text, now, storyline)
        else:
            line = telling.lines[self._next]
            aired = Aired(telling.segment, telling.wording, self._next, line.name, now, storyline)
            self._next += 1
            self._at = now + (max(line.pause_s, self.rundown.pause_s) if self._done else line.pause_s)
            if telling.accept and self._next == telling.asked:
                self._guesses = Guesses(telling.accept)
        self._schedule.aired([aired])
        return aired

    def failed(self, now: float) -> None:
        """The line could not be said: no voice, no picture."""
        self._tries += 1
        self._at = now + RETRY_S
        if self._tries < TRIES:
            return
        self._tries = 0
        if self._telling is not None:
            self._schedule.pass_over(self._telling.segment)
        self._leave()

    @property
    def segment(self) -> str:
        """What is being told; "" between two."""
        return self._telling.segment if self._telling and not self._done else ""

    @property
    def card(self) -> Card | None:
        """Of what is being told."""
        segment = self.rundown.segments.get(self.segment)
        return segment.card if segment else None

    def skip(self, now: float) -> None:
        """Leave the segment; another comes next."""
        if self._telling is not None:
            self._schedule.pass_over(self._telling.segment)
        if self._thread is not None:
            self._thread.skip()
        self._leave()
        self._left_off = None
        self._at, self._tries, self._interrupted = now, 0, False

    def interrupted(self) -> None:
        """Something else is said, between two lines or in the middle of one."""
        self._tries, self._interrupted = 0, True

    def _turn(self, chosen: str, now: float) -> None:
        """To a storyline, or away from one."""
        self.skip(now)
        self._at, self._moved_at = self._moved_at + BREATH_S, now
        self._chosen = self._thread = None
        if (storyline := self.rundown.storylines.get(chosen)) is not None:
            self._thread = Thread(chosen, storyline.segments)
            if openings := self.rundown.openings.get(self._language, []):
                self._bridge = Line(self._some(openings, HEADING, storyline.title[self._language], now))

    def _begin(self, now: float) -> None:
        """Another segment, or the one that a restart broke off."""
        last = self._left_off
        if last is not None and now - last.at <= self.rundown.resume_within_s:
            if self._schedule.awaits(last.segment):
                return  # its documents are still being read
            storyline = self.rundown.storylines.get(last.storyline)
            if storyline is not None and last.segment in storyline.segments:
                self._thread = Thread(last.storyline, storyline.segments, last)
            telling = self._schedule.telling(last.segment, last.wording)
            if telling is not None and last.line + 1 < len(telling.lines):
                self._telling, self._next, self._moved_at = telling, last.line + 1, now
                self._left_off, self._interrupted = None, True
                return
        self._left_off = None
        if self._thread is not None:
            waited = now - self._moved_at
            if self._schedule.awaits(self._thread.segment) and waited <= self.rundown.resume_within_s:
                return
            self._telling = self._thread.next(self._schedule)
            if self._telling is None:
                self._thread = self._bridge = None
        self._telling, self._next, self._moved_at = self._telling or self._schedule.choose(now), 0, now

    def _leave(self) -> None:
        self._telling = self._bridge = self._guesses = None
        self._next = 0

    def _judge(self, now: float) -> None:
        """The answer begins: nobody guesses any more, and whoever was right is named after it."""
        right = self._guesses.right if self._guesses else []
        self._guesses = None
        winners = self.rundown.winners.get(self._language, [])
        if right and winners and self._telling is not None:
            line = Line(self._some(winners, WHO, listed(right, self._language), now))
            self._telling = replace(self._telling, lines=(*self._telling.lines, line))

    def _some(self, lines: Sequence[str], gap: str, filled: str, now: float) -> str:
        """One that was not said lately, if there is any."""
        texts = [line.replace(gap, filled) for line in lines]
        return self._random.choice([text for text in texts if self._schedule.is_fresh(text, now)] or texts)

    def _some_bridge(self, now: float) -> Line | None:
        bridges = self.rundown.bridges.get(self._language, [])
        fresh = [text for text in bridges if self._schedule.is_fresh(text, now)]
        return Line(self._random.choice(fresh)) if fresh else None

    @property
    def _done(self) -> bool:
        return self._telling is not None and self._next >= len(self._telling.lines)
