"""Programme loudness after ITU-R BS.1770-4, so that every voice is heard equally loud."""

from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.speech import Pcm

TARGET_LUFS: Final = -19.0
"""What mono speech is brought to (mono −19 LUFS sounds as loud as stereo −16 LUFS)."""
PEAK: Final = 0.89
"""Sample peak never exceeded: −1 dBFS."""

_LIMITER_SECONDS: Final = 0.004
_BLOCK_SECONDS: Final = 0.4
_ABSOLUTE_GATE: Final = -70.0
_RELATIVE_GATE: Final = -10.0
# BS.1770-4 tables 1 and 2: the high shelf of the head and the RLB high-pass, as biquads at 48 kHz.
_SHELF: Final = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS: Final = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))


def _k_weighting(frequencies: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Magnitude of the K filter at ``frequencies`` (Hz)."""
    z = np.exp(-2j * np.pi * frequencies / 48_000)
    response = np.ones_like(z)
    for b, a in (_SHELF, _HIGH_PASS):
        response *= (b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)
    magnitude: npt.NDArray[np.float64] = np.abs(response)
    return magnitude


def loudness(pcm: Pcm, rate: int) -> float:
    """Gated loudness of mono ``pcm`` (n,) in LUFS; −inf when nothing passes the absolute gate."""
    if not len(pcm):
        return float("-inf")
    # Power does not depend on phase, so the filter is applied as a magnitude in the frequency domain.
    spectrum = np.fft.rfft(pcm) * _k_weighting(np.fft.rfftfreq(len(pcm), 1 / rate).astype(np.float64))
    power = np.square(np.fft.irfft(spectrum, len(pcm)))
    block = min(len(pcm), int(_BLOCK_SECONDS * rate))
    sums = np.concatenate(([0.0], np.cumsum(power)))
    starts = np.arange(0, len(pcm) - block + 1, max(1, block // 4))
    mean = (sums[starts + block] - sums[starts]) / block
    levels = -0.691 + 10 * np.log10(np.maximum(mean, 1e-12))
    mean, levels = mean[levels > _ABSOLUTE_GATE], levels[levels > _ABSOLUTE_GATE]
    if not len(mean):
        return float("-inf")
    gate = -0.691 + 10 * np.log10(mean.mean()) + _RELATIVE_GATE
    return float(-0.691 + 10 * np.log10(mean[levels > gate].mean()))


def normalized(pcm: Pcm, rate: int, target: float = TARGET_LUFS) -> Pcm:
    """``pcm`` brought to ``target`` LUFS, its peaks to :data:`PEAK` at most; silence stays as it is."""
    level = loudness(pcm, rate)
    if level == float("-inf"):
        return pcm
    return limited((pcm * np.float32(10 ** ((target - level) / 20))).astype(np.float32), rate)


def limited(pcm: Pcm, rate: int) -> Pcm:
    """``pcm`` turned down around each peak above :data:`PEAK`, within some milliseconds, so that none is left."""
    block = max(1, round(_LIMITER_SECONDS * rate))
    n = -(-len(pcm) // block)
    peaks = np.abs(np.pad(pcm, (0, n * block - len(pcm)))).reshape(n, block).max(axis=1, initial=0.0)
    if not n or peaks.max() <= PEAK:
        return pcm
    # A block's gain heeds its neighbours too, and goes in a straight line from the middle of one block to that of the
    # next: so it is low enough at every sample of either.
    around = np.maximum(peaks, np.maximum(np.append(peaks[1:], 0.0), np.insert(peaks[:-1], 0, 0.0)))
    gain = np.interp(
        np.arange(len(pcm)), (np.arange(n) + 0.5) * block, np.minimum(1.0, PEAK / np.maximum(around, 1e-9))
    )
    out: Pcm = (pcm * gain).astype(np.float32)
    return out
