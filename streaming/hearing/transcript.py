"""What the recognizer understood. Apart from it, so that the gateway can take one without loading a recognizer."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Language = Literal["zh", "en"]
NO_WORDS: Final[Mapping[Language, str]] = MappingProxyType({})
"""A vocabulary that expects nothing in particular."""


@dataclass(frozen=True, slots=True)
class Transcript:
    text: str
    """Simplified script when Chinese; empty when nothing was understood."""
    language: Language
    no_speech: bool
    """Nobody spoke: not even tried."""
    confidence: float
    """Geometric mean probability of a token, 0 to 1."""
