"""English speech on a CPU: the hibari model, which speaks a sentence in a few hundredths of its length."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import hibari
import numpy as np
import numpy.typing as npt
from hibari import dsp

from avatar.errors import VoiceError
from avatar.speech import Pcm, SpeechChunk
from avatar.voice.clauses import clean, split
from avatar.voice.english import EnglishG2P, english_sentences
from avatar.voice.session import open_session
from avatar.voice.speak import speak

_ASSETS: Final = Path(hibari.__file__).parent / "assets"
_DURATIONS: Final = "/Cast_32_output_0"
_LIMITS: Final = (160, 260)
"""Characters in the first and in later pieces: whole sentences, since speed does not ask for less."""
_MAX_SYMBOLS: Final = 400


class Hibari:
    """hibari-tts's bundled American English voice, 24 kHz."""

    languages = frozenset({"en"})

    def __init__(self) -> None:
        self._session = open_session(_ASSETS / "hibari.onnx", inputs=("ids", "speed"), durations=_DURATIONS, threads=1)
        self._vocabulary: dict[str, int] = json.loads((_ASSETS / "vocab.json").read_text("utf-8"))
        self._g2p = EnglishG2P()

    def synthesize(self, text: str, *, language: str) -> Iterator[SpeechChunk]:
        """See :class:`avatar.voice.VoiceEngine`. Text with nothing to say gives no chunk."""
        if language not in self.languages:
            raise VoiceError(
                f"the voice hibari speaks English (en), not {language!r}; give that language another voice"
            )
        return self._chunks(text)

    def _chunks(self, text: str) -> Iterator[SpeechChunk]:
        for clause in split(english_sentences(clean(text)), _LIMITS):
            yield from speak(clause, self._g2p(clause.text), self._vocabulary, self._run, _MAX_SYMBOLS)

    def _run(self, ids: Sequence[int]) -> tuple[Pcm, npt.NDArray[np.int64]]:
        feed = {"ids": np.array([[0, *ids, 0]], np.int64), "speed": np.ones(1, np.float32)}
        *spectrum, durations = self._session.run(None, feed)
        # A fixed seed: the same text gives the same sound, so that speech can be cached and compared.
        pcm: Pcm = dsp.synth(*(o[0] for o in spectrum), np.random.default_rng(0))
        return pcm, durations.reshape(-1)
