"""An operator's desk: what the room does at their word; the doors over HTTP, and whose token opens which."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from streaming import actions as do
from streaming import protocol as say
from streaming import tokens
from streaming.cli import main
from streaming.errors import EverhostError
from streaming.mutes import Muted
from streaming.on_air import OnAir
from streaming.operator import VARIABLE
from streaming.questions import Question
from streaming.room import PAUSE_S, Room
from tests.streaming.settings import room_file
from tests.streaming.test_gateway import gateway, receive
from tests.streaming.test_room import answer_all, ask, only, told
from tests.streaming.test_room_programme import MONDAY, says
from tests.streaming.test_room_programme import make as with_programme

TOKEN = "open-sesame"  # noqa: S105 (of this test)


def make(**changes: Any) -> Room:
    return Room(room_file(**changes), 0.0)


def waiting(room: Room) -> list[str]:
    return [one.text for one in room.questions.in_order(0.0)]


def asked(room: Room, viewer: str, text: str, now: float = 1.0) -> Question:
    record, *_ = only(do.Record, room.asked(viewer, ask(text, f"c{text}"), now))
    return record.question


# The room


def test_where_an_operator_approves_first_nobody_else_sees_a_question_before() -> None:
    room = make(approve_first=True)
    actions = room.asked("v1", ask("押金怎么退？"), 1.0)
    assert told(say.Held, actions, "v1")
    assert not told(say.Asked, actions)
    assert not only(do.Answer, room.tick(5.0))
    [record] = only(do.Record, actions)
    actions = room.decide(record.question.id, "approve", 6.0) or []
    assert told(say.Asked, actions)[0].text == "押金怎么退？"
    assert only(do.Answer, actions)


def test_what_no_operator_let_pass_is_the_askers_business_alone() -> None:
    room = make(approve_first=True)
    question = asked(room, "v1", "押金怎么退？")
    actions = room.decide(question.id, "skip", 2.0) or []
    assert told(say.Skipped, actions, "v1")
    assert not told(say.Skipped, actions)
    assert [record.outcome for record in only(do.Record, actions)] == ["skipped"]


def test_hold_pin_and_skip() -> None:
    room = make()
    on_air = asked(room, "v0", "第一问？")
    a, b, c = (asked(room, f"v{k}", f"问题{k}？", 1.0 + k) for k in range(1, 4))
    room.decide(c.id, "pin", 5.0)
    held = room.decide(a.id, "hold", 5.0) or []
    assert told(say.Held, held, "v1")
    assert room.decide(a.id, "hold", 5.0) == []
    assert waiting(room) == ["问题3？", "问题2？", "问题1？"]
    dropped = room.decide(on_air.id, "skip", 6.0) or []
    assert do.Stop() in dropped
    (start,) = only(do.Answer, room.tick(8.0))
    assert start.question is c
    assert room.decide(b.id, "skip", 8.0)
    assert room.decide(b.id, "skip", 8.0) is None
    assert room.decide("q0", "approve", 8.0) is None
    answer_all(room, c, 9.0)
    assert not only(do.Answer, room.tick(20.0))
    assert only(do.Answer, room.decide(a.id, "approve", 21.0) or [])


def test_an_operator_answers_in_their_own_words() -> None:
    room = make()
    asked(room, "v0", "第一问？")
    question = asked(room, "v1", "今天几点下播？")
    room.decide(question.id, "answer", 2.0, "[微笑]我不下播。")
    assert room.current is not None
    actions = answer_all(room, room.current, 3.0) + room.tick(3 + 3 + PAUSE_S + 0.1)
    assert not [one for one in only(do.Answer, actions) if one.question is question]
    (done,) = [m for m in told(say.AnswerDone, actions, "v1") if m.question == question.id]
    assert (done.text, done.citations) == ("我不下播。", ())
    assert [s.text for s in only(do.Speak, actions)][-1] == "[微笑]我不下播。"


def test_an_announcement_waits_for_the_sentence_and_comes_before_questions() -> None:
    room = with_programme()
    (line,) = only(do.Speak, room.tick(MONDAY + 1))
    room.speech_started(line.utterance, MONDAY + 1.1)
    assert says(room.announce("Ten minutes to the quiz.", "en", MONDAY + 1.5, at_once=False)) == []
    room.asked("v1", ask(), MONDAY + 1.6)
    assert room.current is None
    actions = room.speech_ended(line.utterance, MONDAY + 2)
    assert says(actions) == ["Ten minutes to the quiz."]
    assert only(do.Air, actions)
    (spoken,) = only(do.Speak, actions)
    room.speech_started(spoken.utterance, MONDAY + 2)
    actions = room.speech_ended(spoken.utterance, MONDAY + 4) + room.tick(MONDAY + 5)
    assert only(do.Answer, actions)


def test_an_announcement_at_once_takes_the_place_of_an_answer() -> None:
    room = make()
    question = asked(room, "v1", "第一问？")
    actions = room.announce("各位请注意。", "zh", 2.0, at_once=True)
    assert do.Stop() in actions
    assert [(r.question.id, r.outcome) for r in only(do.Record, actions)] == [(question.id, "skipped")]
    assert says(actions) == ["各位请注意。"]


def test_a_paused_room_takes_questions_and_begins_nothing() -> None:
    room = with_programme()
    (line,) = only(do.Speak, room.tick(MONDAY + 1))
    room.speech_started(line.utterance, MONDAY + 1.1)
    assert do.Keep(paused=True, cut=False) in room.pause(True, MONDAY + 1.2)
    assert told(say.Accepted, room.asked("v1", ask(), MONDAY + 2), "v1")
    room.speech_ended(line.utterance, MONDAY + 3)
    assert says(room.tick(MONDAY + 30)) == []
    assert says(room.announce("Back soon.", "en", MONDAY + 31, at_once=False)) == ["Back soon."]
    room.speech_ended("r2", MONDAY + 33)
    assert only(do.Answer, room.tick(MONDAY + 40)) == []
    assert only(do.Answer, room.pause(False, MONDAY + 41))


def test_off_the_air_at_once_and_on_it_again() -> None:
    room = with_programme()
    (line,) = only(do.Speak, room.tick(MONDAY + 1))
    room.speech_started(line.utterance, MONDAY + 1.1)
    actions = room.cut_off(True, MONDAY + 1.5)
    assert actions[0] == do.Slate(True)  # before anything else
    assert {do.Stop(), do.Keep(paused=False, cut=True)} <= set(actions)
    room.asked("v1", ask(), MONDAY + 2)
    assert says(room.tick(MONDAY + 60)) == []
    assert says(room.announce("Hello.", "en", MONDAY + 60, at_once=True)) == []
    room.cut_off(True, MONDAY + 61)
    actions = room.cut_off(False, MONDAY + 62)
    assert actions[0] == do.Slate(False)
    assert only(do.Answer, actions)


def test_the_next_segment() -> None:
    room = with_programme({"a": {"script": "One. Two."}, "b": {"script": "Three. Four."}})
    (first,) = only(do.Speak, room.tick(MONDAY + 1))
    room.speech_started(first.utterance, MONDAY + 1.1)
    segment = room.segment
    assert segment in ("a", "b")
    actions = room.next_segment(MONDAY + 2)
    assert do.Stop() in actions
    assert says(actions) == [{"One.": "Three.", "Three.": "One."}[first.text]]
    assert room.segment != segment


def test_the_muted_are_dropped_and_nobody_else() -> None:
    room = make()
    asked(room, "v0", "第一问？")
    theirs, other = asked(room, "v1", "我的问题？"), asked(room, "v2", "别的问题？")
    actions = room.mute("v1", 100.0, 2.0)
    assert do.Mute(Muted("v1", 100.0)) in actions
    assert [r.question for r in only(do.Record, actions)] == [theirs]
    assert list(room.questions) == [other]
    assert told(say.Rejected, room.asked("v1", ask("还在吗？"), 3.0), "v1")[0].code == "muted"


def test_who_withdraws_leaves_the_question_to_those_who_asked_the_same() -> None:
    room = make()
    asked(room, "v0", "第一问？")
    lead = asked(room, "v1", "押金怎么退？")
    joined = asked(room, "v2", "请问押金怎么退呢")
    assert [one.id for one in lead.joined] == [joined.id]
    actions = room.interrupt("v1", lead.client_id or "", 2.0)
    assert [(r.question.id, r.outcome) for r in only(do.Record, actions)] == [(lead.id, "skipped")]
    assert told(say.Accepted, actions, "v2")[0].question == joined.id
    assert list(room.questions) == [joined]


def test_all_who_asked_the_same_are_told_and_recorded() -> None:
    room = make()
    lead = asked(room, "v1", "押金怎么退？")
    second = asked(room, "v2", "押金怎么退")
    assert room.current is lead
    actions = answer_all(room, lead, 2.0)
    assert {(r.question.id, r.outcome) for r in only(do.Record, actions)} == {
        (lead.id, "answered"),
        (second.id, "answered"),
    }
    for viewer, own in (("v1", lead.client_id), ("v2", second.client_id)):
        assert [m.id for m in told(say.AnswerDone, actions, viewer)] == [own]
    (everybody,) = [a for a in only(do.Tell, actions) if a.viewer is None and isinstance(a.message, say.AnswerDone)]
    assert everybody.but == {"v1", "v2"}
    assert second.answer == lead.answer


def test_a_question_that_was_begun_twice_before_a_restart_is_given_up() -> None:
    room = make()
    tired = Question("q1", "第一问？", "zh", None, None, "", 1.0, tries=2)
    fresh = Question("q2", "第二问？", "zh", None, None, "", 1.0, tries=1)
    actions = room.restore([tired, fresh], 2.0)
    ended = [(r.question.id, r.outcome) for r in only(do.Record, actions) if r.outcome]
    assert ended == [("q1", "failed")]
    assert only(do.Answer, actions)[0].question.tries == 2


def test_after_a_break_the_host_says_so() -> None:
    room = make()
    assert says(room.came_back(1.0)) == [room._settings.host.cut_off["zh"]]


# Tokens


def test_tokens_are_given_kept_as_hashes_and_taken_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["token", "--data", str(tmp_path)]
    assert main([*data, "add", "mei", "--role", "moderator"]) == 0
    token = capsys.readouterr().out.strip()
    assert len(token) > 40
    file = tmp_path / tokens.FILE
    assert token not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert main([*data, "add", "mei", "--role", "bridge"]) == 2
    assert "already" in capsys.readouterr().err
    assert main([*data, "add", "m/ei", "--role", "bridge"]) == 2
    assert main([*data, "list"]) == 0
    assert "moderator" in capsys.readouterr().out
    assert main([*data, "remove", "you"]) == 2
    assert "there are: mei" in capsys.readouterr().err
    assert main([*data, "remove", "mei"]) == 0
    assert tokens.given(tmp_path) == []


@pytest.mark.parametrize(
    "content", ["nonsense", '[{"name": "x"}]', '[{"name":"x","role":"king","sha256":"","made_at":0}]']
)
def test_a_damaged_file_of_tokens_says_so(tmp_path: Path, content: str) -> None:
    (tmp_path / tokens.FILE).write_text(content)
    with pytest.raises(EverhostError, match=tokens.FILE):
        tokens.given(tmp_path)


# Over HTTP


@asynccontextmanager
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[httpx.AsyncClient, OnAir, str]]:
    monkeypatch.setenv(VARIABLE, TOKEN)
    async with gateway(tmp_path) as (address, house):
        [room] = house.rooms.values()
        monkeypatch.setattr(room, "_answer", lambda question: asyncio.sleep(0))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=f"http://{address}/rooms/test", headers=headers) as client:
            yield client, room, address


async def test_what_an_operator_sees_and_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path, monkeypatch) as (client, room, address):
        async with websockets.connect(f"ws://{address}/rooms/test/ws") as socket:
            await receive(socket, "welcome")
            for k in range(3):
                await socket.send(json.dumps({"type": "ask", "id": f"c{k}", "text": f"第 {k} 个问题？", "name": "王"}))
                await receive(socket, "accepted")
            shown = (await client.get("/desk")).json()
            assert shown["current"]["text"] == "第 0 个问题？"
            assert [one["text"] for one in shown["waiting"]] == ["第 1 个问题？", "第 2 个问题？"]
            last = shown["waiting"][1]
            pinned = await client.post(f"/questions/{last['question']}", json={"decision": "pin"})
            assert [one["pinned"] for one in pinned.json()["waiting"]] == [True, False]
            assert (await receive(socket, "waiting"))["position"] == 2
            await client.post(f"/questions/{last['question']}", json={"decision": "hold"})
            assert (await receive(socket, "held"))["id"] == "c2"
            muted = await client.put(f"/muted/{last['viewer']}", json={"minutes": 5})
            assert [one["viewer"] for one in muted.json()["muted"]] == [last["viewer"]]
            assert (await receive(socket, "skipped"))["reason"] == "muted"
            await socket.send(json.dumps({"type": "ask", "id": "c9", "text": "还在吗？"}))
            assert (await receive(socket, "rejected"))["code"] == "muted"
            assert (await client.delete(f"/muted/{last['viewer']}")).json()["muted"] == []
            assert (await client.delete(f"/muted/{last['viewer']}")).status_code == 404
        ended = (await client.get("/questions", params={"limit": 1})).json()
        assert [(one["outcome"], one["name"]) for one in ended] == [("skipped", "王")]
        assert (await client.patch("/desk", json={"paused": True})).json()["paused"]
        assert room.core.paused
        said = await client.post("/announcements", json={"text": "大家好。"})
        assert said.status_code == 202


PROGRAMME = {
    "segments": {
        "quiz": {"quiz": {"question": "多少天？", "answer": "三十天。", "accept": 30}},
        "tour": {"script": "第一句。第二句。", "weight": 0},
    },
    "storylines": {"tour": {"title": "讲解", "segments": ["tour"]}},
    "storylines_by": "viewers",
}


async def test_a_storyline_is_chosen_at_the_desk_and_on_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path, monkeypatch) as (client, room, address), viewer_of(address) as socket:
        welcome = await receive(socket, "welcome")
        assert (welcome["storylines"]["offered"], welcome["storylines"]["current"]) == ([], None)
        path = "/programme/storyline"
        missing = await client.put(path, json={"storyline": "tour"})
        assert (missing.status_code, "there are: none" in missing.json()["detail"]) == (404, True)
        room.take_edits(room_file(tmp_path, programme=PROGRAMME))
        chosen = (await client.put(path, json={"storyline": "tour"})).json()
        assert (chosen["storyline"], chosen["storylines"]) == ("tour", ["tour"])
        shown = await receive(socket, "storylines")
        assert shown["current"] == "tour"
        assert shown["offered"] == [{"name": "tour", "title": {"zh": "讲解", "en": "讲解"}}]
        assert (await client.get("/desk")).json()["storyline"] == "tour"
        await socket.send(json.dumps({"type": "choose", "id": "s1", "storyline": None}))
        assert (await receive(socket, "rejected"))["code"] == "too_fast"
        assert (await client.put(path, json={"storyline": None})).json()["storyline"] is None
        await socket.send(json.dumps({"type": "choose", "id": "s2", "storyline": "tour"}))
        while (await receive(socket, "storylines"))["current"] != "tour":
            pass
        assert (await client.put(path, json={"storyline": "x" * 41})).status_code == 422


async def test_a_platforms_right_guess_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path, monkeypatch) as (client, room, _):
        room.take_edits(room_file(tmp_path, programme=PROGRAMME))
        assert room._programme is not None
        assert room._programme.line(time.time())
        room._programme.ended(time.time())
        comments = [
            {"platform": "x", "id": text, "author": text, "text": text} for text in ("三十天", "十天", "怎么离婚？")
        ]
        posted = await client.post("/comments", json=comments)
        assert [one["outcome"] for one in posted.json()["comments"]] == ["noted", "passed", "accepted"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/questions/q1", {"decision": "approve"}, 404, "may have been answered"),
        ("POST", "/questions/q1", {"decision": "burn"}, 422, "decision"),
        ("POST", "/questions/q1", {"decision": "answer"}, 422, "'text' goes with"),
        ("POST", "/questions/q1", {"decision": "skip", "text": "x"}, 422, "'text' goes with"),
        ("PATCH", "/desk", {"paused": "perhaps"}, 422, "paused"),
        ("PATCH", "/desk", {"stop": True}, 422, "stop"),
        ("PATCH", "/desk", [1], 422, "body"),
        ("PUT", "/muted/v1", {"minutes": 0}, 422, "minutes"),
        ("POST", "/announcements", {"text": " "}, 422, "text"),
        ("POST", "/announcements", {"text": "x" * 2001}, 422, "text"),
        ("GET", "/questions?limit=0", None, 422, "limit"),
    ],
)
async def test_what_is_not_understood_is_pointed_out(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    body: Any,
    status: int,
    says: str,
) -> None:
    async with desk(tmp_path, monkeypatch) as (client, _, _):
        answer = await client.request(method, path, json=body)
        assert (answer.status_code, says in answer.json()["detail"]) == (status, True), answer.text


async def test_a_token_opens_what_its_role_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path, monkeypatch) as (client, _, _):
        comment = {"platform": "x", "id": "1", "author": "2", "text": "ok"}
        doors = [
            ("POST", "/comments", comment, 202),
            ("GET", "/desk", None, 200),
            ("PATCH", "/desk", {"cut": True}, 200),
            ("PATCH", "/desk", {"cut": False}, 200),
            ("POST", "/programme/next", None, 200),
            ("PUT", "/programme/storyline", {"storyline": None}, 200),
            ("POST", "/announcements", {"text": "Hi."}, 202),
            ("GET", "/documents", None, 503),
        ]
        opened: dict[str, int] = {"bridge": 1, "moderator": 6, "operator": 8}
        for role, count in opened.items():
            token = tokens.give(tmp_path, f"a-{role}", role)  # type: ignore[arg-type]
            os.utime(tmp_path / tokens.FILE, (time.time(), time.time() + count))  # within one tick of the file's clock
            headers = {"Authorization": f"Bearer {token}"}
            got = [
                (await client.request(m, path, json=body, headers=headers)).status_code for m, path, body, _ in doors
            ]
            assert got == [status if k < count else 403 for k, (_, _, _, status) in enumerate(doors)]
        refused = await client.post("/questions/q1", json={"decision": "answer", "text": "x"}, headers=headers)
        assert refused.status_code == 404
        tokens.take_back(tmp_path, "a-operator")
        os.utime(tmp_path / tokens.FILE, (time.time(), time.time() + 9))
        assert (await client.get("/desk", headers=headers)).status_code == 401


async def test_off_the_air_nothing_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path, monkeypatch) as (client, _, _):
        await client.patch("/desk", json={"cut": True})
        refused = await client.post("/announcements", json={"text": "Hello."})
        assert (refused.status_code, "cut: false" in refused.json()["detail"]) == (409, True)


async def test_what_an_operator_switched_and_who_is_muted_outlives_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as (client, _, _):
        await client.patch("/desk", json={"paused": True, "cut": True})
        await client.put("/muted/v1", json={"minutes": 5})
    async with desk(tmp_path, monkeypatch) as (_, room, _):
        left, _ = await room._remember()
        assert (left.paused, left.cut) == (True, True)
        assert (room.core.paused, room.core.cut) == (True, True)
        assert [one.viewer for one in room.core.door.mutes.now(time.time())] == ["v1"]


async def test_who_comes_back_is_who_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after everhost itself was killed: what they asked finds them."""
    async with desk(tmp_path, monkeypatch) as (_, _, address), viewer_of(address) as socket:
        viewer = (await receive(socket, "welcome"))["viewer"]
        for name in ("c1", "c2"):
            await socket.send(json.dumps({"type": "ask", "id": name, "text": f"{name} 是什么？"}))
            await receive(socket, "accepted")
    async with desk(tmp_path, monkeypatch) as (client, room, address), viewer_of(address, viewer) as socket:
        assert (await receive(socket, "welcome"))["viewer"] == viewer
        for other in (viewer, "admin"):
            async with viewer_of(address, other) as made_up:
                assert (await receive(made_up, "welcome"))["viewer"] not in (viewer, "admin")
        room.perform(room.core.restore(await room._state.unfinished(), time.time()))
        [second] = (await client.get("/desk")).json()["waiting"]
        await client.post(f"/questions/{second['question']}", json={"decision": "skip"})
        assert (await receive(socket, "skipped"))["id"] == "c2"


def viewer_of(address: str, viewer: str = "") -> websockets.connect:
    return websockets.connect(f"ws://{address}/rooms/test/ws?viewer={viewer}")
