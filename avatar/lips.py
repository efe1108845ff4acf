"""Timed phones to mouth weights.

Each phone pulls the mouth towards its own target with a dominance that is full while it sounds and dies away
around it; what is seen is the dominance-weighted mean. That is the coarticulation model of Cohen & Massaro,
"Modeling coarticulation in synthetic visual speech" (1993), D = α exp(−θ|τ|^c), here with c = 2, τ counted from
the edge of the phone, and cut to zero where it no longer matters, so that every tick depends on a bounded stretch
of speech. What a mean cannot promise is laid over it: on every bilabial the lips meet, on every labiodental the
lower lip touches the teeth.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, SECONDS_PER_TICK
from avatar.face import ARKIT, INDEX, Floats
from avatar.speech import SpeechChunk
from avatar.visemes import CHANNELS, HELD, JAW_CHANNELS, SILENCE, TARGETS, Viseme, row, viseme

_Seconds = npt.NDArray[np.float64]

_JAW_REACH: Final = (0.06, 0.055)
_LIP_REACH: Final = (0.1, 0.065)
"""Seconds over which a phone is felt (before it, after it). Lips round early: anticipation outlasts carry-over."""
_CUT: Final = 3.0
"""Dominance is nil beyond this many reaches (it would be e⁻⁹)."""
_REACH: Final = _CUT * max(*_JAW_REACH, *_LIP_REACH)
_REACH_SAMPLES: Final = math.ceil(_REACH * SAMPLE_RATE)
_CLOSING, _OPENING = 0.055, 0.05
"""Seconds a labial contact takes to form and to be released."""
_SHORTEST_CONTACT: Final = 1.5 * SECONDS_PER_TICK
"""A contact shorter than a tick could fall between two pictures."""
_BLEND_TICKS: Final = 5
"""Over how many ticks the mouth moves on when what it was doing is changed under it."""
_WINDOW_SECONDS: Final = 0.04
_SILENT_DB: Final = -35.0

MOUTH: Final = len(CHANNELS) + 2
"""Numbers that a mouth is at a tick: each of :data:`avatar.visemes.CHANNELS`, then how far the lips are in contact, and
how far the lower lip is with the teeth; all in [0, 1]."""

_JAW_OPEN, _MOUTH_CLOSE = INDEX["jawOpen"], INDEX["mouthClose"]
_REST: Final[Floats] = np.zeros(len(ARKIT), np.float32)
_REST.flags.writeable = False


@dataclass(frozen=True, slots=True)
class _Segment:
    start: int
    end: int
    """Samples at 48 kHz."""
    viseme: Viseme
    effort: float
    """Factor on the target of a viseme that follows loudness."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A chunk's mouth as it was heard."""

    start: int
    end: int
    """Samples at 48 kHz."""
    rows: Floats
    """(ticks, MOUTH), a tick each from ``start`` on."""


@dataclass(slots=True)
class _Block:
    first: int
    """Tick of the first row."""
    rows: Floats
    """(ticks, 52)."""

    @property
    def end(self) -> int:
        return self.first + len(self.rows)


