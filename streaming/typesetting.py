"""Text into lines, by the rules of Chinese and of English: pure, whatever font measures it.

Chinese breaks between any two characters, save that closing marks begin no line and opening marks end none (GB/T
15834-2011, 5; W3C's clreq, 3.1.3); English breaks between words. What fits no line is broken where it must be.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

Measure = Callable[[str], float]
"""How wide a line is."""

MOST: Final = 2000
"""Characters of a text that are looked at: far more than a picture has room for."""
ELLIPSIS: Final = "…"
MISSING: Final = "□"
"""In the place of a letter that no font has."""

_CLOSING: Final = frozenset(
    "、。，．·：；？！）］｝〉》」』】〕〗〙〛”’…‥—～％‰‱℃℉°′″ー々〻ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶヽヾゝゞ"
    ",.:;?!)]}%»›-‐–/／|¢"
)
"""Begin no line."""
_OPENING: Final = frozenset("（［｛〈《「『【〔〖〘〚“‘([{«‹¥￥$＄€£₩№#＃@＠")
"""End no line."""
_QUOTES: Final = frozenset("\"'")
"""May be either."""
_AFTER: Final = frozenset("-‐–/／|")
"""A line may end with, within a word."""
_TRAILING: Final = " ，、；：。,;:.…—-"
"""Not before an ellipsis."""
_ALONE: Final = 0.25
"""A last line that takes less of the width looks forgotten."""
_NARROWER: Final = (0.96, 0.92, 0.88)
_MARKS: Final = 2
"""Above and below a letter; more are a joke."""


def clean(text: str, has: Callable[[str], bool], *, one_line: bool = False) -> str:
    """Only what can be shown: no control or formatting characters, no emoji that no font ``has``."""
    text = unicodedata.normalize("NFC", text[:MOST])
    text = re.sub(r"\r\n?|[\v\f\x85\u2028\u2029]", " " if one_line else "\n", text)
    kept: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if character == "\n" and not one_line:
            kept.append(character)
        elif character.isspace():
            kept.append(" ")
        elif category[0] == "C" or "\ufe00" <= character <= "\ufe0f":  # the latter choose the look of emoji
            continue
        elif has(character):
            marks = marks + 1 if category[0] == "M" else 0
            if marks <= _MARKS:
                kept.append(character)
        elif category[0] in "LN" and has(MISSING):
            kept.append(MISSING)
    lines = (re.sub(" +", " ", line).strip() for line in "".join(kept).split("\n"))
    return "\n".join(line for line in lines if line)


def wrap(text: str, width: float, measure: Measure, most: int) -> list[str]:
    """At most ``most`` lines, each no wider than ``width``; the last ends with an ellipsis where more would come."""
    lines: list[str] = []
    for line in _lines(text, width, measure):
        if len(lines) == most:
            return [*lines[:-1], _shortened(lines[-1], width, measure)] if lines else []
        lines.append(line)
    return lines


def balanced(text: str, width: float, measure: Measure, most: int) -> list[str]:
    """As :func:`wrap`, but lines of about the same width, no more of them for that: a title looks better so."""
    lines = wrap(text, width, measure, most)
    if len(lines) < 2 or lines[-1].endswith(ELLIPSIS):
        return lines
    low, high = width / 2, width
    while high - low > width / 64:
        middle = (low + high) / 2
        if len(list(_lines(text, middle, measure))) > len(lines):
            low = middle
        else:
            high = middle
    return wrap(text, high, measure, most)


def settled(text: str, width: float, measure: Measure, most: int) -> list[str]:
    """As :func:`wrap`, but somewhat narrower where else a word or two would be left alone on the last line."""
    lines = wrap(text, width, measure, most)
    for share in _NARROWER:
        if len(lines) < 2 or measure(lines[-1]) >= _ALONE * width:
            break
        if len(narrower := wrap(text, share * width, measure, most)) == len(lines):
            lines = narrower
    return lines


def _lines(text: str, width: float, measure: Measure) -> Iterator[str]:
    for paragraph in text.split("\n"):
        line = ""
        for piece in _pieces(paragraph):
            if measure((line + piece).rstrip()) <= width:
                line += piece
                continue
            if line.strip():
                yield line.rstrip()
            *whole, line = _forced(piece, width, measure)
            yield from whole
        if line.strip():
            yield line.rstrip()


def _pieces(paragraph: str) -> Iterator[str]:
    """What may stand on a line of its own, blanks at its end included."""
    begin = 0
    for at in range(1, len(paragraph)):
        if _may_break(paragraph[at - 1], paragraph[at]):
            yield paragraph[begin:at]
            begin = at
    yield paragraph[begin:]


def _may_break(before: str, after: str) -> bool:
    if after == " " or after in _CLOSING or unicodedata.category(after)[0] == "M":
        return False
    if before == " ":
        return True
    if before in _OPENING or before in _QUOTES or after in _QUOTES:
        return False
    return _wide(before) or _wide(after) or (before in _AFTER and after.isalpha())


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF" or character in "”’…—"


def _forced(piece: str, width: float, measure: Measure) -> list[str]:
    """A piece in as many lines as it takes, broken anywhere if it must be; one line at least."""
    lines = [""]
    for character in piece:
        fits = measure((lines[-1] + character).rstrip()) <= width
        if fits or not lines[-1] or unicodedata.category(character)[0] == "M":
            lines[-1] += character
        else:
            lines.append(character)
    return lines


def _shortened(line: str, width: float, measure: Measure) -> str:
    """As much of a line as there is room for beside an ellipsis, in whole words if that is most of it."""
    shown = len(line)
    while shown and measure(_ended(line[:shown])) > width:
        shown -= 1
    *_, last = _pieces(line[: shown + 1])
    whole = shown if shown == len(line) else shown + 1 - len(last)
    return _ended(line[: whole if 2 * whole > shown else shown])


def _ended(line: str) -> str:
    return line.rstrip(_TRAILING) + ELLIPSIS
