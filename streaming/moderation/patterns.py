"""Numbers, links and accounts, in whatever they are dressed up as.

They are looked for in the light view, where circled, full-width and emoji digits are digits already.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from streaming.moderation.verdict import Category, Severity


class Found(NamedTuple):
    category: Category
    rule: str
    severity: Severity
    begin: int
    end: int
    """In the light view."""


@dataclass(frozen=True, slots=True)
class Patterns:
    domains: frozenset[str]
    """These, and what is under them, may be named;"""
    numbers: frozenset[str]
    """so may these numbers, and whatever has fewer than seven digits."""

    def find(self, light: str) -> Iterator[Found]:
        if _SIGN.search(light):
            numbers = _FIVE_DIGITS.search(light) is not None
            if numbers:
                yield from self._numbers(light)
            if _DIGIT.search(light) and _SOMEBODYS.search(light) and not _PUBLIC.search(light):
                yield from (Found("personal", "address", "high", *match.span()) for match in _ADDRESS.finditer(light))
            if (numbers or _NAME_LONG.search(light)) and _ACCOUNT_WORD.search(light):
                yield from _accounts(light)
        if "@" in light or (_DOTTED.search(light) and _DOT.search(light)):
            yield from self._links(light)
        if len(light) >= _REPETITION and (repeated := _repetition(light)) is not None:
            yield repeated

    # Numbers

    def _numbers(self, light: str) -> Iterator[Found]:
        digits = _digits(light)
        taken: list[tuple[int, int]] = []
        for rule, pattern, valid in ((_ID, _ID_NUMBER, is_id_number), (_CARD, _LONG_NUMBER, is_bank_card)):
            for match in pattern.finditer(digits):
                if valid(re.sub(r"[^\dx]", "", match[0])) and not _overlaps(match.span(), taken):
                    taken.append(match.span())
                    yield Found("personal", rule, "high", *match.span())
        for pattern in (_MOBILE, _MOBILE_FILLED, _PHONE_NAMED, _ABROAD):
            for match in pattern.finditer(digits):
                begin, end = match.span("number") if "number" in pattern.groupindex else match.span()
                number = re.sub(r"\D", "", digits[begin:end])
                if (
                    _overlaps((begin, end), taken)
                    or self._is_official(number)
                    or _OTHERWISE.match(light, begin)
                    or _MEASURED.match(light, end)
                ):
                    continue
                taken.append((begin, end))
                if _SOMEBODYS.search(light):
                    yield Found("personal", "phone", "high", begin, end)
                else:
                    yield Found("spam", "phone" if _is_mobile(number) else "landline", "medium", begin, end)

    def _is_official(self, number: str) -> bool:
        return number in self.numbers or any(
            number.endswith(one) and len(number) - len(one) in (3, 4) for one in self.numbers
        )

    # Links

    def _links(self, light: str) -> Iterator[Found]:
        for match in _EMAIL.finditer(light):
            category: Category = "personal" if _SOMEBODYS.search(light) else "spam"
            if not self._may_be_named(match["domain"]):
                yield Found(category, "email", "medium", *match.span())
        for match in _LINK.finditer(light):
            name = _bare_domain(match["domain"])
            if match["scheme"] is None and (name.split(".")[0] in _NO_NAMES or _is_abbreviation(light, match)):
                continue
            if not self._may_be_named(name):
                yield Found("spam", "link", "medium", *match.span())

    def _may_be_named(self, domain: str) -> bool:
        labels = _bare_domain(domain).split(".")
        return any(".".join(labels[at:]) in self.domains for at in range(len(labels)))


_DIGIT: Final = re.compile(r"\d")
_ADDRESS: Final = re.compile(
    r"[\u4e00-\u9fff]{1,8}(?:路|街|道|巷|弄|小区|村|苑|园|里|大厦|公寓)\d{1,4}(?:号|弄|栋|幢|座)"
    r"(?:楼?\d{1,2}单元)?(?:楼?\d{2,4}室?)?|\b\d{1,5}[a-z]? [a-z]+(?: [a-z]+)? "
    r"(?:street|st|lane|road|rd|avenue|ave|drive|boulevard|blvd|terrace|crescent|gardens)\b"
)
_PUBLIC: Final = re.compile(
    r"法院|法庭|医院|派出所|律所|律师事务所|援助中心|博物馆|仲裁|公安局|政府|大厅|我住|我家|我租|"
    r"\b(?:museum|court|hospital|police|office|embassy|library|my (?:landlord|house|flat))\b"
)
_ID: Final = "id-number"
_CARD: Final = "bank-card"
_BETWEEN: Final = r"[\W_]{0,3}"
_HAN_DIGITS: Final = "零〇洞一幺壹二两贰三叁四肆五伍六陆七柒拐八捌九玖勾"
_SIGN: Final = re.compile(rf"[\d{_HAN_DIGITS}:：=@➡→_]")
"""No number, address or account is without one."""
_NUMERALS: Final = str.maketrans(_HAN_DIGITS, "0001112223344556677788999")
_LETTERS: Final = str.maketrans("oliz", "0112")
_FIVE_DIGITS: Final = re.compile(rf"(?:[\d{_HAN_DIGITS}][^\d{_HAN_DIGITS}]{{0,3}}){{5}}")
_LETTERED: Final = re.compile(r"(?:[oli]{1,8}\d|\d[oli])")
_ID_NUMBER: Final = re.compile(rf"(?<!\d)[1-9](?:{_BETWEEN}\d){{16}}{_BETWEEN}[\dx](?![\da-z])")
_LONG_NUMBER: Final = re.compile(rf"(?<!\d)[3-6](?:{_BETWEEN}\d){{14,18}}(?!\d)")
_MOBILE: Final = re.compile(
    rf"(?<!\d)(?:\+?86{_BETWEEN})?(?P<number>1{_BETWEEN}[3-9](?:{_BETWEEN}\d){{9}})(?!{_BETWEEN}\d)"
)
_FILLER: Final = r"(?:[\s.·*_-]{0,2}[^\W\da-z_年月日号点分秒时元块万条款第岁个]?[\s.·*_-]{0,2})"
_MOBILE_FILLED: Final = re.compile(rf"(?<!\d)(?P<number>1{_FILLER}[3-9](?:{_FILLER}\d){{9}})(?!{_BETWEEN}\d)")
_PHONE_NAMED: Final = re.compile(
    r"(?:电话|手机号?|手鸡号?|座机|热线|联系方式|致电|拨打|call|phone|tel|text|whats ?app|ring|cell|mobile)"
    r"(?: me| us| at| on)*"
    r"(?:号码?|是|为)?[\W_]{0,3}(?P<number>\+?\d(?:[\W_]{0,2}\d){6,13})(?!\d)"
)
_ABROAD: Final = re.compile(
    r"(?<![\w+])(?P<number>\+\d{1,3}(?:[ ().-]{0,2}\d){7,12}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?!\d)"
)
_MEASURED: Final = re.compile(r"\s*(?:元|块|万|美元|人民币|股|吨|平方|平米|年|yuan|dollars|rmb|usd)")
_OTHERWISE: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?!\d)")
"""An address of the internet."""
_SOMEBODYS: Final = re.compile(
    r"[他她](?!们)|这个[男女人]|此人|户名|家住|住址|身份证|当事人|前[夫妻任]|房东|渣男|骗子|老赖|这个号|哪住|"
    r"\b(?:her|his|she|he|my ex|their|this (?:man|woman|guy|girl|nurse|teacher))\b"
)


def _digits(light: str) -> str:
    """The light text, as long, with numerals and letters that stand for digits as these."""
    digits = light.translate(_NUMERALS)
    return digits.translate(_LETTERS) if _LETTERED.search(digits) else digits


def _is_mobile(number: str) -> bool:
    """Whether it is a Chinese mobile telephone's."""
    return re.fullmatch(r"(?:86)?1[3-9]\d{9}", number) is not None


