"""A viewer's microphone: its packets as they come, decoded while somebody listens.

Nobody talks most of the time: what nobody listens to is not decoded.
"""

from collections.abc import Callable, Iterator
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

Pcm = npt.NDArray[np.float32]

RATE: Final = 16_000
CLOCK: Final = 48_000
"""Of Opus' RTP timestamps (RFC 7587, section 4.1)."""
PATIENCE: Final = 3
"""A packet that is missing is taken for lost when so many later ones are there: 60 ms."""
_LONGEST_GAP: Final = 5 * CLOCK
"""What is further off than this belongs to another recording."""
_LONGEST_SILENCE: Final = CLOCK
"""Of a gap, that is filled: more would be work for nothing."""
_NOTHING: Final = np.zeros(0, np.float32)


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


class Microphone:
    """Opus packets in, about in order; 16 kHz mono out. What was lost is silence of its length."""

    def __init__(self) -> None:
        self._decoder = AudioCodecContext.create("libopus", "r")
        self._decoder.sample_rate, self._decoder.layout = CLOCK, "mono"
        self._resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        self._early: dict[int, bytes] = {}
        """Payloads by their time, in samples since the first packet's, that wait for one before them."""
        self._first: int | None = None
        self._next = 0
        """Where the sound decoded so far ends."""
        self.gap = False
        """What was heard last holds silence in the place of packets that were lost."""

    def hear(self, packet: OpusPacket) -> Pcm:
        """(n,) float32 in [-1, 1]: what can be heard now that this has come; takes about 0.1 ms."""
        self.gap = False
        if self._first is None:
            self._first = packet.timestamp
        at = ahead(packet.timestamp, of=self._first)
        if abs(at - self._next) > _LONGEST_GAP:
            self._first, self._next, at = packet.timestamp, 0, 0
            self._early.clear()
        if at >= self._next and packet.payload:
            self._early[at] = packet.payload
        return self._resampled(self._ready(PATIENCE))

    def rest(self) -> Pcm:
        """What was still waited for; nothing can be heard after it."""
        frames = [*self._ready(1), None]
        return self._resampled(frames)

    def _ready(self, patience: int) -> Iterator[AudioFrame]:
        while self._early:
            at = min(self._early)
            if at > self._next and len(self._early) < patience:
                return
            payload = self._early.pop(at)
            if at < self._next:  # lies within what an odd packet before it held
                continue
            try:
                frames = self._decoder.decode(av.Packet(payload))
            except av.FFmpegError:  # torn on the way, or no Opus: as good as lost
                continue
            if at > self._next:
                self.gap = True
                yield _silence(min(at - self._next, _LONGEST_SILENCE))
            yield from frames
            self._next = at + sum(frame.samples for frame in frames)

    def _resampled(self, frames: Any) -> Pcm:
        pieces = [piece.to_ndarray().reshape(-1) for frame in frames for piece in self._resampler.resample(frame)]
        if not pieces:
            return _NOTHING
        return np.concatenate(pieces).astype(np.float32) / np.float32(32768)


def _silence(samples: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.zeros((1, samples), np.int16), format="s16", layout="mono")
    frame.sample_rate = CLOCK
    return frame
