"""The engines a gateway runs: which models they need, fetched behind the first pictures, each in its own process."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from avatar.speech import SpeechChunk
from avatar.voice.clauses import Clause
from streaming import fonts
from streaming.errors import EngineError, EverhostError, RoomFileError
from streaming.hearing.transcript import Transcript
from streaming.models.catalogue import find
from streaming.models.store import Store
from streaming.roomfile import Language, RoomFile, Voice
from streaming.workers import EngineSpec, Worker

log = logging.getLogger(__name__)

RECOGNITION: Final = "recognition"
EMBEDDING: Final = "embedding"
LLM: Final = "language model"
KOKORO: Final = "kokoro"

GLIMPSES: Final = 0.3
"""Of one core: what looks at those who still speak may take, all rooms together."""

LOOK_S: Final = 0.1
GIVES_WAY_S: Final = 30.0
"""How long the language model waits to be loaded while voices are."""

# Who is served first by a voice.
ON_AIR: Final = 0
PREPARING: Final = 10

Names = Mapping[Language, str]


@dataclass(slots=True)
class Need:
    """One engine, and where it stands."""

    name: str
    what: Names
    """What it is for, for people."""
    factory: str
    model: str | None
    """Its model's name in the store; None when its package carries it."""
    options: dict[str, Any] = field(default_factory=dict)
    nice: int = 5
    worker: Worker | None = None
    done: int = 0
    """Bytes of the model that are here."""
    total: int = 0
    error: str | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it was loaded."""
    to_warm: bool = False
    """It has to be warmed up whenever it was loaded; see :meth:`Engines.warmed`."""
    warm: int | None = None
    """The id of the process that was."""

    @property
    def cold(self) -> bool:
        return self.to_warm and (self.worker is None or self.worker.pid != self.warm)

    @property
    def loaded(self) -> bool:
        return self.worker is not None and self.worker.state == "ready"

    @property
    def coming(self) -> bool:
        """It is being loaded or started again: its model is there, and nothing has failed for good."""
        return self.worker is not None and not self.loaded and not self.worker.state.startswith("failed")

    @property
    def ready(self) -> bool:
        return self.loaded and not self.cold


def find_backend(group: str, name: str) -> str:
    """The factory of an installed back-end. Raises :class:`RoomFileError` naming those there are."""
    installed = {point.name: point.value for point in entry_points(group=group)}
    if name not in installed:
        known = ", ".join(sorted(installed)) or "none"
        raise RoomFileError(f"no back-end '{name}' is installed for {group} (installed: {known}); install its package")
    return installed[name]


class Engines:
    """Shared by all rooms of a gateway."""

    def __init__(self, store: Store, rooms: Iterable[RoomFile], *, hearing: bool = True, patient: bool = True) -> None:
        """``patient``: a model that cannot be fetched now is tried again for ever, as a room on air wants it."""
        self._patient = patient
        self._store = store
        self._needs: dict[str, Need] = {}
        self._limits: dict[tuple[str, Language], tuple[int, ...]] = {}
        self._next_glimpse = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._fetching = asyncio.Lock()
        """One model at a time, in order; one that has to be tried again later lets the next pass."""
        for room in rooms:
            self._need_for(room, hearing)

    def _need_for(self, room: RoomFile, hearing: bool) -> None:
        for language, voices in room.voices.items():
            for voice in voices:
                self._add(_voice_need(voice, language))
        self._add(
            Need(
                EMBEDDING,
                {"zh": "文档检索", "en": "document search"},
                find_backend("everhost.embedders", "embedded"),
                None,
            )
        )
        for llm in room.llm:
            if llm.base_url is None:
                what: Names = {"zh": "语言模型", "en": "language model"}
                factory = find_backend("everhost.llms", "llama")
                self._add(Need(LLM, what, factory, llm.model, {"threads": 1}, nice=10))
        if hearing:
            wanted = room.hearing
            factory = find_backend("everhost.recognizers", wanted.engine)
            what = {"zh": "语音识别", "en": "speech recognition"}
            options = dict(wanted.options)
            if wanted.stored is None and wanted.model is not None:
                options["model"] = wanted.model
            self._add(Need(RECOGNITION, what, factory, wanted.stored, options, nice=3))

    def _add(self, need: Need) -> None:
        if need.model is not None:
            find(need.model)  # a model that does not exist is an error at the start
        other = self._needs.setdefault(need.name, need)
        if (other.factory, other.model, other.options) != (need.factory, need.model, need.options):
            raise RoomFileError(
                f"two rooms want the {need.name} with different models or options; engines are shared by all rooms of"
                " one 'everhost serve', so give both the same, or serve them apart"
            )

    @property
    def needs(self) -> list[Need]:
        return list(self._needs.values())

    @property
    def missing(self) -> list[Need]:
        return [need for need in self._needs.values() if not need.ready]

    def start(self) -> None:
        """Begin to fetch and load, the small first: a voice speaks before the language model has arrived."""
        needs = sorted(self._needs.values(), key=lambda need: find(need.model).bytes if need.model else 0)
        self._tasks += [asyncio.create_task(self._bring(need), name=f"bring {need.name}") for need in needs]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(need.worker.close() for need in self._needs.values() if need.worker))

    async def font(self) -> Path | None:
        """The font of cards, fetched if need be; None where it cannot be had, and one of the system will do."""
        try:
            async with self._fetching:
                return await self._store.ensure(fonts.MODEL)
        except EverhostError as error:
            log.warning("the font of cards cannot be had (%s); %s brings one", error, fonts.REMEDY)
            return None

    async def settled(self) -> None:
        """Wait until everything is there or has failed."""
        await asyncio.gather(*self._tasks)

    async def loaded(self, name: str) -> None:
        """Wait until this engine is loaded; for ever if it cannot be."""
        if (need := self._needs.get(name)) is not None:
            await need.settled.wait()

    async def coming(self, names: Sequence[str], within_s: float) -> None:
        """Wait for one of these engines that are being loaded or started again; not for those still to be fetched."""
        needs = [need for name in names if (need := self._needs.get(name)) is not None]
        for _ in range(round(within_s / LOOK_S)):
            if any(need.loaded for need in needs) or not any(need.coming for need in needs):
                return
            await asyncio.sleep(LOOK_S)

    async def _bring(self, need: Need) -> None:
        try:
            here = self._voices_here() if need.name == LLM else []
            if need.model is None or await self._fetch(need, need.model):
                await _settled(here)
                await self._load(need)
        except Exception as error:  # one engine's trouble is not the others'
            need.error = str(error) or type(error).__name__
            log.error("%s: %s", need.name, need.error, exc_info=not isinstance(error, EverhostError))

    def _voices_here(self) -> "list[Need]":
        """Whose models need not be fetched: after a restart somebody waits to hear them, and the language model, which
        takes the longest to load, gives way.
        """
        voices = [need for need in self._needs.values() if need.name.startswith("voice ")]
        return [need for need in voices if need.model is None or self._store.path(need.model) is not None]

    async def _fetch(self, need: Need, model: str) -> bool:
        def progress(name: str, done: int, total: int) -> None:
            need.done, need.total = done, total

        pause = 5.0
        while True:
            try:
                async with self._fetching:
                    await self._store.ensure(model, progress=progress)
            except EverhostError as error:
                if need.error is None:
                    log.error("%s: %s", need.name, error)
                need.error = str(error)
                if not (error.retryable and self._patient):
                    return False
                await asyncio.sleep(pause)
                pause = min(pause * 2, 300)
            else:
                need.error = None
                return True

    async def _load(self, need: Need) -> None:
        spec = EngineSpec(need.name, need.factory, self._arguments(need), nice=need.nice)
        need.worker = Worker(spec)
        await need.worker.start()
        await need.worker.ready()
        need.settled.set()
        log.info("%s is loaded", need.name)

    def _arguments(self, need: Need) -> dict[str, Any]:
        if need.model is None:
            return need.options
        folder = self._store.path(need.model)
        if folder is None:
            raise EngineError(f"the model {need.model} is gone from the cache; start again to fetch it")
        match need.factory.rpartition(":")[2]:
            case "Kokoro":
                files = {"model": next(folder.glob("*.onnx")), "vocabulary": folder / "vocab.json"}
            case "LlamaServer":
                files = {"model": next(folder.glob("*.gguf"))}
            case _:
                files = {"model": folder}
        return {**files, **need.options}

    def worker(self, name: str, *, even_cold: bool = False) -> Worker:
        """A ready engine. Raises :class:`EngineError` saying what is still missing."""
        need = self._needs.get(name)
        if need is None or need.worker is None or not (need.ready or (even_cold and need.loaded)):
            why = need.error if need and need.error else "is still arriving, or being started again"
            raise EngineError(f"{name}: {why}")
        return need.worker

    def keep_cold(self, name: str) -> None:
        """Whenever this engine was loaded, do not use it until :meth:`warmed`: its first answer would take far longer
        than any later.
        """
        if name in self._needs:
            self._needs[name].to_warm = True

    async def to_warm(self, name: str) -> None:
        """Wait until this engine is loaded and cold; for ever if there is none."""
        while True:
            if (need := self._needs.get(name)) is not None and need.loaded and need.cold:
                return
            await asyncio.sleep(LOOK_S)

    def warmed(self, name: str) -> None:
        """The process that runs now was warmed up."""
        need = self._needs.get(name)
        if need is not None and need.worker is not None:
            need.warm = need.worker.pid

    async def restart(self, name: str, pid: int | None) -> None:
        """Kill an engine that hangs outside any request, and load it again, unless another process does its work
        already.
        """
        need = self._needs.get(name)
        if need is not None and need.worker is not None and need.worker.pid == pid:
            await need.worker.close()
            await need.worker.start()

    # What the rest of the house asks of them

    def can_speak(self, voice: Voice) -> bool:
        return self._needs[voice.shown].ready

    def check_voice(self, voice: Voice) -> None:
        """Raises :class:`EngineError` saying why a voice cannot speak now."""
        self.worker(voice.shown)

    async def limits(self, voice: Voice, language: Language) -> tuple[int, ...]:
        """See :meth:`avatar.voice.VoiceEngine.limits`."""
        name = voice.shown
        if (name, language) not in self._limits:
            self._limits[name, language] = await self.worker(name).call("limits", language, priority=-1)
        return self._limits[name, language]

    def speak(self, voice: Voice, clause: Clause, *, priority: int = ON_AIR) -> AsyncGenerator[SpeechChunk, None]:
        """One clause. Closing the iterator stops the engine at once; what is being prepared makes way for the air."""
        return self.worker(voice.shown).stream("speak", clause, priority=priority, yielding=priority == PREPARING)

    async def senses(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """See :meth:`streaming.moderation.senses.Reader.read`."""
        senses: npt.NDArray[np.float32] = await self.worker(EMBEDDING).call("senses", list(texts), priority=-1)
        return senses

    async def recognize(
        self, pcm: npt.NDArray[np.float32], language: Language | None, vocabulary: Mapping[Language, str]
    ) -> Transcript:
        """(n,) float32 mono at 16 kHz → text; ``vocabulary``: words that are likely here."""
        heard: Transcript = await self.worker(RECOGNITION).call("transcribe", pcm, language, vocabulary)
        return heard

    async def glimpse(
        self, pcm: npt.NDArray[np.float32], language: Language | None, vocabulary: Mapping[Language, str]
    ) -> Transcript | None:
        """The same, quickly, of somebody who still speaks; None while there is no time for it."""
        worker, begun = self.worker(RECOGNITION), time.monotonic()
        if begun < self._next_glimpse or worker.waiting:
            return None
        self._next_glimpse = math.inf  # until it is known what this one costs
        try:
            seen: Transcript = await worker.call("transcribe", pcm, language, vocabulary, priority=1, quick=True)
        finally:
            now = time.monotonic()
            self._next_glimpse = now + (now - begun) * (1 / GLIMPSES - 1)
        return seen


async def _settled(needs: "Sequence[Need]") -> None:
    """All loaded, or it takes too long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GIVES_WAY_S):
            await asyncio.gather(*(need.settled.wait() for need in needs))


