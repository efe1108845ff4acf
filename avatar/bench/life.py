"""How a host carries itself, read from the faces it makes, beside what is published of people.

Read as from a person whose lids, gaze and head are tracked: nothing here asks :mod:`avatar.life` what it meant.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.actor import Actor
from avatar.bench.chart import Bytes, captioned, line_chart, save
from avatar.bench.talk import Talk
from avatar.clock import TICKS_PER_SECOND
from avatar.face import EYE_RANGE, INDEX, FaceFrame
from avatar.life import Attention
from avatar.picture import Picture
from avatar.renderer import Renderer
from avatar.sheet import around_head, cut, tiled

Floats = npt.NDArray[np.float64]

MINUTES: Final = 15.0
"""Of each manner but speaking."""
_SHUT: Final = 0.06
"""Weight of a lid from which on a blink is under way,"""
_BLINKED: Final = 0.5
"""which it is if it comes so far."""
_FAST: Final = 22.0
"""Degrees a second from which on eyes make a saccade, not what a head does to them."""
_LOOKS: Final = 1.0
"""Degrees from which on one counts."""
_CONTACT: Final = 3.0
"""Degrees within which eyes look at the camera."""
_NOD: Final = 1.2
"""Degrees that a head goes down and comes up again in a nod."""
_WINDOW: Final = 20 * TICKS_PER_SECOND
"""Ticks that are looked for anywhere else."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the host's, and people's."""

    name: str
    value: float
    low: float | None
    """People's, 95 % of them or what is given; None: not judged, and why is said in ``source``."""
    high: float | None
    unit: str
    source: str

    @property
    def good(self) -> bool:
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)


@dataclass(frozen=True, slots=True)
class Report:
    seed: int
    minutes: float
    figures: list[Figure]

    @property
    def good(self) -> bool:
        return all(figure.good for figure in self.figures)


@dataclass(frozen=True, slots=True)
class Track:
    """What a tracker would see, a row a tick."""

    lids: Floats
    """(n,) how far shut, 0 to 1."""
    gaze: Floats
    """(n, 2) degrees across and down from the camera, of the eyes in the room."""
    head: Floats
    """(n, 3) degrees of pitch, yaw and roll."""
    breath: Floats
    """(n,)"""

    @classmethod
    def of(cls, frames: Sequence[FaceFrame]) -> "Track":
        weights = np.array([frame.weights for frame in frames], float)
        head = np.degrees([frame.rotation for frame in frames])

        def eye(plus: str, minus: str) -> Floats:
            return np.asarray((weights[:, INDEX[plus]] - weights[:, INDEX[minus]]) * math.degrees(EYE_RANGE))

        across, down = eye("eyeLookOutLeft", "eyeLookInLeft"), eye("eyeLookDownLeft", "eyeLookUpLeft")
        breath = np.array([frame.body.breath if frame.body else 0.0 for frame in frames])
        gaze = np.stack([across + head[:, 1], down + head[:, 0]], -1)
        return cls(weights[:, INDEX["eyeBlinkLeft"]], gaze, np.asarray(head), breath)

    @property
    def seconds(self) -> float:
        return len(self.lids) / TICKS_PER_SECOND


def lived(attention: Attention, seed: int, minutes: float = MINUTES) -> list[FaceFrame]:
    """The faces of a host that is left in one manner."""
    actor = Actor(seed)
    actor.attend(attention)
    ticks = round(60 * minutes * TICKS_PER_SECOND)
    return [actor.frame(tick).copy() for tick in range(ticks)]


