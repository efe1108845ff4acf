"""What a viewer's microphone sends while they hold the button, collected for the recognizer."""

from typing import Final

import av
import numpy as np
import numpy.typing as npt
from av import AudioFrame
from av.audio.resampler import AudioResampler

RATE: Final = 16_000
LIMIT_S: Final = 60


class Utterance:
    """One push-to-talk: frames of any rate and layout in, 16 kHz mono out.

    Keeps the first minute; what comes later is dropped, for nobody's question is longer and a stuck button must not
    fill the memory.
    """

    def __init__(self) -> None:
        self._resampler = _resampler()
        self._pieces: list[npt.NDArray[np.int16]] = []
        self._length = 0

    @property
    def full(self) -> bool:
        return self._length >= LIMIT_S * RATE

    def add(self, frame: AudioFrame) -> None:
        if self.full:
            return
        try:
            resampled = self._resampler.resample(frame)
        except (ValueError, av.FFmpegError):  # the sender changed its format
            self._flush()
            self._resampler = _resampler()
            resampled = self._resampler.resample(frame)
        self._keep(resampled)

    def pcm(self) -> npt.NDArray[np.float32]:
        """(n,) float32 mono in [-1, 1] at 16 kHz, n ≤ 60 s."""
        self._flush()
        self._resampler = _resampler()
        if not self._pieces:
            return np.zeros(0, np.float32)
        return np.concatenate(self._pieces)[: LIMIT_S * RATE].astype(np.float32) / np.float32(32768)

    def _flush(self) -> None:
        self._keep(self._resampler.resample(None))

    def _keep(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            samples = frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)
            self._pieces.append(samples)
            self._length += len(samples)


def _resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="mono", rate=RATE)
