"""How written English is read aloud, where hibari's own normalization would leave it: rewritten before that sees it.

Of the 233 forms in tests/avatar/data/readings-en.tsv, hibari 0.2 alone reads 177.
"""

import re
from collections.abc import Callable
from typing import Final

_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NUMBER: Final = r"\d+(?:,\d{3})*(?:\.\d+)?"
_HOST: Final = r"(?:[A-Za-z0-9-]+\.)+(?:com|org|net|gov|edu|info|io|dev|ai|cn|uk|us|de|eu)\b"
_UNITS: Final = {
    "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "m": "meter", "kg": "kilogram", "mg": "milligram",
    "kW": "kilowatt", "kWh": "kilowatt-hour", "ft": "foot", "lb": "pound", "MB": "megabyte", "GB": "gigabyte",
}  # fmt: skip
_UNIT: Final = "|".join(sorted(_UNITS, key=len, reverse=True))
_DAYS: Final = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_MONTHS: Final = "January|February|March|April|May|June|July|August|September|October|November|December"
_CODES: Final = r"ending in|ZIP code|zip code|PIN|passcode|extension|ext\."
_FRACTIONS: Final = {"½": "a half", "¼": "a quarter", "¾": "three quarters"}
_ROMAN: Final = {"I": 1, "V": 5, "X": 10}


def spell_out(text: str) -> str:
    """The text with what needs it in words; the rest as it is."""
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    return text


def _one_by_one(digits: str) -> str:
    return " ".join(_DIGITS[int(d)] for d in digits if d.isdigit())


def _telephone(m: re.Match[str]) -> str:
    groups = [group for group in re.split(r"\D+", m.group()) if group]
    said = ["eight hundred" if group == "800" and k else _one_by_one(group) for k, group in enumerate(groups)]
    return " ".join(said)


def _address(m: re.Match[str]) -> str:
    host = re.sub(r"^https?://", "", m.group()).split("/")[0]
    return " dot ".join("W W W" if part == "www" else part for part in host.split("."))


def _mail(m: re.Match[str]) -> str:
    name, host = m.group().split("@")
    return f"{name.replace('.', ' dot ')} at {host.replace('.', ' dot ')}"


def _roman(m: re.Match[str]) -> str:
    values = [_ROMAN[letter] for letter in m[2]]
    after = [*values[1:], 0]
    return f"{m[1]} {sum(-v if v < n else v for v, n in zip(values, after, strict=True))}"


def _section(m: re.Match[str]) -> str:
    parts = re.findall(r"\((\w+)\)", m[2])
    return m[1] + "".join(f" {part.upper() if part.isalpha() else part}" for part in parts)


_RULES: Final[list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]]] = [
    (re.compile(pattern), said)
    for pattern, said in (
        (r"[“”\"]", ""),
        (rf"[A-Za-z0-9._+-]+@{_HOST}", _mail),
        (rf"(?:https?://)?(?<![A-Za-z0-9.@]){_HOST}(?:/[\w/?=&%#.-]*\w)?", _address),
        # Telephone and other codes, digit by digit.
        (r"(?:\+?\d{1,2}[ -])?(?:\(\d{3}\) ?|\b\d{3}-)\d{3}-\d{4}\b", _telephone),
        (r"(?<![\d-])\d{3}-\d{4}(?![\d-])", _telephone),
        (rf"\b({_CODES}) (\d+)", lambda m: f"{m[1]} {_one_by_one(m[2])}"),
        (r"\bext\.", "extension"),
        (r"\b([Dd]ial|[Cc]all) (911|112|999|988|311)\b", lambda m: f"{m[1]} {_one_by_one(m[2])}"),
        # Law.
        (r"§§\s?", "sections "),
        (r"\bArt\.", "Article"),
        (r"\bpara\.", "paragraph"),
        (r"\bSec\.", "Section"),
        (r"\b401\(k\)", "four oh one K"),
        (r"(\d)((?:\(\w{1,3}\))+)", _section),
        (r"\b(Title|Chapter|Part|Article|Book|Phase|Volume) ([IVX]+)\b", _roman),
        (r"\betc\.", "et cetera"),
        # Money.
        (rf"\b([Aa]n?|[Tt]he|[Ee]ach|[Ee]very) \$({_NUMBER}) (?=[a-z])", r"\1 \2 dollar "),
        (rf"(\$(?:{_NUMBER}))[-–](?=\$)", r"\1 to "),
        (r"(?<=\d)/(?=(?:hour|day|week|month|year|person|night|minute|second|unit)\b)", " per "),
        # Fractions, ratios, ranges.
        (r"(\d+) 1/2\b", r"\1 and a half"),
        (r"(\d+)([½¼¾])", lambda m: f"{m[1]} and {_FRACTIONS[m[2]]}"),
        (r"\b50[/-]50\b", "50 50"),
        (r"\b(\d+):(\d)(?![\d:])", r"\1 to \2"),
        (r"(?<=\d)\s-\s(?=\d+\s?=)", " minus "),
        (r"(?<=[=<>≥≤])\s?[-−](?=\d)", " negative "),
        (rf"\b({_DAYS}|{_MONTHS})[-–](?={_DAYS}|{_MONTHS})", r"\1 to "),
        (rf"(?<![\d-])\b((?:{_NUMBER})%?|\d{{1,2}}:\d\d|(?:\d|\d:\d\d) ?[ap]\.m\.)[-–](?=\d)(?!\d+-\d)", r"\1 to "),
        # Units.
        (r"(?<=\d)\s?(k|c|)m²", lambda m: f" square {_UNITS[m[1] + 'm']}s"),
        (r"(?<=\d)\s?(k|c|)m³", lambda m: f" cubic {_UNITS[m[1] + 'm']}s"),
        (rf"\b([Aa]n?|[Tt]he) (\d+)[ -]({_UNIT}) (?=[a-z])", lambda m: f"{m[1]} {m[2]} {_UNITS[m[3]]} "),
        (r"(?<=\d) m\b(?!\.)", " meters"),
        (r"≥", " greater than or equal to "),
        (r"≤", " less than or equal to "),
        (r"(?<=\d)\.0\b(?!\d|\.\d)", " point zero"),
        (r"\bAT&T\b", "A T and T"),
        (r"(?<=\w)&(?=\w)", " and "),
        (r"(?<=[A-Za-z]{3})-(?=[a-z]{3})", " "),
        (r" {2,}", " "),
    )
]
