"""Who speaks over the host, and what the host does: softer at once, silent once it is meant, on again if it was not."""

import pytest

from avatar.life import Attention
from streaming import actions as do
from streaming import protocol as say
from streaming import room as r
from streaming.questions import Question
from streaming.room import Room
from tests.streaming.settings import room_file
from tests.streaming.test_room import ask, only, told


def make(microphones: str = "push") -> Room:
    return Room(room_file(hearing={"microphones": microphones}), 0.0)


def answering(room: Room, viewer: str = "v1") -> Question:
    """A viewer's question is being answered aloud."""
    (start,) = only(do.Answer, room.asked(viewer, ask(), 1.0))
    room.sentence(start.question.id, "第一句。", (), 1.5)
    room.speech_started(start.question.id, 2.0)
    return start.question


def does(actions: list[do.Action]) -> list[do.Action]:
    """What reaches the stage."""
    return [one for one in actions if isinstance(one, do.Duck | do.Hold | do.Stop)]


def test_the_host_is_softer_at_once_and_silent_once_it_is_meant() -> None:
    room = make()
    answering(room)
    assert does(room.speaking("v1")) == [do.Duck(True)]
    assert room.state == "speaking"
    actions = room.meant("v1")
    assert does(actions) == [do.Hold(True)]
    assert only(do.Attend, actions) == [do.Attend(Attention.LISTENING)]


def test_after_a_cough_the_host_goes_on() -> None:
    room = make()
    question = answering(room)
    room.speaking("v1")
    assert does(room.unsaid("v1", 3.0)) == [do.Duck(False)]
    room.speaking("v1")
    room.meant("v1")
    actions = room.unsaid("v1", 4.0)
    assert does(actions) == [do.Hold(False), do.Duck(False)]
    assert room.current is question
    assert room.state == "speaking"


@pytest.mark.parametrize("text", ["嗯嗯。", "uh-huh", "好的", "感觉, 租资, 到,"])
def test_after_an_mm_too(text: str) -> None:
    room = make()
    question = answering(room)
    room.speaking("v1")
    room.meant("v1")
    actions = room.said("v1", ask(text, "c2"), 3.0)
    assert does(actions) == [do.Hold(False), do.Duck(False)]
    assert [one.code for one in told(say.Rejected, actions, "v1")] == ["no_question"]
    assert room.current is question


def test_what_is_hardly_said_over_the_host_is_none() -> None:
    room = make("open")
    question = answering(room)
    room.speaking("v1")
    actions = room.said("v1", ask("刷的多大", "c2"), 3.0)
    assert does(actions) == [do.Duck(False)]
    assert room.current is question


def test_who_holds_a_button_means_it_however_short_it_is() -> None:
    room = make("push")
    answering(room)
    room.talking("v1")
    room.speaking("v1")
    (start,) = only(do.Answer, room.said("v1", ask("为什么？", "c2"), 3.0))
    assert start.question.text == "为什么？"


def test_who_is_muted_opens_no_microphone() -> None:
    room = make("push")
    room.mute("v1", 60.0, 0.0)
    refused = room.may_talk("v1", say.TalkStart(type="talk.start", id="t1"), 1.0)
    assert [one.code for one in told(say.Rejected, refused, "v1")] == ["muted"]
    assert room.may_talk("v1", say.TalkStart(type="talk.start", id="t1"), 61.0) == []


def test_a_question_takes_the_place_of_the_answer() -> None:
    room = make()
    question = answering(room)
    room.speaking("v1")
    room.meant("v1")
    actions = room.said("v1", ask("那孕期呢？", "c2"), 3.0)
    assert does(actions) == [do.Stop(), do.Hold(False), do.Duck(False)]
    ended, *_ = only(do.Record, actions)
    assert (ended.question.id, ended.outcome) == (question.id, "skipped")
    (start,) = only(do.Answer, actions)
    assert start.question.text == "那孕期呢？"


