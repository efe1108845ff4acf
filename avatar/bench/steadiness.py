"""How steady the picture is: what changes from frame to frame when the face holds still, or moves slowly.

Each of the 52 weights goes slowly through its middle; so does each way the head turns. What changes in the live picture
between two of those frames is held against what changes between the same two path-traced. A path-traced picture has
noise; both of a pair have the same, but it is not lost wholly, so what changes is measured with it taken out: two pairs
differ in noise alone, and where their changes agree is change.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from avatar.bench import chart, truth
from avatar.bench.live import Live, project
from avatar.bench.metrics import luma
from avatar.bench.truth import Progress, Wanted
from avatar.errors import AvatarError
from avatar.face import ARKIT, INDEX, FaceFrame
from avatar.hosts import pack_path
from avatar.pack import Box, Pack, load_pack

if TYPE_CHECKING:
    from avatar.studio.darkroom import Darkroom

Floats = npt.NDArray[np.float32]

RATIO: Final = 1.5
"""Live change may be at most this many times the path-traced."""
JUMP: Final = 2.5
"""No step of a slow sweep may be this many times its median."""
STEPS: Final = (0.44, 0.46, 0.48, 0.50, 0.52, 0.54)
"""Weights of the live sweep,"""
PAIR: Final = (0.50, 0.54)
"""and of the path-traced pair."""
TURNS: Final = ("pitch", "yaw", "roll")
_TURN: Final = 0.1
"""Degrees a step of a turning head."""
_TURN_PAIR: Final = (0.0, 2 * _TURN)
_HELD: Final = 12
_SIDES: Final = (240, 200)
"""The widest box that is looked at, pixels."""
_GRID: Final = 16
"""Pixels."""
_SEEDS: Final = (truth.SEED, truth.SEED + 1)
_LEVELS: Final = 219
"""From black to white."""
_ROUNDING: Final = 6**-0.5
"""Levels of luma: what rounding two pictures to 8 bits adds to the change between them where anything moves at all (two
errors, each even over one level). The live picture has it, the path-traced change has lost it with its noise."""


@dataclass(frozen=True, slots=True)
class Sweep:
    what: str
    """A blendshape, or a way to turn."""
    box: Box
    """Where it shows, on the canvas."""
    steps: tuple[float, ...]
    """Change of luma at each step of the live sweep, 8-bit levels, the root of its mean square over the box."""
    jump: float
    """The largest step over the median one, as far as it is more than rounding."""
    live: float
    """Change between the two frames of the pair, live,"""
    real: float | None
    """and path-traced; None where it was not taken."""
    ratio: float | None
    """Of the live change to the path-traced, were that rounded to 8 bits too."""


@dataclass(frozen=True, slots=True)
class Report:
    host: str
    held: float
    """The largest change of any byte of the picture while a face is held."""
    sweeps: tuple[Sweep, ...]
    missing: int
    """Path-traced pictures that are not there."""


@dataclass(frozen=True, slots=True)
class _Way:
    """One thing that is swept."""

    what: str
    box: Box
    values: tuple[float, ...]
    pair: tuple[float, float]

    def frame(self, value: float) -> FaceFrame:
        frame = FaceFrame()
        if self.what in TURNS:
            frame.rotation[TURNS.index(self.what)] = np.radians(value)
        else:
            frame[self.what] = value
            if self.what == "mouthClose":  # the lips can only meet over an open jaw
                frame["jawOpen"] = 0.6
        return frame

    def wanted(self) -> list[tuple[Wanted, Wanted]]:
        """The path-traced pair, once for each noise."""
        pairs = []
        for seed in _SEEDS:
            a, b = (Wanted("steady", self.frame(v), self.box, seed=seed) for v in self.pair)
            pairs.append((a, b))
        return pairs


def ways(pack: Pack) -> list[_Way]:
    units = [_Way(name, _box(pack, name), STEPS, PAIR) for name in ARKIT]
    middle = ((pack.head_box[0] + pack.head_box[2]) // 2, (pack.eye_boxes[0][1] + pack.mouth_box[3]) // 2)
    face = _around(pack, middle, (300, 280))
    turns = [_Way(name, face, tuple(k * _TURN for k in range(-15, 16)), _TURN_PAIR) for name in TURNS]
    return units + turns


def truths(room: "Darkroom", host: str, folder: Path, progress: Progress = lambda done, total: None) -> None:
    """Take the path-traced pairs into ``folder``; those that are in the darkroom already are not taken again."""
    all_ways = ways(load_pack(pack_path(host)))
    firsts = [one for k in range(len(_SEEDS)) for way in all_ways for one in way.wanted()[k]]
    truth.take(room, firsts, folder, progress)


def run(host: str, folder: Path, plot: Path | None = None) -> Report:
    """Sweep the live host and compare with the path-traced pairs in ``folder``; ``plot``: a folder for two charts.

    Raises:
        PackError: no such host.
        AvatarError: no path-traced picture is there.
    """
    pack = load_pack(pack_path(host))
    live, all_ways = Live(pack), ways(pack)
    wanted = [one for way in all_ways for pair in way.wanted() for one in pair]
    missing = truth.missing(wanted, folder)
    if missing == len(wanted):
        raise AvatarError(f"{folder} holds no path-traced pair; take them with --take first")
    sweeps = tuple(_sweep(live, way, folder) for way in all_ways)
    if plot is not None:
        chart.bars(
            plot / "steadiness.png", "live change over path-traced change, weight 0.50 to 0.54",
            {s.what: s.ratio or 0.0 for s in sweeps}, RATIO,
        )  # fmt: skip
        turning = {s.what: np.array(s.steps) for s in sweeps if s.what in TURNS}
        chart.lines(plot / "turning.png", "change a step of 0.1 degrees, levels of luma", turning)
    return Report(pack.name, _held(live), sweeps, missing)


def table(report: Report) -> str:
    lines = [
        f"Steadiness of {report.host}: change of luma a frame, 8-bit levels (root mean square over what moves)",
        f"held face: {report.held:g} (must be 0)",
        f"{'slow sweep':20} {'live':>6} {'real':>6} {'ratio':>6} {'jump':>6}   at most {RATIO}, {JUMP}",
    ]
    for s in sorted(report.sweeps, key=lambda s: -(s.ratio or 0.0)):
        real, ratio = (f"{v:6.2f}" if v is not None else f"{'-':>6}" for v in (s.real, s.ratio))
        over = "  over" if (s.ratio or 0.0) > RATIO or s.jump > JUMP else ""
        lines.append(f"{s.what:20} {s.live:6.2f} {real} {ratio} {s.jump:6.2f}{over}")
    ratios = np.array([s.ratio for s in report.sweeps if s.ratio is not None])
    if len(ratios):
        lines.append(f"ratio: median {np.median(ratios):.2f}, {int((ratios > RATIO).sum())} of {len(ratios)} over")
    if report.missing:
        lines.append(f"{report.missing} path-traced pictures are missing")
    return "\n".join(lines)


def _sweep(live: Live, way: _Way, folder: Path) -> Sweep:
    def drawn(value: float) -> Floats:
        live.draw(way.frame(value))
        return live.luma(way.box).astype(np.float32)

    frames = [drawn(value) for value in way.values]
    steps = tuple(_rms(b - a) for a, b in pairwise(frames))
    first, last = (drawn(value) for value in way.pair)
    change, real = _rms(last - first), _real(live, way, folder)
    return Sweep(
        what=way.what,
        box=way.box,
        steps=steps,
        jump=max(steps) / max(float(np.median(steps)), _ROUNDING),
        live=change,
        real=real,
        ratio=None if real is None else change / float(np.hypot(real, _ROUNDING)),
    )


def _real(live: Live, way: _Way, folder: Path) -> float | None:
    """Change of the path-traced pair with its noise taken out: the mean product of two pairs that differ in it."""
    changes = []
    for a, b in way.wanted():
        first, last = truth.seen(a, folder, live), truth.seen(b, folder, live)
        if first is None or last is None:
            return None
        changes.append((luma(last) - luma(first)) * np.float64(_LEVELS))
    return float(np.sqrt(max(0.0, float(np.mean(changes[0] * changes[1])))))


def _rms(change: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(change, dtype=np.float64))))


def _held(live: Live) -> float:
    frame = FaceFrame()
    frame["jawOpen"], frame["eyeBlinkLeft"] = 0.3, 0.4
    frame.rotation[:] = (0.02, 0.05, -0.02)
    live.draw(frame)
    before, most = live.picture.data.copy(), 0
    for _ in range(_HELD):
        live.draw(frame)
        most = max(most, int(np.abs(live.picture.data.astype(np.int16) - before).max()))
    return float(most)


def _box(pack: Pack, name: str) -> Box:
    """Where a blendshape shows: around what it moves on the screen, weighted by how far."""
    unit = INDEX[name]
    rows = slice(pack.unit_starts[unit], pack.unit_starts[unit + 1])
    at, deltas = pack.unit_indices[rows], pack.unit_deltas[rows]
    if not len(at):
        raise AvatarError(f"{name} moves nothing of {pack.name}")
    before = project(pack, pack.vertices[at])
    far = np.linalg.norm(project(pack, pack.vertices[at] + deltas) - before, axis=1)
    shown = before[far > 0.25 * far.max()]
    low, high = shown.min(0), shown.max(0)
    sides = np.minimum(high - low + 32, _SIDES).astype(int)
    centre = np.where(high - low + 32 > _SIDES, np.average(before, axis=0, weights=far), (low + high) / 2)
    return _around(pack, (round(float(centre[0])), round(float(centre[1]))), (int(sides[0]), int(sides[1])))


def _around(pack: Pack, middle: tuple[int, int], sides: tuple[int, int]) -> Box:
    """A box around a place, within the head's, in coarse steps: another mesh of the same host gives the same."""
    x0, y0 = (round((m - s / 2) / _GRID) * _GRID for m, s in zip(middle, sides, strict=True))
    x1, y1 = x0 + round(sides[0] / _GRID) * _GRID, y0 + round(sides[1] / _GRID) * _GRID
    hx0, hy0, hx1, hy1 = pack.head_box
    return max(x0, hx0), max(y0, hy0), min(x1, hx1), min(y1, hy1)
