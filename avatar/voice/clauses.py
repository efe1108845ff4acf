"""Text as it arrives to clauses: what is synthesized in one go, how, and the pause after it."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from avatar.emotions import told
from avatar.voice.delivery import DELIVERIES, PLAIN, Delivery
from avatar.voice.marks import NEUTRAL, TextMark, parse

CLAUSE_PAUSE: Final = 0.09
SENTENCE_PAUSE: Final = 0.32
"""Seconds of silence that natural reading leaves after a clause and after a sentence."""

_FULL_WIDTH: Final = {c: c - 0xFEE0 for c in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_SPOKEN_SYMBOLS: Final = frozenset("℃°℉")
_MARKUP: Final = re.compile(r"`+|(?m:^\s*#+\s+)|(?m:^\s*[-•]\s+)|\[\d{1,3}(?:\s*[,，]\s*\d{1,3})*\]")
_STARS: Final = re.compile(r"\*+")
_SPACES: Final = re.compile(r"[^\S\n]+")
_CLOSING: Final = '”’」』）】》")*'
_END: Final = {
    "zh": re.compile(rf"(?:[。！？!?…]+|(?<![\d.])\.(?=\s))[{_CLOSING}]*|\n"),
    "en": re.compile(rf"[.!?…]+[{_CLOSING}]*\s+|\n"),
}
_TITLES: Final = frozenset(
    (
        "Mr",
        "Mrs",
        "Ms",
        "Dr",
        "Prof",
        "St",
        "Hon",
        "Rev",
        "Gen",
        "Col",
        "Capt",
        "Lt",
        "Sgt",
        "vs",
        "v",
        "cf",
        "e.g",
        "i.e",
    )
)
"""Words whose full stop does not end a sentence,"""
_NUMBERED: Final = frozenset(("No", "Nos", "Art", "Sec", "Ch", "Fig", "para", "pp", "p", "ext", "Vol"))
"""and those for which it does not before a number."""
_TIMES: Final = re.compile(r"(?<=\d)\s?\*\s?(?=\d)")
_BREAK: Final = re.compile(rf"[，、；：,;:—]+[{_CLOSING}]*(?:\s|(?<=[，、；：—{_CLOSING}])|$)")
_SENTENCE_END: Final = re.compile(rf"[。！？!?….][{_CLOSING}]*\s*$")
_PAUSE: Final = re.compile(r"\[(?:pause|停顿)[^\]]{0,12}\]")


@dataclass(frozen=True, slots=True)
class Clause:
    text: str
    """Without marks and markup."""
    language: str = "en"
    """BCP 47 primary tag."""
    pause: float = 0.0
    """Seconds of silence due after it."""
    delivery: Delivery = PLAIN
    marks: tuple[TextMark, ...] = ()
    """Emphasis, gestures, and a feeling that begins with this clause."""
    lexicon: tuple[tuple[str, str], ...] = ()
    """(written, said) of the words in it that the room wants said so; see :mod:`avatar.voice.lexicon`."""


def clean(text: str) -> str:
    """Drop what nobody says (control and format characters, emoji, markup, footnote marks); keep line breaks."""
    return _SPACES.sub(" ", _STARS.sub("", _MARKUP.sub("", _visible(text)))).strip()


def _visible(text: str) -> str:
    text = text.translate(_FULL_WIDTH).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(_spoken_or_space(c) for c in text)


def _spoken_or_space(c: str) -> str:
    if c == "\n" or c in _SPOKEN_SYMBOLS:
        return c
    category = unicodedata.category(c)
    if category in ("Cf", "Mn", "Sk", "Cs", "Co", "Cn"):
        return ""  # joiners, variation selectors, stray surrogates: invisible, so they split nothing
    return " " if category in ("Cc", "So", "Zl", "Zp", "Zs") else c


def ends(text: str, language: str) -> Iterator[int]:
    """Where the sentences of ``text`` end, as far as that is certain whatever may follow ``text``."""
    for m in _END["zh" if language == "zh" else "en"].finditer(text):
        if m.end() < len(text) and (language == "zh" or m.group() == "\n" or _ends_english(text, m)):
            yield m.end()


def _ends_english(text: str, m: re.Match[str]) -> bool:
    follows = text[m.end()]
    if follows.islower():
        return False
    if m.group().rstrip() != ".":
        return True
    word = text[: m.start()].rpartition(" ")[2].lstrip("(\"“'‘[")
    initial = len(word) == 1 and word.isupper() and word != "I"
    return not (initial or word in _TITLES or (word in _NUMBERED and follows.isdigit()))


class Cutter:
    """Sans-I/O: text in pieces of any size in, clauses out, each as soon as it is certain.

    ``limits``: characters in the first and in later clauses, the last holding for all that follow. A rising series
    lets the first clause, and so the sound, come soon, and gives later ones the length that prosody and speed gain
    from. Cuts fall at the end of a sentence, else after clause marks, else at spaces, else anywhere. How the text was
    portioned makes no difference.
    """

    def __init__(self, language: str, limits: Sequence[int], lexicon: Mapping[str, str] | None = None) -> None:
        self._language = language
        self._limits = limits
        self._lexicon = tuple((lexicon or {}).items())
        self._rest = ""
        self._made = 0
        self._feeling = NEUTRAL

    def feed(self, text: str) -> list[Clause]:
        self._rest += _visible(text)
        clauses: list[Clause] = []
        at = 0
        for end in ends(self._rest, self._language):
            clauses += self._cut(self._rest[at:end])
            at = end
        self._rest = self._rest[at:].lstrip()
        while self._must_cut():
            at = self._place(self._rest)
            clauses += self._clause(self._rest[:at], last=False)
            self._rest = self._rest[at:].lstrip()
        return clauses

    def whole(self, text: str) -> list[Clause]:
        """All clauses of a text that is here."""
        return self.feed(text) + self.flush()

    def flush(self) -> list[Clause]:
        """The text ends here, or rests for so long that it may as well."""
        rest, self._rest = self._rest, ""
        return list(self._cut(rest))

    def _must_cut(self) -> bool:
        """Whether the first clause of a sentence is certain although its end has not come."""
        length, limit = len(self._rest), self._limit
        return length > self._limits[-1] or (
            length > limit and any(m.end() <= limit for m in _BREAK.finditer(self._rest))
        )

    def _cut(self, sentence: str) -> Iterator[Clause]:
        rest = sentence.strip()
        while rest:
            at = self._place(rest)
            yield from self._clause(rest[:at], last=at == len(rest))
            rest = rest[at:].lstrip()

    @property
    def _limit(self) -> int:
        return self._limits[min(self._made, len(self._limits) - 1)]

    def _place(self, text: str) -> int:
        """Where the next clause of ``text`` ends."""
        pause = _PAUSE.search(text)
        return _place(text[: pause.end()] if pause else text, self._limit, self._limits[-1])

    def _clause(self, raw: str, *, last: bool) -> Iterator[Clause]:
        marked = parse(_TIMES.sub("×", _MARKUP.sub("", raw)))
        text, marks = _trimmed(marked.text, marked.marks)
        pause = sum(float(m.value) for m in marks if m.kind == "pause")
        if not pause:
            pause = SENTENCE_PAUSE if last or _SENTENCE_END.search(text) else CLAUSE_PAUSE
        shown = tuple(m for m in marks if m.kind != "pause")
        feelings = [m for m in shown if m.kind == "emotion"]
        at_first = [m.value for m in feelings if m.start == 0]
        feeling = at_first[-1] if at_first else self._feeling
        if feelings:
            self._feeling = feelings[-1].value
        if text and not self._made and not at_first and feeling == NEUTRAL:
            shown = (TextMark("emotion", NEUTRAL, 0, 0), *shown)  # whatever was felt before, it was another text
        if text:
            self._made += 1
        elif not (shown or any(m.kind == "pause" for m in marks)):
            return
        words = tuple((written, said) for written, said in self._lexicon if written in text)
        name, share = told(feeling)
        delivery = DELIVERIES.get(name, PLAIN).weaker(share)
        yield Clause(text, self._language, pause, delivery, shown, words)


def _trimmed(text: str, marks: Sequence[TextMark]) -> tuple[str, list[TextMark]]:
    """``text`` with single spaces, none at its edges, and without stray stars; marks moved with their characters."""
    kept: list[int] = []
    """For each character of ``text``, how many of those before it are kept."""
    out: list[str] = []
    for c in text:
        kept.append(len(out))
        if c == "*" or (c.isspace() and (not out or out[-1] == " ")):
            continue
        out.append(" " if c.isspace() else c)
    while out and out[-1] == " ":
        out.pop()
    kept.append(len(out))
    moved = [replace(m, start=min(kept[m.start], len(out)), end=min(kept[m.end], len(out))) for m in marks]
    return "".join(out), moved


def _place(text: str, limit: int, hard_limit: int) -> int:
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
    at = space if space > 0 else hard_limit
    bracket = text.rfind("[", 1, at)
    return bracket if bracket > 0 and "]" not in text[bracket:at] else at
