"""Whether the mouth that is seen is the mouth that was meant: lip opening in the pixels against the face frame's.

Both are taken on the middle line of the face, over real speech; whether m, b and p close is read on either side of it
as well, and whether lips are seen to part when they are heard to. What was meant is the posed mesh: from the lowest
point of the upper lip to the highest of the lower, on the screen. What is seen is read from the drawn picture alone:
down the column through the middle of the mouth, from where the upper lip's red ends (in teeth, which are no red, or in
the dark) to where the lower lip's begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.bench import chart
from avatar.bench.live import Live, Places, project
from avatar.bench.talk import LEAD, STEPS, Talk
from avatar.clock import TICKS_PER_SECOND
from avatar.errors import AvatarError
from avatar.face import INDEX, FaceFrame
from avatar.hosts import pack_path
from avatar.pack import Pack, load_pack

Floats = npt.NDArray[np.float32]

LATE: Final = 1.0
CORRELATION: Final = 0.97
SLOPE: Final = (0.9, 1.1)
"""What must be reached."""
_MIDDLE_LINE: Final = 0.0004
"""Metres from the middle within which a vertex is on it."""
_ROUNDED: Final = 0.0015
"""Metres by which rounding the mouth moves every part of a lip at least."""
_LIP_DEPTH: Final = 0.012
"""Metres that a lip goes back into the mouth."""
_RED: Final = 130.0
"""Cr of what is hardly red: teeth and the dark."""
_REDDISH, _PALE = 0.8, 0.3
"""Shares of the lips' red above :data:`_RED`: from the first on it is lip, below the second it is something else. What
wet lips mirror lies between."""
_NOSE: Final = 20
"""Rows at the top of the mouth's box that are not looked at: nostrils are as red as lips."""
_DARK_UPPER, _DARK_LOWER = 0.5, 0.72
"""Share of a lip's luma below which a pixel beside it is the inside of the mouth. The upper lip shades itself."""
_ASIDE: Final = (-24, 0, 24)
"""Pixels from the middle of the mouth where its opening is read: between those it is widest."""
_MIDDLE: Final = 1
_SHOWN: Final = 8 * TICKS_PER_SECOND
_PARTING: Final = 4
"""Ticks around the end of a phone in which its parting is looked for."""
_BURST_DB: Final = 6.0
_LIP: Final = 12
"""Rows at the foot of the lower lip that tell its luma."""


@dataclass(frozen=True, slots=True)
class Labial:
    """One m, b or p."""

    language: str
    symbol: str
    second: float
    pixels: float
    """The smallest opening seen while it lasts, wherever along the lips it is widest."""


@dataclass(frozen=True, slots=True)
class Report:
    host: str
    seconds: dict[str, float]
    """Of speech, by language."""
    ticks: int
    widest: float
    """The widest opening meant, pixels."""
    correlation: float
    slope: float
    """Of what is seen on what is meant."""
    offset: float
    """What is seen where nothing is open, by the same regression, pixels."""
    labials: int
    closed: int
    """Of those, with no pixel of the inside of the mouth in some tick."""
    open: tuple[Labial, ...]
    """The others."""
    parted: int
    """Of those, whose parting is both seen and heard."""
    late: float
    """Ticks by which sound comes after the picture there, median,"""
    apart: float
    """and how far that is from one to the next: half of them lie within so many ticks of it."""


