"""What a room must not forget: the same of real SQLite files and of a real Redis, closed and opened again."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
from redis.asyncio import Redis

from streaming import protocol as say
from streaming.mutes import FORGIVEN_S, Muted
from streaming.programme.schedule import Aired
from streaming.questions import Question
from streaming.state.redis import RedisRoom, connected, key
from streaming.state.sqlite import Sqlite
from streaming.state.state import Desk, RoomState
from tests.streaming.redis_server import redis_server


def question(id: str, asked_at: float = 1.0) -> Question:  # noqa: A002
    return Question(id, "试用期最长多久？", "zh", "v1", "c1", "小王", asked_at)


class Opening(Protocol):
    """A room's state; opened twice, it is known what was written before."""

    def __call__(self, room: str = "law") -> "AsyncIterator[RoomState]": ...


class SqliteOpening:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "data" / "state.sqlite"

    @asynccontextmanager
    async def __call__(self, room: str = "law") -> AsyncIterator[RoomState]:
        file = Sqlite(self._path)
        try:
            yield file.room(room)
        finally:
            file.close()


class RedisOpening:
    """Each time with another epoch, as another owner would."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._epoch = 0

    @asynccontextmanager
    async def __call__(self, room: str = "law") -> AsyncIterator[RoomState]:
        async with connected(self._url) as redis:
            self._epoch += 1
            await own(redis, room, self._epoch)
            kept = RedisRoom(redis, room, self._epoch)
            await kept.unfinished()
            try:
                yield kept
            finally:
                await kept.close()


async def own(redis: Redis, room: str, epoch: int) -> None:
    await redis.hset(key(room, "lease"), mapping={"gateway": "me", "epoch": str(epoch)})


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.real)])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opening:
    if request.param == "sqlite":
        return SqliteOpening(tmp_path)
    url: str = request.getfixturevalue("redis_url")
    async with connected(url) as redis:
        await redis.flushall()
    return RedisOpening(url)


async def test_accepted_questions_survive_in_the_order_they_were_asked(opened: Opening) -> None:
    async with opened("law") as law, opened("museum") as museum:
        for name, at in (("q2", 2.0), ("q1", 1.0), ("q3", 3.0)):
            law.record(question(name, at), None)
        museum.record(question("q4"), None)
        law.record(question("q3", 3.0), "answered")
        left = await law.unfinished()
        assert [one.id for one in await museum.unfinished()] == ["q4"]
    async with opened("law") as again:
        assert await again.unfinished() == left
    assert [one.id for one in left] == ["q1", "q2"]
    assert (left[0].text, left[0].language, left[0].name, left[0].asked_at) == ("试用期最长多久？", "zh", "小王", 1.0)
    assert (left[0].viewer, left[0].client_id) == ("v1", "c1")  # whoever asked may come back


async def test_what_a_programme_said_is_known_after_a_restart_and_forgotten_in_time(opened: Opening) -> None:
    said = [Aired("talk", 0, k, f"Sentence {k}.", 100.0 + k) for k in range(4)]
    twice = Aired("talk", 0, 3, "Sentence 3.", 103.0)
    async with opened("law") as law, opened("museum") as museum:
        for one in (*said, twice):
            law.air(one)
        museum.air(Aired("", 0, -1, "Where were we?", 103.0, "bronze"))
        await museum.aired(0.0)
    async with opened("law") as law:
        assert await law.aired(102.0) == [*said[2:], twice]
        assert await law.aired(0.0) == [*said[2:], twice]
    async with opened("museum") as museum:
        assert [one.storyline for one in await museum.aired(0.0)] == ["bronze"]


async def test_how_a_question_waits_is_kept(opened: Opening) -> None:
    async with opened() as state:
        one = question("q1")
        state.record(one, None)
        one.tries, one.held, one.pinned, one.reply = 1, True, True, "两个月。"
        state.record(one, None)
        assert await state.unfinished() == [one]


async def test_the_last_that_ended(opened: Opening) -> None:
    async with opened() as state:
        for k, outcome in enumerate(("answered", "skipped", "refused")):
            one = question(f"q{k}")
            one.sentences += ["[点头]好。"] if outcome != "skipped" else []
            one.citations.append(say.Cited(1, "Law", "Art. 1", "quote"))
            state.record(one, None)
            state.record(one, outcome)
        found = await state.ended(0.0, 2)
        assert [(one.id, outcome) for one, outcome, _ in found] == [("q2", "refused"), ("q1", "skipped")]
        last, _, _ = found[0]
        assert (last.answer, last.refused, last.citations[0].title) == ("好。", True, "Law")
        assert await state.ended(1e12, 9) == []


async def test_closing_loses_nothing_that_was_recorded(opened: Opening) -> None:
    async with opened() as state:
        for n in range(300):
            state.record(question(f"q{n:03}"), None)
    async with opened() as state:
        assert len(await state.unfinished()) == 300


async def test_a_question_has_one_outcome_and_its_answer(opened: Opening) -> None:
    one = question("q1")
    one.sentences += ["第一句。", "第二句。"]
    one.citations.append(say.Cited(1, "劳动合同法", "第十九条", "试用期不得超过六个月"))
    async with opened() as state:
        state.record(one, None)
        state.record(one, "answered")
        state.record(one, "skipped")
        state.record(one, None)
        assert await state.unfinished() == []
    async with opened() as state:
        assert await state.unfinished() == []
        [(ended, outcome, _)] = await state.ended(0.0, 9)
    assert (ended.id, outcome, ended.answer) == ("q1", "answered", "第一句。第二句。")
    assert ended.citations == one.citations


async def test_who_is_muted_and_what_is_switched(opened: Opening) -> None:
    now = 1e6 + FORGIVEN_S
    for_now, graded = Muted("v1", now + 60), Muted("v2", now - 60, 2, "spam.link", "I am sorry")
    async with opened() as state:
        assert await state.desk() == Desk()
        state.mute(Muted("gone", now - 1))
        state.mute(Muted("forgiven", 1e6, 1))
        state.mute(graded)
        state.mute(Muted("v1", now + 1))
        state.mute(for_now)
        state.switch(paused=True, cut=False)
        state.is_on_air(5.5)
        await state.desk()
    async with opened() as state:
        assert sorted(await state.muted(now), key=lambda one: one.viewer) == [for_now, graded]
        assert await state.muted(now + FORGIVEN_S) == []
        assert await state.desk() == Desk(paused=True, cut=False, on_air_at=5.5)
        state.switch(paused=False, cut=True)
        assert await state.desk() == Desk(paused=False, cut=True, on_air_at=5.5)


def test_what_is_kept_is_text() -> None:
    """Nothing of a question is lost on its way to JSON and back."""
    one = question("q1")
    one.tries, one.held, one.pinned, one.reply, one.flagged = 2, True, True, "好", "spam.link"
    from streaming.state import redis

    assert redis._question(json.loads(redis._json(redis._asked(one)))) == one
