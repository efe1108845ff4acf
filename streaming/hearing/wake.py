"""Whether somebody speaks to the host at all: what they say begins with a wake word, "hello Mei", 小梅.

No second network listens: the recognizer writes down what it hears anyway, and what it wrote is compared by its sound,
so that 小美 and "hello May" do as well. Any name in either language works, and none is learned.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from pypinyin import lazy_pinyin
from rapidfuzz.distance import Levenshtein

from avatar.voice.english import EnglishG2P

_TOKEN: Final = re.compile(r"[\u4e00-\u9fff]|[^\W_\u4e00-\u9fff]+(?:['’][^\W_]+)?")
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")
_CONSONANTS: Final = frozenset("bdfhjklmnpstvwzðŋɡɹʃʒθʤʧ") | {"T", "ɾ"}
_STRESS: Final = "ˈˌ"
_ALIKE: Final = re.compile("^(?:zh|ch|sh)|ng$")
"""Told apart by hardly anybody in the south of China, nor by a small recognizer."""
_LATE: Final = 2
"""Words or characters that may come before it: “um”, 喂."""
_SOUNDS_A_SLIP: Final = 5
"""Sounds among which one may be another: a name is what a recognizer knows least."""


class WakeWords:
    def __init__(self, words: Iterable[str]) -> None:
        """Takes a second: English pronunciation is loaded."""
        self._sound = lru_cache(4096)(_Sounds())
        self._words = [self._said(list(_TOKEN.finditer(word))) for word in words]

    def rest(self, text: str) -> str | None:
        """What is said after the wake word, and "" after it alone; None where the text does not begin with one."""
        tokens = list(_TOKEN.finditer(text))
        best: tuple[int, int] | None = None
        for begin in range(min(_LATE + 1, len(tokens))):
            for last in range(begin, len(tokens)):
                said = self._said(tokens[begin : last + 1])
                for word in self._words:
                    slips = _slips(word, said)
                    # Of two that sound as much alike, the longer.
                    if slips is not None and (best is None or (slips, -tokens[last].end()) < best):
                        best = slips, -tokens[last].end()
        return None if best is None else text[-best[1] :].lstrip(" ,.!?;:，。！？；：、…")

    def _said(self, tokens: Iterable[re.Match[str]]) -> tuple[str, ...]:
        return tuple(sound for token in tokens for sound in self._sound(token[0]))


def _slips(word: tuple[str, ...], said: tuple[str, ...]) -> int | None:
    """Sounds that differ; None when these are other words."""
    most = len(word) // _SOUNDS_A_SLIP
    if abs(len(word) - len(said)) > most:
        return None
    slips = Levenshtein.distance(word, said, score_cutoff=most)
    if slips <= most:
        return slips
    # Vowels are what accents, and small recognizers, change: “Helomey”.
    return most if most and _without_vowels(word) == _without_vowels(said) else None


def _without_vowels(sounds: tuple[str, ...]) -> list[str]:
    return [sound if sound in _CONSONANTS else "V" for sound in sounds]


class _Sounds:
    """A word's sounds: hibari's phonemes without stress; of Chinese a syllable each, without its tone."""

    def __init__(self) -> None:
        self._english = EnglishG2P()

    def __call__(self, word: str) -> tuple[str, ...]:
        if _HAN.match(word):
            return (_ALIKE.sub(lambda same: same[0][0], str(lazy_pinyin(word)[0])),)
        return tuple(sound for sound in self._english.phonemes(word) if sound.isalpha() and sound not in _STRESS)
