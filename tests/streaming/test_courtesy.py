"""Thanks and welcomes to people on a live platform."""

from itertools import pairwise
from random import Random

from streaming import actions as do
from streaming.programme.courtesy import PAUSE_S, STALE_S, Courtesy
from streaming.room import Room
from tests.streaming.settings import room_file
from tests.streaming.test_room import ask, only


def make() -> Courtesy:
    return Courtesy("zh", Random(1))


def test_a_gift_is_thanked_for_by_name() -> None:
    courtesy = make()
    courtesy.came("gift", "小王", "玫瑰", 0.0)
    line = courtesy.line(1.0)
    assert line is not None
    assert "小王" in line
    assert "玫瑰" in line
    assert courtesy.line(1.0) is None


def test_what_comes_together_is_said_together_and_many_are_counted() -> None:
    courtesy = make()
    for name in ("甲", "乙", "丙", "丁", "甲"):
        courtesy.came("follow", name, "", 0.0)
    line = courtesy.line(1.0)
    assert line is not None
    assert "甲、乙、丙等4位朋友" in line
    assert courtesy.line(100.0) is None


def test_different_gifts_are_thanked_for_one_after_the_other_and_gifts_come_first() -> None:
    courtesy = make()
    courtesy.came("enter", "丙", "", 0.0)
    courtesy.came("gift", "甲", "玫瑰", 0.0)
    courtesy.came("gift", "乙", "火箭", 0.0)
    lines = [courtesy.line(1.0) for _ in range(3)]
    assert all(lines)
    assert ["玫瑰" in str(lines[0]), "火箭" in str(lines[1]), "丙" in str(lines[2])] == [True, True, True]


def test_newcomers_are_not_welcomed_all_the_time() -> None:
    courtesy = make()
    said = 0
    for second in range(300):
        courtesy.came("enter", f"{second}", "", second)
        said += courtesy.line(second) is not None
    assert said == 300 // PAUSE_S["enter"]


def test_what_has_waited_too_long_is_not_said_and_a_crowd_is_bounded() -> None:
    courtesy = make()
    for k in range(100_000):
        courtesy.came("gift", f"{k}", "玫瑰", 0.0)
    assert sum(len(waiting) for waiting in courtesy._waiting.values()) == 1000
    assert courtesy.line(STALE_S + 1) is None


def test_no_wording_twice_in_a_row() -> None:
    courtesy = make()
    said = []
    for k in range(40):
        courtesy.came("gift", "甲", "玫瑰", k)
        said.append(courtesy.line(k))
    assert all(one != two for one, two in pairwise(said))


def test_in_the_room_thanks_wait_for_the_answer_and_come_before_the_programme() -> None:
    room = Room(room_file(), 0.0)
    (start,) = only(do.Answer, room.asked("v1", ask(), 1.0))
    assert only(do.Speak, room.happened("gift", "小王", "玫瑰", 1.5)) == []
    room.sentence(start.question.id, "六个月。", (), 2.0)
    room.answered(start.question.id, refused=False, now=2.0)
    room.speech_started(start.question.id, 2.1)
    room.speech_ended(start.question.id, 4.0)
    (thanks,) = only(do.Speak, room.tick(5.0))
    assert "小王" in thanks.text
    room.speech_started(thanks.utterance, 5.1)
    room.speech_ended(thanks.utterance, 7.0)
    assert only(do.Speak, room.tick(8.0)) == []
