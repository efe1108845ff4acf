"""What the network hears: log mel energies, two frames a tick, of sound at the house's 48 kHz."""

from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from avatar.face import Floats

BANDS: Final = 40
FRAMES: Final = 2
"""A tick."""
HEARD: Final = FRAMES * BANDS
"""Numbers a tick."""

_HOP: Final = SAMPLES_PER_TICK // FRAMES
_WINDOW: Final = 1024
BEFORE: Final = _WINDOW - _HOP
"""Samples before a tick that its frames reach back to."""
_LOWEST, _HIGHEST = 80.0, 7600.0
_FLOOR: Final = 1e-6


def _mel(hertz: float) -> float:
    """O'Shaughnessy, "Speech Communication: Human and Machine" (1987)."""
    return float(2595.0 * np.log10(1.0 + hertz / 700.0))


def _filters() -> Floats:
    """Triangles over the bins of the spectrum, (bins, BANDS)."""
    mels = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), BANDS + 2)
    edges = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    bins = np.fft.rfftfreq(_WINDOW, 1.0 / SAMPLE_RATE)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


_FILTERS: Final = _filters()
_HANN: Final[Floats] = np.hanning(_WINDOW).astype(np.float32)


def hear(sound: npt.NDArray[np.float32]) -> Floats:
    """(BEFORE + 1000 n,) float32 at 48 kHz in [-1, 1] to (n, HEARD), about zero mean and unit spread for speech.

    The n ticks are the last 1000 n samples; each frame's window ends within its tick, so nothing later is needed.
    """
    windows = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(windows * _HANN, axis=1))).astype(np.float32)
    # einsum rather than @: a product this small must not wake BLAS's threads in the stage.
    bands = np.einsum("fb,bm->fm", power, _FILTERS)
    heard: Floats = ((np.log10(bands + _FLOOR) + 1.5) / 1.8).astype(np.float32).reshape(-1, HEARD)
    return heard
