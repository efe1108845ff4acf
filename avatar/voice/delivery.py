"""How a feeling sounds, as far as any engine can: its pace, its pitch and its strength."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Delivery:
    rate: float = 1.0
    """Factor on the speed of speaking."""
    pitch: float = 0.0
    """Semitones above the voice's own."""
    energy: float = 0.0
    """Decibels above the house's loudness."""

    @property
    def pitch_factor(self) -> float:
        """Of frequencies."""
        return float(2.0 ** (self.pitch / 12.0))

    def weaker(self, share: float) -> "Delivery":
        return Delivery(1.0 + share * (self.rate - 1.0), share * self.pitch, share * self.energy)


PLAIN: Final = Delivery()

# The directions are those found for acted speech by Scherer, "Vocal communication of emotion: A review of research
# paradigms" (2003), table 2; the sizes are a fraction of an actor's, for one who talks to viewers all day.
DELIVERIES: Final[dict[str, Delivery]] = {
    "warm": Delivery(0.98, 0.3),
    "delighted": Delivery(1.04, 1.0, 1.0),
    "serious": Delivery(0.95, -0.6),
    "sorry": Delivery(0.92, -0.6, -1.2),
    "curious": Delivery(1.0, 0.6),
    "surprised": Delivery(1.05, 1.2, 1.0),
    "doubtful": Delivery(0.95, -0.2),
}
"""By the names of :data:`avatar.emotions.EMOTIONS`; any other feeling is said plainly."""

EMPHASIS: Final = 2.5
"""Decibels by which an emphasized word stands out."""
