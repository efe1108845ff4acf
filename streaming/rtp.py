"""RTP for one viewer of a room (RFC 3550): shared payloads in, packets out, and again when they were lost. Sans-I/O.

Payloads are cut once for all viewers; a viewer's own are the headers: where their timestamps and numbers begin, their
SSRC, the header extensions that they agreed to.
"""

import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from streaming.encoders import LIGHT_EVERY
from streaming.packets import Encoding, Kind, Packet, kind_of

HISTORY: Final = 1024
"""Packets kept for retransmission, a power of two: more than 2 s of 3 Mbit/s."""
AGAIN: Final = 0.5
"""Packets sent again for each that is sent: more would only fill a network that is full already."""
AGAIN_AT_ONCE: Final = 128
"""What may be sent again after a short outage."""
_HEADER: Final = struct.Struct("!BBHII")
_VERSION, _EXTENDED, _MARKER = 0x80, 0x10, 0x80
_SEND_TIME_AT: Final = 18
"""Bits below those of an NTP timestamp that abs-send-time keeps: it is 6.18 fixed point, seconds."""
_NTP_EPOCH: Final = 2_208_988_800
"""Seconds from 1900 to 1970."""


@dataclass(frozen=True, slots=True)
class Payloads:
    """A packet as all viewers are sent it."""

    encoding: Encoding
    pts: int
    """As :attr:`streaming.packets.Packet.pts`."""
    key: bool
    parts: tuple[bytes, ...]

    @property
    def kind(self) -> Kind:
        return kind_of(self.encoding)


def cut(packet: Packet) -> Payloads:
    """Split H.264 as RFC 6184 has it (STAP-A and FU-A), VP8 as RFC 7741, an Opus packet not at all (RFC 7587)."""
    match packet.encoding:
        case "h264" | "h264-light":
            parts = H264Encoder._packetize(H264Encoder._split_bitstream(packet.data))
        case "vp8-light":
            picture_id = packet.pts // SAMPLES_PER_TICK // LIGHT_EVERY & 0x7FFF
            parts = Vp8Encoder._packetize(packet.data, picture_id)
        case _:
            parts = [packet.data]
    return Payloads(packet.encoding, packet.pts, packet.key, tuple(parts))