def run(talks: Sequence[Talk], seed: int = 0, minutes: float = MINUTES) -> Report:
    """``talks``: real speech, each by a host of another seed."""
    idle, listening = (Track.of(lived(how, seed, minutes)) for how in (Attention.IDLE, Attention.LISTENING))
    spoken = [Track.of(talk.frames) for talk in talks]
    blinks, saccades = _blinks(idle), _saccades(idle)
    said = [blink for track in spoken for blink in _blinks(track)]
    spoken_minutes = sum(track.seconds for track in spoken) / 60
    apart = np.diff([blink.at for blink in blinks])
    people = f"{_DOUGHTY}; mean {{}}: {_BENTIVOGLIO}"
    slower = _share(blink.takes > 2 * blink.shuts for blink in blinks)
    figures = [
        Figure("blinks, idle", len(blinks) / minutes, 8.0, 21.0, "a minute", people.format(17)),
        Figure("blinks, speaking", len(said) / spoken_minutes, 10.5, 32.5, "a minute", people.format(26)),
        Figure("blinks, from one to the next: skewness", _skewness(apart), 1.0, None, "", _GARCIA),
        Figure("a lid shuts within", _median([b.shuts for b in blinks]), 60.0, 130.0, "ms", _STERN),
        Figure("a blink takes", _median([b.takes for b in blinks]), 100.0, 400.0, "ms", _USUAL),
        Figure("blinks that open slower than they shut", slower, None, None, "", _DISPUTED),
        Figure("a saccade of 5° takes", _duration(saccades, 5.0), 21.0, 43.0, "ms", _BAHILL),
        Figure("a saccade of 10° takes", _duration(saccades, 10.0), 32.0, 60.0, "ms", _BAHILL),
        Figure("saccades of at most 15°", _share(s.degrees <= 15 for s in saccades), 0.86, None, "", _SMALL),
        Figure("eyes on the camera, idle", _contact([idle]), None, None, "", _NOBODY),
        Figure("eyes on the camera, listening", _contact([listening]), 0.75, None, "", f"{_ARGYLE}, at least"),
        Figure("eyes on the camera, speaking", _contact(spoken), 0.41, None, "", f"{_ARGYLE}, at least"),
        Figure("breaths", _breaths(idle), 12.0, 20.0, "a minute", _BREATH),
        Figure("nods of a listener", _nods(listening) / minutes, None, None, "a minute", _NODS),
        Figure("head, speaking against idle", _speed(spoken) / _speed([idle]), 1.5, None, "times as fast", _HADAR),
        Figure("its motion in speech, slow: 0.2 to 1.8 Hz", _within(spoken, 0.2, 1.8), None, None, "", _CLASSES),
        Figure("ordinary: 1.8 to 3.7 Hz", _within(spoken, 1.8, 3.7), None, None, "", _CLASSES),
        Figure("rapid: 3.7 to 7 Hz", _within(spoken, 3.7, 7.0), None, None, "", _CLASSES),
        Figure("of these classes", _within(spoken, 0.2, 7.0), 0.9, None, "", f"{_CLASSES}; the limit is ours"),
        Figure("most alike 20 s of an idle ten minutes", _alike(idle), None, 0.8, "correlation", _REPEAT),
    ]
    return Report(seed, minutes, figures)


_DOUGHTY: Final = "Doughty 2001"
_BENTIVOGLIO: Final = "Bentivoglio et al. 1997"
_GARCIA: Final = "Garcia et al. 2011"
_STERN: Final = "about 100: Stern, Walrath and Goldstein 1984; the range is ours"
_USUAL: Final = "as usually given"
_DISPUTED: Final = "studies do not agree"
_BAHILL: Final = "Bahill, Clark and Stark 1975; 21 ms and 2.2 ms a degree, within half a tick"
_SMALL: Final = "Bahill, Adler and Stark 1975"
_ARGYLE: Final = "Argyle and Ingham 1972"
_BREATH: Final = "an adult at rest"
_NODS: Final = "nothing published fits one who listens without a pause"
_NOBODY: Final = "nobody else is there to be looked at"
_REPEAT: Final = "the same again is 1; the limit is ours"
_CLASSES: Final = "what speaking heads do: Hadar et al. 1983"
_HADAR: Final = "nearly continuous in speech: Hadar, Steiner and Rose 1984; the limit is ours"


@dataclass(frozen=True, slots=True)
class _Blink:
    at: float
    """s"""
    shuts: float
    takes: float
    """ms"""


