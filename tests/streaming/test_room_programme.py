"""The programme in the room: around questions, visitors and what goes wrong; days of it with a manual clock."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from streaming import actions as do
from streaming import protocol as say
from streaming.programme.choosing import CHOICE_S
from streaming.programme.programme import Programme
from streaming.programme.rundown import Card, Rundown
from streaming.room import PAUSE_S, STALL_S, Room
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


def test_a_segment_is_told_with_its_feeling() -> None:
    room = make({"talk": {"script": "One. [serious] Two. Three.", "feeling": "warm"}})
    actions, said = room.tick(MONDAY + 1), []
    for k in range(3):
        (line,) = only(do.Speak, actions)
        said.append(line.text)
        room.speech_started(line.utterance, MONDAY + 4 * k + 1.1)
        (air,) = only(do.Air, room.speech_ended(line.utterance, MONDAY + 4 * k + 3))
        assert not air.aired.text.startswith("[warm]")
        actions = room.tick(MONDAY + 4 * k + 4)
    assert said == ["[warm]One.", "[serious] Two.", "[serious]Three."]  # marks hold for what follows
    with pytest.raises(ValueError, match="feeling is for scripts and topics"):
        make({"hush": {"silence_s": 3, "feeling": "warm"}})


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


# Guesses


def quizzed(microphones: str = "push") -> Room:
    """Its question was said, its answer not yet."""
    quiz = {"question": "Which metal?", "answer": "Tin.", "think_s": 10, "accept": "tin"}
    room = make({"quiz": {"quiz": [quiz]}}, microphones, winners={"en": ["{who} had it."]})
    line(room, MONDAY + 1)
    return room


def line(room: Room, now: float) -> str:
    """The next of the programme, said whole."""
    (spoken,) = only(do.Speak, room.tick(now))
    room.speech_started(spoken.utterance, now)
    room.speech_ended(spoken.utterance, now + 1)
    return spoken.text


def named(text: str, name: str) -> say.Ask:
    return say.Ask(type="ask", id=f"c{name}", text=text, name=name)


def test_guesses_are_judged_and_no_question_and_who_was_right_is_named() -> None:
    room = quizzed()
    assert told(say.Guessed, room.asked("v1", named("It is tin", "Ann"), MONDAY + 3), "v1") == [
        say.Guessed("cAnn", True)
    ]
    assert told(say.Guessed, room.asked("v2", named("Lead!", "Cy"), MONDAY + 3), "v2") == [say.Guessed("cCy", False)]
    comment = room.commented("bilibili:7", named("tin", "Bob"), MONDAY + 3)
    assert told(say.Guessed, comment, "bilibili:7") == [say.Guessed("cBob", True)]
    room.talking("v3")
    actions = room.said("v3", named("Tin.", ""), MONDAY + 4)
    assert told(say.Guessed, actions, "v3") == [say.Guessed("c", True)]
    assert room.waiting == 0
    assert room.current is None
    assert [line(room, MONDAY + at) for at in (13, 15)] == ["Tin.", "Ann, Bob and 1 more had it."]


def test_a_question_during_a_quiz_is_answered_and_the_quiz_goes_on() -> None:
    room = quizzed()
    room.asked("v1", named("Tin", "Ann"), MONDAY + 3)
    (start,) = only(do.Answer, room.asked("v2", ask("What is bronze?"), MONDAY + 4))
    room.sentence(start.question.id, "Copper with tin.", (), MONDAY + 5)
    assert told(say.Guessed, room.asked("v3", named("Tin", "Bob"), MONDAY + 6), "v3")
    room.answered(start.question.id, refused=False, now=MONDAY + 6)
    room.speech_started(start.question.id, MONDAY + 6)
    room.speech_ended(start.question.id, MONDAY + 20)
    said = [line(room, MONDAY + at) for at in (22, 24, 26)]
    assert said == ["Where were we?", "Tin.", "Ann and Bob had it."]
    assert told(say.Accepted, room.asked("v3", named("Tin", "Bob"), MONDAY + 28), "v3")  # it is over


def test_the_muted_are_not_named_and_where_an_operator_approves_first_nobodys_name_is_said() -> None:
    room = quizzed()
    room.mute("v1", MONDAY + 900, MONDAY + 2)
    assert told(say.Rejected, room.asked("v1", named("Tin", "Ann"), MONDAY + 3), "v1")[0].code == "muted"
    room._settings = room._settings.model_copy(update={"approve_first": True})
    room.asked("v2", named("Tin", "Rude"), MONDAY + 3)
    assert [line(room, MONDAY + at) for at in (13, 15)] == ["Tin.", "Somebody had it."]


def test_before_a_kiosk_a_goodbye_is_no_guess() -> None:
    room = quizzed("open")
    room.speaking("v1")
    assert told(say.Farewell, room.said("v1", named("Goodbye!", ""), MONDAY + 3), "v1")
    room = quizzed("open")
    room.speaking("v1")
    assert room.state == "listening"
    assert told(say.Guessed, room.said("v1", named("Lead.", ""), MONDAY + 3), "v1") == [say.Guessed("c", False)]
    assert room.state == "idle"


# Storylines


def guide(microphones: str = "open", **rest: Any) -> Room:
    segments = {**SCRIPT, "jars": {"script": "Jars. Pots.", "weight": 0}, "silk": {"script": "Silk.", "weight": 0}}
    storylines = {name: {"title": name.title(), "segments": [name]} for name in ("jars", "silk")}
    return make(segments, microphones, storylines=storylines, openings={"en": ["Here: {heading}."]}, **rest)


def choose(storyline: str | None) -> say.Choose:
    return say.Choose(type="choose", id="s1", storyline=storyline)


def refusal(room: Room, viewer: str, storyline: str | None, now: float) -> str:
    (rejected,) = told(say.Rejected, room.choose(viewer, choose(storyline), now), viewer)
    assert rejected.id == "s1"
    return rejected.code


def test_before_a_kiosk_a_visitor_chooses_and_leaves() -> None:
    room = guide(repeat_after_minutes=0)
    assert [one.name for one in room.choosing.storylines.offered] == ["jars", "silk"]
    (first,) = only(do.Speak, room.tick(MONDAY + 1))
    room.speech_started(first.utterance, MONDAY + 1)
    actions = room.choose("v1", choose("jars"), MONDAY + 1.5)
    assert [one.current for one in told(say.Storylines, actions)] == ["jars"]
    assert only(do.Stop, actions) == []  # the sentence is said to its end
    assert told(say.Storylines, room.choose("v1", choose("jars"), MONDAY + 1.6)) == []
    room.speech_ended(first.utterance, MONDAY + 2)
    assert [line(room, MONDAY + at) for at in (3, 5)] == ["Here: Jars.", "Jars."]
    assert room.gone("v2", MONDAY + 7) == [do.Forget("v2")]  # somebody before another screen
    actions = room.gone("v1", MONDAY + 7)
    assert [one.current for one in told(say.Storylines, actions)] == [None]
    assert line(room, MONDAY + 8) == "One."
    assert room.choosing.storyline == ""


def test_a_goodbye_is_answered_although_a_storyline_is_told() -> None:
    room = guide()
    room.choose("v1", choose("jars"), MONDAY + 1)
    room.speech_ended("r1", MONDAY + 2)
    room.speaking("v1")
    assert says(room.said("v1", named("Goodbye!", ""), MONDAY + 5)) == [room._settings.host.farewell["en"]]
    assert room.choosing.storyline == ""


def test_a_choice_is_told_when_it_ends_by_itself() -> None:
    room = guide()
    room.choose("v1", choose("silk"), MONDAY)
    room.speech_started("r1", MONDAY)
    room.speech_ended("r1", MONDAY + 1)
    assert line(room, MONDAY + 3) == "Silk."
    assert [one.current for one in told(say.Storylines, room.tick(MONDAY + 20))] == [None]


def test_who_may_choose() -> None:
    crowd = guide("push")
    assert crowd.choosing.storylines == say.Storylines()
    assert refusal(crowd, "v1", "jars", MONDAY) == "operators_only"
    assert refusal(crowd, "v1", None, MONDAY) == "operators_only"
    assert crowd.follow("nothing", MONDAY) is None
    assert told(say.Storylines, crowd.follow("jars", MONDAY) or [])[0].current == "jars"
    assert refusal(guide(storylines_by="operators"), "v1", "jars", MONDAY) == "operators_only"
    kiosk = guide()
    assert refusal(kiosk, "v1", "nothing", MONDAY) == "no_storyline"
    assert told(say.Storylines, kiosk.choose("v1", choose(None), MONDAY)) == []
    kiosk.mute("v1", MONDAY + 60, MONDAY)
    assert refusal(kiosk, "v1", "jars", MONDAY) == "muted"
    assert refusal(make(), "v1", "jars", MONDAY) == "operators_only"


def test_in_a_crowd_nobody_takes_away_what_somebody_else_has_just_chosen() -> None:
    room = guide("push", storylines_by="viewers")
    room.choose("v1", choose("jars"), MONDAY)
    assert refusal(room, "v2", "silk", MONDAY + CHOICE_S - 1) == "too_fast"
    assert refusal(room, "v2", None, MONDAY + CHOICE_S - 1) == "too_fast"
    room.choose("v1", choose("silk"), MONDAY + 1)
    room.choose("v2", choose("jars"), MONDAY + 1 + CHOICE_S)
    assert room.choosing.storyline == "jars"
    room.gone("v2", MONDAY + 70)  # of a crowd, others listen
    assert room.choosing.storyline == "jars"


def test_viewers_are_told_of_storylines_that_were_edited() -> None:
    room = guide()
    programme = room._programme
    assert programme is not None
    programme.edited(rundown(SCRIPT), "en")
    room.edited(room._settings, programme)
    assert told(say.Storylines, room.tick(MONDAY + 1)) == [say.Storylines()]


# Music


SONG: dict[str, Any] = {"song": {"music": "song.ogg", "level_db": -9, "card": {"title": "A song"}}}


def playing(microphones: str = "push", **rest: Any) -> tuple[Room, str]:
    """A piece of music is on air since a while; its utterance."""
    room = make(SONG, microphones, **rest)
    (play,) = only(do.Play, actions := room.tick(MONDAY + 1))
    assert (play.piece, play.level_db) == (Path("song.ogg"), -9)
    assert only(do.FinishSpeaking, actions) == [do.FinishSpeaking(play.utterance)]
    assert cards(actions) == ["A song"]
    assert only(do.Attend, room.speech_started(play.utterance, MONDAY + 1.1)) == []
    return room, play.utterance


def does(actions: list[do.Action]) -> list[do.Action]:
    """What reaches the stage."""
    return [one for one in actions if isinstance(one, do.Duck | do.Hold | do.Stop | do.Play | do.Speak)]


def gave_way(actions: list[do.Action]) -> bool:
    """The music was stopped, and counts."""
    assert only(do.Stop, actions) in ([], [do.Stop()])
    assert [one.aired.text for one in only(do.Air, actions)] == ["♪ song.ogg"] * len(only(do.Stop, actions))
    return bool(only(do.Stop, actions))


def test_while_music_plays_the_host_is_idle_and_says_nothing() -> None:
    room, song = playing()
    assert room.state == "idle"
    assert room.segment == "song"
    for second in range(2, 300):
        room.played(song, MONDAY + second)
        assert only(do.Stop, room.tick(MONDAY + second)) == []
    actions = room.speech_ended(song, MONDAY + 300)
    assert [one.aired.text for one in only(do.Air, actions)] == ["♪ song.ogg"]
    assert cards(actions) == [None]
    assert only(do.Play, room.tick(MONDAY + 400)) == []


def test_music_that_gets_no_further_is_taken_off_the_air() -> None:
    room, song = playing()
    room.played(song, MONDAY + 50)
    assert not gave_way(room.tick(MONDAY + 50 + STALL_S - 1))
    assert gave_way(room.tick(MONDAY + 50 + STALL_S + 1))


def test_music_gives_way_to_a_question_at_once_and_is_not_resumed() -> None:
    room, song = playing()
    actions = room.asked("v1", ask(), MONDAY + 20)
    assert gave_way(actions)
    assert room.state == "thinking"
    (start,) = only(do.Answer, actions)
    order = [type(one) for one in actions if isinstance(one, do.Stop | do.Answer)]
    assert order == [do.Stop, do.Answer]
    room.speech_ended(song, MONDAY + 20.1, hushed=True)
    room.sentence(start.question.id, "Six months.", (), MONDAY + 21)
    room.answered(start.question.id, refused=False, now=MONDAY + 21)
    room.speech_started(start.question.id, MONDAY + 21)
    room.speech_ended(start.question.id, MONDAY + 23)
    assert does(room.tick(MONDAY + 30)) == []


def test_what_waits_for_an_operator_leaves_the_music_alone() -> None:
    room, _ = playing()
    room._settings = room._settings.model_copy(update={"approve_first": True})
    assert not gave_way(room.asked("v1", ask(id="c9"), MONDAY + 20))
    (question,) = room.questions
    assert gave_way(room.decide(question.id, "approve", MONDAY + 30) or [])


def test_music_gives_way_to_an_operator() -> None:
    room, _ = playing()
    actions = room.announce("Good evening.", "en", MONDAY + 20, at_once=False)
    assert gave_way(actions)
    assert says(actions) == ["Good evening."]
    room, _ = playing()
    assert gave_way(room.announce("Good evening.", "en", MONDAY + 20, at_once=True))
    room, _ = playing()
    assert gave_way(room.pause(True, MONDAY + 20))
    assert does(room.tick(MONDAY + 21)) == []
    for act in (Room.take_floor, Room.next_segment, lambda room, now: room.cut_off(True, now)):
        room, _ = playing()
        assert gave_way(act(room, MONDAY + 20))


def test_a_gift_is_thanked_for_at_once_and_followers_after_the_music() -> None:
    room, song = playing()
    assert does(room.happened("follow", "Bob", "", MONDAY + 20)) == []
    actions = room.happened("gift", "Ann", "rose", MONDAY + 21)
    assert gave_way(actions)
    assert "Ann" in says(actions)[0]
    room, song = playing()
    room.happened("follow", "Bob", "", MONDAY + 20)
    assert "Bob" in says(room.speech_ended(song, MONDAY + 40))[0]


def test_whoever_comes_is_greeted_although_music_plays() -> None:
    room, _ = playing()
    actions = room.greet("Hello.", "en", MONDAY + 20)
    assert gave_way(actions)
    assert says(actions) == ["Hello."]
    assert room.greet("Hello.", "en", MONDAY + 21) == []


def test_a_storyline_that_is_chosen_begins_at_once() -> None:
    storylines = {"talk": {"title": "Talk", "segments": ["talk"]}}
    room = make({**SONG, **SCRIPT}, "open", storylines=storylines, openings={"en": ["Here: {heading}."]})
    now = MONDAY
    while not (plays := only(do.Play, actions := room.tick(now))):
        for spoken in only(do.Speak, actions):
            room.speech_started(spoken.utterance, now)
            room.speech_ended(spoken.utterance, now + 1)
        now += 2
    room.speech_started(plays[0].utterance, now)
    assert not gave_way(room.choose("v1", choose(None), now + 5))
    assert gave_way(room.choose("v1", choose("talk"), now + 5))
    assert says(room.tick(now + 6)) == ["Here: Talk."]


@pytest.mark.parametrize("microphones", ["push", "open"])
def test_music_is_soft_while_somebody_speaks_and_over_once_they_mean_it(microphones: str) -> None:
    room, _ = playing(microphones)
    actions = room.speaking("v1")
    assert does(actions) == [do.Duck(True)]
    assert room.state == "listening"
    assert does(room.tick(MONDAY + 20)) == []
    assert does(room.unsaid("v1", MONDAY + 21)) == [do.Duck(False)]
    room.speaking("v1")
    assert does(room.meant("v1")) == []
    actions = room.tick(MONDAY + 22)
    assert gave_way(actions)
    assert does(actions) == [do.Stop(), do.Duck(False)]
    assert only(do.Answer, room.said("v1", ask(), MONDAY + 24))


@pytest.mark.parametrize("microphones", ["push", "open"])
def test_a_short_word_over_music_is_heard_as_if_there_were_none(microphones: str) -> None:
    room, _ = playing(microphones)
    room.speaking("v1")
    actions = room.said("v1", ask("Why?"), MONDAY + 20)
    assert gave_way(actions)
    assert only(do.Duck, actions) == [do.Duck(False)]
    assert only(do.Answer, actions)


def test_the_stage_dies_while_music_plays() -> None:
    room, _ = playing()
    assert gave_way(room.speech_lost(MONDAY + 20))
    assert does(room.tick(MONDAY + 30)) == []


def test_music_that_cannot_be_read_is_not_tried_again_at_once() -> None:
    room = make({"song": {"music": "song.ogg", "every_minutes": 10}, **SCRIPT}, repeat_after_minutes=0)
    (play,) = only(do.Play, room.tick(MONDAY + 1))
    room.unplayable(play.utterance)
    assert only(do.Air, room.speech_ended(play.utterance, MONDAY + 1.1))
    assert says(room.tick(MONDAY + 10)) == ["One."]


def test_music_that_no_stage_took_is_tried_again() -> None:
    room = make(SONG)
    (play,) = only(do.Play, room.tick(MONDAY + 1))
    assert only(do.Air, room.speech_ended(play.utterance, MONDAY + 1.1)) == []
    assert only(do.Play, room.tick(MONDAY + 7))


# Days


@dataclass(order=True)
class _Due:
    at: float
    what: str = field(compare=False)
    id: str = field(compare=False)


SONG_S = 200.0
"""Longer than what is taken for a stall."""


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
                case do.Play(utterance, piece):
                    self._queue.append((utterance, f"♪ {piece.name}"))
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
        if self._on and self._on[1].startswith("♪"):  # music counts although it was broken off
            self.heard.append((self._on[2], self.now, self._on[1]))
        self._queue.clear()
        self._on, self._started = None, ""
        self._due = [due for due in self._due if due.what != "said"]
        heapq.heapify(self._due)

    def _begin(self) -> None:
        while self._on is None and self._queue:
            utterance, text = self._queue.pop(0)
            if not text:
                self.perform(self.room.speech_ended(utterance, self.now))
                continue
            seconds = SONG_S if text.startswith("♪") else 0.8 + len(text) / 12
            self._on = utterance, text, self.now, self.now + seconds
            heapq.heappush(self._due, _Due(self._on[3], "said", utterance))
            if utterance != self._started:
                self._started = utterance
                self.perform(self.room.speech_started(utterance, self.now))

    def pass_to(self, until: float) -> None:
        """Let time pass."""
        while self.now < until:
            after = min(until, self.now + 1.0, self._due[0].at if self._due else until)
            self.now = max(self.now, after)
            if self._on:
                self.room.played(self._on[0], self.now)
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
        "quiz": [
            {"question": f"Question {k}?", "answer": f"Answer {k}.", "think_s": 6, "accept": k} for k in range(12)
        ],
        "gap_minutes": 30,
    }
    segments["rest"] = {"silence_s": 20, "weight": 0.5}
    segments["songs"] = {"music": [f"{k}.ogg" for k in range(5)], "gap_minutes": 5}
    for n in range(3):
        script = [f"Part {n} in wording {k}. There is more of it." for k in range(4)]
        segments[f"tour{n}"] = {"script": script, "weight": 0}
    storylines = {"long": {"title": "Long", "segments": ["tour0", "tour1", "tour2"]}}
    storylines["short"] = {"title": "Short", "segments": ["tour2"]}
    return rundown(segments, repeat_after_minutes=30, storylines=storylines, storylines_by="viewers")


def _days(days: float, events: int) -> Air:
    random = Random(7)
    settings = room_file(language="en", limits={"expire_s": 300, "per_viewer": 2, "questions": 20})
    air = Air(Room(settings, MONDAY, Programme(_programme(), "en", Random(3))), random)
    span = days * 86_400
    for k, at in enumerate(sorted(random.uniform(0, span) for _ in range(events))):
        air.pass_to(MONDAY + at)
        viewer = f"v{random.randint(0, 40)}"
        kinds = ["ask", "interrupt", "talk", "gone", "lost", "floor", "guess", "choose"]
        match random.choices(kinds, [60, 8, 20, 5, 3, 4, 20, 4])[0]:
            case "ask":
                air.perform(air.room.asked(viewer, ask(id=f"c{k}"), air.now))
            case "guess":
                air.perform(air.room.commented(f"x:{viewer}", named(f"{random.randint(0, 12)}", viewer), air.now))
            case "choose":
                air.perform(air.room.choose(viewer, choose(random.choice(["long", "short", None])), air.now))
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
    tellings = programme._schedule._tellings.items()
    # Who chooses a storyline hears it, whoever heard it before.
    return [[line.name for line in t.lines] for name, ts in tellings if not name.startswith("tour") for t in ts]


def test_a_day_of_programme_and_thousands_of_events() -> None:
    air = _days(1, 4000)
    assert air.aired > 2000
    songs = [end - begin for begin, end, text in air.heard if text.startswith("♪")]
    assert len(songs) > 20
    assert max(songs) > 1.5 * STALL_S
    assert min(songs) < 30  # somebody asked
    # Twenty seconds of planned silence with a pause on each side, and ten of an operator who says nothing.
    _check(air, window_s=30 * 60, silent_s=45)


@pytest.mark.real
def test_a_week_of_programme_and_fifty_thousand_events() -> None:
    _check(_days(7, 50_000), window_s=30 * 60, silent_s=60)


def test_what_was_told_to_viewers_does_not_speak_of_the_programme() -> None:
    room = make()
    assert told(say.Accepted, room.tick(MONDAY + 1)) == []