@contextlib.asynccontextmanager
async def settled(engines: Engines) -> AsyncIterator[Engines]:
    """All engines loaded, and closed afterwards. Raises :class:`EverhostError` naming what cannot be had."""
    try:
        engines.start()
        await engines.settled()
        if failed := [need.error for need in engines.missing if need.error]:
            raise EverhostError("; ".join(failed))
        yield engines
    finally:
        await engines.close()


class WorkerEmbedder:
    """:class:`knowledge.embedding.Embedder` over the embedding engine; waits while it loads."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def query(self, text: str) -> npt.NDArray[np.float32]:
        vector: npt.NDArray[np.float32] = await self._engines.worker(EMBEDDING).call("query", text, priority=-1)
        return vector

    async def passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors: npt.NDArray[np.float32] = await self._engines.worker(EMBEDDING).call("passages", list(texts))
        return vectors

    async def nearness(self, question: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        worker = self._engines.worker(EMBEDDING)
        near: npt.NDArray[np.float32] = await worker.call("nearness", question, list(texts), priority=-1)
        return near


def voice_identity(voice: Voice) -> dict[str, Any]:
    """All that tells one voice from another, as JSON."""
    files = [file.sha256 for file in find(KOKORO).files] if voice.engine == KOKORO else []
    return {"engine": voice.engine, "voice": voice.voice, "options": dict(voice.options), "model": files}


def _voice_need(voice: Voice, language: Language) -> Need:
    tongue = {"zh": ("中文语音", "Mandarin voice"), "en": ("英文语音", "English voice")}[language]
    what: Names = {"zh": tongue[0], "en": tongue[1]}
    options = dict(voice.options)
    if voice.voice:
        options["voice"] = voice.voice
    model = KOKORO if voice.engine == KOKORO else None
    return Need(voice.shown, what, find_backend("everhost.voices", voice.engine), model, options, nice=1)
