"""A visitor talks with a host on air: how soon they are understood, answered, and let in when they interrupt.

Everything is real: the gateway in a process of its own, the visitor's microphone and the host's sound over WebRTC. The
visitor asks, hears the beginning of the answer, and interrupts it with the next question.
"""

import asyncio
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import yaml
from aiortc import MediaStreamTrack
from av.audio.frame import AudioFrame
from tqdm import tqdm

from avatar.bench.machine import machine
from avatar.clock import SAMPLE_RATE
from streaming import roomfile
from streaming.bench.hall import Pcm
from streaming.bench.hearing import asked, spoken
from streaming.bench.service import free_port
from streaming.bench.viewer import SOUND, Viewer, viewer
from streaming.errors import StageError
from streaming.models.store import Store
from streaming.roomfile import LANGUAGES, Language

_FRAME: Final = SAMPLE_RATE // 50
_TALK: Final = "v"
_LOADED_S: Final = 180
_PATIENCE_S: Final = 40
_SETTLE_S: Final = 1.0
_HEARS_OUT_S: Final = 2.0
"""What a visitor hears of an answer before they interrupt."""
_QUIET_S: Final = 0.4
"""Pauses between words are shorter."""
_SOFT: Final = 0.4
"""Of the loudest before: the host speaks softly."""


@dataclass(slots=True)
class Talked:
    """Of one language. Seconds from the last sound of a question, or from the first of one that interrupts."""

    language: Language
    questions: int = 0
    text: list[float] = field(default_factory=list)
    first_sound: list[float] = field(default_factory=list)
    answer: list[float] = field(default_factory=list)
    """The first sound of the answer itself."""
    soft: list[float] = field(default_factory=list)
    silent: list[float] = field(default_factory=list)
    missed: int = 0
    """Questions that were not understood as one, or not answered."""


@dataclass(frozen=True, slots=True)
class Report:
    machine: str
    talked: list[Talked]
    four: list[float]
    """Seconds to the text of each of four who held the button at once."""
    skipped: int
    """Ticks of the stage."""


class Mouth(MediaStreamTrack):
    """A microphone that somebody speaks into now and then."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._coming = np.zeros(0, np.float32)
        self._pts = 0
        self._begun: float | None = None

    def say(self, pcm: Pcm) -> tuple[float, float]:
        """Speak (n,) at 48 kHz; time.monotonic() of its first and last sound."""
        sounding = np.flatnonzero(np.abs(pcm) > SOUND)
        self._coming = pcm
        now = time.monotonic()
        return now + float(sounding[0]) / SAMPLE_RATE, now + float(sounding[-1]) / SAMPLE_RATE

    async def recv(self) -> AudioFrame:
        self._begun = self._begun or time.monotonic()
        due = self._begun + self._pts / SAMPLE_RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        piece, self._coming = self._coming[:_FRAME], self._coming[_FRAME:]
        pcm = np.pad(piece, (0, _FRAME - len(piece)))
        frame = AudioFrame.from_ndarray((pcm[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self._pts, Fraction(1, SAMPLE_RATE)
        self._pts += _FRAME
        return frame


def run(room: Path, number: int, models: Path | None) -> Report:
    """``number``: questions of each language. Raises StageError when the room does not come on air."""
    settings = roomfile.load(room)
    kokoro = asyncio.run(Store.from_environment(folder=models).ensure("kokoro"))
    said = {one: spoken(asked(settings.documents, one)[:number], one, kokoro) for one in LANGUAGES}
    return asyncio.run(_run(room, said, models))


def table(report: Report) -> str:
    rows = [
        f"A visitor talks with a host on air; {report.machine}",
        f"{'':4}{'questions':>10}{'missed':>8}{'text p50':>11}{'p95':>8}{'first sound':>13}{'answer':>9}"
        f"{'softer p50':>13}{'p95':>8}{'silent p50':>13}{'p95':>8}",
    ]
    rows += [
        f"{one.language:4}{one.questions:10d}{one.missed:8d}{_p(one.text, 50):9.2f} s{_p(one.text, 95):6.2f} s"
        f"{_p(one.first_sound, 50):11.2f} s{_p(one.answer, 50):7.2f} s{_p(one.soft, 50):11.2f} s"
        f"{_p(one.soft, 95):6.2f} s{_p(one.silent, 50):11.2f} s{_p(one.silent, 95):6.2f} s"
        for one in report.talked
    ]
    four = " ".join(f"{seconds:.2f}" for seconds in report.four)
    return "\n".join([*rows, f"four buttons held at once: text after {four} s", f"skipped ticks: {report.skipped}"])


def _p(seconds: Sequence[float], percent: int) -> float:
    return float(np.percentile(seconds, percent)) if seconds else float("nan")


async def _run(room: Path, said: dict[Language, list[tuple[str, Pcm]]], models: Path | None) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        async with _on_air(_open(room, Path(folder)), Path(folder), models) as (address, name):
            talked = [await _talk(address, name, language, said[language]) for language in LANGUAGES]
            four = await _four(address, name, [pcm for _, pcm in said["en"][:4]])
            async with httpx.AsyncClient() as client:
                metrics = (await client.get(f"http://{address}/metrics")).text
    skipped = sum(int(float(n)) for n in re.findall(r"^everhost_\w*skipped\w*\{.*\} (\S+)$", metrics, re.MULTILINE))
    return Report(machine(), talked, four, skipped)


def _open(room: Path, folder: Path) -> Path:
    """The same room, that listens all the time."""
    data = yaml.safe_load(room.read_text("utf-8"))
    data["documents"] = str((room.parent / data["documents"]).resolve())
    data.setdefault("id", room.stem)
    data["hearing"] = {**data.get("hearing", {}), "microphones": "open"}
    path = folder / room.name
    path.write_text(yaml.safe_dump(data, allow_unicode=True), "utf-8")
    return path


@contextlib.asynccontextmanager
async def _on_air(room: Path, folder: Path, models: Path | None) -> AsyncIterator[tuple[str, str]]:
    port = free_port()
    own = ["--models", str(models)] if models else []
    command = [sys.executable, "-m", "streaming.cli", *own, "serve", str(room)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 (returns at once)
            [*command, "--port", str(port), "--data", str(folder / "data")], stdout=log, stderr=log
        )
        try:
            address = f"127.0.0.1:{port}"
            await _ready(address, process, folder / "log")
            yield address, roomfile.load(room).id
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)


async def _ready(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(_LOADED_S):
            with contextlib.suppress(httpx.HTTPError):
                health = (await client.get(f"http://{address}/healthz")).json()
                if health["status"] == "ready" and all(room["can_answer"] for room in health["rooms"]):
                    return
            if process.poll() is not None:
                break
            await asyncio.sleep(1)
    raise StageError(f"the room did not come on air: {log.read_text('utf-8')[-800:]}")  # noqa: ASYNC240


async def _talk(address: str, room: str, language: Language, said: Sequence[tuple[str, Pcm]]) -> Talked:
    talked, mouth = Talked(language), Mouth()
    async with viewer(address, room, decode=False, microphone=mouth) as one:
        await asyncio.sleep(_SETTLE_S)
        await one.send(type="talk.start", id=_TALK, hands_free=True)
        await asyncio.sleep(2 * _SETTLE_S)
        for _, pcm in tqdm(said, desc=f"talking, {language}", unit="question", disable=None):
            talked.questions += 1
            before, interrupts = len(one.seen.messages), _hears(one)
            begin, end = mouth.say(pcm)
            with contextlib.suppress(StageError):
                await _follow(one, talked, before, end)
            if interrupts:
                _note_interruption(one, talked, begin)
    return talked


async def _follow(one: Viewer, talked: Talked, before: int, end: float) -> None:
    """One question's way, from its last sound to what the visitor hears out of its answer."""
    talked.missed += 1  # until it is answered
    started = await _started(one, before)
    (final,) = (m for m in one.seen.messages[before:] if m["type"] == "asr.final" and m["id"] == started["id"])
    talked.text.append(final["at"] - end)
    await asyncio.sleep(_HEARS_OUT_S)
    talked.answer.append(_first_loud(one, started["at"]) - end)
    talked.first_sound.append(_first_loud(one, end + _QUIET_S) - end)
    talked.missed -= 1