def test_in_a_full_room_others_do_not_interrupt() -> None:
    room = make()
    question = answering(room)
    assert does(room.speaking("v2")) == []
    assert does(room.meant("v2")) == []
    actions = room.said("v2", ask("那孕期呢？", "c2"), 3.0)
    assert does(actions) == []
    assert room.current is question
    assert room.waiting == 1


def test_before_a_kiosk_everybody_may_even_a_greeting() -> None:
    room = make("open")
    (greeting,) = only(do.Speak, room.greet("Hello.", "en", 1.0))
    room.speech_started(greeting.utterance, 1.1)
    assert does(room.speaking("v1")) == [do.Duck(True)]
    room.meant("v1")
    actions = room.said("v1", ask(), 2.0)
    assert do.Stop() in actions
    assert only(do.Answer, actions)


def test_a_kiosk_does_not_begin_while_its_visitor_speaks() -> None:
    room = make("open")
    room.speaking("v1")
    assert only(do.Answer, room.asked("v2", ask(), 1.0)) == []
    assert only(do.Answer, room.tick(1.5)) == []
    room.unsaid("v1", 2.0)
    assert only(do.Answer, room.tick(2.1))


def test_who_is_already_speaking_is_heard_when_the_host_begins() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    room.sentence(start.question.id, "第一句。", (), 1.5)
    assert does(room.speaking("v1")) == []
    room.meant("v1")
    assert does(room.speech_started(start.question.id, 2.0)) == [do.Duck(True), do.Hold(True)]


@pytest.mark.parametrize("aloud", [False, True])
def test_who_goes_on_takes_the_question_back(aloud: bool) -> None:
    room = make("open")
    (start,) = only(do.Answer, room.said("v1", ask(id="t.1"), 1.0))
    if aloud:
        room.sentence(start.question.id, "第一句。", (), 1.5)
        room.speech_started(start.question.id, 1.8)
    actions = room.take_back("v1", "t.1", 2.0)
    assert do.Stop() in actions
    assert [one.reason for one in told(say.Skipped, actions, "v1")] == [r.CONTINUED]
    actions = room.said("v1", ask("试用期最长多久，孕期呢？", "t.2"), 4.0)
    (start,) = only(do.Answer, actions)
    assert start.question.client_id == "t.2"


def test_what_waits_can_be_taken_back_too() -> None:
    room = make()
    answering(room)
    room.asked("v2", ask(id="t.1"), 2.0)
    assert do.Stop() not in room.take_back("v2", "t.1", 2.5)
    assert room.waiting == 0


def test_nothing_of_it_is_left_when_the_speaker_leaves_or_the_host_ends() -> None:
    room = make()
    question = answering(room)
    room.speaking("v1")
    assert does(room.left("v1", 3.0)) == [do.Duck(False)]
    room.answered(question.id, refused=False, now=3.5)
    room.speaking("v1")
    assert does(room.speech_ended(question.id, 4.0)) == [do.Duck(False)]
    assert does(room.unsaid("v1", 4.5)) == []


def test_an_operator_and_a_lost_stage_end_it() -> None:
    room = make()
    answering(room)
    room.speaking("v1")
    room.meant("v1")
    assert does(room.take_floor(3.0)) == [do.Stop(), do.Hold(False), do.Duck(False)]
    room = make()
    answering(room)
    room.speaking("v1")
    assert does(room.speech_lost(3.0)) == [do.Stop(thinking=False), do.Duck(False)]


def test_one_at_a_time_where_a_room_says_so() -> None:
    room = make("one")
    assert room.may_talk("v1", say.TalkStart(type="talk.start", id="t1"), 1.0) == []
    room.talking("v1")
    refused = room.may_talk("v2", say.TalkStart(type="talk.start", id="t2"), 1.0)
    assert [one.code for one in told(say.Rejected, refused, "v2")] == ["microphone_taken"]
    assert room.may_talk("v1", say.TalkStart(type="talk.start", id="t3"), 1.0) == []
    room.unsaid("v1", 1.0)
    assert room.may_talk("v2", say.TalkStart(type="talk.start", id="t4"), 1.0) == []