def run(host: str, talks: Sequence[Talk], plot: Path | None = None) -> Report:
    """``host`` is a host's name or its pack's path; ``talks`` come from :func:`avatar.bench.talk.talk`; ``plot`` is a
    folder for a chart of each.

    Raises:
        PackError: no such host.
        AvatarError: no speech, or the mouth of this host cannot be read.
    """
    if not talks:
        raise AvatarError("there is no speech to measure lips by")
    pack = load_pack(pack_path(host))
    meant_of, seen_of = Meant(pack), Seen(Live(pack))
    meant, seen, labials, late = [], [], [], []
    for one in talks:
        there = np.array([seen_of.openings(f) for f in one.frames])
        meant.append(np.array([meant_of.opening(f) for f in one.frames]))
        seen.append(there[:, _MIDDLE])
        labials += _labials(one, there.max(1))
        late += _partings(one, there.max(1))
    x, y = np.concatenate(meant), np.concatenate(seen)
    slope, offset = np.polyfit(x, y, 1)
    if plot is not None:
        ticks = slice(2 * LEAD, 2 * LEAD + _SHOWN)
        for one, m, v in zip(talks, meant, seen, strict=True):
            title = f"lip opening, pixels, over {_SHOWN // TICKS_PER_SECOND} s of speech ({one.language})"
            chart.lines(plot / f"lips-{one.language}.png", title, {"face frame": m[ticks], "picture": v[ticks]})
    return Report(
        host=pack.name,
        seconds={k.language: round((len(k.frames) - 3 * LEAD) / TICKS_PER_SECOND, 1) for k in talks},
        ticks=len(x),
        widest=float(x.max()),
        correlation=float(np.corrcoef(x, y)[0, 1]),
        slope=float(slope),
        offset=float(offset),
        labials=len(labials),
        closed=sum(labial.pixels == 0 for labial in labials),
        open=tuple(labial for labial in labials if labial.pixels > 0),
        parted=len(late),
        late=float(np.median(late)) if late else float("nan"),
        apart=float(np.median(np.abs(np.array(late) - np.median(late)))) if late else float("nan"),
    )


def table(report: Report) -> str:
    spoken = ", ".join(f"{seconds:.0f} s {language}" for language, seconds in report.seconds.items())
    lines = [
        f"Lip opening of {report.host}, {spoken}: {report.ticks} ticks, up to {report.widest:.0f} px",
        f"correlation of pixels and frame  {report.correlation:6.3f}   must be at least {CORRELATION}",
        f"slope                            {report.slope:6.3f}   must be {SLOPE[0]} to {SLOPE[1]}",
        f"seen where nothing is open       {report.offset:6.2f} px",
        f"m, b, p visibly closed      {report.closed:5d} of {report.labials}",
    ]
    lines.append(
        f"sound after the picture       {report.late:+6.2f} ticks where {report.parted} of them part (half within "
        f"{report.apart:.2f} of that), must be within {LATE:.0f}"
    )
    lines += [f"  open {o.pixels:.1f} px: {o.language} [{o.symbol}] at {o.second:.2f} s" for o in report.open]
    return "\n".join(lines)


def _labials(talk: Talk, seen: Floats) -> list[Labial]:
    out = []
    for phone in talk.phones:
        if not phone.bilabial:
            continue
        first = int(np.ceil(phone.start - 0.5))
        last = max(first, int(np.floor(phone.end + 0.5)))
        span = seen[first : last + 1]
        out.append(Labial(talk.language, phone.symbol, round(phone.start / TICKS_PER_SECOND, 2), float(span.min())))
    return out


def _partings(talk: Talk, seen: Floats) -> list[float]:
    """Ticks from where lips are seen to part after m, b or p to where it is heard: the steepest rise of loudness."""
    rise = np.maximum(0.0, talk.loudness[2:] - talk.loudness[:-2])
    out = []
    for phone in talk.phones:
        if not phone.bilabial:
            continue
        first, last = int(np.ceil(phone.start - 0.5)), int(np.floor(phone.end + 0.5))
        shut = np.flatnonzero(seen[first : last + 1] == 0)
        if not len(shut):
            continue
        after = first + int(shut[-1]) + 1
        opened = np.flatnonzero(seen[after : after + _PARTING] > 0)
        a, b = round((phone.end - _PARTING + 0.5) * STEPS), round((phone.end + _PARTING + 0.5) * STEPS)
        if not len(opened) or a < 0 or rise[a:b].max(initial=0.0) < _BURST_DB:
            continue
        heard = (a + 1 + int(rise[a:b].argmax())) / STEPS
        # Seen open in the middle of a tick and shut in that of the one before: it parted on the edge between them.
        out.append(heard - (after + int(opened[0])))
    return out


