"""Quantities: numbers with what they count, however they are written, and whether they bound something.

三十日, 30 days and thirty days are the same; 不超过 and at most bound from above, 提前 and before come before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Literal

from knowledge.numerals import NUMERAL, parse_chinese

Bound = Literal["most", "least", ""]
Side = Literal["before", "after", ""]

_UNITS: Final = {
    "workday": "个?工作日|working days?|business days?|work ?days?",
    "day": "天|日|days?",
    "week": "个?(?:星期|礼拜)(?![一二三四五六日天])|周(?!岁|年|[一二三四五六日末])|weeks?",
    "month": "个?月|months?",
    "year": "周?年|years?(?! old)",
    "age": "周?岁|years? old|years? of age|-year-olds?",
    "hour": "个?小时|个?钟头|hours?",
    "minute": "分钟|minutes?",
    "clock": "点钟?|时(?!间|候|代)|o'clock|[ap]\\.?m\\.?",
    "yuan": "元|块钱?|yuan|rmb|cny|kuai",
    "ratio": "倍|-?fold|times(?! a)",
    "count": "次(?!日)|回(?!家|来|去|复|答|应|收|到)",
    "kilogram": "公斤|千克|kilograms?|kg",
    "dollar": "美元|美金|dollars?|usd",
    "percent": "%|percent|per cent|个?百分点|percentage points?",
    "person": "人|名|位|people|persons?|visitors|members",
    "floor": "层|楼|floors?",
    "item": "件|pieces?|items?|objects?",
    "metre": "米|metres?|meters?",
    "centimetre": "厘米|公分|centimetres?|centimeters?|cm",
    "article": "条(?!件|例|款)|款(?!项|式)|项(?!目)",
}
_OF_UNIT: Final = re.compile(
    r"\s*(?:个|多|余|来)?\s*(?:" + "|".join(f"(?P<{name}>{pattern})" for name, pattern in _UNITS.items()) + ")",
    re.IGNORECASE,
)
_UNITS_AND_TEENS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS: Final = {word: n for n, word in enumerate(_UNITS_AND_TEENS.split())} | {
    word: 10 * n for n, word in enumerate(_TENS.split(), 2)
}
_ENGLISH: Final = "|".join(sorted(_WORDS, key=len, reverse=True))
_NUMBER: Final = re.compile(
    rf"(?P<arabic>\d+(?:[,，]\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)(?P<scale>\s*[万亿百千]|\s*(?:thousand|million|hundred)\b)?"
    rf"|(?P<han>[{NUMERAL}]+)"
    rf"|\b(?P<english>(?:{_ENGLISH})(?:[- ](?:{_ENGLISH}))?)\b(?P<more>\s+(?:hundred|thousand|million)\b)?"
    r"|\b(?P<a>an?|half an?|half)(?=\s+(?:day|week|month|year|hour)\b)",
    re.IGNORECASE,
)
_SCALES: Final = {
    "百": 100,
    "hundred": 100,
    "千": 1000,
    "thousand": 1000,
    "万": 10_000,
    "million": 1_000_000,
    "亿": 10**8,
}
_DIGITS: Final = "零一二三四五六七八九〇"
_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_SPECIAL: Final = (
    (re.compile(rf"百分之([{NUMERAL}]+|\d+(?:\.\d+)?)"), "percent", 1),
    (re.compile(rf"([{NUMERAL}]+|\d+)分之([{NUMERAL}]+|\d+(?:\.\d+)?)"), "ratio", 1),
    (re.compile(rf"([{NUMERAL}]+)点([一二三四五六七八九零〇]+)(?=倍|个?百分点)"), "ratio", 1),
    (re.compile(rf"\b({'|'.join(_ORDINALS)}) (?:floor|storey)\b", re.IGNORECASE), "floor", 1),
    (re.compile(r"([一二两三四五六七八九])成(?!年|立|功|本|员|分|交|为|都)"), "percent", 10),
    (re.compile(r"([一二两三四五六七八九\d])折"), "percent", 10),
    (re.compile(r"\$\s*(\d+(?:,\d{3})*(?:\.\d+)?)"), "dollar", 1),
    (re.compile(r"[¥￥]\s*(\d+(?:,\d{3})*(?:\.\d+)?)"), "yuan", 1),
    (re.compile(r"第\s*([零〇一二三四五六七八九十百千]+|\d+)\s*条"), "article", 1),
    (re.compile(r"\b(?:article|art\.?)\s*(\d+)", re.IGNORECASE), "article", 1),
    (re.compile(r"(\d{1,2})[:：](\d{2})"), "clock", 1),
    (re.compile(rf"([{NUMERAL}]+|\d+)点(一刻|三刻|半)"), "clock", 1),
    (re.compile(rf"\b(half|quarter) past ({_ENGLISH}|\d+)\b", re.IGNORECASE), "clock", 1),
)
_YEAR: Final = 13 * 31
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = (
    r"(?P<month>January|February|March|April|May|June|July|August|September|October|November|December"
    r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
)
_DATES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:(?P<year>\d{4})\s*年\s*)?(?P<month>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*[日号]",
        rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year>\d{{4}})\b)?",
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>\d{{4}})\b)?",
    )
)
_PAST: Final = {"一刻": 15, "半": 30, "三刻": 45, "quarter": 15, "half": 30}
_FIXED: Final = (
    (re.compile(r"双倍|加倍|翻倍|\b(?:double|doubled|twice|twofold)\b", re.IGNORECASE), Fraction(2), "ratio"),
    (re.compile(r"\b(?:triple|tripled|three times|threefold)\b", re.IGNORECASE), Fraction(3), "ratio"),
    (re.compile(r"一半|半数|半价|\bhalf (?:the|of|price)\b", re.IGNORECASE), Fraction(1, 2), "ratio"),
    (re.compile(r"半年|half a year", re.IGNORECASE), Fraction(6), "month"),
    (re.compile(r"半个?小时|半个?钟头|half an hour", re.IGNORECASE), Fraction(30), "minute"),
    (re.compile(r"半个?月|half a month", re.IGNORECASE), Fraction(15), "day"),
)
_NOT_NUMBERS: Final = re.compile(
    rf"(?<![{NUMERAL}])(?:大年三十|万一|千万(?=别|不|要)|一一|统一|唯一|同一|之一|百分百|一般|一样|一起|一直|一定|一些|一下|一旦|一切|一律|一并|一方|一经|一概|一边|一家|十分(?!钟|之)|第一(?!条|层|天|个)|"
    r"进一步|三三两两|有一|某一|另一|任一|每一|这一|那一|一个(?!月|季|工作|星期|小时|礼拜)|一名|一位|一份|一项|一种|一次性|一次|一座|一条|一件|一人|"
    r"两者|两个(?!月|星期|小时|礼拜)|双方)|\bone of\b|\bno one\b|\bone another\b|\bat once\b",
    re.IGNORECASE,
)
_MOST: Final = re.compile(
    r"不(?:得|能|可以?)?(?:超过|多于|高于|大于|长于|晚于|迟于)|最[多高长晚迟大]|至[多迟]|顶多|上限|"
    r"(?:no|not)(?: be)? (?:more|longer|later|higher) than|or younger|"
    r"(?:not|never|n't) exceed|at (?:most|the latest)|up to|within|no later|maximum|or less|or under|or fewer",
    re.IGNORECASE,
)
_LEAST: Final = re.compile(
    r"不(?:得|能|可以?)?(?:少于|低于|短于|小于|早于)|最[少低短早小]|至少|起码|下限|"
    r"(?:no|not)(?: be)? (?:less|fewer|shorter|lower|earlier) than|"
    r"at least|minimum|or more|or over|or above|or older",
    re.IGNORECASE,
)
_LESS: Final = re.compile(
    r"不满|不足|未满|不到|低于|少于|小于|短于|\b(?:under|below|less than|fewer than|younger than)\b", re.IGNORECASE
)
_MORE: Final = re.compile(
    r"超过|多于|高于|大于|长于|超出|满|\b(?:over|above|more than|exceed\w*|longer than|older than)\b", re.IGNORECASE
)
_AFTERWARDS_MOST: Final = re.compile(r"\s*(?:以|之)?(?:内|下)|\s*(?:or less|or under|at most)", re.IGNORECASE)
_AFTERWARDS_LEAST: Final = re.compile(
    r"\s*(?:及?以上|起步?|or more|and over|or over|or older|and above)", re.IGNORECASE
)
_BEFORE: Final = re.compile(r"提前|事先|预先|\b(?:before|prior|in advance|ahead|beforehand|previous)\b", re.IGNORECASE)
_AFTER: Final = re.compile(r"\b(?:after|following|later|thereafter|since)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    value: Fraction
    unit: str
    """One of a few names, whatever the language; "" when none is told."""
    bound: Bound = ""
    side: Side = ""
    vague: bool = False
    """Whether it may be no number at all: a month, 一天."""

    def measures(self, other: "Quantity") -> bool:
        """Whether both are of the same kind, in whatever unit."""
        ours, theirs = _simple(self)[1], _simple(other)[1]
        return ours == theirs or {ours, theirs} <= _LASTING

    def same(self, other: "Quantity") -> bool:
        """Whether both say as much, in whatever unit."""
        if not self.unit or not other.unit:
            return self.value == other.value
        ours, theirs = _simple(self), _simple(other)
        if ours[1] == theirs[1] == "date" and min(ours[0], theirs[0]) < _YEAR:  # one does not say in which year
            return ours[0] % _YEAR == theirs[0] % _YEAR
        return ours == theirs


def numeral(word: str) -> bool:
    """Whether a term of a text is a number, in whatever words."""
    return word.isdigit() or word in _WORDS or all(character in NUMERAL for character in word)


def quantities(text: str) -> list[Quantity]:
    """In order, but those with special forms first."""
    found: list[Quantity] = []
    for pattern in _DATES:
        found += (_placed(_date(m), "date", text, m.start(), m.end()) for m in pattern.finditer(text))
        text = pattern.sub(_blank, text)
    for pattern, unit, factor in _SPECIAL:
        found += (
            _placed(value, unit, text, match.start(), match.end())
            for match in pattern.finditer(text)
            if (value := _special(match, factor)) is not None
        )
        text = pattern.sub(_blank, text)
    text = _NOT_NUMBERS.sub(_blank, text)
    for pattern, value, unit in _FIXED:
        found += (_placed(value, unit, text, m.start(), m.end()) for m in pattern.finditer(text))
        text = pattern.sub(_blank, text)
    return found + list(_plain(text))


def _blank(match: re.Match[str]) -> str:
    """In the place of what has been read, so that positions stay."""
    return "\0" * len(match[0])


def _date(match: re.Match[str]) -> Fraction:
    """Days, in a calendar whose months have 31."""
    month = match["month"]
    number = int(month) if month.isdigit() else 1 + _MONTHS.index(month[:3].lower())
    return Fraction(int(match["year"] or 0) * _YEAR + number * 31 + int(match["day"]))


def _special(match: re.Match[str], factor: int) -> Fraction | None:
    if match.re.groups == 2:
        return _fraction(match) if "分之" in match[0] else _decimal(match) or _clock(match[1].lower(), match[2].lower())
    if match[1].lower() in _ORDINALS:
        return Fraction(1 + _ORDINALS.index(match[1].lower()))
    value = _value(match[1])
    return None if value is None else value * factor


def _fraction(match: re.Match[str]) -> Fraction | None:
    """三分之二, 万分之五."""
    whole, part = _SCALES.get(match[1]) or _value(match[1]), _value(match[2])
    return part / Fraction(whole) if whole and part is not None else None


def _decimal(match: re.Match[str]) -> Fraction | None:
    """一点五; None for a time of day."""
    if "点" not in match[0] or not all(one in _DIGITS for one in match[2]):
        return None
    whole, tail = _value(match[1]), "".join(str(_DIGITS.index(one) % 10) for one in match[2])
    return None if whole is None else whole + Fraction(f"0.{tail}")


def _clock(one: str, other: str) -> Fraction | None:
    """Minutes from midnight, of 5:15, 五点一刻 and quarter past five."""
    if one in _PAST:
        one, other = other, one
    hour = Fraction(_WORDS[one]) if one in _WORDS else _value(one)
    minutes = Fraction(_PAST[other]) if other in _PAST else Fraction(other)
    return None if hour is None else hour * 60 + minutes


def _plain(text: str) -> Iterator[Quantity]:
    for match in _NUMBER.finditer(text):
        value = _number(match)
        unit = _OF_UNIT.match(text, match.end())
        name = unit.lastgroup or "" if unit else ""
        if value is None or (match["han"] and not unit and len(match[0]) < 2):
            continue
        if name == "clock":
            value *= 60
        if match["english"] and not unit and value == 1:
            continue  # "one" is mostly no number
        placed = _placed(value, name, text, match.start(), unit.end() if unit else match.end())
        yield replace(placed, vague=bool(match["a"]) or match[0] == "一")


def _number(match: re.Match[str]) -> Fraction | None:
    if match["a"]:
        return Fraction(1, 2) if match["a"].lower().startswith("half") else Fraction(1)
    if match["english"]:
        value = Fraction(sum(_WORDS[word] for word in re.split("[- ]", match["english"].lower())))
        return value * _SCALES.get((match["more"] or "").strip().lower(), 1)
    if match["han"]:
        return _value(match["han"])
    return Fraction(re.sub("[,，]", "", match["arabic"])) * _SCALES.get((match["scale"] or "").strip().lower(), 1)


def _value(said: str) -> Fraction | None:
    if said[0].isascii() and said[0].isdigit():
        return Fraction(said.replace(",", ""))
    value = parse_chinese(said)
    return None if value is None else Fraction(value)


def _placed(value: Fraction, unit: str, text: str, start: int, end: int) -> Quantity:
    before, after = re.split(r"[，。；！？;!?\n]", text[max(0, start - 24) : start])[-1], text[end : end + 14]
    bound: Bound = ""
    if _AFTERWARDS_LEAST.match(after):
        bound = "least"
    elif _AFTERWARDS_MOST.match(after):
        bound = "most"
    else:
        near = before[-16:]
        for pattern, said in ((_MOST, "most"), (_LEAST, "least"), (_LESS, "most"), (_MORE, "least")):
            if pattern.search(near):
                bound = said  # type: ignore[assignment]
                break
    side: Side = ""
    if _BEFORE.search(before) or _BEFORE.match(after.strip()) or re.match(r"\s*(?:以|之)?前", after):
        side = "before"
    elif _AFTER.search(before[-12:]) or _AFTER.match(after.strip()) or re.match(r"\s*(?:以|之)?后", after):
        side = "after"
    return Quantity(value, unit, bound, side)


_LASTING: Final = frozenset(("minute", "day", "workday", "month"))
_IN: Final = {
    "week": ("day", Fraction(7)),
    "year": ("month", Fraction(12)),
    "hour": ("minute", Fraction(60)),
    "percent": ("ratio", Fraction(1, 100)),
    "metre": ("centimetre", Fraction(100)),
}


def _simple(one: Quantity) -> tuple[Fraction, str]:
    if one.unit == "clock":
        return one.value % 720, "clock"  # nobody says whether nine is in the evening
    unit, factor = _IN.get(one.unit, (one.unit, Fraction(1)))
    return one.value * factor, unit
