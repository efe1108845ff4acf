"""``everhost bench hearing``: spoken questions: how they are understood, when they end, what is none.

The questions are those that the gold sets ask this room, spoken by voices of both engines. They go the way of a
microphone's sound: Opus, decoded, resampled, collected, and written down with the room's terms as hints.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np
from rapidfuzz.distance import Levenshtein
from tqdm import tqdm

from avatar.bench.machine import machine
from avatar.clock import SAMPLE_RATE
from avatar.voice import VoiceEngine, read_aloud
from avatar.voice.hibari import Hibari
from avatar.voice.kokoro import Kokoro
from knowledge.bench.gold import about, questions
from knowledge.folder import read_folder
from knowledge.homophones import Homophones
from knowledge.words import terms
from streaming import roomfile
from streaming.bench import nobody, turns, wake
from streaming.bench.hall import Pcm, murmur, under
from streaming.bench.misheard import sounds, units
from streaming.bench.nobody import Nobody
from streaming.bench.turns import Turns
from streaming.bench.wake import Woken
from streaming.hearing.recognizer import Whisper
from streaming.hearing.wake import WakeWords
from streaming.models.store import Store
from streaming.playout import at_48k
from streaming.roomfile import LANGUAGES, Language, RoomFile

VOICES: Final[dict[Language, tuple[str, ...]]] = {
    "en": ("hibari", "af_heart", "am_michael", "bf_emma", "bm_george"),
    "zh": ("zf_xiaobei", "zm_yunxi", "zf_xiaoxiao", "zm_yunyang", "zf_xiaoyi"),
}
MODEL: Final = "whisper-base"
"""Heard with, where a room's own recognizer is none that can be fetched."""
WRONG: Final[dict[Language, float]] = {"en": 0.04, "zh": 0.07}
"""Goal in silence; twice that at 10 dB."""
_STYLES: Final = ("plain", "paraphrase", "spoken", "short")
_QUIET_S: Final = 0.4
_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Heard:
    """One language under one condition."""

    language: Language
    condition: str
    questions: int
    wrong: float
    """Share of words (English) or characters (Chinese) that were written down otherwise."""
    wrong_sounds: float
    """Of phonemes or syllables: homophones count as right."""
    recognition_s: tuple[float, float]
    """Median and 95th percentile, from all sound there to the text."""
    worst: list[tuple[str, str]]
    """(said, written) of those least understood."""


@dataclass(frozen=True, slots=True)
class Report:
    machine: str
    model: str
    words: list[Heard] = field(default_factory=list)
    turns: list[Turns] = field(default_factory=list)
    wake: list[Woken] = field(default_factory=list)
    nobody: list[Nobody] = field(default_factory=list)


def run(room: Path, parts: Container[str], number: int, minutes: float, models: Path | None) -> Report:
    """``number``: questions of each language, the same ones each time; ``minutes``: of each noise."""
    settings = roomfile.load(room)
    store = Store.from_environment(folder=models)
    name = settings.hearing.stored or MODEL
    model, kokoro = (asyncio.run(store.ensure(one)) for one in (name, "kokoro"))
    recognizer, vocabulary = Whisper(model), settings.hearing.vocabulary
    homophones = _homophones(settings.documents)
    report = Report(machine(), name)
    everything: list[tuple[str, Pcm]] = []
    for language in LANGUAGES:
        said = spoken(asked(settings.documents, language)[:number], language, kokoro)
        noise = murmur([pcm for _, pcm in said], 60, np.random.default_rng(_SEED))
        if "words" in parts:
            for condition in ("clean", "10 dB", "5 dB", "3 % lost"):
                heard_so = _under(condition, language, said, noise, recognizer, vocabulary, homophones)
                report.words.append(heard_so)
        if "turns" in parts:
            for condition in ("clean", "10 dB"):
                report.turns.append(turns.measure(language, condition, said, noise, recognizer, vocabulary))
        if "wake" in parts:
            word = wake_word(settings, language)
            texts = [f"{word}, {text}" for text, _ in said]
            called = [pcm for _, pcm in spoken(texts, language, kokoro)]
            others = [pcm for _, pcm in said]
            for condition in ("clean", "10 dB"):
                woken = wake.measure(language, condition, called, others, noise, recognizer, WakeWords([word]))
                report.wake.append(woken)
        everything += said
    if "nobody" in parts:
        hall = murmur([pcm for _, pcm in everything], 60 * minutes, np.random.default_rng(_SEED + 1))
        host = [(text, pcm[::3]) for text, pcm in everything]
        report.nobody.extend(nobody.measure(minutes, host, hall[::3], recognizer, vocabulary))
    return report


