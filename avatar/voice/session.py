"""An ONNX session on one thread that can be stopped from another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime as ort
from onnx import ModelProto

from avatar.voice.graph import wrong


class Session:
    def __init__(self, model: ModelProto, path: Path, *, threads: int = 1) -> None:
        """``path``: where the model came from. Raises :class:`VoiceError` naming it when it cannot be run."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        # Spinning threads would take the core from the stage while waiting for work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Every length of sound wants memory of its own; kept for the next of that length it is 400 MB more for Kokoro,
        # and the work a twentieth less.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        options.log_severity_level = 3
        try:
            data = model.SerializeToString()
            self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
            raise wrong(path) from error
        self._running: ort.RunOptions | None = None

    def run(self, feed: Mapping[str, Any]) -> list[Any]:
        """All outputs. Raises when :meth:`stop` is called meanwhile."""
        self._running = ort.RunOptions()
        try:
            outputs: list[Any] = self._session.run(None, dict(feed), self._running)
        finally:
            self._running = None
        return outputs

    def stop(self) -> None:
        """From any thread: end the run that is going on, at the next node of its graph."""
        if (running := self._running) is not None:
            running.terminate = True
