"""Delivery marks: how a text is to be said, written into it.

====================  =============================  ================================================
written               also                           does
====================  =============================  ================================================
``[warm]``            ``[温和]``, … see EMOTIONS     the feeling of all that follows
``[warm 0.5]``        ``[温和 0.5]``                 the same, half as strong
``[neutral]``         ``[平静]``                     ends it
``[pause]``           ``[pause 0.8]``, ``[停顿 2]``  silence, seconds
``[nod]``             ``[点头]``, … see GESTURES     the head's, with the next word
``*word*``            ``**word**``                   emphasis
====================  =============================  ================================================

Any other bracket is text like all text.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from avatar.emotions import EMOTIONS
from avatar.life import GESTURES

NEUTRAL: Final = "neutral"
PAUSE: Final = 0.6
"""Seconds of a pause that does not say how long it is."""
LONGEST_PAUSE: Final = 5.0

_CHINESE: Final = {
    "温和": "warm", "高兴": "delighted", "严肃": "serious", "抱歉": "sorry", "好奇": "curious", "惊讶": "surprised",
    "微笑": "warm", "疑惑": "doubtful", "平静": NEUTRAL, "点头": "nod", "摇头": "shake", "歪头": "tilt", "鞠躬": "bow",
}  # fmt: skip
_MARKLIKE: Final = re.compile(r"\[(?:[A-Za-z]{2,12}|[\u4e00-\u9fff]{2,4})(?: [\d.]+ ?s?)?\]")
_NAMES: Final = "|".join((*EMOTIONS, NEUTRAL, *GESTURES, *_CHINESE))
_FEELINGS: Final = "|".join((*EMOTIONS, *(chinese for chinese, name in _CHINESE.items() if name in EMOTIONS)))
_MARK: Final = re.compile(
    rf"\[(?P<name>{_NAMES})\]"
    rf"|\[(?P<feeling>{_FEELINGS})\s+(?P<share>0?\.\d{{1,3}}|1(?:\.0{{1,3}})?)\]"
    r"|\[(?:pause|停顿)(?:\s+(?P<seconds>\d+(?:\.\d+)?)\s*s?)?\]"
    r"|(?<![A-Za-z0-9_*])\*\*(?=[^\s*])(?P<strong>[^*\n]+?)(?<=[^\s*])\*\*(?![A-Za-z0-9_*])"
    r"|(?<![A-Za-z0-9_*])\*(?=[^\s*])(?P<emphasis>[^*\n]+?)(?<=[^\s*])\*(?![A-Za-z0-9_*])"
)


@dataclass(frozen=True, slots=True)
class TextMark:
    """A mark and the characters [start, end) of the text without marks that it belongs to."""

    kind: Literal["emotion", "pause", "emphasis", "gesture"]
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Marked:
    text: str
    marks: tuple[TextMark, ...] = ()


def unknown(text: str) -> list[str]:
    """What looks like marks and is none: it would be said."""
    return _MARKLIKE.findall(_MARK.sub("", text))


def parse(text: str) -> Marked:
    """The text without its marks, and the marks.

    A pause's value is its seconds, a feeling's its name and, where one is given, its strength.
    """
    plain: list[str] = []
    marks: list[TextMark] = []
    at = length = 0
    for m in _MARK.finditer(text):
        plain.append(text[at : m.start()])
        length += m.start() - at
        at = m.end()
        stressed = m["strong"] or m["emphasis"]
        if stressed:
            inner = parse(stressed)
            marks.append(TextMark("emphasis", "", length, length + len(inner.text)))
            marks.extend(TextMark(i.kind, i.value, i.start + length, i.end + length) for i in inner.marks)
            plain.append(inner.text)
            length += len(inner.text)
        elif m["feeling"]:
            value = f"{_CHINESE.get(m['feeling'], m['feeling'])} {float(m['share']):g}"
            marks.append(TextMark("emotion", value, length, length))
        elif m["name"]:
            name = _CHINESE.get(m["name"], m["name"])
            marks.append(TextMark("gesture" if name in GESTURES else "emotion", name, length, length))
        else:
            seconds = min(float(m["seconds"] or PAUSE), LONGEST_PAUSE)
            marks.append(TextMark("pause", f"{seconds:g}", length, length))
    plain.append(text[at:])
    return Marked("".join(plain), tuple(marks))


def plain(text: str) -> str:
    """``text`` as it is read on a page: without marks, and without the space that one of them left double."""
    bare = parse(text).text
    return bare if bare == text else re.sub(r"(?<=\s)[^\S\n]+|^[^\S\n]+", "", bare)
