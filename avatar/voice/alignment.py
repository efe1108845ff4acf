"""Model symbols and their durations to clean, gapless phones and words in time, and the sound cut to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.speech import Pcm, Phoneme, SpeechChunk, Word
from avatar.voice.clauses import Clause
from avatar.voice.loudness import normalized

FRAME_SECONDS: Final = 0.025
"""What one unit of the models' durations lasts (600 samples at 24 kHz)."""

_ADVANCE: Final = 0.05
"""Seconds by which the sound of a symbol precedes its place by the durations. Measured on both models: the
correlation of fricative symbols with high-frequency energy, and of vowels with loudness, peaks at 35 to 60 ms."""

_SHORTEST: Final = 0.05
"""Seconds that the last phone gets at least."""
_LEAD: Final = 0.03
"""Seconds kept before the first phone: an onset cut to the sample clicks."""
_FADE: Final = 0.008
_AUDIBLE: Final = 0.01
"""Share of the loudest 5 ms below which nothing is heard: −40 dB."""

# The models' alphabet writes some diphthongs and affricates as one letter; these are their IPA.
_IPA: Final = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "S": "ʃ", "T": "ɾ",
    "ʣ": "dz", "ʥ": "dʑ", "ʦ": "ts", "ʨ": "tɕ", "ꭧ": "ʈʂ", "ʤ": "dʒ", "ʧ": "tʃ", "ᵊ": "ə", "ᵻ": "ɪ",
}  # fmt: skip
_AFTER: Final = frozenset("ʰʲːᵝ\u0303→↗↓↘")
"""Lengthen or colour the phone before them."""
_ADDED: Final = frozenset("ʰː")
_BEFORE: Final = frozenset("ˈˌ")
"""Stress marks: their time belongs to the phone after them."""
_PUNCTUATION: Final = frozenset(';:,.!?—…"()“”')
_SOUNDLESS: Final = _AFTER | _BEFORE | _PUNCTUATION | {" "}


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch of model symbols and the caption word it sounds; ``word`` is "" for what separates words."""

    symbols: str
    word: str = ""

    @property
    def sounds(self) -> bool:
        return any(c not in _SOUNDLESS for c in self.symbols)


@dataclass(slots=True)
class _Span:
    symbol: str
    frames: int
    owner: int
    """Index of the unit, −1 for pads and separators."""


def make_chunk(
    clause: Clause, units: Sequence[Unit], pcm: Pcm, durations: npt.NDArray[np.int64], rate: int
) -> SpeechChunk:
    """One spoken clause, its pads trimmed to the pause that is due.

    ``durations`` holds one value a symbol of ``units``, of which one at least sounds, and one for the pad at each end.
    """
    spans = _merge(units, [int(d) for d in durations])
    edges = np.cumsum([0, *(s.frames for s in spans)]) * FRAME_SECONDS - _ADVANCE
    start, end = _extent(pcm, rate)
    # A quiet first or last phone (a nasal, a stop) is still a phone, and its lips must be seen.
    start = max(0.0, min(start, float(edges[1])))
    end = max(end, float(edges[-3]) + _SHORTEST)
    edges = np.clip(edges - start, 0.0, end - start)
    edges[0], edges[-1] = 0.0, end - start + clause.pause
    phonemes, words = _phonemes(spans, edges), _words(spans, units, edges)
    return SpeechChunk(_cut(pcm, rate, start, end, clause.pause), rate, clause.text, phonemes, words)


def _merge(units: Sequence[Unit], durations: list[int]) -> list[_Span]:
    """Phones and silences ("") with their frames; marks and plain word breaks give their time to a neighbour."""
    spans = [_Span("", durations[0], -1)]
    owed, position = 0, 1
    for owner, unit in enumerate(units):
        for c in unit.symbols:
            frames, position = durations[position], position + 1
            last = spans[-1]
            if c in _BEFORE:
                owed += frames
            elif c in _AFTER or (c == " " and last.symbol):
                last.frames += frames
                if c in _ADDED and last.symbol:
                    last.symbol += c
            elif c in _PUNCTUATION or c == " ":
                if last.symbol:
                    spans.append(_Span("", frames, -1))
                else:
                    last.frames += frames
            else:
                spans.append(_Span(_IPA.get(c, c), frames + owed, owner if unit.word else -1))
                owed = 0
    if spans[-1].symbol:
        spans.append(_Span("", 0, -1))
    spans[-1].frames += durations[-1] + owed
    return spans


def _extent(pcm: Pcm, rate: int) -> tuple[float, float]:
    """First and last audible moment in seconds.

    Heard rather than taken from the durations: the models give much of the trailing silence to the last phone.
    """
    hop = rate // 200
    n = len(pcm) // hop
    level = np.sqrt(np.mean(np.square(pcm[: n * hop].reshape(n, hop)), axis=1)) if n else np.zeros(0, np.float32)
    heard = np.flatnonzero(level > max(1e-4, _AUDIBLE * float(level.max(initial=0.0))))
    if not len(heard):
        return 0.0, len(pcm) / rate
    return max(0.0, float(heard[0]) * hop / rate - _LEAD), min(
        float(heard[-1] + 1) * hop / rate + _LEAD, len(pcm) / rate
    )


def _phonemes(spans: Sequence[_Span], edges: npt.NDArray[np.float64]) -> tuple[Phoneme, ...]:
    return tuple(
        Phoneme(span.symbol, float(a), float(b))
        for span, a, b in zip(spans, edges[:-1], edges[1:], strict=True)
        if b > a
    )


def _words(spans: Sequence[_Span], units: Sequence[Unit], edges: npt.NDArray[np.float64]) -> tuple[Word, ...]:
    words: list[Word] = []
    owner = -1
    for span, a, b in zip(spans, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if span.owner < 0:
            continue
        if span.owner == owner:
            words[-1] = Word(words[-1].text, words[-1].start, b)
        else:
            owner = span.owner
            words.append(Word(units[owner].word, a, b))
    return tuple(words)


def _cut(pcm: Pcm, rate: int, start: float, end: float, pause: float) -> Pcm:
    a, b = round(start * rate), round(end * rate)
    sound = np.pad(normalized(pcm[a:b].astype(np.float32), rate), (0, max(0, b - len(pcm))))
    fade = min(len(sound) // 2, round(_FADE * rate))
    if fade:
        ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        sound = sound.copy()
        sound[:fade] *= ramp
        sound[-fade:] *= ramp[::-1]
    return np.concatenate((sound, np.zeros(round(pause * rate), np.float32)))
