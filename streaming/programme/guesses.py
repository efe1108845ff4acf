"""Guesses at the host's question: which texts are any, which are right, and who had it first. Sans-I/O."""

import re
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from typing import Final

from streaming.hearing.ending import asks, keeps_company, says_goodbye
from streaming.hearing.transcript import Language

LONGEST: Final[dict[Language, int]] = {"zh": 20, "en": 60}
"""Characters; who writes more tells something else."""
MOST: Final = 1000
"""Who had it right that are counted."""

_NUMERAL: Final = re.compile(r"[\d.]*[零〇一二两三四五六七八九十百千万亿][\d.零〇一二两三四五六七八九十百千万亿]*")
_LONGEST_NUMERAL: Final = 16
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_TOKEN: Final = re.compile(r"\d+(?:\.\d+)?|[a-z]+|[^\W\d_]")


class Guesses:
    """At one question, from when it was said until its answer begins."""

    def __init__(self, accept: Iterable[str]) -> None:
        """``accept``: a right guess holds one of these."""
        self._accept = [tokens(text) for text in accept]
        self._right: dict[str, str] = {}
        """The names of those who had it right, by viewer, the first first."""

    def guess(self, viewer: str, name: str, text: str, language: Language, *, spoken: bool) -> bool | None:
        """Whether a viewer's guess is right; None: it is none, but a question, or told to the host for its own sake."""
        if len(text) > LONGEST[language]:
            return None
        guessed = tokens(text)
        if guessed not in self._accept and asks(text, language):  # “三十天？” is all answer, whatever it ends with
            return None
        if any(_holds(guessed, accepted) for accepted in self._accept):
            if len(self._right) < MOST:
                self._right.setdefault(viewer, name)
            return True
        company = spoken and keeps_company(text) and not any(token[0].isdigit() for token in guessed)
        return None if not guessed or company or says_goodbye(text) else False

    @property
    def right(self) -> Sequence[str]:
        """The names of those who had it right, the first first; "" of who has none."""
        return list(self._right.values())


def tokens(text: str) -> list[str]:
    """Numbers, words and ideographs, in one spelling: full-width letters, capitals and 三十 are a, a and 30."""
    text = _NUMERAL.sub(_in_digits, unicodedata.normalize("NFKC", text).lower())
    return _TOKEN.findall(_THOUSANDS.sub("", text))


def _in_digits(numeral: re.Match[str]) -> str:
    written = numeral[0]
    if len(written) > _LONGEST_NUMERAL:
        return written
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a package that is no longer maintained
        import cn2an  # not before it is needed: it delays a room's first picture by 0.1 s
    try:
        value = float(cn2an.cn2an(written, "smart"))
    except (ValueError, KeyError):  # 十十, 千十一, or 万 as a surname
        return written
    return f"{value:.0f}" if value.is_integer() else f"{value}"


def _holds(guessed: Sequence[str], accepted: Sequence[str]) -> bool:
    n = len(accepted)
    return any(guessed[k : k + n] == accepted for k in range(len(guessed) - n + 1))
