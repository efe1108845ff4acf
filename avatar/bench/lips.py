"""Lips that are heard against lips that are told: the network of :mod:`avatar.listening` on voices it never heard.

What it makes of the sound is held against what :mod:`avatar.lips` makes of the phonemes, as face frames: how far the
jaw opens, how far the lips round, and whether they meet on every m, b and p.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.bench import aperture
from avatar.bench.machine import machine
from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, SECONDS_PER_TICK, TICKS_PER_SECOND
from avatar.face import INDEX, Floats
from avatar.lips import Lips
from avatar.listening import LOOK_AHEAD
from avatar.listening.listener import Listener, with_mouth
from avatar.speech import SpeechChunk, joined
from avatar.visemes import viseme

JAW: Final = 0.85
ROUNDING: Final = 0.75
CLOSED: Final = 0.85
LOOK_AHEAD_MS: Final = 100.0
TICK_MS: Final = 1.5
"""What must be reached."""
_SHUT: Final = 0.015
"""Opening, as ``jawOpen`` less ``mouthClose``, below which lips touch: a hundredth of a shout."""
_ROUND: Final = [INDEX["mouthPucker"], INDEX["mouthFunnel"]]


@dataclass(frozen=True, slots=True)
class Voice:
    name: str
    seconds: float
    jaw: float
    rounding: float
    """Correlations, heard and told, over the ticks of speech."""
    lag: int
    """Ticks by which what is heard comes after what is told, where their jaws agree best."""
    bilabials: int
    closed: int
    """Of those, with lips that meet by ear alone;"""
    closed_told: int
    """and by phonemes."""
    shut: float
    """Share of the ticks without a bilabial near in which heard lips meet all the same."""


@dataclass(frozen=True, slots=True)
class Report:
    machine: str
    voices: tuple[Voice, ...]
    look_ahead_ms: float
    tick_ms: float
    """What hearing one tick takes, median."""
    seen: aperture.Report | None = None
    """Lips by phonemes, in the pixels of a host."""


def run(
    voices: Mapping[str, Iterable[SpeechChunk]], listener: Listener | None = None, seen: aperture.Report | None = None
) -> Report:
    """``voices``: by name, chunks at 48 kHz with their phonemes."""
    listener = listener or Listener()
    return Report(
        machine(),
        tuple(_voice(name, list(chunks), listener) for name, chunks in voices.items()),
        LOOK_AHEAD * SECONDS_PER_TICK * 1e3,
        _cost(listener),
        seen,
    )


def table(report: Report) -> str:
    rows = [
        f"Lips by ear against lips by phonemes; {report.machine}",
        f"{'voice':14}{'s':>6}{'jaw':>7}{'round':>7}{'lag':>5}{'m b p':>7}{'met':>6}{'told':>6}{'met else':>10}",
    ]
    for v in report.voices:
        met, told = v.closed / max(1, v.bilabials), v.closed_told / max(1, v.bilabials)
        rows.append(
            f"{v.name:14}{v.seconds:6.0f}{v.jaw:7.2f}{v.rounding:7.2f}{v.lag:5d}{v.bilabials:7d}{met:6.0%}{told:6.0%}"
            f"{v.shut:10.1%}"
        )
    rows.append(f"must reach: jaw {JAW}, rounding {ROUNDING}, lips met {CLOSED:.0%}, told 100%")
    rows.append(f"look-ahead {report.look_ahead_ms:.0f} ms (at most {LOOK_AHEAD_MS:.0f})")
    rows.append(f"hearing a tick {report.tick_ms:.2f} ms (at most {TICK_MS})")
    if report.seen is not None:
        rows.append(f"Lips by phonemes. {aperture.table(report.seen)}")
    return "\n".join(rows)


def _voice(name: str, chunks: Sequence[SpeechChunk], listener: Listener) -> Voice:
    heard_chunks = [with_mouth(SpeechChunk(c.pcm, c.rate, c.text), listener) for c in joined(chunks)]
    told, heard = _frames(chunks), _frames(heard_chunks)
    spans = _bilabials(chunks)
    near = np.zeros(len(told), bool)
    for a, b in spans:
        near[max(0, a - 4) : b + 5] = True
    speech = told[:, INDEX["jawOpen"]] > 0.02
    return Voice(
        name,
        sum(c.seconds for c in chunks),
        _correlation(told[:, INDEX["jawOpen"]], heard[:, INDEX["jawOpen"]]),
        _correlation(told[:, _ROUND].sum(1), heard[:, _ROUND].sum(1)),
        _lag(told[:, INDEX["jawOpen"]], heard[:, INDEX["jawOpen"]]),
        len(spans),
        sum(_meets(heard, a, b) for a, b in spans),
        sum(_meets(told, a, b) for a, b in spans),
        float(np.mean(_opening(heard)[speech & ~near] < _SHUT)),
    )


def _frames(chunks: Sequence[SpeechChunk]) -> Floats:
    """(ticks, 52) of chunks one after the other from tick 24 on."""
    lips, at = Lips(), _LEAD * SAMPLES_PER_TICK
    for chunk in chunks:
        lips.say(chunk, at)
        at += round(chunk.seconds * SAMPLE_RATE)
    return np.array([lips.weights(t).copy() for t in range(at // SAMPLES_PER_TICK + _LEAD)])


_LEAD: Final = TICKS_PER_SECOND // 2


def _bilabials(chunks: Sequence[SpeechChunk]) -> list[tuple[int, int]]:
    """First and last tick in which each m, b or p is heard."""
    spans, at = [], float(_LEAD)
    for chunk in chunks:
        for p in chunk.phonemes:
            if viseme(p.symbol).bilabial:
                first = int(np.ceil(at + p.start * TICKS_PER_SECOND - 0.5))
                spans.append((first, max(first, int(np.floor(at + p.end * TICKS_PER_SECOND - 0.5)))))
        at += chunk.seconds * TICKS_PER_SECOND
    return spans


def _opening(frames: Floats) -> Floats:
    opening: Floats = frames[:, INDEX["jawOpen"]] - frames[:, INDEX["mouthClose"]]
    return opening


def _meets(frames: Floats, first: int, last: int) -> bool:
    """Whether the lips meet while the phone lasts, or within a tick of it."""
    return bool(_opening(frames[max(0, first - 1) : last + 2]).min() < _SHUT)


def _correlation(a: Floats, b: Floats) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def _lag(told: Floats, heard: Floats) -> int:
    most = 8
    middle = told[most:-most] - told.mean()
    scores = [float(np.dot(middle, heard[most + k : len(heard) - most + k])) for k in range(-most, most + 1)]
    return int(np.argmax(scores)) - most


def _cost(listener: Listener) -> float:
    """Milliseconds that one tick takes."""
    listener.reset()
    sound = np.random.default_rng(0).normal(0, 0.1, SAMPLES_PER_TICK).astype(np.float32)
    took = []
    for _ in range(400):
        begun = time.perf_counter()
        listener.tick(sound)
        took.append(time.perf_counter() - begun)
    return 1e3 * float(np.median(took))
