"""An ONNX session that also tells how long each symbol was spoken, and that can be stopped from another thread.

Both models predict a duration for every input symbol and keep it inside the graph. Naming that tensor as one
more graph output makes it readable, and a minimum put behind it keeps silences short that would be cut away later; no
changed copy of the model lies on disk.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import onnx
import onnxruntime as ort

from avatar.errors import VoiceError

LONGEST: Final = "longest"
"""Further input, (symbols,) int64: how long each may be at most, in the model's frames."""


class Session:
    """``model``, which takes ``inputs`` and :data:`LONGEST`, with its int64 tensor ``durations`` as the last output."""

    def __init__(self, model: Path, *, inputs: tuple[str, ...], durations: str, threads: int) -> None:
        """Raises :class:`VoiceError` naming the file when it is missing or not the expected model."""
        self._session = _open(model, inputs, durations, threads)
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


def _open(model: Path, inputs: tuple[str, ...], durations: str, threads: int) -> ort.InferenceSession:
    try:
        data = model.read_bytes()
    except OSError as error:
        raise VoiceError(
            f"voice model {model} cannot be read ({error.strerror}); fetch it again with `everhost doctor`"
        ) from error
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    # Spinning threads would take the core from the stage while waiting for work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    wrong = VoiceError(
        f"voice model {model} is not the expected ONNX model or is corrupt; "
        f"delete it and fetch it again with `everhost doctor`"
    )
    try:
        session = ort.InferenceSession(_limited(data, durations), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
        raise wrong from error
    if {i.name for i in session.get_inputs()} != {*inputs, LONGEST}:
        raise wrong
    return session


def _limited(model: bytes, name: str) -> bytes:
    """The graph with ``name`` at most :data:`LONGEST` wherever it is used, and that as one more output."""
    whole = onnx.load_model_from_string(model)
    graph, kept = whole.graph, f"{name}_limited"
    made = next(i for i, node in enumerate(graph.node) if name in node.output)
    for node in graph.node:
        node.input[:] = [kept if i == name else i for i in node.input]
    graph.node.insert(made + 1, onnx.helper.make_node("Min", [name, LONGEST], [kept]))
    graph.input.append(onnx.helper.make_tensor_value_info(LONGEST, onnx.TensorProto.INT64, None))
    graph.output.append(onnx.helper.make_tensor_value_info(kept, onnx.TensorProto.INT64, None))
    return bytes(whole.SerializeToString())
