"""Speech to text behind any server that speaks OpenAI's ``POST /v1/audio/transcriptions``."""

import io
import json
import os
import re
import wave
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import httpx
import numpy as np
import numpy.typing as npt

from streaming.errors import ModelError
from streaming.hearing.guard import cleaned, load, meant, recites, simplified
from streaming.hearing.transcript import NO_WORDS, Language, Transcript
from streaming.hearing.vad import speech_only

_MOST_BYTES: Final = 1 << 20
"""Of an answer: a minute of speech with all that is told about its segments takes a few KiB."""
_LANGUAGES: Final[Mapping[str, Language]] = {"zh": "zh", "chinese": "zh", "en": "en", "english": "en"}
_HAN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


class Remote:
    """Asks a server for each question. What is no speech is kept from it, and what it heard in noise from the room."""

    def __init__(
        self, base_url: str, model: str = "whisper-1", api_key_env: str | None = None, timeout_s: float = 20
    ) -> None:
        """``base_url``: up to and without ``/audio/transcriptions``; ``api_key_env``: the environment variable with the
        key; ``timeout_s``: seconds for which the server may be silent.

        Raises :class:`ModelError` when that variable holds no key.
        """
        self._key = os.environ.get(api_key_env, "").strip() if api_key_env else ""
        # A key that no header can carry would be quoted by the error about it.
        if api_key_env and not (self._key and self._key.isascii() and self._key.isprintable()):
            raise ModelError(f"api_key_env names {api_key_env}, which is not set to a key; export it and start again")
        self._url = f"{base_url.rstrip('/')}/audio/transcriptions"
        self._fields = {"model": model, "response_format": "verbose_json", "temperature": "0"}
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._client = httpx.Client(timeout=httpx.Timeout(timeout_s, connect=5), headers=headers)
        load()

    def transcribe(
        self,
        pcm: npt.NDArray[np.float32],
        language: Language | None = None,
        vocabulary: Mapping[Language, str] = NO_WORDS,
        *,
        quick: bool = False,
    ) -> Transcript:
        """Write down what is said in ``pcm``, (n,) float32 mono at 16 kHz; see :meth:`Whisper.transcribe`.

        ``language`` None leaves the choice to the server, with the vocabulary of all languages. ``quick``, for results
        on the way, makes no difference: how hard a server tries cannot be asked for. The confidence is 1 when the
        server tells none. Raises :class:`ModelError`, retryable when the same may succeed a little later.
        """
        speech = speech_only(cleaned(pcm))
        if not len(speech):
            return Transcript("", language or "zh", no_speech=True, confidence=0.0)
        fields: dict[str, str] = {"language": language} if language else {}
        prompt = ", ".join(filter(None, [vocabulary.get(language, "")] if language else vocabulary.values()))
        if prompt:
            fields["prompt"] = prompt
        understood = _understood(self._ask(_wav(speech), fields), language)
        if recites(understood.text, prompt):
            return replace(understood, text="", confidence=0.0)
        return understood

    def _ask(self, wav: bytes, fields: Mapping[str, str]) -> dict[str, Any]:
        """The server's answer: JSON that has a text."""
        status, data = self._post(wav, fields)
        # OpenAI's gpt-4o-transcribe and vLLM's Voxtral tell the text alone.
        if status in (400, 422) and b"verbose_json" in data and self._fields["response_format"] == "verbose_json":
            self._fields["response_format"] = "json"
            status, data = self._post(wav, fields)
        if not 200 <= status < 300:
            passing = status >= 500 or status in (408, 429)
            advice = "try again, or check its log" if passing else "check base_url, model and api_key_env"
            raise _failure(f"{self._url} answered {status} ({self._words(data)}): {advice}", retryable=passing)
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
            raise _failure(
                f"{self._url} answered, but not with JSON that has a text ({self._words(data)}): check that base_url "
                "names a speech-to-text server"
            )
        return answer

    def _post(self, wav: bytes, fields: Mapping[str, str]) -> tuple[int, bytes]:
        """(status, body) of one request."""
        data = bytearray()
        file = {"file": ("speech.wav", wav, "audio/wav")}
        try:
            with self._client.stream("POST", self._url, data={**self._fields, **fields}, files=file) as response:
                for part in response.iter_bytes():
                    data += part
                    if len(data) > _MOST_BYTES:
                        raise _failure(f"{self._url} sends more than a transcript; is it a speech-to-text server?")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failure(
                f"{self._url} gave no answer ({str(error) or type(error).__name__}): check that the server runs and "
                "that base_url names it",
                retryable=not isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol),
            ) from error
        return response.status_code, bytes(data)

    def _words(self, data: bytes) -> str:
        """What a server said: 200 characters at most on one line, without the key that some repeat."""
        words = " ".join(data.decode(errors="replace").split())
        words = words.replace(self._key, "…") if self._key else words
        return words if len(words) <= 200 else f"{words[:199]}…"


def _understood(answer: dict[str, Any], language: Language | None) -> Transcript:
    """``answer`` has a text and, from servers that tell, the language and segments with how sure the model was."""
    text: str = answer["text"]
    told = _LANGUAGES.get(str(answer.get("language")).lower())
    language = told or ("zh" if _HAN.search(text) else language or "en")
    parts = answer.get("segments")
    parts = parts if isinstance(parts, list) else []
    segments = [p for p in parts if isinstance(p, dict) and isinstance(p.get("text"), str)] or [answer]
    kept = [s for s in segments if meant(s["text"], _number(s, "avg_logprob"), _number(s, "compression_ratio"))]
    if len(kept) < len(segments):  # else as the server joined them: some strip the spaces between
        text = ("" if language == "zh" else " ").join(s["text"].strip() for s in kept)
    text = text.strip()
    if language == "zh":
        text = simplified(text)
    sureness = [min(0.0, _number(s, "avg_logprob")) for s in kept]
    return Transcript(text, language, no_speech=False, confidence=float(np.exp(np.mean(sureness))) if text else 0.0)


def _number(segment: Mapping[str, Any], name: str) -> float:
    """What a server does not tell is 0: a log probability and a repetition that are above suspicion."""
    value = segment.get(name)
    return value if isinstance(value, int | float) else 0.0


def _wav(pcm: npt.NDArray[np.float32]) -> bytes:
    """16-bit WAV of (n,) mono at 16 kHz within [-1, 1]."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((pcm * 32767).round().astype("<i2").tobytes())
    return out.getvalue()


def _failure(message: str, *, retryable: bool = False) -> ModelError:
    error = ModelError(message)
    error.retryable = retryable
    return error
