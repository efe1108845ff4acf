"""Teeth and tongue: their own colours, and the shade that lips throw on them.

A picture of lips that all but meet shows few texels of what is behind them, and those badly. But the shade is smooth:
what a picture says of all texels near by says what each of them has. Colours are taken apart into the texels' own and a
smooth shade, as those of eyeballs are, and put together again.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar.studio import light
from avatar.studio.base_mesh import Array

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

PIECES: Final = ("teeth", "tongue")
SMOOTH: Final = 3.0
"""Texels over which shade is even."""
_ROUNDS: Final = 6
"""Of finding own colours by the shade and shade by own colours."""
_LIT: Final = 6.0
"""Levels that a texel's own luma counts as at least, so that dark gaps say little of the shade."""


@dataclass(frozen=True, slots=True)
class Inside:
    """Texels of teeth and tongue among those that readings hold."""

    luma: Array
    """(m,) which values are theirs,"""
    chroma: Array
    """(c, 2) and which are their Cb and Cr."""
    parent: Array
    """(c,) the row of :attr:`luma` of one of a chroma texel's four."""
    rows: Array
    columns: Array
    """(m,) in the window that holds all of them."""
    shape: tuple[int, int]

    @classmethod
    def of(cls, theirs: Array, within: Array, shape: tuple[int, int]) -> "Inside":
        """``theirs`` and ``within`` are (A · B · 3/2,) bool, ``shape`` is (A, B)."""
        number = np.cumsum(within) - 1
        luma, chroma = light.split(np.arange(len(within)), shape)
        flags, small = light.split(theirs, shape)
        rows, columns = np.nonzero(flags)
        place = np.full(shape, -1)
        place[rows, columns] = np.arange(len(rows))
        half_rows, half_columns = np.nonzero(small[..., 0])
        four = np.stack([place[2 * half_rows + j, 2 * half_columns + i] for j in (0, 1) for i in (0, 1)])
        return cls(
            number[luma[rows, columns].astype(int)],
            number[chroma[half_rows, half_columns].astype(int)],
            four.max(0),
            rows - rows.min(),
            columns - columns.min(),
            (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1),
        )

    def smooth(self, values: Floats) -> Floats:
        """(m,) blurred over the atlas."""
        page = np.zeros(self.shape, np.float32)
        page[self.rows, self.columns] = values
        return np.asarray(cv2.GaussianBlur(page, (0, 0), SMOOTH)[self.rows, self.columns])

    def clean(self, values: list[Halves], trust: list[Halves]) -> None:
        """Put own colours under smooth shade in the place of what pictures say; (n, T) each, changed in place."""
        lumas = [np.asarray(v[:, self.luma], np.float32) - 16 for v in values]
        sure = [np.asarray(t[:, self.luma], np.float32) for t in trust]
        own = _mean(lumas, sure)
        shades = [np.zeros_like(one) for one in lumas]
        for _ in range(_ROUNDS):
            weigh = np.maximum(own, _LIT)
            for shade, luma, known in zip(shades, lumas, sure, strict=True):
                for k in np.flatnonzero(known.any(1)):
                    below = self.smooth(known[k] * weigh**2) + 1e-3 * _LIT**2
                    shade[k] = self.smooth(known[k] * weigh * luma[k].clip(0)) / below
            total = sum((k * s * one).sum(0) for k, s, one in zip(sure, shades, lumas, strict=True))
            weight = sum((k * s * s).sum(0) for k, s in zip(sure, shades, strict=True))
            own = np.where(weight > 1e-2, total / np.maximum(weight, 1e-2), own).astype(np.float32)
        for v, t, shade, known in zip(values, trust, shades, sure, strict=True):
            seen = np.stack([np.minimum(1, 2 * self.smooth(one)) for one in known])
            v[:, self.luma] = 16 + own * shade
            for c in (0, 1):
                v[:, self.chroma[:, c]] = self._cast(v[:, self.chroma[:, c]], t[:, self.chroma[:, c]])
            t[:, self.luma], t[:, self.chroma] = seen, seen[:, self.parent, None]

    def _cast(self, values: Halves, trust: Halves) -> Floats:
        """(n, c) chroma, even over the atlas: lips tint what they shade."""
        out = np.empty(values.shape, np.float32)
        for k, (value, known) in enumerate(zip(values, trust, strict=True)):
            weight = np.zeros((2, *self.shape), np.float32)
            at = self.rows[self.parent], self.columns[self.parent]
            weight[0][at], weight[1][at] = known, known * (value.astype(np.float32) - 128)
            below, above = (cv2.GaussianBlur(page, (0, 0), 2 * SMOOTH)[at] for page in weight)
            out[k] = 128 + above / (below + 1e-4)
        return out


def _mean(values: list[Floats], trust: list[Floats]) -> Floats:
    total = sum((v * t).sum(0) for v, t in zip(values, trust, strict=True))
    return np.asarray(total / np.maximum(sum(t.sum(0) for t in trust), 1e-2), np.float32)
