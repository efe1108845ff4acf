"""One room on air without its stage's process or any model: what it does when a part is late, missing or broken."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from knowledge.answer import Citation, Context, Refusal, Sentence
from streaming.engines import Engines
from streaming.models.store import Store
from streaming.on_air import CUT_SHORT, NO_ANSWER, OnAir, Seat
from streaming.questions import Question
from streaming.stage_process import StageProcess
from streaming.state import State
from tests.streaming.settings import room_file

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
async def on_air(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **hearing: Any) -> AsyncIterator[tuple[OnAir, State]]:
    monkeypatch.setattr(StageProcess, "start", lambda self: None)
    monkeypatch.setattr("streaming.stage_process.COMING_S", 0.01)
    settings = room_file(tmp_path, language="en", hearing=hearing)
    state = State(tmp_path / "state.sqlite")
    room = OnAir(settings, Engines(Store(tmp_path / "models"), [settings]), state, dict, tmp_path / "speech")
    try:
        yield room, state
    finally:
        await room.close()
        state.close()


def ask(room: OnAir, seat: Seat, text: str, id: str) -> None:  # noqa: A002
    room.receive(seat, json.dumps({"type": "ask", "id": id, "text": text}))


async def receive(seat: Seat, kind: str, id: str | None = None) -> dict[str, Any]:  # noqa: A002
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = json.loads(await seat.outbox.get())
            if message["type"] == kind and id in (None, message.get("id")):
                return message


async def test_a_question_waits_for_the_documents_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, state):
        # Asked before the restart; asked_at far ahead, so that it cannot expire whatever the clock says.
        state.record("test", Question("q1", "How long?", "en", "gone", "c1", "", 1e12), None)
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
        assert await state.unfinished("test") == []


async def test_documents_that_cannot_be_read_are_an_answer_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _):
        await room.start()
        room.knows(None)
        seat = room.greet()
        ask(room, seat, "How long?", "c1")
        done = await receive(seat, "answer.done", "c1")
        assert (done["text"], done["refused"]) == (NO_ANSWER["en"], True)


async def test_an_error_nobody_foresaw_is_told_and_the_next_question_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with on_air(tmp_path, monkeypatch) as (room, _):
        await room.start()
        room.knows(Knowing(broken))
        seat = room.greet()
        ask(room, seat, "Is it broken?", "c1")
        ask(room, seat, "And this?", "c2")
        assert (await receive(seat, "answer.done", "c1"))["text"] == NO_ANSWER["en"]
        assert "KeyError" in caplog.text
        # Without a stage nothing is said, and that must not keep the room waiting either.
        assert (await receive(seat, "answer.done", "c2"))["text"] == "Fine."
        ask(room, seat, "Is it broken later?", "c3")
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
            ask(room, seat, "How long?", name)
            await receive(seat, "speech.ended", name)
        assert caplog.text.count("is not spoken") == 2
