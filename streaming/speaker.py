"""A room's voices: text in as it arrives, speech out clause by clause.

A text that was prepared is there at once. Of any other, each clause is made by the first of the language's voices that
can; a voice that fails is passed over from that clause on, and tried again with the next text.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from avatar.speech import SpeechChunk
from avatar.voice.clauses import Clause, Cutter
from avatar.voice.finish import silence
from avatar.voice.prepared import Prepared, Script
from streaming.engines import ON_AIR, PREPARING, Engines, voice_identity
from streaming.errors import EngineError
from streaming.roomfile import Language, Voice

log = logging.getLogger(__name__)

COMING_S: Final = 25.0
"""How long what is to be said waits for a voice that is being loaded."""
PATIENCE_S: Final = 12.0
"""How long a clause is waited for while there is another voice that could say it."""


class Speaker:
    def __init__(
        self,
        engines: Engines,
        voices: Mapping[Language, Sequence[Voice]],
        lexicon: Mapping[str, str],
        prepared: Path,
    ) -> None:
        """``voices``: for each language in the order of preference; ``prepared``: the folder of prepared speech."""
        self._engines = engines
        self._voices = voices
        self._lexicon = lexicon
        self._prepared = Prepared(prepared)

    async def speak(self, text: str | AsyncIterable[str], language: Language) -> AsyncGenerator[SpeechChunk, None]:
        """Speak ``text``, which may still be arriving. Closing the iterator stops at once.

        Raises :class:`EngineError` when no voice can say the rest of it.
        """
        if isinstance(text, str) and (made := await self._find(text, language)) is not None:
            for chunk in made:
                yield chunk
            return
        able = await self._able(language)
        async with contextlib.aclosing(self._clauses(text, language, able[0])) as clauses:
            async for clause in clauses:
                async with contextlib.aclosing(self._say(clause, able)) as chunks:
                    async for chunk in chunks:
                        yield chunk

    async def can_say(self, text: str, language: Language) -> bool:
        """Whether ``text`` can be begun now: it is prepared, or a voice is there."""
        voices = self._of(language)
        return any(map(self._engines.can_speak, voices)) or await self._find(text, language) is not None

    async def arrived(self, language: Language) -> None:
        """Wait until the first voice of a language is loaded; for ever if it cannot be."""
        await self._engines.loaded(self._of(language)[0].shown)

    async def coming(self, language: Language) -> None:
        """Wait for a voice that is being loaded, or started again; not for one that is still to be fetched."""
        await self._engines.coming([voice.shown for voice in self._of(language)], COMING_S)

    async def prepare(self, text: str, language: Language, *, first: bool = False) -> None:
        """Have ``text`` made ahead: ``first``, or when nothing else is to be said. Raises :class:`EngineError`."""
        voice = self._of(language)[0]
        script = self._script(voice, text, language)
        if await asyncio.to_thread(self._prepared.__contains__, script):
            return
        priority = ON_AIR if first else PREPARING
        limits = await self._engines.limits(voice, language)
        cutter = Cutter(language, limits[-1:], self._lexicon)  # long ones, which sound best: there is time
        made: list[SpeechChunk] = []
        for clause in cutter.whole(text):
            if clause.text:
                made += [chunk async for chunk in self._engines.speak(voice, clause, priority=priority)]
            else:
                made.append(silence(clause))
        try:
            await asyncio.to_thread(self._prepared.keep, script, made)
        except OSError as error:
            log.warning("prepared speech cannot be kept: %s", error)

    def _of(self, language: Language) -> Sequence[Voice]:
        """Voices of a language; a room without any lets its other voices try."""
        return self._voices.get(language) or next(iter(self._voices.values()))

    def _script(self, voice: Voice, text: str, language: Language) -> Script:
        return Script(voice_identity(voice), text, language, self._lexicon)

    async def _find(self, text: str, language: Language) -> list[SpeechChunk] | None:
        for voice in self._of(language):
            made = await asyncio.to_thread(self._prepared.find, self._script(voice, text, language))
            if made is not None:
                return made
        return None

    async def _able(self, language: Language) -> list[Voice]:
        """The voices that are there, in order; at least one. Raises :class:`EngineError` saying why none is."""
        voices = self._of(language)
        able = [voice for voice in voices if self._engines.can_speak(voice)]
        if not able:
            self._engines.check_voice(voices[0])
        return able

    async def _clauses(
        self, text: str | AsyncIterable[str], language: Language, voice: Voice
    ) -> AsyncGenerator[Clause, None]:
        cutter = Cutter(language, await self._engines.limits(voice, language), self._lexicon)
        async for piece in _pieces(text):
            for clause in cutter.feed(piece):
                yield clause
        for clause in cutter.flush():
            yield clause

    async def _say(self, clause: Clause, able: list[Voice]) -> AsyncGenerator[SpeechChunk, None]:
        """One clause by the first of ``able`` that can; those that fail are taken out of it. The last of them says it
        again once it was started again.
        """
        if not clause.text:
            yield silence(clause)
            return
        again = False
        while True:
            voice, said, rest = able[0], False, 1.0
            patience = PATIENCE_S if len(able) > 1 else None
            try:
                async with contextlib.aclosing(self._engines.speak(voice, clause, priority=ON_AIR)) as chunks:
                    async for chunk in _within(chunks, patience):
                        said, rest = True, chunk.rest
                        yield chunk
                return
            except EngineError as error:
                if rest <= 0:  # it came to nothing after the last of it
                    return
                if len(able) == 1:
                    if again or not error.retryable:
                        raise
                    again = True
                    log.warning("%s says “%s” again: %s", voice.shown, clause.text, error)
                    await self._engines.coming([voice.shown], COMING_S)
                    continue
                able.pop(0)
                log.warning("%s goes on with another voice: %s", voice.shown, error)
                if said:  # a clause of several chunks is half said: its rest is lost, what follows is not
                    return


async def _within(chunks: AsyncIterator[SpeechChunk], seconds: float | None) -> AsyncIterator[SpeechChunk]:
    """``chunks``, each waited for so long at most."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise EngineError(f"said nothing for {seconds:g} s") from None
        yield chunk


async def _pieces(text: str | AsyncIterable[str]) -> AsyncIterator[Any]:
    if isinstance(text, str):
        yield text
        return
    async for piece in text:
        yield piece