def table(report: Report) -> str:
    rows = [f"{report.model}, {report.machine}"]
    if report.words:
        columns = f"{'questions':>10}{'misheard':>10}{'goal':>7}{'sounds':>8}{'text after':>14}{'p95':>9}"
        rows.append(f"{'':4}{'condition':12}{columns}")
    for one in report.words:
        goal = WRONG[one.language] * {"clean": 1, "10 dB": 2}.get(one.condition, np.nan)
        told = f"{goal:.0%}" if np.isfinite(goal) else ""
        rows.append(
            f"{one.language:4}{one.condition:12}{one.questions:10d}{one.wrong:10.1%}{told:>7}{one.wrong_sounds:8.1%}"
            f"{one.recognition_s[0]:12.2f} s{one.recognition_s[1]:7.2f} s"
        )
    for one in report.words:
        rows += [f"  {one.language} {one.condition}: {said}\n      {written}" for said, written in one.worst]
    if report.turns:
        rows.append(turns.table(report.turns))
    if report.wake:
        rows.append(wake.table(report.wake))
    if report.nobody:
        rows.append(nobody.table(report.nobody))
    return "\n".join(rows)


def wake_word(settings: RoomFile, language: Language) -> str:
    """The room's own; where it has none in this language, the host's name, after a greeting if it is English."""
    han = language == "zh"
    own = [word for word in settings.hearing.wake_words if any("\u4e00" <= c <= "\u9fff" for c in word) is han]
    name = settings.host.name[language]
    return own[0] if own else name if han else f"hello {name}"


def _homophones(documents: Path) -> Homophones:
    texts = [passage.text for document in read_folder(documents).documents for passage in document.passages]
    return Homophones(Counter(term for text in texts for term in terms(text)), texts)


def asked(documents: Path, language: Language) -> list[str]:
    """What the gold sets ask about a folder of documents and people may say: nothing that is wrong in writing only."""
    said = [
        one.question
        for name in about(documents)
        for one in questions(name)
        if one.language == language and one.style in _STYLES
    ]
    return [said[k] for k in np.random.default_rng(_SEED).permutation(len(said))]


def spoken(texts: Sequence[str], language: Language, kokoro: Path) -> list[tuple[str, Pcm]]:
    """Each text with its sound at 48 kHz, a moment of silence around it; the voices take turns."""
    base = Kokoro.of(kokoro, next(voice for voice in VOICES[language] if voice != "hibari"))
    # A voice of Kokoro speaks a sentence when it is made: each once.
    engines: dict[str, VoiceEngine] = {
        voice: Hibari() if voice == "hibari" else base.speaking_as(voice) for voice in VOICES[language]
    }
    quiet = np.zeros(int(_QUIET_S * SAMPLE_RATE), np.float32)
    said = []
    bar = tqdm(texts, desc=f"saying, {language}", unit="question", disable=None)
    for text, engine in zip(bar, cycle(engines.values())):
        chunks = [at_48k(chunk).pcm for chunk in read_aloud(engine, text, language)]
        said.append((text, np.concatenate([quiet, *chunks, quiet])))
    return said


def _under(
    condition: str,
    language: Language,
    said: Sequence[tuple[str, Pcm]],
    noise: Pcm,
    recognizer: Whisper,
    vocabulary: dict[Language, str],
    homophones: Homophones,
) -> Heard:
    rng = np.random.default_rng(_SEED)
    wrong = total = wrong_sounds = total_sounds = 0
    took, seen = [], []
    for text, pcm in tqdm(said, desc=f"hearing, {language}, {condition}", unit="question", disable=None):
        came = under(condition, pcm, noise, rng)
        begun = time.perf_counter()
        written = homophones.mended(recognizer.transcribe(came, None, vocabulary).text)
        took.append(time.perf_counter() - begun)
        expected, got = units(text, language), units(written, language)
        errors = Levenshtein.distance(expected, got)
        wrong, total = wrong + errors, total + len(expected)
        wanted = sounds(expected, language)
        wrong_sounds += Levenshtein.distance(wanted, sounds(got, language))
        total_sounds += len(wanted)
        seen.append((errors / max(1, len(expected)), text, written))
    worst = [(text, written) for share, text, written in sorted(seen, reverse=True)[:4] if share]
    p50, p95 = np.quantile(took, (0.5, 0.95))
    return Heard(
        language, condition, len(said), wrong / total, wrong_sounds / total_sounds, (float(p50), float(p95)), worst
    )
