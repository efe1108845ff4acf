"""A picture: planar YUV 4:2:0 (I420, BT.709 limited range) in one contiguous buffer, as encoders take it."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Picture:
    width: int
    height: int
    data: Plane = field(init=False)
    """(height * 3 // 2, width) uint8: Y, then U, then V, each plane contiguous."""
    y: Plane = field(init=False)
    """(height, width) view."""
    u: Plane = field(init=False)
    """(height // 2, width // 2) view."""
    v: Plane = field(init=False)
    """(height // 2, width // 2) view."""

    def __post_init__(self) -> None:
        w, h = self.width, self.height
        if w % 2 or h % 2 or w <= 0 or h <= 0:
            raise ValueError(f"an I420 picture has even sides, not {w}x{h}")
        self.data = np.empty((h * 3 // 2, w), np.uint8)
        flat = self.data.reshape(-1)
        n, q = w * h, w * h // 4
        self.y = flat[:n].reshape(h, w)
        self.u = flat[n : n + q].reshape(h // 2, w // 2)
        self.v = flat[n + q :].reshape(h // 2, w // 2)
