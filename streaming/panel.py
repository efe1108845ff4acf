"""A panel that lies over the picture for a while, as :mod:`streaming.card` makes it for the stage."""

from dataclasses import dataclass

from avatar.picture import Plane
from avatar.renderer import Box


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Colours, not multiplied by their opacity, I420 as in :class:`avatar.picture.Picture`; all uint8, contiguous."""

    x: int
    """Even, as y and both sides are; all of it is within the picture."""
    y: int
    luma: Plane
    """(h, w)"""
    u: Plane
    """(h // 2, w // 2)"""
    v: Plane
    """(h // 2, w // 2)"""
    opacity: Plane
    """(h, w), of 255."""
    half_opacity: Plane
    """(h // 2, w // 2), of 255."""

    @property
    def box(self) -> Box:
        h, w = self.luma.shape
        return self.x, self.y, self.x + w, self.y + h
