"""``everhost bench mixed``: everything at once on one machine, and what the stage makes of it.

A programme talks Mandarin, made ahead as a rundown's is. Meanwhile a viewer speaks and is understood, over and over,
and answers are made from the room's documents by the language model and spoken by the room's voice; one goes on air at
the next clause of the programme, as soon as its first clause is there, and the programme goes on after it.
"""

import asyncio
import contextlib
import itertools
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from avatar.bench.machine import machine
from avatar.bench.talk import TEXTS
from avatar.clock import SAMPLE_RATE, TICKS_PER_SECOND
from avatar.life import Attention
from avatar.speech import SpeechChunk
from streaming import playout, roomfile
from streaming.answering import context, room_answerer
from streaming.bench.first_voice import QUESTIONS
from streaming.bench.together import microphone, until
from streaming.cues import Attend, Finish, Ready, Report, Say, Told
from streaming.engines import Engines, settled
from streaming.errors import EverhostError, StageError
from streaming.hearing.microphone import RATE
from streaming.models.store import Store
from streaming.room import language_of
from streaming.roomfile import RoomFile
from streaming.speaker import Speaker
from streaming.stage_process import StageProcess
from streaming.understudy import stage_config

_WARM: Final = 3
"""Reports of the stage before the first that counts."""
_PROGRAMME: Final = "programme"


@dataclass(frozen=True, slots=True)
class Mixed:
    machine: str
    seconds: float
    fps: float
    skipped: int
    between: float
    """Seconds of silence between two clauses or answers, since the next was not there;"""
    within: float
    """and within an answer."""
    stage_core: float
    """Share of a core that the stage took."""
    questions: int
    first_sentence: float | None
    """Seconds from a question to its first sentence, median, if any was answered;"""
    first_voice: float | None
    """and to the first sound made of it."""
    spoken_factor: float
    """Seconds that the voice worked, a second of answer."""
    utterances: int
    recognized: float | None
    """Seconds from the end of an utterance to its text, median."""


@dataclass(slots=True)
class _Seen:
    """What happens, as it happens."""

    reports: list[tuple[float, Report]] = field(default_factory=list)
    sentences: list[float] = field(default_factory=list)
    voices: list[float] = field(default_factory=list)
    worked: float = 0.0
    spoken: float = 0.0
    recognized: list[float] = field(default_factory=list)
    questions: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """No answer is on air, or next."""
    ended: int | None = None
    """The tick at which what was on air ended, until something else is."""
    between: int = 0
    """Ticks of silence between utterances;"""
    within: int = 0
    """and samples of it within one."""


def run(room: Path, seconds: int, models: Path | None) -> Mixed:
    """Raises EverhostError when the room's models cannot be had, or its stage breaks."""
    return asyncio.run(_run(roomfile.load(room), seconds, models))


def table(mixed: Mixed) -> str:
    return "\n".join(
        [
            f"A Mandarin programme, a viewer who speaks and answers being made, {mixed.seconds:.0f} s; {mixed.machine}",
            f"pictures a second          {mixed.fps:7.2f}   must be {TICKS_PER_SECOND}",
            f"skipped ticks              {mixed.skipped:7d}   must be 0",
            f"silence between clauses    {mixed.between:7.2f} s must be 0",
            f"gaps in answers            {mixed.within:7.2f} s must be 0",
            f"stage, share of a core     {mixed.stage_core:7.2f}",
            f"questions answered         {mixed.questions:7d}   first sentence after {_shown(mixed.first_sentence)}, "
            f"first sound made after {_shown(mixed.first_voice)} (medians)",
            f"voice, seconds a second    {mixed.spoken_factor:7.2f}",
            f"utterances understood      {mixed.utterances:7d}   {_shown(mixed.recognized)} after their end (median)",
        ]
    )


def _shown(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f} s"


async def _run(settings: RoomFile, seconds: int, models: Path | None) -> Mixed:
    if "zh" not in settings.voices:
        raise EverhostError("this bench speaks Mandarin; give it a room with voices.zh")
    async with settled(Engines(Store.from_environment(folder=models), [settings], patient=False)) as engines:
        with tempfile.TemporaryDirectory() as folder:
            speaker = Speaker(engines, settings.voices, settings.lexicon, Path(folder))
            programme = [playout.at_48k(chunk) async for chunk in speaker.speak(TEXTS["zh"], "zh")]
            question = [chunk async for chunk in speaker.speak(QUESTIONS["zh"][0], "zh")]
            async with room_answerer(settings, engines, Path(folder)) as answerer:
                await answerer.library.filled()
                return await _mix(settings, engines, speaker, answerer, programme, microphone(question), seconds)


