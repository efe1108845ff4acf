"""Model symbols and their durations to clean, gapless phones and words in time, and the sound cut to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.speech import Pcm, Phoneme, SpeechChunk, Word
from avatar.voice.clauses import Clause
from avatar.voice.finish import finish
from avatar.voice.trim import audible

RATE: Final = 24_000
"""Of both models, Hz,"""
FRAME_SAMPLES: Final = 600
"""and what one unit of their durations lasts: 25 ms."""

_ADVANCE: Final = 0.05
"""Seconds by which the sound of a symbol precedes its place by the durations. Measured on both models: the
correlation of fricative symbols with high-frequency energy, and of vowels with loudness, peaks at 35 to 60 ms."""

_EARLIER: Final = {"m": 0.015, "b": 0.03, "p": 0.03, "pʰ": 0.03}
"""Seconds by which lips close and part before even that. Measured on both models: the steepest fall and rise of
loudness come 0 to 30 ms before the phone's edges for m, 20 to 40 ms for stops, to which the models count the burst and
its breath."""

_SHORTEST: Final = 0.05
"""Seconds that the last phone gets at least."""

# The models' alphabet writes some diphthongs and affricates as one letter; these are their IPA.
_IPA: Final = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "S": "ʃ", "T": "ɾ",
    "ʣ": "dz", "ʥ": "dʑ", "ʦ": "ts", "ʨ": "tɕ", "ꭧ": "ʈʂ", "ʤ": "dʒ", "ʧ": "tʃ", "ᵊ": "ə", "ᵻ": "ɪ",
}  # fmt: skip
_LETTERS: Final = dict(sorted(((ipa, c) for c, ipa in _IPA.items()), key=lambda pair: -len(pair[0])))
_AFTER: Final = frozenset("ʰʲːᵝ\u0303→↗↓↘")
"""Lengthen or colour the phone before them."""
_ADDED: Final = frozenset("ʰː")
_BEFORE: Final = frozenset("ˈˌ")
"""Stress marks: their time belongs to the phone after them."""
_PUNCTUATION: Final = frozenset(';:,.!?—…"()“”')
_SOUNDLESS: Final = _AFTER | _BEFORE | _PUNCTUATION | {" "}


def to_symbols(ipa: str) -> str:
    """IPA as people write it to the models' alphabet."""
    for written, letter in _LETTERS.items():
        if len(written) > 1:
            ipa = ipa.replace(written, letter)
    return ipa.replace("g", "ɡ").replace("r", "ɹ")


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


@dataclass(frozen=True, slots=True)
class Aligned:
    """When what of a clause is said, in seconds from ``start`` on."""

    start: float
    end: float
    """What of the model's sound is kept, in seconds from its first sample: [start, end)."""
    phonemes: tuple[Phoneme, ...]
    """The last is the pause after it."""
    words: tuple[Word, ...]


def align(
    units: Sequence[Unit], durations: npt.NDArray[np.int64], rate: int, heard: tuple[float, float], pause: float
) -> Aligned:
    """``durations``: one value a symbol of ``units``, of which one at least sounds, and one for the pad at each end;
    ``heard``: first and last audible moment of the sound, for the models give much of the silence to the last phone.
    """
    spans = _merge(units, [int(d) for d in durations])
    edges = np.cumsum([0, *(s.frames for s in spans)]) * (FRAME_SAMPLES / rate) - _ADVANCE
    for i, span in enumerate(spans[1:], 1):
        earlier = min(_EARLIER.get(span.symbol, 0.0), (edges[i] - edges[i - 1]) / 2)
        edges[i : i + 2] -= earlier
    # A quiet first or last phone (a nasal, a stop) is still a phone, and its lips must be seen.
    start = max(0.0, min(heard[0], float(edges[1])))
    end = max(heard[1], float(edges[-3]) + _SHORTEST)
    edges = np.clip(edges - start, 0.0, end - start)
    edges[0], edges[-1] = 0.0, end - start + pause
    return Aligned(start, end, _phonemes(spans, edges), _words(spans, units, edges))


def make_chunk(
    clause: Clause, units: Sequence[Unit], pcm: Pcm, durations: npt.NDArray[np.int64], rate: int
) -> SpeechChunk:
    """One spoken clause, its pads trimmed to the pause that is due; ``durations``: see :func:`align`."""
    heard = audible(pcm, rate) or (0.0, len(pcm) / rate)
    aligned = align(units, durations, rate, heard, clause.pause)
    a, b = round(aligned.start * rate), round(aligned.end * rate)
    sound = np.pad(pcm[a:b].astype(np.float32), (0, max(0, b - len(pcm))))
    return finish(clause, sound, rate, aligned.phonemes, aligned.words)


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
