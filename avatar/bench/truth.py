"""Path-traced pictures that live ones are held against.

They are taken where the ``studio`` extra is installed, and kept in a folder of PNGs by what they show, so that taking
can be broken off and resumed, and comparing needs no path tracer.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.bench.live import Live, as_sent
from avatar.face import FaceFrame
from avatar.pack import Box

if TYPE_CHECKING:
    from avatar.studio.darkroom import Darkroom

Floats = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Told how many are done, of how many."""

SAMPLES: Final = 16
SEED: Final = 77
"""No picture that a host is built from has this noise."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One path-traced picture: everything of the host in a box of the canvas, nothing behind it."""

    name: str
    frame: FaceFrame
    box: Box
    samples: int = SAMPLES
    seed: int = SEED

    def path(self, folder: Path) -> Path:
        parts = (self.frame.weights, self.frame.rotation, self.frame.translation)
        face = [[round(float(v), 4) for v in values] for values in parts]
        text = json.dumps([face, self.box, self.samples, self.seed])
        return folder / f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.png"


def take(
    room: "Darkroom", wanted: Sequence[Wanted], folder: Path, progress: Progress = lambda done, total: None
) -> None:
    """Path-trace all that the darkroom does not have, and put all into ``folder``."""
    from avatar.studio import darkroom
    from avatar.studio.camera import Box as Crop

    folder.mkdir(parents=True, exist_ok=True)
    for k, one in enumerate(wanted):
        shot = darkroom.of(
            one.frame, "truth", Crop(*one.box), sees=darkroom.EVERYTHING, transparent=True, samples=one.samples,
            seed=one.seed,
        )  # fmt: skip
        room.picture(shot)
        part = one.path(folder).with_suffix(".part")
        shutil.copyfile(room.path(shot), part)
        part.replace(one.path(folder))
        progress(k + 1, len(wanted))


def missing(wanted: Sequence[Wanted], folder: Path) -> int:
    return sum(not one.path(folder).is_file() for one in wanted)


def seen(wanted: Wanted, folder: Path, live: Live) -> Floats | None:
    """(h, w, 3) R'G'B' in [0, 1] as a viewer would get it: before the live host's background, through 8-bit 4:2:0.

    None if it has not been taken.
    """
    image = cv2.imread(str(wanted.path(folder)), cv2.IMREAD_UNCHANGED) if wanted.path(folder).is_file() else None
    if image is None:
        return None
    rgba = image[..., [2, 1, 0, 3]].astype(np.float32) / np.float32(65535)
    opacity = rgba[..., 3:]
    return as_sent(np.asarray(rgba[..., :3] * opacity + live.behind(wanted.box) * (1 - opacity), np.float32))