async def _started(one: Viewer, before: int) -> dict[str, Any]:
    """The answer to what was said begins; of halves that were taken for wholes none does."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        await asyncio.sleep(0.02)
        for message in one.seen.messages[before:]:
            if message["type"] == "speech.started" and message["id"].startswith(f"{_TALK}."):
                return message
    raise StageError("it is not answered")


def _loudness(one: Viewer) -> tuple[Pcm, Pcm]:
    """When each 20 ms came, and how loud they are."""
    n = min(len(one.seen.sound_at), len(one.seen.sound))
    return np.array(one.seen.sound_at[:n]), np.array([loudness for _, loudness in one.seen.sound[:n]])


def _hears(one: Viewer) -> bool:
    """Whether the host is speaking."""
    at, loudness = _loudness(one)
    return bool((loudness[at > time.monotonic() - _QUIET_S] > SOUND).any())


def _first_loud(one: Viewer, after: float) -> float:
    at, loudness = _loudness(one)
    heard = at[(at >= after) & (loudness > SOUND)]
    if not len(heard):
        raise StageError("nothing is heard of the answer")
    return float(heard[0])


def _note_interruption(one: Viewer, talked: Talked, begin: float) -> None:
    at, loudness = _loudness(one)
    loud = at[loudness > SOUND]
    before = loudness[(at > begin - 2) & (at < begin) & (loudness > SOUND)]
    gaps = np.flatnonzero(np.diff(loud) > _QUIET_S)
    ends = [loud[k] for k in gaps if loud[k] > begin]
    if not ends or not len(before):
        return
    talked.silent.append(float(ends[0]) - begin)
    strong = at[(loudness > _SOFT * np.quantile(before, 0.9)) & (at <= ends[0])]
    talked.soft.append(max(0.0, float(strong[-1]) - begin))


async def _four(address: str, room: str, said: Sequence[Pcm]) -> list[float]:
    """Four hold the button at once."""
    async with contextlib.AsyncExitStack() as stack:
        mouths = [Mouth() for _ in said]
        viewers = [
            await stack.enter_async_context(viewer(address, room, decode=False, microphone=mouth)) for mouth in mouths
        ]
        await asyncio.sleep(_SETTLE_S)

        async def hold(one: Viewer, mouth: Mouth, pcm: Pcm) -> float:
            await one.send(type="talk.start", id="b")
            _, end = mouth.say(pcm)
            await asyncio.sleep(end + 0.3 - time.monotonic())
            await one.send(type="talk.end", id="b")
            final = await one.wait_for("asr.final", _PATIENCE_S, id="b")
            return float(final["at"]) - end

        return list(await asyncio.gather(*map(hold, viewers, mouths, said)))
