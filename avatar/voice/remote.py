"""A voice behind any server that speaks OpenAI's ``POST /v1/audio/speech``."""

import io
import os
import wave
from collections.abc import Iterator
from typing import Any, Final

import httpx
import numpy as np

from avatar.errors import VoiceError
from avatar.speech import Pcm, SpeechChunk
from avatar.voice.clauses import Clause
from avatar.voice.finish import finish
from avatar.voice.lexicon import respelled
from avatar.voice.trim import trimmed

_LIMITS: Final = (60, 160, 260)
_MOST_BYTES: Final = 32 << 20
"""Of one clause: more is no speech."""


class Remote:
    """Asks a server for each clause, as WAV. Its ``speed`` follows the delivery; energy is set here."""

    def __init__(
        self,
        base_url: str,
        model: str = "tts-1",
        voice: str = "alloy",
        api_key_env: str | None = None,
        languages: str = "zh en",
        timeout_s: float = 20,
        instructions: str | None = None,
    ) -> None:
        """``base_url``: up to and without ``/audio/speech``; ``api_key_env``: the environment variable with the key."""
        key = os.environ.get(api_key_env) if api_key_env else None
        if api_key_env and not key:
            raise VoiceError(f"api_key_env names {api_key_env}, which is not set; export it and start again")
        self.languages = frozenset(languages.split())
        self._body: dict[str, Any] = {"model": model, "voice": voice, "response_format": "wav"}
        if instructions:
            self._body["instructions"] = instructions
        self._url = f"{base_url.rstrip('/')}/audio/speech"
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(timeout=httpx.Timeout(timeout_s, connect=5), headers=headers)

    def limits(self, language: str) -> tuple[int, ...]:
        """See :class:`avatar.voice.VoiceEngine`."""
        return _LIMITS

    def speak(self, clause: Clause) -> Iterator[SpeechChunk]:
        """See :class:`avatar.voice.VoiceEngine`."""
        if clause.language not in self.languages:
            speaks = ", ".join(sorted(self.languages))
            raise VoiceError(f"this voice speaks {speaks}, not {clause.language!r}; give that language another voice")
        pcm, rate = _decoded(self._ask(clause), self._url)
        pcm = trimmed(pcm, rate)
        if len(pcm):
            yield finish(clause, pcm, rate)

    def stop(self) -> None:
        """See :class:`avatar.voice.VoiceEngine`. What is on its way is left to arrive."""

    def _ask(self, clause: Clause) -> bytes:
        body = {
            **self._body,
            "input": respelled(clause.text, dict(clause.lexicon)),
            "speed": round(clause.delivery.rate, 2),
        }
        try:
            with self._client.stream("POST", self._url, json=body) as response:
                data = b""
                for part in response.iter_bytes():
                    data += part
                    if len(data) > _MOST_BYTES:
                        raise VoiceError(f"{self._url} sends more than speech; is it a text-to-speech server?")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise VoiceError(f"{self._url} cannot be reached: {str(error) or type(error).__name__}") from error
        if response.is_error:
            said = data[:200].decode(errors="replace").strip()
            raise VoiceError(f"{self._url} answered {response.status_code}: {said or response.reason_phrase}")
        return data


def _decoded(data: bytes, url: str) -> tuple[Pcm, int]:
    """(n,) float32 mono and its rate, of a 16-bit WAV. Servers that stream leave its lengths open."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            if file.getsampwidth() != 2:
                raise VoiceError(f"{url} sends {8 * file.getsampwidth()}-bit WAV; 16-bit is understood")
            channels, rate = file.getnchannels(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise VoiceError(f"{url} did not send WAV ({error}); it must know response_format: wav") from error
    frames = frames[: len(frames) // (2 * channels) * 2 * channels]
    sound = np.frombuffer(frames, "<i2").reshape(-1, channels).mean(axis=1) / 32768
    return sound.astype(np.float32), rate
