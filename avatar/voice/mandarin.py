"""Reads Mandarin aloud: written text to the characters that are said, and those to the model's phonemes.

Each written piece stays with what is said for it ("47" is 四十七), so that captions show what was written.
"""

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from avatar.voice.alignment import Unit

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # invalid escapes and pkg_resources in a package that is no longer maintained
    import cn2an
    import jieba
    from misaki.zh import ZHG2P
    from pypinyin import Style, lazy_pinyin

jieba.setLogLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Reading:
    written: str
    spoken: str
    """Chinese characters, one Latin run, or punctuation; "" when nothing is said."""


_DIGITS: Final = str.maketrans("0123456789", "零一二三四五六七八九")
_MARKS: Final = {
    **dict.fromkeys("、，,", ", "), **dict.fromkeys("。．", ". "), **dict.fromkeys("！!", "! "),
    **dict.fromkeys("？?", "? "), **dict.fromkeys("；;", "; "), **dict.fromkeys("：:", ": "),
    **dict.fromkeys("—", ", "), **dict.fromkeys("…", ". "),
}  # fmt: skip
_SYMBOLS: Final = {
    "+": "加", "＋": "加", "=": "等于", "＝": "等于", "×": "乘", "÷": "除以", "&": "和", "＆": "和", "℃": "摄氏度",
    "°": "度", "℉": "华氏度", ">": "大于", "<": "小于", "≥": "大于等于", "≤": "小于等于", "~": "至", "～": "至",
    "%": "百分号", "〇": "零", "@": "at", "Ω": "欧姆",
}  # fmt: skip
_UNITS: Final = {"km": "公里", "kg": "公斤", "m": "米", "cm": "厘米", "mm": "毫米", "g": "克", "ml": "毫升", "L": "升"}
_CURRENCIES: Final = {"¥": "元", "￥": "元", "$": "美元", "€": "欧元", "£": "英镑"}
_COUNTED: Final = "个名位次件份倍年天周岁人元万亿千种项家台张"
"""Words before which a lone 2 is 两 rather than 二."""

