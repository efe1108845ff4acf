"""Makes ``senses.onnx`` and ``meaning.npz`` from ``training/*.jsonl``: ``everhost moderation train``.

Thirty-five minutes on one core that multiplies bfloat16. Needs torch and SciPy.

How much each part is to be believed, and from where on a text is stopped, is read off a tenth of the lessons, which
neither part learns.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from knowledge.sentences import split_sentences
from knowledge.wordpieces import WordPieces
from streaming.bars import following
from streaming.hearing.transcript import Language
from streaming.moderation import network, senses
from streaming.moderation.folding import Alternates
from streaming.moderation.lists import standard as standard_lists
from streaming.moderation.meaning import CELLS, KINDS, Weights, against_none, kind_of, pieces, readings
from streaming.moderation.moderator import Moderator
from streaming.moderation.senses import Reader
from streaming.moderation.verdict import CATEGORIES, WHATS, What

FOLDER: Final = Path(__file__).parent / "training"
FILE: Final = Path(__file__).parent / "meaning.npz"
NETWORK: Final = Path(__file__).parent / senses.FILE
HELD: Final = 10
"""One lesson of so many is not learned."""
PIECES_C: Final = 5.0
LISTED: Final = 1.0
"""Log odds that a phrase of the lists is expected to add, unless the lessons say otherwise: half of the harmless ones
were written around such phrases, as people seldom write."""
FIRMNESS: Final = 20.0
FALSE: Final = {"question": 0.03, "answer": 0.02, "name": 0.03, "card": 0.01}
"""Of harmless texts, so many may be stopped."""
EASE: Final = {"question": 1.6, "name": 1.6, "answer": 0.0, "card": 0.0}
"""Harmless lessons were made to be hard: half of them are near misses. A threshold that is lower by so much stops 3 of
the 174 harmless messages of the gold set's first half."""

Floats = NDArray[np.float32]


def _nobody(done: int, work: int) -> None:
    pass


class Lesson(NamedTuple):
    text: str
    language: Language
    what: What
    category: str | None


@dataclass(slots=True)
class Material:
    readings: list[tuple[str, str]]
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
            [self.readings[k] for k in which],
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


def material(taught: Sequence[Lesson]) -> Material:
    """What is learned from, of lessons."""
    lists = standard_lists()
    moderator, alternates = Moderator(lists), Alternates(lists.alike)
    read = [readings(one.text, alternates) for one in taught]
    verdicts = [moderator.check(one.text, one.language, one.what) for one in taught]
    return Material(
        read,
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


def by_network(held: Material, reader: Reader) -> NDArray[np.float64]:
    logits = against_none(np.stack([reader.read(both) for both in held.readings]))
    odds: NDArray[np.float64] = np.logaddexp.reduce(logits.astype(np.float64), -1)
    return odds


# Together


def learned(taught: Material, tell: network.Tell = _nobody) -> tuple[bytes, Weights]:
    """The network as ONNX, and what is believed of it and of the pieces."""
    order = np.random.default_rng(0).permutation(len(taught.label))
    rest, held = taught.of(order[len(order) // HELD :]), taught.of(order[: len(order) // HELD])
    net = network.learned(rest.readings, rest.label, tell)
    cells, bias = learned_pieces(rest)
    unseen = np.column_stack([by_pieces(held, cells, bias), by_network(held, Reader(WordPieces(), net))])
    return net, weighed(held, unseen, cells, bias)


def weighed(held: Material, unseen: NDArray[np.float64], cells: Floats, bias: float) -> Weights:
    """``unseen`` (n, 2): what the pieces and the network say of lessons that they did not learn."""
    (of_pieces, of_network), offset, of_found = _balance(unseen, held)
    odds = unseen @ (of_pieces, of_network) + offset + _of_found(held.found, of_found)
    return Weights(
        cells * of_pieces,
        bias * of_pieces + offset,
        of_network,
        dict(zip(KINDS, map(float, of_found), strict=True)),
        {what: _threshold(odds, held, what) for what in WHATS},
    )


def _balance(unseen: NDArray[np.float64], taught: Material) -> tuple[Any, float, NDArray[np.float64]]:
    """How much each part is to be believed: logistic regression over what they say of texts they were not taught."""
    from scipy.optimize import minimize

    given = np.column_stack([unseen, *(taught.found == k for k in range(len(KINDS))), np.ones(len(unseen))])
    sign = np.where(taught.banned, 1.0, -1.0)
    listed = np.array([False, False, *(True for _ in KINDS), False])
    expected, firmness = np.where(listed, LISTED, 0.0), np.where(listed, FIRMNESS, 1.0)

    def loss(weights: NDArray[np.float64]) -> float:
        odd = ((weights - expected) ** 2 * firmness).sum() / 2
        return float(np.logaddexp(0, -sign * (given @ weights)).sum() + odd)

    best = minimize(loss, np.zeros(given.shape[1]), method="L-BFGS-B").x
    return best[:2], float(best[-1]), best[2:-1]


def _of_found(found: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(found < 0, 0.0, np.append(weights, 0.0)[found])


def _threshold(odds: NDArray[np.float64], taught: Material, what: What) -> float:
    like = "answer" if what == "card" else what
    harmless = odds[~taught.banned & np.array([one == like for one in taught.what])]
    return float(np.quantile(harmless, 1 - FALSE[what])) - EASE[what]


def main(documents: Path = Path("rooms")) -> None:
    taught = material(lessons(documents))
    with tqdm(desc="learning", unit="step") as bar:
        net, weights = learned(taught, following(bar))
    NETWORK.write_bytes(net)
    FILE.write_bytes(weights.packed())
    print(f"{NETWORK} and {FILE}: {len(taught.label)} texts")  # noqa: T201
