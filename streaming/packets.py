"""Encoded packets: all that leaves a stage, and all that an output ever sees."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Packet:
    kind: Literal["video", "audio"]
    pts: int
    """First sample it belongs to, at 48 kHz (video: 1000 x tick). Audio starts below 0 by the codec's pre-skip."""
    key: bool
    """Decodable without anything before it. Always true of audio."""
    data: bytes
    """H.264 Annex B access unit with parameter sets before each key frame, or one Opus packet of 20 ms."""
