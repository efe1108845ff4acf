"""The room core: events and a clock in, actions out. No socket, no thread, no sleep."""

from itertools import pairwise
from random import Random
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from avatar.life import Attention
from streaming import actions as do
from streaming import meanwhile
from streaming import protocol as say
from streaming import room as r
from streaming.programme.programme import Programme
from streaming.programme.rundown import Rundown
from streaming.questions import Question
from streaming.room import Room
from tests.streaming.settings import room_file

T = TypeVar("T")


def make(**limits: object) -> Room:
    return Room(room_file(limits=limits), 0.0)


def ask(text: str | None = None, id: str = "c1") -> say.Ask:  # noqa: A002
    """A question of its own for every id, unless ``text`` says which."""
    return say.Ask(type="ask", id=id, text=f"试用期最长多久？第 {id} 问" if text is None else text)


def only(kind: type[T], actions: list[do.Action]) -> list[T]:
    return [action for action in actions if isinstance(action, kind)]


def told(kind: type[T], actions: list[do.Action], viewer: str | None = None) -> list[T]:
    messages = [a.message for a in actions if isinstance(a, do.Tell) and a.viewer == viewer]
    return [message for message in messages if isinstance(message, kind)]


def answer_all(room: Room, question: Question, now: float) -> list[do.Action]:
    cited = [say.Cited(1, "Law", "Art. 19", "quote")]
    actions = room.sentence(question.id, "第一句。", cited, now)
    actions += room.sentence(question.id, "第二句。", cited, now)
    actions += room.answered(question.id, refused=False, now=now)
    actions += room.speech_started(question.id, now)
    return actions + room.speech_ended(question.id, now + 3)


