"""The base mesh made into one person: at rest, and what each face unit adds.

Everything that is painted, grown or cut is placed by where a vertex lies on the base mesh before it is shaped
(:attr:`Person.reference`), so that it lies in the same place on every host's face.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.sparse import csr_array

from avatar.face import INDEX
from avatar.render.eyes import gaze
from avatar.studio.base_mesh import Array, BaseMesh
from avatar.studio.motion import smooth

EYES_AT = np.array([0.0, 0.588, 0.111])
"""Where the middle between the eyes of every host is put."""
SEAM = (537, 540)
"""Vertices of the base mesh where the lips face each other, upper and lower."""
TEETH_DOWN = np.array([0.0, -0.0065, 0.0005])
"""The base mesh hides its upper teeth too high behind the lip."""
TONGUE_BACK = np.array([0.0, -0.0045, -0.0055])
"""The base mesh's tongue stands before its lower teeth."""
LIDS = 0.03
"""How much of a blink a face at rest has: the base mesh stares."""
LIDS_FOLLOW = {"Up": 2.0, "Down": 1.6}
"""The face units' lids follow a gaze of half of what :data:`avatar.face.EYE_RANGE` is."""
LARGEST = 0.016
"""Radius of a person's eyeball at most, metres."""
SOCKETS = ("helper-l-eye", "helper-r-eye")
"""The base mesh's eyeballs, which are not round,"""
EYES = ("left-eye", "right-eye")
"""and those that take their place."""
UPPER_LASHES = ("helper-l-eyelashes-2", "helper-r-eyelashes-2")
LOWER_LASHES = ("helper-l-eyelashes-1", "helper-r-eyelashes-1")
TEETH = ("helper-upper-teeth", "helper-lower-teeth")
TONGUE = "helper-tongue"


@dataclass(frozen=True, slots=True)
class Person:
    base: BaseMesh
    """At rest."""
    reference: Array
    """(n, 3) metres: the same vertices on the base mesh as it comes."""
    units: Array
    """(52, n, 3) metres; nothing for the eyeballs, which turn instead."""
    eyes: tuple[Array, Array]
    """Vertices of the left and the right eyeball."""
    eye_centres: Array
    """(2, 3) metres: what they turn about."""

    def posed(self, weights: Array) -> Array:
        """(n, 3) for the (52,) weights of a face frame."""
        out = self.base.vertices.copy()
        for k in np.flatnonzero(weights):
            out += weights[k] * self.units[k]
        for turn, mine, centre in zip(gaze(weights), self.eyes, self.eye_centres, strict=True):
            out[mine] = (out[mine] - centre) @ turn.T + centre
        return out

    def eye_radius(self, eye: int) -> float:
        """Metres."""
        return float(np.ptp(self.base.vertices[self.eyes[eye], 2]) / 2)

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


@dataclass(frozen=True, slots=True)
class Landmarks:
    mouth: Array
    eye: Array
    """The host's left eye."""
    wider: float = 1.0
    """How much larger eyes are than a person's; 1 where they are not."""

    @classmethod
    def of(cls, who: "Person") -> "Landmarks":
        points = who.base.vertices
        return cls(points[list(SEAM)].mean(0), who.eye_centres[0], max(1.0, who.eye_radius(0) / LARGEST))

    def zone(self, middle: Array, size: float = 1.0) -> Array:
        """(t,) which zone of the skin points (t, 3) lie in at rest: "mouth", "eye" or ""."""
        x, y, z = np.abs(middle[:, 0]), middle[:, 1], middle[:, 2]
        out = np.full(len(middle), "", dtype="<U5")
        out[(x < 0.036 * size) & (np.abs(y - self.mouth[1]) < 0.026 * size) & (z > 0.02)] = "mouth"
        brow = 0.013 if size == 1 else 0.0  # brows are as fine as lids, but lie on nothing
        size *= self.wider
        high, low = y < self.eye[1] + 0.020 * size + brow, y > self.eye[1] - 0.020 * size
        out[(np.abs(x - self.eye[0]) < 0.024 * size) & high & low & (z > 0.06)] = "eye"
        return out