def is_id_number(number: str) -> bool:
    """Whether 18 characters are a Chinese ID number: a birth date, and a check digit as in ISO 7064, MOD 11-2."""
    if len(number) != 18 or not number[:17].isdigit():
        return False
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    weighed = sum(int(digit) * (2 ** (17 - at) % 11) for at, digit in enumerate(number[:17]))
    return 1900 <= born.year <= 2099 and number[17] == "10x98765432"[weighed % 11]


def is_bank_card(number: str) -> bool:
    """Whether a number may be a bank card's: its length, its first digits and the Luhn check digit."""
    if not (number.isdigit() and (len(number) == 16 or (17 <= len(number) <= 19 and number[0] == "6"))):
        return False
    if not number.startswith(("62", "60", "65", "4", "51", "52", "53", "54", "55", "35")):
        return False
    doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(number))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


def _overlaps(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and begin < span[1] for begin, end in taken)


# Accounts

_ACCOUNT_WORD: Final = re.compile(
    r"微信|[v薇微w]\s?(?:信|xin|芯|心)|wei\s?信|薇|威信|徽信|维信|企微|qq|扣扣|企鹅|🐧|群|号|飞机|电报|加v|"
    r"\+v|[vw]\W{0,2}[x:]|we ?chat|weixin|wei ?xin|telegram|\btg\b|whats ?app|w\W?h.ts\W?app|"
    r"discord|snap|insta|line|id|kik|signal|\+"
)
_NAME_LONG: Final = re.compile("[a-z0-9_-]{5}")
_HANDLE: Final = r"(?P<id>[a-z][a-z0-9_-]{4,19})"
_ACCOUNT: Final = re.compile(
    r"(?:微信|[v薇w微]\s?(?:信|xin|芯|心)|wei\s?信|薇|威信|徽信|维信|企微|weixin|wei ?xin|we ?chat|wx|vx|wxid|"
    r"加v|\+v|加微|加薇|加q|\+q|飞机|电报|"
    r"telegram|\btg\b|discord|snapchat|\bsnap\b|insta(?:gram)?|\bkik\b|\bsignal\b|\bline id\b|(?<![a-z])v(?=[:：]))"
    r"[❤♥\ufe0f]*(?:号|账号|id|me|on|is|at|是|为|搜|加)*(?P<mark>[\s:：=@➡→_-]*)" + _HANDLE + r"(?![a-z0-9])"
)
_NUMBERED: Final = re.compile(
    r"(?:(?<![a-z])qq|扣扣|企鹅|🐧|(?:q|扣|微信?|v|加|粉丝|交流|福利|内部)群|群号|加q|\+q|(?<![a-z])q(?=[:：]))"
    r"(?:号码?|群|是|为|联系)*[\s:：=\W_]{0,4}(?P<id>\d(?:[\W_]?\d){4,11})(?!\d)(?!\s*[元块万人])"
)
_AT: Final = re.compile(
    r"(?:telegram|\btg\b|飞机|电报|signal|insta(?:gram)?|snap(?:chat)?|twitter|kik|discord)\W{1,3}@?\s*(?P<id>@\w{4,32})"
)


