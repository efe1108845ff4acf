"""How written Chinese is read aloud: digits, symbols and Latin to the characters that are said.

Each written piece stays with what is said for it ("47" is 四十七), so that captions show what was written. Of the 275
forms in tests/avatar/data/readings-zh.tsv a normalizer by weighted transducers (wetext 0.1.8) reads 216, and does not
say which piece became what.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # invalid escapes and pkg_resources in a package that is no longer maintained
    import cn2an


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
    "+": "加", "＋": "加", "=": "等于", "＝": "等于", "×": "乘", "÷": "除以", "−": "减", "&": "和", "＆": "和",
    "±": "正负", "≈": "约等于", "≠": "不等于", "²": "的平方", "³": "的立方", "√": "根号",
    "℃": "摄氏度", "°": "度", "℉": "华氏度", ">": "大于", "<": "小于", "≥": "大于等于", "≤": "小于等于",
    "~": "至", "～": "至", "%": "百分号", "‰": "千分号", "〇": "零", "@": "at", "Ω": "欧姆",
}  # fmt: skip
_UNITS: Final = {
    "km/h": "公里每小时", "m/s": "米每秒", "km²": "平方公里", "m²": "平方米", "m³": "立方米", "cm²": "平方厘米",
    "cm³": "立方厘米", "km": "公里", "cm": "厘米", "mm": "毫米", "m": "米", "kg": "公斤", "mg": "毫克", "g": "克",
    "mL": "毫升", "ml": "毫升", "L": "升", "kWh": "千瓦时", "kW": "千瓦", "W": "瓦", "dB": "分贝", "GHz": "吉赫兹",
    "MHz": "兆赫兹", "kHz": "千赫兹", "Hz": "赫兹", "°C": "摄氏度", "℃": "摄氏度", "°F": "华氏度", "℉": "华氏度",
}  # fmt: skip
_DEGREES: Final = ("°C", "℃")
_CURRENCIES: Final = {"¥": "元", "￥": "元", "$": "美元", "€": "欧元", "£": "英镑"}
_COUNTED: Final = "[个名位次件份倍年天周岁人元万亿千种项家台张点夜秒]|小时|分钟"
"""Words before which a lone 2 is 两 rather than 二."""
_CODED: Final = (
    *(
        "热线",
        "电话",
        "传真",
        "手机",
        "手机号",
        "分机",
        "分机号",
        "拨打",
        "致电",
        "号码",
        "火警",
        "报警",
        "急救",
        "登录",
    ),
    *("邮编", "验证码", "代码", "尾号", "卡号", "账号", "身份证", "身份证号", "编号", "密码"),
)
"""Words after which digits are a code and not a quantity,"""
_OF_CODES: Final = "热线|专线|房间|室|国道|省道|高校|工程"
"""and before which."""
_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE: Final = rf"[{_PROVINCES}][A-Z][·•]?(?=[A-Z0-9]{{0,5}}\d)[A-Z0-9]{{5,6}}(?![A-Za-z0-9])"
"""Of a car."""
_HOST: Final = r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"

_NUMBER: Final = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_TO: Final = r"\s?[-–—~～至]\s?"
_LONG_AGO: Final = "的?历史|之久|的?时间|的?岁月"
"""What a number of years, rather than a year, is followed by."""
_UNIT: Final = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_AFTER_CODED: Final = "|".join(
    f"(?<={'|'.join(word for word in _CODED if len(word) == n)})" for n in sorted({len(word) for word in _CODED})
)
_PATTERN: Final = re.compile(
    rf"""
    (?P<mail>[A-Za-z0-9._+-]+@{_HOST})
  | (?P<url>(?:https?://)?(?:(?<![A-Za-z0-9.@]){_HOST})(?:/[\x21-\x7e]*)?)
  | (?P<date>(?<!\d)\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?!\d))
  | (?P<plate>{_PLATE})
  | (?P<phone>(?<!\d)(?:0\d{{2,3}}-\d{{7,8}}|[48]00-\d{{3}}-?\d{{4}}|1[3-9]\d[-\s]\d{{4}}[-\s]\d{{4}})(?!\d))
  | (?P<coded>(?:{_AFTER_CODED})[：:\s]*\d{{3,}}(?:[-\s]\d+)*|(?<![\d.])\d{{3,5}}(?={_OF_CODES}))
  | (?P<time>(?<![\d:])(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?(?![\d:]))
  | (?P<ratio>(?<![\d:])(?:{_NUMBER})\s?[:：]\s?(?:{_NUMBER})(?![\d:]))
  | (?P<years>(?<!\d)\d{{4}}(?:{_TO}|\s?到\s?)(?=\d{{4}}\s?年))
  | (?P<year>(?<!\d)\d{{4}}(?=\s?年(?!{_LONG_AGO})|〕))
  | (?P<decade>(?<!\d)\d0(?=后))
  | (?P<money>[¥￥$€£]\s?(?:{_NUMBER}))
  | (?P<percent>(?:{_NUMBER})\s?[%％‰])
  | (?P<fraction>(?<![\d/])\d{{1,3}}/\d{{1,3}}(?![\d/]))
  | (?P<minus>(?<=\d)[-−](?=\d+\s?[=＝]))
  | (?P<to>(?<=[\d日月年时分点%％℃条款项]){_TO}(?=[\d第]))
  | (?P<below>(?<![\dA-Za-z])[-−](?=(?:{_NUMBER})))
  | (?P<model>(?<![A-Za-z])[A-Z]{{1,3}}\d{{3,}}(?![A-Za-z\d]))
  | (?P<measure>(?:{_NUMBER})\s?(?:{_UNIT})(?![A-Za-z]))
  | (?P<number>{_NUMBER})
  | (?P<latin>[A-Za-z]+(?:['’-][A-Za-z]+)*)
  | (?P<chinese>(?:(?!{_PLATE})[\u3400-\u9fff])+)
  | (?P<mark>[、，,。．！!？?；;：:—…]+)
  | (?P<rest>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def read(text: str) -> list[Reading]:
    """What is said for each written piece of ``text``; ``written`` strings joined are ``text`` again."""
    readings: list[Reading] = []
    for m in _PATTERN.finditer(text):
        said = _READERS[m.lastgroup or "rest"](m)
        if isinstance(said, str):
            readings.append(Reading(m.group(), said))
        else:
            readings.extend(said)
    return readings


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


def _spelled(text: str) -> Iterator[Reading]:
    """Letters as they are, digits one by one, dots and @ by their names."""
    for m in re.finditer(r"[A-Za-z]+|\d+|[\u3400-\u9fff]|.", text):
        piece = m.group()
        if piece.isdigit():
            yield Reading(piece, _telephone(piece))
        else:
            yield Reading(piece, piece if piece.isalpha() else {".": "点", "@": "at"}.get(piece, ""))


def _read_url(m: re.Match[str]) -> Iterator[Reading]:
    """The host: nobody wants to hear the rest."""
    scheme, host, path = re.fullmatch(rf"(https?://)?({_HOST})(.*)", m.group(), re.DOTALL).groups()  # type: ignore[union-attr]
    if scheme:
        yield Reading(scheme, "")
    yield from _spelled(host)
    if path:
        yield Reading(path, "")


def _read_date(m: re.Match[str]) -> str:
    year, month, day = re.split(r"[-/.]", m.group())
    return f"{_digits(year)}年{_cardinal(str(int(month)))}月{_cardinal(str(int(day)))}日"


def _read_time(m: re.Match[str]) -> str:
    hour, minute, *second = (int(p) for p in m.group().split(":"))
    said = "两点" if hour == 2 else f"{_cardinal(str(hour))}点"
    if minute or second:
        said += f"{'零' if minute < 10 else ''}{_cardinal(str(minute))}分"
    return said + (f"{_cardinal(str(second[0]))}秒" if second else "")


def _read_ratio(m: re.Match[str]) -> str:
    one, other = re.split(r"\s?[:：]\s?", m.group())
    return f"{_cardinal(one)}比{_cardinal(other)}"


def _read_money(m: re.Match[str]) -> str:
    return _cardinal(m.group()[1:].strip()) + _CURRENCIES[m.group()[0]]


def _read_percent(m: re.Match[str]) -> str:
    return ("千分之" if m.group()[-1] == "‰" else "百分之") + _cardinal(m.group()[:-1].strip())


def _read_fraction(m: re.Match[str]) -> str:
    above, below = m.group().split("/")
    return f"{_cardinal(below)}分之{_cardinal(above)}"


def _read_below(m: re.Match[str]) -> str:
    degrees = re.match(rf"(?:{_NUMBER})\s?(?:{'|'.join(_DEGREES)})", m.string[m.end() :])
    return "零下" if degrees else "负"


def _read_measure(m: re.Match[str]) -> str:
    number = re.match(_NUMBER, m.group())
    assert number is not None  # noqa: S101  the pattern begins with one
    return _cardinal(number.group()) + _UNITS[m.group()[number.end() :].strip()]


def _read_coded(m: re.Match[str]) -> str:
    return ", ".join(_telephone(part) for part in re.findall(r"\d+", m.group()))


def _read_number(m: re.Match[str]) -> str:
    text, digits = m.string, m.group()
    if len(digits) == 11 and digits[0] == "1" and digits.isdigit():
        return _telephone(digits)
    rest = re.sub(rf"^{_TO}(?:{_NUMBER})", "", text[m.end() :])  # "2-3个" counts as "2个" does
    if digits == "2" and text[max(0, m.start() - 1) : m.start()] != "第" and re.match(_COUNTED, rest):
        return "两"
    return _cardinal(digits)


def _read_rest(m: re.Match[str]) -> str:
    return _SYMBOLS.get(m.group(), " " if m.group().isspace() else "")


def _read_spelled(m: re.Match[str]) -> Iterator[Reading]:
    return _spelled(m.group())


_READERS: Final[dict[str, Callable[[re.Match[str]], str | Iterator[Reading]]]] = {
    "mail": _read_spelled, "url": _read_url, "date": _read_date, "plate": _read_spelled, "phone": _read_coded,
    "coded": _read_coded, "time": _read_time, "ratio": _read_ratio, "years": lambda m: _digits(m.group()[:4]) + "至",
    "year": lambda m: _digits(m.group()), "decade": lambda m: _digits(m.group()), "money": _read_money,
    "percent": _read_percent, "fraction": _read_fraction, "minus": lambda _: "减", "to": lambda _: "至",
    "below": _read_below, "model": _read_spelled, "measure": _read_measure, "number": _read_number,
    "latin": re.Match.group, "chinese": re.Match.group, "mark": lambda m: _MARKS[m.group()[0]], "rest": _read_rest,
}  # fmt: skip