def test_an_answer_is_said_with_the_feeling_that_it_calls_for() -> None:
    refusal = "I do not know that."
    for on in (True, False):
        host = {"name": "Lin", "persona": "Calm.", "greeting": "Hello.", "refusal": refusal, "feelings": on}
        room = Room(room_file(host=host), 0.0)
        (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
        actions = []
        for text in ("很遗憾，定金不退。", "合同写明的除外。", refusal):
            actions += room.sentence(start.question.id, text, (), 2.0)
        marked = ["[sorry]很遗憾，定金不退。", "合同写明的除外。", f"[sorry]{refusal}"]
        plain = ["很遗憾，定金不退。", "合同写明的除外。", refusal]
        assert [s.text for s in only(do.Speak, actions)] == (marked if on else plain)
        assert "".join(d.text for d in told(say.AnswerDelta, actions, "v1")) == "".join(plain)


def test_a_question_goes_its_whole_way() -> None:
    room = make()
    actions = room.asked("v1", ask(), 1.0)
    (accepted,) = told(say.Accepted, actions, "v1")
    assert (accepted.id, accepted.position) == ("c1", 1)
    (start,) = only(do.Answer, actions)
    assert room.state == "thinking"
    actions = answer_all(room, start.question, 2.0)
    assert [s.text for s in only(do.Speak, actions)] == ["第一句。", "第二句。"]
    assert only(do.FinishSpeaking, actions) == [do.FinishSpeaking(start.question.id)]
    (done,) = told(say.AnswerDone, actions, "v1")
    assert (done.id, done.text, len(done.citations)) == ("c1", "第一句。第二句。", 1)
    assert [(record.outcome) for record in only(do.Record, actions)] == ["answered"]
    assert room.state == "idle"
    assert [q.id for q in room.recent] == [start.question.id]


def test_the_asker_hears_their_own_id_and_everybody_else_the_rooms() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    actions = room.sentence(start.question.id, "好。", (), 2.0)
    tells = [a for a in only(do.Tell, actions) if isinstance(a.message, say.AnswerDelta)]
    assert {(a.viewer, a.but, a.message.id) for a in tells} == {
        (None, frozenset({"v1"}), start.question.id),
        ("v1", frozenset(), "c1"),
    }


def test_questions_are_answered_one_at_a_time_in_order() -> None:
    room = make()
    (first,) = only(do.Answer, room.asked("v1", ask("first?", "a"), 1.0))
    actions = room.asked("v2", ask("second?", "b"), 1.1)
    assert not only(do.Answer, actions)
    assert told(say.Accepted, actions, "v2")[0].position == 2
    answer_all(room, first.question, 2.0)
    assert not only(do.Answer, room.tick(5.1))  # a breath between two answers
    (second,) = only(do.Answer, room.tick(5.0 + r.PAUSE_S + 0.1))
    assert second.question.text == "second?"


def test_who_asks_again_under_the_same_id_has_asked_once() -> None:
    """As a page does whose connection broke before it knew that its question was accepted."""
    room = make()
    first = told(say.Accepted, room.asked("v", ask("How long?"), 1.0), "v")[0]
    assert first.position == 1
    (again,) = room.asked("v", ask(" How  long? "), 1.5)
    assert again == do.Tell(first, "v")
    assert told(say.Accepted, room.asked("w", ask("Why?"), 1.6), "w")[0].question != first.question  # another's id
    assert told(say.Accepted, room.asked("v", ask("Why not?"), 1.7), "v")[0].question != first.question
    assert room.current is not None
    answer_all(room, room.current, 2.0)
    repeated = room.asked("v", ask("How long?"), 3.0)
    assert told(say.Accepted, repeated, "v")[0].question == first.question
    assert told(say.AnswerDone, repeated, "v")[0].id == "c1"
    assert not only(do.Record, repeated)
    assert only(do.Record, room.asked("v", ask("How long?"), 1000.0))


def test_limits_reject_with_a_code() -> None:
    room = make(questions=2, per_viewer=1, characters=20)
    room.asked("v0", ask(id="on air"), 1.0)
    codes = []
    for viewer, text in (
        ("v1", "一" * 21),
        ("v1", " ？！ "),
        ("v1", "ok?"),
        ("v1", "more?"),
        ("v2", "b?"),
        ("v3", "c?"),
    ):
        codes += [m.code for m in told(say.Rejected, room.asked(viewer, ask(text), 1.0), viewer)]
    assert codes == ["too_long", "empty", "too_many", "busy"]


def test_the_asker_may_interrupt_and_the_room_takes_a_breath() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    room.asked("v2", ask(id="c2"), 1.0)
    room.sentence(start.question.id, "很长的一句。", (), 2.0)
    room.speech_started(start.question.id, 2.5)
    (refused,) = told(say.Error, room.interrupt("v2", start.question.id, 3.0), "v2")
    assert refused.code == "not_yours"
    actions = room.interrupt("v1", "c1", 3.0)
    assert only(do.Stop, actions)
    assert [record.outcome for record in only(do.Record, actions)] == ["skipped"]
    room.speech_ended(start.question.id, 3.0, hushed=True)
    assert not only(do.Answer, room.tick(3.9))
    assert only(do.Answer, room.tick(4.3))


def test_late_sentences_of_a_stopped_answer_are_not_spoken() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    room.interrupt("v1", "c1", 2.0)
    assert room.sentence(start.question.id, "too late.", (), 2.1) == []
    assert room.answered(start.question.id, refused=False, now=2.2) == []


def test_a_question_that_waits_too_long_expires_and_is_told_so() -> None:
    room = make(expire_s=60)
    room.asked("v1", ask(id="a"), 0.0)
    room.asked("v2", ask(id="b"), 0.0)
    room.speech_started("x", 50.0)
    actions = room.tick(61.0)
    assert told(say.Expired, actions, "v2")[0].id == "b"
    assert "expired" in [record.outcome for record in only(do.Record, actions)]


def test_speech_that_stalls_does_not_stop_the_room() -> None:
    room = make()
    room.asked("v1", ask(), 0.0)
    actions = room.tick(r.STALL_S + 1)
    assert only(do.Stop, actions)
    assert [record.outcome for record in only(do.Record, actions)] == ["failed"]
    assert only(do.Answer, room.asked("v1", ask(id="c2"), r.STALL_S + 3))


def test_an_answer_lost_with_the_stage_is_said_again_once() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    room.asked("v2", ask(id="c2"), 1.0)
    room.sentence(start.question.id, "[点头]一句。", (), 2.0)
    actions = room.speech_lost(3.0)
    assert do.Stop(thinking=False) in actions
    sorry, again = only(do.Speak, actions)
    assert sorry.text == room._settings.host.cut_off["zh"]
    assert (again.utterance, again.text) == (start.question.id, "[点头]一句。")
    room.sentence(start.question.id, "两句。", (), 4.0)  # it was thought on meanwhile
    room.answered(start.question.id, refused=False, now=4.0)
    assert again.text in [one.text for one in only(do.Speak, actions)]
    actions = room.speech_lost(5.0)
    assert do.Stop() in actions
    assert [record.outcome for record in only(do.Record, actions)] == ["skipped"]
    assert only(do.Answer, room.tick(5.0 + r.PAUSE_S + 0.1))


def test_a_written_answer_lost_with_the_stage_ends_when_it_was_said_again() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    room.sentence(start.question.id, "一句。", (), 2.0)
    room.answered(start.question.id, refused=False, now=2.0)
    assert only(do.FinishSpeaking, room.speech_lost(3.0))[-1] == do.FinishSpeaking(start.question.id)
    actions = room.speech_ended(start.question.id, 9.0)
    assert [record.outcome for record in only(do.Record, actions)] == ["answered"]


def test_the_host_greets_the_first_and_not_everybody() -> None:
    room = make()
    assert [s.text for s in only(do.Speak, room.greet("Hello.", "en", 1.0))] == ["Hello."]
    room.speech_ended("r1", 4.0)
    assert room.greet("Hello.", "en", 5.0) == []
    assert only(do.Speak, room.greet("Hello.", "en", 1.0 + r.GREET_AGAIN_S))


def test_a_greeting_after_a_long_quiet_is_not_taken_for_a_stall() -> None:
    room = make()
    later = r.STALL_S * 10
    (speak,) = only(do.Speak, room.greet("Hello.", "en", later))
    assert only(do.Stop, room.tick(later + 0.1)) == []
    room.asked("v1", ask(), later + 1)
    assert room.current is None  # the greeting is still being said
    assert only(do.Answer, room.speech_ended(speak.utterance, later + 2) + room.tick(later + 4))


def test_a_greeting_lost_with_the_stage_is_not_said_on() -> None:
    room = make()
    room.greet("Hello.", "en", 1.0)
    assert only(do.Stop, room.speech_lost(2.0))
    assert only(do.Answer, room.asked("v1", ask(), 2.0) + room.tick(3.0))


def test_a_question_from_long_before_a_restart_has_expired() -> None:
    room = Room(room_file(), 10_000.0)
    old, new = (Question(f"q{at}", "试用期最长多久？", "zh", None, None, "", at) for at in (10.0, 9_990.0))
    actions = room.restore([old, new], 10_000.0)
    ended = [record for record in only(do.Record, actions) if record.outcome]
    assert [(record.question.id, record.outcome) for record in ended] == [(old.id, "expired")]
    assert [answer.question.id for answer in only(do.Answer, actions)] == [new.id]


def test_a_greeting_gives_way_to_questions() -> None:
    room = make()
    room.asked("v1", ask(), 1.0)
    assert room.greet("Hello.", "en", 2.0) == []
    room.interrupt("v1", "c1", 3.0)
    assert only(do.Speak, room.greet("Hello.", "en", 4.0))  # it was not said, so it may be said now


def test_holding_the_microphone_makes_the_host_listen() -> None:
    room = make()
    assert only(do.Attend, room.talking("v1")) == [do.Attend(Attention.LISTENING)]
    assert only(do.Attend, room.unsaid("v1", 1.0)) == [do.Attend(Attention.IDLE)]
    room.talking("v1")
    assert only(do.Attend, room.left("v1", 2.0)) == [do.Attend(Attention.IDLE)]


def test_languages_are_told_apart() -> None:
    assert r.language_of("公司不签合同怎么办", "en") == "zh"
    assert r.language_of("What is N+1?", "zh") == "en"
    assert r.language_of("HR 说 N+1 怎么算", "en") == "zh"
    assert r.language_of("12348", "zh") == "zh"


events = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("ask", "sentence", "answered", "started", "ended", "interrupt", "tick", "lost", "leave", "hushed"),
                *("speaking", "meant", "unsaid", "said", "take_back"),
                *("comment", "same", "hold", "approve", "pin", "answer", "skip", "mute", "announce", "at once"),
                *("pause", "go on", "cut", "back", "next"),
                *("line", "line", "line", "begun", "begun", "playing", "unplayable", "gift"),
                *("guess", "guess aloud", "choose", "leave it", "operator chooses", "gone"),
            ]
        ),
        st.integers(0, 3),
        st.floats(0.01, 40),
    ),
    max_size=60,
)


