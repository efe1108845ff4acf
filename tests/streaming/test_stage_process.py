"""A stage's process with everything real: started, killed, started again, closed without a trace."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.speech import SpeechChunk
from streaming import playout, stage_process
from streaming.cues import Finish, KeyFrame, Ready, Say, StageConfig, Told
from streaming.encoders import X264
from streaming.packets import Packet
from streaming.stage_process import StageProcess

pytestmark = pytest.mark.real


class Heard:
    """What the gateway was told, in order; ``None`` where a stage was lost."""

    def __init__(self) -> None:
        self.told: list[Told | None] = []
        self.pictures: list[tuple[int, float]] = []
        """Their ticks, and when they came."""
        self._arrived = asyncio.Event()

    def hear(self, told: Told | None = None) -> None:
        self.told.append(told)
        if isinstance(told, Packet) and told.kind == "video":
            self.pictures.append((told.pts // SAMPLES_PER_TICK, time.monotonic()))
        self._arrived.set()

    @property
    def lost(self) -> int:
        return self.told.count(None)

    def ticks(self, after: int = 0) -> list[int]:
        packets = (told for told in self.told[after:] if isinstance(told, Packet) and told.kind == "video")
        return [packet.pts // SAMPLES_PER_TICK for packet in packets]

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(100):
            while not done():
                self._arrived.clear()
                await self._arrived.wait()


@asynccontextmanager
async def running(config: StageConfig) -> AsyncIterator[tuple[StageProcess, Heard]]:
    heard = Heard()
    stage = StageProcess(config, heard.hear, heard.hear)
    stage.start()
    try:
        yield stage, heard
    finally:
        await stage.close()


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def silence() -> SpeechChunk:
    return SpeechChunk(np.zeros(SAMPLE_RATE // 10, np.float32), SAMPLE_RATE, "…")


async def test_a_killed_stage_comes_back_by_itself_and_time_goes_on() -> None:
    tasks, processes, files = asyncio.all_tasks(), children(), descriptors()
    async with running(StageConfig("lin", x264=X264("ultrafast"))) as (stage, heard):
        assert stage.ready is None
        while not stage.tell(Say("r1", silence())):  # taken as soon as can be, long before it is ready
            await asyncio.sleep(0)
        assert heard.told == []
        stage.tell(Finish("r1"))
        await heard.until(lambda: len(heard.ticks()) >= 10)
        assert isinstance(heard.told[0], Ready)
        assert stage.ready is not None
        assert [told.utterance for told in heard.told if isinstance(told, playout.Ended)] == ["r1"]

        first = stage.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await heard.until(lambda: heard.lost == 1)
        assert stage.ready is None
        died_at = len(heard.told)
        await heard.until(lambda: len(heard.ticks(died_at)) >= 10)
        assert stage.restarts == 1
        assert stage.pid != first
        assert stage.error is None
        ticks = heard.ticks()
        assert ticks == sorted(set(ticks)), "the timeline repeats or goes back"
        again = next(told for told in heard.told[died_at:] if isinstance(told, Packet) and told.kind == "video")
        assert again.key  # viewers who stayed can go on from it
        # The hole is as long as the stage was away, so that a viewer's buffer need not grow.
        before = len(ticks) - len(heard.ticks(died_at)) - 1
        (last, at), (following, again_at) = heard.pictures[before : before + 2]
        assert (following - last) / TICKS_PER_SECOND == pytest.approx(again_at - at, abs=0.1)
        sounds = [told.pts for told in heard.told if isinstance(told, Packet) and told.kind == "audio"]
        assert sounds == sorted(set(sounds))
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks
    assert children() == processes, "a process, or what is left of one, stayed behind"
    assert descriptors() == files
    assert not stage.tell(KeyFrame())


async def test_an_understudy_takes_over_in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    processes, files = children(), descriptors()
    monkeypatch.setattr(stage_process, "UNDERSTUDY_AFTER_S", 0.1)
    async with running(StageConfig("lin", x264=X264("ultrafast"))) as (stage, heard):
        await heard.until(lambda: bool(heard.pictures))
        while not (waiting := children() - processes - {str(stage.pid)}):
            await asyncio.sleep(0.05)
        await asyncio.sleep(8)  # it loads its host
        stage.slate(True)
        assert stage.pid is not None
        os.kill(stage.pid, signal.SIGKILL)
        await heard.until(lambda: heard.lost == 1)
        before = len(heard.pictures)
        await heard.until(lambda: len(heard.pictures) > before + 3)
        assert str(stage.pid) in waiting
        (last, at), (following, again_at) = heard.pictures[before - 1 : before + 1]
        assert again_at - at < 1.5, "a stage that was begun only then takes twice that and more"
        assert (following - last) / TICKS_PER_SECOND == pytest.approx(again_at - at, abs=0.1)

        # One that died while it waited is passed over.
        while not (waiting := children() - processes - {str(stage.pid)}):
            await asyncio.sleep(0.05)
        for pid in (*waiting, str(stage.pid)):
            os.kill(int(pid), signal.SIGKILL)
        lost, before = heard.lost, len(heard.pictures)
        await heard.until(lambda: heard.lost > lost and len(heard.pictures) > before + 3)
    await asyncio.sleep(0)
    assert children() == processes
    assert descriptors() == files


async def test_a_host_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "torn.pack").write_bytes(b"PK torn")
    async with running(StageConfig(str(tmp_path / "torn.pack"))) as (stage, heard):
        await heard.until(lambda: heard.lost >= 1)
        assert stage.error is not None
        assert "torn.pack" in stage.error


async def test_an_encoder_that_cannot_be_opened_is_named() -> None:
    async with running(StageConfig("lin", x264=X264("nonsense"))) as (stage, heard):
        await heard.until(lambda: heard.lost >= 1)
        assert stage.error is not None
        assert "encoder" in stage.error


async def test_closing_while_it_starts_leaves_nothing() -> None:
    processes, files = children(), descriptors()
    for pause in (0.0, 0.01, 0.3):
        async with running(StageConfig("lin")):
            await asyncio.sleep(pause)
        await asyncio.sleep(0)
        assert children() == processes
    assert descriptors() == files