class Meant:
    """The opening of the posed mesh."""

    def __init__(self, pack: Pack) -> None:
        self._pack, self._places = pack, Places(pack)
        chosen = _lip_line(pack, self._places.points["mouth"])
        self._rest = pack.vertices[chosen]
        self._units = np.zeros((len(INDEX), len(chosen), 3), np.float32)
        slot = np.full(len(pack.vertices), -1)
        slot[chosen] = np.arange(len(chosen))
        for k, unit in enumerate(self._units):
            rows = slice(pack.unit_starts[k], pack.unit_starts[k + 1])
            at = slot[pack.unit_indices[rows]]
            unit[at[at >= 0]] = pack.unit_deltas[rows][at >= 0]
        jaw = self._units[INDEX["jawOpen"], :, 1]
        self._upper, self._lower = jaw > 0.2 * jaw.min(), jaw < 0.5 * jaw.min()

    def lips(self, frame: FaceFrame) -> tuple[Floats, Floats]:
        """(column, row) on the canvas of the upper lip's lowest point and of the lower lip's highest."""
        points = self._rest + np.einsum("k,kni->ni", frame.weights, self._units)
        screen = project(self._pack, self._places.turned(points.astype(np.float32), frame))
        upper, lower = screen[self._upper], screen[self._lower]
        return upper[upper[:, 1].argmax()], lower[lower[:, 1].argmin()]

    def opening(self, frame: FaceFrame) -> float:
        """Pixels; 0 where the lips touch or press."""
        upper, lower = self.lips(frame)
        return max(0.0, float(lower[1] - upper[1]))


def _lip_line(pack: Pack, front: Floats) -> npt.NDArray[np.int64]:
    """Vertices of both lips on the middle line: what rounding the mouth moves there, unlike teeth and jaw.

    ``front`` (3,) is a point on the lips.
    """
    moved = np.zeros(len(pack.vertices), bool)
    for unit in (INDEX["mouthFunnel"], INDEX["mouthPucker"]):
        rows = slice(pack.unit_starts[unit], pack.unit_starts[unit + 1])
        far = np.linalg.norm(pack.unit_deltas[rows], axis=1) > _ROUNDED
        moved[pack.unit_indices[rows][far]] = True
    x, _, z = pack.vertices.T
    line = moved & (np.abs(x) < _MIDDLE_LINE)
    chosen = np.flatnonzero(line & (z > front[2] - _LIP_DEPTH))
    if len(chosen) < 8:
        raise AvatarError(f"the mesh of {pack.name} has no middle line to read its lips by")
    return chosen


class Seen:
    """The opening read from the picture."""

    def __init__(self, live: Live) -> None:
        self._live, self._places = live, Places(live.pack)
        live.draw(FaceFrame())
        _, red = self._column(FaceFrame(), 0)
        self._red = _RED + _REDDISH * (float(np.percentile(red, 95)) - _RED)
        if self._red < _RED + 8:
            raise AvatarError(f"the lips of {live.pack.name} are not red enough to be told from what they hide")

    def openings(self, frame: FaceFrame) -> tuple[float, ...]:
        """Pixels at each of :data:`_ASIDE`; 0 where no pixel between the lips is anything but lip."""
        self._live.draw(frame)
        return tuple(self._between(*self._column(frame, aside)) for aside in _ASIDE)

    def _between(self, luma: Floats, red: Floats) -> float:
        lips = np.flatnonzero(red > self._red)
        if not len(lips):
            return 0.0
        top, bottom = int(lips[0]), int(lips[-1])
        pale = _RED + _PALE / _REDDISH * (self._red - _RED)
        light = float(np.median(luma[max(top, bottom - _LIP) : bottom + 1]))
        rows = np.arange(len(luma))
        within = (rows > top) & (rows < bottom)
        upper = within & ((red < pale) | (luma < _DARK_UPPER * light))
        lower = within & ((red < pale) | (luma < _DARK_LOWER * light))
        if not upper.any():
            return 0.0
        begin = int(np.flatnonzero(upper)[0])
        end = int(np.flatnonzero(lower & (rows >= begin))[-1])
        return float(end + 1 - begin)

    def _column(self, frame: FaceFrame, aside: int) -> tuple[Floats, Floats]:
        """Luma and Cr (h,), 8-bit scale, down the mouth of the picture as it stands, pixels ``aside`` its middle."""
        box = self._places.box("mouth", frame)
        return self._live.column((box[0] + box[2]) // 2 + aside, box[1] + _NOSE, box[3])
