"""Comments of a live platform: what its bridge posts, and what the room makes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException

from streaming import actions as do
from streaming import meanwhile
from streaming import protocol as say
from streaming.announcing import READ_OUT
from streaming.comment import MOST, Comment, Seen
from streaming.comments import add_comments
from streaming.on_air import OnAir
from streaming.operator import Operators
from streaming.room import Room
from tests.streaming.settings import room_file
from tests.streaming.test_on_air_alone import Knowing, cited, on_air, receive
from tests.streaming.test_room import ask, only, told

COMMENT = {"platform": "bilibili", "id": "m1", "author": "42", "name": "小王", "text": "试用期最长多久？"}


def comment(**changes: Any) -> dict[str, Any]:
    return {**COMMENT, **changes}


@asynccontextmanager
async def bridge(room: OnAir, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    def find(name: str) -> OnAir:
        if name != "test":
            raise HTTPException(404, f"there is no room '{name}' here")
        return room

    app = FastAPI()
    operators = Operators(tmp_path)
    add_comments(app, find, operators)
    headers = {"Authorization": f"Bearer {operators.file.read_text().strip()}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://room", headers=headers) as client:
        yield client


async def post(client: httpx.AsyncClient, *comments: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.post("/rooms/test/comments", json=list(comments))
    assert answer.status_code == 202, answer.text
    outcomes: list[dict[str, Any]] = answer.json()["comments"]
    return outcomes


async def test_a_question_among_the_comments_is_answered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _), bridge(room, tmp_path) as client:
        await room.start()
        room.knows(Knowing(cited))
        seat = room.greet()
        outcomes = await post(client, comment(id="m0", text="666"), comment(), comment())
        assert [one["outcome"] for one in outcomes] == ["passed", "accepted", "repeated"]
        asked = await receive(seat, "question")
        assert (asked["question"], asked["text"], asked["name"]) == (
            outcomes[1]["question"],
            "试用期最长多久？",
            "小王",
        )
        done = await receive(seat, "answer.done")
        assert done["question"] == outcomes[1]["question"]
        assert (await post(client, comment()))[0]["outcome"] == "repeated"


async def test_after_a_restart_a_comment_that_comes_again_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _), bridge(room, tmp_path) as client:
        await room.start()
        await post(client, comment())
    async with on_air(tmp_path, monkeypatch) as (room, _), bridge(room, tmp_path) as client:
        await room.start()
        outcomes = await post(client, comment(), comment(platform="douyin", author="43", text="押金不退怎么办？"))
        assert [one["outcome"] for one in outcomes] == ["repeated", "accepted"]


def test_only_the_last_comments_are_known() -> None:
    seen = Seen(2)
    for name in ("m1", "m2", "m3"):
        seen.add("bilibili", name)
    assert Comment(**comment(id="m1")) not in seen
    assert Comment(**comment(id="m2")) in seen


async def test_a_gift_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _), bridge(room, tmp_path) as client:
        outcomes = await post(client, comment(id="g1", kind="gift", gift="rose"), comment(id="e1", kind="enter"))
        assert [one["outcome"] for one in outcomes] == ["noted", "noted"]
        speak = room._speech.get_nowait()
        assert isinstance(speak, do.Speak)
        assert "rose" in speak.text


async def test_one_comment_needs_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _), bridge(room, tmp_path) as client:
        answer = await client.post("/rooms/test/comments", json=COMMENT)
        assert answer.json()["comments"][0]["outcome"] == "accepted"


async def test_who_asks_too_much_is_told_and_may_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _), bridge(room, tmp_path) as client:
        outcomes = await post(client, *(comment(id=f"m{k}") for k in range(5)))
        assert [one["outcome"] for one in outcomes] == [*["accepted"] * 4, "rejected"]
        assert outcomes[4]["code"] == "too_many"
        assert (await post(client, comment(id="m9", author="43")))[0]["outcome"] == "accepted"
        assert (await post(client, comment(id="m4")))[0]["outcome"] == "rejected"  # not “repeated”


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[", "JSON"),
        (b"[]", "at least 1"),
        (b'{"platform": "bilibili"}', "0.id"),
        (b'[{"platform": "Bili Bili", "id": "1", "author": "2", "text": "?"}]', "0.platform"),
        (b'"' + b"x" * 10 + b'"', "0"),
        (b" " * 1_000_001, "comments at once"),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, said: str
) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _), bridge(room, tmp_path) as client:
        answer = await client.post("/rooms/test/comments", content=body)
        assert answer.status_code in (413, 422)
        assert said in answer.text
        too_many = await client.post("/rooms/test/comments", json=[comment(id=f"m{k}") for k in range(MOST + 1)])
        assert too_many.status_code == 422


async def test_only_an_operators_bridge_may_post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _), bridge(room, tmp_path) as client:
        stranger = await client.post("/rooms/test/comments", json=COMMENT, headers={"Authorization": "Bearer no"})
        assert stranger.status_code == 401
        assert (await client.post("/rooms/other/comments", json=COMMENT)).status_code == 404
        assert room.core.waiting == 0


# What is said on air


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("试用期最长多久？", "小王", "小王问：试用期最长多久？"),
        ("试用期最长多久？", "", "有位朋友问：试用期最长多久？"),
        ("房东说" * READ_OUT + "怎么办？", "小王", "小王有个问题，我来回答。"),
        ("How long may it be?", "Ann", "Ann asked: How long may it be?"),
    ],
)
def test_a_comment_is_read_out_while_its_answer_is_thought_of(text: str, name: str, said: str) -> None:
    room = Room(room_file(), 0.0)
    actions = room.commented("bilibili:42", say.Ask(type="ask", id="m1", text=text, name=name), 1.0)
    (start,) = only(do.Answer, actions)
    (line,) = only(do.Speak, actions)
    assert (line.text, line.optional) == (said, False)
    room.speech_started(line.utterance, 1.1)
    assert only(do.Speak, room.tick(3.0)) == []  # instead of an acknowledgement
    room.speech_ended(line.utterance, 4.0)
    assert only(do.Speak, room.tick(5.0)) == []
    (reassurance,) = only(do.Speak, room.tick(4.1 + meanwhile.REASSURE_S))
    assert reassurance.optional
    assert room.current is start.question


@pytest.mark.parametrize("text", ["666", "哈哈哈", "主播好漂亮", "Hello from Berlin!", "+1", ""])
def test_what_asks_nothing_is_let_pass(text: str) -> None:
    room = Room(room_file(), 0.0)
    assert room.commented("bilibili:42", ask(text), 1.0) == []


def test_a_viewers_own_question_is_not_read_out() -> None:
    room = Room(room_file(), 0.0)
    actions = room.asked("v1", ask(), 1.0)
    assert only(do.Speak, actions) == []
    assert told(say.Accepted, actions, "v1")


def test_who_asks_the_same_is_answered_with_the_first() -> None:
    room = Room(room_file(), 0.0)
    room.asked("v1", ask(), 1.0)
    first = room.commented("bilibili:1", say.Ask(type="ask", id="m1", text="房东不退押金怎么办？", name="小王"), 1.0)
    for k in (2, 3):
        again = say.Ask(type="ask", id=f"m{k}", text="房东不退押金，怎么办", name="小李")
        (accepted,) = told(say.Accepted, room.commented(f"bilibili:{k}", again, 1.0), f"bilibili:{k}")
        assert accepted.question == only(do.Record, first)[0].question.id
        assert accepted.position == 2
    assert room.waiting == 1
    assert room.current
    actions = room.interrupt("v1", "c1", 2.0) + room.tick(10.0)
    assert [one.text for one in only(do.Speak, actions)] == ["小王和另外2位朋友问：房东不退押金怎么办？"]


def test_who_asks_twice_is_no_two() -> None:
    room = Room(room_file(), 0.0)
    room.asked("v1", ask(), 1.0)
    for k in range(2):
        room.commented("bilibili:1", say.Ask(type="ask", id=f"m{k}", text="房东不退押金怎么办？"), 1.0)
    assert room.waiting == 2
