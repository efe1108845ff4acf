"""Reads Mandarin aloud: written text to the characters that are said, and those to the model's phonemes."""

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping

from avatar.voice import lexicon
from avatar.voice.alignment import Unit, to_symbols
from avatar.voice.chinese_reading import Reading, read
from avatar.voice.polyphones import polyphones

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # invalid escapes and pkg_resources in a package that is no longer maintained
    import jieba
    from misaki.zh import ZHG2P
    from pypinyin import Style, lazy_pinyin
    from pypinyin.contrib.tone_convert import to_tone3

jieba.setLogLevel(logging.CRITICAL)


class MandarinG2P:
    """Mandarin text to phonemes in Kokoro's alphabet. Loads the word list (one second, 60 MB)."""

    def __init__(self, latin: Callable[[str], str]) -> None:
        """``latin`` gives the phonemes of one Latin run."""
        self._latin = latin
        self._segmenter = jieba.Tokenizer()
        # The package would keep its word list as a marshal file in the shared temporary folder, where anybody
        # could plant one; building it takes no longer than a second.
        self._segmenter.FREQ, self._segmenter.total = self._segmenter.gen_pfdict(self._segmenter.get_dict_file())
        self._segmenter.initialized = True

    def __call__(self, text: str, words: Mapping[str, str] | None = None) -> list[Unit]:
        """Units in order: one for each Chinese character, Latin run or written number, and separators between.

        ``words``: those that are to be said otherwise than they would be, as :mod:`avatar.voice.lexicon` has it.
        """
        units: list[Unit] = []
        for written, said in lexicon.pieces(text, words or {}):
            if said is None:
                units.extend(self._read(written))
            else:
                units.extend(self._as_wanted(written, said))
        while units and not units[-1].symbols.strip():
            units.pop()
        return units

    def _as_wanted(self, written: str, said: str) -> Iterator[Unit]:
        match lexicon.kind(written, said):
            case "pinyin":
                yield from self._pinyin(written, said)
            case "ipa":
                yield Unit(" ")
                yield Unit(to_symbols(said.strip("/")), written)
                yield Unit(" ")
            case "text":
                yield Unit("".join(unit.symbols for unit in self._read(said)), written)

    def _pinyin(self, written: str, said: str) -> Iterator[Unit]:
        for i, (character, syllable) in enumerate(zip(written, said.split(), strict=True)):
            if i == 0:
                yield Unit(" ")
            yield Unit(_ipa(to_tone3(syllable, neutral_tone_with_five=True)), character)
        yield Unit(" ")

    def _read(self, text: str) -> list[Unit]:
        units: list[Unit] = []
        run: list[Reading] = []
        for reading in read(text):
            if _is_chinese(reading.spoken):
                run.append(reading)
                continue
            units.extend(self._chinese(run))
            run = []
            units.extend(self._other(reading))
        units.extend(self._chinese(run))
        return units

    def _other(self, reading: Reading) -> Iterator[Unit]:
        spoken = reading.spoken
        if re.search(r"[A-Za-z]", spoken):
            yield Unit(" ")
            yield Unit(self._latin(spoken), reading.written)
            yield Unit(" ")
        elif any(_is_chinese(c) for c in spoken):  # digits with pauses in them
            for i, part in enumerate(spoken.split(", ")):
                yield from ([Unit(", ")] if i else [])
                yield from self._chinese([Reading(reading.written if not i else part, part)])
        elif spoken:
            yield Unit(spoken)

    def _chinese(self, run: list[Reading]) -> Iterator[Unit]:
        """Phonemes of adjoining Chinese readings, segmented into words as one text: context decides the sound."""
        if not run:
            return
        # One caption word for each written character, or one for all that is said for a number.
        captions: list[tuple[str, int]] = []
        for reading in run:
            if reading.written == reading.spoken:
                captions.extend((c, 1) for c in reading.written)
            else:
                captions.append((reading.written, len(reading.spoken)))
        sounds = self._syllables("".join(r.spoken for r in run))
        at = 0
        for caption, length in captions:
            symbols = "".join(sounds[at : at + length])
            at += length
            if symbols.startswith(" "):
                yield Unit(" ")
            yield Unit(symbols.strip(), caption)

    def _syllables(self, spoken: str) -> list[str]:
        """Phonemes of each character; a leading space marks the start of a word."""
        sounds: list[str] = []
        for word, pinyin in self._words(spoken):
            for i, syllable in enumerate(pinyin if len(pinyin) == len(word) else map(_alone, word)):
                sounds.append((" " if i == 0 and sounds else "") + _ipa(syllable))
        return sounds

    def _words(self, spoken: str) -> Iterator[tuple[str, list[str]]]:
        """Words and their pinyin; characters it does not know come back glued together."""
        for text, known in polyphones(spoken):
            if known is not None:
                yield text, known.split()
                continue
            for word in self._segmenter.lcut(text):
                yield word, lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)


def _alone(character: str) -> str:
    return str(lazy_pinyin(character, style=Style.TONE3, neutral_tone_with_five=True)[0])


def _is_chinese(text: str) -> bool:
    return bool(re.fullmatch(r"[\u3400-\u9fff]+", text))


def _ipa(pinyin: str) -> str:
    try:
        return str(ZHG2P.py2ipa(pinyin)).replace("\u032f", "")
    except (ValueError, IndexError):  # a character without a Mandarin reading
        return ""
