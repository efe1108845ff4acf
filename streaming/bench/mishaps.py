"""What happens to a room in a bad half hour, drawn by a seed: who asks what when, and what is killed. Sans-I/O."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from streaming.bench.processes import STAGE
from streaming.engines import RECOGNITION
from streaming.roomfile import Language

GATEWAY: Final = "gateway"
How = Literal["killed", "stopped"]
"""Dead at once (SIGKILL), or there and doing nothing any more (SIGSTOP), which nobody is told of."""

ROUND_S: Final = 1800.0
"""In so long everything is killed once, the gateway twice;"""
APART_S: Final = 20.0
"""in less time as much as is so far apart, or as much as there is."""
_QUIET_S: Final = 5.0, 15.0
"""Nothing is killed before, nor in the end: whether it recovers is to be seen."""
_JITTER: Final = 0.4
"""Of the time between two, by which one may be early or late."""
_ASKED_S: Final = 50.0
"""Between two questions on the page, on average, so that they can be answered and the programme goes on;"""
_COMMENTED_S: Final = 75.0
"""and between two on a live platform."""
_FIRST_S: Final = 8.0
"""At most until the first."""
_BURST: Final = 0.2
"""Of questions are followed at once by others,"""
_OTHERS: Final = 3
"""so many."""
_UNCOVERED: Final = 0.25
"""Of questions are about what no room knows."""
UNCOVERED: Final[dict[Language, tuple[str, ...]]] = {
    "zh": ("明天上海会下雨吗？", "红烧肉怎么做才好吃？", "火星上有几座火山？", "谁会赢下一届世界杯？"),
    "en": (
        "Will it rain in Shanghai tomorrow?",
        "How do I bake sourdough bread?",
        "How many volcanoes are there on Mars?",
        "Who will win the next chess championship?",
    ),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """A question, typed on the page or on a live platform."""

    id: str
    text: str
    comment: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    target: str
    """The stage, the gateway, or an engine by its name."""
    how: How = "killed"


Deed = Ask | Kill


def plan(
    seed: int, minutes: float, engines: Sequence[str], suggestions: Mapping[Language, Sequence[str]]
) -> list[tuple[float, Deed]]:
    """What is done when, in seconds from the beginning; ``suggestions`` are questions that the room can answer."""
    seconds = 60 * minutes
    rng = random.Random(seed)  # noqa: S311
    deeds: list[tuple[float, Deed]] = [*_kills(rng, seconds, engines)]
    texts = _Texts(rng, suggestions)
    deeds += _asked(rng, seconds, texts)
    deeds += _commented(rng, seconds, texts)
    return sorted(deeds, key=lambda deed: deed[0])


def _kills(rng: random.Random, seconds: float, engines: Sequence[str]) -> Iterator[tuple[float, Kill]]:
    everything = [Kill(STAGE), Kill(GATEWAY), *map(Kill, engines), Kill(STAGE, "stopped"), Kill(GATEWAY)]
    # Nobody speaks here: that the recognizer hangs would never be seen.
    everything += [Kill(engine, "stopped") for engine in engines if engine != RECOGNITION]
    begin, end = _QUIET_S
    room = max(0.0, seconds - begin - end)
    number = max(min(len(everything), int(room / APART_S)), round(len(everything) * seconds / ROUND_S))
    chosen = [everything[n % len(everything)] for n in range(number)]
    rng.shuffle(chosen)
    apart = room / max(1, number)
    for n, kill in enumerate(chosen):
        yield begin + apart * (n + 0.5 + _JITTER * (rng.random() - 0.5)), kill


class _Texts:
    """Questions of both languages in turn, most of them covered by the documents."""

    def __init__(self, rng: random.Random, suggestions: Mapping[Language, Sequence[str]]) -> None:
        self._rng = rng
        self._suggestions = {language: texts for language, texts in suggestions.items() if texts}
        self._number = 0

    def next(self, *, comment: bool = False) -> Ask:
        self._number += 1
        known: Mapping[Language, Sequence[str]] = self._suggestions
        if not known or self._rng.random() < _UNCOVERED:
            known = UNCOVERED
        language = self._rng.choice(sorted(known))
        name = f"{'comment' if comment else 'ask'}{self._number}"
        return Ask(name, self._rng.choice(known[language]), comment)


def _asked(rng: random.Random, seconds: float, texts: _Texts) -> Iterator[tuple[float, Ask]]:
    at = rng.uniform(0, _FIRST_S)
    while at < seconds:
        yield at, texts.next()
        if rng.random() < _BURST:
            yield from ((at + rng.uniform(0, 2), texts.next()) for _ in range(_OTHERS))
        at += rng.expovariate(1 / _ASKED_S)


def _commented(rng: random.Random, seconds: float, texts: _Texts) -> Iterator[tuple[float, Ask]]:
    at = rng.expovariate(1 / _COMMENTED_S)
    while at < seconds:
        yield at, texts.next(comment=True)
        at += rng.expovariate(1 / _COMMENTED_S)