@dataclass(frozen=True, slots=True)
class Extensions:
    """Header extensions in the one-byte form (RFC 8285), the same in every packet but for the time it is sent."""

    template: bytes
    send_time: int | None
    """Where in the template abs-send-time stands."""

    @classmethod
    def of(cls, profile: int, value: bytes, probe: bytes) -> "Extensions":
        """As aiortc lays them out, with ``probe`` (3 bytes) for the time."""
        if not value:
            return cls(b"", None)
        at = value.find(probe)
        return cls(struct.pack("!HH", profile, len(value) // 4) + value, at + 4 if at >= 0 else None)

    def at(self, now: float) -> bytes:
        if self.send_time is None:
            return self.template
        sent = int((now % 64) * (1 << _SEND_TIME_AT)).to_bytes(3, "big")
        return self.template[: self.send_time] + sent + self.template[self.send_time + 3 :]


@dataclass(slots=True)
class _Sent:
    sequence: int
    timestamp: int
    marker: int
    payload: bytes
    again_at: float = float("-inf")


class RtpStream:
    """One direction of one kind for one viewer."""

    def __init__(
        self, *, ssrc: int, payload_type: int, rate: int, rtx: tuple[int, int] | None, extensions: Extensions,
        origin: int | None = None, sequence: int | None = None,
    ) -> None:  # fmt: skip
        """``rate``: RTP ticks a second; ``rtx``: payload type and SSRC of retransmissions (RFC 4588), None without.

        ``origin`` is the timestamp of sample 0, ``sequence`` the number of the first packet; random unless given.
        """
        self.origin = random_origin(rate) if origin is None else origin
        # In the lower half, so that a receiver that misses the first packets sees no wrap (RFC 3711, section 3.3.1).
        self._sequence = secrets.randbits(15) if sequence is None else sequence
        self._ssrc, self._type, self._rate = ssrc, payload_type, rate
        self._rtx, self._rtx_sequence = rtx, secrets.randbits(15)
        self._extensions = extensions
        self._flags = _VERSION | (_EXTENDED if extensions.template else 0)
        self._history: list[_Sent | None] = [None] * HISTORY
        self._encoding: Encoding | None = None
        self._again_left = float(AGAIN_AT_ONCE)
        self.packets = 0
        self.octets = 0
        """Of payload, as sender reports count them."""
        self.again_count = 0

    def timestamp(self, pts: int) -> int:
        return (self.origin + pts * self._rate // SAMPLE_RATE) & 0xFFFFFFFF

    def send(self, payloads: Payloads, now: float) -> Iterator[bytes]:
        """The packets of one picture or sound; ``now`` is the wall clock, seconds.

        Each is made when it is asked for, so a sender that waits between them may pass a ``now`` for all that is a
        little old.
        """
        if payloads.encoding != self._encoding:
            self._encoding = payloads.encoding
            self._history[:] = [None] * HISTORY  # of the rendition before nothing is needed any more
        extensions = self._extensions.at(now)
        timestamp = self.timestamp(payloads.pts)
        last = len(payloads.parts) - 1 if payloads.kind == "video" else -1  # sound has no marker
        for k, payload in enumerate(payloads.parts):
            marker = _MARKER if k == last else 0
            sequence, self._sequence = self._sequence, (self._sequence + 1) & 0xFFFF
            self._history[sequence & (HISTORY - 1)] = _Sent(sequence, timestamp, marker, payload)
            self._again_left = min(self._again_left + AGAIN, AGAIN_AT_ONCE)
            self.packets += 1
            self.octets += len(payload)
            head = _HEADER.pack(self._flags, marker | self._type, sequence, timestamp, self._ssrc)
            yield head + extensions + payload

    def again(self, sequence: int, now: float, round_trip: float = 0.0) -> bytes | None:
        """A packet that was lost, as a retransmission.

        None when it was sent too long ago, or again less than ``round_trip`` seconds ago: receivers ask for what they
        miss until they have it, and the answer to their first question may be on its way. None as well when too much
        has been sent again lately.
        """
        sent = self._history[sequence & (HISTORY - 1)]
        if sent is None or sent.sequence != sequence or 0 <= now - sent.again_at < round_trip or self._again_left < 1:
            return None
        sent.again_at = now
        self._again_left -= 1
        self.again_count += 1
        extensions = self._extensions.at(now)
        if self._rtx is None:
            head = _HEADER.pack(self._flags, sent.marker | self._type, sequence, sent.timestamp, self._ssrc)
            return head + extensions + sent.payload
        payload_type, ssrc = self._rtx
        number, self._rtx_sequence = self._rtx_sequence, (self._rtx_sequence + 1) & 0xFFFF
        head = _HEADER.pack(self._flags, sent.marker | payload_type, number, sent.timestamp, ssrc)
        return head + extensions + sequence.to_bytes(2, "big") + sent.payload


def ahead(timestamp: int, of: int) -> int:
    """By how much an RTP timestamp is ahead of another, over the wrap; negative when it is behind."""
    return (timestamp - of + (1 << 31)) % (1 << 32) - (1 << 31)


def random_origin(rate: int) -> int:
    """Of timestamps of any rate."""
    return secrets.randbits(32)


def ntp(seconds: float) -> int:
    """A wall clock's seconds since 1970 as an NTP timestamp: 32.32 fixed point since 1900."""
    return int((seconds + _NTP_EPOCH) * (1 << 32))


class Epoch:
    """When sample 0 was due by the wall clock, so that sound and picture of one instant are reported as one.

    Packets leave a little late and unevenly; the earliest says most. A jump of the stage's clock is followed.
    """

    JUMP: Final = 0.5
    """Seconds of lateness after which the stage's clock, not the network's, has moved."""
    FORGET: Final = 1e-5
    """Seconds a second by which the two clocks may drift apart."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._seen = 0.0

    def see(self, pts: int, now: float) -> None:
        """A packet of this pts is there."""
        at = now - pts / SAMPLE_RATE
        if self._at is None or abs(at - self._at) > self.JUMP:
            self._at = at
        else:
            self._at = min(at, self._at + self.FORGET * (now - self._seen))
        self._seen = now

    def of(self, pts: int) -> float:
        """The wall clock's seconds at which this sample was due."""
        return (self._at or 0.0) + pts / SAMPLE_RATE
