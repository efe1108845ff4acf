"""What pictures cost that are drawn many at once on a GPU, and how near they come to those of a core."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np

from avatar.bench import faces
from avatar.bench.live import Live
from avatar.bench.machine import machine
from avatar.clock import TICKS_PER_SECOND
from avatar.errors import AvatarError
from avatar.face import BodyPose, FaceFrame
from avatar.hosts import load_batch, pack_path
from avatar.pack import load_pack

if TYPE_CHECKING:
    from avatar.gpu.renderer import BatchRenderer

SIZES: Final = (1, 4, 16, 32)
LEVELS: Final = 2
"""Of 255, by which pictures may differ,"""
PARTS: Final = 1e-3
"""but for so many of their pixels,"""
DB: Final = 50.0
"""and the PSNR of luma and of chroma of the part that is drawn at least."""
_ROUNDS: Final = 15
_WARM: Final = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds, medians of rounds."""

    batch: int
    drawn: float
    """A picture, until it is there on the device,"""
    fetched: float
    """and in the memory of the machine."""

    @property
    def rooms(self) -> float:
        """That could be drawn at once, if nothing else were done."""
        return 1000 / TICKS_PER_SECOND / self.fetched


@dataclass(frozen=True, slots=True)
class Report:
    host: str
    machine: str
    device: str
    core: float
    """A picture drawn by a core of this machine, ms, median."""
    costs: list[Cost]
    memory_mb: float
    """Of the device at most."""
    faces: int
    psnr: float
    """Of the picture that is least like a core's, over the part that is drawn, dB."""
    parts: float
    """The share of that part's pixels that differ by more than :data:`LEVELS`, in the picture with the most."""
    most: int
    """The greatest difference of any pixel, of 255."""

    @property
    def good(self) -> bool:
        return self.psnr >= DB and self.parts <= PARTS


def run(host: str, device: str = "cuda", sizes: Sequence[int] = SIZES, judged: int | None = None) -> Report:
    """``judged``: how many of the held-out faces are compared; all by default.

    Raises:
        PackError: no such host or device.
        AvatarError: no torch, or a size below 1.
    """
    if min(sizes) < 1:
        raise AvatarError(f"{min(sizes)} pictures cannot be drawn at once; give sizes from 1 on")
    pack = load_pack(pack_path(host))
    live = Live(pack)
    renderer = load_batch(host, live.picture.width, live.picture.height, device=device)
    import torch

    frames = list(_faces())
    alike, core = _compared(live, renderer, frames[:judged], max(sizes))
    on_gpu = torch.device(device).type == "cuda"
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    costs = []
    for size in sizes:
        some = list(islice(cycle(frames), size))
        drawn, fetched = [], []
        for _ in range(_WARM + _ROUNDS):
            wait()
            begun = time.perf_counter()
            pictures = renderer.draw(some)
            wait()
            drawn.append(time.perf_counter() - begun)
            pictures.cpu()
            fetched.append(time.perf_counter() - begun)
        costs.append(Cost(size, *(1000 / size * median(times[_WARM:]) for times in (drawn, fetched))))
    name = torch.cuda.get_device_name(device) if on_gpu else "the cores"
    memory = torch.cuda.max_memory_allocated(device) / 1e6 if on_gpu else 0.0
    return Report(pack.name, machine(), name, core, costs, memory, len(frames[:judged]), *alike)


def _faces() -> Iterator[FaceFrame]:
    """The held-out ones, breathing and leaning a little."""
    for k, face in enumerate(faces.load()):
        frame = face.frame
        frame.body = BodyPose(0.5 + 0.5 * np.sin(k), np.array([0, 0, 0.01 * np.cos(k)], np.float32))
        yield frame


def _compared(
    live: Live, renderer: "BatchRenderer", frames: Sequence[FaceFrame], batch: int
) -> tuple[tuple[float, float, int], float]:
    x0, y0, x1, y1 = renderer.region
    h = live.picture.height
    halves = slice(y0 // 2, y1 // 2), slice(x0 // 2, x1 // 2)
    psnr, parts, most, took = 99.0, 0.0, 0, []
    for first in range(0, len(frames), batch):
        some = frames[first : first + batch]
        for frame, drawn in zip(some, renderer.draw(some).cpu().numpy(), strict=True):
            begun = time.perf_counter()
            live.draw(frame)
            took.append(1000 * (time.perf_counter() - begun))
            for plane, other in (
                (live.picture.y[y0:y1, x0:x1], drawn[:h, :][y0:y1, x0:x1]),
                (live.picture.u[halves], drawn[h : h + h // 4].reshape(h // 2, -1)[halves]),
                (live.picture.v[halves], drawn[h + h // 4 :].reshape(h // 2, -1)[halves]),
            ):
                apart = np.abs(plane.astype(np.int32) - other)
                psnr = min(psnr, float(10 * np.log10(255**2 / max(np.square(apart).mean(), 1e-6))))
                parts, most = max(parts, float((apart > LEVELS).mean())), max(most, int(apart.max()))
    return (psnr, parts, most), median(took)


def table(report: Report) -> str:
    lines = [
        f"Pictures of {report.host} at 1920x1080 on {report.device}; {report.machine}; one core: {report.core:.2f} ms",
        f"{'at once':>8} {'ms a picture':>13} {'and fetched':>12} {'rooms at 48 a second':>22}",
    ]
    lines += [f"{one.batch:8d} {one.drawn:13.2f} {one.fetched:12.2f} {one.rooms:22.0f}" for one in report.costs]
    lines.append(
        f"against a core's, {report.faces} faces: {report.psnr:.1f} dB at worst (at least {DB:.0f}), "
        f"{100 * report.parts:.3f} % of pixels off by more than {LEVELS} (at most {100 * PARTS:.1f} %), farthest by "
        f"{report.most}; {report.memory_mb:.0f} MB of the device"
    )
    return "\n".join(lines)
