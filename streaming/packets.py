"""Encoded packets: all that leaves a stage, and all that an output ever sees."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["video", "audio"]
Encoding = Literal["h264", "h264-light", "vp8-light", "opus", "aac"]
"""What a room is encoded in. H.264 and Opus are always there; the lighter rendition (half as wide and high, every
second picture) only while somebody needs it, AAC where the room is pushed or recorded."""

LIGHT: Final[frozenset[Encoding]] = frozenset({"h264-light", "vp8-light"})
_SOUND: Final = frozenset({"opus", "aac"})


@dataclass(frozen=True, slots=True)
class Packet:
    encoding: Encoding
    pts: int
    """First sample it belongs to, at 48 kHz (video: 1000 x tick). Audio starts below 0 by the codec's pre-skip."""
    key: bool
    """Decodable without anything before it. Always true of audio."""
    data: bytes
    """An H.264 Annex B access unit with parameter sets before each key frame, a VP8 frame, an Opus packet of 20 ms, or
    a raw AAC-LC frame of 1024 samples (ISO 14496-3, without ADTS)."""

    @property
    def kind(self) -> Kind:
        return kind_of(self.encoding)


def kind_of(encoding: Encoding) -> Kind:
    return "audio" if encoding in _SOUND else "video"
