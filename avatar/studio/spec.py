"""A host as a file says it: age, sex, ancestry, shape, hair, colours, clothes, light, framing.

Lengths are metres in the host's axes (y up, z towards the viewer, x to the host's left), colours linear Rec. 709.
"""

import json
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError

from avatar.errors import StudioError
from avatar.studio.base_mesh import Array
from avatar.studio.camera import Camera
from avatar.studio.motion import smooth

NECK_TOP: Final = 0.505
"""Height at which a neck ends, metres."""
Share = Annotated[float, Field(ge=0, le=1)]
Colour = tuple[Share, Share, Share]
Point = tuple[float, float, float]
GROWN: Final = 30
"""Years at which the base mesh's "young" has had its time,"""
OLD: Final = 90
"""and those of its "old"."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Hair(_Strict):
    colour: Colour
    grey: Share = 0.0
    """How many of the hairs are grey."""
    grey_colour: Colour = (0.38, 0.37, 0.36)
    receding: float = Field(0.0, ge=0, le=30)
    """Degrees by which the line of the hair has gone back above the temples."""
    radius: float = Field(0.00009, gt=0, le=0.004)
    """Of a hair, metres; of a doll's, a millimetre."""
    gloss: Share = 0.28
    """How rough hairs are: 0 for glass."""


class Draped(_Hair):
    """Hair that falls from a part beside the face and is cut at one height."""

    style: Literal["draped"] = "draped"
    part: float = 0.018
    """x of the part at the forehead, metres."""
    end: float = -0.135
    """Height of the cut over the eyes, metres."""
    volume: float = 0.012
    """How high the outermost hairs stand above the head."""
    opening: float = 0.092
    """Height over the eyes from which on hair stays beside the face,"""
    frame: float = 52.0
    """at this azimuth from the front or more, degrees."""
    curl: float = 0.45
    """How much the ends turn in."""
    lock: float = Field(0.012, gt=0)
    """Width of the locks that strands gather into,"""
    gather: Share = 0.35
    """and how far they do."""
    strands: int = Field(4200, ge=100, le=20000)
    """Hairs that are grown on the head."""
    children: int = Field(10, ge=1, le=30)
    """Hairs made of each of those, lying beside it."""
    steps: int = Field(80, ge=8, le=200)
    points: int = Field(22, ge=6, le=60)
    """Points of a hair."""
    seed: int = 7


class Short(_Hair):
    """Hair that is cut short at the sides and the back, and combed over from a part on top."""

    style: Literal["short"] = "short"
    part: float = 0.042
    """x of the part, metres."""
    top: float = Field(0.055, gt=0, le=0.12)
    """Length of the hair on top,"""
    sides: float = Field(0.014, gt=0, le=0.08)
    """and where it is cut shortest, metres."""
    volume: float = 0.014
    """How high the hair stands over the forehead, metres."""
    back: float = 0.7
    """How much of the way it is combed back instead of over."""
    lock: float = Field(0.010, gt=0)
    gather: Share = 0.4
    strands: int = Field(6500, ge=100, le=20000)
    children: int = Field(9, ge=1, le=30)
    points: int = Field(10, ge=4, le=60)
    seed: int = 7


class Brow(_Strict):
    """A brow as a line on the face, seen from the front."""

    colour: Colour
    line: tuple[Point, ...] = Field(min_length=2)
    """(x, y over the eyes, half width) from the nose outwards."""
    hairs: int = Field(900, ge=10, le=5000)
    length: float = Field(0.0062, gt=0)
    radius: float = Field(0.00005, gt=0, le=0.002)
    seed: int = 3


class Blazer(_Strict):
    """A jacket, and what is worn under it."""

    style: Literal["blazer"] = "blazer"
    jacket: Colour
    blouse: Colour
    neckline: Literal["scoop", "crew"] = "scoop"
    weave: float = 0.002
    """How coarse the blouse is; a knit is 0.02."""


class Jumper(_Strict):
    """A jumper with a rolled collar."""

    style: Literal["jumper"] = "jumper"
    wool: Colour
    collar: float = Field(0.0045, gt=0, le=0.02)
    """How thick the roll is, metres on a person."""
    weave: float = 0.02


class Region(_Strict):
    """A part of the head that is made larger, smaller or put elsewhere; what lies around it gives way."""

    about: Literal["origin", "eyes", "mouth"] = "origin"
    """What ``place`` is measured from, as earlier regions have left it. What is done beside the middle is done to both
    sides.
    """
    place: Point
    """The middle of it, metres,"""
    radii: tuple[PositiveFloat, PositiveFloat, PositiveFloat]
    """within whose ellipsoid all is changed,"""
    fade: float = Field(2.0, ge=1.2, le=10)
    """beyond so many of which nothing is."""
    scale: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (1.0, 1.0, 1.0)
    move: Point = (0.0, 0.0, 0.0)
    """Metres; outwards, up and to the viewer."""


class Lamp(_Strict):
    place: Point
    """Relative to the middle of the face."""
    size: float = Field(gt=0)
    watts: float = Field(ge=0)
    colour: Colour


