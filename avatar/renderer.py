"""The renderer contract: face frame in, picture out."""

from typing import Protocol

from avatar.face import FaceFrame
from avatar.picture import Picture

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels, the last column and row excluded."""


class Renderer(Protocol):
    """Draws one host. Not thread-safe: one renderer a stage."""

    width: int
    height: int
    region: Box
    """All that :meth:`draw` may touch; it redraws it whole, since several pictures are in flight."""
    mouth_box: Box
    """Where the mouth is at rest."""

    def prepare(self, picture: Picture) -> None:
        """Draw all that never changes into a fresh picture; once for each buffer in flight."""
        ...

    def draw(self, frame: FaceFrame, picture: Picture) -> None:
        """Draw ``frame`` into a prepared picture.

        Allocates nothing the size of a picture and never blocks.
        """
        ...
