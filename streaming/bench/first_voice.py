"""From a typed question to the first sound of its answer, stage by stage, on a real room in a process of its own."""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

import httpx

from avatar.bench.machine import machine
from streaming import roomfile
from streaming.bench.service import free_port
from streaming.bench.viewer import SOUND, Viewer, viewer
from streaming.errors import StageError
from streaming.roomfile import Language

QUESTIONS: Final[dict[Language, tuple[str, ...]]] = {
    "zh": (
        "试用期最长可以约定多久？",
        "离婚冷静期是多少天？",
        "房东不退押金怎么办？",
        "公司不签劳动合同有什么后果？",
        "年休假一年有几天？",
        "加班费怎么算？",
        "网购七天无理由退货有哪些例外？",
        "民间借贷利息最高多少？",
        "劳动仲裁的时效是多久？",
        "食品安全赔偿十倍的最低金额是多少？",
    ),
    "en": (
        "How long may a probation period be?",
        "How long is the divorce cooling-off period?",
        "What interest may a private loan carry?",
        "What if my employer gives me no written contract?",
        "How many days of annual leave do I get?",
        "How is overtime paid?",
        "Can I return goods bought online within seven days?",
        "My landlord keeps the deposit. What can I do?",
        "How long do I have to apply for labour arbitration?",
        "How much severance pay do I get?",
    ),
}
READY_S: Final = 3600
ANSWER_S: Final = 120


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds from the question's sending."""

    question: str
    accepted: float
    sentence: float
    """First sentence of the answer, on the page."""
    on_air: float
    """The stage plays its first sample."""
    heard: float
    """It is heard at the viewer."""
    sound: float
    """Anything is heard: an acknowledgement, or the answer."""
    refused: bool


def run(room: Path, *, as_json: bool, models: Path | None) -> int:
    timings = asyncio.run(_measure(room, models))
    here = machine()
    if as_json:
        rows = {language: [asdict(timing) for timing in there] for language, there in timings.items()}
        print(json.dumps({"machine": here, "timings": rows}, ensure_ascii=False))  # noqa: T201
        return 0
    print(f"Question to voice, p50 (slowest), seconds; {here}")  # noqa: T201
    stops = ("accepted", "sound", "sentence", "on_air", "heard")
    print(f"{'':>3} {'n':>3} " + " ".join(f"{stop.replace('_', ' '):>14}" for stop in stops) + "  refused")  # noqa: T201
    for language, there in timings.items():
        cells = [_cell([getattr(t, stop) for t in there]) for stop in stops]
        print(f"{language:>3} {len(there):>3} {' '.join(cells)}  {sum(t.refused for t in there)}")  # noqa: T201
    return 0


def _cell(values: Sequence[float]) -> str:
    return f"{median(values):>6.2f} ({max(values):>5.2f})"


async def _measure(room: Path, models: Path | None) -> dict[Language, list[Timing]]:
    settings = roomfile.load(room)
    async with _on_air(room, models) as address, viewer(address, settings.id, decode=False) as one:
        await one.wait_for("clock", 30)
        await asyncio.sleep(12)  # the greeting is over
        timings: dict[Language, list[Timing]] = {}
        for language in settings.voices:
            timings[language] = []
            for i, question in enumerate(QUESTIONS[language]):
                timings[language].append(await _ask(one, f"{language}{i}", question))
        return timings


async def _ask(one: Viewer, name: str, question: str) -> Timing:
    begin = time.monotonic()
    await one.ask(question, name)
    accepted = await one.wait_for("accepted", 10, id=name)
    sentence = await one.wait_for("answer.delta", ANSWER_S, id=name)
    started = await one.wait_for("speech.started", ANSWER_S, id=name)
    done = await one.wait_for("answer.done", ANSWER_S, id=name)
    await asyncio.sleep(1)
    loud = [at for at, (_, level) in zip(one.seen.sound_at, one.seen.sound, strict=True) if level > SOUND]

    def first_after(moment: float) -> float:
        return next((at for at in loud if at > moment), float("nan"))

    heard, sound = first_after(started["at"] - 0.05), first_after(begin)
    await one.socket.send(json.dumps({"type": "interrupt", "id": name}))  # the rest need not be said
    await asyncio.sleep(2.5)
    return Timing(
        question,
        accepted["at"] - begin,
        sentence["at"] - begin,
        started["at"] - begin,
        heard - begin,
        sound - begin,
        bool(done["refused"]),
    )


@contextlib.asynccontextmanager
async def _on_air(room: Path, models: Path | None) -> AsyncIterator[str]:
    """A gateway of its own for this room, ready to answer from all its documents."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        address = f"127.0.0.1:{port}"
        more = ("--models", str(models)) if models else ()
        arguments = ("serve", str(room), "--port", str(port), "--data", folder)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streaming.cli", *more, *arguments), stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            await _wait_until_ready(address, process)
            yield address
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _wait_until_ready(address: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(READY_S):
            if process.returncode is not None:
                raise StageError("the room did not start; 'everhost serve' says why")
            with contextlib.suppress(httpx.HTTPError):
                health = (await client.get(f"http://{address}/healthz")).json()
                if health["status"] == "ready" and all(
                    0 < room["passages"] == room["embedded"] for room in health["rooms"]
                ):
                    return
            await asyncio.sleep(1)
    raise StageError(f"the room was not ready within {READY_S} s; see /healthz of a room you serve")
