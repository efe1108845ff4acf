"""The programme in the room: around questions, visitors and what goes wrong; days of it with a manual clock."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from streaming import actions as do
from streaming import protocol as say
from streaming.programme.programme import Programme
from streaming.programme.rundown import Card, Rundown
from streaming.room import PAUSE_S, Room
from streaming.roomfile import Cards
from tests.streaming.settings import room_file
from tests.streaming.test_programme import MONDAY, rundown
from tests.streaming.test_room import ask, only, told

SCRIPT = {"talk": {"script": "One. Two. Three."}}


def make(segments: dict[str, Any] | None = None, microphones: str = "push", **rest: Any) -> Room:
    settings = room_file(language="en", hearing={"microphones": microphones})
    bridges = {"bridges": {"en": ["Where were we?"]}, **rest}
    return Room(settings, MONDAY, Programme(rundown(segments or SCRIPT, **bridges), "en", Random(1)))


def says(actions: list[do.Action]) -> list[str]:
    return [one.text for one in only(do.Speak, actions)]


def test_who_is_not_asked_tells_the_programme() -> None:
    room = make()
    (line,) = only(do.Speak, actions := room.tick(MONDAY + 1))
    assert line.text == "One."
    assert only(do.Prepare, actions) == [do.Prepare("Two.", "en")]
    room.speech_started(line.utterance, MONDAY + 1.1)
    assert room.state == "speaking"
    assert only(do.Speak, room.tick(MONDAY + 1.5)) == []
    actions = room.speech_ended(line.utterance, MONDAY + 2)
    (air,) = only(do.Air, actions)
    assert (air.aired.segment, air.aired.line, air.aired.text) == ("talk", 0, "One.")
    assert says(room.tick(MONDAY + 3)) == ["Two."]


def test_a_question_is_thought_of_while_the_sentence_is_said_and_answered_after_it() -> None:
    room = make()
    (line,) = only(do.Speak, room.tick(MONDAY + 1))
    room.speech_started(line.utterance, MONDAY + 1.1)
    actions = room.asked("v1", ask(), MONDAY + 1.5)
    (start,) = only(do.Answer, actions)
    assert only(do.Stop, actions) == []
    assert says(room.tick(MONDAY + 2.5)) == []  # the host is speaking; nothing needs covering
    assert says(room.sentence(start.question.id, "Six months.", (), MONDAY + 2.6)) == ["Six months."]
    actions = room.speech_ended(line.utterance, MONDAY + 3)
    assert only(do.Air, actions)
    assert says(actions) == []
    room.answered(start.question.id, refused=False, now=MONDAY + 3)
    room.speech_started(start.question.id, MONDAY + 3)
    room.speech_ended(start.question.id, MONDAY + 5)
    assert says(room.tick(MONDAY + 5 + PAUSE_S / 2)) == []
    (bridge,) = only(do.Speak, room.tick(MONDAY + 5.1 + PAUSE_S))
    assert bridge.text == "Where were we?"
    room.speech_started(bridge.utterance, MONDAY + 6)
    room.speech_ended(bridge.utterance, MONDAY + 7)
    assert says(room.tick(MONDAY + 8)) == ["Two."]


def test_a_sentence_that_a_visitor_breaks_off_is_said_again() -> None:
    room = make(microphones="open")
    (line,) = only(do.Speak, room.tick(MONDAY + 1))
    room.speech_started(line.utterance, MONDAY + 1.1)
    room.speaking("v1")
    room.meant("v1")
    actions = room.said("v1", ask(), MONDAY + 2)
    assert do.Stop() in actions
    (start,) = only(do.Answer, actions)
    assert only(do.Air, room.speech_ended(line.utterance, MONDAY + 2.1, hushed=True)) == []
    room.sentence(start.question.id, "Six months.", (), MONDAY + 3)
    room.answered(start.question.id, refused=False, now=MONDAY + 3)
    room.speech_started(start.question.id, MONDAY + 3)
    room.speech_ended(start.question.id, MONDAY + 5)
    assert says(room.tick(MONDAY + 6)) == ["One."]


def test_whoever_speaks_is_listened_to() -> None:
    room = make()
    room.talking("v1")
    assert says(room.tick(MONDAY + 1)) == []
    room.unsaid("v1", MONDAY + 2)
    assert says(room.tick(MONDAY + 2)) == ["One."]


def test_what_never_sounded_was_not_said() -> None:
    room = make()
    (line,) = only(do.Speak, room.tick(MONDAY + 1))
    assert only(do.Air, room.speech_ended(line.utterance, MONDAY + 1.1)) == []
    assert says(room.tick(MONDAY + 2)) == []
    assert says(room.tick(MONDAY + 7)) == ["One."]


def test_the_stage_dies_in_the_middle_of_a_sentence() -> None:
    room = make()
    (line,) = only(do.Speak, room.tick(MONDAY + 1))
    room.speech_started(line.utterance, MONDAY + 1.1)
    actions = room.speech_lost(MONDAY + 1.5)
    assert only(do.Air, actions) == []
    assert says(room.tick(MONDAY + 3)) == ["One."]


def test_an_operator_takes_the_floor_and_leaves_it() -> None:
    room = make()
    (line,) = only(do.Speak, room.tick(MONDAY + 1))
    room.speech_started(line.utterance, MONDAY + 1.1)
    room.take_floor(MONDAY + 1.5)
    assert says(room.tick(MONDAY + 20)) == []
    room.leave_floor(MONDAY + 20)
    assert says(room.tick(MONDAY + 22)) == ["One."]


def cards(actions: list[do.Action]) -> list[str | None]:
    return [one.card.title if one.card else None for one in only(do.ShowCard, actions)]


def test_a_segments_card_is_shown_while_it_is_told_and_an_answers_source_meanwhile() -> None:
    room = make({"talk": {"script": "One. Two.", "card": {"title": "Jars", "link": "https://example.org/"}}})
    room._settings = room._settings.model_copy(update={"cards": Cards(sources=True)})
    actions = room.tick(MONDAY + 1)
    assert cards(actions) == ["Jars"]
    assert told(say.Card, actions)[0].link == "https://example.org/"
    (line,) = only(do.Speak, actions)
    room.speech_started(line.utterance, MONDAY + 1.1)
    room.asked("v1", ask(), MONDAY + 1.5)
    assert room.current
    source = say.Cited(1, "Law", "Art. 19", "Six months at most.")
    actions = room.sentence(room.current.id, "Six months.", [source], MONDAY + 1.6)
    assert [one.card for one in only(do.ShowCard, actions)] == [
        Card(title="Law", text="Six months at most.", footer="Art. 19")
    ]
    room.speech_ended(line.utterance, MONDAY + 2)
    room.answered(room.current.id, refused=False, now=MONDAY + 2)
    assert cards(room.speech_ended(room.current.id, MONDAY + 4)) == [None]
    (bridge,) = only(do.Speak, actions := room.tick(MONDAY + 5))
    assert cards(actions) == ["Jars"]
    room.speech_started(bridge.utterance, MONDAY + 5)
    room.speech_ended(bridge.utterance, MONDAY + 6)
    (line,) = only(do.Speak, room.tick(MONDAY + 7))
    room.speech_started(line.utterance, MONDAY + 7)
    actions = room.speech_ended(line.utterance, MONDAY + 8)
    assert cards(actions) == [None]
    assert told(say.Card, actions) == [say.Card()]


# Days


@dataclass(order=True)
class _Due:
    at: float
    what: str = field(compare=False)
    id: str = field(compare=False)


class Air:
    """A stage, a voice and an answerer as they behave, at any speed; and what viewers heard."""

    def __init__(self, room: Room, random: Random, answer_s: float = 2.0) -> None:
        self.room = room
        self.now = MONDAY
        self.heard: list[tuple[float, float, str]] = []
        """(begin, end, text) of every sentence said whole."""
        self.outcomes: Counter[str] = Counter()
        self.accepted: set[str] = set()
        self.aired = 0
        self._random = random
        self._answer_s = answer_s
        self._due: list[_Due] = []
        self._queue: list[tuple[str, str]] = []
        """(utterance, text; "" for its end) in the order in which they were given to the stage."""
        self._on: tuple[str, str, float, float] | None = None
        self._started = ""

    def perform(self, actions: list[do.Action]) -> None:
        for action in actions:
            match action:
                case do.Speak(utterance, text, _, _):
                    self._queue.append((utterance, text))
                case do.FinishSpeaking(utterance):
                    self._queue.append((utterance, ""))
                case do.Stop():
                    self.fall_silent()
                case do.Answer(question):
                    wait = self._random.expovariate(1 / self._answer_s)
                    heapq.heappush(self._due, _Due(self.now + wait, "answer", question.id))
                case do.Record(question, None):
                    self.accepted.add(question.id)
                case do.Record(question, _):
                    self.outcomes[question.id] += 1
                case do.Air():
                    self.aired += 1
                case _:
                    pass
        self._begin()

    def fall_silent(self) -> None:
        self._queue.clear()
        self._on, self._started = None, ""
        self._due = [due for due in self._due if due.what != "said"]
        heapq.heapify(self._due)

    def _begin(self) -> None:
        while self._on is None and self._queue:
            utterance, text = self._queue.pop(0)
            if utterance != self._started and text:
                self._started = utterance
                self.perform(self.room.speech_started(utterance, self.now))
            if not text:
                self.perform(self.room.speech_ended(utterance, self.now))
                continue
            if self._on is None:
                self._on = utterance, text, self.now, self.now + 0.8 + len(text) / 12
                heapq.heappush(self._due, _Due(self._on[3], "said", utterance))

    def pass_to(self, until: float) -> None:
        """Let time pass."""
        while self.now < until:
            after = min(until, self.now + 1.0, self._due[0].at if self._due else until)
            self.now = max(self.now, after)
            while self._due and self._due[0].at <= self.now:
                due = heapq.heappop(self._due)
                if due.what == "said" and self._on:
                    _, text, begin, _ = self._on
                    self._on = None
                    self.heard.append((begin, self.now, text))
                    self._begin()
                elif due.what == "answer":
                    for k in range(self._random.randint(1, 3)):
                        text = f"Sentence {k} of the answer to {due.id}."
                        self.perform(self.room.sentence(due.id, text, (), self.now))
                    self.perform(self.room.answered(due.id, refused=False, now=self.now))
            self.perform(self.room.tick(self.now))


def _programme() -> Rundown:
    """A room with a good deal to say."""
    segments: dict[str, Any] = {
        f"talk{n}": {
            "script": [
                " ".join(f"Sentence {k} of wording {wording} of talk {n}." for k in range(4 + n % 5))
                for wording in range(3)
            ],
            "gap_minutes": 10,
        }
        for n in range(24)
    }
    segments["news"] = {"script": [f"News {k}." for k in range(9)], "every_minutes": 20}
    segments["offer"] = {
        "script": [f"Offer {k}. It ends today." for k in range(4)],
        "per_day": 5,
        "times": "10:00-22:00",
    }
    segments["quiz"] = {
        "quiz": [{"question": f"Question {k}?", "answer": f"Answer {k}.", "think_s": 6} for k in range(12)],
        "gap_minutes": 30,
    }
    segments["rest"] = {"silence_s": 20, "weight": 0.5}
    return rundown(segments, repeat_after_minutes=30)


def _days(days: float, events: int) -> Air:
    random = Random(7)
    settings = room_file(language="en", limits={"expire_s": 300, "per_viewer": 2, "questions": 20})
    air = Air(Room(settings, MONDAY, Programme(_programme(), "en", Random(3))), random)
    span = days * 86_400
    for k, at in enumerate(sorted(random.uniform(0, span) for _ in range(events))):
        air.pass_to(MONDAY + at)
        viewer = f"v{random.randint(0, 40)}"
        match random.choices(["ask", "interrupt", "talk", "gone", "lost", "floor"], [60, 8, 20, 5, 3, 4])[0]:
            case "ask":
                air.perform(air.room.asked(viewer, ask(id=f"c{k}"), air.now))
            case "interrupt" if air.room.current and air.room.current.viewer:
                air.perform(air.room.interrupt(air.room.current.viewer, air.room.current.id, air.now))
            case "talk":
                air.perform(air.room.talking(viewer))
                air.pass_to(air.now + 2)
                air.perform(air.room.said(viewer, ask(id=f"c{k}"), air.now))
            case "gone":
                air.perform(air.room.gone(viewer, air.now))
            case "lost":
                air.fall_silent()
                air.perform(air.room.speech_lost(air.now))
            case "floor":
                air.perform(air.room.take_floor(air.now))
                air.pass_to(air.now + 10)
                air.perform(air.room.leave_floor(air.now))
    air.pass_to(MONDAY + span + 600)
    return air


def _check(air: Air, *, window_s: float, silent_s: float) -> None:
    assert air.accepted == set(air.outcomes)
    assert set(air.outcomes.values()) == {1}
    last: dict[str, float] = {}
    programme = {line for talk in _texts() for line in talk}
    before = MONDAY
    for begin, end, text in air.heard:
        if text in programme:
            assert begin - last.get(text, -1e9) >= window_s, text
            last[text] = end
        assert begin - before <= silent_s, f"silent for {begin - before:.0f} s before {text}"
        before = end


def _texts() -> list[list[str]]:
    programme = Programme(_programme(), "en")
    return [[line.text for line in t.lines] for ts in programme._schedule._tellings.values() for t in ts]


def test_a_day_of_programme_and_thousands_of_events() -> None:
    air = _days(1, 4000)
    assert air.aired > 2000
    # Twenty seconds of planned silence with a pause on each side, and ten of an operator who says nothing.
    _check(air, window_s=30 * 60, silent_s=45)


@pytest.mark.real
def test_a_week_of_programme_and_fifty_thousand_events() -> None:
    _check(_days(7, 50_000), window_s=30 * 60, silent_s=60)


def test_what_was_told_to_viewers_does_not_speak_of_the_programme() -> None:
    room = make()
    assert told(say.Accepted, room.tick(MONDAY + 1)) == []
