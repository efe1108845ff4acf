"""The host's own voice in a microphone: whether what is heard follows what the host has just said.

Browsers cancel echo, and what they leave still sounds like speech. It rises and falls in its bands as the host's voice
did a moment ago, which a visitor's does not: the correlation of the logarithms of eight bands' energies over the last
half second, at the delay at which it has been highest for a while, tells one from the other.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from streaming.hearing.microphone import Microphone, OpusPacket, Pcm
from streaming.hearing.vad import CHUNK, Chunks

Bands = npt.NDArray[np.float64]

_EDGES: Final = (3, 6, 10, 16, 25, 39, 61, 96, 150)
"""Of the bands, in steps of 31.25 Hz: 94 Hz to 4.7 kHz."""
_WINDOW: Final = np.hanning(CHUNK)
_QUIET: Final = 1e-3
"""Energy of a band that is silence."""
COMPARED: Final = 16
"""Chunks: 0.5 s."""
DELAYS: Final = 48
"""Chunks by which the echo may be late: to the viewer, out of the loudspeaker and back, 1.5 s at most."""
_JITTER: Final = 1
_LEARN: Final = 0.02
"""Weight of a chunk in which delay fits: about a second and a half decides."""
_EVIDENT: Final = 0.3
"""A delay that fits so well on average is an echo's; where none does, the microphone does not hear the host at all."""
_ECHO: Final = 0.55
"""Correlation from which on it is the host."""
_STAYS: Final = 4
"""Chunks for which it still is, after one that was. Simulated in a room (docs/hearing.md): at an echo 15 to 25 dB under
the visitor hardly any of the host is taken for a visitor, and every visitor who speaks over the host is heard."""


def bands(chunk: Pcm) -> Bands:
    """(8,) logarithms of the energies of a chunk (512,)."""
    power = np.abs(np.fft.rfft(chunk * _WINDOW)) ** 2
    energies: Bands = np.log(np.add.reduceat(power[: _EDGES[-1]], _EDGES[:-1]) + _QUIET)
    return energies


class HostVoice:
    """What the host has said in the last seconds, from the packets that viewers get."""

    def __init__(self) -> None:
        self._microphone = Microphone()
        self._chunks = Chunks()
        self.recent = np.full((DELAYS + COMPARED, len(_EDGES) - 1), np.log(_QUIET))
        """(64, 8) bands, the newest last."""

    def hear(self, packet: OpusPacket) -> None:
        for chunk in self._chunks.cut(self._microphone.hear(packet)):
            self.add(chunk)

    def add(self, chunk: Pcm) -> None:
        """The next chunk (512,) at 16 kHz."""
        self.recent[:-1] = self.recent[1:]
        self.recent[-1] = bands(chunk)


class Echo:
    """One microphone's."""

    def __init__(self, host: HostVoice) -> None:
        self._host = host
        self._heard = np.zeros((COMPARED, len(_EDGES) - 1))
        self._fit = np.full(DELAYS, 2 * _EVIDENT)
        """How well each delay has fitted lately; at first it is expected that the host is heard."""
        self._stays = -1

    def is_host(self, chunk: Pcm) -> bool:
        """Whether a chunk (512,), with the half second before it, is the host's voice. About 0.1 ms."""
        self._heard[:-1] = self._heard[1:]
        self._heard[-1] = bands(chunk)
        fits = self._correlations()
        self._stays -= 1
        if fits is not None:
            self._fit += _LEARN * (fits - self._fit)
            likely = int(self._fit.argmax())
            fit = fits[max(0, likely - _JITTER) : likely + _JITTER + 1].max()
            if fit > _ECHO and self._fit[likely] > _EVIDENT:
                self._stays = _STAYS
        return self._stays >= 0

    def _correlations(self) -> npt.NDArray[np.float64] | None:
        """(48,) with what the host said so many chunks ago; None when that was nothing at all."""
        said = np.lib.stride_tricks.sliding_window_view(self._host.recent, COMPARED, axis=0)[DELAYS:0:-1]
        said = said - said.mean(axis=2, keepdims=True)
        loudness = np.sqrt((said**2).sum(axis=(1, 2)))
        if not loudness.any():
            return None
        heard = (self._heard - self._heard.mean(axis=0)).T
        fits: npt.NDArray[np.float64] = np.einsum("dbt,bt->d", said, heard)
        fits /= loudness * np.sqrt((heard**2).sum()) + 1e-9
        return fits
