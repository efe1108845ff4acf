"""A voice's ONNX graph, opened up in memory: what it keeps inside is told, limited or given, and it is taken apart.

No changed copy of a model lies on disk.
"""

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import GraphProto, ModelProto, TensorProto, helper

from avatar.errors import VoiceError

LONGEST = "longest"
"""Further input of :func:`limited`, (symbols,) int64: how long each may be at most, in the model's frames."""


def load(path: Path) -> ModelProto:
    """Raises :class:`VoiceError` naming the file when it is missing or no ONNX model."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VoiceError(
            f"voice model {path} cannot be read ({error.strerror}); fetch it again with `everhost doctor`"
        ) from error
    try:
        return onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's errors share no base but Exception
        raise wrong(path) from error


def wrong(path: Path) -> VoiceError:
    return VoiceError(
        f"voice model {path} is not the expected ONNX model or is corrupt; "
        f"delete it and fetch it again with `everhost doctor`"
    )


def limited(model: ModelProto, name: str) -> str:
    """Keep the int64 tensor ``name`` at :data:`LONGEST` at most wherever it is used; returns the name it then has.

    Raises ``KeyError`` when there is none.
    """
    graph, kept = model.graph, f"{name}_limited"
    made = _makers(graph)[name]
    for node in graph.node:
        node.input[:] = [kept if i == name else i for i in node.input]
    graph.node.insert(made + 1, helper.make_node("Min", [name, LONGEST], [kept]))
    graph.input.append(_value(LONGEST, TensorProto.INT64))
    return kept


def part(model: ModelProto, inputs: dict[str, str], outputs: dict[str, str]) -> ModelProto:
    """What leads from tensors of the model to others, under names of its own: {a name: the tensor's name}.

    Tensors named "tokens", "durations" or :data:`LONGEST` are int64, all others float32. Raises ``KeyError`` when
    there is no such tensor, or when ``inputs`` do not suffice.
    """
    graph = model.graph
    makers = _makers(graph)
    constants = {one.name: one for one in graph.initializer}
    names = {tensor: name for name, tensor in (*inputs.items(), *outputs.items())}
    known, wanted = set(inputs.values()), list(outputs.values())
    nodes: set[int] = set()
    used: list[TensorProto] = []
    while wanted:
        name = wanted.pop()
        if name in known or not name:
            continue
        known.add(name)
        if name in constants:
            used.append(constants[name])
        elif makers[name] not in nodes:
            nodes.add(makers[name])
            wanted += graph.node[makers[name]].input
    taken = []
    for i in sorted(nodes):
        node = onnx.NodeProto()
        node.CopyFrom(graph.node[i])
        node.input[:] = [names.get(n, n) for n in node.input]
        node.output[:] = [names.get(n, n) for n in node.output]
        taken.append(node)
    piece = helper.make_graph(taken, "part", [_typed(n) for n in inputs], [_typed(n) for n in outputs], used)
    return helper.make_model(piece, opset_imports=model.opset_import, ir_version=model.ir_version)


def means(model: ModelProto) -> list[str]:
    """What the graph averages over time, in the order in which it does."""
    return [node.output[0] for node in model.graph.node if node.op_type == "ReduceMean"]


def told(model: ModelProto, names: Sequence[str]) -> ModelProto:
    """The model with these float32 tensors as further outputs."""
    whole = ModelProto()
    whole.CopyFrom(model)
    whole.graph.output.extend(_value(name, TensorProto.FLOAT) for name in names)
    return whole


def given(model: ModelProto, names: Sequence[str]) -> ModelProto:
    """The model with these float32 tensors as further inputs instead of what made them."""
    whole = ModelProto()
    whole.CopyFrom(model)
    kept = [node for node in whole.graph.node if not set(node.output) & set(names)]
    del whole.graph.node[:]
    whole.graph.node.extend(kept)
    whole.graph.input.extend(_value(name, TensorProto.FLOAT) for name in names)
    return whole


def _makers(graph: GraphProto) -> dict[str, int]:
    return {output: i for i, node in enumerate(graph.node) for output in node.output}


def _typed(name: str) -> onnx.ValueInfoProto:
    whole = name in ("tokens", "durations", LONGEST)
    return _value(name, TensorProto.INT64 if whole else TensorProto.FLOAT)


def _value(name: str, kind: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, None)
