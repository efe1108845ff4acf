"""Days of the week in a text: those that are named, and those between two of them."""

import re
from typing import Final

_CHINESE: Final = "一二三四五六日"
_ENGLISH: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = (
    r"(?:(?:周|星期|礼拜)(?P<zh{0}>[一二三四五六日天末])"
    r"|\b(?P<en{0}>mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:days?)?\b)"
)
_DAYS: Final = re.compile(
    _DAY.format(1) + r"(?:\s*(?:至|到|—|–|-|~|～|to|through|until)\s*" + _DAY.format(2) + ")?", re.IGNORECASE
)
_FIXED: Final = (
    (re.compile(r"周末|双休日|\bweekends?\b", re.IGNORECASE), frozenset({5, 6})),
    (re.compile(r"(?<!个)(?<!个 )工作日|\bweekdays?\b", re.IGNORECASE), frozenset(range(5))),
    (re.compile(r"每天|天天|每日|\b(?:daily|every day)\b", re.IGNORECASE), frozenset(range(7))),
)


def days(text: str) -> frozenset[int]:
    """0 for Monday."""
    found: set[int] = set()
    for match in _DAYS.finditer(text):
        first, last = (_number(match[f"zh{k}"], match[f"en{k}"]) for k in (1, 2))
        if first is None:
            continue
        found |= {first} if last is None else {(first + k) % 7 for k in range((last - first) % 7 + 1)}
    for pattern, some in _FIXED:
        if pattern.search(text):
            found |= some
    return frozenset(found)


def _number(chinese: str | None, english: str | None) -> int | None:
    if chinese:
        return _CHINESE.find(chinese.replace("天", "日")) if chinese != "末" else None
    return _ENGLISH.index(english[:3].lower()) if english else None
