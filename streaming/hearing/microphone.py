"""A viewer's microphone: its packets as they come, kept while the viewer talks, decoded when they have finished.

Nobody talks most of the time: what nobody listens to is not decoded.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import av
import numpy as np
import numpy.typing as npt
from aiortc import RTCRtpReceiver
from av import AudioFrame
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler

from streaming.rtp import ahead

RATE: Final = 16_000
LIMIT_S: Final = 60
CLOCK: Final = 48_000
"""Of Opus' RTP timestamps (RFC 7587, section 4.1)."""
_MOST: Final = LIMIT_S * 100
_MOST_BYTES: Final = LIMIT_S * 32_000
"""Packets in a minute, and their payload; Chromium sends fifty a second of 80 bytes each."""


@dataclass(frozen=True, slots=True)
class OpusPacket:
    """An RTP packet of Opus."""

    timestamp: int
    payload: bytes


class Ear:
    """Takes a receiver's packets in the place of aiortc's jitter buffer.

    That one would hand them to a decoder, 80 ms late, and 320 ms late for good once a packet was lost, so that the last
    syllable of a question came too late to be kept.
    """

    def __init__(self, heard: Callable[[OpusPacket], None]) -> None:
        self._heard = heard

    def add(self, packet: Any) -> tuple[bool, None]:
        """(whether a key frame is needed, a whole frame): never."""
        self._heard(OpusPacket(packet.timestamp, packet._data))
        return False, None


def listen(receiver: RTCRtpReceiver, heard: Callable[[OpusPacket], None]) -> None:
    """Have ``heard`` called with each packet that comes, instead of decoding it."""
    cast(Any, receiver)._RTCRtpReceiver__jitter_buffer = Ear(heard)


class Utterance:
    """One push-to-talk: packets in, in any order, 16 kHz mono out.

    Keeps the first minute; what comes later is dropped, for nobody's question is longer and a stuck button must not
    fill the memory.
    """

    def __init__(self) -> None:
        self._packets: dict[int, bytes] = {}
        """Payloads by their time, in samples since the first packet's."""
        self._first: int | None = None
        self._bytes = 0

    def add(self, packet: OpusPacket) -> None:
        if self._first is None:
            self._first = packet.timestamp
        at = ahead(packet.timestamp, of=self._first)
        full = len(self._packets) >= _MOST or self._bytes + len(packet.payload) > _MOST_BYTES
        if packet.payload and at not in self._packets and abs(at) < LIMIT_S * CLOCK and not full:
            self._packets[at] = packet.payload
            self._bytes += len(packet.payload)

    def pcm(self) -> npt.NDArray[np.float32]:
        """(n,) float32 mono in [-1, 1] at 16 kHz, n ≤ 60 s; silence where packets were lost. Blocks for up to 0.1 s."""
        return at_16k(_decoded(sorted(self._packets.items())))[: LIMIT_S * RATE]


def at_16k(frames: Iterable[AudioFrame]) -> npt.NDArray[np.float32]:
    """Frames of one rate and layout as (n,) float32 mono at 16 kHz."""
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    pieces = [piece for frame in frames for piece in resampler.resample(frame)]
    if pieces:
        pieces += resampler.resample(None)
    samples = [piece.to_ndarray().reshape(-1) for piece in pieces]
    return np.concatenate([np.zeros(0, np.int16), *samples]).astype(np.float32) / np.float32(32768)


def _decoded(packets: Iterable[tuple[int, bytes]]) -> Iterator[AudioFrame]:
    decoder = AudioCodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = CLOCK, "mono"
    reached: int | None = None
    for at, payload in packets:
        if reached is not None and at > reached:
            yield _silence(at - reached)
        try:
            frames = decoder.decode(av.Packet(payload))
        except av.FFmpegError:  # torn on the way, or no Opus: as good as lost
            continue
        for frame in frames:
            yield frame
            at += frame.samples
        reached = at


def _silence(samples: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.zeros((1, samples), np.int16), format="s16", layout="mono")
    frame.sample_rate = CLOCK
    return frame
