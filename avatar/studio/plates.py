"""The plates: every picture the path tracer takes of a host, kept by content so that a bake can be resumed."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avatar.studio import lin, scene
from avatar.studio.scene import Box


@dataclass(frozen=True, slots=True)
class Plate:
    name: str
    sees: tuple[str, ...]
    """What the camera sees; the rest still casts its shadows."""
    weights: dict[str, float] = field(default_factory=dict)
    holdout: tuple[str, ...] = ()
    box: Box | None = None
    transparent: bool = False
    cut: float = scene.NO_CUT
    effort: float = 1.0
    """Samples, as a multiple of the bake's."""


def take(studio: "lin.Studio", who: "lin.Person", plate: Plate, folder: Path, samples: int, version: str) -> Path:
    """Path-trace a plate, unless a picture of the same content is there already."""
    spp = max(1, round(samples * plate.effort))
    recipe: dict[str, Any] = {"plate": repr(plate), "samples": spp, "scene": version}
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    path = folder / f"{plate.name}-{key}.png"
    if not path.exists():
        named = studio.named()
        studio.pose(who.posed(**plate.weights))
        studio.cut(plate.cut)
        studio.show(
            *(ob for n in plate.sees for ob in named[n]), holdout=tuple(ob for n in plate.holdout for ob in named[n])
        )
        part = path.with_suffix(".part.png")
        scene.render(part, lin.CAMERA, spp, box=plate.box, transparent=plate.transparent)
        part.rename(path)
    return path


REGION = Box(620, 40, 1300, 810)
"""All of the picture that the live host may change."""
FACE = Box(660, 60, 1260, 840)
EYES = Box(780, 300, 1140, 440)
MOUTH = Box(820, 440, 1100, 720)

SKIN = ("skin", "brows")
PLATES = (
    Plate("neutral", SKIN, box=FACE),
    Plate("blink", SKIN, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, box=EYES),
    Plate("open", ("skin", "teeth", "tongue"), {"jawOpen": 0.55}, box=MOUTH),
    Plate("eyes", ("eyes",), box=EYES),
    Plate(
        "teeth",
        ("teeth", "tongue"),
        {
            "jawOpen": 0.4,
            "mouthUpperUpLeft": 0.6,
            "mouthUpperUpRight": 0.6,
            "mouthLowerDownLeft": 0.6,
            "mouthLowerDownRight": 0.6,
        },
        box=MOUTH,
    ),
    Plate("front", ("hair",), holdout=("skin",), box=REGION, transparent=True),
    Plate("back", ("hair",), box=REGION, transparent=True, effort=0.5),
    Plate("clothes", ("clothes",), holdout=("skin",), box=REGION, transparent=True, effort=0.25),
    Plate("set", ("skin", "clothes", "backdrop"), cut=lin.CUT_Y, effort=0.6),
)
