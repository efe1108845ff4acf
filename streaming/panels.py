"""How the stage lays a panel over the picture within a tick.

A picture keeps its background from tick to tick, and only the host's region is drawn anew. So a panel is laid once
into each picture in flight, and again each tick where the host is under it; when it goes, what was beneath is put back.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from avatar.picture import Picture, Plane
from avatar.render.kernel import kernel
from avatar.render.vectors import prefetch
from avatar.renderer import Box
from streaming.panel import Panel

FADE_TICKS: Final = 12
"""A panel comes and goes in a quarter of a second."""
_WHOLE: Final = 256
"""The level of a panel that is there; 0: it is not."""
_CACHE_LINE: Final = 64
"""Bytes."""
_ROWS_AHEAD: Final = 8
"""Of what is laid are asked from memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A panel, what is beneath it, and the part of it that the host is drawn under."""

    panel: Panel
    beneath: tuple[Plane, Plane, Plane]
    over_host: Panel | None


class Panels:
    """At most one panel over the pictures of a stage; another takes its place when it has gone."""

    def __init__(self, clean: Picture, region: Box) -> None:
        """``clean``: a picture without a panel; ``region``: all that the renderer's draw may touch."""
        self._clean = clean
        self._region = region
        self._wanted: Laid | None = None
        self._shown: Laid | None = None
        self._tick = 0
        self._step = 0
        """Of FADE_TICKS."""
        self._in: dict[int, tuple[Laid | None, int]] = {}
        """By the id of a picture: the panel in it and its level."""
        _blend(np.zeros(4, np.uint8), 0, 2, np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8))  # compiled now

    def laid(self, panel: Panel) -> Laid:
        """A panel made ready to be shown; takes a millisecond, in any thread.

        Raises ValueError for one that is not within the picture.
        """
        x0, y0, x1, y1 = panel.box
        clean = self._clean
        if not (0 <= x0 < x1 <= clean.width and 0 <= y0 < y1 <= clean.height) or any(k % 2 for k in panel.box):
            raise ValueError(f"a panel at {panel.box} is not within a picture of {clean.width}x{clean.height}")
        beneath = tuple(
            plane[y0 // k : y1 // k, x0 // k : x1 // k].copy()
            for plane, k in ((clean.y, 1), (clean.u, 2), (clean.v, 2))
        )
        return Laid(panel, (beneath[0], beneath[1], beneath[2]), _within(panel, self._region))

    def show(self, laid: Laid | None) -> None:
        """From the next tick on: a fade from what is there, if anything."""
        self._wanted = laid

    def under(self, picture: Picture, tick: int) -> None:
        """Before the host is drawn: lay what has changed into ``picture``."""
        self._fade(tick - self._tick)
        self._tick = tick
        now = (self._shown, self._level)
        was = self._in.get(id(picture), (None, 0))
        if was == now:
            return
        for laid in {was[0], self._shown}:
            if laid is not None:
                _put_back(picture, laid)
        if self._shown is not None:
            _lay(picture, self._shown.panel, self._level)
        self._in[id(picture)] = now

    def over(self, picture: Picture) -> None:
        """After the host was drawn: lay what they were drawn over."""
        if self._shown is not None and self._shown.over_host is not None:
            _lay(picture, self._shown.over_host, self._level)

    def _fade(self, ticks: int) -> None:
        if self._shown is self._wanted:
            self._step = min(FADE_TICKS, self._step + ticks) if self._shown is not None else 0
            return
        self._step -= ticks
        if self._step <= 0 or self._shown is None:
            self._shown, self._step = self._wanted, 0 if self._wanted is None else 1

    @property
    def _level(self) -> int:
        """Of _WHOLE, slow at both ends."""
        share = self._step / FADE_TICKS
        return round(_WHOLE * share * share * (3 - 2 * share))


def _within(panel: Panel, region: Box) -> Panel | None:
    """The part of a panel in a region, whose sides are even."""
    x0, y0 = max(panel.x, region[0]), max(panel.y, region[1])
    x1, y1 = min(panel.box[2], region[2]), min(panel.box[3], region[3])
    if x0 >= x1 or y0 >= y1:
        return None
    whole = np.s_[y0 - panel.y : y1 - panel.y, x0 - panel.x : x1 - panel.x]
    half = np.s_[(y0 - panel.y) // 2 : (y1 - panel.y) // 2, (x0 - panel.x) // 2 : (x1 - panel.x) // 2]
    parts = (panel.luma[whole], panel.u[half], panel.v[half], panel.opacity[whole], panel.half_opacity[half])
    return Panel(x0, y0, *(part.copy() for part in parts))


def _put_back(picture: Picture, laid: Laid) -> None:
    x0, y0, x1, y1 = laid.panel.box
    for plane, beneath, k in zip((picture.y, picture.u, picture.v), laid.beneath, (1, 2, 2), strict=True):
        plane[y0 // k : y1 // k, x0 // k : x1 // k] = beneath


def _lay(picture: Picture, panel: Panel, level: int) -> None:
    x, y, width = panel.x, panel.y, picture.width
    whole, half = panel.opacity, panel.half_opacity
    if level < _WHOLE:
        whole, half = (np.asarray(cv2.convertScaleAbs(o, alpha=level / _WHOLE), np.uint8) for o in (whole, half))
    _blend(picture.y.reshape(-1), y * width + x, width, panel.luma, whole)
    at, stride = y // 2 * (width // 2) + x // 2, width // 2
    _blend(picture.u.reshape(-1), at, stride, panel.u, half)
    _blend(picture.v.reshape(-1), at, stride, panel.v, half)


@kernel
def _blend(out, at, stride, colours, opacity):  # type: ignore[no-untyped-def]
    """Lay (h, w) colours over a flat plane, their first at ``at``.

    In 16 bits throughout, of which a processor does many at once.
    """
    rows, columns = colours.shape
    flat_colours, flat_opacity = colours.reshape(-1), opacity.reshape(-1)
    for row in range(rows):
        to, of = at + row * stride, row * columns
        for ahead in range(0, columns, _CACHE_LINE):  # short rows far apart are not foreseen by the processor
            prefetch(out, to + _ROWS_AHEAD * stride + ahead)
        for column in range(columns):
            n, m = np.uintp(to + column), np.uintp(of + column)
            share = np.uint16(flat_opacity[m])
            share = np.uint16(share + (share >> np.uint16(7)))  # of 256
            new = np.uint16(np.uint16(flat_colours[m]) * share)
            old = np.uint16(np.uint16(out[n]) * np.uint16(np.uint16(256) - share))
            out[n] = np.uint8(np.uint16(new + old + np.uint16(128)) >> np.uint16(8))
