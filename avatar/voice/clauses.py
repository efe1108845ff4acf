"""Text to clauses: what is synthesized in one go, and the pause after it."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

CLAUSE_PAUSE: Final = 0.09
SENTENCE_PAUSE: Final = 0.32
"""Seconds of silence that natural reading leaves after a clause and after a sentence."""

_FULL_WIDTH: Final = {c: c - 0xFEE0 for c in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_SPOKEN_SYMBOLS: Final = frozenset("℃°℉")
_MARKUP: Final = re.compile(r"\*+|`+|(?m:^\s*#+\s+)|(?m:^\s*[-•]\s+)|\[\d{1,3}(?:\s*[,，]\s*\d{1,3})*\]")
_SPACES: Final = re.compile(r"[^\S\n]+")
_CHINESE_SENTENCE: Final = re.compile(
    r"[^。！？!?…\n]*?(?:[。！？!?…]+|(?<![\d.])\.(?=\s|$)|\n|$)[”’」』）】》\")]*", re.MULTILINE
)
_BREAK: Final = re.compile(r"[，、；：,;:—]+[”’」』）】》\")]*(?:\s|(?<=[，、；：—”’」』）】》])|$)")
_SENTENCE_END: Final = re.compile(r"[。！？!?….][”’」』）】》\")]*\s*$")


@dataclass(frozen=True, slots=True)
class Clause:
    text: str
    pause: float
    """Seconds of silence due after it."""


def clean(text: str) -> str:
    """Drop what nobody says (control and format characters, emoji, markup, footnote marks); keep line breaks."""
    text = text.translate(_FULL_WIDTH).replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(_spoken_or_space(c) for c in text)
    text = _MARKUP.sub("", text)
    return _SPACES.sub(" ", text).strip()


def _spoken_or_space(c: str) -> str:
    if c == "\n" or c in _SPOKEN_SYMBOLS:
        return c
    category = unicodedata.category(c)
    if category in ("Cf", "Mn", "Sk", "Cs", "Co", "Cn"):
        return ""  # joiners, variation selectors, stray surrogates: invisible, so they split nothing
    return " " if category in ("Cc", "So", "Zl", "Zp", "Zs") else c


def chinese_sentences(text: str) -> list[str]:
    return [s for m in _CHINESE_SENTENCE.finditer(text) if (s := m.group().strip())]


def split(sentences: Iterable[str], limits: tuple[int, ...]) -> Iterator[Clause]:
    """Cut sentences into pieces of at most ``limits[i]`` characters, the last limit holding for all that follow.

    A rising series lets the first piece, and so the sound, come soon, and gives later ones the length that
    prosody and speed gain from. Cuts fall after clause marks, else at spaces, else anywhere.
    """
    made = 0
    for sentence in sentences:
        rest = sentence
        while rest:
            cut = _cut(rest, limits[min(made, len(limits) - 1)], limits[-1])
            piece, rest = rest[:cut].strip(), rest[cut:].lstrip()
            if piece:
                ends = not rest or _SENTENCE_END.search(piece)
                yield Clause(piece, SENTENCE_PAUSE if ends else CLAUSE_PAUSE)
                made += 1


def _cut(text: str, limit: int, hard_limit: int) -> int:
    if len(text) <= limit:
        return len(text)
    marks = [m.end() for m in _BREAK.finditer(text)]
    within = [m for m in marks if m <= limit]
    if within:
        return within[-1]
    # A clause a little longer than wished is better than one broken in the middle.
    end = next((m for m in marks if m <= hard_limit), len(text))
    if end <= hard_limit:
        return end
    space = text.rfind(" ", 1, hard_limit)
    return space if space > 0 else hard_limit
