"""The live picture as the benches read it: drawn, cut out, in the colours a viewer's screen shows."""

import resource
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.colours import planes_to_rgb, to_yuv
from avatar.errors import AvatarError
from avatar.face import FaceFrame
from avatar.mesh_renderer import MeshRenderer
from avatar.pack import Box, Pack
from avatar.picture import Picture, Plane
from avatar.render.backdrop import backdrop
from avatar.render.pose import rotation_matrix

Floats = npt.NDArray[np.float32]

MOUTH_SIDES: Final = (200, 140)
EYE_SIDES: Final = (112, 88)
"""Width and height of what is judged, pixels."""
_NEAR: Final = 8.0
"""Pixels from a box's middle within which the skin in front of it is looked for."""
_GRAIN: Final = 0.005
"""Metres."""


class Live:
    """One host, 1920 x 1080. All boxes are in pixels of the canvas, so that path-traced pictures share them."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.renderer = MeshRenderer(pack, 1920, 1080)
        self.picture = Picture(1920, 1080)
        view = next(v for v in pack.views.values() if (v.width, v.height) == (1920, 1080))
        self._left, self._top = view.x0, view.y0
        self._behind = backdrop(pack.background, None, 1920, 1080)
        self.renderer.prepare(self.picture)

    def draw(self, frame: FaceFrame) -> None:
        self.renderer.draw(frame, self.picture)

    def luma(self, box: Box) -> Plane:
        """(h, w) Y', a view of the picture as it stands."""
        x0, y0, x1, y1 = self._in_view(box)
        return self.picture.y[y0:y1, x0:x1]

    def rgb(self, box: Box) -> Floats:
        """(h, w, 3) R'G'B' in [0, 1] of the picture as it stands."""
        return _rgb((self.picture.y, self.picture.u, self.picture.v), self._in_view(box))

    def column(self, middle: int, top: int, bottom: int) -> tuple[Floats, Floats]:
        """Luma and Cr (bottom - top,), 8-bit scale, down a column of the canvas, from even rows on.

        Luma is the mean of three pixels across, Cr of as many that lie at least partly in them.
        """
        x, y0, _, y1 = self._in_view((middle - 1, top, middle + 2, bottom))
        luma = self.picture.y[y0:y1, x : x + 3].mean(1, dtype=np.float32)
        half = self.picture.v[y0 // 2 : y1 // 2, x // 2 : (x + 2) // 2 + 1].mean(1, dtype=np.float32)
        red = cv2.resize(half[:, None], (1, y1 - y0), interpolation=cv2.INTER_LINEAR)[:, 0]
        return luma, np.asarray(red, np.float32)

    def behind(self, box: Box) -> Floats:
        """(h, w, 3) R'G'B' in [0, 1] of what stands behind the host."""
        return _rgb(self._behind, self._in_view(box))

    def _in_view(self, box: Box) -> Box:
        x0, y0, x1, y1 = box[0] - self._left, box[1] - self._top, box[2] - self._left, box[3] - self._top
        if x0 < 0 or y0 < 0 or x1 > self.picture.width or y1 > self.picture.height:
            raise AvatarError(f"the box {box} leaves the picture; this host cannot be measured there")
        return x0, y0, x1, y1


def _rgb(planes: tuple[Plane, Plane, Plane], box: Box) -> Floats:
    """Without what lies beyond the box."""
    x0, y0, x1, y1 = box
    luma, *chroma = planes
    u, v = (half[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] for half in chroma)
    return planes_to_rgb(luma[y0:y1, x0:x1], u, v)


def as_sent(rgb: Floats) -> Floats:
    """R'G'B' (h, w, 3), even sides, as it is left by 8-bit 4:2:0 BT.709 of limited range."""
    yuv = to_yuv(rgb)
    h, w = rgb.shape[:2]
    half = cv2.resize(yuv[..., 1:], (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    y, u, v = (np.rint(p).clip(0, 255).astype(np.uint8) for p in (yuv[..., 0], half[..., 0], half[..., 1]))
    return planes_to_rgb(y, u, v)


class Places:
    """Where a host's mouth and eyes are in a frame: boxes of the canvas that go with the head, not with the face."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._pivot = np.array(pack.pivot, np.float32)
        self._rest = {
            "mouth": _sized(pack.mouth_box, MOUTH_SIDES),
            "left eye": _sized(pack.eye_boxes[0], EYE_SIDES),
            "right eye": _sized(pack.eye_boxes[1], EYE_SIDES),
        }
        self.points = {
            "mouth": _skin_at(pack, _middle(pack.mouth_box)),
            "left eye": np.array(pack.eye_centres[0], np.float32),
            "right eye": np.array(pack.eye_centres[1], np.float32),
        }
        """(3,) metres, face at rest: the skin in the middle of the mouth's box, and the centres of the eyes."""

    def box(self, name: str, frame: FaceFrame) -> Box:
        """The box of "mouth", "left eye" or "right eye"; its corners are even."""
        point = self.points[name]
        shift = project(self._pack, self.turned(point, frame)) - project(self._pack, point)
        x, y = (int(2 * round(float(s) / 2)) for s in shift)
        x0, y0, x1, y1 = self._rest[name]
        return x0 + x, y0 + y, x1 + x, y1 + y

    def turned(self, points: Floats, frame: FaceFrame) -> Floats:
        """Points (…, 3) in metres that follow the head wholly, after its motion."""
        moved = (points - self._pivot) @ rotation_matrix(frame.rotation).T + self._pivot + frame.translation
        return np.asarray(moved, np.float32)


def project(pack: Pack, points: Floats) -> Floats:
    """(…, 2) column and row on the canvas of points (…, 3) in metres."""
    lens = pack.lens
    scale = lens.focal / (lens.distance - points[..., 2])
    column, row = lens.centre_x + scale * points[..., 0], lens.centre_y - scale * (points[..., 1] - lens.eye_y)
    return np.stack([column, row], -1).astype(np.float32)


def union(*boxes: Box) -> Box:
    return (
        min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)
    )  # fmt: skip


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _sized(box: Box, sides: tuple[int, int]) -> Box:
    """A box of these sides around the middle of another, its corners even as chroma wants them."""
    x0, y0 = (int(2 * round((m - side / 2) / 2)) for m, side in zip(_middle(box), sides, strict=True))
    return x0, y0, x0 + sides[0], y0 + sides[1]


def _skin_at(pack: Pack, place: tuple[float, float]) -> Floats:
    """The skin (3,) at a place of the canvas, face at rest.

    How far it stands out is rounded, so that another mesh of the same host gives the same point.
    """
    away = np.hypot(*(project(pack, pack.vertices) - np.array(place, np.float32)).T)
    z = _GRAIN * round(float(np.where(away < _NEAR, pack.vertices[:, 2], -1.0).max()) / _GRAIN)
    lens = pack.lens
    scale = lens.focal / (lens.distance - z)
    return np.array(
        [(place[0] - lens.centre_x) / scale, lens.eye_y - (place[1] - lens.centre_y) / scale, z], np.float32
    )


def resident() -> float:
    """Memory this process holds, MB; the most it ever held, where the system tells no more."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return pages * resource.getpagesize() / 1e6
