"""Numbers as Chinese and English write them, brought to one form so that they can be compared."""

import re

import cn2an

_NUMERAL = "零〇一二两三四五六七八九十百千万亿"
_CHINESE_UNITS = (
    "年|个?月|个?季度|周|个?星期|天|日|个?小时|分钟|岁|元|块|万|亿|倍|成|次|人|份|条|款|项"
    "|个?工作日|个?百分点|分之|平方米|公里|米|号|折"
)
_ARABIC = re.compile(r"\d+(?:[,，]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_MAGNITUDES = {"万": 10_000.0, "亿": 100_000_000.0}
_PERCENT_OF = re.compile(rf"百分之([{_NUMERAL}]+|\d+(?:\.\d+)?)")
_TENTHS_OF = re.compile(rf"([{_NUMERAL}])分之([{_NUMERAL}])")
# A lone 一 or 十 is mostly part of a word (一般, 十分), so a numeral counts when a unit follows or it has two signs.
_CHINESE_NUMBER = re.compile(rf"第?([{_NUMERAL}]+)(?={_CHINESE_UNITS})|第?([{_NUMERAL}]{{2,}})")
_NOT_NUMBERS = re.compile(r"万一|千万别|千万不|一一|一五一十|三三两两|七七八八|统一|唯一|同一|其一|之一|百分百")
_ENGLISH_NUMBERS = {
    word: float(value)
    for value, words in {
        2: "two twice double doubled",
        3: "three triple tripled thrice",
        4: "four",
        5: "five",
        6: "six",
        7: "seven",
        8: "eight",
        9: "nine",
        10: "ten tenfold",
        11: "eleven",
        12: "twelve",
        13: "thirteen",
        14: "fourteen",
        15: "fifteen",
        16: "sixteen",
        18: "eighteen",
        20: "twenty",
        24: "twenty-four",
        30: "thirty",
        40: "forty",
        45: "forty-five",
        50: "fifty",
        60: "sixty",
        90: "ninety",
        100: "hundred",
    }.items()
    for word in words.split()
}
_ENGLISH_WORD = re.compile(r"[a-z]+(?:-(?:one|two|three|four|five|six|seven|eight|nine|fold))?", re.IGNORECASE)
_ARTICLE = re.compile(rf"第\s*([{_NUMERAL}]+|\d+)\s*条|\b(?:articles?|arts?\.?)\s*(\d+)", re.IGNORECASE)


def parse_chinese(numeral: str) -> float | None:
    """四十七 → 47, 两千五 → 2500, 二〇二五 → 2025; None for what is no number (十十)."""
    try:
        return float(cn2an.cn2an(numeral, "normal"))
    except ValueError:
        return None


def numbers(text: str) -> frozenset[float]:
    """Every number the text states, whether 六, 6, six, 6% or 百分之六 (a percentage is its number: 6)."""
    found: set[float | None] = set()

    def take(match: re.Match[str]) -> str:
        found.update(float(n) if _ARABIC.fullmatch(n) else parse_chinese(n) for n in match.groups())
        return " "

    text = _NOT_NUMBERS.sub(" ", text)
    text = _PERCENT_OF.sub(take, text)
    text = _TENTHS_OF.sub(take, text)
    for match in _ARABIC.finditer(text):
        value = float(re.sub("[,，]", "", match[0]))
        found.add(value * _MAGNITUDES.get(text[match.end() : match.end() + 1], 1.0))
    for match in _CHINESE_NUMBER.finditer(text):
        numeral = match[1] or match[2]
        found.add(parse_chinese(numeral))
    if "双倍" in text:
        found.add(2.0)
    found.update(
        _ENGLISH_NUMBERS[word]
        for word in (m[0].lower() for m in _ENGLISH_WORD.finditer(text))
        if word in _ENGLISH_NUMBERS
    )
    return frozenset(value for value in found if value is not None)


def split_articles(text: str) -> tuple[str, list[int]]:
    """(the text without them, the article numbers it names): 第四十七条, 第47条, Article 47, art. 47."""
    named = (match[1] or match[2] for match in _ARTICLE.finditer(text))
    values = (float(n) if n.isascii() else parse_chinese(n) for n in named)
    numbers_named = [int(value) for value in values if value is not None]
    return _ARTICLE.sub(" ", text), numbers_named