class Framing(_Strict):
    """The canvas, a pinhole before it, and the windows of it that go on air."""

    width: int = 1920
    height: int = 1920
    focal: float = 6600.0
    distance: float = 2.8
    eye_y: float = 0.56
    centre_y: float = 618.0
    views: dict[str, tuple[int, int, int, int]] = {"16:9": (0, 200, 1920, 1080), "9:16": (420, 0, 1080, 1920)}
    """Left, top, width, height on the canvas."""


class HostSpec(_Strict):
    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    title: str
    edition: int = 1
    """To be raised when a change of this file changes how the host looks."""
    age: float = Field(ge=18, le=OLD)
    sex: Literal["female", "male"]
    ancestry: dict[Literal["african", "asian", "caucasian"], Share]
    shape: dict[str, float] = {}
    """Targets of the base mesh, by path, and how much of each; ``*`` stands for both sides."""
    sculpt: tuple[Region, ...] = ()
    """What no target does, one after the other."""
    body: float = Field(1.0, ge=0.4, le=1.2)
    """How large the body under the head is, of a person's."""
    blink: float = Field(1.0, ge=0.5, le=1.6)
    """How far lids travel, of the base mesh's: wider eyes need more to shut."""
    smile: Share = 0.0
    """How much of a smile the face at rest has."""
    lashes: Share = 0.5
    """How much of the base mesh's lashes is kept."""
    liner: Share = 0.16
    """How much of the length of upper lashes is a solid line along the lid, as make-up draws it."""
    tone: Colour
    lips: Colour
    iris: Colour
    iris_size: float = Field(1.0, ge=0.7, le=1.6)
    """Of a person's."""
    finish: Literal["skin", "toy"] = "skin"
    """Skin with pores and veins, or a doll's, even and soft, with painted cheeks."""
    beard: Share = 0.0
    """How far the shadow of a shaved beard is seen."""
    hair: Annotated[Draped | Short, Field(discriminator="style")]
    brow: Brow
    clothes: Annotated[Blazer | Jumper, Field(discriminator="style")]
    lamps: tuple[Lamp, ...] = Field(min_length=1)
    world: Colour
    background: Literal["office", "gallery"] = "office"
    framing: Framing = Framing()
    target: Point = (0.0, 0.55, 0.08)
    """The middle of the face, where lamps point."""
    pivot: Point = (0.0, 0.515, 0.02)
    """The point the head turns about."""
    neck: tuple[float, float] = (0.405, 0.470)
    """Below the first height, on a person's body, nothing follows the head; above the second everything does."""
    bottom: float = -0.22
    """Height at which the body ends, out of sight."""

    @property
    def camera(self) -> Camera:
        f = self.framing
        return Camera(f.width, f.height, f.focal, f.distance, f.eye_y, f.centre_y)

    def looks(self) -> str:
        """All that pictures of the host depend on, as text."""
        views = {"framing": {"views"}}
        said = self.model_dump(exclude={"title": True, "edition": True, **views}, exclude_defaults=True)
        return json.dumps(said | {"styles": [self.hair.style, self.clothes.style]}, indent=1, sort_keys=True)

    def targets(self) -> dict[str, float]:
        """Every target of the base mesh that makes this person, and how much of it."""
        old = float(np.clip((self.age - GROWN) / (OLD - GROWN), 0, 1))
        total = sum(self.ancestry.values())
        out: dict[str, float] = {}
        for stage, share in (("young", 1 - old), ("old", old)):
            if share == 0:
                continue
            for ancestry, part in self.ancestry.items():
                out[f"macrodetails/{ancestry}-{self.sex}-{stage}"] = share * part / total
            out[f"macrodetails/universal-{self.sex}-{stage}-averagemuscle-averageweight"] = share
        for name, weight in self.shape.items():
            for path in (name.replace("*", side) for side in ("l", "r")) if "*" in name else (name,):
                out[path] = out.get(path, 0.0) + weight
        return out

    def rise(self, points: Array) -> Array:
        """(…, 3) metres: how far points (…, 3) at rest move at breath 1."""
        y = self._height(points)
        up = self.body * 0.0022 * smooth((y - 0.12) / 0.2) * (1 - 0.4 * smooth((y - 0.40) / 0.06))
        return np.stack([0 * up, up, 0 * up], -1)

    def sway(self, points: Array) -> Array:
        """(…) in [0, 1]: how far points (…, 3) at rest follow the torso's lean."""
        return smooth((self._height(points) - 0.02) / 0.3)

    def follow(self, points: Array) -> Array:
        """(…) in [0, 1]: how far points (…, 3) at rest or nearly so follow the head."""
        low, high = self.neck
        return smooth((self._height(points) - low) / (high - low))

    def _height(self, points: Array) -> Array:
        """(…) y of points (…, 3) as they would lie on a person's body."""
        y = points[..., 1]
        return y if self.body == 1 else np.asarray((y - NECK_TOP) / self.body + NECK_TOP)


def load_spec(path: Path) -> HostSpec:
    """Read a host's file.

    Raises:
        StudioError: it cannot be read, or a line of it is not understood; the message says which.
    """
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise StudioError(f"{path} is not YAML: {error}") from error
    try:
        return HostSpec.model_validate(data)
    except ValidationError as error:
        lines = [f"  {'.'.join(str(p) for p in e['loc']) or 'file'}: {e['msg']}" for e in error.errors()]
        raise StudioError(f"{path} does not describe a host:\n" + "\n".join(lines)) from error
