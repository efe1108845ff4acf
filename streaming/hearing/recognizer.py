"""Speech to text: Whisper on CTranslate2, an engine for a worker process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import ctranslate2
import numpy as np
import numpy.typing as npt
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim

from streaming.errors import ModelError
from streaming.hearing.guard import cleaned, load, meant, recites, simplified
from streaming.hearing.transcript import NO_WORDS, Language, Transcript
from streaming.hearing.vad import speech_only

_BEAM: Final = 5
_TEMPERATURES: Final = (0.0, 0.4)
"""A second try costs another second; a third has not been seen to help."""
_LEAST_WINDOW: Final = 1000
_SLACK: Final = 100
"""Frames of 10 ms the encoder is given: 10 s at least, and a second after what was said. Whisper learned on windows of
30 s, most of which is silence after a question; without it text comes after a third of the time, understood as well.
Windows as short as the speech itself cost accuracy in noise (docs/hearing.md)."""
_ZH_PROMPT: Final = "以下是普通话的句子。"
"""Makes simplified script and punctuation likely. Kept short: what is said here may be heard in noise."""


class Whisper:
    """A multilingual or English Whisper model in CTranslate2's format."""

    def __init__(self, model: Path, threads: int = 1, device: str = "cpu", compute_type: str = "int8") -> None:
        """``device``: "cuda" for a GPU, with ``compute_type`` "float16"; see CTranslate2.

        Raises :class:`ModelError` when the folder does not hold a model that can be loaded.
        """
        try:
            self._model = _OneEncodingModel(
                str(model), device=device, compute_type=compute_type, cpu_threads=threads, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(
                f"the speech recognition model in {model} cannot be loaded ({error}); remove that folder and run "
                "“everhost doctor --fetch”"
            ) from error
        load()
        self._languages: tuple[Language, ...] = ("zh", "en") if self._model.model.is_multilingual else ("en",)

    def transcribe(
        self,
        pcm: npt.NDArray[np.float32],
        language: Language | None = None,
        vocabulary: Mapping[Language, str] = NO_WORDS,
        *,
        quick: bool = False,
    ) -> Transcript:
        """Write down what is said in ``pcm``, (n,) float32 mono at 16 kHz.

        ``language`` None lets the model choose between Chinese and English. ``vocabulary`` holds, a language each,
        names and terms that are likely to be said, those of a room's documents above all: written to no more than
        about 200 tokens, they make the difference between 使用器 and 试用期. Any sound is accepted: what is not
        speech gives an empty text. ``quick``: one guess, without a second thought, as it does while they still speak.
        """
        speech = speech_only(cleaned(pcm))
        if not len(speech):
            return Transcript("", language or self._languages[0], no_speech=True, confidence=0.0)
        if len(self._languages) == 1:
            language = self._languages[0]
        if language is None:
            language, _, _ = self._model.detect_language(features=self._model.feature_extractor(speech))
        segments, _ = self._model.transcribe(
            speech,
            language=language,
            beam_size=1 if quick else _BEAM,
            temperature=_TEMPERATURES[:1] if quick else _TEMPERATURES,
            condition_on_previous_text=False,  # or one bad segment spoils those after it
            without_timestamps=len(speech) < 28 * 16_000,
            initial_prompt=_ZH_PROMPT if language == "zh" else None,
            hotwords=vocabulary.get(language) or None,
        )
        kept = [s for s in segments if meant(s.text, s.avg_logprob, s.compression_ratio)]
        text = "".join(segment.text for segment in kept).strip()
        if text.rstrip("。") in _ZH_PROMPT or recites(text, vocabulary.get(language, "")):
            text = ""
        sureness = float(np.exp(np.mean([segment.avg_logprob for segment in kept]))) if kept else 0.0
        if language == "zh":
            text = simplified(text)
        return Transcript(text, language, no_speech=False, confidence=sureness)


class _OneEncodingModel(WhisperModel):  # type: ignore[misc]
    """Chooses between Chinese and English only, and encodes the sound once for that and for the transcription.

    Encoding is most of the work: upstream's detection, which throws its encoding away, doubles the time, and padding to
    30 s triples it.
    """

    _encoded: tuple[npt.NDArray[np.float32], ctranslate2.StorageView] | None = None

    def encode(self, features: npt.NDArray[np.float32]) -> ctranslate2.StorageView:
        features = _unpadded(features)
        if self._encoded is None or not np.array_equal(self._encoded[0], features):
            self._encoded = features, super().encode(features)
        return self._encoded[1]

    def detect_language(
        self, *, features: npt.NDArray[np.float32], **_: Any
    ) -> tuple[Language, float, list[tuple[str, float]]]:
        # The transcription leaves out the last frame; the same array lets ``encode`` see that it is the same sound.
        window = min(features.shape[-1] - 1, self.feature_extractor.nb_max_frames)
        (ranking,) = self.model.detect_language(self.encode(pad_or_trim(features[..., :window])))
        probability = {token.strip("<|>"): value for token, value in ranking}
        zh, en = probability["zh"] + probability.get("yue", 0.0), probability["en"]
        language: Language = "zh" if zh > en else "en"
        return language, max(zh, en), [("zh", zh), ("en", en)]


def _unpadded(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(80, n) log-mel frames without the zeros that fill up the model's window, but for a few."""
    heard = np.flatnonzero(features.any(axis=0))
    spoken = int(heard[-1]) + 1 if len(heard) else 0
    window = max(_LEAST_WINDOW, spoken + _SLACK)
    return np.ascontiguousarray(features[:, : window + window % 2])  # two frames make one position
