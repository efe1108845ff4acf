"""``everhost bench render | batch | life | likeness | steadiness | aperture | lips``, on the command line."""

import argparse
import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tqdm import tqdm

from avatar.bench import aperture, batch, chart, life, likeness, lips, render, steadiness
from avatar.bench.talk import TEXTS, Talk, talk
from avatar.clock import TICKS_PER_SECOND
from avatar.hosts import HOSTS, SUFFIX, load_host
from avatar.life import Attention
from avatar.listening.corpus import UNHEARD
from avatar.speech import SpeechChunk
from avatar.voice import read_aloud
from streaming.bars import following
from streaming.models.store import Store
from streaming.playout import at_48k

if TYPE_CHECKING:
    from avatar.studio.darkroom import Darkroom

TRUTH: Final = Path.home() / ".cache/everhost/truths"
_OF_NO_HOST: Final = frozenset(("life", "lips"))
"""Benches whose figures are the same whoever it is."""
TALKS: Final = 6
"""Half a minute each."""
SEEDS: Final = {"en": 3, "zh": 4}


def run(arguments: argparse.Namespace) -> str:
    """One bench of a host, or of all that come with everhost one after another, as tables or as one JSON object."""
    reports, texts, alone = {}, [], arguments.host is not None
    for host in [arguments.host] if alone else HOSTS[: 1 if arguments.bench in _OF_NO_HOST else None]:
        arguments.host = host
        report, table = _BENCHES[arguments.bench](arguments)
        reports[host] = asdict(report)
        texts.append(table(report))
    if not arguments.json:
        return "\n\n".join(texts)
    return json.dumps(reports[arguments.host] if alone else reports, ensure_ascii=False)


def _render(arguments: argparse.Namespace) -> tuple[Any, Callable[[Any], str]]:
    return render.run(arguments.host, [_spoken(arguments, "en")]), render.table


def _batch(arguments: argparse.Namespace) -> tuple[Any, Callable[[Any], str]]:
    return batch.run(arguments.host, arguments.device, arguments.sizes), batch.table


def _life(arguments: argparse.Namespace) -> tuple[Any, Callable[[Any], str]]:
    from avatar.voice.hibari import Hibari

    voice = Hibari()
    talks = [talk(voice, "en", seed) for seed in range(TALKS)]
    report = life.run(talks)
    if (folder := _pictures(arguments)) is not None:
        idle = life.lived(Attention.IDLE, report.seed, report.minutes)
        life.charts(talks, idle, folder / "life.png")
        renderer = load_host(arguments.host)
        for name, frames, seconds in (
            ("idle", idle, 10),
            ("speaking", [frame for one in talks[:2] for frame in one.frames], 1),
        ):
            every = seconds * TICKS_PER_SECOND
            caption = f"{name}, {len(frames) / TICKS_PER_SECOND / 60:.0f} min, a picture each {seconds} s"
            picture = life.strip(renderer, frames, every, caption)
            chart.save(folder / f"{Path(arguments.host).stem}-{name}.png", picture)
    return report, life.table


def _aperture(arguments: argparse.Namespace) -> tuple[Any, Callable[[Any], str]]:
    talks = [_spoken(arguments, language) for language in ("en", "zh")]
    return aperture.run(arguments.host, talks, _pictures(arguments)), aperture.table


def _likeness(arguments: argparse.Namespace) -> tuple[Any, Callable[[Any], str]]:
    folder = (arguments.truth or TRUTH) / Path(arguments.host).stem
    if arguments.take:
        with tqdm(desc="path tracing", unit="picture") as bar:
            likeness.truths(_darkroom(arguments), arguments.host, folder, following(bar))
    return likeness.run(arguments.host, folder, _pictures(arguments)), likeness.table


def _steadiness(arguments: argparse.Namespace) -> tuple[Any, Callable[[Any], str]]:
    folder = (arguments.truth or TRUTH) / Path(arguments.host).stem
    if arguments.take:
        with tqdm(desc="path tracing", unit="picture") as bar:
            steadiness.truths(_darkroom(arguments), arguments.host, folder, following(bar))
    return steadiness.run(arguments.host, folder, _pictures(arguments)), steadiness.table


def _lips(arguments: argparse.Namespace) -> tuple[Any, Callable[[Any], str]]:
    folder = asyncio.run(Store.from_environment(folder=arguments.models).ensure("kokoro"))
    seen = _aperture(arguments)[0]
    return lips.run(_unheard(folder), seen=seen), lips.table


def _unheard(kokoro: Path) -> dict[str, list[SpeechChunk]]:
    """The texts of the benches by the voices that the network never heard."""
    from avatar.voice.kokoro import Kokoro

    spoken: dict[str, list[SpeechChunk]] = {}
    for language, voices in UNHEARD.items():
        engine = Kokoro.of(kokoro, voices[0])
        for voice in voices:
            chunks = read_aloud(engine.speaking_as(voice), TEXTS[language], language)
            spoken[voice] = [at_48k(chunk) for chunk in chunks]
    return spoken


_BENCHES: Final = {
    "render": _render,
    "batch": _batch,
    "life": _life,
    "likeness": _likeness,
    "steadiness": _steadiness,
    "aperture": _aperture,
    "lips": _lips,
}


def _pictures(arguments: argparse.Namespace) -> Path | None:
    if arguments.pictures is not None:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    folder: Path | None = arguments.pictures
    return folder


def _spoken(arguments: argparse.Namespace, language: str) -> Talk:
    if language == "en":
        from avatar.voice.hibari import Hibari

        return talk(Hibari(), language, SEEDS[language])
    from avatar.voice.kokoro import Kokoro

    store = Store.from_environment(folder=arguments.models)
    folder = asyncio.run(store.ensure("kokoro"))
    return talk(Kokoro.of(folder), language, SEEDS[language])


def _darkroom(arguments: argparse.Namespace) -> "Darkroom":
    from avatar.hosts import spec_path
    from avatar.studio.command import CACHE, darkroom

    own = Path(arguments.host)  # a pack of one's own has its file beside it
    file = own.with_suffix(".yaml") if own.suffix == SUFFIX else spec_path(arguments.host)
    return darkroom(file, arguments.mesh, CACHE)