class Lips:
    """The mouth of one host. Weights of a chunk are worked out when it is said; asking for a tick is a look-up.

    Ticks are asked for in rising order; any may be skipped. What lies more than a moment behind the last tick asked
    for is forgotten, so memory is bounded by the speech that is still to come.
    """

    def __init__(self) -> None:
        self._segments: list[_Segment] = []
        self._heard: list[_Heard] = []
        self._live: Floats = np.zeros((1, MOUTH), np.float32)
        self._live_tick = -1
        self._blocks: deque[_Block] = deque()
        self._spans: deque[tuple[int, int]] = deque()
        self._tick = -1
        self._shown: Floats = _REST.copy()
        self._blend_from: Floats = _REST.copy()
        self._blend_at: int | None = None

    def say(self, chunk: SpeechChunk, start: int) -> None:
        """Mouth ``chunk``, its first sample heard at sample ``start`` (48 kHz); replaces all said for later."""
        self._clip(start)
        end = start + round(chunk.seconds * SAMPLE_RATE)
        if chunk.mouth is not None:
            self._heard.append(_Heard(start, end, chunk.mouth))
        else:
            self._segments.extend(_segments(chunk, start))
        self._spans.append((start, end))
        self._recompute(start - _REACH_SAMPLES, end)

    def hush(self, at: int) -> None:
        """Say nothing from sample ``at`` on."""
        self._clip(at)
        self._recompute(at - _REACH_SAMPLES, at)

    def follow(self, mouth: Floats, tick: int) -> None:
        """Do as ``mouth`` (MOUTH,) does at ``tick``, whatever is said then: somebody speaks live."""
        self._live[0] = mouth
        self._live_tick = tick

    def speaking(self, tick: int) -> bool:
        """Whether speech is heard in ``tick``."""
        first, last = tick * SAMPLES_PER_TICK, (tick + 1) * SAMPLES_PER_TICK
        return any(start < last and end > first for start, end in self._spans)

    def weights(self, tick: int) -> Floats:
        """Mouth weights (52,) at the middle of ``tick``; the array is overwritten by the next call."""
        self._tick = max(self._tick, tick)
        while self._blocks and self._blocks[0].end < tick:
            self._blocks.popleft()
        while self._spans and self._spans[0][1] < tick * SAMPLES_PER_TICK:
            self._spans.popleft()
        if tick == self._live_tick:
            _to_arkit(self._live, self._shown[None])
            self._blend_from[:], self._blend_at = self._shown, tick
            return self._shown
        self._shown[:] = self._row(tick)
        if self._blend_at is not None:
            share = (tick - self._blend_at) / _BLEND_TICKS
            if share >= 1.0:
                self._blend_at = None
            elif share >= 0.0:
                self._shown += (1.0 - share * share * (3.0 - 2.0 * share)) * (self._blend_from - self._shown)
        return self._shown

    def _row(self, tick: int) -> Floats:
        for block in self._blocks:
            if block.first <= tick < block.end:
                row: Floats = block.rows[tick - block.first]
                return row
        return _REST

    def _clip(self, at: int) -> None:
        """Forget segments from ``at`` on, and those too far behind to be felt again."""
        behind = min(at, max(self._tick, 0) * SAMPLES_PER_TICK) - 2 * _REACH_SAMPLES
        self._segments = [
            _Segment(s.start, min(s.end, at), s.viseme, s.effort)
            for s in self._segments
            if s.start < at and s.end > behind
        ]
        self._heard = [_Heard(h.start, min(h.end, at), h.rows) for h in self._heard if h.start < at and h.end > behind]
        self._spans = deque((start, min(end, at)) for start, end in self._spans if start < at)

    def _recompute(self, start: int, end: int) -> None:
        """Work out anew all ticks from sample ``start`` on, up to where the last sound at ``end`` has died away."""
        first = max(start // SAMPLES_PER_TICK, self._tick + 1)
        last = max(first, -(-(end + _REACH_SAMPLES) // SAMPLES_PER_TICK))
        before = self._row(self._tick + 1).copy()
        self._truncate(first)
        felt = [s for s in self._segments if s.end > start - 2 * _REACH_SAMPLES]
        rows = np.zeros((last - first, len(ARKIT)), np.float32)
        _to_arkit(_overheard(mouths(felt, first, last - first), self._heard, first), rows)
        self._blocks.append(_Block(first, rows))
        if start // SAMPLES_PER_TICK <= self._tick and not np.allclose(before, self._row(self._tick + 1), atol=1e-3):
            self._blend_from[:] = self._shown
            self._blend_at = self._tick

    def _truncate(self, tick: int) -> None:
        while self._blocks and self._blocks[-1].first >= tick:
            self._blocks.pop()
        if self._blocks:
            block = self._blocks[-1]
            block.rows = block.rows[: max(0, tick - block.first)]


def _segments(chunk: SpeechChunk, start: int) -> list[_Segment]:
    """Phones of a chunk at absolute samples; from the loudness alone when the engine does not know them."""
    length = round(chunk.seconds * SAMPLE_RATE)
    levels = _levels(chunk)
    reference = float(np.median(levels[levels > _SILENT_DB])) if (levels > _SILENT_DB).any() else 0.0
    if not chunk.phonemes:
        return _loudness_segments(levels, reference, start, length)
    segments: list[_Segment] = []
    at = 0
    for phoneme in chunk.phonemes:
        if not (math.isfinite(phoneme.start) and math.isfinite(phoneme.end)):
            continue
        a = min(max(at, round(phoneme.start * SAMPLE_RATE)), length)
        b = min(round(phoneme.end * SAMPLE_RATE), length)
        if b <= a:
            continue
        at = b
        shape = viseme(phoneme.symbol)
        window = levels[int(a / SAMPLE_RATE / _WINDOW_SECONDS) : int(b / SAMPLE_RATE / _WINDOW_SECONDS) + 1]
        level = float(window.max(initial=_SILENT_DB))
        segments.append(_Segment(start + a, start + b, shape, _effort(level - reference)))
    return segments


def _loudness_segments(levels: Floats, reference: float, start: int, length: int) -> list[_Segment]:
    step = round(_WINDOW_SECONDS * SAMPLE_RATE)
    open_mouth = viseme("ʌ")
    return [
        _Segment(
            start + i * step,
            start + min((i + 1) * step, length),
            open_mouth if level > _SILENT_DB else SILENCE,
            min(1.3, max(0.15, 0.8 + 0.06 * (float(level) - reference))),
        )
        for i, level in enumerate(levels)
        if i * step < length
    ]


def _levels(chunk: SpeechChunk) -> Floats:
    """Level of each :data:`_WINDOW_SECONDS` of the chunk in dB below its loudest."""
    step = max(1, round(_WINDOW_SECONDS * chunk.rate))
    windows = -(-len(chunk.pcm) // step)
    padded = np.zeros(windows * step, np.float32)
    padded[: len(chunk.pcm)] = np.nan_to_num(chunk.pcm, posinf=0.0, neginf=0.0)
    power = np.mean(np.square(padded.reshape(windows, step)), axis=1) + 1e-10
    decibels: Floats = (10 * np.log10(power / max(float(power.max(initial=1e-10)), 1e-6))).astype(np.float32)
    return decibels


def _effort(decibels: float) -> float:
    """How far a vowel opens when it is so much louder than the median of its clause."""
    return min(1.2, max(0.6, 0.95 + 0.035 * decibels))


def mouths(segments: list[_Segment], first: int, ticks: int) -> Floats:
    """(ticks, MOUTH) of the ticks from ``first`` on, each at its middle."""
    origin = first * SAMPLES_PER_TICK
    filled = _with_silences(segments, origin - 2 * _REACH_SAMPLES, origin + (ticks + 1) * SAMPLES_PER_TICK)
    times: _Seconds = (np.arange(ticks, dtype=np.float64) + 0.5) * SECONDS_PER_TICK
    starts = np.array([(s.start - origin) / SAMPLE_RATE for s in filled], np.float64)
    ends = np.array([(s.end - origin) / SAMPLE_RATE for s in filled], np.float64)
    mouth = np.empty((ticks, MOUTH), np.float32)
    mouth[:, :-2] = _articulation(filled, times, starts, ends)
    mouth[:, -2] = _contact(times, starts, ends, filled, bilabial=True)
    mouth[:, -1] = _contact(times, starts, ends, filled, bilabial=False) * (1.0 - mouth[:, -2])
    return mouth


def mouth_of(chunk: SpeechChunk) -> Floats:
    """(ticks, MOUTH) of a chunk from its first sample on, by its phonemes: what a network is taught to hear."""
    return mouths(_segments(chunk, 0), 0, -(-round(chunk.seconds * SAMPLE_RATE) // SAMPLES_PER_TICK))


def _overheard(mouth: Floats, heard: list[_Heard], first: int) -> Floats:
    """``mouth`` (ticks, MOUTH) from tick ``first`` on, with what was heard in its place."""
    for one in heard:
        a = max(0, -(-(one.start - SAMPLES_PER_TICK // 2) // SAMPLES_PER_TICK) - first)
        b = min(len(mouth), (one.end - SAMPLES_PER_TICK // 2) // SAMPLES_PER_TICK + 1 - first)
        if b <= a or not len(one.rows):
            continue
        at = np.arange(first + a, first + b) - one.start / SAMPLES_PER_TICK
        at = np.clip(at, 0.0, len(one.rows) - 1.0)
        low = np.minimum(at.astype(np.int64), max(0, len(one.rows) - 2))
        share = (at - low).astype(np.float32)[:, None]
        mouth[a:b] = one.rows[low] + share * (one.rows[np.minimum(low + 1, len(one.rows) - 1)] - one.rows[low])
    return mouth


def _with_silences(segments: list[_Segment], start: int, end: int) -> list[_Segment]:
    """Segments with the gaps between them, and the times before and after them, filled with silence."""
    filled: list[_Segment] = []
    at = min([start, *(s.start for s in segments[:1])])
    for segment in segments:
        if segment.start > at:
            filled.append(_Segment(at, segment.start, SILENCE, 1.0))
        filled.append(segment)
        at = segment.end
    filled.append(_Segment(at, max(at, end) + 2 * _REACH_SAMPLES, SILENCE, 1.0))
    return filled


def _articulation(
    segments: list[_Segment],
    times: _Seconds,
    starts: _Seconds,
    ends: _Seconds,
) -> Floats:
    """Dominance-weighted mean of the targets, (ticks, channels)."""
    rows = np.array([row(s.viseme) for s in segments])
    effort = np.array([s.effort if s.viseme.follows_loudness else 1.0 for s in segments], np.float32)
    held = HELD[rows]
    wanted = TARGETS[rows].copy()
    wanted[:, :JAW_CHANNELS] *= effort[:, None]
    ahead = np.maximum(starts[None, :] - times[:, None], 0.0)
    behind = np.maximum(times[:, None] - ends[None, :], 0.0)
    out = np.empty((len(times), len(CHANNELS)), np.float32)
    for channels, (lead, lag) in (
        (slice(0, JAW_CHANNELS), _JAW_REACH),
        (slice(JAW_CHANNELS, None), _LIP_REACH),
    ):
        tau = np.maximum(ahead / lead, behind / lag)
        dominance = np.where(tau < _CUT, np.exp(-np.square(tau)), 0.0).astype(np.float32)
        # einsum rather than @: a product this small must not wake BLAS's threads in the stage.
        total = np.einsum("ts,sc->tc", dominance, held[:, channels])
        pulled = np.einsum("ts,sc->tc", dominance, held[:, channels] * wanted[:, channels])
        out[:, channels] = pulled / np.maximum(total, 1e-6)
    return out


def _contact(
    times: _Seconds,
    starts: _Seconds,
    ends: _Seconds,
    segments: list[_Segment],
    *,
    bilabial: bool,
) -> Floats:
    """How far lips (or lip and teeth) are in contact, (ticks,) in [0, 1]: 1 through every such phone."""
    contact = np.zeros(len(times), np.float32)
    for segment, start, end in zip(segments, starts.tolist(), ends.tolist(), strict=True):
        if not (segment.viseme.bilabial if bilabial else segment.viseme.labiodental):
            continue
        release = start + segment.viseme.closed_share * (end - start)
        short = max(0.0, _SHORTEST_CONTACT - (release - start)) / 2
        a, b = start - short, release + short
        rise = np.clip((times - (a - _CLOSING)) / _CLOSING, 0.0, 1.0)
        fall = np.clip((b + _OPENING - times) / _OPENING, 0.0, 1.0)
        share = np.minimum(rise, fall)
        np.maximum(contact, share * share * (3.0 - 2.0 * share), out=contact, casting="same_kind")
    return contact


def _to_arkit(mouth: Floats, out: Floats) -> None:
    """Mouths (ticks, MOUTH) to ARKit weights, written into ``out`` (ticks, 52).

    ARKit's ``mouthClose`` closes the lips over an open jaw: they meet where it equals ``jawOpen``.
    """
    jaw, upper, lower, tongue, spread, pucker, funnel, closed, tucked = mouth.T
    apart = 1.0 - closed
    jaw = jaw * (1.0 - 0.5 * np.maximum(closed, 0.6 * tucked))
    out[:, _JAW_OPEN] = jaw
    out[:, _MOUTH_CLOSE] = jaw * np.maximum(closed, 0.6 * tucked)
    out[:, INDEX["tongueOut"]] = tongue * apart
    out[:, INDEX["mouthFunnel"]] = funnel * apart * (1.0 - 0.5 * tucked)
    out[:, INDEX["mouthPucker"]] = pucker * (1.0 - 0.3 * tucked)
    out[:, INDEX["mouthRollLower"]] = 0.12 * closed + 0.38 * tucked
    out[:, INDEX["mouthRollUpper"]] = 0.1 * closed
    for side in ("Left", "Right"):
        out[:, INDEX[f"mouthPress{side}"]] = 0.25 * closed
        out[:, INDEX[f"mouthStretch{side}"]] = 0.7 * spread
        out[:, INDEX[f"mouthDimple{side}"]] = 0.25 * spread
        out[:, INDEX[f"mouthUpperUp{side}"]] = upper * apart
        out[:, INDEX[f"mouthLowerDown{side}"]] = lower * apart * (1.0 - tucked)
    np.clip(out, 0.0, 1.0, out=out)
