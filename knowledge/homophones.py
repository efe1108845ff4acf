"""Chinese heard right and written wrong: of words that sound alike, the one that a room's documents use.

A recognizer that heard 遗嘱 may write 一主. The text is cut anew into words, each as written or one of the
documents' of the same syllables, so that the whole is most probable: a word's probability is its share in the
documents and in the language (jieba's dictionary), half and half, and every character changed makes it less likely by a
factor. So do input methods with syllables; here the recognizer's own choice counts as well.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from pypinyin import lazy_pinyin

from knowledge import words

_HAN_RUN: Final = re.compile(r"[\u4e00-\u9fff]+")
_LONGEST: Final = 6
"""Characters of a word."""
_DOCUMENTS: Final = 0.5
"""Weight of the documents; the language has the rest."""
_CHANGE: Final = 4.0
"""By which a changed character lowers the logarithm of the probability. From 1 to 4 as many characters come out right
(docs/hearing.md); the fewer are changed the better."""
_UNKNOWN: Final = 1e-9
"""Probability of a character that is no known word."""


class Homophones:
    def __init__(self, counts: Mapping[str, int]) -> None:
        """``counts``: how often each word stands in the documents; words of other scripts are passed over."""
        self._counts = {word: count for word, count in counts.items() if _HAN_RUN.fullmatch(word)}
        self._total = max(1, sum(self._counts.values()))
        self._sounding: dict[tuple[str, ...], list[str]] = {}
        for word in self._counts:
            if 1 < len(word) <= _LONGEST:
                self._sounding.setdefault(tuple(lazy_pinyin(word)), []).append(word)

    def mended(self, text: str) -> str:
        """``text`` with words of the documents where others of their sound stand. About a millisecond."""
        return _HAN_RUN.sub(lambda run: self._mended(run[0]), text)

    def _mended(self, run: str) -> str:
        syllables = lazy_pinyin(run)
        if len(syllables) != len(run):
            return run
        # The most probable way to each place: its logarithm, and the words up to there.
        ways: list[tuple[float, int, str]] = [(0.0, 0, "")]
        for end in range(1, len(run) + 1):
            ways.append(
                max(
                    (ways[begin][0] + self._likelihood(word, run[begin:end]), begin, word)
                    for begin in range(max(0, end - _LONGEST), end)
                    for word in self._words(run[begin:end], tuple(syllables[begin:end]))
                )
            )
        found: list[str] = []
        while end:
            _, end, word = ways[end]
            found.append(word)
        return "".join(reversed(found))

    def _words(self, written: str, syllables: tuple[str, ...]) -> Iterable[str]:
        if len(written) == 1 or written in self._counts or words.frequency(written):
            yield written
        yield from self._sounding.get(syllables, ())

    def _likelihood(self, word: str, written: str) -> float:
        share = self._counts.get(word, 0) / self._total
        probability = _DOCUMENTS * share + (1 - _DOCUMENTS) * words.frequency(word)
        changed = sum(a != b for a, b in zip(word, written, strict=True))
        return math.log(probability or _UNKNOWN) - _CHANGE * changed