def make(base: BaseMesh, shape: dict[str, float], smile: float, lashes: float) -> Person:
    """``shape``: targets of the base mesh, by path below its ``targets`` folder, and how much of each."""
    base = with_eyeballs(base)
    reference = base.vertices
    vertices = reference.copy()
    for name, weight in shape.items():
        vertices += weight * base.target(f"mpfb2/targets/{name}.target.gz")
    vertices += EYES_AT - between_the_eyes(base, vertices)
    eyes = (_of(base, EYES[0]), _of(base, EYES[1]))
    vertices = close_lips(vertices, reference)
    for side in ("Left", "Right"):
        vertices += smile * base.face_unit(f"mouthSmile{side}")
        vertices += 0.4 * smile * base.face_unit(f"cheekSquint{side}")
        vertices += LIDS * base.face_unit(f"eyeBlink{side}")
    vertices -= 0.04 * base.face_unit("jawOpen")
    centres = place_eyeballs(base, reference, vertices)
    vertices[_of(base, TEETH[0])] += TEETH_DOWN
    vertices[_of(base, TONGUE)] += TONGUE_BACK
    vertices = lower_arms(vertices, base)
    units = soften(base.face_units(), base)
    for way, share in LIDS_FOLLOW.items():
        for side in ("Left", "Right"):
            units[INDEX[f"eyeLook{way}{side}"]] *= share
    units[:, np.concatenate(eyes)] = 0
    shorten_lashes(vertices, units, base, lashes)
    return Person(BaseMesh(vertices, base.uvs, base.groups, base.data), reference, units, eyes, centres)


def between_the_eyes(base: BaseMesh, vertices: Array) -> Array:
    """(3,) the middle between the eyes of a shape of the base mesh."""
    return np.asarray(_eye_centres(base, vertices).mean(0))


def _eye_centres(base: BaseMesh, vertices: Array) -> Array:
    return np.stack([_middle(vertices[_of(base, socket)]) for socket in SOCKETS])


def place_eyeballs(base: BaseMesh, reference: Array, vertices: Array) -> Array:
    """Put eyeballs into the sockets of a shape of the base mesh, as large as those are deep; their centres (2, 3)."""
    centres = _eye_centres(base, vertices)
    for socket, name, centre in zip(SOCKETS, EYES, centres, strict=True):
        eye = _of(base, name)
        away = reference[eye] - _middle(reference[eye])
        vertices[eye] = centre + away * np.ptp(vertices[_of(base, socket), 2]) / np.ptp(reference[eye, 2])
    return centres


def _of(base: BaseMesh, group: str) -> Array:
    return np.array(sorted({v for f in base.groups[group] for v, _ in f}))


def _middle(points: Array) -> Array:
    return np.asarray((points.max(0) + points.min(0)) / 2)


def with_eyeballs(base: BaseMesh, side: int = 8) -> BaseMesh:
    """The base mesh with round eyeballs added: cubes of ``side`` x ``side`` quads a face, blown up."""
    flat = np.linspace(-np.pi / 4, np.pi / 4, side + 1)
    u, v = (np.tan(a) for a in np.meshgrid(flat, flat))
    one = np.ones_like(u)
    sides = [(u, v, one), (-u, v, -one), (one, v, -u), (-one, v, u), (u, one, -v), (u, -one, v)]
    ball = np.concatenate([np.stack(s, -1).reshape(-1, 3) for s in sides])
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    ball, joined = np.unique(np.round(ball, 9), axis=0, return_inverse=True)
    number = joined.reshape(6, side + 1, side + 1)
    quads = np.stack([number[:, :-1, :-1], number[:, :-1, 1:], number[:, 1:, 1:], number[:, 1:, :-1]], -1)
    vertices, uvs, groups = base.vertices, base.uvs, dict(base.groups)
    for socket, name in zip(SOCKETS, EYES, strict=True):
        points = base.vertices[_of(base, socket)]
        first, first_uv = len(vertices), len(uvs)
        groups[name] = [[(first + int(k), first_uv + int(k)) for k in quad] for quad in quads.reshape(-1, 4)]
        vertices = np.concatenate([vertices, _middle(points) + ball * np.ptp(points[:, 2]) / 2])
        uvs = np.concatenate([uvs, 0.5 + 0.4 * ball[:, :2]])
    return BaseMesh(vertices, uvs, groups, base.data)


