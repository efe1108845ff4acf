"""Mandarin (and English) speech on a CPU: Kokoro-82M, with words of the other script spliced in."""

import json
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.errors import VoiceError
from avatar.speech import Pcm, SpeechChunk
from avatar.voice.alignment import Unit
from avatar.voice.clauses import chinese_sentences, clean, split
from avatar.voice.english import EnglishG2P, english_sentences
from avatar.voice.mandarin import MandarinG2P
from avatar.voice.session import open_session
from avatar.voice.speak import speak

_DURATIONS: Final = "/encoder/Gather_output_0"
_INPUTS: Final = ("tokens", "style", "speed")
_LANGUAGES: Final = {"z": "zh", "a": "en"}
"""Language by the first letter of a Kokoro voice's name, for those whose reading is known here."""
_LIMITS: Final = {"zh": (12, 15, 20, 28, 40), "en": (45, 60, 80, 110, 160)}
"""Characters in the first and in later pieces. A piece costs about 0.8 s for its pads and 0.6 s a second of speech,
and should be ready when the one before it ends: short at first for an early sound, then only a little longer each."""
_MAX_SYMBOLS: Final = 500
_STYLES: Final = (510, 1, 256)


class Kokoro:
    """Kokoro v1.0 as ONNX, 24 kHz."""

    def __init__(self, model: Path, vocabulary: Path, voice: str = "zf_xiaobei", threads: int = 1) -> None:
        """``voice`` names a packaged style file; ``vocabulary`` is the model's ``{"vocab": {symbol: id}}``."""
        self._styles = _styles(voice)
        language = _LANGUAGES[voice[0]]
        self.languages = frozenset({language})
        self._vocabulary = _vocabulary(vocabulary)
        self._session = open_session(model, inputs=_INPUTS, durations=_DURATIONS, threads=threads)
        english = EnglishG2P()
        self._g2p: Callable[[str], list[Unit]] = MandarinG2P(english.phonemes) if language == "zh" else english
        self._sentences = chinese_sentences if language == "zh" else english_sentences
        self._limits = _LIMITS[language]
        self._voice = voice

    def synthesize(self, text: str, *, language: str) -> Iterator[SpeechChunk]:
        """See :class:`avatar.voice.VoiceEngine`. Text with nothing to say gives no chunk."""
        if language not in self.languages:
            speaks = ", ".join(sorted(self.languages))
            raise VoiceError(
                f"the voice {self._voice} speaks {speaks}, not {language!r}; give that language another voice"
            )
        return self._chunks(text)

    def _chunks(self, text: str) -> Iterator[SpeechChunk]:
        for clause in split(self._sentences(clean(text)), self._limits):
            yield from speak(clause, self._g2p(clause.text), self._vocabulary, self._run, _MAX_SYMBOLS)

    def _run(self, ids: Sequence[int]) -> tuple[Pcm, npt.NDArray[np.int64]]:
        feed = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": self._styles[len(ids)],
            "speed": np.ones(1, np.float32),
        }
        pcm, durations = self._session.run(None, feed)
        return pcm, durations.reshape(-1)


def _styles(voice: str) -> npt.NDArray[np.float32]:
    """Style vectors (510, 1, 256) of a packaged voice, one for each number of symbols spoken at once."""
    folder = files("avatar.voice") / "data"
    known = sorted(f.name.removesuffix(".bin") for f in folder.iterdir() if f.name.endswith(".bin"))
    if voice not in known:
        raise VoiceError(f"there is no Kokoro voice {voice!r}; choose one of {', '.join(known)}")
    return np.frombuffer((folder / f"{voice}.bin").read_bytes(), "<f4").reshape(_STYLES)


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
