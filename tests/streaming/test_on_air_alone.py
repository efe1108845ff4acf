"""One room on air without its stage's process or any model: what it does when a part is late, missing or broken."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from knowledge.answer import Citation, Context, Refusal, Sentence
from streaming import cues, music, playout
from streaming.engines import Engines
from streaming.journal import Journal, entries, verified
from streaming.models.store import Store
from streaming.on_air import CUT_SHORT, NO_ANSWER, OnAir
from streaming.playout import Ended, Started
from streaming.questions import Question
from streaming.seat import Seat
from streaming.stage_process import StageProcess
from streaming.state.sqlite import Sqlite
from streaming.state.state import RoomState
from tests.streaming.settings import room_file
from tests.streaming.test_music import song

Answering = Callable[[str, Context], AsyncIterator[Sentence | Refusal]]


class Knowing:
    """An answerer made of one function."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    def answer(self, question: str, context: Context) -> AsyncIterator[Sentence | Refusal]:
        return self._answering(question, context)


async def cited(question: str, context: Context) -> AsyncIterator[Sentence | Refusal]:
    yield Sentence(f"{question} Six months.", (Citation(1, "Law", "Art. 19", "six months"),))


async def broken(question: str, context: Context) -> AsyncIterator[Sentence | Refusal]:
    if "later" in question:
        yield Sentence("It was.")
    if "broken" in question:
        raise KeyError(question)
    yield Sentence("Fine.")


@asynccontextmanager
async def on_air(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programme: dict[str, Any] | None = None, **hearing: Any
) -> AsyncIterator[tuple[OnAir, RoomState]]:
    monkeypatch.setattr(StageProcess, "start", lambda self: None)
    monkeypatch.setattr("streaming.stage_process.COMING_S", 0.01)
    settings = room_file(tmp_path, language="en", hearing=hearing, programme=programme)
    file = Sqlite(tmp_path / "state.sqlite")
    state = file.room(settings.id)
    journal = Journal(tmp_path)
    room = OnAir(settings, Engines(Store(tmp_path / "models"), [settings]), state, journal, dict, tmp_path / "speech")
    try:
        yield room, state
    finally:
        await room.close()
        file.close()
        journal.close()


async def ask(room: OnAir, seat: Seat, text: str, id: str) -> None:  # noqa: A002
    await room.receive(seat, json.dumps({"type": "ask", "id": id, "text": text}))


async def receive(seat: Seat, kind: str, id: str | None = None) -> dict[str, Any]:  # noqa: A002
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = json.loads(await seat.next())
            if message["type"] == kind and id in (None, message.get("id")):
                return message


async def test_a_question_waits_for_the_documents_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, state):
        # Asked before the restart; asked_at far ahead, so that it cannot expire whatever the clock says.
        state.record(Question("q1", "How long?", "en", "gone", "c1", "", 1e12), None)
        await room.start()
        seat = room.greet()
        await asyncio.sleep(0.05)
        assert room.core.current is not None
        assert room.core.current.sentences == []
        room.knows(Knowing(cited))
        done = await receive(seat, "answer.done")
        assert (done["question"], done["text"], done["refused"]) == ("q1", "How long? Six months.", False)
        assert done["citations"][0]["locator"] == "Art. 19"
        while room.core.current is not None:
            await asyncio.sleep(0.01)
        assert await state.unfinished() == []


async def test_documents_that_cannot_be_read_are_an_answer_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _):
        await room.start()
        room.knows(None)
        seat = room.greet()
        await ask(room, seat, "How long?", "c1")
        done = await receive(seat, "answer.done", "c1")
        assert (done["text"], done["refused"]) == (NO_ANSWER["en"], True)


async def test_an_error_nobody_foresaw_is_told_and_the_next_question_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _):
        await room.start()
        room.knows(Knowing(broken))
        seat = room.greet()
        await ask(room, seat, "Is it broken?", "c1")
        await ask(room, seat, "And this?", "c2")
        assert (await receive(seat, "answer.done", "c1"))["text"] == NO_ANSWER["en"]
        assert "KeyError" in caplog.text
        # Without a stage nothing is said, and that must not keep the room waiting either.
        assert (await receive(seat, "answer.done", "c2"))["text"] == "Fine."
        await ask(room, seat, "Is it broken later?", "c3")
        done = await receive(seat, "answer.done", "c3")
        assert (done["text"], done["refused"]) == (f"It was. {CUT_SHORT['en']}", False)


