"""The view by sound: every ideograph, and every syllable typed in Latin letters, is one character for its syllable.

Syllables that are mixed up in writing by sound are one: zh/z, ch/c, sh/s, -ing/-in, -eng/-en.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from streaming.moderation.folding import Fold, View

_FIRST: Final = 0xF0000
"""Of a private plane: no folded text has any of it."""
_MIXED: Final = ((re.compile("^([zcs])h"), r"\1"), (re.compile("([ie])ng$"), r"\1n"))
_LATIN: Final = re.compile("[a-z]+")
_HAN: Final = re.compile("[\u3400-\u9fff]")
_LONGEST: Final = 48
"""Letters; what is typed longer without a blank is no pinyin that anybody reads."""
_SYLLABLE: Final = re.compile(
    "(?:[zcs]h?|[bpmfdtnlgkhjqxrwy])(?:iang|iong|uang|ang|eng|ing|ong|iao|ian|uai|uan|van|"
    "ai|ei|ao|ou|an|en|in|un|ia|ie|iu|ua|uo|ui|ue|ve|a|o|e|i|u|v)|ang?|ai|ao|er?|ou|eng?"
)


class _Sounds(Fold):
    def __init__(self) -> None:
        super().__init__(self._sound)
        self._syllables: dict[str, str] = {}

    def _sound(self, character: str) -> str:
        syllable = reading(character)
        return self.syllable(syllable) if syllable else character

    def syllable(self, written: str) -> str:
        return self._syllables.setdefault(unmixed(written), chr(_FIRST + len(self._syllables)))


@lru_cache(1024)
def unmixed(syllable: str) -> str:
    """The one that stands for all that are mixed up with it."""
    for pattern, by in _MIXED:
        syllable = pattern.sub(by, syllable)
    return syllable


_SOUNDS: Final = _Sounds()


@dataclass(frozen=True, slots=True)
class Sound:
    view: View
    written: str
    """What is written at each character of the view; a typed syllable's first letter."""


@lru_cache(8192)
def reading(character: str) -> str:
    """Its syllable in pinyin, unmixed; "" of what is no ideograph."""
    if _HAN.match(character) is None:
        return ""
    from pypinyin import lazy_pinyin  # 0.3 s: not before there is anything to be read

    return lazy_pinyin(character)[0]


def sounding(term: str) -> str:
    """A folded term as it stands in the view."""
    return term.translate(_SOUNDS)


def by_sound(light: View, tight: View, *, typed: bool) -> Sound | None:
    """``typed``: pinyin in Latin letters is looked for as well. None: there is nothing to be read."""
    if typed and _LATIN.search(tight.text):
        return _with_typed(light)
    if _HAN.search(tight.text) is None:
        return None
    return Sound(View(tight.text.translate(_SOUNDS), lambda: tight.spans), tight.text)


def _with_typed(light: View) -> Sound | None:
    if _HAN.search(light.text) is None and not _is_pinyin(_LATIN.findall(light.text)):
        return None
    # Each syllable becomes its character and its first letter, to be told apart below.
    text: list[str] = []
    written: list[str] = []
    at: list[tuple[int, int]] = []
    done = 0
    for token in _LATIN.finditer(light.text):
        text += light.text[done : token.start()]
        written += light.text[done : token.start()]
        at += ((k, k + 1) for k in range(done, token.start()))
        begin = token.start()
        for part in syllables(token[0]) or token[0]:
            text.append(_SOUNDS.syllable(part) if len(part) > 1 else part)
            written.append(part[0])
            at.append((begin, begin + len(part)))
            begin += len(part)
        done = token.end()
    text += light.text[done:]
    written += light.text[done:]
    at += ((k, k + 1) for k in range(done, len(light.text)))
    kept = [k for k, one in enumerate(written) if one.isalnum()]
    view = View(
        "".join(text[k] for k in kept).translate(_SOUNDS),
        lambda: [light.span(*at[k]) for k in kept],
    )
    return Sound(view, "".join(written[k] for k in kept))


def _is_pinyin(words: list[str]) -> bool:
    """Whether most of them are."""
    others = 0
    for word in words:
        others += len(word) == 1 or not syllables(word)
        if others * 4 > len(words):
            return False
    return True


@lru_cache(4096)
def syllables(token: str) -> tuple[str, ...]:
    """The pinyin syllables of a word in Latin letters, the longest first; none where it is no pinyin."""
    if not token or len(token) > _LONGEST:
        return ()
    # Ways to cut the rest, from its end.
    ways: list[tuple[str, ...] | None] = [None] * len(token) + [()]
    for begin in reversed(range(len(token))):
        for length in range(min(6, len(token) - begin), 0, -1):
            rest = ways[begin + length]
            if rest is not None and _SYLLABLE.fullmatch(token, begin, begin + length):
                ways[begin] = (token[begin : begin + length], *rest)
                break
    return ways[0] or ()
