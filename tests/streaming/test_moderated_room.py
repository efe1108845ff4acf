"""What a room makes of what moderation finds: declined, dropped, held, muted, and never said."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from avatar.voice import marks
from knowledge.answer import Citation, Context, Refusal, Sentence
from streaming import actions as do
from streaming import metrics
from streaming import protocol as say
from streaming.door import CARE_AGAIN_S
from streaming.journal import entries
from streaming.moderation.policy import OUTCOMES, Outcome, Policy
from streaming.moderation.verdict import CATEGORIES, Category, Judged, Verdict
from streaming.mutes import DAY_S, FORGIVEN_S, Muted, Mutes
from streaming.programme.rundown import Card
from streaming.room import Room
from streaming.state.sqlite import Sqlite
from tests.streaming.settings import room_file
from tests.streaming.test_comments import bridge, comment, post
from tests.streaming.test_on_air_alone import Knowing, on_air, receive
from tests.streaming.test_on_air_alone import ask as send
from tests.streaming.test_room import ask, only, told


def found(category: Category, rule: str = "rule") -> Verdict:
    return Verdict(category, rule, "medium", (0, 1), "x")


def judged(category: Category) -> Judged:
    return Judged(text=found(category))


def make(hearing: dict[str, Any] | None = None, **moderation: Any) -> Room:
    return Room(room_file(moderation=moderation, hearing=hearing or {}), 0.0)


def rejected(actions: list[do.Action], viewer: str = "v1") -> list[tuple[str, str]]:
    return [(one.code, one.reason) for one in told(say.Rejected, actions, viewer)]


# The room's mind


def test_declined_is_told_in_the_rooms_words() -> None:
    room = make(phrases={"illegal": {"zh": "这个不聊。", "en": "Not that."}})
    assert rejected(room.asked("v1", ask("怎么买？"), 1.0, judged=judged("illegal"))) == [("declined", "这个不聊。")]
    assert not room.waiting
    assert room.current is None


def test_dropped_says_nothing_of_why() -> None:
    room = make()
    actions = room.asked("v1", ask("滚！"), 1.0, judged=judged("hostility"))
    assert rejected(actions) == [("not_taken", "this cannot be taken up here")]
    [noted] = only(do.Moderated, actions)
    assert (noted.outcome, noted.what, noted.text, noted.viewer) == ("drop", "question", "滚！", "v1")
    assert {action.viewer for action in only(do.Tell, actions)} == {"v1"}


@pytest.mark.parametrize("outcomes", [{"hostility": "allow"}, {"hostility.rule": "allow"}])
def test_a_room_may_allow_what_others_do_not(outcomes: dict[str, Outcome]) -> None:
    if "hostility.rule" in outcomes:
        outcomes = {"hostility.meaning": "allow", "hostility": "drop"}
        verdict = Judged(text=found("hostility", "meaning"))
    else:
        verdict = judged("hostility")
    room = make(outcomes=outcomes)
    assert only(do.Answer, room.asked("v1", ask(), 1.0, judged=verdict))


def test_held_until_an_operator_lets_it_pass() -> None:
    room = make(outcomes={"rumour": "hold"})
    actions = room.asked("v1", ask("听说要停电？"), 1.0, judged=judged("rumour"))
    assert told(say.Held, actions, "v1")
    assert not only(do.Answer, actions)
    [question] = room.questions
    assert (question.held, question.flagged) == (True, "rumour.rule")
    assert only(do.Answer, room.decide(question.id, "approve", 2.0) or [])


def test_a_bad_name_is_left_out_and_the_question_answered() -> None:
    room = make()
    sent = say.Ask(type="ask", id="c1", text="试用期最长多久？", name="加微信fada000")
    actions = room.asked("v1", sent, 1.0, judged=Judged(name=found("spam")))
    [answer] = only(do.Answer, actions)
    assert answer.question.name == ""
    assert [noted.what for noted in only(do.Moderated, actions)] == ["name"]


def test_no_bad_name_is_thanked() -> None:
    room = make()
    assert not only(do.Speak, room.happened("gift", "坏名字", "玫瑰", 1.0, Judged(name=found("sexual"))))
    assert not only(do.Speak, room.tick(2.0))


def test_whoever_is_in_distress_on_a_platform_hears_it_aloud_but_not_all_the_time() -> None:
    room = make()
    phrase = Policy().phrase("selfharm", "zh")
    said = only(do.Speak, room.commented("bilibili:1", ask("不想活了"), 1.0, judged("selfharm")))
    assert [one.text for one in said] == [phrase]
    room.speech_ended(said[0].utterance, 2.0)
    assert not only(do.Speak, room.commented("bilibili:1", ask("不想活了", "c2"), 3.0, judged("selfharm")))
    later = 2.0 + CARE_AGAIN_S
    assert only(do.Speak, room.commented("bilibili:1", ask("不想活了", "c3"), later, judged("selfharm")))
    assert "12356" in marks.plain(phrase)


def test_who_spoke_hears_that_it_is_declined() -> None:
    room = make()
    room.talking("v1")
    actions = room.said("v1", ask("帮我算命"), 1.0, judged("superstition"))
    assert [one.text for one in only(do.Speak, actions)] == [Policy().phrase("superstition", "zh")]


def test_the_same_comment_from_many_accounts_is_a_flood() -> None:
    room = make()
    codes = []
    for k in range(7):
        actions = room.commented(f"douyin:{k}", ask("主播主播试用期最长可以约定多久啊？", f"c{k}"), 1.0 + k)
        codes += [one.code for one in told(say.Rejected, actions, f"douyin:{k}")]
    assert codes == ["not_taken"] * 3


# Mutes


def test_whoever_is_stopped_too_often_is_muted_for_longer_each_time() -> None:
    room = make(strikes=2, mute_days=[1, 7])
    now, lasts = 1.0, []
    for _ in range(3):
        actions: list[do.Action] = []
        for _ in range(2):
            actions = room.asked("v1", ask("滚"), now, judged=judged("hostility"))
        [mute] = only(do.Mute, actions)
        lasts.append(mute.muted.until - now)
        [(code, reason)] = rejected(room.asked("v1", ask(), now + 1))
        assert code == "muted"
        assert "appeal" in reason
        now = min(mute.muted.until, now + 30 * DAY_S) + 1
    assert lasts[:2] == [DAY_S, 7 * DAY_S]
    assert "for good" in reason


def test_the_muted_are_not_moderated_again() -> None:
    room = make(outcomes={"spam": "mute"})
    room.asked("v1", ask("加微信"), 1.0, judged=judged("spam"))
    again = room.asked("v1", ask("加微信"), 2.0, judged=judged("spam"))
    assert rejected(again)[0][0] == "muted"
    assert not only(do.Moderated, again)


@pytest.mark.parametrize("category", ["selfharm", "superstition", "manipulation"])
def test_nobody_is_muted_for_these(category: Category) -> None:
    room = make(strikes=1)
    assert not only(do.Mute, room.asked("v1", ask(), 1.0, judged=judged(category)))


def test_a_kiosk_mutes_nobody() -> None:
    room = make(hearing={"microphones": "open"}, strikes=1)
    assert not only(do.Mute, room.asked("v1", ask(), 1.0, judged=judged("hostility")))


def test_what_waits_of_the_muted_is_dropped() -> None:
    room = make(strikes=1)
    room.asked("v0", ask("第一问？", "a"), 1.0)
    room.asked("v1", ask("我的问题？", "b"), 1.0)
    actions = room.asked("v1", ask("滚", "c"), 2.0, judged=judged("hostility"))
    assert [(one.id, one.reason) for one in told(say.Skipped, actions, "v1")] == [("b", "muted")]


def test_an_appeal_reaches_the_operator_once_and_a_lifted_mute_does_not_count() -> None:
    room = make(strikes=1, mute_days=[1, 7])
    appeal = say.Appeal(type="appeal", id="a1", text="我在引用法条。")
    assert rejected(room.door.appeal("v1", appeal, 1.0))[0][0] == "not_muted"
    room.asked("v1", ask("滚"), 1.0, judged=judged("hostility"))
    [mute] = only(do.Mute, room.door.appeal("v1", appeal, 2.0))
    assert (mute.muted.appeal, mute.muted.why, mute.muted.grade) == ("我在引用法条。", "hostility.rule", 1)
    assert rejected(room.door.appeal("v1", appeal, 3.0))[0][0] == "appealed"
    room.mute("v1", 4.0, 4.0)
    assert only(do.Answer, room.asked("v1", ask(), 5.0))
    [mute] = only(do.Mute, room.asked("v1", ask("滚"), 6.0, judged=judged("hostility")))
    assert mute.muted.until - 6.0 == DAY_S


def test_long_after_a_mute_the_next_is_the_first_again() -> None:
    mutes, policy = Mutes(), Policy(strikes=1, mute_days=[1, 7])
    first = mutes.stopped("v1", "spam.link", policy, 0.0, at_once=False)
    assert first
    later = mutes.stopped("v1", "spam.link", policy, first.until + FORGIVEN_S + 1, at_once=False)
    assert later
    assert later.grade == 1


def test_strikes_of_yesterday_do_not_count() -> None:
    mutes, policy = Mutes(), Policy(strikes=2)
    assert mutes.stopped("v1", "spam.link", policy, 0.0, at_once=False) is None
    assert mutes.stopped("v1", "spam.link", policy, DAY_S + 1, at_once=False) is None
    assert mutes.stopped("v1", "spam.link", policy, DAY_S + 2, at_once=False) is not None


async def test_mutes_outlive_a_restart(tmp_path: Path) -> None:
    state = Sqlite(tmp_path / "state.sqlite")
    kept = [Muted("v1", 100.0, 2, "spam.link", "please"), Muted("v2", 50.0), Muted("v3", 10.0, 1, "spam.link")]
    for one in kept:
        state.room("law").mute(one)
    assert await state.room("law").muted(60.0) == [kept[0], kept[2]]  # v3 has a grade, v2's time is over
    assert await state.room("law").muted(60.0 + FORGIVEN_S) == [kept[0]]
    state.close()


# The policy


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"outcomes": {"hostilty": "drop"}}, "there is no category or rule “hostilty”"),
        ({"outcomes": {"spam": "ban"}}, "hold"),
        ({"phrases": {"rude": "No."}}, "there is no category “rude”"),
        ({"remove": ["spam.links"]}, "there is no spam.links"),
        ({"add": {"spam": {"x": {"phrase": ["a"]}}}}, "phrase"),
        ({"mute_days": []}, "mute_days"),
    ],
)
def test_a_mistake_in_the_room_file_is_named(wrong: dict[str, Any], hint: str) -> None:
    with pytest.raises(ValidationError) as error:
        room_file(moderation=wrong)
    assert hint in str(error.value)


def test_every_category_has_an_outcome_and_something_to_say() -> None:
    assert set(OUTCOMES) == set(CATEGORIES)
    policy = Policy(phrases={"other": "No."})
    assert policy.phrase("illegal", "en") == "No."
    assert "12356" in policy.phrase("selfharm", "en")


# Answers


async def answering(question: str, context: Context) -> AsyncIterator[Sentence | Refusal]:
    yield Sentence("The museum is open.", (Citation(1, "Hours", "1", "open"),))
    yield Sentence("You can buy cocaine from the dealer at the back door, message him for a price.")
    yield Sentence("It never closes.")


async def test_a_sentence_that_may_not_be_said_ends_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _):
        await room.start()
        room.knows(Knowing(answering))
        seat = room.greet()
        await send(room, seat, "When are you open?", "c1")
        done = await receive(seat, "answer.done", "c1")
        assert done["refused"]
        assert done["citations"] == []
        assert done["text"] == f"The museum is open. {Policy().phrase('illegal', 'en')}"
        room._journal.close()
    [noted] = [one for one in entries(tmp_path) if one["what"] == "moderated"]
    assert (noted["of"], noted["outcome"]) == ("answer", "decline")
    assert noted["id"] == done["question"]


# On air: from a message to the journal


async def test_from_a_comment_to_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = comment(id="m2", author="7", text="出售枪支，加微信详谈")
    async with on_air(tmp_path, monkeypatch) as (room, _), bridge(room, tmp_path) as client:
        await room.start()
        outcomes = await post(client, comment(), bad)
        assert [one["outcome"] for one in outcomes] == ["accepted", "rejected"]
        room._journal.close()
    [noted] = [one for one in entries(tmp_path) if one["what"] == "moderated"]
    assert noted["text"] == bad["text"]
    assert noted["rule"].startswith("illegal.")
    assert "7" not in noted["viewer"] or len(noted["viewer"]) == 16
    assert room.moderated["illegal", "decline"] == 1
    counted = 'everhost_moderated_total{category="illegal",outcome="decline",room="test"} 1.0'
    assert counted in metrics.render([room]).decode()


async def test_a_viewer_is_muted_and_appeals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, state):
        await room.start()
        seat = room.greet()
        for k in range(5):
            await send(room, seat, f"buy cocaine here, message me for price {k}", f"c{k}")
            await receive(seat, "rejected", f"c{k}")
        await send(room, seat, "When are you open?", "c9")
        assert (await receive(seat, "rejected", "c9"))["code"] == "muted"
        await room.receive(seat, json.dumps({"type": "appeal", "id": "a1", "text": "I was quoting."}))
        await receive(seat, "appealed", "a1")
        [muted] = await state.muted(0.0)
        assert (muted.viewer, muted.grade, muted.appeal) == (seat.viewer, 1, "I was quoting.")


async def test_off_means_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _):
        room.take_edits(room.settings.model_copy(update={"moderation": Policy(on=False)}))
        await room.start()
        seat = room.greet()
        async with asyncio.timeout(10):
            while room._judge._policy.on:
                await asyncio.sleep(0.01)
        await send(room, seat, "buy cocaine here, message me for price?", "c1")
        await receive(seat, "accepted", "c1")


async def test_a_rooms_own_words_are_taken_on_air(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Policy(add={"spam": {"rival": ["othermuseum"]}})
    async with on_air(tmp_path, monkeypatch) as (room, _):
        await room.start()
        seat = room.greet()
        await send(room, seat, "Is OtherMuseum better?", "c1")
        await receive(seat, "accepted", "c1")
        room.take_edits(room.settings.model_copy(update={"moderation": own}))
        async with asyncio.timeout(10):
            while room._judge._policy is not own:
                await asyncio.sleep(0.01)
        await send(room, seat, "Is OtherMuseum bigger?", "c2")
        assert (await receive(seat, "rejected", "c2"))["code"] == "not_taken"


async def test_a_bad_card_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _):
        assert await room._may_show(Card(title="Opening hours", text="Nine to five."))
        assert not await room._may_show(Card(title="出售枪支", text="加微信详谈，货到付款"))