_NUMBER: Final = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_PATTERN: Final = re.compile(
    rf"""
    (?P<date>(?<!\d)\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?!\d))
  | (?P<time>(?<![\d:])(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?(?![\d:]))
  | (?P<year>(?<!\d)\d{{4}}(?=年))
  | (?P<money>[¥￥$€£]\s?(?:{_NUMBER}))
  | (?P<percent>(?:{_NUMBER})\s?[%％])
  | (?P<fraction>(?<![\d/])\d{{1,3}}/\d{{1,3}}(?![\d/]))
  | (?P<range>(?<![\d-])(?:{_NUMBER})\s?[-–—~～至]\s?(?=\d))
  | (?P<measure>(?:{_NUMBER})(?:km|kg|cm|mm|ml|[mgL])(?![A-Za-z]))
  | (?P<hotline>(?<=拨打|热线|电话|致电|号码)[：:\s]*\d{{3,}}(?:-\d+)*)
  | (?P<number>{_NUMBER})
  | (?P<latin>[A-Za-z]+(?:['’-][A-Za-z]+)*)
  | (?P<chinese>[\u3400-\u9fff]+)
  | (?P<mark>[、，,。．！!？?；;：:—…]+)
  | (?P<rest>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def read(text: str) -> list[Reading]:
    """What is said for each written piece of ``text``; ``written`` strings joined are ``text`` again."""
    return [Reading(m.group(), _READERS[m.lastgroup or "rest"](m)) for m in _PATTERN.finditer(text)]


def _cardinal(digits: str) -> str:
    digits = digits.replace(",", "")
    whole, _, fraction = digits.partition(".")
    # Longer than any quantity people read out, or with a leading zero: a code, read digit by digit.
    if len(whole) > 12 or (len(whole) > 1 and whole[0] == "0"):
        return _digits(whole) + (("点" + _digits(fraction)) if fraction else "")
    said = str(cn2an.an2cn(whole, "low"))
    return said + (("点" + _digits(fraction)) if fraction else "")


def _digits(digits: str) -> str:
    return digits.translate(_DIGITS)


def _telephone(digits: str) -> str:
    return _digits(digits).replace("一", "幺")


def _read_date(m: re.Match[str]) -> str:
    year, month, day = re.split(r"[-/.]", m.group())
    return f"{_digits(year)}年{_cardinal(str(int(month)))}月{_cardinal(str(int(day)))}日"


def _read_time(m: re.Match[str]) -> str:
    hour, minute, *second = (int(p) for p in m.group().split(":"))
    said = f"{_cardinal(str(hour))}点".replace("二点", "两点") if hour == 2 else f"{_cardinal(str(hour))}点"
    if minute:
        said += f"{'零' if minute < 10 else ''}{_cardinal(str(minute))}分"
    elif not second:
        said += "整"
    return said + (f"{_cardinal(str(second[0]))}秒" if second else "")


def _read_money(m: re.Match[str]) -> str:
    return _cardinal(m.group()[1:].strip()) + _CURRENCIES[m.group()[0]]


def _read_percent(m: re.Match[str]) -> str:
    return "百分之" + _cardinal(m.group()[:-1].strip())


def _read_fraction(m: re.Match[str]) -> str:
    above, below = m.group().split("/")
    return f"{_cardinal(below)}分之{_cardinal(above)}"


def _read_range(m: re.Match[str]) -> str:
    return _cardinal(_first_number(m)) + "至"


def _read_measure(m: re.Match[str]) -> str:
    number = _first_number(m)
    return _cardinal(number) + _UNITS[m.group()[len(number) :]]


def _first_number(m: re.Match[str]) -> str:
    number = re.match(_NUMBER, m.group())
    assert number is not None  # noqa: S101  the pattern begins with one
    return number.group()


def _read_hotline(m: re.Match[str]) -> str:
    return ", ".join(_telephone(part) for part in re.findall(r"\d+", m.group()))


def _read_number(m: re.Match[str]) -> str:
    text, digits = m.string, m.group()
    before, after = text[max(0, m.start() - 1) : m.start()], text[m.end() : m.end() + 1]
    if len(digits) == 11 and digits[0] == "1" and digits.isdigit():
        return _telephone(digits)
    if digits == "2" and before != "第" and after and after in _COUNTED:
        return "两"
    return _cardinal(digits)


def _read_mark(m: re.Match[str]) -> str:
    return _MARKS[m.group()[0]]


def _read_rest(m: re.Match[str]) -> str:
    return _SYMBOLS.get(m.group(), " " if m.group().isspace() else "")


_READERS: Final[dict[str, Callable[[re.Match[str]], str]]] = {
    "date": _read_date, "time": _read_time, "year": lambda m: _digits(m.group()), "money": _read_money,
    "percent": _read_percent, "fraction": _read_fraction, "range": _read_range, "measure": _read_measure,
    "hotline": _read_hotline, "number": _read_number, "latin": re.Match.group, "chinese": re.Match.group,
    "mark": _read_mark, "rest": _read_rest,
}  # fmt: skip


class MandarinG2P:
    """Mandarin text to phonemes in Kokoro's alphabet. Loads the word list (one second, 60 MB)."""

    def __init__(self, latin: Callable[[str], str]) -> None:
        """``latin`` gives the phonemes of one Latin run."""
        self._latin = latin
        self._segmenter = jieba.Tokenizer()
        # The package would keep its word list as a marshal file in the shared temporary folder, where anybody
        # could plant one; building it takes no longer than a second.
        self._segmenter.FREQ, self._segmenter.total = self._segmenter.gen_pfdict(self._segmenter.get_dict_file())
        self._segmenter.initialized = True

    def __call__(self, text: str) -> list[Unit]:
        """Units in order: one for each Chinese character, Latin run or written number, and separators between."""
        units: list[Unit] = []
        run: list[Reading] = []
        for reading in read(text):
            if _is_chinese(reading.spoken):
                run.append(reading)
                continue
            units.extend(self._chinese(run))
            run = []
            units.extend(self._other(reading))
        units.extend(self._chinese(run))
        while units and not units[-1].symbols.strip():
            units.pop()
        return units

    def _other(self, reading: Reading) -> Iterator[Unit]:
        spoken = reading.spoken
        if re.search(r"[A-Za-z]", spoken):
            yield Unit(" ")
            yield Unit(self._latin(spoken), reading.written)
            yield Unit(" ")
        elif any(_is_chinese(c) for c in spoken):  # digits with pauses in them
            for i, part in enumerate(spoken.split(", ")):
                yield from ([Unit(", ")] if i else [])
                yield from self._chinese([Reading(reading.written if not i else part, part)])
        elif spoken:
            yield Unit(spoken)

    def _chinese(self, run: list[Reading]) -> Iterator[Unit]:
        """Phonemes of adjoining Chinese readings, segmented into words as one text: context decides the sound."""
        if not run:
            return
        # One caption word for each written character, or one for all that is said for a number.
        captions: list[tuple[str, int]] = []
        for reading in run:
            if reading.written == reading.spoken:
                captions.extend((c, 1) for c in reading.written)
            else:
                captions.append((reading.written, len(reading.spoken)))
        sounds = self._syllables("".join(r.spoken for r in run))
        at = 0
        for caption, length in captions:
            symbols = "".join(sounds[at : at + length])
            at += length
            if symbols.startswith(" "):
                yield Unit(" ")
            yield Unit(symbols.strip(), caption)

    def _syllables(self, spoken: str) -> list[str]:
        """Phonemes of each character; a leading space marks the start of a word."""
        sounds: list[str] = []
        for word in self._segmenter.lcut(spoken):
            pinyin = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
            if len(pinyin) != len(word):  # characters it does not know come back glued together
                pinyin = [lazy_pinyin(c, style=Style.TONE3, neutral_tone_with_five=True)[0] for c in word]
            for i, syllable in enumerate(pinyin):
                sounds.append((" " if i == 0 and sounds else "") + _ipa(syllable))
        return sounds


def _is_chinese(text: str) -> bool:
    return bool(re.fullmatch(r"[\u3400-\u9fff]+", text))


def _ipa(pinyin: str) -> str:
    try:
        return str(ZHG2P.py2ipa(pinyin)).replace("\u032f", "")
    except (ValueError, IndexError):  # a character without a Mandarin reading
        return ""
