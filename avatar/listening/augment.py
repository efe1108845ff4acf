"""Speech as it is heard in the world: other pitches and paces, rooms, noise, cheap microphones."""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from avatar.face import Floats
from avatar.listening.corpus import Clip
from avatar.speech import Pcm

_GAP_S: Final = (0.1, 1.0)


def at_house_rate(clip: Clip, factor: float = 1.0) -> Clip:
    """``clip`` at 48 kHz, played ``factor`` times as fast, its mouth with it."""
    ratio = SAMPLE_RATE / (clip.rate * factor)
    n = round(len(clip.pcm) * ratio)
    pcm = _resampled(clip.pcm, n)
    ticks = -(-n // SAMPLES_PER_TICK)
    at = (np.arange(ticks) + 0.5) * factor - 0.5
    mouth = np.stack([np.interp(at, np.arange(len(clip.mouth)), channel) for channel in clip.mouth.T], axis=1)
    phones = clip.phones[np.round(at).astype(int).clip(0, len(clip.phones) - 1)]
    return Clip(pcm, SAMPLE_RATE, mouth.astype(np.float32), phones)


def varied(clip: Clip, others: Pcm, rng: np.random.Generator) -> Clip:
    """A clip at 48 kHz as it might have been heard; ``others``: speech to murmur behind it."""
    clip = at_house_rate(clip, float(np.exp(rng.normal(0.0, 0.11))))
    sound = clip.pcm
    if rng.random() < 0.4:
        sound = _in_a_room(sound, rng)
    if rng.random() < 0.25:
        sound = _narrowed(sound, float(rng.uniform(3000, 7000)))
    if rng.random() < 0.75:
        sound = sound + _noise(sound, others, rng)
    sound = sound * np.float32(10 ** (rng.normal(0.0, 4.0) / 20))
    return replace(clip, pcm=np.clip(sound, -1.0, 1.0).astype(np.float32))


def stream(clips: list[Clip], rng: np.random.Generator) -> tuple[Pcm, Floats, npt.NDArray[np.uint8]]:
    """Clips at 48 kHz one after another with silences between: sound (1000 n,), mouth (n, MOUTH) and phones (n,)."""
    sounds: list[Pcm] = []
    mouths: list[Floats] = []
    phones: list[npt.NDArray[np.uint8]] = []
    for clip in clips:
        gap = round(rng.uniform(*_GAP_S) * SAMPLE_RATE / SAMPLES_PER_TICK)
        ticks = len(clip.mouth) + gap
        sound = np.zeros(ticks * SAMPLES_PER_TICK, np.float32)
        sound[: len(clip.pcm)] = clip.pcm
        if rng.random() < 0.5:  # silence is seldom nothing
            sound += rng.normal(0.0, 10 ** rng.uniform(-5, -2.7), len(sound)).astype(np.float32)
        sounds.append(sound)
        mouths.append(np.pad(clip.mouth, ((0, gap), (0, 0))))
        phones.append(np.pad(clip.phones, (0, gap)))
    return np.concatenate(sounds), np.concatenate(mouths), np.concatenate(phones)


def _resampled(pcm: Pcm, n: int) -> Pcm:
    """(n,) by Fourier's method: the spectrum cut or padded."""
    spectrum = np.fft.rfft(pcm)
    out: Pcm = (np.fft.irfft(spectrum, n) * (n / len(pcm))).astype(np.float32)
    return out


def _in_a_room(sound: Pcm, rng: np.random.Generator) -> Pcm:
    """With the exponentially dying noise that the echo of a room is (Polack, 1988)."""
    seconds = rng.uniform(0.1, 0.5)
    n = round(seconds * SAMPLE_RATE)
    echo = rng.normal(0.0, 1.0, n) * np.exp(-6.9 * np.arange(n) / n)
    echo *= 10 ** (rng.uniform(-12, -1) / 20) / np.sqrt(np.sum(echo**2))
    echo[0] += 1.0
    return _convolved(sound, echo)


def _convolved(sound: Pcm, response: npt.NDArray[np.float64]) -> Pcm:
    n = len(sound) + len(response)
    size = 1 << (n - 1).bit_length()
    out = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[: len(sound)]
    wet: Pcm = out.astype(np.float32)
    return wet


def _narrowed(sound: Pcm, hertz: float) -> Pcm:
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    spectrum *= 1.0 / (1.0 + (frequency / hertz) ** 12)
    narrow: Pcm = np.asarray(np.fft.irfft(spectrum, len(sound)), np.float32)
    return narrow


def _noise(sound: Pcm, others: Pcm, rng: np.random.Generator) -> Pcm:
    """Hiss, rumble or murmur, 5 to 40 dB below the speech."""
    n = len(sound)
    kind = rng.integers(3)
    if kind == 2 and len(others) > n:
        at = rng.integers(0, len(others) - n)
        noise = others[at : at + n].astype(np.float64)
    else:
        spectrum = np.fft.rfft(rng.normal(0.0, 1.0, n))
        if kind == 1:
            spectrum /= np.sqrt(np.arange(len(spectrum)) + 1.0)  # pink
        noise = np.fft.irfft(spectrum, n)
    power = float(np.mean(np.square(sound))) + 1e-9
    level = np.sqrt(power / (float(np.mean(np.square(noise))) + 1e-12)) * 10 ** (-rng.uniform(5, 40) / 20)
    heard: Pcm = (noise * level).astype(np.float32)
    return heard
