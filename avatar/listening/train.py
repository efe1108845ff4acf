"""``everhost avatar train-lips``: speech is synthesized, a network learns from it, and is written as ONNX.

Needs torch (``pip install 'everhost[neural]'``) and Kokoro's model; two cores take an hour and a
quarter, most of it for the speech, which is kept and gone on with.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from tqdm import tqdm

from avatar.errors import AvatarError
from avatar.face import Floats
from avatar.lips import MOUTH
from avatar.listening import LOOK_AHEAD, augment, corpus
from avatar.listening.features import BEFORE, HEARD, hear

CLIPS: Final = 4800
VARIANTS: Final = 2
"""Times that each clip is heard otherwise."""
EPOCHS: Final = 24
WIDTH: Final = 128
MEMORY: Final = 256
_CROP: Final = 256
_WARM: Final = 32
"""Ticks of each crop that only fill the memory."""
_BATCH: Final = 48
_SEED: Final = 20
_NAMED: Final = 0.05
"""What naming the phones counts for in learning; the network at work does not do it."""

_CONTACT: Final = slice(MOUTH - 2, MOUTH)


def bake(folder: Path, kokoro: Path, documents: Sequence[Path], clips: int = CLIPS) -> None:
    """Synthesize what is missing of the corpus, one process a core; ``kokoro`` is the folder of that model."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [corpus.line(n, documents) for n in range(clips)]
    missing = [one for one in lines if not (folder / one.file).exists()]
    if not missing:
        return
    jobs = [(one, folder, kokoro) for one in missing]
    with ProcessPoolExecutor(os.cpu_count(), initializer=os.nice, initargs=(10,)) as pool:
        for _ in tqdm(pool.map(_bake, jobs, chunksize=4), total=len(jobs), desc="speech", unit="clip"):
            pass


def _bake(job: tuple[corpus.Line, Path, Path]) -> None:
    one, folder, kokoro = job
    chunk = corpus.speak(one, kokoro)
    if chunk is not None:
        corpus.save(chunk, folder / one.file)


