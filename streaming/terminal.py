"""What ``everhost`` does in a terminal without going on air: ask, render, show a host."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tqdm import tqdm

from avatar.clock import TICKS_PER_SECOND
from avatar.errors import AvatarError
from avatar.hosts import load_host, pack_path
from avatar.sheet import contact_sheet
from avatar.speech import SpeechChunk
from avatar.voice import VoiceEngine, marks, read_aloud
from knowledge.answer import Refusal
from streaming import batch, clip, roomfile
from streaming.answering import context, room_answerer
from streaming.bars import following
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


@dataclass(frozen=True, slots=True)
class Style:
    """How clips are made."""

    language: str | None
    """None: by the text."""
    host: str
    voice: str | None
    seed: int
    size: tuple[int, int]
    background: str | None
    transparent: bool
    emotion: str | None
    device: str | None
    """None: a core draws."""


def render(text: str, out: Path, style: Style, models: Path | None) -> int:
    """A clip of a host saying a text."""
    if not any(character.isalnum() for character in text):
        raise EverhostError("there is nothing to say in the text")
    clip.check(out, transparent=style.transparent)  # before anything is loaded
    return _shoot(_film(style), _Voices(style, models).say(text), out, style)


def render_recording(recording: Path, out: Path, style: Style) -> int:
    """A clip of a host saying what was recorded."""
    clip.check(out, transparent=style.transparent)
    return _shoot(_film(style), clip.spoken(recording, style.emotion), out, style)


def render_batch(table: Path, text: str, out: str, style: Style, models: Path | None) -> int:
    """The clips of a table that are not there yet; 1 when some could not be made."""
    wanted = batch.orders(table, text, out, transparent=style.transparent)
    how = {**asdict(style), "host": sha256(pack_path(style.host).read_bytes()).hexdigest()}
    del how["device"]  # what draws it does not make it another
    left = [order for order in wanted if not order.is_there(how)]
    print(f"{len(wanted)} clips; {len(wanted) - len(left)} are there already")  # noqa: T201
    if not left:
        return 0
    film, voices, failed = _film(style), _Voices(style, models), 0
    with tqdm(total=len(left), unit="clip", desc=table.name, disable=None) as bar:
        for order in left:
            bar.set_postfix_str(order.out.name)
            try:
                film.shoot(voices.say(order.text), order.out, seed=style.seed, about=order.about(how))
            except (EverhostError, AvatarError) as error:  # the others are made all the same
                failed += 1
                bar.write(f"row {order.row}: {error}", sys.stderr)
            bar.update()
    print(f"{len(left) - failed} made" + (f", {failed} not; run it again for those" if failed else ""))  # noqa: T201
    return int(failed > 0)


def _film(style: Style) -> clip.Film:
    return clip.Film(style.host, *style.size, style.background, transparent=style.transparent, device=style.device)


def _shoot(film: clip.Film, chunks: Iterator[SpeechChunk], out: Path, style: Style) -> int:
    with tqdm(unit="tick", desc=out.name, disable=None) as bar:

        def progress(tick: int, spoken: float) -> None:
            bar.total = max(tick, int(spoken * TICKS_PER_SECOND) + 2 * clip.LEAD_TICKS)
            bar.update()

        ticks = film.shoot(_only_chunks(chunks), out, seed=style.seed, progress=progress)
    print(f"{out}: {ticks / TICKS_PER_SECOND:.1f} s")  # noqa: T201
    return 0


class _Voices:
    """Loaded once each, when first wanted."""

    def __init__(self, style: Style, models: Path | None) -> None:
        self._style, self._models = style, models
        self._loaded: dict[str, VoiceEngine] = {}

    def say(self, text: str) -> Iterator[SpeechChunk]:
        style = self._style
        language = style.language or language_of(text, "zh")
        if language not in self._loaded:
            store = Store.from_environment(folder=self._models)
            self._loaded[language] = _load_voice(language, style.voice, store)
        marked = f"[{style.emotion}]{text}" if style.emotion else text
        return _only_chunks(read_aloud(self._loaded[language], marked, language))


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
