"""Coqui TTS: XTTS-v2, which clones a voice from a short recording, and the other models of the ``coqui-tts`` package.

Nobody's voice is cloned without their consent: beside the recording must lie a record of it. And a model whose licence
asks to be accepted is not loaded before it was.
"""

import datetime
import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from avatar.errors import VoiceError
from avatar.speech import SpeechChunk
from avatar.voice.chinese_reading import read
from avatar.voice.clauses import Clause
from avatar.voice.english_reading import spell_out
from avatar.voice.finish import finish
from avatar.voice.lexicon import respelled
from avatar.voice.trim import trimmed

CONSENT_SUFFIX: Final = ".consent.yaml"
_LIMITS: Final = (60, 120, 200)
_RESTRICTED: Final = re.compile(r"xtts|bark|your_tts", re.IGNORECASE)
"""Models whose weights come under a licence that must be accepted: Coqui's own (CPML) and non-commercial ones."""


def _not_ahead(day: datetime.date) -> datetime.date:
    if day > datetime.date.today():
        raise ValueError("consent cannot be given in the future")
    return day


Said = Annotated[str, Field(min_length=2, max_length=1000)]


class Consent(BaseModel):
    """The record beside a reference recording: ``anna.wav`` has ``anna.consent.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    who: Said
    """Whose voice it is."""
    when: Annotated[datetime.date, AfterValidator(_not_ahead)]
    """The day on which they agreed."""
    purpose: Said
    """What they agreed to."""
    until: datetime.date | None = None
    """The last day on which it may be used."""


def consent(recording: Path) -> Consent:
    """The consent to clone a recording's voice. Raises :class:`VoiceError` without a valid one."""
    path = recording.with_suffix(CONSENT_SUFFIX)
    need = f"{path} must say who is heard, when they agreed and to what purpose (keys who, when, purpose)"
    if not recording.is_file():
        raise VoiceError(f"there is no reference recording {recording}")
    if not path.is_file():
        raise VoiceError(f"{recording.name} is a person's voice, and there is no record of their consent: {need}")
    try:
        given = Consent.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise VoiceError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors())
        raise VoiceError(f"the record of consent is not complete ({wrong}): {need}") from None
    if given.until is not None and given.until < datetime.date.today():
        raise VoiceError(f"{given.who}'s consent ended on {given.until} ({path}); ask for it anew or use another voice")
    return given


class Coqui:
    """One model of ``coqui-tts``, 24 kHz or what the model has."""

    def __init__(
        self,
        model: str,
        reference: str | None = None,
        speaker: str | None = None,
        languages: str = "zh en",
        licence_accepted: bool = False,
        config: str | None = None,
        gpu: bool = False,
    ) -> None:
        """``model``: a file or folder of weights, or a name that coqui-tts knows and fetches by itself
        ("tts_models/multilingual/multi-dataset/xtts_v2"); ``reference``: the recording whose voice is cloned, which
        needs a :class:`Consent`; ``speaker``: one of the model's own voices; ``languages``: what it speaks, BCP 47
        primary tags with spaces between.
        """
        if find_spec("TTS") is None:
            raise VoiceError(
                "coqui-tts is not installed; get it with: pip install 'everhost[neural]', and the torchaudio that goes "
                "with your torch"
            )
        if _RESTRICTED.search(model) and not licence_accepted:
            raise VoiceError(
                f"the weights of {model} may be used under their own licence only, XTTS-v2's not commercially (Coqui "
                "Public Model License, https://coqui.ai/cpml); read it and set options.licence_accepted: true"
            )
        self.consent = consent(Path(reference).expanduser()) if reference else None
        self.languages = frozenset(languages.split())
        self._voice = {"speaker_wav": reference} if reference else {"speaker": speaker} if speaker else {}
        self._tts = _load(model, config, gpu)
        self._rate = int(self._tts.synthesizer.output_sample_rate)

    def limits(self, language: str) -> tuple[int, ...]:
        """See :class:`avatar.voice.VoiceEngine`."""
        return _LIMITS

    def speak(self, clause: Clause) -> Iterator[SpeechChunk]:
        """See :class:`avatar.voice.VoiceEngine`. Rate and energy are followed; the lexicon as far as it is words."""
        if clause.language not in self.languages:
            speaks = ", ".join(sorted(self.languages))
            raise VoiceError(f"this voice speaks {speaks}, not {clause.language!r}; give that language another voice")
        options: dict[str, Any] = dict(self._voice)
        if self._tts.is_multi_lingual:
            options["language"] = {"zh": "zh-cn"}.get(clause.language, clause.language)
        try:
            sound: Sequence[float] = self._tts.tts(
                text=_said(clause), split_sentences=False, speed=clause.delivery.rate, **options
            )
        except Exception as error:  # the package raises whatever its models do
            raise VoiceError(f"coqui-tts could not say “{clause.text[:60]}”: {error}") from error
        pcm = trimmed(np.asarray(sound, np.float32).reshape(-1), self._rate)
        if len(pcm):
            yield finish(clause, pcm, self._rate)

    def stop(self) -> None:
        """See :class:`avatar.voice.VoiceEngine`. torch cannot be stopped on its way: the clause is finished first."""


def _said(clause: Clause) -> str:
    """What its models would not know how to read, in words."""
    text = respelled(clause.text, dict(clause.lexicon))
    if clause.language == "zh":
        return "".join(r.spoken for r in read(text))
    return spell_out(text) if clause.language == "en" else text  # its models' own cleaners read plain numbers


def _load(model: str, config: str | None, gpu: bool) -> Any:
    from TTS.api import TTS

    path = Path(model).expanduser()
    try:
        if path.exists():
            found = Path(config).expanduser() if config else (path if path.is_dir() else path.parent) / "config.json"
            return TTS(model_path=str(path), config_path=str(found), progress_bar=False, gpu=gpu)
        return TTS(model_name=model, progress_bar=False, gpu=gpu)
    except Exception as error:  # of its own, of torch, of the network
        raise VoiceError(f"coqui-tts cannot load {model}: {error}") from error