def heard(folder: Path, variants: int = VARIANTS) -> tuple[Floats, Floats, npt.NDArray[np.uint8]]:
    """The corpus as the network hears it, what it should tell, and what is said: (ticks, HEARD), (ticks, MOUTH) and
    (ticks,); kept in a file."""
    kept = folder / f"heard-{variants}.npz"
    if kept.exists():
        with np.load(kept) as data:
            return data["heard"].astype(np.float32), data["mouth"].astype(np.float32), data["phones"]
    clips = [corpus.load(path) for path in sorted(folder.glob("[0-9]*.npz"))]
    if not clips:
        raise AvatarError(f"there is no speech in {folder}")
    rng = np.random.default_rng(_SEED)
    plain = [augment.at_house_rate(clip).pcm for clip in clips[:60]]
    n = min(len(p) for p in plain) * 20
    murmur = sum(np.resize(np.concatenate(plain[k::4]), n) for k in range(4)).astype(np.float32)  # type: ignore[union-attr]
    inputs, targets, phones = [], [], []
    for _ in range(variants):
        order = rng.permutation(len(clips))
        for part in tqdm(np.array_split(order, max(1, len(clips) // 40)), desc="hearing", unit="part"):
            sound, mouth, said = augment.stream([augment.varied(clips[k], murmur, rng) for k in part], rng)
            inputs.append(hear(np.concatenate((np.zeros(BEFORE, np.float32), sound))))
            targets.append(mouth)
            phones.append(said)
    # What is told at a tick is of LOOK_AHEAD ticks before.
    mouth, said = np.concatenate(targets), np.concatenate(phones)
    mouth, said = np.roll(mouth, LOOK_AHEAD, 0), np.roll(said, LOOK_AHEAD)
    out = np.concatenate(inputs), mouth, said
    np.savez(kept, heard=out[0].astype(np.float16), mouth=mouth.astype(np.float16), phones=said)
    return out


def train(folder: Path, out: Path, epochs: int = EPOCHS) -> None:
    """Learn from the corpus in ``folder`` and write the network to ``out``."""
    try:
        import torch
    except ImportError as error:
        raise AvatarError("training needs torch: pip install 'everhost[neural]'") from error
    torch.manual_seed(_SEED)
    torch.set_num_threads(1)  # two are no faster, and beside other work each waits for the other: 40 s a step, not 0.8
    inputs, targets, phones = (torch.from_numpy(a) for a in heard(folder))
    net = _network(torch)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-4)
    crops = len(inputs) // _CROP
    steps = epochs * (crops // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=max(2, steps), pct_start=0.1)
    weights = _weights(torch, targets)
    rng = np.random.default_rng(_SEED)
    with tqdm(total=steps, desc="learning", unit="step") as bar:
        for _ in range(epochs):
            starts = rng.permutation(crops) * _CROP + rng.integers(0, _CROP)
            for k in range(0, crops // _BATCH * _BATCH, _BATCH):
                at = torch.from_numpy(starts[k : k + _BATCH].clip(0, len(inputs) - _CROP))
                index = at[None] + torch.arange(_CROP)[:, None]
                mouth, said = net(inputs[index])
                loss = _loss(torch, mouth[_WARM:], targets[index][_WARM:], weights)
                # Told to name the phones as well, it learns to tell apart those that look alike to a distance.
                names = phones[index][_WARM:].long().flatten()
                loss = loss + _NAMED * torch.nn.functional.cross_entropy(said[_WARM:].flatten(0, 1), names)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                bar.set_postfix(loss=f"{float(loss.detach()):.4f}", refresh=False)
                bar.update()
    onnx.save(exported({name: value.numpy() for name, value in net.state_dict().items()}), out)


def _network(torch: Any) -> Any:
    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inlet = torch.nn.Linear(HEARD, WIDTH)
            self.memory = torch.nn.GRU(WIDTH, MEMORY, 2)
            self.outlet = torch.nn.Linear(MEMORY, MOUTH)
            self.names = torch.nn.Linear(MEMORY, len(corpus.PHONES))

        def forward(self, x: Any) -> Any:
            """Logits (ticks, batch, MOUTH) and (ticks, batch, phones)."""
            remembered = self.memory(torch.relu(self.inlet(x)))[0]
            return self.outlet(remembered), self.names(remembered)

    return Network()


def _weights(torch: Any, targets: Any) -> Any:
    """What each number counts for: all alike whatever they span, the jaw and the contacts more."""
    spread = targets.std(0).clamp(min=0.02)
    weights = 1.0 / spread
    weights[0] *= 2.0
    return weights / weights.mean()


def _loss(torch: Any, logits: Any, wanted: Any, weights: Any) -> Any:
    told = torch.sigmoid(logits)
    # Distances rather than squares: with squares, rounding in English was told worse (correlation 0.42 for 0.53) and
    # lips met a little more often.
    apart = (weights * (told - wanted).abs()).mean()
    moving = (weights * ((told[1:] - told[:-1]) - (wanted[1:] - wanted[:-1])).abs()).mean()
    contact = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[..., _CONTACT], wanted[..., _CONTACT], pos_weight=torch.full((2,), 3.0)
    )
    return apart + moving + 0.15 * contact


def exported(state: dict[str, Floats]) -> onnx.ModelProto:
    """The network as ONNX: ``heard`` (ticks, 1, HEARD) and ``memory`` (2, 1, MEMORY) to ``mouth`` and that anew."""
    weights: dict[str, Floats] = {
        "inlet_w": state["inlet.weight"].T,
        "inlet_b": state["inlet.bias"],
        "outlet_w": state["outlet.weight"].T,
        "outlet_b": state["outlet.bias"],
    }
    nodes = [
        helper.make_node("MatMul", ["heard", "inlet_w"], ["a"]),
        helper.make_node("Add", ["a", "inlet_b"], ["b"]),
        helper.make_node("Relu", ["b"], ["x0"]),
        helper.make_node("Split", ["memory"], ["m0", "m1"], axis=0, num_outputs=2),
    ]
    for layer in (0, 1):
        weights[f"w{layer}"] = _gates(state[f"memory.weight_ih_l{layer}"])[None]
        weights[f"r{layer}"] = _gates(state[f"memory.weight_hh_l{layer}"])[None]
        both = [_gates(state[f"memory.bias_{kind}_l{layer}"]) for kind in ("ih", "hh")]
        weights[f"b{layer}"] = np.concatenate(both)[None]
        inputs = [f"x{layer}", f"w{layer}", f"r{layer}", f"b{layer}", "", f"m{layer}"]
        size = len(state[f"memory.weight_hh_l{layer}"]) // 3
        nodes += [
            helper.make_node("GRU", inputs, [f"y{layer}", f"n{layer}"], hidden_size=size, linear_before_reset=1),
            helper.make_node("Squeeze", [f"y{layer}", "directions"], [f"x{layer + 1}"]),
        ]
    nodes += [
        helper.make_node("MatMul", ["x2", "outlet_w"], ["c"]),
        helper.make_node("Add", ["c", "outlet_b"], ["d"]),
        helper.make_node("Sigmoid", ["d"], ["mouth"]),
        helper.make_node("Concat", ["n0", "n1"], ["remembered"], axis=0),
    ]
    size = len(state["memory.weight_hh_l0"]) // 3
    graph = helper.make_graph(
        nodes,
        "lips",
        [
            helper.make_tensor_value_info("heard", TensorProto.FLOAT, ["ticks", 1, HEARD]),
            helper.make_tensor_value_info("memory", TensorProto.FLOAT, [2, 1, size]),
        ],
        [
            helper.make_tensor_value_info("mouth", TensorProto.FLOAT, ["ticks", 1, MOUTH]),
            helper.make_tensor_value_info("remembered", TensorProto.FLOAT, [2, 1, size]),
        ],
        [
            *(numpy_helper.from_array(np.ascontiguousarray(v, np.float32), name) for name, v in weights.items()),
            numpy_helper.from_array(np.array([1], np.int64), "directions"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def _gates(w: Floats) -> Floats:
    """torch keeps a GRU's gates as reset, update, new; ONNX as update, reset, hidden."""
    reset, update, new = np.split(w, 3)
    return np.concatenate((update, reset, new))
