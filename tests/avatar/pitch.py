"""How high a voice speaks."""

import numpy as np

from avatar.speech import SpeechChunk


def pitch(chunk: SpeechChunk) -> float:
    """Median fundamental frequency of the loud frames, Hz, by autocorrelation."""
    n = round(0.04 * chunk.rate)
    frames = [chunk.pcm[k : k + n] for k in range(0, len(chunk.pcm) - n, n // 2)]
    loudest = max(float(np.square(f).mean()) for f in frames)
    found = []
    for frame in frames:
        if np.square(frame).mean() < 0.1 * loudest:
            continue
        wave = frame - frame.mean()
        same = np.correlate(wave, wave, "full")[n - 1 :]
        low, high = round(chunk.rate / 400), round(chunk.rate / 100)
        lag = low + int(np.argmax(same[low:high]))
        if same[lag] > 0.5 * same[0]:
            found.append(chunk.rate / lag)
    return float(np.median(found))