def close_lips(vertices: Array, reference: Array) -> Array:
    """The base mesh stands with its lips a hair apart: bring them together where they face each other."""
    x, y, z = reference.T
    near = np.exp(-((x / 0.024) ** 6)) * ((z - reference[list(SEAM), 2].mean() + 0.015) / 0.012).clip(0, 1)
    seam = reference[list(SEAM), 1].mean()
    below = np.where(y < seam, np.exp(-(((seam - y) / 0.006) ** 2)), 0.0)
    above = np.where(y >= seam, np.exp(-(((y - seam) / 0.005) ** 2)), 0.0)
    out = vertices.copy()
    out[:, 1] += near * (0.0007 * below - 0.0004 * above)
    return out


def soften(units: Array, base: BaseMesh) -> Array:
    """Face units that crease cheeks and forehead less sharply: smoothed, the more the further from lips and lids."""
    edges = np.array([(a, b) for f in base.groups["body"] for (a, _), (b, _) in zip(f, f[1:] + f[:1], strict=True)])
    edges = np.concatenate([edges, edges[:, ::-1]])
    count = len(base.vertices)
    beside = csr_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count))
    degree = np.maximum(beside.sum(1), 1)
    x, y, z = np.abs(base.vertices[:, 0]), base.vertices[:, 1], base.vertices[:, 2]
    lips, lids = base.vertices[list(SEAM)].mean(0), _middle(base.vertices[_of(base, SOCKETS[0])])
    from_lips = np.hypot(x / 0.030, (y - lips[1]) / 0.018)
    from_lids = np.hypot((x - lids[0]) / 0.022, (y - lids[1]) / 0.017)
    share = smooth(np.minimum(from_lips, from_lids) - 1) * (z > 0.02)
    share[_not_skin(base)] = 0
    out = units.copy()
    for _ in range(14):
        for unit in out:
            unit += share[:, None] * 0.6 * ((beside @ unit) / degree[:, None] - unit)
    return out


def _not_skin(base: BaseMesh) -> Array:
    skin = np.zeros(len(base.vertices), bool)
    skin[_of(base, "body")] = True
    return ~skin


def shorten_lashes(vertices: Array, units: Array, base: BaseMesh, keep: float) -> None:
    """The base mesh's lashes are broad blades: draw them in towards the lid, at rest and wherever it goes."""
    lashes = np.array(sorted({v for g in (*UPPER_LASHES, *LOWER_LASHES) for f in base.groups[g] for v, _ in f}))
    skin = _of(base, "body")
    skin = skin[np.linalg.norm(vertices[skin] - EYES_AT, axis=1) < 0.07]
    lid = skin[np.linalg.norm(vertices[lashes][:, None] - vertices[skin][None], axis=-1).argmin(1)]
    for field in (vertices, *units):
        field[lashes] = field[lid] + keep * (field[lashes] - field[lid])


def lower_arms(vertices: Array, base: BaseMesh) -> Array:
    """The base mesh holds its arms away: let them hang, and the shoulders slope."""
    out = vertices.copy()
    for side, name in ((1, "joint-l-shoulder"), (-1, "joint-r-shoulder")):
        pivot = _middle(vertices[_of(base, name)])[:2]
        reach = (side * (vertices[:, 0] - pivot[0]) + 0.030) / 0.075
        angle = -side * np.radians(36) * smooth(reach) * (vertices[:, 1] < pivot[1] + 0.1)
        dx, dy = vertices[:, 0] - pivot[0], vertices[:, 1] - pivot[1]
        turned = np.stack([np.cos(angle) * dx - np.sin(angle) * dy, np.sin(angle) * dx + np.cos(angle) * dy], -1)
        mine = side * vertices[:, 0] > 0.1
        out[mine, :2] = (turned + pivot)[mine]
    return out
