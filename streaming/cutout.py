"""The host without a background: what shows through, and the colour of what does not.

Drawn before black and before white, what is the same is the host's, and what differs is behind it (Smith and Blinn,
*Blue Screen Matting*, 1996, triangulation). Luma and chroma are blended alike, so that this holds for each plane.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import cv2
import numpy as np

from avatar.face import FaceFrame
from avatar.hosts import load_host
from avatar.picture import Picture, Plane
from streaming.label import Label

BLACK: Final = 16
WHITE: Final = 235
"""Of luma, in limited range."""
GREY: Final = 128
"""Of chroma, without a colour."""


class Cutout:
    """Draws a host at twice the cost."""

    at_once: int = 1

    def __init__(self, host: str, width: int, height: int) -> None:
        """Raises what :func:`avatar.hosts.load_host` does."""
        self._renderers = [load_host(host, width, height, colour) for colour in ("#000000", "#ffffff")]
        self._label = Label(width, height, self._renderers[0].region)
        self._pictures = [Picture(width, height) for _ in self._renderers]
        self.picture = Picture(width, height)
        """Colours, as they are where the host covers all."""
        self.alpha: Plane = np.zeros((height, width), np.uint8)
        """0: nothing of the host; 255: nothing of what is behind."""
        for renderer, picture in zip(self._renderers, self._pictures, strict=True):
            renderer.prepare(picture)
            self._label.stamp(picture)

    def drawn(self, faces: Sequence[FaceFrame]) -> Iterator[tuple[Picture, Plane]]:
        """Colours and opacity of each face; overwritten by the next."""
        for face in faces:
            self.draw(face)
            yield self.picture, self.alpha

    def draw(self, face: FaceFrame) -> None:
        for renderer, picture in zip(self._renderers, self._pictures, strict=True):
            renderer.draw(face, picture)
            self._label.restamp(picture)
        black, white = self._pictures
        self.alpha = keyed(black, white, self.picture)


def keyed(black: Picture, white: Picture, into: Picture) -> Plane:
    """The same before black and before white: opacity, (height, width) uint8, and the colours into the third."""
    seen = cv2.subtract(white.y, black.y).astype(np.float32) / (WHITE - BLACK)
    opaque = np.clip(1 - seen, 0, 1)
    coarse = cv2.resize(opaque, (black.width // 2, black.height // 2), interpolation=cv2.INTER_AREA)
    for plane, drawn, opacity, behind in (
        (into.y, black.y, opaque, BLACK),
        (into.u, black.u, coarse, GREY),
        (into.v, black.v, coarse, GREY),
    ):
        own = behind + (drawn.astype(np.float32) - behind) / np.maximum(opacity, 1 / 255)
        plane[:] = np.where(opacity > 0, np.clip(np.rint(own), 16, 240), behind)
    return np.rint(255 * opaque).astype(np.uint8)
