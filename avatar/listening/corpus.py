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

from avatar.face import Floats
from avatar.lips import mouth_of
from avatar.speech import Pcm
from avatar.voice.clauses import Cutter
from avatar.voice.delivery import Delivery
from avatar.voice.kokoro import Kokoro

TAUGHT: Final[dict[str, tuple[str, ...]]] = {
    "zh": ("zf_xiaobei", "zf_xiaoxiao", "zm_yunxi", "zm_yunxia", "zm_yunyang"),
    "en": ("af_heart", "af_bella", "af_nicole", "am_michael", "am_puck", "bf_emma", "bm_fable"),
}
"""Kokoro's voices that the network learns from, alone and mixed; the first English one is hibari's too."""
UNHEARD: Final[dict[str, tuple[str, ...]]] = {"zh": ("zf_xiaoyi", "zm_yunjian"), "en": ("am_fenrir", "bf_isabella")}
"""Those it is tried on and never hears in training."""

_SCALE: Final = 32767.0


@dataclass(frozen=True, slots=True)
class Clip:
    pcm: Pcm
    """(n,) float32 mono at ``rate``."""
    rate: int
    mouth: Floats
    """(ticks, :data:`avatar.lips.MOUTH`)."""


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


def line(number: int, documents: Sequence[Path], voices: dict[str, tuple[str, ...]] = TAUGHT) -> Line:
    """The clip of this number. ``documents``: Markdown, in both languages, that half of the sentences come from."""
    chance = random.Random(number)  # noqa: S311 (no secret)
    language = ("zh", "en")[number % 2]
    taught = voices[language]
    voice = chance.choice(taught)
    if voices is TAUGHT and chance.random() < 0.5:
        voice = "+".join(f"{one}:{0.2 + chance.random():.2f}" for one in chance.sample(taught, 2))
    written = _sentences(language, tuple(documents))
    text = chance.choice(written) if written and chance.random() < 0.5 else _salad(language, chance)
    return Line(number, language, voice, text, round(chance.uniform(0.8, 1.25), 2))


def save(clip: Clip, path: Path) -> None:
    part = path.with_suffix(".part.npz")
    pcm = np.round(clip.pcm * _SCALE).astype(np.int16)
    np.savez_compressed(part, pcm=pcm, rate=clip.rate, mouth=clip.mouth.astype(np.float16))
    part.rename(path)


def load(path: Path) -> Clip:
    with np.load(path) as data:
        pcm = data["pcm"].astype(np.float32) / np.float32(_SCALE)
        return Clip(pcm, int(data["rate"]), data["mouth"].astype(np.float32))


def speak(one: Line, kokoro: Path) -> Clip | None:
    """Synthesize a clip; None when its text has nothing to say."""
    engine = _engine(kokoro, one.language).speaking_as(one.voice)
    cutter = Cutter(one.language, (60 if one.language == "zh" else 160,))
    for clause in cutter.whole(one.text)[:1]:
        for chunk in engine.speak(replace(clause, delivery=Delivery(one.rate))):
            return Clip(chunk.pcm, chunk.rate, mouth_of(chunk))
    return None


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
