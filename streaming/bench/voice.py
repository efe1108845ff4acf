"""``everhost bench voice``: how soon it speaks, how well it is understood, how even it sounds, whether it ever waits.

Each clause goes the way it goes on air: through the room's speaker and the engines' worker processes.
"""

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal, get_args

import numpy as np
from rapidfuzz.distance import Levenshtein
from tqdm import tqdm

from avatar.bench.machine import machine
from avatar.bench.opinion import predictor
from avatar.bench.seams import NONE, Seams, seams
from avatar.clock import SAMPLE_RATE, TICKS_PER_SECOND
from avatar.life import Attention
from avatar.speech import SpeechChunk
from streaming import playout, roomfile
from streaming.answering import context, room_answerer
from streaming.bench.first_voice import QUESTIONS
from streaming.bench.misheard import sounds, units
from streaming.bench.together import microphone, until
from streaming.cues import Attend, Report, Say, Told
from streaming.engines import Engines, settled
from streaming.errors import EverhostError, StageError
from streaming.models.store import Store
from streaming.roomfile import Language, RoomFile
from streaming.speaker import Speaker
from streaming.stage_process import StageProcess
from streaming.understudy import stage_config

Part = Literal["first", "words", "air"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)

FIRST_S: Final[dict[Language, float]] = {"en": 0.12, "zh": 1.0}
PREPARED_S: Final = 0.02
WRONG: Final[dict[Language, float]] = {"en": 0.03, "zh": 0.05}
_QUIET: Final = SpeechChunk(np.zeros(9600, np.float32), 24_000, "")
"""Around what a recognizer hears, as in a room: 0.4 s."""
AHEAD_S: Final = 15.0
"""Speech made ahead of the air at most."""


@dataclass(frozen=True, slots=True)
class First:
    """Seconds from the text to its first chunk, medians of fresh sentences and of prepared ones; the slowest."""

    fresh: float
    slowest: float
    prepared: float
    slowest_prepared: float
    factor: float
    """Seconds of work for a second of speech, whole sentences."""


@dataclass(frozen=True, slots=True)
class Words:
    sentences: int
    wrong: float
    """Words (characters in Mandarin) heard otherwise than written, as a share;"""
    wrong_with_terms: float
    """the same with the room's terms told to the recognizer, as on air;"""
    wrong_sounds: float
    """and phonemes (syllables in Mandarin, whatever their tone): what is left when homophones count as right."""
    worst: list[tuple[str, str]]
    """(written, heard) of the sentences that were understood least."""
    seams: Seams
    opinion: float | None
    """Predicted mean opinion score, median; None where nothing predicts it (:mod:`avatar.bench.opinion`)."""


@dataclass(frozen=True, slots=True)
class Air:
    """Speech without end, with a room on air and the language model answering all the while."""

    seconds: float
    underruns: int
    waited: float
    """Seconds of silence for want of the next clause."""
    least_ahead: float
    """Seconds of speech in hand when it was least, after the first half minute (half of a shorter time)."""
    skipped: int
    answers: int


@dataclass(frozen=True, slots=True)
class Voices:
    machine: str
    first: dict[Language, First]
    words: dict[Language, Words]
    air: dict[Language, Air]


def run(room: Path, parts: Sequence[str], minutes: float, models: Path | None) -> Voices:
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise EverhostError(f"there is no part {', '.join(sorted(unknown))}; choose of {', '.join(PARTS)}")
    return asyncio.run(_run(roomfile.load(room), parts or PARTS, minutes, models))


