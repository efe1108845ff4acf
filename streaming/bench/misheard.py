"""What a recognizer got wrong: words in English, characters in Chinese, however either was written."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from avatar.voice.chinese_reading import read
from avatar.voice.english import EnglishG2P
from avatar.voice.english_reading import spell_out
from streaming.hearing.guard import simplified
from streaming.hearing.transcript import Language

# What a recognizer writes otherwise and says the same.
_SAME: Final = [
    (re.compile(r"\b(\d{1,2})\.(\d\d)(?= ?(?:[ap]\.?m|in the))"), r"\1:\2"),
    (re.compile(r"(?<=\d) ?([ap])\.?m\b\.?"), r" \1 m"),
    (re.compile(r"\$(\d+)\b(?![.,]\d)"), r"\1 dollars"),
    (re.compile(r"\bover time\b", re.IGNORECASE), "overtime"),
]


def units(text: str, language: Language) -> list[str]:
    """What is said, in words or characters: however it was written, in digits or in letters."""
    if language == "zh":
        text = simplified(text)
        said = "".join(r.spoken for r in read(text))
        return [c.lower() for c in said if c.isalnum()]
    from hibari.g2p.normalize import normalize

    for pattern, same in _SAME:
        text = pattern.sub(same, text)
    said = normalize(spell_out(text)).lower().replace("-", " ").replace("’", "'")
    return ["".join(c for c in word if c.isalnum()) for word in said.split() if any(c.isalnum() for c in word)]


def sounds(units: Sequence[str], language: Language) -> list[str]:
    """Phonemes of words, syllables of characters: homophones are the same."""
    if language == "zh":
        from pypinyin import lazy_pinyin

        return [str(syllable) for syllable in lazy_pinyin("".join(units))]
    return [c for c in _g2p().phonemes(" ".join(units)) if c not in " ˈˌ"]


@cache
def _g2p() -> EnglishG2P:
    return EnglishG2P()
