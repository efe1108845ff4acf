"""Sentences: finding where one ends, in Chinese and English, also while the text is still arriving."""

import re
from collections.abc import Iterator

from knowledge.han import HAN

_LATIN_WORD = re.compile(r"[A-Za-z]+")

_FULL_STOPS = "。！？!?"
_CLOSERS = "”’」』）)\"'》】"
_MARKS = r"\s*(?:\[\d+(?:\s*[,，、]\s*\d+)*\]|【\d+】)"
# A full stop with the closing quotes and citation marks that belong to the sentence before them.
_CHINESE_END = re.compile(rf"[{_FULL_STOPS}]+[{_CLOSERS}]*(?:{_MARKS})*[{_FULL_STOPS}]*")
_ENGLISH_END = re.compile(rf"\.+[{_CLOSERS}]*(?:{_MARKS})*(?=\s|$)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|cf|vs|art|arts|no|nos|sec|para|approx|inc|ltd|co|st|mr|mrs|ms|dr|prof|p|pp)|\b[A-Za-z])\.$",
    re.IGNORECASE,
)
# What may still turn out to belong to the sentence that has just ended.
_UNFINISHED_TAIL = re.compile(rf"\s*(?:(?:\[|【)[\d\s,，、]*)?$|^[{_CLOSERS}{_FULL_STOPS}]*$")


def detect_language(text: str) -> str:
    """ "zh" when the text is mostly Chinese, counting an English word as much as two ideographs; else "en"."""
    return "zh" if len(HAN.findall(text)) > 2 * len(_LATIN_WORD.findall(text)) else "en"


def ideographs(text: str) -> float:
    """How long a text is, in ideographs; a Latin letter says about a third as much."""
    return sum(1.0 if ord(c) >= 0x2E80 else 0.35 for c in text)


def split_sentences(text: str) -> list[str]:
    """The sentences of a finished text, verbatim and without surrounding space. A line break after a list item,
    a table row or a heading ends a sentence too.
    """
    sentences: list[str] = []
    for block in re.split(r"\n(?=\s*(?:[-*+|#>]|\d+[.)、]\s))|\n\s*\n", text):
        splitter = SentenceSplitter()
        sentences.extend(splitter.feed(block))
        sentences.extend(splitter.finish())
    return sentences


class SentenceSplitter:
    """Cuts a stream of text into sentences, each as soon as nothing that may follow can still belong to it."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, delta: str) -> Iterator[str]:
        self._text += delta
        while (end := self._end()) is not None:
            sentence, self._text = self._text[:end].strip(), self._text[end:]
            if sentence:
                yield sentence

    def finish(self) -> Iterator[str]:
        """What is left when the stream ends: the last sentence, complete or cut off."""
        sentence, self._text = self._text.strip(), ""
        if sentence:
            yield sentence

    def _end(self) -> int | None:
        candidates = [match for match in (_CHINESE_END.search(self._text), self._english_end()) if match]
        if not candidates:
            return None
        end = min(match.end() for match in candidates)
        return None if _UNFINISHED_TAIL.match(self._text[end:]) else end

    def _english_end(self) -> re.Match[str] | None:
        for match in _ENGLISH_END.finditer(self._text):
            stop = self._text[: match.start() + 1]
            # "3. " opens a list item; "Art. 47" and "e.g. rent" go on.
            if not _ABBREVIATION.search(stop) and not re.search(r"(?:^|\n)\s*\d+\.$", stop):
                return match
        return None
