"""What lies between a speaker and the recognizer: a hall full of people, a network that loses packets."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt
from av import AudioFrame
from av.audio.codeccontext import AudioCodecContext

from avatar.clock import SAMPLE_RATE
from streaming.hearing.microphone import RATE, Microphone, OpusPacket

Pcm = npt.NDArray[np.float32]

_TALKERS: Final = 6
_FRAME: Final = SAMPLE_RATE // 50
_BIT_RATE: Final = 32_000
"""What Chromium sends of a microphone."""
_RINGS_S: Final = 0.25
"""A room, and"""
_LATE_S: Final = 0.3
"""by how much the host's voice is late in it."""


def murmur(clips: Sequence[Pcm], seconds: float, rng: np.random.Generator) -> Pcm:
    """(n,) float32: six people at once, none near enough to be understood, over the rumble of a large room."""
    n = int(seconds * SAMPLE_RATE)
    rumble = np.cumsum(rng.normal(0, 1, n + SAMPLE_RATE))
    rumble = rumble[SAMPLE_RATE:] - rumble[:-SAMPLE_RATE]  # brown noise without what is slower than a second
    talking = np.zeros(n)
    for _ in range(_TALKERS):
        order = rng.permutation(len(clips))
        talking += np.roll(np.resize(np.concatenate([clips[k] for k in order]), n), rng.integers(n))
    noise: Pcm = (talking / talking.std() + 0.5 * rumble / rumble.std()).astype(np.float32)
    return noise


def in_a_hall(pcm: Pcm, noise: Pcm, decibels: float, rng: np.random.Generator) -> Pcm:
    """Speech (n,) with ``noise`` so many decibels below it, measured where somebody speaks."""
    start = int(rng.integers(len(noise) - len(pcm)))
    around = noise[start : start + len(pcm)]
    blocks = pcm[: len(pcm) // 480 * 480].reshape(-1, 480)
    power = (blocks**2).mean(1)
    speech = power[power > power.max() / 1000].mean()
    level = np.sqrt(speech / (around**2).mean() / 10 ** (decibels / 10))
    mixed: Pcm = np.clip(pcm + level * around, -1, 1).astype(np.float32)
    return mixed


def over_opus(pcm: Pcm, loss: float, rng: np.random.Generator) -> Iterator[OpusPacket]:
    """48 kHz mono speech in packets of 20 ms, of which a share is lost on the way."""
    encoder = AudioCodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = SAMPLE_RATE, "mono", "s16", _BIT_RATE
    encoder.time_base = Fraction(1, SAMPLE_RATE)
    encoder.options = {"application": "voip"}
    whole = np.pad(pcm, (0, -len(pcm) % _FRAME))
    for k, piece in enumerate(whole.reshape(-1, _FRAME)):
        frame = AudioFrame.from_ndarray((piece[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, k * _FRAME, Fraction(1, SAMPLE_RATE)
        for packet in encoder.encode(frame):
            if rng.random() >= loss:
                yield OpusPacket(k * _FRAME, bytes(packet))


def under(condition: str, pcm: Pcm, noise: Pcm, rng: np.random.Generator) -> Pcm:
    """(n,) float32 at 16 kHz: what a microphone makes of speech (m,) at 48 kHz.

    ``condition``: "clean", so many "dB" above ``noise``, or so many "% lost" of its packets.
    """
    number = 0.0 if condition == "clean" else float(condition.split()[0])
    sound = in_a_hall(pcm, noise, number, rng) if condition.endswith("dB") else pcm
    return heard(over_opus(sound, number / 100 if condition.endswith("lost") else 0.0, rng))


def echoed(host: Pcm, rng: np.random.Generator) -> Pcm:
    """The host's voice (n,) at 16 kHz as a room with a loudspeaker and a microphone in it returns it."""
    n = int(_RINGS_S * RATE)
    ringing = rng.normal(0, 0.12, n) * np.exp(-4 * np.arange(n) / n)
    ringing[0] = 1
    size = 1 << (len(host) + n).bit_length()
    wet = np.fft.irfft(np.fft.rfft(host, size) * np.fft.rfft(ringing, size), size)[: len(host)]
    late: Pcm = np.concatenate([np.zeros(int(_LATE_S * RATE)), wet])[: len(host)].astype(np.float32)
    return late


def heard(packets: Iterable[OpusPacket]) -> Pcm:
    """(n,) float32 at 16 kHz: what comes out of a microphone."""
    microphone = Microphone()
    return np.concatenate([*(microphone.hear(packet) for packet in packets), microphone.rest()])