TOLD = Rundown.model_validate(
    {
        "segments": {
            "quiz": {"quiz": {"question": "多少天？", "answer": "三十天。", "accept": 30}},
            "talk": {"script": ["一。二。", "三。四。"]},
            "song": {"music": ["a.ogg", "b.ogg"], "weight": 2},
            "tour": {"script": "五。六。", "weight": 0},
        },
        "storylines": {"tour": {"title": "讲解", "segments": ["tour", "song", "quiz"]}},
        "repeat_after_minutes": 0,
    }
)


@given(events, st.sampled_from(["push", "open"]), st.booleans(), st.booleans())
@settings(max_examples=400, deadline=None)
def test_every_accepted_question_ends_in_exactly_one_outcome(
    script: list[tuple[str, int, float]], microphones: str, approve_first: bool, programmed: bool
) -> None:
    limits = {"expire_s": 100, "per_viewer": 2}
    hearing = {"microphones": microphones}
    programme = Programme(TOLD, "zh", Random(1)) if programmed else None
    room = Room(room_file(limits=limits, hearing=hearing, approve_first=approve_first), 0.0, programme)
    speaking = current_storyline = None
    now, n = 0.0, 0
    ducked = held = False
    accepted: set[str] = set()
    outcomes: list[str] = []

    def note(actions: list[do.Action]) -> None:
        for record in only(do.Record, actions):
            if record.outcome is None:
                accepted.add(record.question.id)
                assert record.question.id not in outcomes
            else:
                outcomes.append(record.question.id)
        assert len(only(do.Answer, actions)) <= 1
        nonlocal ducked, held, speaking, current_storyline
        for action in actions:
            match action:
                case do.Speak(utterance) | do.Play(utterance):
                    assert not isinstance(action, do.Play) or room.current is None
                    speaking = utterance
                case do.Tell(say.Storylines(current=storyline)):
                    assert storyline != current_storyline
                    current_storyline = storyline
                case do.Duck(on):
                    assert on != ducked
                    ducked = on
                case do.Hold(on):
                    assert on != held
                    held = on

    for kind, who, pause in script:
        now += pause
        viewer, current = f"v{who}", room.current.id if room.current else "none"
        match kind:
            case "ask":
                n += 1
                note(room.asked(viewer, ask(id=f"c{n}"), now))
            case "sentence":
                note(room.sentence(current, "一句。", (), now))
            case "answered":
                note(room.answered(current, refused=False, now=now))
            case "started":
                note(room.speech_started(current, now))
            case "speaking":
                note(room.speaking(viewer))
            case "meant":
                note(room.meant(viewer))
            case "unsaid":
                note(room.unsaid(viewer, now))
            case "said":
                n += 1
                note(room.said(viewer, ask(id=f"c{n}"), now))
            case "take_back":
                note(room.take_back(viewer, f"c{n}", now))
            case "ended":
                note(room.speech_ended(current, now))
            case "hushed":
                note(room.speech_ended(current, now, hushed=True))
            case "interrupt":
                note(room.interrupt(viewer, f"c{n}", now))
            case "lost":
                note(room.speech_lost(now))
            case "leave":
                note(room.left(viewer, now))
            case "tick":
                note(room.tick(now))
            case "comment":
                n += 1
                note(room.commented(f"bilibili:{who}", ask("试用期最长多久？", f"c{n}"), now))
            case "same":
                n += 1
                note(room.asked(viewer, ask("请问试用期最长是多久呢", f"c{n}"), now))
            case "hold" | "approve" | "pin" | "answer" | "skip":
                waiting = [one.id for one in room.questions] + [current]
                note(room.decide(waiting[who % len(waiting)], kind, now, "两个月。" if kind == "answer" else "") or [])
            case "mute":
                note(room.mute(viewer, now + 30, now))
            case "announce" | "at once":
                note(room.announce("各位好。", "zh", now, at_once=kind == "at once"))
            case "pause" | "go on":
                note(room.pause(kind == "pause", now))
            case "cut" | "back":
                note(room.cut_off(kind == "cut", now))
            case "next":
                note(room.next_segment(now))
            case "line" if speaking:
                note(room.speech_started(speaking, now))
                note(room.speech_ended(speaking, now))
            case "begun" if speaking:
                note(room.speech_started(speaking, now))
            case "playing" if speaking:
                room.played(speaking, now)
            case "unplayable" if speaking:
                room.unplayable(speaking)
            case "gift":
                note(room.happened("gift", "小王", "玫瑰", now))
            case "guess":
                n += 1
                actions = room.asked(viewer, ask("30天" if who else "31天", f"c{n}"), now)
                judged = told(say.Guessed, actions, viewer)
                assert not judged or (len(actions) == 1 and judged[0].right == bool(who))
                note(actions)
            case "guess aloud":
                n += 1
                note(room.said(viewer, ask("三十天", f"c{n}"), now))
            case "choose" | "leave it":
                choice = "tour" if kind == "choose" else None
                note(room.choose(viewer, say.Choose(type="choose", id="s", storyline=choice), now))
            case "operator chooses":
                note(room.follow("tour", now) or [])
            case "gone":
                note(room.gone(viewer, now))
    note(room.pause(False, now))
    note(room.cut_off(False, now))
    for who in range(4):
        note(room.left(f"v{who}", now))
    assert not ducked
    assert not held
    for _ in range(300):  # left alone, the room comes to rest by itself
        now += 20
        note(room.tick(now))
    assert room.current is None
    assert room.waiting == 0
    assert (room.choosing.storyline or None) == current_storyline
    assert sorted(outcomes) == sorted(accepted)