def table(voices: Voices) -> str:
    rows = [f"Voices; {voices.machine}", f"{'':34}{'must be':>9}  " + "".join(f"{one:>9}" for one in ("en", "zh"))]

    def add(what: str, must: str, cells: dict[Language, str]) -> None:
        rows.append(f"{what:34}{must:>9}  " + "".join(f"{cells.get(one, '–'):>9}" for one in ("en", "zh")))

    if first := voices.first:
        add("first sound, fresh, ms", "120/1000", {k: f"{1e3 * v.fresh:.0f}" for k, v in first.items()})
        add("  the slowest", "", {k: f"{1e3 * v.slowest:.0f}" for k, v in first.items()})
        add("first sound, prepared, ms", "20", {k: f"{1e3 * v.prepared:.1f}" for k, v in first.items()})
        add("  the slowest", "", {k: f"{1e3 * v.slowest_prepared:.1f}" for k, v in first.items()})
        add("work for a second of speech, s", "", {k: f"{v.factor:.3f}" for k, v in first.items()})
    if words := voices.words:
        add("misheard, % of words/characters", "3/5", {k: f"{100 * v.wrong:.1f}" for k, v in words.items()})
        add("  with the room's terms", "3/5", {k: f"{100 * v.wrong_with_terms:.1f}" for k, v in words.items()})
        add("  phonemes/syllables, %", "", {k: f"{100 * v.wrong_sounds:.1f}" for k, v in words.items()})
        add("predicted opinion, of 5", "", {k: f"{v.opinion:.2f}" for k, v in words.items() if v.opinion})
        add("clauses", "", {k: str(v.seams.clauses) for k, v in words.items()})
        add("gaps > 350 ms inside a sentence", "0", {k: str(v.seams.gaps) for k, v in words.items()})
        add("  the longest, ms", "", {k: f"{1e3 * v.seams.longest_gap_s:.0f}" for k, v in words.items()})
        add("level jumps > 3 dB", "0", {k: str(v.seams.jumps) for k, v in words.items()})
        add("clicks", "0", {k: str(v.seams.clicks) for k, v in words.items()})
    if air := voices.air:
        add("on air without a pause, s", "600", {k: f"{v.seconds:.0f}" for k, v in air.items()})
        add("underruns", "0", {k: str(v.underruns) for k, v in air.items()})
        add("  silence in them, s", "0", {k: f"{v.waited:.2f}" for k, v in air.items()})
        add("least speech in hand, s", "", {k: f"{v.least_ahead:.1f}" for k, v in air.items()})
        add("answers written meanwhile", "", {k: str(v.answers) for k, v in air.items()})
        add("ticks skipped", "0", {k: str(v.skipped) for k, v in air.items()})
    for language, one in words.items():
        rows += [f"{language}: {written}\n    {heard}" for written, heard in one.worst if written != heard]
    return "\n".join(rows)


def sentences(language: Language) -> list[str]:
    return (files("streaming.bench") / f"data/sentences-{language}.txt").read_text("utf-8").splitlines()


async def _run(settings: RoomFile, parts: Sequence[str], minutes: float, models: Path | None) -> Voices:
    engines = Engines(Store.from_environment(folder=models), [settings], hearing="words" in parts, patient=False)
    first: dict[Language, First] = {}
    words: dict[Language, Words] = {}
    air: dict[Language, Air] = {}
    async with settled(engines):
        for language in settings.voices:
            with tempfile.TemporaryDirectory() as folder:
                speaker = Speaker(engines, settings.voices, settings.lexicon, Path(folder))
                if "first" in parts:
                    first[language] = await _first(speaker, language)
                if "words" in parts:
                    words[language] = await _words(speaker, engines, settings, language)
                if "air" in parts:
                    air[language] = await _air(speaker, engines, settings, language, minutes, Path(folder))
    return Voices(machine(), first, words, air)


async def _first(speaker: Speaker, language: Language) -> First:
    fresh, prepared, worked, spoken = [], [], 0.0, 0.0
    async for _ in speaker.speak(sentences(language)[-1], language):
        pass  # the first run of a model is not like any other
    for text in tqdm(sentences(language)[:20], desc=f"first sound, {language}", unit="sentence", disable=None):
        begun = time.perf_counter()
        at = None
        async for chunk in speaker.speak(text, language):
            at = at or time.perf_counter() - begun
            spoken += chunk.seconds
        worked += time.perf_counter() - begun
        fresh.append(at or 0.0)
    for text in sentences(language)[20:26]:
        await speaker.prepare(text, language)
        begun = time.perf_counter()
        async with contextlib.aclosing(speaker.speak(text, language)) as chunks:
            await anext(chunks)
        prepared.append(time.perf_counter() - begun)
    return First(median(fresh), max(fresh), median(prepared), max(prepared), worked / spoken)


