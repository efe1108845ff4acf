"""What a room's moderation says of a text: by its lists, and by its meaning where what reads that is at hand."""

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from knowledge.wordpieces import WordPieces
from streaming.engines import Engines
from streaming.errors import EngineError
from streaming.moderation.folding import Alternates
from streaming.moderation.meaning import Meaning
from streaming.moderation.moderator import Moderator
from streaming.moderation.policy import Policy
from streaming.moderation.senses import Reader
from streaming.moderation.verdict import Verdict, What
from streaming.roomfile import Language

PATIENCE_S: Final = 1.0
"""How long what a text means is waited for; after that its words have to do."""


@dataclass(frozen=True, slots=True)
class _Readers:
    moderator: Moderator
    meaning: Meaning


class Judge:
    def __init__(self, engines: Engines, policy: Policy) -> None:
        self._engines = engines
        self._policy = policy
        self._readers: asyncio.Future[_Readers] | None = None

    async def edited(self, policy: Policy) -> None:
        """Other lists; those from before count until these are read."""
        readers = await asyncio.to_thread(_readers, _key(policy))
        self._policy = policy
        self._readers = asyncio.get_running_loop().create_future()
        self._readers.set_result(readers)

    async def load(self) -> _Readers:
        """Have the lists read, which takes a second; the first text would wait for it."""
        if self._readers is None:
            self._readers = asyncio.ensure_future(asyncio.to_thread(_readers, _key(self._policy)))
        return await asyncio.shield(self._readers)

    def close(self) -> None:
        """Nobody asks any more."""
        if self._readers is not None:
            self._readers.cancel()

    async def of(self, text: str, language: Language | None, what: What, *, quoted: bool = False) -> Verdict | None:
        """None: nothing is found, or nobody looks. Only lists can stop what is ``quoted`` from the documents."""
        if not self._policy.on:
            return None
        readers = await self.load()
        found = readers.moderator.check(text, language, what)
        if quoted:
            return found
        with contextlib.suppress(EngineError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                senses = await self._engines.senses(readers.meaning.readings(text))
            return readers.meaning.verdict(text, what, found, senses)
        return found


class Alone:
    """In this process, for want of engines; synchronous, some milliseconds a text."""

    def __init__(self, policy: Policy) -> None:
        readers = _readers(_key(policy))
        self.moderator, self._meaning = readers.moderator, readers.meaning
        self._reader = Reader(WordPieces())

    def of(self, text: str, language: Language | None, what: What) -> Verdict | None:
        found = self.moderator.check(text, language, what)
        senses = self._reader.read(self._meaning.readings(text))
        return self._meaning.verdict(text, what, found, senses)


def _key(policy: Policy) -> str:
    return policy.model_dump_json(include={"add", "remove"})


_reading = threading.Lock()
"""Rooms that start at once wait for the first one's, instead of each reading the same."""


def _readers(key: str) -> _Readers:
    with _reading:
        return _read(key)


@lru_cache(8)
def _read(key: str) -> _Readers:
    """Shared by rooms with the same lists: they take 50 MB."""
    lists = Policy.model_validate_json(key).lists()
    moderator = Moderator(lists)
    moderator.load()
    return _Readers(moderator, Meaning(Alternates(lists.alike), lists.off))
