"""Chinese heard right and written wrong: of words that sound alike, the one that is meant.

A recognizer that heard 遗嘱 may write 一主, and 有风顶 for 有封顶. The text is cut anew into words, each as written or
another of the same syllables, so that the whole is most probable: every word behind the one before it, as they follow
one another in the documents and in what people say (``usage.py``), and a factor less probable for every character
changed. So do input methods with syllables; here the recognizer's own choice counts as well.
"""

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from pypinyin import lazy_pinyin

from knowledge import words
from knowledge.han import HAN_RUN
from knowledge.usage import BEGIN, END, Usage, everyday

_LONGEST: Final = 6
"""Characters of a word."""
_DOCUMENTS: Final = 0.3
"""Weight of the documents;"""
_EVERYDAY: Final = 0.4
"""of what people say; for single words the dictionary has the rest."""
_CHANGE: Final = 3.0
_CHANGE_SINGLE: Final = 4.0
"""By which a changed character lowers the logarithm of the probability; where it is a word of its own, by more."""
_UNKNOWN: Final = 1e-9
"""Probability of a character that is no known word."""
_KEPT: Final = 6
"""Ways to each place that are followed. With 24 not one character in a thousand comes out otherwise."""


class Homophones:
    def __init__(self, counts: Mapping[str, int], texts: Iterable[str] = ()) -> None:
        """``counts``: how often each word stands in the documents; words of other scripts are passed over. ``texts``:
        of the documents, as much as shows how words follow one another there.
        """
        self._counts = {word: count for word, count in counts.items() if HAN_RUN.fullmatch(word)}
        self._total = max(1, sum(self._counts.values()))
        self._documents, self._everyday = Usage.of(texts), everyday()
        _everyday_by_sound()  # half a second, which no question waits for
        self._sounding = _by_sound(self._counts)

    def mended(self, text: str) -> str:
        """``text`` with the words that are meant where others of their sound stand. A few milliseconds."""
        return HAN_RUN.sub(lambda run: self._mended(run[0]), text)

    def _mended(self, run: str) -> str:
        syllables = lazy_pinyin(run)
        if len(syllables) != len(run):
            return run
        # The most probable ways to each place, by their last word: the logarithm, and the words before.
        ways: list[dict[str, tuple[float, tuple[str, ...]]]] = [{BEGIN: (0.0, ())}]
        for end in range(1, len(run) + 1):
            here: dict[str, tuple[float, tuple[str, ...]]] = {}
            for begin in range(max(0, end - _LONGEST), end):
                written = run[begin:end]
                for word in self._words(written, tuple(syllables[begin:end])):
                    likelihood, before = self._best(ways[begin], word)
                    likelihood -= _cost(word, written)
                    if word not in here or likelihood > here[word][0]:
                        here[word] = likelihood, (*before, word)
            ways.append(dict(sorted(here.items(), key=lambda one: -one[1][0])[:_KEPT]))
        return "".join(self._best(ways[-1], END)[1])

    def _best(self, ways: Mapping[str, tuple[float, tuple[str, ...]]], word: str) -> tuple[float, tuple[str, ...]]:
        """Of the ways to a place, the one that ``word`` follows best."""
        share = self._share(word)
        return max(
            (likelihood + math.log(self._behind(last, word, share)), before)
            for last, (likelihood, before) in ways.items()
        )

    def _words(self, written: str, syllables: tuple[str, ...]) -> Iterable[str]:
        """Each once."""
        known = len(written) == 1 or written in self._counts or words.frequency(written)
        alike = self._sounding.get(syllables, ()), _everyday_by_sound().get(syllables, ())
        return dict.fromkeys((*((written,) if known else ()), *alike[0], *alike[1]))

    def _share(self, word: str) -> float:
        documents = self._counts.get(word, 0) / self._total
        language = 1 - _DOCUMENTS - _EVERYDAY
        share = _DOCUMENTS * documents + _EVERYDAY * self._everyday.share(word) + language * words.frequency(word)
        return share or _UNKNOWN

    def _behind(self, last: str, word: str, share: float) -> float:
        there = self._documents.behind(last, word, share)
        return _DOCUMENTS * there + (1 - _DOCUMENTS) * self._everyday.behind(last, word, share)


def _by_sound(among: Iterable[str]) -> dict[tuple[str, ...], list[str]]:
    """Words by their syllables."""
    found: dict[tuple[str, ...], list[str]] = {}
    for word in among:
        if len(word) <= _LONGEST and HAN_RUN.fullmatch(word):
            found.setdefault(tuple(lazy_pinyin(word)), []).append(word)
    return found


@cache
def _everyday_by_sound() -> dict[tuple[str, ...], list[str]]:
    return _by_sound(everyday().words)


def _cost(word: str, written: str) -> float:
    changed = sum(a != b for a, b in zip(word, written, strict=True))
    return changed * (_CHANGE if len(word) > 1 else _CHANGE_SINGLE)
