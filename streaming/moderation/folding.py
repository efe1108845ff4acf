"""One text, several views: what is left of it when the ways of hiding a word are undone.

Folding goes character by character, so a view is one ``str.translate`` and its way back to the original is worked out
only when something was found. What needs more than that (letters repeated, leetspeak, letters spelled out one by one)
has views of its own, made only for texts that show signs of it.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Final

from streaming.hearing import guard

Span = tuple[int, int]

_KEPT: Final = 65_536
"""Characters remembered; there are more, but nobody writes them."""
_INVISIBLE: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\u00ad")
"""Blank, though Unicode has them as letters and symbols."""
_ALIKE: Final = str.maketrans(
    # Cyrillic, Greek, Armenian and phonetic letters that pass for Latin ones; small capitals.
    "авеёкмнорстухіјѕԁԛԝһɡӏьαβεικνορτυχωγηɑıɩոսցօհᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ",
    "abeekmhopctyxijsdqwhglbabeiknoptuxwynaiinugohabcdefghijklmnoprstuvwyz",
)
_MARKS: Final = frozenset({"Mn", "Me", "Cf", "Cs", "Co"})


class Fold(dict[int, str]):
    """What each character becomes; worked out when it is first met."""

    def __init__(self, of: Callable[[str], str]) -> None:
        self._of = of

    def __missing__(self, code: int) -> str:
        folded = self._of(chr(code))
        if len(self) < _KEPT:
            self[code] = folded
        return folded


@cache
def _simplified() -> Mapping[int, str]:
    import zhconv  # its table is read when the first text comes, not before

    guard.load()
    table: Mapping[str, str] = zhconv.zhconv.getdict("zh-hans")
    return {ord(one): other for one, other in table.items() if len(one) == len(other) == 1}


def _step(character: str) -> str:
    if character in _INVISIBLE:
        return ""
    code = ord(character)
    if 0x1F1E6 <= code <= 0x1F1FF:  # 🇻🇽
        return chr(code - 0x1F1E6 + ord("a"))
    for first in (0x1F130, 0x1F150, 0x1F170):  # 🄰 🅐 🅰
        if first <= code < first + 26:
            return chr(code - first + ord("a"))
    if (digit := unicodedata.digit(character, None)) is not None:  # ① ❶ ٣
        return str(digit)
    apart = unicodedata.normalize("NFKD", character)
    bare = "".join(one for one in apart if unicodedata.category(one) not in _MARKS)
    return unicodedata.normalize("NFC", bare).casefold().translate(_ALIKE).translate(_simplified())


def _folded(character: str) -> str:
    folded = _step(character)
    return folded if folded == character else "".join(map(_folded, folded))


_LIGHT: Final = Fold(_folded)
_TIGHT: Final = Fold(lambda one: "".join(c for c in _LIGHT[ord(one)] if c.isalnum()))
_SPACED: Final = Fold(lambda one: "".join(c if c.isalnum() else " " for c in _LIGHT[ord(one)]))


class View:
    """A form of a text, and where each of its characters is from."""

    def __init__(self, text: str, spans: Callable[[], Sequence[Span]]) -> None:
        self.text = text
        self._spans = spans

    @cached_property
    def spans(self) -> Sequence[Span]:
        """For each character of ``text``, begin and end in the original."""
        return self._spans()

    def span(self, begin: int, end: int) -> Span:
        """Where characters ``begin`` to ``end`` are from, in the original."""
        return self.spans[begin][0], self.spans[end - 1][1]

    def replaced(self, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str]) -> "View":
        """With every match replaced; what replaces it is from all of it, unless it is as long."""
        return View(pattern.sub(by, self.text), lambda: self._spans_replaced(pattern, by))

    def _spans_replaced(self, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str]) -> list[Span]:
        spans: list[Span] = []
        done = 0
        for match in pattern.finditer(self.text):
            begin, end = match.span()
            length = len(by(match))
            spans += self.spans[done:begin]
            if length == end - begin:
                spans += self.spans[begin:end]
            elif end > begin:
                spans += [self.span(begin, end)] * length
            done = end
        return spans + list(self.spans[done:])

    def tight(self) -> "View":
        """Letters and digits alone."""
        kept = "".join(filter(str.isalnum, self.text))
        return View(kept, lambda: [self.spans[at] for at, one in enumerate(self.text) if one.isalnum()])

    def words(self) -> "View":
        """Words with one blank between them."""
        spaced = "".join(one if one.isalnum() else " " for one in self.text)
        return View(" ".join(spaced.split()), lambda: [self.spans[at] for at in _squeezed(spaced)])


def _squeezed(spaced: str) -> list[int]:
    """Which characters ``" ".join(spaced.split())`` keeps."""
    begin, end = len(spaced) - len(spaced.lstrip()), len(spaced.rstrip())
    return [at for at in range(begin, end) if spaced[at] != " " or spaced[at - 1] != " "]


def _translated(text: str, table: Mapping[int, str]) -> View:
    return View(text.translate(table), lambda: [(at, at + 1) for at, one in enumerate(text) for _ in table[ord(one)]])


def light(text: str) -> View:
    """Lower case, simplified, half-width, look-alikes Latin, without marks and the invisible; punctuation stays."""
    return _translated(text, _LIGHT)


def tight(text: str) -> View:
    """So, and letters and digits alone."""
    return _translated(text, _TIGHT)


def words(text: str) -> View:
    """So, and one blank for whatever is no letter or digit."""
    spaced = text.translate(_SPACED)
    squeezed = " ".join(spaced.split())

    def spans() -> Sequence[Span]:
        of = _translated(text, _SPACED).spans
        return [of[at] for at in _squeezed(spaced)]

    return View(squeezed, spans)


# Tricks with more than one character

_LEET: Final = str.maketrans("01345789@$!|€", "oieastbgasile")
_LEETED: Final = re.compile(r"(?:[a-z0-9@$|€]|!(?=[a-z0-9@$|€]))*[a-z](?:[a-z0-9@$|€]|!(?=[a-z0-9@$|€]))*")
_GLUE: Final = re.compile(r"(?<=[a-z0-9])(?:[^\w\s]|_)+(?=[a-z0-9])")
_SPELLED: Final = re.compile(r"(?<![a-z0-9])[a-z0-9](?:\s[a-z0-9](?![a-z0-9]))+")
_REPEATED: Final = re.compile(r"(\w)\1{2,}")
_BLANKS: Final = re.compile(r"\s+")
_DISGUISED: Final = re.compile(
    rf"{_REPEATED.pattern}|[a-z][0-9@$!|€][a-z]|[@$][a-z]{{2}}|[a-z](?:[^\w\s]|_)+[a-z]|{_SPELLED.pattern}|[a-z]{{2}}[0-9$]"
)


def disguised(text: str) -> bool:
    """Whether a light text may hide Latin words in more ways than folding undoes."""
    return _DISGUISED.search(text) is not None


_LEET_WITHIN: Final = re.compile(r"[a-z0-9@$!|€]*[a-z][0-9@$!|€]+[a-z][a-z0-9@$!|€]*")


def unleeted(light: str) -> str:
    """Words with digits and signs for letters within them, written with letters."""
    return _LEET_WITHIN.sub(lambda match: match[0].translate(_LEET), light)


def undisguised(view: View) -> list[View]:
    """The words of a light view with letters repeated, leetspeak and punctuation or blanks within words undone."""
    views = []
    for times in (1, 2) if _REPEATED.search(view.text) else (1,):
        fewer = view.replaced(_REPEATED, lambda match, times=times: match[1] * times)  # type: ignore[misc]
        glued = fewer.replaced(_LEETED, lambda match: match[0].translate(_LEET)).replaced(_GLUE, lambda _: "")
        views.append(glued.replaced(_SPELLED, lambda match: _BLANKS.sub("", match[0])).words())
    return views


_ECHOED: Final = re.compile(r"([\u3400-\u9fff])\1+")


def once(view: View) -> View | None:
    """Ideographs written several times written once, where that was done to several; None: it was not."""
    if len(_ECHOED.findall(view.text)) < 2 and not _REPEATED.search(view.text):
        return None
    return view.replaced(_ECHOED, lambda match: match[1])


class Alternates:
    """What is put in a character's place: its parts, one that looks like it, an emoji of what it names."""

    def __init__(self, table: Mapping[str, str]) -> None:
        """``table``: from what is written to what is meant."""
        self._table = {fold(written): meant for written, meant in table.items()}
        longest_first = sorted(self._table, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._signs = frozenset(max(written, key=_rarity) for written in longest_first)
        """One character of each, the rarest: most texts have none of them."""

    def read(self, view: View) -> View | None:
        """A light view as it is meant; None: nothing was put in its place."""
        if self._signs.isdisjoint(view.text) or self._pattern.search(view.text) is None:
            return None
        return view.replaced(self._pattern, lambda match: self._table[match[0]])


def _rarity(character: str) -> tuple[bool, bool, bool]:
    return not character.isalnum(), not character.isascii(), character.isdigit()


def fold(text: str) -> str:
    """The light view's text. Folding it again changes nothing."""
    return text.translate(_LIGHT)
