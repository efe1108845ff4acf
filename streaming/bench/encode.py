"""``everhost bench encode``: what x264's settings cost, and what they do to the face and to the room behind it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.video.codeccontext import VideoCodecContext
from tqdm import tqdm

from avatar.bench.machine import machine
from avatar.bench.talk import act
from avatar.clock import TICKS_PER_SECOND
from avatar.face import FaceFrame
from avatar.hosts import load_host
from avatar.picture import Picture
from avatar.renderer import Box
from streaming.bench.origin import speech
from streaming.encoders import SUPERFAST, X264, h264
from streaming.errors import StageError

SEED: Final = 3
SETTINGS: Final = (
    SUPERFAST,
    X264(aq=1),
    X264("ultrafast"),
    X264("veryfast"),
    X264(crf=19),
    X264(crf=25),
    X264(vbv_s=0.25),
    X264(vbv_s=1.0),
)
"""The one that rooms use, and what differs from it in one thing each."""
_WARM: Final = TICKS_PER_SECOND
_LEAST_S: Final = 2
_SIZE: Final = (1920, 1080)

Luma = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Cost:
    settings: X264
    cpu_ms: float
    """A picture, mean."""
    kbps: float
    face_db: float
    """PSNR of the luma around the face;"""
    worst_db: float
    """of the worst picture."""
    swim: float
    """What changes in the face from picture to picture and should not, or should and does not: RMS of 255, median."""
    behind: float
    """Change of the still room beside the host, of 255, mean."""
    key_kb: float
    """The largest key frame."""


@dataclass(frozen=True, slots=True)
class Report:
    host: str
    machine: str
    seconds: int
    costs: tuple[Cost, ...]


def run(host: str, seconds: int) -> Report:
    """Raises what :func:`avatar.hosts.load_host` does."""
    if seconds < _LEAST_S:
        raise StageError(f"--seconds is {_LEAST_S} at least: the first second does not count")
    frames = act(speech(), "en", SEED).frames
    with tqdm(SETTINGS, desc="settings") as bar:
        costs = tuple(_cost(host, settings, frames, seconds * TICKS_PER_SECOND) for settings in bar)
    return Report(host, machine(), seconds, costs)


def table(report: Report) -> str:
    lines = [
        f"x264 on {report.host} speaking for {report.seconds} s at {_SIZE[0]}x{_SIZE[1]}; {report.machine}",
        f"{'preset':10} {'crf':>3} {'aq':>2} {'vbv s':>5} {'ms':>6} {'kbit/s':>7} {'face dB':>8} {'worst':>6} "
        f"{'swim':>6} {'behind':>7} {'key KB':>7}",
    ]
    for c in report.costs:
        s = c.settings
        lines.append(
            f"{s.preset:10} {s.crf:>3} {s.aq:>2} {s.vbv_s:>5} {c.cpu_ms:>6.2f} {c.kbps:>7.0f} {c.face_db:>8.2f} "
            f"{c.worst_db:>6.2f} {c.swim:>6.3f} {c.behind:>7.4f} {c.key_kb:>7.0f}"
        )
    return "\n".join(lines)


def _cost(host: str, settings: X264, frames: Sequence[FaceFrame], ticks: int) -> Cost:
    renderer, picture = load_host(host, *_SIZE), Picture(*_SIZE)
    renderer.prepare(picture)
    face, behind = _around(renderer.mouth_box), np.s_[::4, : renderer.region[0]]
    encoder, decoder = h264(*_SIZE, settings, "x264"), av.CodecContext.create("h264", "r")
    cpu, size, keys = 0.0, 0, []
    shown: list[tuple[Luma, Luma]] = []
    wrong, swim, moved = [], [], []
    last: tuple[Luma, Luma, Luma] | None = None
    for tick in range(ticks):
        renderer.draw(frames[tick % len(frames)], picture)
        begun = time.thread_time()
        packet = encoder.encode(picture, tick, key=tick in (0, ticks // 2))
        cpu += time.thread_time() - begun
        size += len(packet.data)
        if packet.key:
            keys.append(len(packet.data))
        shown.append((picture.y[face].astype(np.int16), picture.y[behind].astype(np.int16)))
        for y in _decoded(decoder, packet.data):
            (meant, _), got = shown.pop(0), y[face].astype(np.int16)
            beside = y[behind].astype(np.int16)
            wrong.append(float(np.mean((meant - got).astype(np.float64) ** 2)))
            if last is not None:
                change = (meant - last[0]) - (got - last[1])
                swim.append(float(np.sqrt(np.mean(change.astype(np.float64) ** 2))))
                moved.append(float(np.abs(beside - last[2]).mean()))
            last = meant, got, beside
    return Cost(
        settings=settings,
        cpu_ms=1e3 * cpu / ticks,
        kbps=size * 8e-3 * TICKS_PER_SECOND / ticks,
        face_db=_db(float(np.mean(wrong[_WARM:]))),
        worst_db=_db(max(wrong[_WARM:])),
        swim=float(np.median(swim[_WARM:])),
        behind=float(np.mean(moved[_WARM:])),
        key_kb=max(keys) / 1e3,
    )


def _around(mouth: Box) -> tuple[slice, slice]:
    """The face, by its mouth: twice as wide, with two mouths' height above it and half a one below."""
    x0, y0, x1, y1 = mouth
    w, h = x1 - x0, y1 - y0
    return np.s_[max(0, y0 - 2 * h) : y1 + h // 2, max(0, x0 - w // 2) : x1 + w // 2]


def _decoded(decoder: VideoCodecContext, data: bytes) -> Iterator[npt.NDArray[Any]]:
    for frame in decoder.decode(av.Packet(data)):
        yield frame.to_ndarray()[: _SIZE[1]]


def _db(error: float) -> float:
    return float(10 * np.log10(255**2 / error))
