"""Mandarin and English speech on a CPU: Kokoro-82M, with words of the other script spliced in."""

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from avatar.errors import VoiceError
from avatar.speech import Pcm, SpeechChunk
from avatar.voice.alignment import RATE, Unit, align
from avatar.voice.clauses import Clause
from avatar.voice.english import EnglishG2P
from avatar.voice.kokoro_model import FRAME_S, Model, Plan
from avatar.voice.mandarin import MandarinG2P
from avatar.voice.pieces import pieces
from avatar.voice.speak import parts
from avatar.voice.styles import LANGUAGES, Styles, styles

_LIMITS: Final = {"zh": (24, 40, 60), "en": (80, 120, 160)}
"""Characters in the first and in later clauses: long, for the sake of prosody, since a clause is heard piece by piece.
What of a clause must be there before its first sound costs 8 ms a character."""
_SPOKEN: Final = {
    "zh": "用人单位自用工之日起超过一个月，不满一年未与劳动者订立书面合同的，应当每月支付二倍的工资。",
    "en": "If the other side does not agree, you may first talk to them, and then bring the matter before the court.",
}
"""What a voice says once for it to be known how it sounds, as people speak here. Half as much tells the means as well,
and the loudness worse: 2 dB off."""
_MAX_SYMBOLS: Final = 500
_SHARE: Final = re.compile(r"([a-z]{2}_[a-z]+)(?::(\d+(?:\.\d+)?))?")


class Kokoro:
    """Kokoro v1.0 as ONNX, 24 kHz."""

    def __init__(
        self,
        model: Path,
        vocabulary: Path,
        voice: str = "zf_xiaobei",
        voices: Path | None = None,
        threads: int = 1,
    ) -> None:
        """``voice`` names a style, or mixes some: "zf_xiaobei:0.7+zf_xiaoyi:0.3" (the first decides the language).

        ``voices``: a folder of style files beside the packaged ones; ``vocabulary``: the model's
        ``{"vocab": {symbol: id}}``.
        """
        self._folder = voices
        mix, language = mixed(voice, voices)
        self.languages = frozenset({language})
        self._vocabulary = _vocabulary(vocabulary)
        self._model = Model(model, threads)
        self._limits = _LIMITS[language]
        self._take(voice, mix, language)

    @classmethod
    def of(cls, folder: Path, voice: str = "zf_xiaobei") -> "Kokoro":
        """From the folder that its files were fetched to. Raises :class:`VoiceError` when they are not there."""
        model = next(folder.glob("*.onnx"), None)
        if model is None:
            raise VoiceError(f"{folder} holds no Kokoro model (*.onnx); 'everhost doctor --fetch' gets it")
        return cls(model, folder / "vocab.json", voice)

    def speaking_as(self, voice: str) -> "Kokoro":
        """The same model with another voice of the same language, or a mix."""
        mix, language = mixed(voice, self._folder)
        if language not in self.languages:
            raise VoiceError(f"the voice {voice} speaks {language}; load the model anew for that")
        other = copy.copy(self)
        other._take(voice, mix, language)
        return other

    def limits(self, language: str) -> tuple[int, ...]:
        """See :class:`avatar.voice.VoiceEngine`."""
        return self._limits

    def speak(self, clause: Clause) -> Iterator[SpeechChunk]:
        """See :class:`avatar.voice.VoiceEngine`."""
        if clause.language not in self.languages:
            speaks = ", ".join(sorted(self.languages))
            raise VoiceError(
                f"the voice {self._name} speaks {speaks}, not {clause.language!r}; give that language another voice"
            )
        units = self._g2p(clause.text, dict(clause.lexicon))
        speed, pitch = clause.delivery.rate, clause.delivery.pitch_factor
        for part, ids in parts(clause, units, self._vocabulary, _MAX_SYMBOLS):
            plan = self._model.plan(self._voice.styles, ids, speed, pitch, part.longest(speed))
            aligned = align(
                part.units, plan.durations, RATE, (plan.start * FRAME_S, plan.end * FRAME_S), part.clause.pause
            )
            yield from pieces(part.clause, aligned, self._sound(plan, aligned.start), RATE)

    def stop(self) -> None:
        """See :class:`avatar.voice.VoiceEngine`."""
        self._model.stop()

    def _take(self, voice: str, mix: Styles, language: str) -> None:
        self._name, self._g2p = voice, _reading(voice, language)
        symbols = "".join(unit.symbols for unit in self._g2p(_SPOKEN[language], {}))
        self._voice = self._model.voice(mix, [self._vocabulary[c] for c in symbols if c in self._vocabulary])

    def _sound(self, plan: Plan, start: float) -> Callable[[float, float], Pcm]:
        """What makes the sound between two moments after ``start``."""

        def make(a: float, b: float) -> Pcm:
            return self._model.sound(self._voice, plan, round((start + a) * RATE), round((start + b) * RATE))

        return make


@cache
def _english(accent: str) -> EnglishG2P:
    return EnglishG2P(british=accent == "b")


@cache
def _mandarin() -> MandarinG2P:
    return MandarinG2P(_english("a").phonemes)


def _reading(voice: str, language: str) -> Callable[[str, Mapping[str, str]], list[Unit]]:
    return _mandarin() if language == "zh" else _english(voice[0])


def mixed(voice: str, folder: Path | None = None) -> tuple[Styles, str]:
    """Style vectors of a voice or a mix, and its language.

    Raises :class:`VoiceError` for a mix that is not understood and for voices that are not there.
    """
    shares = [_SHARE.fullmatch(part.strip()) for part in voice.split("+")]
    total = sum(float(m[2] or 1) for m in shares if m)
    if not all(shares) or not total:
        raise VoiceError(f"the Kokoro voice {voice!r} is not understood; write a name, or a mix as zf_a:0.7+zf_b:0.3")
    names = [m[1] for m in shares if m]
    if names[0][0] not in LANGUAGES:
        raise VoiceError(
            f"the Kokoro voice {names[0]} speaks a language that is not read here; Mandarin voices begin with z, "
            "English ones with a (American) or b (British)"
        )
    mix = sum(float(m[2] or 1) / total * styles(m[1], folder) for m in shares if m)
    return np.asarray(mix, np.float32), LANGUAGES[names[0][0]]


def _vocabulary(path: Path) -> dict[str, int]:
    try:
        table = json.loads(path.read_text("utf-8"))["vocab"]
        return {str(symbol): int(i) for symbol, i in table.items()}
    except OSError as error:
        raise VoiceError(
            f"Kokoro's vocabulary {path} cannot be read ({error.strerror}); fetch it again with `everhost doctor`"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VoiceError(
            f"{path} is not Kokoro's vocabulary (JSON with a `vocab` table); fetch it again with `everhost doctor`"
        ) from error
