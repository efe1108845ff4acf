"""What joins a room to its knowledge: the index of its documents, and a language model wherever it runs."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from knowledge.answer import Context
from knowledge.answerer import CitedAnswerer, open_knowledge, warm
from knowledge.chain import Chain
from knowledge.dialogue import Turn
from knowledge.errors import LLMError
from knowledge.library import Library
from knowledge.llm import Message, OpenAIChat, Timeouts
from streaming.engines import LLM, Engines, WorkerEmbedder
from streaming.errors import EngineError, RoomFileError
from streaming.roomfile import LANGUAGES, Language, Llm, RoomFile

log = logging.getLogger(__name__)


class EmbeddedChat:
    """The embedded language model: llama.cpp's own server in a worker process, spoken to like any other."""

    def __init__(self, engines: Engines, *, even_cold: bool = False) -> None:
        self._engines = engines
        self._even_cold = even_cold
        self._pid: int | None = None
        self._chat: OpenAIChat | None = None

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0, stop: Sequence[str] = ()
    ) -> AsyncGenerator[str, None]:
        chat = await self._connect()
        try:
            made = chat.stream(messages, max_tokens=max_tokens, temperature=temperature, stop=stop)
            async with contextlib.aclosing(made) as texts:  # an interrupt frees the model at once
                async for text in texts:
                    yield text
        except LLMError as error:
            if error.retryable:  # it hangs or is gone: the next question finds a fresh one
                await self._engines.restart(LLM, self._pid)
            raise

    async def aclose(self) -> None:
        if self._chat is not None:
            await self._chat.aclose()

    async def _connect(self) -> OpenAIChat:
        try:
            worker = self._engines.worker(LLM, even_cold=self._even_cold)
            if self._chat is None or worker.pid != self._pid:
                await self.aclose()
                base_url, api_key = await worker.call("endpoint")
                self._pid = worker.pid
                self._chat = OpenAIChat(base_url, "embedded", api_key=api_key, retries=0)
        except EngineError as error:
            raise LLMError(str(error), retryable=False) from error
        return self._chat


@dataclass(frozen=True, slots=True)
class Prompted:
    """What a language model was asked, and what it said."""

    model: str
    messages: tuple[Message, ...]
    said: str
    seconds: float
    error: str = ""


def _nobody(prompted: Prompted) -> None:
    pass


class Witnessed:
    """A language model with a witness to all that it is asked; called in the task that asked."""

    def __init__(self, model: "EmbeddedChat | OpenAIChat", name: str, tell: Callable[[Prompted], None]) -> None:
        self._model, self._name, self._tell = model, name, tell

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0, stop: Sequence[str] = ()
    ) -> AsyncGenerator[str, None]:
        begun, said, failed = time.monotonic(), [], ""
        try:
            made = self._model.stream(messages, max_tokens=max_tokens, temperature=temperature, stop=stop)
            async with contextlib.aclosing(made) as texts:
                async for text in texts:
                    said.append(text)
                    yield text
        except LLMError as error:
            failed = str(error)
            raise
        finally:
            seconds = time.monotonic() - begun
            self._tell(Prompted(self._name, tuple(messages), "".join(said), seconds, failed))

    async def aclose(self) -> None:
        await self._model.aclose()


def chat_model(llms: Sequence[Llm], engines: Engines, tell: Callable[[Prompted], None] = _nobody) -> Chain:
    """The models a room names, in that order; ``tell`` is told all that they are asked. Raises
    :class:`RoomFileError` when a key is not in the environment.
    """
    return Chain([Witnessed(_model(llm, engines), llm.model, tell) for llm in llms])


def _model(llm: Llm, engines: Engines) -> EmbeddedChat | OpenAIChat:
    if llm.base_url is None:
        return EmbeddedChat(engines)
    key = None
    if llm.api_key_env is not None and not (key := os.environ.get(llm.api_key_env)):
        raise RoomFileError(f"llm.api_key_env names {llm.api_key_env}, which is not set; export it and start again")
    timeouts = Timeouts(connect=min(5.0, llm.timeout_s), read=llm.timeout_s)
    if key and not (key := key.strip()).isascii():
        raise RoomFileError(f"{llm.api_key_env} holds characters that no API key has; export it anew")
    return OpenAIChat(llm.base_url, llm.model, api_key=key, timeouts=timeouts)


def context(settings: RoomFile, language: Language, turns: tuple[Turn, ...] = ()) -> Context:
    host = settings.host
    return Context(
        language=language,
        host=host.name[language],
        persona=host.persona[language],
        refusal=host.refusal[language],
        turns=turns,
    )


async def warm_up(settings: Sequence[RoomFile], engines: Engines) -> None:
    """Have the embedded model read what each room's prompts begin with, so that no question waits for that.

    Until then it is not used: reading it takes some 15 s, and a room that quotes its documents answers at once.
    """
    chat = EmbeddedChat(engines, even_cold=True)
    try:
        for language in LANGUAGES:
            for one in settings:
                if language in one.voices and any(llm.base_url is None for llm in one.llm):
                    await warm(chat, context(one, language))
    except LLMError as error:
        log.warning("the language model could not be warmed up: %s", error)
    finally:
        engines.warmed(LLM)
        await chat.aclose()


def index_of(settings: RoomFile, folder: Path) -> Path:
    """The file of a room's index in the data ``folder``."""
    return folder / f"{settings.id}.index.sqlite"


async def report(library: Library) -> dict[str, Any]:
    """A room's documents and what was skipped of them, for JSON."""
    return {
        "documents": [asdict(one) for one in await library.listed()],
        "skipped": [{"source": one.source, "reason": one.reason} for one in library.skipped],
    }


@contextlib.asynccontextmanager
async def room_answerer(
    settings: RoomFile, engines: Engines, folder: Path, tell: Callable[[Prompted], None] = _nobody
) -> AsyncGenerator[CitedAnswerer, None]:
    """A room's answerer while it is open; its index is under ``folder`` and takes in what changed in the documents.

    ``tell`` is told what language models are asked.
    """
    async with contextlib.aclosing(chat_model(settings.llm, engines, tell)) as chat:
        index = index_of(settings, folder)
        answerer = await open_knowledge(settings.documents, index, WorkerEmbedder(engines), chat)
        async with contextlib.aclosing(answerer):
            watching = asyncio.create_task(answerer.library.watch(), name="documents")
            try:
                yield answerer
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
