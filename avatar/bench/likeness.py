"""How like the live host is to the path-traced one: faces it was not built from, mouth and each eye by themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.bench import chart, faces, truth
from avatar.bench.faces import Face
from avatar.bench.live import Live, Places, union
from avatar.bench.metrics import luma, psnr, ssim
from avatar.bench.truth import Progress, Wanted
from avatar.errors import AvatarError
from avatar.hosts import pack_path
from avatar.pack import Box, Pack, load_pack

if TYPE_CHECKING:
    from avatar.studio.darkroom import Darkroom

Floats = npt.NDArray[np.float32]

REGIONS: Final = ("mouth", "left eye", "right eye")
SPEECH: Final = "all but wild"
"""Real speech, with an emotion or the head turned or neither: what must reach the first limits."""
MOUTH_DB, MOUTH_SSIM, WILD_DB, EYES_DB = 34.0, 0.95, 32.0, 34.0
"""Medians that must be reached: mouth in speech, dB and SSIM; mouth of wild faces; each eye."""
WORST: Final = 5
_GAIN: Final = 4
"""Times that a difference is shown enlarged,"""
_ZOOM: Final = 1.5
"""and that a picture is."""


@dataclass(frozen=True, slots=True)
class Score:
    face: int
    """Place in :func:`avatar.bench.faces.load`."""
    kind: str
    region: str
    psnr: float
    """dB, over R'G'B'."""
    ssim: float
    """Of luma."""


@dataclass(frozen=True, slots=True)
class Summary:
    region: str
    kind: str
    """A kind of face, or :data:`SPEECH`."""
    faces: int
    median_db: float
    worst_db: float
    median_ssim: float
    worst_ssim: float


@dataclass(frozen=True, slots=True)
class Report:
    host: str
    summaries: tuple[Summary, ...]
    scores: tuple[Score, ...]
    missing: int
    """Path-traced pictures that are not there; their faces are left out."""


def pictures(pack: Pack, some: Sequence[Face]) -> list[tuple[Wanted, Wanted]]:
    """What is path-traced for each face: its mouth, and both eyes at once."""
    places, out = Places(pack), []
    for face in some:
        mouth, left, right = (places.box(region, face.frame) for region in REGIONS)
        out.append((Wanted("mouth", face.frame, mouth), Wanted("eyes", face.frame, union(left, right))))
    return out


def truths(room: "Darkroom", host: str, folder: Path, progress: Progress = lambda done, total: None) -> None:
    """Take the path-traced pictures into ``folder``; those that are in the darkroom already are not taken again."""
    pairs = pictures(load_pack(pack_path(host)), faces.load())
    truth.take(room, [one for pair in pairs for one in pair], folder, progress)


def run(host: str, folder: Path, sheets: Path | None = None) -> Report:
    """Compare a host with the path-traced pictures in ``folder``; the worst go side by side into ``sheets``.

    Raises:
        PackError: no such host.
        AvatarError: no path-traced picture is there.
    """
    pack = load_pack(pack_path(host))
    live, some = Live(pack), faces.load()
    wanted = pictures(pack, some)
    flat = [one for pair in wanted for one in pair]
    missing = truth.missing(flat, folder)
    if missing == len(flat):
        raise AvatarError(f"{folder} holds no path-traced picture of these faces; take them with --take first")
    scores: list[Score] = []
    for k, (face, pair) in enumerate(zip(some, wanted, strict=True)):
        for region, real, drawn in _pairs(live, face, pair, folder):
            scores.append(Score(k, face.kind, region, psnr(real, drawn), ssim(luma(real), luma(drawn))))
    if sheets is not None:
        for regions, name in ((REGIONS[:1], "mouth"), (REGIONS[1:], "eyes")):
            _sheet(live, some, wanted, folder, [s for s in scores if s.region in regions], sheets / f"worst-{name}.png")
    return Report(pack.name, tuple(_summaries(scores)), tuple(scores), missing)


def table(report: Report) -> str:
    lines = [
        f"Likeness of {report.host} to path-traced pictures of faces it was not built from",
        f"{'region':10} {'faces':14} {'n':>3} {'dB median':>10} {'worst':>6} {'SSIM median':>12} {'worst':>6}  must be",
    ]
    lines += [
        f"{s.region:10} {s.kind:14} {s.faces:3d} {s.median_db:10.2f} {s.worst_db:6.2f} {s.median_ssim:12.4f} "
        f"{s.worst_ssim:6.4f}  {_limit(s)}".rstrip()
        for s in report.summaries
    ]
    if report.missing:
        lines.append(f"{report.missing} path-traced pictures are missing; their faces are left out")
    return "\n".join(lines)


def _limit(summary: Summary) -> str:
    if summary.region != "mouth":
        return f"{EYES_DB:.0f} dB" if summary.kind == SPEECH else ""
    return {SPEECH: f"{MOUTH_DB:.0f} dB, {MOUTH_SSIM}", "wild": f"{WILD_DB:.0f} dB"}.get(summary.kind, "")


def _pairs(live: Live, face: Face, pair: tuple[Wanted, Wanted], folder: Path) -> list[tuple[str, Floats, Floats]]:
    """(region, path-traced, live) of the face, R'G'B'."""
    live.draw(face.frame)
    places, out = Places(live.pack), []
    for wanted, regions in zip(pair, (REGIONS[:1], REGIONS[1:]), strict=True):
        real = truth.seen(wanted, folder, live)
        if real is None:
            continue
        drawn = live.rgb(wanted.box)
        for region in regions:
            box = places.box(region, face.frame)
            out.append((region, _cut(real, wanted.box, box), _cut(drawn, wanted.box, box)))
    return out


def _cut(image: Floats, whole: Box, box: Box) -> Floats:
    x0, y0, x1, y1 = box[0] - whole[0], box[1] - whole[1], box[2] - whole[0], box[3] - whole[1]
    return image[y0:y1, x0:x1]


def _summaries(scores: list[Score]) -> list[Summary]:
    out = []
    for region in REGIONS:
        for kind in (*faces.COUNTS, SPEECH):
            kinds = {*faces.COUNTS} - {"wild"} if kind == SPEECH else {kind}
            mine = [s for s in scores if s.region == region and s.kind in kinds]
            if mine:
                db, alike = np.array([s.psnr for s in mine]), np.array([s.ssim for s in mine])
                values = (float(v) for v in (np.median(db), db.min(), np.median(alike), alike.min()))
                out.append(Summary(region, kind, len(mine), *values))
    return out


def _sheet(
    live: Live, some: Sequence[Face], wanted: list[tuple[Wanted, Wanted]], folder: Path, scores: list[Score],
    path: Path,
) -> None:  # fmt: skip
    """The worst side by side: path-traced, live, and four times what is between them."""
    rows = []
    for score in sorted(scores, key=lambda s: s.psnr)[:WORST]:
        found = _pairs(live, some[score.face], wanted[score.face], folder)
        real, drawn = next((real, drawn) for region, real, drawn in found if region == score.region)
        trio = np.hstack([real, drawn, np.clip(np.abs(real - drawn) * _GAIN, 0, 1)])
        big = cv2.resize(trio[..., ::-1], None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_CUBIC)
        row = np.asarray(np.rint(big.clip(0, 1) * 255), np.uint8)
        text = f"{score.region} {score.face}, {score.kind}: {score.psnr:.1f} dB, SSIM {score.ssim:.3f}"
        rows.append(chart.captioned(row, text))
    if rows:
        chart.save(path, np.vstack(rows))