# What covers the thinking


def test_thinking_is_acknowledged_and_long_thinking_reassured() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    assert only(do.Speak, room.tick(1.3)) == []
    actions = room.tick(1.7)
    (first,) = only(do.Speak, actions)
    host = room._settings.host
    assert first.optional
    assert first.text in host.acknowledgements["zh"]
    assert only(do.FinishSpeaking, actions) == [do.FinishSpeaking(first.utterance)]
    room.speech_started(first.utterance, 1.8)
    assert room.state == "speaking"
    assert only(do.Speak, room.tick(5.0)) == []
    room.speech_ended(first.utterance, 3.0)
    assert room.state == "thinking"
    (second,) = only(do.Speak, room.tick(10.1))
    assert second.text in host.reassurances["zh"]
    room.speech_ended(second.utterance, 12.0)
    # Once the answer comes, nothing else is said.
    room.sentence(start.question.id, "好。", (), 13.0)
    assert only(do.Speak, room.tick(40.0)) == []


def test_a_quick_answer_needs_no_acknowledgement() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    room.sentence(start.question.id, "好。", (), 1.4)
    assert only(do.Speak, room.tick(2.0)) == []


def test_acknowledgements_do_not_keep_a_stalled_answer_alive() -> None:
    room = make()
    room.asked("v1", ask(), 0.0)
    ended: list[do.Record] = []
    for second in range(1, 80):
        actions = room.tick(float(second))
        for spoken in only(do.Speak, actions):
            room.speech_started(spoken.utterance, second)
            room.captioned(spoken.utterance, "…", 0, 48, second)
            room.speech_ended(spoken.utterance, second + 1)
        ended += [a for a in only(do.Record, actions) if a.outcome == "failed"]
    assert len(ended) == 1