async def _words(speaker: Speaker, engines: Engines, settings: RoomFile, language: Language) -> Words:
    wrong = wrong_with_terms = total = wrong_sounds = total_sounds = 0
    seen: list[tuple[float, str, str]] = []
    evenness = NONE
    predict, opinions = predictor(), []
    for text in tqdm(sentences(language), desc=f"understood, {language}", unit="sentence", disable=None):
        chunks = [chunk async for chunk in speaker.speak(text, language)]
        evenness += seams(chunks)
        sound = microphone([_QUIET, *chunks, _QUIET])
        heard = (await engines.recognize(sound, language, {})).text
        if predict is not None:
            opinions.append(await asyncio.to_thread(predict, sound))
        expected, got = units(text, language), units(heard, language)
        errors = Levenshtein.distance(expected, got)
        wrong += errors
        with_terms = (await engines.recognize(sound, language, settings.hearing.vocabulary)).text
        wrong_with_terms += Levenshtein.distance(expected, units(with_terms, language))
        total += len(expected)
        wanted, came = sounds(expected, language), sounds(got, language)
        wrong_sounds += Levenshtein.distance(wanted, came)
        total_sounds += len(wanted)
        seen.append((errors / max(1, len(expected)), text, heard))
    worst = [(text, heard) for share, text, heard in sorted(seen, reverse=True)[:6] if share]
    opinion = median(opinions) if opinions else None
    return Words(
        len(seen), wrong / total, wrong_with_terms / total, wrong_sounds / total_sounds, worst, evenness, opinion
    )


async def _air(
    speaker: Speaker, engines: Engines, settings: RoomFile, language: Language, minutes: float, folder: Path
) -> Air:
    async with room_answerer(settings, engines, folder) as answerer:
        await answerer.library.filled()
        on_air = _OnAir(speaker, language, minutes * 60)
        stage = StageProcess(stage_config(settings), on_air.hear, on_air.lost.set)

        async def answer() -> None:
            for question in itertools.cycle(QUESTIONS[language]):
                async with contextlib.aclosing(answerer.answer(question, context(settings, language))) as items:  # type: ignore[type-var]
                    async for _ in items:
                        pass
                on_air.answers += 1

        stage.start()
        try:
            await until(lambda: on_air.speak(stage), answer, on_air.lost.wait)
        finally:
            await stage.close()
        if on_air.lost.is_set():
            raise StageError(f"the stage {stage.error or 'broke'}")
        return on_air.summed()


class _OnAir:
    """Speaks without end and counts what went wrong."""

    def __init__(self, speaker: Speaker, language: Language, seconds: float) -> None:
        self._speaker, self._language, self._seconds = speaker, language, seconds
        self.lost = asyncio.Event()
        self._ready = asyncio.Event()
        self._played = asyncio.Event()
        self._begun: int | None = None
        """Tick at which it began to be heard."""
        self._tick = 0
        self._made = self._waited = 0.0
        self._underruns = 0
        self._settled = min(30.0, seconds / 2)
        self._least = float("inf")
        self._reports: list[Report] = []
        self.answers = 0

    def hear(self, told: Told) -> None:
        match told:
            case Report():
                self._reports.append(told)
                self._tick = told.tick
                self._ready.set()
                self._played.set()
                if self.heard >= self._settled:
                    self._least = min(self._least, self.ahead)
            case playout.Started(tick=tick) if self._begun is None:
                self._begun = tick
            case playout.Waited(samples=samples):
                self._underruns += 1
                self._waited += samples / SAMPLE_RATE

    @property
    def heard(self) -> float:
        return 0.0 if self._begun is None else (self._tick - self._begun) / TICKS_PER_SECOND

    @property
    def ahead(self) -> float:
        return self._made - self.heard + self._waited

    async def speak(self, stage: StageProcess) -> None:
        await self._ready.wait()
        stage.tell(Attend(Attention.SPEAKING))
        texts = itertools.cycle(sentences(self._language))
        with tqdm(total=round(self._seconds), desc=f"on air, {self._language}", unit="s", disable=None) as bar:
            async with contextlib.aclosing(self._speaker.speak(_joined(texts), self._language)) as chunks:
                while self.heard < self._seconds:
                    chunk = await anext(chunks)
                    self._made += chunk.seconds
                    stage.tell(Say("on air", chunk))
                    bar.update(max(0, min(round(self.heard), round(self._seconds)) - int(bar.n)))
                    while self.ahead > AHEAD_S:
                        self._played.clear()
                        await self._played.wait()

    def summed(self) -> Air:
        last = self._reports[-1]
        return Air(
            self.heard,
            self._underruns,
            self._waited,
            self._least,
            last.skipped - self._reports[0].skipped,
            self.answers,
        )


async def _joined(texts: Any) -> AsyncIterator[str]:
    for text in texts:
        yield f"{text} "