async def _mix(
    settings: RoomFile,
    engines: Engines,
    speaker: Speaker,
    answerer: Any,
    programme: list[SpeechChunk],
    utterance: npt.NDArray[np.float32],
    seconds: int,
) -> Mixed:
    seen, done, lost, clauses = _Seen(), asyncio.Event(), asyncio.Event(), itertools.cycle(programme)
    seen.idle.set()

    def air() -> None:
        stage.tell(Say(_PROGRAMME, next(clauses)))
        stage.tell(Finish(_PROGRAMME))

    def hear(told: Told) -> None:
        match told:
            case Ready():
                stage.tell(Attend(Attention.SPEAKING))
                air()
                air()
            case playout.Started(tick=tick) if seen.ended is not None:
                seen.between += (tick - seen.ended) * (len(seen.reports) >= _WARM)
                seen.ended = None
            case playout.Ended(utterance=name, tick=tick):
                seen.ended = tick
                if name != _PROGRAMME:
                    seen.idle.set()
                elif seen.idle.is_set():
                    air()
            case playout.Waited(samples=samples) if len(seen.reports) >= _WARM:
                seen.within += samples
            case Report():
                seen.reports.append((time.monotonic(), told))
                bar.update(max(0, min(len(seen.reports) - _WARM, seconds) - bar.n))
                if len(seen.reports) > _WARM + seconds:
                    done.set()

    async def listen() -> None:
        terms = settings.hearing.vocabulary
        while True:
            await asyncio.sleep(len(utterance) / RATE)  # as long as it takes to say it
            begun = time.monotonic()
            await engines.recognize(utterance, "zh", terms)
            seen.recognized.append(time.monotonic() - begun)

    async def answer() -> None:
        number = 0
        while True:
            text = QUESTIONS["zh"][number % len(QUESTIONS["zh"])]
            number += 1
            begun = time.monotonic()
            first_sentence = first_voice = None
            async with contextlib.aclosing(answerer.answer(text, context(settings, language_of(text, "zh")))) as items:
                async for item in items:
                    if first_sentence is None:
                        first_sentence = time.monotonic() - begun
                    worked = time.monotonic()
                    async with contextlib.aclosing(speaker.speak(item.text, "zh")) as chunks:
                        async for chunk in chunks:
                            if first_voice is None:
                                first_voice = time.monotonic() - begun
                            seen.worked += time.monotonic() - worked
                            seen.spoken += len(chunk.pcm) / chunk.rate
                            seen.idle.clear()
                            stage.tell(Say(f"answer {number}", chunk))
                            worked = time.monotonic()
            stage.tell(Finish(f"answer {number}"))
            if not seen.idle.is_set():
                air()  # the programme goes on after it, with two clauses in hand as before
                air()
            await seen.idle.wait()  # the next question comes when this one has been answered
            seen.questions += 1
            seen.sentences.append(first_sentence or 0.0)
            seen.voices.append(first_voice or 0.0)

    with tqdm(total=seconds, desc="mixed", unit="s") as bar:
        stage = StageProcess(stage_config(settings), hear, lost.set)
        stage.start()
        try:
            await until(done.wait, lost.wait, listen, answer)
        finally:
            await stage.close()
    if lost.is_set():
        raise StageError(f"the stage {stage.error or 'broke'}")
    return _summed(seen)


def _summed(seen: _Seen) -> Mixed:
    (begun, first), (ended, last) = seen.reports[_WARM - 1], seen.reports[-1]
    return Mixed(
        machine=machine(),
        seconds=ended - begun,
        fps=(last.encoded - first.encoded) / (ended - begun),
        skipped=last.skipped - first.skipped,
        between=seen.between / TICKS_PER_SECOND,
        within=seen.within / SAMPLE_RATE,
        stage_core=(last.cpu_s - first.cpu_s) / (ended - begun),
        questions=seen.questions,
        first_sentence=median(seen.sentences) if seen.sentences else None,
        first_voice=median(seen.voices) if seen.voices else None,
        spoken_factor=seen.worked / max(seen.spoken, 1e-9),
        utterances=len(seen.recognized),
        recognized=median(seen.recognized) if seen.recognized else None,
    )