def test_an_acknowledgement_that_nobody_heard_does_not_count() -> None:
    room = make()
    room.asked("v1", ask(), 1.0)
    host = room._settings.host
    for now in (1.7, 9.0, 17.0):  # no voice is there
        (spoken,) = only(do.Speak, room.tick(now))
        assert spoken.text in host.acknowledgements["zh"]
        room.speech_ended(spoken.utterance, now + 0.1)
    (spoken,) = only(do.Speak, room.tick(25.0))
    room.speech_started(spoken.utterance, 25.1)
    room.speech_ended(spoken.utterance, 26.0)
    (spoken,) = only(do.Speak, room.tick(34.0))
    assert spoken.text in host.reassurances["zh"]


def test_silence_within_an_answer_is_covered_while_its_rest_is_thought_of() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    name = start.question.id
    room.sentence(name, "一年以上不满三年，不得超过二个月。", (), 1.4)
    assert only(do.Speak, room.tick(12.0)) == []  # the voice has not made it yet
    room.voiced(name)
    room.speech_started(name, 12.5)
    room.captioned(name, "一年以上不满三年，不得超过二个月。", 0, 5 * 48, 12.5)
    assert only(do.Speak, room.tick(21.0)) == []
    (first,) = only(do.Speak, room.tick(21.6))
    assert first.utterance == name, "after the answer's sentence, not after its end"
    assert first.optional
    assert first.text in room._settings.host.reassurances["zh"]
    assert only(do.FinishSpeaking, room.tick(21.7)) == []
    assert only(do.Speak, room.tick(60.0)) == []  # that is still to be made
    said = [first.text]
    for now in (30.0, 40.0, 50.0, 60.0, 70.0):
        room.voiced(name)
        room.captioned(name, "请稍等。", 0, 48, now)
        said += [spoken.text for spoken in only(do.Speak, room.tick(now + 6))]
    assert len(said) == meanwhile.REASSURANCES + 1
    room.sentence(name, "三年以上的，不得超过六个月。", (), 80.0)
    room.voiced(name)
    room.answered(name, refused=False, now=80.1)
    assert only(do.Speak, room.tick(100.0)) == []
    assert start.question.answer == "一年以上不满三年，不得超过二个月。三年以上的，不得超过六个月。"


