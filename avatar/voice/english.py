"""Reads English aloud: hibari's G2P, with each written word kept beside what is said for it."""

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from hibari.g2p import G2P
from hibari.g2p.normalize import normalize

from avatar.voice import lexicon
from avatar.voice.alignment import Unit, to_symbols
from avatar.voice.english_reading import spell_out


class EnglishG2P:
    """English text to phonemes in the alphabet that hibari and Kokoro share."""

    def __init__(self, *, british: bool = False) -> None:
        self._g2p = G2P(british=british)
        self.phonemes("warm")  # unknown words load a network: now rather than on air
        self.phonemes("qwzx")

    def phonemes(self, text: str) -> str:
        return str(self._g2p(text))

    def __call__(self, text: str, words: Mapping[str, str] | None = None) -> list[Unit]:
        """Units in order: one for each written word, and separators between.

        ``words``: those that are to be said otherwise than they would be, as :mod:`avatar.voice.lexicon` has it.
        """
        units: list[Unit] = []
        for written, said in lexicon.pieces(text, words or {}):
            if said is None:
                touching = re.match(r"[^\s\w]+", written) if units else None  # punctuation of the word before
                if touching:
                    units[-1] = Unit(units[-1].symbols + touching.group(), units[-1].word + touching.group())
                    written = written[touching.end() :]
                more = self._read(written)
            else:
                symbols = to_symbols(said.strip("/")) if lexicon.kind(written, said) == "ipa" else self.phonemes(said)
                more = [Unit(symbols, written)]
            units += [Unit(" ")] if units and more else []
            units += more
        return units

    def _read(self, text: str) -> list[Unit]:
        said = _words(self._g2p.phonemize_tokens(self._g2p.tokenize(normalize(spell_out(text)))))
        units: list[Unit] = []
        for caption, phonemes in _paired(text.split(), said):
            if units:
                units.append(Unit(" "))
            units.append(Unit(phonemes, caption))
        return units


def _words(tokens: list[Any]) -> list[tuple[str, str]]:
    """(text, phonemes) of each whitespace-separated word; punctuation stays with the word it touches."""
    words: list[tuple[str, str]] = []
    joined = False
    for token in tokens:
        text, phonemes = str(token.text), str(token.phonemes or "")
        if joined:
            words[-1] = (words[-1][0] + text, words[-1][1] + phonemes)
        else:
            words.append((text, phonemes))
        joined = not token.whitespace
    return words


def _paired(written: list[str], said: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Written words with their phonemes. Normalization rewrites some ("7:30" to "seven thirty"): those share."""
    pairs: list[tuple[str, str]] = []
    matcher = SequenceMatcher(None, written, [text for text, _ in said], autojunk=False)
    for _, a0, a1, b0, b1 in matcher.get_opcodes():
        if a1 - a0 == b1 - b0:
            pairs.extend((written[a0 + i], said[b0 + i][1]) for i in range(a1 - a0))
            continue
        phonemes = " ".join(p for _, p in said[b0:b1])
        if phonemes:
            pairs.append((" ".join(written[a0:a1]), phonemes))
    return pairs