@dataclass(frozen=True, slots=True)
class _Saccade:
    degrees: float
    takes: float
    """ms"""


def _runs(some: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and end of each run of true that both ends of are seen."""
    edges = np.flatnonzero(np.diff(some.astype(np.int8)))
    if some[0]:
        edges = edges[1:]
    return [(int(a) + 1, int(b) + 1) for a, b in zip(edges[::2], edges[1::2], strict=False)]


def _blinks(track: Track) -> list[_Blink]:
    tick = 1000 / TICKS_PER_SECOND
    return [
        _Blink(a / TICKS_PER_SECOND, tick * (int(track.lids[a:b].argmax()) + 1), tick * (b - a + 1))
        for a, b in _runs(track.lids > _SHUT)
        if track.lids[a:b].max() >= _BLINKED
    ]


def _saccades(track: Track) -> list[_Saccade]:
    step = np.linalg.norm(np.diff(track.gaze, axis=0), axis=1)
    found = []
    for a, b in _runs(step * TICKS_PER_SECOND > _FAST):
        degrees = float(np.linalg.norm(track.gaze[b] - track.gaze[a]))
        if degrees >= _LOOKS:
            # What of its first and last tick it takes is seen by how far it comes in them.
            takes = float(step[a:b].sum() ** 2 / np.square(step[a:b]).sum())
            found.append(_Saccade(degrees, 1000 * takes / TICKS_PER_SECOND))
    return found


def _duration(saccades: Sequence[_Saccade], degrees: float) -> float:
    """Milliseconds, on the line through all."""
    size, takes = np.array([s.degrees for s in saccades]), np.array([s.takes for s in saccades])
    slope, base = np.polyfit(size, takes, 1)
    return float(base + slope * degrees)


def _contact(tracks: Sequence[Track]) -> float:
    return float(np.mean(np.concatenate([np.linalg.norm(t.gaze, axis=1) < _CONTACT for t in tracks])))


def _breaths(track: Track) -> float:
    rising = (track.breath[:-1] < 0.5) & (track.breath[1:] >= 0.5)
    return 60 * np.count_nonzero(rising) / track.seconds


def _nods(track: Track) -> int:
    """Times the head goes down by :data:`_NOD` and comes up again within a second."""
    pitch, count, low = track.head[:, 0], 0, 0
    half = TICKS_PER_SECOND // 2
    while low + 2 * half < len(pitch):
        window = pitch[low : low + 2 * half]
        top = int(window.argmax())
        if 0 < top < len(window) - 1 and window[top] - max(window[:top].min(), window[top:].min()) > _NOD:
            count += 1
            low += top + half
        else:
            low += half // 2
    return count


def _speed(tracks: Sequence[Track]) -> float:
    """Degrees a second of the head, in the mean."""
    steps = np.concatenate([np.linalg.norm(np.diff(track.head, axis=0), axis=1) for track in tracks])
    return float(steps.mean()) * TICKS_PER_SECOND


def _within(tracks: Sequence[Track], low: float, high: float) -> float:
    """The share of the power of the head's speed between two frequencies, Hz."""
    hertz, speed = spectrum(tracks, TICKS_PER_SECOND / 2)
    return float(np.square(speed[(hertz >= low) & (hertz < high)]).sum())


def spectrum(tracks: Sequence[Track], most: float = 6.0) -> tuple[Floats, Floats]:
    """Hertz, and the head's speed at them, degrees a second (root of its density), of pitch, yaw and roll together."""
    length = 10 * TICKS_PER_SECOND
    power = np.zeros(length // 2 + 1)
    for track in tracks:
        speed = np.diff(track.head, axis=0) * TICKS_PER_SECOND
        for first in range(0, len(speed) - length + 1, length // 2):
            piece = (speed[first : first + length] - speed[first : first + length].mean(0)) * np.hanning(length)[
                :, None
            ]
            power += np.square(np.abs(np.fft.rfft(piece, axis=0))).sum(1)
    hertz = np.fft.rfftfreq(length, 1 / TICKS_PER_SECOND)
    shown = hertz <= most
    return np.asarray(hertz[shown], float), np.asarray(np.sqrt(power / max(power.sum(), 1e-9))[shown], float)


def _alike(track: Track) -> float:
    """The correlation of the two most alike windows that do not overlap, of the first ten minutes."""
    ticks = min(len(track.lids), 600 * TICKS_PER_SECOND)
    rows = np.column_stack([track.head, track.gaze, track.lids])[:ticks]
    rows = (rows - rows.mean(0)) / rows.std(0)
    best = 0.0
    size = 1 << (ticks + _WINDOW).bit_length()
    spectra = np.fft.rfft(rows, size, axis=0)
    sums = np.concatenate([[np.zeros(rows.shape[1])], np.cumsum(np.square(rows), 0)])
    energy = (sums[_WINDOW:] - sums[:-_WINDOW]).sum(1)
    for first in range(0, ticks - _WINDOW, _WINDOW):
        piece = rows[first : first + _WINDOW]
        product = np.fft.irfft(spectra * np.conj(np.fft.rfft(piece, size, axis=0)), size, axis=0).sum(1)
        match = product[: ticks - _WINDOW + 1] / np.sqrt(energy * np.square(piece).sum())
        match[max(0, first - _WINDOW) : first + _WINDOW] = 0
        best = max(best, float(match.max()))
    return best


def _skewness(values: Floats) -> float:
    away = values - values.mean()
    return float((away**3).mean() / (away**2).mean() ** 1.5)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _share(some: Iterable[bool]) -> float:
    return float(np.mean(list(some)))


def charts(talks: Sequence[Talk], still_faces: Sequence[FaceFrame], path: Path) -> None:
    """When an idle host blinks, how far its saccades go, how its head moves: one under the other."""
    idle = Track.of(still_faces)
    apart = np.diff([blink.at for blink in _blinks(idle)])
    sizes = [saccade.degrees for saccade in _saccades(idle)]
    speaking, still = (spectrum(tracks)[1] for tracks in ([Track.of(talk.frames) for talk in talks], [idle]))
    half_minute = slice(0, 30 * TICKS_PER_SECOND)
    seen: Mapping[str, Floats] = {"pitch": idle.head[half_minute, 0], "yaw": idle.head[half_minute, 1],
                                  "gaze": idle.gaze[half_minute, 0], "lids": 5 * idle.lids[half_minute]}  # fmt: skip
    sheets = [
        line_chart("blinks by seconds since the last, 0 to 15", {"idle": np.histogram(apart, 30, (0, 15))[0]}),
        line_chart("saccades by degrees, 0 to 15", {"idle": np.histogram(sizes, 30, (0, 15))[0]}),
        line_chart("speed of the head by Hz, 0 to 6", {"idle": still, "speaking": speaking}),
        line_chart("half a minute, idle: degrees; lids of 5", seen),
    ]
    save(path, np.vstack(sheets))


CELL: Final = 160
COLUMNS: Final = 12


def strip(renderer: Renderer, frames: Sequence[FaceFrame], every: int, caption: str) -> Bytes:
    """(h, w, 3) BGR: the head, once every so many ticks, row by row."""
    picture = Picture(renderer.width, renderer.height)
    renderer.prepare(picture)
    box, cells = around_head(renderer, 290), []
    for frame in frames[::every]:
        renderer.draw(frame, picture)
        cells.append(cut(picture, box, CELL))
    return captioned(tiled(cells, COLUMNS, blank=255), caption)


def table(report: Report) -> str:
    width = max(len(figure.name) for figure in report.figures)
    lines = [f"Seed {report.seed}, {report.minutes:g} minutes of each manner"]
    for figure in report.figures:
        people = f"{figure.low if figure.low is not None else ''} to {figure.high if figure.high is not None else ''}"
        people = "" if figure.low is None and figure.high is None else people.strip()
        mark = " " if figure.good else "!"
        lines.append(f"{mark} {figure.name:{width}} {figure.value:8.2f} {figure.unit:13} {people:14} {figure.source}")
    return "\n".join(lines)
