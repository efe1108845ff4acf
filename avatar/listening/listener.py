"""The network at work: sound in, a mouth out, tick by tick or a whole clause at once."""

from dataclasses import replace
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from avatar.errors import AvatarError
from avatar.face import Floats
from avatar.listening import LOOK_AHEAD
from avatar.listening.features import BEFORE, hear
from avatar.speech import SpeechChunk

MODEL: Final = "lips.onnx"
_UNSURE, _SURE = 0.15, 0.5
"""What the network tells of a contact, from where on it begins and from where on it is whole."""


class Listener:
    """Hears one speaker; not thread-safe. Loading takes some 10 ms."""

    def __init__(self, model: bytes | None = None) -> None:
        """``model``: another network than the packaged one."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        data = model if model is not None else (files("avatar.listening") / MODEL).read_bytes()
        try:
            self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
            raise AvatarError(f"the lips' network {MODEL} cannot be loaded; install everhost again: {error}") from error
        self._shape = tuple(self._session.get_inputs()[1].shape)
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._memory: Floats = np.zeros(self._shape, np.float32)
        self._sound: npt.NDArray[np.float32] = np.zeros(BEFORE + SAMPLES_PER_TICK, np.float32)

    def tick(self, pcm: npt.NDArray[np.float32]) -> Floats:
        """Hear one tick's sound, (1000,) float32 at 48 kHz; returns the mouth of :data:`LOOK_AHEAD` ticks before it,
        (:data:`avatar.lips.MOUTH`,)."""
        self._sound[:BEFORE] = self._sound[-BEFORE:]
        self._sound[BEFORE:] = pcm
        mouth: Floats = self._run(hear(self._sound))[0]
        return mouth

    def whole(self, pcm: npt.NDArray[np.float32]) -> Floats:
        """The mouth at each tick of a sound from its first sample on, (ticks, MOUTH); nothing before it is heard."""
        self.reset()
        ticks = -(-len(pcm) // SAMPLES_PER_TICK)
        sound = np.zeros(BEFORE + (ticks + LOOK_AHEAD) * SAMPLES_PER_TICK, np.float32)
        sound[BEFORE : BEFORE + len(pcm)] = pcm
        return self._run(hear(sound))[LOOK_AHEAD:]

    def _run(self, heard: Floats) -> Floats:
        mouth: Floats
        mouth, self._memory = self._session.run(None, {"heard": heard[:, None], "memory": self._memory})
        mouth = mouth[:, 0]
        # Unsure of a contact it tells a little of one, which shows as none: lips met on 88 % of m, b and p as it is, on
        # 94 % with this, and where there is none in 2.7 % of the ticks instead of 1.7 %.
        contact = np.clip((mouth[:, -2:] - _UNSURE) / (_SURE - _UNSURE), 0.0, 1.0)
        mouth[:, -2:] = contact * contact * (3.0 - 2.0 * contact)
        return mouth


def with_mouth(chunk: SpeechChunk, listener: Listener) -> SpeechChunk:
    """A chunk at 48 kHz whose engine told no phonemes, with what the mouth does in it."""
    if chunk.phonemes or chunk.mouth is not None:
        return chunk
    if chunk.rate != SAMPLE_RATE:
        raise ValueError(f"lips are heard at {SAMPLE_RATE} Hz, not {chunk.rate}")
    return replace(chunk, mouth=listener.whole(chunk.pcm))
