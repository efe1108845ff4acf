"""The base mesh made into one person: at rest, and what each face unit adds."""

from dataclasses import dataclass

import cv2
import numpy as np

from avatar.studio.base_mesh import Array, BaseMesh
from avatar.studio.motion import smooth

SEAM = (537, 540)
"""Vertices of the base mesh where the lips face each other, upper and lower."""
TEETH_DOWN = np.array([0.0, -0.0075, 0.001])
"""The base mesh hides its upper teeth too high behind the lip."""
EYES = ("helper-l-eye", "helper-r-eye")
UPPER_LASHES = ("helper-l-eyelashes-2", "helper-r-eyelashes-2")
LOWER_LASHES = ("helper-l-eyelashes-1", "helper-r-eyelashes-1")
TEETH = ("helper-upper-teeth", "helper-lower-teeth")


@dataclass(frozen=True, slots=True)
class Person:
    base: BaseMesh
    """At rest."""
    units: Array
    """(52, n, 3) metres."""

    def posed(self, weights: Array) -> Array:
        """(n, 3) for the (52,) weights of a face frame."""
        out = self.base.vertices.copy()
        for k in np.flatnonzero(weights):
            out += weights[k] * self.units[k]
        return out

    def ears(self) -> Array:
        """(n,) in [0, 1]: how far each vertex belongs to an ear, by the base mesh's own picture of it."""
        picture = cv2.imread(str(self.base.data / "mpfb2/textures/mpfb_ears.jpg"), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise FileNotFoundError(self.base.data / "mpfb2/textures/mpfb_ears.jpg")
        out = np.zeros(len(self.base.vertices))
        h, w = picture.shape
        for face in self.base.groups["body"]:
            for vertex, uv in face:
                u, v = self.base.uvs[uv]
                out[vertex] = picture[min(int((1 - v) * h), h - 1), min(int(u * w), w - 1)] / 255
        return out


def make(base: BaseMesh, shape: dict[str, float], smile: float, lashes: float) -> Person:
    """``shape``: targets of the base mesh, by path below its ``targets`` folder, and how much of each."""
    vertices = base.vertices.copy()
    for name, weight in shape.items():
        vertices += weight * base.target(f"mpfb2/targets/{name}.target.gz")
    vertices = close_lips(vertices)
    for side in ("Left", "Right"):
        vertices += smile * base.face_unit(f"mouthSmile{side}")
        vertices += 0.4 * smile * base.face_unit(f"cheekSquint{side}")
    vertices -= 0.04 * base.face_unit("jawOpen")
    upper = np.array(sorted({v for f in base.groups[TEETH[0]] for v, _ in f}))
    vertices[upper] += TEETH_DOWN
    vertices = narrow_shoulders(lower_arms(vertices))
    units = base.face_units()
    shorten_lashes(vertices, units, base, lashes)
    return Person(BaseMesh(vertices, base.uvs, base.groups, base.data), units)


def close_lips(vertices: Array) -> Array:
    """The base mesh stands with its lips a hair apart: bring them together where they face each other."""
    x, y, z = vertices.T
    near = np.exp(-((x / 0.024) ** 6)) * ((z - 0.105) / 0.012).clip(0, 1)
    seam = vertices[list(SEAM), 1].mean()
    below = np.where(y < seam, np.exp(-(((seam - y) / 0.006) ** 2)), 0.0)
    above = np.where(y >= seam, np.exp(-(((y - seam) / 0.005) ** 2)), 0.0)
    out = vertices.copy()
    out[:, 1] += near * (0.0007 * below - 0.0004 * above)
    return out


def shorten_lashes(vertices: Array, units: Array, base: BaseMesh, keep: float) -> None:
    """The base mesh's lashes are broad blades: draw them in towards the lid, at rest and wherever it goes."""
    lashes = np.array(sorted({v for g in (*UPPER_LASHES, *LOWER_LASHES) for f in base.groups[g] for v, _ in f}))
    skin = np.array(sorted({v for f in base.groups["body"] for v, _ in f}))
    skin = skin[(vertices[skin, 2] > 0.08) & (vertices[skin, 1] > 0.5)]
    lid = skin[np.linalg.norm(vertices[lashes][:, None] - vertices[skin][None], axis=-1).argmin(1)]
    for field in (vertices, *units):
        field[lashes] = field[lid] + keep * (field[lashes] - field[lid])


def lower_arms(vertices: Array) -> Array:
    """The base mesh holds its arms away: let them hang."""
    out = vertices.copy()
    for side in (1, -1):
        pivot = np.array([side * 0.150, 0.365])
        reach = (side * vertices[:, 0] - 0.125) / 0.07
        angle = -side * np.radians(34) * smooth(reach) * (vertices[:, 1] < 0.46)
        dx, dy = vertices[:, 0] - pivot[0], vertices[:, 1] - pivot[1]
        turned = np.stack([np.cos(angle) * dx - np.sin(angle) * dy, np.sin(angle) * dx + np.cos(angle) * dy], -1)
        mine = side * vertices[:, 0] > 0.1
        out[mine, :2] = (turned + pivot)[mine]
    return out


def narrow_shoulders(vertices: Array) -> Array:
    """Lowering the arms rounds the shoulders out: draw them in, and let them slope."""
    out = vertices.copy()
    x, y = np.abs(vertices[:, 0]), vertices[:, 1]
    share = smooth((x - 0.07) / 0.10) * smooth((0.47 - y) / 0.05)
    out[:, 0] -= np.sign(vertices[:, 0]) * share * 0.022 * (1 + 0.6 * smooth((0.25 - y) / 0.2))
    out[:, 1] -= 0.010 * smooth((x - 0.09) / 0.07) * smooth((y - 0.30) / 0.08)
    return out