async def test_a_voice_that_breaks_does_not_silence_the_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def speak(*_: object) -> None:
        raise ZeroDivisionError

    async with on_air(tmp_path, monkeypatch) as (room, _):
        monkeypatch.setattr(Engines, "speak", speak)
        await room.start()
        room.knows(Knowing(cited))
        seat = room.greet()
        for name in ("c1", "c2"):
            await ask(room, seat, "How long?", name)
            await receive(seat, "speech.ended", name)
        assert caplog.text.count("is not spoken") == 2


class Told:
    """What a stage that only listens was told, and when (time.monotonic())."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[tuple[float, cues.Command]] = []

        def tell(_: StageProcess, command: cues.Command) -> bool:
            self.commands.append((time.monotonic(), command))
            return True

        monkeypatch.setattr(StageProcess, "tell", tell)

    def only(self, kind: type[Any]) -> list[Any]:
        return [command for _, command in self.commands if isinstance(command, kind)]

    async def until(self, kind: type[Any], number: int = 1) -> None:
        async with asyncio.timeout(10):
            while len(self.only(kind)) < number:
                await asyncio.sleep(0.01)


async def test_music_is_sent_as_it_is_heard_and_a_question_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(music, "BLOCK", 4800)
    monkeypatch.setattr(music, "AHEAD_S", 0.3)
    path = song(tmp_path / "a.ogg", 30.0, 48_000, "libopus")
    stage = Told(monkeypatch)
    async with on_air(tmp_path, monkeypatch, {"segments": {"song": {"music": path}}}) as (room, state):
        await room.start()
        room.knows(Knowing(cited))
        await stage.until(cues.Say)
        utterance = stage.only(cues.Say)[0].utterance
        room._hear_stage(Started(utterance, 10))
        assert room.core.state == "idle"
        await stage.until(cues.Say, 10)
        times = [at for at, command in stage.commands if isinstance(command, cues.Say)]
        assert all(0.1 * (k + 1) - (at - times[0]) < 0.35 for k, at in enumerate(times))
        seat = room.greet()
        await ask(room, seat, "How long?", "c1")
        await receive(seat, "answer.done", "c1")
        assert len(stage.only(cues.Hush)) == 1
        sent = len(stage.only(cues.Say))
        room._hear_stage(Ended(utterance, 40, hushed=True))
        await asyncio.sleep(0.3)
        assert len([one for one in stage.only(cues.Say) if one.utterance == utterance]) <= sent
        assert [one.text for one in await state.aired(0.0)] == ["♪ a.ogg"]


async def test_music_ends_and_what_cannot_be_read_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    short = song(tmp_path / "a.wav", 0.4)
    (tmp_path / "b.ogg").write_text("This is no music.")
    stage = Told(monkeypatch)
    segments = {"song": {"music": [short, tmp_path / "b.ogg"]}}
    async with on_air(tmp_path, monkeypatch, {"segments": segments, "pause_s": 0}) as (room, state):
        await room.start()
        for number in (1, 2):
            await stage.until(cues.Finish, number)
            if (says := stage.only(cues.Say)) and says[-1].utterance == stage.only(cues.Finish)[-1].utterance:
                room._hear_stage(Started(says[-1].utterance, 10))
            room._hear_stage(Ended(stage.only(cues.Finish)[-1].utterance, 40, hushed=False))
        assert caplog.text.count("is not played") == 1
        assert "b.ogg cannot be read as sound" in caplog.text
        assert {one.text for one in await state.aired(0.0)} == {"♪ a.wav", "♪ b.ogg"}


async def test_the_journal_tells_what_was_asked_answered_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _):
        await room.start()
        room.knows(Knowing(cited))
        seat = room.greet()
        await ask(room, seat, "How long?", "c1")
        done = await receive(seat, "answer.done", "c1")
        room._hear_stage(playout.Captioned(done["question"], "How long? Six months.", 48, 96))
        while room.core.current is not None:
            await asyncio.sleep(0.01)
    assert verified(tmp_path).problems == []
    opened, asked, sentence, said, outcome = entries(tmp_path)
    kinds = [one["what"] for one in (opened, asked, sentence, said, outcome)]
    assert kinds == ["opened", "question", "sentence", "said", "outcome"]
    assert (sentence["id"], sentence["by"], sentence["sources"]) == (done["question"], "model", [1])
    assert len(opened["settings"]) == len(opened["host"]["sha256"]) == 64
    assert (asked["id"], asked["text"], asked["tries"]) == (done["question"], "How long?", 1)
    assert seat.viewer not in json.dumps([asked, outcome])
    assert (said["utterance"], said["text"]) == (done["question"], "How long? Six months.")
    assert (outcome["id"], outcome["outcome"]) == (done["question"], "answered")
    assert outcome["citations"][0]["locator"] == "Art. 19"
