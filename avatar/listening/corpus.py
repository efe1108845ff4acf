"""Speech to learn lips from: synthesized here, by many voices in both languages, with what the mouth does in it.

A clip is decided by its number alone, and is a file of its own: making them can be broken off, gone on with, and shared
between processes.
"""

import gzip
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.clock import SECONDS_PER_TICK
from avatar.face import Floats
from avatar.lips import mouth_of
from avatar.speech import Pcm, Phoneme, SpeechChunk, joined
from avatar.visemes import VISEMES
from avatar.voice import VoiceEngine
from avatar.voice.clauses import Cutter
from avatar.voice.delivery import Delivery
from avatar.voice.hibari import Hibari
from avatar.voice.kokoro import Kokoro

_BRITISH: Final = ("bf_alice", "bf_emma", "bf_lily", "bm_daniel", "bm_fable", "bm_george", "bm_lewis")
TAUGHT: Final[dict[str, tuple[str, ...]]] = {
    "zh": ("zf_xiaobei", "zf_xiaoxiao", "zm_yunxi", "zm_yunxia", "zm_yunyang"),
    "en": (
        *("af_heart", "af_alloy", "af_aoede", "af_bella", "af_jessica", "af_kore", "af_nicole", "af_nova", "af_river"),
        *("af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_liam", "am_michael", "am_onyx", "am_puck"),
        *_BRITISH,
    ),
}
"""Kokoro's voices that the network learns from, the few Mandarin ones mixed as well."""
MIXED: Final = 4200
"""Clips of all voices; those after them are British, of which there are few otherwise: hibari speaks American."""
HIBARI: Final = "hibari"
"""Half of the English is this voice's: it costs a fortieth, and more words are heard, which is what English lacks."""
UNHEARD: Final[dict[str, tuple[str, ...]]] = {"zh": ("zf_xiaoyi", "zm_yunjian"), "en": ("am_fenrir", "bf_isabella")}
"""Those it is tried on and never hears in training."""

PHONES: Final = {symbol: number for number, symbol in enumerate(sorted(VISEMES))}
"""Of all phones, of which silence is the first."""

_SCALE: Final = 32767.0


@dataclass(frozen=True, slots=True)
class Clip:
    pcm: Pcm
    """(n,) float32 mono at ``rate``."""
    rate: int
    mouth: Floats
    """(ticks, :data:`avatar.lips.MOUTH`)."""
    phones: npt.NDArray[np.uint8]
    """(ticks,) what is said, as numbers of :data:`PHONES`."""


@dataclass(frozen=True, slots=True)
class Line:
    """What clip number ``number`` is."""

    number: int
    language: str
    voice: str
    text: str
    rate: float
    """Factor on the speed of speaking."""

    @property
    def file(self) -> str:
        return f"{self.number:05d}.npz"


def line(number: int, documents: Sequence[Path]) -> Line:
    """The clip of this number. ``documents``: Markdown, in both languages, that half of the sentences come from."""
    chance = random.Random(number)  # noqa: S311 (no secret)
    language = ("zh", "en", "en")[number % 3]  # English has more vowels, and lips that tell them apart by less
    if number >= MIXED:
        language = "en"
    taught = TAUGHT[language] if number < MIXED else _BRITISH
    voice = chance.choice(taught)
    if number < MIXED and chance.random() < 0.5:
        first, second = chance.sample(taught, 2)
        voice = HIBARI if language == "en" else f"{first}:{chance.choice((0.3, 0.5, 0.7))}+{second}:0.5"
    written = _sentences(language, tuple(documents))
    text = chance.choice(written) if written and chance.random() < 0.5 else _salad(language, chance)
    return Line(number, language, voice, text, round(chance.uniform(0.8, 1.25), 2))


def save(chunk: SpeechChunk, path: Path) -> None:
    part = path.with_suffix(".part.npz")
    pcm = np.round(chunk.pcm * _SCALE).astype(np.int16)
    symbols = np.array([_number(p.symbol) for p in chunk.phonemes], np.uint8)
    np.savez_compressed(part, pcm=pcm, rate=chunk.rate, phones=symbols, ends=[p.end for p in chunk.phonemes])
    part.rename(path)


def _number(symbol: str) -> int:
    """Of a phone, however long it is held: the mouth is the same."""
    return PHONES.get(symbol, PHONES.get(symbol.rstrip("ːʲ"), PHONES["ə"]))


def load(path: Path) -> Clip:
    with np.load(path) as data:
        pcm = data["pcm"].astype(np.float32) / np.float32(_SCALE)
        phones, ends = data["phones"], data["ends"].tolist()
        rate = int(data["rate"])
    symbols = list(PHONES)
    spans = zip(phones, [0.0, *ends[:-1]], ends, strict=True)
    chunk = SpeechChunk(pcm, rate, "", tuple(Phoneme(symbols[n], a, b) for n, a, b in spans))
    mouth = mouth_of(chunk)
    ticks = (np.arange(len(mouth)) + 0.5) * SECONDS_PER_TICK
    at = np.searchsorted(ends, ticks, side="right").clip(0, len(phones) - 1)
    return Clip(pcm, rate, mouth, phones[at])


def speak(one: Line, kokoro: Path) -> SpeechChunk | None:
    """Synthesize a clip; None when its text has nothing to say."""
    engine = _speaking(kokoro, one.language, one.voice)
    cutter = Cutter(one.language, (60 if one.language == "zh" else 160,))
    for clause in cutter.whole(one.text)[:1]:
        for chunk in joined(engine.speak(replace(clause, delivery=Delivery(one.rate)))):
            return chunk
    return None


@cache
def _speaking(kokoro: Path, language: str, voice: str) -> VoiceEngine:
    return Hibari() if voice == HIBARI else _engine(kokoro, language).speaking_as(voice)


@cache
def _engine(kokoro: Path, language: str) -> Kokoro:
    return Kokoro.of(kokoro, TAUGHT[language][0])


@cache
def _sentences(language: str, documents: tuple[Path, ...]) -> list[str]:
    found: list[str] = []
    for path in documents:
        text = path.read_text("utf-8")
        if bool(re.search(r"[\u4e00-\u9fff]", text)) != (language == "zh"):
            continue
        found += [s for s in re.split(r"(?<=[。！？.!?])\s*|\n+", text) if 12 < len(s) < 120 and "|" not in s]
    return found


def _salad(language: str, chance: random.Random) -> str:
    """Words that nobody ever put together: every sound after every other."""
    words, weights = _words(language)
    picked = chance.choices(words, weights, k=chance.randint(5, 9))
    if language == "zh":
        return "，".join("".join(picked[a:b]) for a, b in pairwise([0, len(picked) // 2, len(picked)])) + "。"
    return " ".join(picked).capitalize() + "."


@cache
def _words(language: str) -> tuple[list[str], list[float]]:
    if language == "zh":
        import jieba  # invalid escapes in a package that is no longer maintained: see avatar.voice.mandarin

        with jieba.get_dict_file() as file:
            rows = [row.split() for row in file.read().decode().splitlines()]
        kept = [(r[0], min(float(r[1]), 3000.0)) for r in rows if re.fullmatch(r"[\u4e00-\u9fff]{1,4}", r[0])]
        kept = [(word, count) for word, count in kept if count >= 30]
        return [word for word, _ in kept], [count for _, count in kept]
    import hibari

    gold = Path(hibari.__file__).parent / "assets/lexicon_us_gold.json.gz"
    lexicon = json.loads(gzip.decompress(gold.read_bytes()))
    known = [word for word in lexicon if re.fullmatch(r"[a-z]{2,10}", word)]
    return known, [1.0] * len(known)