def test_no_acknowledgement_is_said_twice_in_a_row_and_all_are_used() -> None:
    room = make()
    said = []
    for k in range(40):
        room.asked("v1", ask(id=f"c{k}"), 100.0 * k)
        for spoken in only(do.Speak, room.tick(100.0 * k + 5)):
            said.append(spoken.text)
            room.speech_ended(spoken.utterance, 100.0 * k + 6)
        if room.current:
            answer_all(room, room.current, 100.0 * k + 7)
    assert len(said) == 40
    assert all(a != b for a, b in pairwise(said))
    assert set(said[:8]) == set(said)


def test_who_withdraws_what_is_answered_for_others_has_one_outcome() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask("试用期最长多久？", id="c1"), 1.0))
    room.asked("v2", ask("请问试用期最长多久？", id="c2"), 2.0)
    actions = room.interrupt("v1", "c1", 3.0)
    actions += answer_all(room, start.question, 4.0)
    ended = [(one.question.client_id, one.outcome) for one in only(do.Record, actions) if one.outcome]
    assert ended == [(None, "skipped"), ("c2", "answered")]


def test_what_was_answered_lately_is_said_to_be() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask("试用期最长多久？", id="c1"), 1.0))
    answer_all(room, start.question, 2.0)
    actions = room.asked("v2", ask("请问试用期最长多久呢", id="c2"), 10.0)
    (said,) = only(do.Speak, actions)
    again = room._settings.host.again["zh"]
    assert said.text in again
    assert said.optional
    assert room.current is not None
    answer_all(room, room.current, 12.0)
    # A comment is read out before that.
    actions = room.commented("bilibili:1", ask("试用期最长多久？", id="m1").model_copy(update={"name": "小王"}), 20.0)
    (said,) = only(do.Speak, actions)
    assert said.text.startswith("小王")
    assert said.text.endswith(tuple(again))
    assert room.current is not None
    answer_all(room, room.current, 22.0)
    assert only(do.Speak, room.asked("v3", ask("押金不退怎么办？", id="c3"), 30.0)) == []
    assert room.current is not None
    answer_all(room, room.current, 32.0)
    assert only(do.Speak, room.asked("v3", ask("试用期最长多久？", id="c4"), 30.0 + r.AGAIN_S)) == []


# An operator on the floor


def test_an_operator_takes_the_floor_and_gives_it_back() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    actions = room.take_floor(2.0)
    assert only(do.Stop, actions)
    assert only(do.Record, actions) == []  # not yet answered aloud: it waits
    assert room.state == "speaking"
    assert room.waiting == 1
    assert only(do.Answer, room.tick(3.0)) == []
    assert room.greet("你好", "zh", 4.0) == []
    room.leave_floor(5.0)
    (again,) = only(do.Answer, room.tick(6.5))
    assert again.question.id == start.question.id


def test_an_answer_being_spoken_ends_for_the_operator() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    room.sentence(start.question.id, "好。", (), 2.0)
    actions = room.take_floor(2.5)
    assert [a.outcome for a in only(do.Record, actions)] == ["skipped"]
    (skipped,) = told(say.Skipped, actions, "v1")
    assert "operator" in skipped.reason


def test_marks_are_spoken_and_not_shown() -> None:
    room = make()
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    actions = room.sentence(start.question.id, "[抱歉]我*真的*不知道。", (), 2.0)
    assert [s.text for s in only(do.Speak, actions)] == ["[抱歉]我*真的*不知道。"]
    assert [d.text for d in told(say.AnswerDelta, actions)] == ["我真的不知道。"]
    (done,) = told(say.AnswerDone, room.answered(start.question.id, refused=False, now=3.0), "v1")
    assert done.text == "我真的不知道。"
