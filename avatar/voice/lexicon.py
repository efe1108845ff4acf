"""How a room wants its own words said: names, brands, characters of several readings.

====================  ====================  ==================================================
written               said                  what it is
====================  ====================  ==================================================
单先生                shàn xiān sheng       pinyin: a syllable each, tone marks or digits
Kokoro                /kəˈkɔɹoʊ/            IPA, for words in Latin letters
GLM-4                 G L M 四              any other text: read instead
====================  ====================  ==================================================
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, Literal

Kind = Literal["pinyin", "ipa", "text"]

_HAN: Final = re.compile(r"[\u3400-\u9fff]+")
_SYLLABLE: Final = re.compile(r"[a-zü:āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹḿ]+[1-5]?", re.IGNORECASE)


def kind(written: str, said: str) -> Kind:
    """What ``said`` is. Raises ``ValueError`` saying what would be right, for pinyin that does not fit."""
    if len(said) > 2 and said[0] == said[-1] == "/":
        if _HAN.search(written):
            raise ValueError(f"“{written}”: IPA is for words in Latin letters; write pinyin, a syllable a character")
        return "ipa"
    syllables = said.split()
    if not _HAN.fullmatch(written) or not all(_SYLLABLE.fullmatch(s) for s in syllables):
        return "text"
    if len(syllables) != len(written):
        raise ValueError(
            f"“{written}” has {len(written)} characters and “{said}” {len(syllables)} syllables; "
            "write the pinyin of each, with spaces between: 单先生 → shàn xiān sheng"
        )
    return "pinyin"


def pieces(text: str, lexicon: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """``text`` in order as (written, said); ``said`` is None for what the lexicon does not mention."""
    at = 0
    if lexicon:
        for m in _pattern(tuple(lexicon)).finditer(text):
            if m.start() > at:
                yield text[at : m.start()], None
            yield m.group(), lexicon[m.group()]
            at = m.end()
    if at < len(text):
        yield text[at:], None


@lru_cache(maxsize=64)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_bounded(words)))


def _bounded(words: Iterable[str]) -> Iterator[str]:
    """The longest first; a word in Latin letters or digits must not be a part of a longer one."""
    for word in sorted(words, key=len, reverse=True):
        before = r"(?<![A-Za-z0-9])" if word[0].isascii() and word[0].isalnum() else ""
        after = r"(?![A-Za-z0-9])" if word[-1].isascii() and word[-1].isalnum() else ""
        yield before + re.escape(word) + after


def respelled(text: str, lexicon: Mapping[str, str]) -> str:
    """``text`` for an engine that reads by itself: with words for words; pinyin and IPA would mean nothing to it."""
    return "".join(
        said if said is not None and kind(written, said) == "text" else written
        for written, said in pieces(text, lexicon)
    )