def _accounts(light: str) -> Iterator[Found]:
    for match in _AT.finditer(light):
        yield Found("spam", "account", "medium", *match.span())
    for match in _ACCOUNT.finditer(light):
        told = any(mark in match["mark"] for mark in ":：=@➡→") or any(
            one.isdigit() or one == "_" for one in match["id"]
        )
        if told and "http" not in match["id"]:
            yield Found("spam", "account", "medium", *match.span())
    for match in _NUMBERED.finditer(_digits(light)):
        yield Found("spam", "account", "medium", *match.span())


# Links

_TLDS: Final = (
    "com|net|org|cn|cc|io|xyz|top|vip|club|shop|site|online|info|live|link|app|icu|fun|win|bet|tv|ly|gg|ru|co|me|hk|tw|jp|"
    "uk|us|eu|de|fr|ai|dev|store|club|pw|biz|mobi|asia|example|test"
)
_DOTS: Final = r"(?:\s?\.\s?|。|．|\s?点\s?|\s?[(\[{]\s?(?:dot|点|\.)\s?[)\]}]\s?|\sdot\s)"
_DOTTED: Final = re.compile(r"\.|。|．|点|dot|://|www")
"""No link is without one."""
_DOT: Final = re.compile(rf"[a-z0-9]{_DOTS}[a-z]|://|www")
_WWW: Final = r"(?:w\W?w\W?w\W{0,3})"
_LINK: Final = re.compile(
    rf"(?P<scheme>(?:https?|ftp|hxxps?)\s?:\s?/\s?/\s?{_WWW}?|{_WWW}{_DOTS}?)?"
    rf"(?P<domain>(?<![a-z0-9@])[a-z0-9-]{{1,63}}(?:{_DOTS}[a-z0-9-]{{1,63}}){{0,3}}{_DOTS}(?:{_TLDS}))(?![a-z0-9-])(?P<path>/\S*)?"
)
_EMAIL: Final = re.compile(
    rf"[a-z0-9._+-]{{2,64}}(?:\s?@\s?|\s?艾特\s?|\s?[(\[]\s?(?:at|@)\s?[)\]]\s?)(?P<domain>[a-z0-9-]{{1,63}}(?:{_DOTS}[a-z0-9-]{{2,63}}){{1,3}})"
)
_NO_NAMES: Final = frozenset({"the", "a", "of", "this", "every"})
"""As in the dot com bubble."""
_COMMON_WORDS: Final = frozenset(
    [
        "me",
        "us",
        "so",
        "co",
        "top",
        "live",
        "link",
        "app",
        "info",
        "fun",
        "win",
        "bet",
        "shop",
        "store",
        "site",
        "online",
        "club",
        "vip",
    ]
)
"""Domains that are words too: a sentence may begin with one after a full stop without a blank."""


def _bare_domain(domain: str) -> str:
    return re.sub(_DOTS, ".", domain)


def _is_abbreviation(light: str, match: re.Match[str]) -> bool:
    """Whether a name without a path may be the end of a sentence and the beginning of the next, or a number."""
    domain = match["domain"]
    last = re.split(_DOTS, domain)[-1]
    if match["path"]:
        return False
    spaced = re.search(r"\.\s[a-z]+$", domain) is not None
    return spaced or (last in _COMMON_WORDS and "点" not in domain and not re.search(r"\d", domain))


# Repetition

_REPEATED: Final = re.compile(r"(.{2,40}?)\1{7,}")
_LAUGHTER: Final = re.compile(r"^(?:(?:哈|呵|嘿|嘻|啊|h|ha|6|w|a|w|l|lol|k|x|[\W_])+)$")
_REPETITION: Final = 40
"""Characters."""


def _repetition(light: str) -> Found | None:
    # Whatever is repeated so long has two characters from each stretch of 20, and these come again each time.
    if all(light.count(light[at : at + 2]) < 7 for at in range(0, len(light) - 1, _REPETITION // 2)):
        return None
    for match in _REPEATED.finditer(light):
        if len(match[0]) >= _REPETITION and not _LAUGHTER.match(match[1]):
            return Found("spam", "repetition", "low", *match.span())
    return None
