"""Path-traced pictures of a host, each kept by what it shows, so that a bake can be broken off and resumed."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from avatar.face import FaceFrame
from avatar.studio.base_mesh import Array
from avatar.studio.camera import Box

if TYPE_CHECKING:
    from avatar.studio.studio import Studio

SCENE = 1
"""To be raised when the same spec comes out as another picture."""
EVERYTHING = ("skin", "brows", "eyes", "teeth", "tongue", "lashes", "hair", "clothes")
BARE = ("skin", "brows", "eyes", "teeth", "tongue")
"""What the live mesh is coloured by: nothing that is drawn over it."""


@dataclass(frozen=True, slots=True)
class Shot:
    name: str
    box: Box
    weights: tuple[float, ...] = ()
    """52, or none for a face at rest."""
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    sees: tuple[str, ...] = EVERYTHING
    """What the camera sees; the rest still casts its shadows."""
    holdout: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    """What is not there at all."""
    transparent: bool = False
    gloss: bool = True
    """Whether the eyes are wet."""
    even: bool = False
    """Whether light comes from everywhere alike, and not from the lamps."""
    samples: int = 6
    seed: int = 1

    def frame(self) -> FaceFrame:
        out = FaceFrame()
        if self.weights:
            out.weights[:] = self.weights
        out.rotation[:] = self.rotation
        out.translation[:] = self.translation
        return out


def of(frame: FaceFrame, name: str, box: Box, **settings: Any) -> Shot:
    """The shot of a face frame, its numbers rounded so that equal faces are equal shots."""
    weights, rotation, translation = (
        tuple(round(float(v), 4) for v in values) for values in (frame.weights, frame.rotation, frame.translation)
    )
    return Shot(name, box, weights, rotation, translation, **settings)  # type: ignore[arg-type]


@dataclass(slots=True)
class Darkroom:
    studio: "Studio"
    folder: Path
    taken: int = field(default=0)
    """Pictures path-traced, not found."""

    def path(self, shot: Shot) -> Path:
        recipe = {
            "host": self.studio.spec.name,
            "edition": self.studio.spec.edition,
            "scene": SCENE,
            "shot": _recipe(shot),
        }
        key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:20]
        return self.folder / f"{shot.name}-{key}.png"

    def picture(self, shot: Shot) -> npt.NDArray[np.float32]:
        """(h, w, 3), or 4 when transparent: display-referred R'G'B'(A) in [0, 1], colours not premultiplied."""
        path = self.path(shot)
        if not path.exists():
            self._take(shot, path)
        return read(path)

    def _take(self, shot: Shot, path: Path) -> None:
        from avatar.studio import scene

        studio, named = self.studio, self.studio.named()
        studio.pose(shot.frame())
        studio.gloss(shot.gloss)
        studio.even(shot.even)
        studio.show(
            [ob for n in shot.sees for ob in named[n]],
            [ob for n in shot.holdout for ob in named[n]],
            [ob for n in shot.absent for ob in named[n]],
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.taken == 0:
            edition_of(self.folder, studio.spec.edition).write_text(studio.spec.looks(), "utf-8")
        part = path.with_suffix(".part.png")
        scene.render(part, studio.spec.camera, shot.samples, box=shot.box, transparent=shot.transparent, seed=shot.seed)
        part.rename(path)
        self.taken += 1


def edition_of(folder: Path, edition: int) -> Path:
    """Where is written down what the host's file said when pictures of this edition were taken."""
    return folder / f"edition-{edition}.json"


def _recipe(shot: Shot) -> str:
    """What a shot is known by: fields that were added later count only where they are used."""
    return repr(shot).replace(", even=False", "")


def read(path: Path) -> npt.NDArray[np.float32]:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise FileNotFoundError(path)
    order = [2, 1, 0, 3][: image.shape[2]]
    return np.ascontiguousarray(image[..., order]).astype(np.float32) / np.float32(65535)


def psnr(a: Array, b: Array) -> float:
    """Decibels, of values in [0, 1]."""
    return float(-10 * np.log10(max(np.mean((np.asarray(a, float) - b) ** 2), 1e-12)))
