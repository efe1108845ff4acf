"""Voices: text to :data:`avatar.speech.Speech`.

An engine is synchronous and single-threaded, made to live in a worker process of its own; a voice is what the
rest of the house talks to.
"""

from collections.abc import Iterator
from typing import Protocol

from avatar.speech import Speech, SpeechChunk


class VoiceEngine(Protocol):
    """A speech synthesizer. Constructing one loads its model; failing to is an :class:`avatar.errors.VoiceError`."""

    languages: frozenset[str]
    """BCP 47 primary tags this engine speaks: "zh", "en"."""

    def synthesize(self, text: str, *, language: str) -> Iterator[SpeechChunk]:
        """Speak ``text`` clause by clause. Closing the iterator stops before the next clause."""
        ...


class Voice(Protocol):
    def speak(self, text: str, *, language: str) -> Speech: ...
