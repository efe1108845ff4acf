"""Who waits, in which order, and who asks the same."""

import random
from itertools import count

import pytest

from streaming.questions import CROWD, HEAD_START_S, HEARD_S, JOINED, Kind, Question, Waiting, gist, may_join
from streaming.roomfile import Language
from tests.streaming.settings import room_file

_numbers = count()


def question(text: str = "", viewer: str = "v1", at: float = 0.0, kind: Kind = "typed") -> Question:
    n = next(_numbers)
    language: Language = "en" if text.isascii() and text else "zh"
    return Question(f"q{n}", text or f"第 {n} 个问题是什么？", language, viewer, f"c{n}", "", at, kind)


def waiting(*questions: Question, **limits: object) -> Waiting:
    queue = Waiting(room_file(limits=limits))
    for one in questions:
        queue.add(one)
    return queue


def order(queue: Waiting, now: float = 100.0) -> list[Question]:
    return list(iter(lambda: queue.take(now), None))


def test_whoever_stands_there_comes_before_whoever_types_and_they_before_a_crowd() -> None:
    comment, typed, spoken = (question(kind=kind, at=at) for at, kind in enumerate(("comment", "typed", "spoken")))
    assert order(waiting(comment, typed, spoken)) == [spoken, typed, comment]


def test_what_has_waited_long_comes_first_all_the_same() -> None:
    comment = question(kind="comment", at=0.0)
    spoken = question(kind="spoken", at=HEAD_START_S["spoken"] + 1)
    assert order(waiting(comment, spoken)) == [comment, spoken]


def test_nobody_waits_for_ever_beside_somebody_who_asks_without_end() -> None:
    """A crowd of comments, and one viewer who types as fast as may be: all are answered in the end."""
    queue, now, answered = waiting(questions=1000), 0.0, []
    crowd = [question(viewer=f"bilibili:{k}", kind="comment", at=0.0) for k in range(20)]
    for one in crowd:
        queue.add(one)
    for _ in range(60):
        now += 10
        queue.add(question(viewer="eager", at=now))
        taken = queue.take(now)
        assert taken is not None
        answered.append(taken)
        queue.was_answered(taken.viewer, now)
    assert set(map(id, crowd)) <= set(map(id, answered))


def test_the_unheard_come_before_those_who_were_heard() -> None:
    queue = waiting(heard := question(viewer="v1", at=0.0), new := question(viewer="v2", at=HEARD_S - 1))
    queue.was_answered("v1", 90.0)
    assert order(queue) == [new, heard]


def test_a_question_of_many_comes_sooner() -> None:
    queue = waiting(first := question(at=0.0), many := question(viewer="v2", at=8.0))
    many.joined += [question(viewer=f"v{k}") for k in range(3, 6)]
    assert order(queue) == [many, first]


def test_what_is_pinned_comes_next_and_what_is_held_does_not() -> None:
    first, held, pinned = (question(viewer=f"v{k}", at=k) for k in range(3))
    held.held, pinned.pinned = True, True
    queue = waiting(first, held, pinned)
    assert [queue.position(one, 9.0) for one in (pinned, first)] == [1, 2]
    assert queue.in_order(9.0) == [pinned, first, held]
    assert queue.any
    assert order(queue) == [pinned, first]
    assert not queue.any
    assert list(queue) == [held]


def codes(queue: Waiting, viewer: str, texts: list[str], kind: Kind = "typed", now: float = 0.0) -> list[str]:
    found = []
    for text in texts:
        refused = queue.refusal(viewer, text, kind, now)
        found.append(refused.code if refused else "")
        if not refused:
            queue.add(question(text, viewer, now, kind))
    return found


def test_limits() -> None:
    queue = waiting(questions=4, per_viewer=2, characters=20)
    assert codes(queue, "v1", ["a?", " ？！ ", "一" * 21, "b?", "c?"]) == ["", "empty", "too_long", "", "too_many"]
    assert codes(queue, "v2", ["a?", "b?"]) == ["", ""]
    assert codes(queue, "v3", ["a?"]) == ["busy"]


def test_a_crowd_leaves_places_for_whoever_is_in_the_room() -> None:
    queue = waiting(questions=10)
    taken = [codes(queue, f"douyin:{k}", ["a?"], "comment")[0] for k in range(10)]
    assert taken == [""] * int(10 * CROWD) + ["busy"] * (10 - int(10 * CROWD))
    assert codes(queue, "v1", ["a?"]) == [""]


def test_who_asks_too_fast_waits_for_a_minute() -> None:
    queue = waiting(per_minute=2, per_viewer=9)
    assert codes(queue, "v1", ["a?", "b?", "c?"]) == ["", "", "too_fast"]
    assert codes(queue, "v2", ["a?"]) == [""]
    assert codes(queue, "v1", ["c?"], now=61.0) == [""]


def test_a_burst_of_thousands_is_bounded() -> None:
    queue = waiting(questions=50)
    numbers = random.Random(1).sample(range(100_000), 5000)
    for n in numbers:
        codes(queue, f"v{n}", ["a?"], "comment" if n % 2 else "typed", now=float(n % 10))
    assert len(queue) == 50


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("试用期最长多久？", "请问试用期最长是多久呢"),
        ("房东不退押金怎么办？", "主播你好，房东不退押金了怎么办啊"),
        ("How long may a probation period be?", "how long may a probation period be"),
        ("Hi, can you tell me what the cooling-off period is?", "What the cooling-off period is, please?"),
    ],
)
def test_the_same_in_other_words(one: str, other: str) -> None:
    assert may_join(question(one, "v1"), question(other, "v2"))
    assert not may_join(question(one, "v1"), question(other, "v1"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("公司可以辞退孕妇吗？", "公司不可以辞退孕妇吗？"),
        ("合同三年，试用期多久？", "合同两年，试用期多久？"),
        ("那孕期呢？", "那孕期呢？"),
        ("And what about that one?", "And what about that one?"),
        ("甲欠乙的钱怎么办？", "乙欠甲的钱怎么办？"),
        ("Can I return it?", "Can I return it?"),
        ("呢？", "是吗？"),
        ("试用期最长多久？", "How long may probation be?"),
    ],
)
def test_what_is_not_the_same(one: str, other: str) -> None:
    assert not may_join(question(one, "v1"), question(other, "v2"))


def test_only_so_many_join() -> None:
    lead = question("试用期最长多久？", "v1")
    lead.joined += [question() for _ in range(JOINED)]
    assert not may_join(question("试用期最长多久？", "v2"), lead)


def test_what_is_left_of_a_question() -> None:
    assert gist("请问一下，试用期最长是多久呢？", "zh") == "试用期最长多久"
    assert gist("Please, how long is THE trial?", "en") == "howlongistrial"
