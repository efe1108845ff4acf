"""What ``everhost`` does in a terminal without going on air: ask, show a host."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from avatar.hosts import load_host
from avatar.sheet import contact_sheet
from avatar.voice import marks
from knowledge.answer import Refusal
from streaming import roomfile
from streaming.answering import context, room_answerer
from streaming.engines import Engines, settled
from streaming.errors import EverhostError
from streaming.models.store import Store
from streaming.room import language_of
from streaming.serve import show_progress


def read_text(path: Path) -> str:
    """Raises :class:`EverhostError`."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EverhostError(f"{path} cannot be read as text in UTF-8: {error}") from error


def read_questions(path: Path) -> list[str]:
    questions = [line.strip() for line in read_text(path).splitlines() if line.strip()]
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


def show_host(name: str, out: Path) -> int:
    """Write a host's contact sheet."""
    import cv2

    if out.suffix.lower() != ".png":
        raise EverhostError(f"{out}: contact sheets are PNG; give a name that ends in .png")
    if not cv2.imwrite(str(out), contact_sheet(load_host(name))):
        raise EverhostError(f"{out} cannot be written; choose another folder")
    print(out, file=sys.stdout)  # noqa: T201
    return 0
