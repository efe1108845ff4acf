"""``everhost render``: clips of a host saying a text, a table's texts, or what was recorded."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path

from tqdm import tqdm

from avatar.clock import TICKS_PER_SECOND
from avatar.errors import AvatarError
from avatar.hosts import pack_path, voices_of
from avatar.speech import SpeechChunk
from avatar.voice import VoiceEngine, marks, read_aloud
from streaming import batch, clip
from streaming.bars import following
from streaming.errors import EverhostError
from streaming.hearing.transcript import Language
from streaming.models.store import Store
from streaming.room import language_of
from streaming.saying import sayable, says_something


@dataclass(frozen=True, slots=True)
class Style:
    """How clips are made."""

    language: Language | None
    """None: by the text."""
    host: str
    voice: str | None
    """None: the host's own."""
    seed: int
    size: tuple[int, int]
    background: str | None
    transparent: bool
    emotion: str | None
    device: str | None
    """None: a core draws."""

    def made_of(self) -> dict[str, object]:
        """All that a clip depends on but its text: what files hold, not where they lie; and not what draws it."""
        how: dict[str, object] = asdict(self) | {"host": _hash(pack_path(self.host))}
        if self.background is not None and (picture := Path(self.background)).is_file():
            how["background"] = _hash(picture)
        if self.voice is None:
            how["voice"] = voices_of(self.host)
        del how["device"]
        return how


def render(text: str, out: Path, style: Style, models: Path | None) -> int:
    """A clip of a host saying a text."""
    if not says_something(_checked(text)):
        raise EverhostError("there is nothing to say in the text")
    clip.check(out, transparent=style.transparent)  # before anything is loaded
    clip.sweep(out)
    return _shoot(_film(style), _Voices(style, models).say(text), out, style)


def render_recording(recording: Path, out: Path, style: Style) -> int:
    """A clip of a host saying what was recorded."""
    clip.check(out, transparent=style.transparent)
    clip.sweep(out)
    return _shoot(_film(style), clip.spoken(recording, style.emotion), out, style)


def render_batch(table: Path, text: str, out: str, style: Style, models: Path | None) -> int:
    """The clips of a table that are not there yet; 1 when some could not be made."""
    wanted = batch.orders(table, _checked(text), out, transparent=style.transparent)
    for order in wanted:
        clip.sweep(order.out)
    how = style.made_of()
    left = [order for order in wanted if not order.is_there(how)]
    print(f"{len(wanted)} clips; {len(wanted) - len(left)} are there already")  # noqa: T201
    if not left:
        return 0
    voices, failed = _Voices(style, models), 0
    for order in left:
        voices.load(order.text)  # all of them first: one that is not there is no row's mistake
    film = _film(style)
    with tqdm(total=len(left), unit="clip", desc=table.name, disable=None) as bar:
        for order in left:
            bar.set_postfix_str(order.out.name)
            try:
                film.shoot(voices.say(order.text), order.out, seed=style.seed, about=order.about(how))
            except (EverhostError, AvatarError) as error:  # the others are made all the same
                failed += 1
                bar.write(f"row {order.row}: {error}", sys.stderr)
            bar.update()
    for order in wanted:
        clip.sweep(order.out)  # by now it is old enough, if a batch was taken up at once
    print(f"{len(left) - failed} made" + (f", {failed} not; run it again for those" if failed else ""))  # noqa: T201
    return int(failed > 0)


def emotion(written: str) -> str:
    """What a mark makes of ``written``: "sorry", "sorry 0.5" or "抱歉". Raises ``ValueError`` for any other."""
    marked = marks.parse(f"[{written}]")
    if marked.text or [mark.kind for mark in marked.marks] != ["emotion"]:
        raise ValueError(written)
    return marked.marks[0].value


def _checked(text: str) -> str:
    try:
        return sayable(text)
    except ValueError as error:
        raise EverhostError(str(error)) from error


def _hash(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise EverhostError(f"{file} cannot be read: {error.strerror}") from error


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
        self._loaded: dict[Language, VoiceEngine] = {}

    def load(self, text: str) -> VoiceEngine:
        """The voice that says a text."""
        language = self._language(text)
        if language not in self._loaded:
            engine, voice = voices_of(self._style.host)[language]
            if self._style.voice:
                engine, voice = "kokoro", self._style.voice
            self._loaded[language] = _voice(engine, voice, Store.from_environment(folder=self._models))
        return self._loaded[language]

    def say(self, text: str) -> Iterator[SpeechChunk]:
        marked = f"[{self._style.emotion}]{text}" if self._style.emotion else text
        return _only_chunks(read_aloud(self.load(text), marked, self._language(text)))

    def _language(self, text: str) -> Language:
        return self._style.language or language_of(text, "zh")


def _only_chunks(chunks: Iterator[SpeechChunk]) -> Iterator[SpeechChunk]:
    first = next(chunks, None)
    if first is None:
        raise EverhostError("the voice found nothing to say in this text")
    yield first
    yield from chunks


def _voice(engine: str, voice: str | None, store: Store) -> VoiceEngine:
    if engine == "hibari":
        from avatar.voice.hibari import Hibari

        return Hibari()
    from avatar.voice.kokoro import Kokoro

    with tqdm(unit="B", unit_scale=True, desc="voice", disable=None) as bar:
        show = following(bar)
        folder = asyncio.run(store.ensure("kokoro", progress=lambda _, done, total: show(done, total)))
    return Kokoro.of(folder, voice or "zf_xiaobei")
