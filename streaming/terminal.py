"""What ``everhost`` does in a terminal without going on air: ask, render, show a host."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from avatar.clock import TICKS_PER_SECOND
from avatar.hosts import load_host
from avatar.sheet import contact_sheet
from avatar.speech import SpeechChunk
from avatar.voice import VoiceEngine, marks, read_aloud
from knowledge.answer import Refusal
from streaming import clip, roomfile
from streaming.answering import context, room_answerer
from streaming.bars import following
from streaming.engines import Engines, settled
from streaming.errors import EverhostError
from streaming.models.store import Store
from streaming.room import language_of
from streaming.serve import show_progress


def read_questions(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EverhostError(f"the questions in {path} cannot be read: {error}") from error
    questions = [line.strip() for line in lines if line.strip()]
    if not questions:
        raise EverhostError(f"{path} has no question in it; write one a line")
    return questions


async def ask(room: Path, questions: Sequence[str], data: Path, models: Path | None, *, as_json: bool) -> int:
    settings = roomfile.load(room)
    engines = Engines(
        Store.from_environment(folder=models),
        [settings.model_copy(update={"voices": {}})],
        hearing=False,
        patient=False,
    )
    progress = asyncio.create_task(show_progress(engines))
    try:
        async with settled(engines), room_answerer(settings, engines, data) as answerer:
            await answerer.library.filled()  # nobody is on air: the best answer, not the first
            for question in questions:
                await _ask_one(answerer, settings, question, as_json)
    finally:
        progress.cancel()
        await asyncio.gather(progress, return_exceptions=True)
    return 0


async def _ask_one(answerer: Any, settings: roomfile.RoomFile, question: str, as_json: bool) -> None:
    language = language_of(question, settings.language)
    started = time.monotonic()
    first = None
    sentences, citations, refused = [], {}, None
    if not as_json:
        print(f"\n? {question}")  # noqa: T201
    items: AsyncIterator[Any] = answerer.answer(question, context(settings, language))
    async for item in items:
        first = first or time.monotonic() - started
        sentences.append(marks.plain(item.text))
        if isinstance(item, Refusal):
            refused = item.reason
        else:
            citations.update({citation.n: citation for citation in item.citations})
        if not as_json:
            print(f"  {sentences[-1]}", flush=True)  # noqa: T201
    sources = [
        {"n": c.n, "title": c.title, "locator": c.locator, "quote": c.quote} for _, c in sorted(citations.items())
    ]
    if as_json:
        answer = {
            "question": question,
            "language": language,
            "text": ("" if language == "zh" else " ").join(sentences),
            "citations": sources,
            "refused": refused,
            "first_sentence_s": round(first or 0, 3),
            "seconds": round(time.monotonic() - started, 3),
        }
        print(json.dumps(answer, ensure_ascii=False), flush=True)  # noqa: T201
        return
    for source in sources:
        print(f"  [{source['n']}] {source['title']} · {source['locator']}: {source['quote']}")  # noqa: T201


def render(
    text: str,
    out: Path,
    *,
    language: str | None,
    host: str,
    voice: str | None,
    seed: int,
    models: Path | None,
) -> int:
    if not any(character.isalnum() for character in text):
        raise EverhostError("there is nothing to say in --text")
    language = language or language_of(text, "zh")
    engine = _load_voice(language, voice, Store.from_environment(folder=models))
    with tqdm(unit="tick", desc=out.name, disable=None) as bar:

        def progress(tick: int, spoken: float) -> None:
            bar.total = max(tick, int(spoken * TICKS_PER_SECOND) + 2 * clip.LEAD_TICKS)
            bar.update()

        ticks = clip.render(_only_chunks(read_aloud(engine, text, language)), host, out, seed=seed, progress=progress)
    print(f"{out}: {ticks / TICKS_PER_SECOND:.1f} s")  # noqa: T201
    return 0


def _only_chunks(chunks: Iterator[SpeechChunk]) -> Iterator[SpeechChunk]:
    first = next(chunks, None)
    if first is None:
        raise EverhostError("the voice found nothing to say in this text")
    yield first
    yield from chunks


def _load_voice(language: str, voice: str | None, store: Store) -> VoiceEngine:
    if language == "en" and voice is None:
        from avatar.voice.hibari import Hibari

        return Hibari()
    from avatar.voice.kokoro import Kokoro

    with tqdm(unit="B", unit_scale=True, desc="voice", disable=None) as bar:
        show = following(bar)
        folder = asyncio.run(store.ensure("kokoro", progress=lambda _, done, total: show(done, total)))
    return Kokoro.of(folder, voice or "zf_xiaobei")


def show_host(name: str, out: Path) -> int:
    """Write a host's contact sheet."""
    import cv2

    if out.suffix.lower() != ".png":
        raise EverhostError(f"{out}: contact sheets are PNG; give a name that ends in .png")
    if not cv2.imwrite(str(out), contact_sheet(load_host(name))):
        raise EverhostError(f"{out} cannot be written; choose another folder")
    print(out, file=sys.stdout)  # noqa: T201
    return 0
