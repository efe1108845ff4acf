"""The network of ``senses.py``, in torch: what it is like, how it learns, and how it becomes ONNX."""

import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from knowledge.wordpieces import WordPieces
from streaming.errors import EverhostError
from streaming.moderation.senses import PIECES, ids

LAYERS: Final = 6
"""Of the encoder's twelve that are learned on from."""
EPOCHS: Final = 3
BATCH: Final = 64
BUCKET: Final = 50
"""Batches that are sorted by length, so that little is padded."""
RATE: Final = 1e-3
RATE_ENCODER: Final = 2e-4
"""What is learned already is changed more slowly."""
WARM: Final = 150
"""Steps until these rates are reached."""
DECAY: Final = 0.01
SMOOTHING: Final = 0.05
AS_IT_IS: Final = 0.3
"""Of the texts that are read so, the others with tricks undone."""
DROPPED_PIECES: Final = 0.05
DROPPED_WITHIN: Final = 0.1
DROPPED: Final = 0.2
_HEADS: Final = 8
_OF_HEAD: Final = 48
_STRIKING: Final = 128
_HIDDEN: Final = 128
_NOWHERE: Final = -1e4

Floats = NDArray[np.float32]
Tell = Callable[[int, int], None]
"""Told how much is done, and of how much."""


