"""Voice activity: where somebody speaks in a recording, or from moment to moment in a stream."""

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime

CHUNK: Final = 512
"""Samples at 16 kHz that Silero judges at once: 32 ms."""
_CONTEXT: Final = 64


def speech_only(pcm: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The parts of a recording (n,) in which somebody speaks, joined; empty when nobody does."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps  # which the gateway can do without

    options = VadOptions(min_speech_duration_ms=120, min_silence_duration_ms=800, speech_pad_ms=300)
    spans = get_speech_timestamps(pcm, options)
    return np.concatenate([np.zeros(0, np.float32), *(pcm[span["start"] : span["end"]] for span in spans)])


class Chunks:
    """Cuts a stream into chunks."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)

    def cut(self, pcm: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(n, 512): those that any number of further samples complete."""
        samples = np.concatenate([self._rest, pcm])
        whole = len(samples) // CHUNK * CHUNK
        self._rest = samples[whole:]
        return samples[:whole].reshape(-1, CHUNK)


class VoiceActivity:
    """Silero over a stream: the model's memory is kept from chunk to chunk."""

    def __init__(self) -> None:
        self._session = _session()
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._h = self._c = np.zeros((1, 1, 128), np.float32)
        self._window = np.zeros(_CONTEXT + CHUNK, np.float32)
        self._chunks = Chunks()

    def judged(self, pcm: npt.NDArray[np.float32]) -> Iterator[tuple[npt.NDArray[np.float32], float]]:
        """Take any number of samples; yield each chunk they complete, (512,), and how probably it is speech.

        About 0.1 ms a chunk.
        """
        for chunk in self._chunks.cut(np.nan_to_num(pcm)):
            self._window = np.concatenate([self._window[-_CONTEXT:], chunk])
            feed = {"input": self._window[None], "h": self._h, "c": self._c}
            probability, self._h, self._c = self._session.run(None, feed)
            yield chunk, float(probability[0])


@cache
def _session() -> Any:
    """The model that comes with faster-whisper, of which no more is loaded; streams share it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    package = find_spec("faster_whisper")
    assert package is not None  # noqa: S101 (a dependency)
    model = Path(str(package.origin)).parent / "assets" / "silero_vad_v6.onnx"
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
