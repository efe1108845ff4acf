"""Voices: text to :data:`avatar.speech.Speech`.

The way of a text: :mod:`~avatar.voice.marks` takes out how it is to be said, :mod:`~avatar.voice.clauses` cuts it as
it arrives, an engine speaks one clause after another, :mod:`~avatar.voice.finish` makes them even.

An engine is synchronous and single-threaded, made to live in a worker process of its own.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol

from avatar.speech import SpeechChunk
from avatar.voice.clauses import Clause, Cutter
from avatar.voice.finish import silence


class VoiceEngine(Protocol):
    """A speech synthesizer. Constructing one loads its model; failing to is an :class:`avatar.errors.VoiceError`."""

    languages: frozenset[str]
    """BCP 47 primary tags this engine speaks: "zh", "en"."""

    def limits(self, language: str) -> tuple[int, ...]:
        """Characters in the first and in later clauses that suit its speed; the last holds for all that follow."""
        ...

    def speak(self, clause: Clause) -> Iterator[SpeechChunk]:
        """Speak one clause, of at most ``limits(…)[-1]`` characters: as one chunk, as several (pieces of it, of which
        all but the last tell the ``rest``), as none if nothing in it is said.

        Delivery and marks are followed as far as the engine can. Raises :class:`avatar.errors.VoiceError`.
        """
        ...

    def stop(self) -> None:
        """Called from another thread: end what is being spoken, with any exception, as soon as can be."""
        ...


def read_aloud(
    engine: VoiceEngine, text: str, language: str, lexicon: Mapping[str, str] | None = None
) -> Iterator[SpeechChunk]:
    """A whole text through one engine."""
    cutter = Cutter(language, engine.limits(language), lexicon)
    for clause in cutter.whole(text):
        chunks = engine.speak(clause) if clause.text else iter([silence(clause)])
        yield from chunks
