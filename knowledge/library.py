"""The library: a room's folder of documents, indexed, kept up to date and searched."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

import numpy as np

from knowledge import bilingual, synonyms, words
from knowledge.document import Skipped
from knowledge.embedding import Embedder, Encoders, Matrix, Nearness, Vector
from knowledge.errors import KnowledgeError
from knowledge.folder import read_folder, stamps
from knowledge.homophones import Homophones
from knowledge.index import Index, Listed
from knowledge.passage import Passage
from knowledge.reading import READ, in_statements, lines, read
from knowledge.retrieval import Found, retrieve
from knowledge.wanted import Synonyms

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_SAMPLE: Final = 100_000
"""Characters of the documents in which is counted how words follow one another: about a second."""
_EMBED_AT_ONCE: Final = 4
"""Passages embedded per request: a question waits for at most one such request, about half a second."""
_EMBED_RETRY_SECONDS: Final = 5.0
WATCH_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the embeddings are; words are searchable from the first moment."""

    embedded: int
    passages: int


class Library:
    """Opened with :meth:`open`, closed with :meth:`aclose`. One a room; safe for any number of concurrent searches."""

    def __init__(self, documents: Path, index: Index, embedder: Embedder, executor: ThreadPoolExecutor) -> None:
        self.documents = documents
        self._index = index
        self._embedder = embedder
        # All SQLite work happens in this one thread, so the event loop never waits for a disk.
        self._executor = executor
        self._filling: asyncio.Task[None] | None = None
        self._refreshing = asyncio.Lock()
        self._synonyms: Synonyms = ()
        self._homophones: Homophones | None = None
        self.skipped: tuple[Skipped, ...] = ()
        self._seen: dict[str, tuple[int, int]] = {}
        """The folder's files when they were read last."""
        """Files of the folder that could not be read, for the operator."""
        self.changes = 0
        """Counts how often documents have come, changed or gone."""

    @classmethod
    async def open(
        cls,
        documents: Path,
        database: Path,
        embedder: Embedder,
        *,
        embedding: str = Encoders.name,
        told: Callable[[int, int], None] | None = None,
    ) -> Self:
        """Index the folder's changes and start embedding them behind. ``told`` hears how many files of all are read.

        Raises :class:`DocumentError` for a folder that cannot be read, :class:`IndexingError` for an index that
        cannot be used.
        """
        executor = ThreadPoolExecutor(1, thread_name_prefix="library")
        loop = asyncio.get_running_loop()
        try:
            index = await loop.run_in_executor(executor, Index, database, embedding)
        except BaseException:
            executor.shutdown(wait=False)
            raise
        library = cls(documents, index, embedder, executor)
        try:
            await library._run(words.load)
            await library._run(bilingual.load)
            await library.refresh(told)
        except BaseException:
            await library.aclose()
            raise
        return library

    async def refresh(self, told: Callable[[int, int], None] | None = None) -> int:
        """Take in what has changed in the folder; how many documents did. Questions are answered meanwhile.

        One document after the other, each whole or not at all: what breaks this off costs nothing of what is done.
        """
        async with self._refreshing:
            known = await self._run(self._index.digests)
            bad = {(file.source, file.digest): file.reason for file in self.skipped if file.digest}
            self._seen = await asyncio.to_thread(stamps, self.documents)  # what changes from here on is read again
            self._synonyms = await asyncio.to_thread(synonyms.read, self.documents)
            folder = await asyncio.to_thread(read_folder, self.documents, known, bad, told)
            gone = known.keys() - {document.source for document in folder.documents} - folder.unchanged
            await self._run(lambda: self._index.remove(gone))
            for document in folder.documents:
                await self._run(partial(self._index.replace, document))
            for file in folder.skipped:
                if file not in self.skipped:
                    _log.warning("%s %s", self.documents / file.source, file.reason)
            self.skipped = folder.skipped
            self.changes += bool(folder.documents or gone)
            if folder.documents or gone or self._homophones is None:
                counts = await self._run(self._index.vocabulary)
                texts = await self._run(lambda: self._index.sample("zh", _SAMPLE))
                # Seconds with 100 000 passages, for which no search shall wait.
                self._homophones = await asyncio.to_thread(Homophones, counts, texts)
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._fill(), name="library embeddings")
        return len(folder.documents) + len(gone)

    async def watch(self, seconds: float = WATCH_S) -> None:
        """Take in what changes in the folder as long as this runs."""
        trouble = ""
        while True:
            await asyncio.sleep(seconds)
            if not trouble and await asyncio.to_thread(stamps, self.documents) == self._seen:
                continue
            try:
                changed = await self.refresh()
            except KnowledgeError as error:  # a folder that is being moved about: what is known stays known
                if trouble != str(error):
                    _log.warning("%s", error)
                trouble = str(error)
            else:
                trouble = ""
                _log.info("%s: %d documents have changed", self.documents, changed)

    async def listed(self) -> list[Listed]:
        """The documents, by source."""
        return await self._run(self._index.listed)

    async def aclose(self) -> None:
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.gather(self._filling, return_exceptions=True)
        await self._run(self._index.close)
        self._executor.shutdown(wait=False)

    async def progress(self) -> Progress:
        return Progress(*await self._run(self._index.counts))

    async def filled(self) -> None:
        """Wait until every passage is embedded."""
        if self._filling is not None:
            await self._filling

    def mended(self, heard: str) -> str:
        """What a recognizer wrote, with the documents' words where it wrote others of the same sound."""
        return heard if self._homophones is None else self._homophones.mended(heard)

    async def titles(self, language: str) -> list[str]:
        """What the documents in ``language`` are about, the largest first."""
        return await self._run(lambda: self._index.titles(language))

    async def passages(self, source: str, language: str) -> list[Passage]:
        """Those in force of a document, or of a folder of them ("." for all), in their order."""
        return await self._run(lambda: self._index.within(source, language))

    async def search(self, question: str, *, language: str, limit: int = 4) -> Found:
        """The passages ``question`` is about; ``language`` is preferred.

        By words, and by meaning as far as passages are embedded.
        """
        embedding = await self._embedded(question)
        found = await self._run(
            lambda: in_statements(
                retrieve(self._index, question, embedding, language=language, limit=READ, synonyms=self._synonyms)
            )
        )
        nearness = await self._nearness(question, lines(found))
        return await self._run(lambda: read(found, nearness, language=language, limit=limit))

    async def _embedded(self, question: str) -> Vector | None:
        try:
            return await self._embedder.query(question)
        except Exception as error:  # whatever stands behind the embedder, words still find something
            _log.warning("searching by words alone: the embedding model failed (%s)", error)
            return None

    async def _nearness(self, question: str, texts: Sequence[str]) -> Nearness | None:
        try:
            return await self._embedder.nearness(question, texts)
        except Exception as error:
            _log.warning("the passages found are not read again: the encoder failed (%s)", error)
            return None

    async def _fill(self) -> None:
        while batch := await self._run(lambda: self._index.without_vector(_EMBED_AT_ONCE)):
            try:
                vectors = await self._embed(batch)
            except Exception as error:  # a worker that is being restarted: words carry on meanwhile
                _log.warning("embedding stopped for %g s: %s", _EMBED_RETRY_SECONDS, error)
                await asyncio.sleep(_EMBED_RETRY_SECONDS)
                continue
            await self._run(partial(self._index.store_vectors, batch, vectors))

    async def _embed(self, passages: Sequence[Passage]) -> Matrix:
        """Between the passage and its heading: people ask in the manner of headings, which a long text drowns."""
        texts = [text for passage in passages for text in (passage.headed_text, passage.heading)]
        vectors = await self._embedder.passages(texts)
        return (vectors[0::2] + vectors[1::2]) * np.float32(0.5)

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)
