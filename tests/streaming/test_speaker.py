"""Text to speech through real worker processes, with a voice that is made for it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from avatar.speech import SpeechChunk
from streaming import engines as e
from streaming.engines import Engines
from streaming.errors import EngineError
from streaming.models.store import Store
from streaming.speaker import Speaker
from tests.streaming.settings import room_file

POLLY: dict[str, Any] = {"engine": "parrot", "voice": "polly"}
SECOND: dict[str, Any] = {"engine": "parrot", "voice": "second"}


@asynccontextmanager
async def speaking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *voices: dict[str, Any]
) -> AsyncIterator[tuple[Speaker, Engines]]:
    """A speaker with these voices for both languages."""
    monkeypatch.setattr(e, "find_backend", lambda group, name: "tests.streaming.engines:Parrot")
    settings = room_file(tmp_path, voices={"zh": list(voices), "en": list(voices)})
    engines = Engines(Store(tmp_path / "models"), [settings], hearing=False)
    needs = {voice.shown: engines._needs[voice.shown] for voice in settings.voices["zh"]}
    engines._needs = needs  # no other engine is wanted here
    try:
        engines.start()
        await engines.settled()
        yield Speaker(engines, settings.voices, settings.lexicon, tmp_path / "speech"), engines
    finally:
        await engines.close()


def voice_of(chunk: SpeechChunk) -> str:
    crossings = ((chunk.pcm[:-1] < 0) & (chunk.pcm[1:] >= 0)).sum() / chunk.seconds
    return "polly" if crossings > 330 else "second"


async def test_speech_leaves_clause_by_clause_while_the_text_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    async def words() -> AsyncIterator[str]:
        for piece in ("你好，", "这是第", "一句。然", "后是第二句，", "完。"):
            sent.append(piece)
            yield piece

    async with speaking(tmp_path, monkeypatch, POLLY) as (speaker, _):
        said = [(chunk.text, len(sent)) async for chunk in speaker.speak(words(), "zh")]
    assert said == [("你好，这是第一句。", 3), ("然后是第二句，完。", 5)] or said[0][1] < 5


@pytest.mark.parametrize("trouble", ["fail", "crash"])
async def test_a_voice_that_fails_is_followed_by_the_next_at_the_clause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    text = f"First one. Then {trouble} here. And on."
    async with speaking(tmp_path, monkeypatch, POLLY, SECOND) as (speaker, engines):
        said = [(chunk.text, voice_of(chunk)) async for chunk in speaker.speak(text, "en")]
        assert said[0] == ("First", "polly") or said[0][1] == "polly"
        assert "".join(t for t, _ in said).replace(" ", "") == text.replace(" ", "")
        assert said[-1][1] == "second"
        # The next text is tried with the first voice again.
        await engines.worker("voice parrot polly").ready() if trouble == "fail" else await _ready(engines)
        assert [voice_of(chunk) async for chunk in speaker.speak("Again.", "en")] == ["polly"]


async def _ready(engines: Engines) -> None:
    need = engines._needs["voice parrot polly"]
    while not need.ready:
        await asyncio.sleep(0.02)


async def test_without_another_voice_the_clause_is_said_again_once_it_was_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with speaking(tmp_path, monkeypatch, {**POLLY, "options": {"slow": 0.3}}) as (speaker, engines):
        said = []
        async for chunk in speaker.speak("First one. Then another. And on.", "en"):
            said.append(chunk.text)
            if len(said) == 1:
                await asyncio.sleep(0.1)
                pid = engines.worker("voice parrot polly").pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
        assert "".join(said).replace(" ", "") == "Firstone.Thenanother.Andon."
        with pytest.raises(EngineError, match="died"):
            [chunk async for chunk in speaker.speak("crash", "en")]


async def test_without_another_voice_the_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with speaking(tmp_path, monkeypatch, POLLY) as (speaker, _):
        with pytest.raises(EngineError, match="lost her voice"):
            [chunk async for chunk in speaker.speak("fail", "en")]


async def test_closing_stops_the_engine_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = tmp_path / "journal"
    slow = {**POLLY, "options": {"slow": 30.0, "journal": str(journal)}}
    async with speaking(tmp_path, monkeypatch, slow) as (speaker, _):
        speech = speaker.speak("Never said.", "en")
        task = asyncio.ensure_future(anext(speech))
        while not journal.exists():
            await asyncio.sleep(0.01)
        begun = time.monotonic()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        while "stopped" not in journal.read_text():
            await asyncio.sleep(0.005)
            assert time.monotonic() - begun < 5
    stopped = float(journal.read_text().splitlines()[-1].split()[0])
    assert stopped - begun < 0.05


async def test_what_was_prepared_is_said_without_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "[warm]Hello there. [pause 1] How are you?"
    async with speaking(tmp_path, monkeypatch, POLLY) as (speaker, engines):
        await speaker.prepare(text, "en")
        await engines.close()
        assert await speaker.can_say(text, "en")
        assert not await speaker.can_say("Something else.", "en")
        said = [chunk async for chunk in speaker.speak(text, "en")]
        assert "".join(chunk.text for chunk in said).replace(" ", "") == "Hellothere.Howareyou?"
        assert sum(chunk.seconds for chunk in said) > 1.0
        with pytest.raises(EngineError):
            [chunk async for chunk in speaker.speak("Something else.", "en")]


async def test_preparing_makes_way_for_the_air(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = tmp_path / "journal"
    slow = {**POLLY, "options": {"slow": 0.4, "journal": str(journal)}}
    async with speaking(tmp_path, monkeypatch, slow) as (speaker, _):
        preparing = asyncio.create_task(speaker.prepare("Later.", "en"))
        while not journal.exists():
            await asyncio.sleep(0.01)
        said = [chunk.text async for chunk in speaker.speak("Now.", "en")]
        await preparing
        assert said == ["Now."]
        assert await speaker._find("Later.", "en") is not None
    order = [row.split(" ", 1)[1] for row in journal.read_text().splitlines()]
    assert order == ["begin Later.", "stopped Later.", "begin Now.", "begin Later."]


async def test_a_text_of_pauses_alone_is_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with speaking(tmp_path, monkeypatch, POLLY) as (speaker, _):
        [chunk] = [chunk async for chunk in speaker.speak("[pause 2]", "en")]
        assert (chunk.seconds, float(abs(chunk.pcm).max())) == (2.0, 0.0)


async def test_what_is_to_be_said_waits_for_a_voice_that_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with speaking(tmp_path, monkeypatch, POLLY) as (speaker, engines):
        [need] = engines._needs.values()
        assert need.worker is not None
        assert need.worker.pid is not None
        os.kill(need.worker.pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            while need.loaded:
                await asyncio.sleep(0.01)
        assert not await speaker.can_say("你好。", "zh")
        await speaker.coming("zh")
        assert [chunk.text async for chunk in speaker.speak("你好。", "zh")] == ["你好。"]
