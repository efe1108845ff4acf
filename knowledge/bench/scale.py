"""``everhost bench index``: a hundred thousand passages, how fast they are taken in and searched, in what memory.

The passages are sentences of the example documents, put together anew; their vectors are random directions about the
cone in which the model's lie, since searching costs the same whatever they say.
"""

import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from knowledge import bilingual, words
from knowledge.document import Document
from knowledge.embedding import DIMENSIONS, Encoders, Vector
from knowledge.folder import read_folder
from knowledge.index import Index
from knowledge.passage import Passage
from knowledge.reading import READ, in_statements, lines, read
from knowledge.retrieval import retrieve
from knowledge.sentences import split_sentences

PASSAGES: Final = 100_000
WORDS_A_SECOND: Final = 500.0
VECTORS_A_SECOND: Final = 8.0
QUERY_P95_MS: Final = 100.0
MEMORY_MIB: Final = 600.0
"""What must be reached."""
_A_DOCUMENT: Final = 100
_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class Report:
    passages: int
    indexed_a_second: float
    """Passages searchable by words."""
    embedded_a_second: float
    """Of a hundred characters, on one core."""
    query_ms: tuple[float, float]
    """Median and 95th percentile of a search, with the question's embedding and what is found read again."""
    memory_mib: float
    """Most that this process held, the embedding model included."""
    file_mb: float


def run(folder: Path, questions: Sequence[tuple[str, str]], passages: int = PASSAGES) -> Report:
    """``folder``: of example documents; ``questions``: (language, question)."""
    with tempfile.TemporaryDirectory() as place:
        database = Path(place) / "index.sqlite"
        index = Index(database, Encoders.name)
        model = Encoders()
        words.load()
        bilingual.load()
        begun, left = time.perf_counter(), 0.0
        with tqdm(total=passages, desc="indexing", unit="passage", disable=None) as bar:
            made = _documents(folder, passages)
            while True:
                paused = time.perf_counter()
                document = next(made, None)
                left += time.perf_counter() - paused  # making the text up is not what is measured
                if document is None:
                    break
                index.replace(document)
                bar.update(len(document.passages))
        indexed = passages / (time.perf_counter() - begun - left)
        _embed(index, passages)
        took = []
        for language, question in tqdm(questions, desc="asking", unit="question", disable=None):
            asked = time.perf_counter()
            found = in_statements(retrieve(index, question, model.query(question), language=language, limit=READ))
            read(found, model.nearness(question, lines(found)), language=language, limit=4)
            took.append(1e3 * (time.perf_counter() - asked))
        embedded = _embedding_rate(model, index)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = sum(file.stat().st_size for file in Path(place).iterdir()) / 1e6
        index.close()
    p50, p95 = np.quantile(took[1:], (0.5, 0.95))  # the first reads the vectors from the disk
    return Report(passages, indexed, embedded, (float(p50), float(p95)), memory, size)


def table(report: Report) -> str:
    return "\n".join(
        [
            f"{report.passages} passages, {report.file_mb:.0f} MB",
            f"indexed by words  {report.indexed_a_second:8.0f} /s   (at least {WORDS_A_SECOND:.0f})",
            f"embedded          {report.embedded_a_second:8.1f} /s   (at least {VECTORS_A_SECOND:.0f})",
            f"a search   {report.query_ms[0]:9.0f}, {report.query_ms[1]:4.0f} ms  "
            f"(p50, p95; at most {QUERY_P95_MS:.0f})",
            f"memory            {report.memory_mib:8.0f} MiB  (at most {MEMORY_MIB:.0f})",
        ]
    )


def _documents(folder: Path, passages: int) -> Iterator[Document]:
    chance = random.Random(1)  # noqa: S311 (no secret)
    said: dict[str, list[str]] = {"zh": [], "en": []}
    for document in read_folder(folder).documents:
        for passage in document.passages:
            said[passage.language] += split_sentences(passage.text)
    for n in range(passages // _A_DOCUMENT):
        language = ("zh", "en")[n % 2]
        source, title = f"{n}.md", f"{chance.choice(said[language])[:20]} {n}"
        made = tuple(_passage(chance, said[language], language, source, title, k) for k in range(_A_DOCUMENT))
        yield Document(source, title, str(n), made)


def _passage(chance: random.Random, said: Sequence[str], language: str, source: str, title: str, k: int) -> Passage:
    length = _LENGTH if language == "zh" else 3 * _LENGTH
    text = ""
    while len(text) < length:
        text += chance.choice(said)
    return Passage(title, f"{chance.choice(said)[:12]} {k}", text[:length], language, source)


def _embed(index: Index, passages: int) -> None:
    rng = np.random.default_rng(1)
    middle = rng.normal(0, 1, DIMENSIONS)
    with tqdm(total=passages, desc="vectors", unit="passage", disable=None) as bar:
        while batch := index.without_vector(1000):
            vectors = (middle + rng.normal(0, 0.5, (len(batch), DIMENSIONS))).astype(np.float32)
            index.store_vectors(batch, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
            bar.update(len(batch))


def _embedding_rate(model: Encoders, index: Index) -> float:
    texts = [passage.text[:_LENGTH] for passage in index.passages(range(1, 61)).values()]
    begun = time.perf_counter()
    vectors: list[Vector] = list(model.passages(texts))
    return len(vectors) / (time.perf_counter() - begun)