@pytest.mark.parametrize(("microphones", "refused"), [("push", True), ("one", True), ("open", False)])
def test_without_a_button_only_where_a_room_says_so(microphones: str, refused: bool) -> None:
    wanted = say.TalkStart(type="talk.start", id="t1", hands_free=True)
    actions = make(microphones).may_talk("v1", wanted, 1.0)
    assert [one.code for one in told(say.Rejected, actions, "v1")] == (["not_hands_free"] if refused else [])


def test_each_visitor_of_a_kiosk_is_greeted_unless_they_speak_first() -> None:
    room = make("open")
    (greeting,) = only(do.Speak, room.greet("Hello.", "en", 1.0))
    room.speech_ended(greeting.utterance, 2.0)
    assert room.greet("Hello.", "en", 3.0) == []
    assert only(do.Forget, room.gone("v1", 4.0)) == [do.Forget("v1")]
    room.speaking("v1")
    assert room.greet("Hello.", "en", 5.0) == []
    room.unsaid("v1", 6.0)
    assert only(do.Speak, room.greet("Hello.", "en", 7.0))


def test_who_leaves_is_not_answered() -> None:
    room = make("open")
    question = answering(room)
    room.asked("v1", ask(id="c2"), 3.0)
    actions = room.gone("v1", 4.0)
    assert do.Stop() in actions
    assert {record.outcome for record in only(do.Record, actions)} == {"skipped"}
    assert (room.current, room.waiting) == (None, 0)
    assert question.written is False


@pytest.mark.parametrize(("microphones", "farewell"), [("open", True), ("push", False)])
def test_goodbye_is_answered_at_a_kiosk(microphones: str, farewell: bool) -> None:
    room = make(microphones)
    answering(room)
    room.speaking("v1")
    room.meant("v1")
    actions = room.said("v1", ask("再见！", "t.2"), 3.0)
    assert bool(told(say.Farewell, actions, "v1")) is farewell
    assert bool(only(do.Forget, actions)) is farewell
    assert bool(only(do.Answer, actions)) is not farewell
    assert (room._settings.host.farewell["zh"] in [one.text for one in only(do.Speak, actions)]) is farewell


def test_the_hosts_own_words_are_no_question_at_a_kiosk() -> None:
    room = make("open")
    question = answering(room)
    room.captioned(question.id, "试用期最长不得超过六个月。", 100, 200, 2.1)
    room.speaking("v1")
    room.meant("v1")
    actions = room.said("v1", ask("试用期最长不得超过六个", "t.2"), 3.0)
    assert does(actions) == [do.Hold(False), do.Duck(False)]
    assert room.current is question


def test_who_asks_aloud_is_acknowledged_at_once() -> None:
    room = make()
    (first,) = only(do.Speak, room.said("v1", ask(), 1.0))
    assert first.text in room._settings.host.acknowledgements["zh"]
    room = make()
    room.asked("v1", ask(), 1.0)
    assert only(do.Speak, room.tick(1.15)) == []


@pytest.mark.parametrize(("began_s", "heard_s", "at_once"), [(0.1, 0.2, False), (0.1, 0.9, True), (2.5, 2.6, True)])
def test_where_answers_come_at_once_nobody_is_told_to_wait(began_s: float, heard_s: float, at_once: bool) -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    room.sentence(start.question.id, "好。", (), 1.0 + began_s)
    room.speech_started(start.question.id, 1.0 + heard_s)
    room.answered(start.question.id, refused=False, now=4.0)
    room.speech_ended(start.question.id, 5.0)
    room.tick(9.0)
    actions = room.said("v1", ask("工资什么时候发？", "c2"), 10.0)
    assert only(do.Answer, actions)
    assert bool(only(do.Speak, actions)) is at_once
    assert bool(only(do.Speak, room.tick(10.35))) is not at_once


def test_goodbye_at_one_screen_leaves_the_answer_at_another() -> None:
    room = make("open")
    question = answering(room)
    room.speaking("v2")
    room.meant("v2")
    actions = room.said("v2", ask("再见！", "t.2"), 3.0)
    assert does(actions) == [do.Hold(False), do.Duck(False)]
    assert room.current is question
    assert told(say.Farewell, actions, "v2")
