"""English speech on a CPU: the hibari model, which speaks a sentence in a few hundredths of its length."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import hibari
import numpy as np
from hibari import dsp
from onnx import ModelProto, TensorProto, helper

from avatar.errors import VoiceError
from avatar.speech import Pcm, SpeechChunk
from avatar.voice import graph
from avatar.voice.alignment import RATE, make_chunk
from avatar.voice.clauses import Clause
from avatar.voice.english import EnglishG2P
from avatar.voice.graph import LONGEST
from avatar.voice.session import Session
from avatar.voice.speak import Frames, parts

_ASSETS: Final = Path(hibari.__file__).parent / "assets"
_DURATIONS: Final = "/Cast_32_output_0"
_LIMITS: Final = (160, 260)
"""Characters in the first and in later pieces: whole sentences, since speed does not ask for less."""
_MAX_SYMBOLS: Final = 400


class Hibari:
    """hibari-tts's bundled American English voice, 24 kHz."""

    languages = frozenset({"en"})

    def __init__(self) -> None:
        path = _ASSETS / "hibari.onnx"
        self._session = Session(_telling(path), path)
        self._vocabulary: dict[str, int] = json.loads((_ASSETS / "vocab.json").read_text("utf-8"))
        self._g2p = EnglishG2P()

    def limits(self, language: str) -> tuple[int, ...]:
        """See :class:`avatar.voice.VoiceEngine`."""
        return _LIMITS

    def speak(self, clause: Clause) -> Iterator[SpeechChunk]:
        """See :class:`avatar.voice.VoiceEngine`."""
        if clause.language not in self.languages:
            raise VoiceError(
                f"the voice hibari speaks English (en), not {clause.language!r}; give that language another voice"
            )
        units = self._g2p(clause.text, dict(clause.lexicon))
        pitch = clause.delivery.pitch_factor
        # Higher is the same sound played faster, so it is made slower by as much.
        speed = clause.delivery.rate / pitch
        for part, ids in parts(clause, units, self._vocabulary, _MAX_SYMBOLS):
            pcm, durations = self._run(ids, speed, part.longest(speed))
            yield make_chunk(part.clause, part.units, pcm, durations, round(RATE * pitch))

    def stop(self) -> None:
        """See :class:`avatar.voice.VoiceEngine`."""
        self._session.stop()

    def _run(self, ids: Sequence[int], speed: float, longest: Frames) -> tuple[Pcm, Frames]:
        feed = {"ids": np.array([[0, *ids, 0]], np.int64), "speed": np.full(1, speed, np.float32), LONGEST: longest}
        *spectrum, durations = self._session.run(feed)
        # A fixed seed: the same text gives the same sound, so that speech can be cached and compared.
        pcm: Pcm = dsp.synth(*(o[0] for o in spectrum), np.random.default_rng(0))
        return pcm, durations.reshape(-1)


def _telling(path: Path) -> ModelProto:
    """The model, which also tells its durations."""
    model = graph.load(path)
    try:
        durations = graph.limited(model, _DURATIONS)
    except KeyError as error:
        raise graph.wrong(path) from error
    model.graph.output.append(helper.make_tensor_value_info(durations, TensorProto.INT64, None))
    return model
