"""A part of the live mesh."""

from dataclasses import dataclass
from typing import Final

from avatar.studio.base_mesh import Array

LASHES: Final = ("upper", "lower")
"""Pieces that let what is behind them show through."""


@dataclass(slots=True)
class Piece:
    """One part of the live mesh."""

    name: str
    vertices: Array
    """(n, 3) at rest."""
    units: Array
    """(52, n, 3)."""
    triangles: Array
    """(t, 3)."""
    uvs: Array
    """(t, 3, 2) the part's own UVs, v up; then texels of the atlas."""
    charts: Array
    """(t,) which chart of the atlas each triangle lies in."""
    eye: int | None = None
    """Which eyeball it is, 0 for the host's left, if it is one."""
