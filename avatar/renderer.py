"""The renderer contract: face frame in, picture out."""

from typing import Protocol

from avatar.face import FaceFrame
from avatar.picture import Picture


class Renderer(Protocol):
    """Draws one host. Not thread-safe: one renderer a stage."""

    width: int
    height: int

    def prepare(self, picture: Picture) -> None:
        """Draw all that never changes into a fresh picture; once for each buffer in flight."""
        ...

    def draw(self, frame: FaceFrame, picture: Picture) -> None:
        """Draw ``frame`` into a prepared picture, touching only the region that can change.

        Allocates nothing the size of a picture and never blocks.
        """
        ...
