"""The engines of a gateway: what they need, what is said when it is not there. Real store, real worker processes."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from avatar.voice.clauses import Clause
from streaming import engines as e
from streaming.engines import Engines
from streaming.errors import EngineError, EverhostError, ModelError, RoomFileError
from streaming.models.catalogue import find
from streaming.models.store import Progress, Store
from streaming.roomfile import Llm, RoomFile
from tests.streaming.settings import room_file


class Unreachable(Store):
    """A store whose models cannot be fetched; ``retryable`` is as for a network that is down."""

    def __init__(self, root: Path, error: Exception) -> None:
        super().__init__(root)
        self.error = error

    async def ensure(self, name: str, progress: Progress | None = None) -> Path:
        raise self.error


def english(tmp_path: Path, **changes: object) -> RoomFile:
    """A room that needs a voice and search, whose packages carry their models, and a recognizer, which has to come."""
    voices = {"en": {"engine": "hibari"}}
    llm = [{"base_url": "http://127.0.0.1:9/v1"}]
    return room_file(tmp_path, language="en", **{"voices": voices, "llm": llm, **changes})


def need(engines: Engines, name: str) -> e.Need:
    return next(one for one in engines.needs if one.name == name)


def test_an_unknown_back_end_names_those_installed(tmp_path: Path) -> None:
    room = english(tmp_path, voices={"en": {"engine": "parrot"}})
    with pytest.raises(RoomFileError, match=r"'parrot'.*hibari, kokoro"):
        Engines(Store(tmp_path), [room])


def test_an_unknown_model_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"big-llm.*There are: .*qwen"):
        Engines(Store(tmp_path), [english(tmp_path, llm=[Llm(model="big-llm")])])


def test_rooms_that_cannot_share_an_engine_are_told(tmp_path: Path) -> None:
    one, other = english(tmp_path), english(tmp_path, hearing={"model": "whisper-tiny.en"})
    assert {need.name for need in Engines(Store(tmp_path), [one, one]).needs} == {
        "voice hibari", e.EMBEDDING, e.RECOGNITION,
    }  # fmt: skip
    with pytest.raises(RoomFileError, match="recognition with different models"):
        Engines(Store(tmp_path), [one, other])


@pytest.mark.real
@pytest.mark.parametrize("error", [ModelError("no room left"), ZeroDivisionError("unforeseen")])
async def test_a_model_that_cannot_be_had_is_said_and_the_others_come(tmp_path: Path, error: Exception) -> None:
    engines = Engines(Unreachable(tmp_path, error), [english(tmp_path)])
    engines.start()
    try:
        await engines.settled()
        assert need(engines, e.RECOGNITION).error == str(error)
        assert [one.name for one in engines.missing] == [e.RECOGNITION]
        with pytest.raises(EngineError, match=str(error)):
            engines.worker(e.RECOGNITION)
        [voice] = english(tmp_path).voices["en"]
        assert engines.can_speak(voice)
        chunks = [chunk async for chunk in engines.speak(voice, Clause("Hello.", "en"))]
        assert sum(chunk.seconds for chunk in chunks) > 0.2
    finally:
        await engines.close()


async def test_a_model_to_be_tried_again_lets_the_next_pass(tmp_path: Path) -> None:
    class Down(EverhostError):
        retryable = True

    asked: list[str] = []

    class Journal(Unreachable):
        async def ensure(self, name: str, progress: Progress | None = None) -> Path:
            asked.append(name)
            raise self.error

    room = room_file(tmp_path)
    engines = Engines(Journal(tmp_path, Down("the network is down")), [room])
    engines._needs = {one.name: one for one in engines.needs if one.model}  # no worker processes here
    engines.start()
    try:
        async with asyncio.timeout(4):  # less than the pause before a second try
            while len(asked) < 3:
                await asyncio.sleep(0.01)
        assert asked == sorted(set(asked), key=lambda name: find(name).bytes)
        assert all(one.error == "the network is down" for one in engines.missing)
    finally:
        await engines.close()


@pytest.mark.real
async def test_a_cold_engine_is_kept_from_use_until_it_is_warm(tmp_path: Path) -> None:
    engines = Engines(Unreachable(tmp_path, ModelError("none")), [english(tmp_path)], hearing=False)
    engines.keep_cold(e.EMBEDDING)
    engines.keep_cold("nothing of that name")
    engines.start()
    try:
        await engines.loaded(e.EMBEDDING)
        await engines.loaded("nothing of that name")
        assert need(engines, e.EMBEDDING) in engines.missing
        with pytest.raises(EngineError, match="still arriving"):
            engines.worker(e.EMBEDDING)
        assert engines.worker(e.EMBEDDING, even_cold=True).pid is not None
        engines.warmed(e.EMBEDDING)
        assert engines.worker(e.EMBEDDING).state == "ready"
        assert need(engines, e.EMBEDDING) not in engines.missing

        # Whoever comes after a death is cold again.
        before = engines.worker(e.EMBEDDING).pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        await engines.to_warm(e.EMBEDDING)
        with pytest.raises(EngineError, match="started again"):
            engines.worker(e.EMBEDDING)
        engines.warmed(e.EMBEDDING)
        after = engines.worker(e.EMBEDDING).pid

        await engines.restart(e.EMBEDDING, before)  # another does its work already
        assert engines.worker(e.EMBEDDING).pid == after
        await engines.restart(e.EMBEDDING, after)
        await engines.to_warm(e.EMBEDDING)
    finally:
        await engines.close()
