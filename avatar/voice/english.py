"""Reads English aloud: hibari's G2P, with each written word kept beside what is said for it."""

from difflib import SequenceMatcher
from typing import Any

from hibari.g2p import G2P
from hibari.g2p.normalize import normalize
from hibari.tts import Hibari as _Hibari

from avatar.voice.alignment import Unit
from avatar.voice.english_reading import spell_out


def english_sentences(text: str) -> list[str]:
    return [str(s).strip() for s in _Hibari.split_sentences(text)]


class EnglishG2P:
    """English text to phonemes in the alphabet that hibari and Kokoro share."""

    def __init__(self) -> None:
        self._g2p = G2P()
        self.phonemes("warm")  # unknown words load a network: now rather than on air
        self.phonemes("qwzx")

    def phonemes(self, text: str) -> str:
        return str(self._g2p(text))

    def __call__(self, text: str) -> list[Unit]:
        written = text.split()
        tokens = self._g2p.phonemize_tokens(self._g2p.tokenize(normalize(spell_out(text))))
        said = _words(tokens)
        units: list[Unit] = []
        for caption, phonemes in _paired(written, said):
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