def built(torch: Any, pieces: WordPieces, classes: int, layers: int = LAYERS) -> Any:
    """A network that has learned nothing yet but what the encoder knows.

    The first layers of multilingual-e5-small (a BERT: Devlin et al., 2019) make features of each word piece. They are
    put together in three ways: by their mean, for what a text is about; by attention, several heads; and by their
    maximum, for single striking words. One hidden layer reads all three.
    """
    functional, linear = torch.nn.functional, torch.nn.Linear
    width, heads, inner = pieces.width, pieces.heads, pieces.inner

    def known(module: Any, weight: Floats, bias: Floats) -> Any:
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(weight))
            module.bias.copy_(torch.from_numpy(bias))
        return module

    def normal(name: str) -> Any:
        module = torch.nn.LayerNorm(width, pieces.epsilon)
        return known(module, pieces.vector(f"{name}.w"), pieces.vector(f"{name}.b"))

    def product(name: str, before: int, after: int) -> Any:
        return known(linear(before, after), pieces.matrix(f"{name}.w", before), pieces.vector(f"{name}.b"))

    class Layer(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, n: int) -> None:
            super().__init__()
            self.query, self.key, self.value = (product(f"l{n}.{one}", width, width) for one in "qkv")
            self.attended, self.attended_normal = product(f"l{n}.ao", width, width), normal(f"l{n}.aln")
            self.within, self.without = product(f"l{n}.fi", width, inner), product(f"l{n}.fo", inner, width)
            self.normal, self.some = normal(f"l{n}.oln"), torch.nn.Dropout(DROPPED_WITHIN)

        def forward(self, x: Any, nowhere: Any) -> Any:
            split = (q.unflatten(-1, (heads, -1)).transpose(1, 2) for q in (self.query(x), self.key(x), self.value(x)))
            query, key, value = split
            near = query @ key.transpose(-1, -2) * (width // heads) ** -0.5
            shares = torch.softmax(near if nowhere is None else near + nowhere[:, None, None], -1)
            x = self.attended_normal(x + self.some(self.attended((shares @ value).transpose(1, 2).flatten(2))))
            return self.normal(x + self.some(self.without(functional.gelu(self.within(x)))))

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            places = pieces.vector("emb.pos").reshape(-1, width)[:PIECES] + pieces.vector("emb.type")[:width]
            self.places = torch.nn.Parameter(torch.from_numpy(places))
            self.begun, self.layers = normal("emb.ln"), torch.nn.ModuleList(Layer(n) for n in range(layers))
            self.attention, self.values = linear(width, _HEADS), linear(width, _HEADS * _OF_HEAD)
            self.striking = linear(width, _STRIKING)
            self.hidden, self.out = linear(width + _HEADS * _OF_HEAD + _STRIKING, _HIDDEN), linear(_HIDDEN, classes)
            self.some = torch.nn.Dropout(DROPPED)

        def encoder(self) -> list[Any]:
            return [self.places, *self.begun.parameters(), *self.layers.parameters()]

        def features(self, words: Any, there: Any = None) -> Any:
            """(batch, n, 384) word pieces and (batch, n), 1 where there is one, to (batch, n, 384)."""
            nowhere = None if there is None else (1 - there) * _NOWHERE
            x = self.begun(words + self.places[: words.shape[1]])
            for layer in self.layers:
                x = layer(x, nowhere)
            return x

        def forward(self, words: Any, there: Any = None) -> Any:
            """So, to (batch, classes) logits."""
            if self.training:
                words = words * (torch.rand(words.shape[:2]) > DROPPED_PIECES)[..., None]
            x = self.features(words, there).float()
            nowhere: Any = 0.0 if there is None else ((1 - there) * _NOWHERE)[..., None]
            mean = x.mean(1) if there is None else (x * there[..., None]).sum(1) / there.sum(1, keepdim=True)
            shares = torch.softmax(self.attention(x) + nowhere, 1)
            values = self.values(self.some(x)).unflatten(-1, (_HEADS, _OF_HEAD))
            attended = (shares[..., None] * values).sum(1).flatten(1)
            struck = functional.relu(self.striking(self.some(x)) + nowhere).amax(1)
            read = torch.cat((mean, attended, struck), -1)
            return self.out(functional.relu(self.hidden(self.some(read))))

    return Network()


def learned(
    readings: Sequence[tuple[str, str]],
    label: NDArray[np.int64],
    tell: Tell,
    *,
    epochs: int = EPOCHS,
    layers: int = LAYERS,
) -> bytes:
    """What a network learned from texts, each as it is and with tricks undone, and their classes; as ONNX.

    AdamW (Loshchilov and Hutter, 2019), with smoothed labels. Raises :class:`EverhostError` without torch.
    """
    try:
        import torch
    except ImportError as error:
        raise EverhostError("training needs torch: pip install 'everhost[neural]'") from error
    torch.manual_seed(0)
    pieces = WordPieces()
    network = built(torch, pieces, int(label.max()) + 1, layers)
    _teach(torch, network, pieces, readings, label, np.random.default_rng(0), epochs, tell)
    return exported(torch, network, pieces.width)


def _teach(
    torch: Any,
    network: Any,
    pieces: WordPieces,
    readings: Sequence[tuple[str, str]],
    label: NDArray[np.int64],
    random: np.random.Generator,
    epochs: int,
    tell: Tell,
) -> None:
    known = network.encoder()
    names = set(map(id, known))
    groups = [
        {"params": known, "lr": RATE_ENCODER},
        {"params": [one for one in network.parameters() if id(one) not in names], "lr": RATE},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=DECAY)
    read = [(ids(pieces, light), ids(pieces, meant)) for light, meant in readings]
    steps = epochs * -(-len(label) // BATCH)
    warm = max(1, min(WARM, steps // 10))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda at: min((at + 1) / warm, 1) * (1 - at / steps))
    half = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # where a core multiplies these in half the time
    step = 0
    for _ in range(epochs):
        for batch in _batches([len(meant) for _, meant in read], random):
            texts = [read[k][0 if random.random() < AS_IT_IS else 1] for k in batch]
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                told = network(*map(torch.from_numpy, padded(pieces, texts)))
            right = torch.from_numpy(label[batch])
            loss = torch.nn.functional.cross_entropy(told.float(), right, label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            tell(step, steps)


def _batches(lengths: Sequence[int], random: np.random.Generator) -> list[NDArray[np.int64]]:
    order, batches = random.permutation(len(lengths)), []
    for at in range(0, len(order), BATCH * BUCKET):
        bucket = np.array(sorted(order[at : at + BATCH * BUCKET], key=lambda k: lengths[k]))
        batches += [bucket[begin : begin + BATCH] for begin in range(0, len(bucket), BATCH)]
    return [batches[k] for k in random.permutation(len(batches))]


def padded(pieces: WordPieces, texts: Sequence[Sequence[int]]) -> tuple[Floats, Floats]:
    """(batch, n, 384), and (batch, n): 1 where there is a piece."""
    longest = max(map(len, texts))
    words = np.zeros((len(texts), longest, pieces.width), np.float32)
    there = np.zeros((len(texts), longest), np.float32)
    for k, text in enumerate(texts):
        words[k, : len(text)], there[k, : len(text)] = pieces.rows(text), 1
    return words, there


def exported(torch: Any, network: Any, width: int) -> bytes:
    """As ONNX with 8-bit weights: ``words`` (1, n, width) to ``logits`` (1, classes)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's age: the newer one wants a package more
        whole, small = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 7, width),),
            str(whole),
            input_names=["words"],
            output_names=["logits"],
            dynamic_axes={"words": {1: "n"}},
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(whole, small, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=True)
        return small.read_bytes()
