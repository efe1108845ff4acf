"""A day on air, told from its journal alone."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from knowledge.answer import Citation, Context, Refusal, Sentence
from knowledge.llm import Message
from streaming import playout
from streaming.accounts import Said, accounts
from streaming.answering import Prompted
from streaming.cli import main
from streaming.engines import Engines
from streaming.journal import Journal, entries, files, verified
from streaming.logs import QUESTION
from streaming.models.store import Store
from streaming.on_air import OnAir
from streaming.stage_process import StageProcess
from streaming.state.sqlite import Sqlite
from tests.streaming.settings import room_file
from tests.streaming.test_on_air_alone import Knowing, ask, receive

BEGIN = 1_795_737_600.0  # 2026-11-27, 00:00 UTC
EVERY_S = 600.0
QUESTIONS = 144


class Day:
    """The wall clock."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now


def sources(k: int) -> tuple[Citation, ...]:
    return tuple(Citation(n, f"Law {k}", f"Art. {n}", f"verbatim {k}.{n}") for n in range(1, 2 + k % 3))


async def answering(question: str, context: Context) -> AsyncIterator[Sentence | Refusal]:
    k = int(question.split()[-1].rstrip("?"))
    if k % 7 == 3:
        yield Refusal("I do not know that.", "not_covered")
        return
    cited = sources(k)
    yield Sentence(f"It is {k}, says the law.", cited[:1], quoted=True)
    yield Sentence(f"So it is {k}.", cited)
    if k % 10 == 9:
        yield Sentence("You can buy cocaine from the dealer at the back door, message him for a price.")


async def live(room: OnAir, day: Day) -> dict[str, dict[str, Any]]:
    """What really happened, by the questions' ids."""
    truth: dict[str, dict[str, Any]] = {}
    seat = room.greet()
    for k in range(QUESTIONS):
        day.now = BEGIN + k * EVERY_S
        text = f"How long is number {k}?"
        await ask(room, seat, text, f"c{k}")
        done = await receive(seat, "answer.done", f"c{k}")
        name = done["question"]
        heard = done["text"]
        for event in (playout.Started(name, 48), playout.Captioned(name, heard, 48, 96)):
            room._hear_stage(event)
        room._hear_stage(playout.Ended(name, 96, hushed=False))
        assert room.core.current is None
        truth[name] = {"text": text, "answer": done["text"], "citations": done["citations"], "heard": heard, "k": k}
    return truth


async def test_a_day_is_told_from_its_journal_and_nobody_can_change_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    day = Day()
    monkeypatch.setattr(StageProcess, "start", lambda self: None)
    monkeypatch.setattr("streaming.stage_process.COMING_S", 0.01)
    monkeypatch.setattr(time, "time", day)
    settings = room_file(tmp_path, language="en", limits={"per_minute": 100})
    state, journal = Sqlite(tmp_path / "state.sqlite", day), Journal(tmp_path, clock=day)
    room = OnAir(
        settings,
        Engines(Store(tmp_path / "models"), [settings]),
        state.room("test"),
        journal,
        dict,
        tmp_path / "speech",
        clock=day,
    )
    await room.start()
    room.knows(Knowing(answering))
    truth = await live(room, day)
    await room.close()
    state.close()
    journal.close()

    assert verified(tmp_path).problems == []
    assert [file.stem for file in files(tmp_path / "journal")] == ["2026-11-27"]
    told = accounts(entries(tmp_path))
    assert list(told) == list(truth)
    for name, one in told.items():
        real, k = truth[name], truth[name]["k"]
        assert (one.text, one.answer, one.heard) == (real["text"], real["answer"], [real["heard"]])
        assert one.citations == real["citations"]
        assert one.at.startswith("2026-11-27T")
        if k % 7 == 3:
            assert (one.outcome, one.sentences) == ("refused", [Said("I do not know that.", "host", [])])
            continue
        assert [said.by for said in one.sentences[:2]] == ["documents", "model"]
        assert [said.sources for said in one.sentences[:2]] == [[1], [c.n for c in sources(k)]]
        stopped = [said.moderation for said in one.sentences if said.moderation]
        assert len(stopped) == len(one.moderated) == (k % 10 == 9)
        assert one.outcome == ("refused" if stopped else "answered")
        for cited in one.citations:
            assert cited["quote"] == sources(k)[cited["n"] - 1].quote

    assert main(["journal", "--data", str(tmp_path), "answers", "--day", "2026-11-27"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("  ? ") == QUESTIONS
    assert "(not said: illegal." in shown

    (file,) = files(tmp_path / "journal")
    lines = file.read_bytes().splitlines(keepends=True)
    changed = next(at for at, line in enumerate(lines) if b'"what":"sentence"' in line)
    lines[changed] = lines[changed].replace(b"It is", b"It was")
    file.write_bytes(b"".join(lines))
    assert len(verified(tmp_path).problems) == 1


async def test_what_a_model_was_asked_is_in_it(tmp_path: Path) -> None:
    settings = room_file(tmp_path)
    state, journal = Sqlite(tmp_path / "state.sqlite"), Journal(tmp_path)
    room = OnAir(
        settings,
        Engines(Store(tmp_path / "models"), [settings]),
        state.room("test"),
        journal,
        dict,
        tmp_path / "speech",
    )
    room.note("question", id="q1", text="Why?", kind="typed", viewer=None)
    token = QUESTION.set("q1")
    room.note_prompt(Prompted("qwen", (Message("system", "Be brief."), Message("user", "Why?")), "Because.", 1.25))
    QUESTION.reset(token)
    await room.close()
    state.close()
    journal.close()
    (prompt,) = accounts(entries(tmp_path))["q1"].prompts
    assert prompt["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (prompt["model"], prompt["said"], prompt["seconds"]) == ("qwen", "Because.", 1.25)
