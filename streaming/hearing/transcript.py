"""What the recognizer understood. Apart from it, so that the gateway can take one without loading a recognizer."""

from dataclasses import dataclass
from typing import Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Transcript:
    text: str
    """Simplified script when Chinese; empty when nothing was understood."""
    language: Language
    no_speech: bool
    """Nobody spoke: not even tried."""
    confidence: float
    """Geometric mean probability of a token, 0 to 1."""
