"""An ONNX session that also tells how long each symbol was spoken.

Both models predict a duration for every input symbol and keep it inside the graph. Naming that tensor as one
more graph output makes it readable, without a changed copy of the model on disk.
"""

from pathlib import Path

import onnx
import onnxruntime as ort

from avatar.errors import VoiceError


def open_session(model: Path, *, inputs: tuple[str, ...], durations: str, threads: int) -> ort.InferenceSession:
    """Load ``model``, which takes ``inputs``, with its int64 tensor ``durations`` as the last output.

    Raises :class:`VoiceError` naming the file when it is missing or not the expected model.
    """
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
        session = ort.InferenceSession(_with_output(data, durations), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
        raise wrong from error
    if {i.name for i in session.get_inputs()} != set(inputs):
        raise wrong
    return session


def _with_output(model: bytes, name: str) -> bytes:
    # Serialized protobuf messages merge when concatenated (repeated fields append), so the model itself, 92 MB for
    # Kokoro, need not be parsed and written again: https://protobuf.dev/programming-guides/encoding/#last-one-wins
    patch = onnx.ModelProto()
    patch.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, None))
    return model + bytes(patch.SerializeToString())
