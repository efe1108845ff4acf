"""A plate: dark, translucent, with round corners, written on and hung with pictures; in the end a panel."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from avatar.colours import to_yuv
from streaming.fonts import Typeface
from streaming.panel import Panel

Colour = tuple[int, int, int, int]
"""Red, green, blue and opacity, of 255."""

PLATE: Final[Colour] = (14, 19, 31, 232)
"""White is legible on it whatever is behind, of which a tenth shows through."""
ACCENT: Final[Colour] = (245, 190, 98, 255)
_RULE: Final[Colour] = (66, 71, 83, 238)

RADIUS: Final = 20
"""Of its corners; this and all lengths below in pixels where the picture's shorter side has 1080."""
_STRIPE: Final = 8
"""Of the accent's colour, along its left side."""
_HALO: Final = 32
"""Around it its shadow has gone."""
_BLUR: Final = 11
_SHADOW: Final = 0.45
"""How dark that is at most."""
_SMOOTH: Final = 4
"""Round corners are drawn so many times as large and scaled down."""
_ASCENT: Final = 0.88
"""Of its em a Chinese character stands above the baseline."""

_LEFT_BLANK: Final = frozenset("（［｛〈《「『【〔〖“‘")
_RIGHT_BLANK: Final = frozenset("、。，．：；）］｝〉》」』】〕〗”’")
"""Marks with nothing in their left or right half where they are as wide as a character."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is written."""

    typefaces: Sequence[Typeface]
    """Each character is of the first that has it."""
    size: int
    """Pixels an em."""
    weight: int
    colour: Colour
    leading: float
    """From line to line, in ems."""

    @property
    def line_height(self) -> int:
        return round(self.size * self.leading)

    def measure(self, line: str) -> float:
        """Pixels that a line takes: without the blank halves of marks at its ends, which may stand out."""
        width = sum(font.getlength(run) for font, run in self._runs(line))
        return width - self._blank(line[:1], _LEFT_BLANK) - self._blank(line[-1:], _RIGHT_BLANK)

    def write(self, on: ImageDraw.ImageDraw, x: float, y: float, line: str) -> None:
        """(x, y): the upper left corner of the line's share of its column."""
        x -= self._blank(line[:1], _LEFT_BLANK)
        y += (self.line_height - self.size) / 2 + _ASCENT * self.size
        for font, run in self._runs(line):
            on.text((x, y), run, self.colour, font, "ls")
            x += font.getlength(run)

    def _blank(self, mark: str, halves: frozenset[str]) -> float:
        if mark not in halves:
            return 0.0
        (font, _), *_ = self._runs(mark)
        return self.size / 2 if font.getlength(mark) > 0.9 * self.size else 0.0

    def _runs(self, line: str) -> Iterator[tuple[ImageFont.FreeTypeFont, str]]:
        """Parts of one font; marks above and below letters, and blanks, stay with what is before them."""
        font, begin = None, 0
        for at, character in enumerate(line):
            if font is not None and (character == " " or unicodedata.combining(character)):
                continue
            own = next((face for face in self.typefaces if face.has(character)), self.typefaces[0])
            if font is not None and own is not font:
                yield font.at(self.size, self.weight), line[begin:at]
                begin = at
            font = own
        if font is not None:
            yield font.at(self.size, self.weight), line[begin:]


class Plate:
    """All lengths it is told are in pixels."""

    def __init__(self, width: int, height: int, scale: float) -> None:
        """``scale``: of a picture whose shorter side has 1080 pixels."""
        self._scale = scale
        self._halo = round(_HALO * scale / 2) * 2
        self.width, self.height = -(-width // 2) * 2, -(-height // 2) * 2
        size = self.width + 2 * self._halo, self.height + 2 * self._halo
        mask = Image.new("L", size)
        mask.paste(rounded(self.width, self.height, self._round(RADIUS)), (self._halo, self._halo))
        shade = mask.filter(ImageFilter.GaussianBlur(_BLUR * scale)).point(lambda value: round(_SHADOW * value))
        self._canvas = Image.new("RGBA", size)
        self._canvas.putalpha(shade)
        ground = Image.new("RGBA", size, PLATE)
        stripe = (self._halo, self._halo, self._halo + self._round(_STRIPE) - 1, size[1] - self._halo)
        ImageDraw.Draw(ground).rectangle(stripe, ACCENT)
        self._canvas.paste(ground, mask=mask)
        self._draw = ImageDraw.Draw(self._canvas)

    def write(self, lines: Sequence[str], style: Style, x: int, y: int) -> None:
        for n, line in enumerate(lines):
            style.write(self._draw, self._halo + x, self._halo + y + n * style.line_height, line)

    def rule(self, x: int, y: int, width: int) -> None:
        """A thin line across."""
        x, y = self._halo + x, self._halo + y
        self._draw.rectangle((x, y, x + width - 1, y + max(1, self._round(2)) - 1), _RULE)

    def hang(self, picture: Image.Image, x: int, y: int) -> None:
        """A picture without an opacity of its own."""
        corners = rounded(picture.width, picture.height, self._round(RADIUS / 2))
        self._canvas.paste(picture, (self._halo + x, self._halo + y), corners)

    def panel(self, x: int, y: int, within: tuple[int, int]) -> Panel:
        """Laid with its upper left corner at (x, y) of a picture of the size ``within``, both even."""
        x, y = x - self._halo, y - self._halo
        left, top = max(0, -x), max(0, -y)
        right, bottom = (min(mine, most - at) for mine, most, at in zip(self._canvas.size, within, (x, y), strict=True))
        rgba = np.asarray(self._canvas.crop((left, top, right, bottom)), np.float32)
        opacity, yuv = rgba[..., 3], to_yuv(rgba[..., :3] / np.float32(255))
        shares = np.maximum(opacity, np.float32(0.1))
        cb, cr = (_halved(yuv[..., k] * shares) / _halved(shares) for k in (1, 2))
        planes = map(_bytes, (yuv[..., 0], cb, cr, opacity, _halved(opacity)))
        return Panel(x + left, y + top, *planes)

    def _round(self, length: float) -> int:
        return round(length * self._scale)


def rounded(width: int, height: int, radius: int) -> Image.Image:
    """A smooth mask of a rectangle with round corners."""
    large = Image.new("L", (width * _SMOOTH, height * _SMOOTH))
    ImageDraw.Draw(large).rounded_rectangle((0, 0, large.width - 1, large.height - 1), radius * _SMOOTH, 255)
    return large.resize((width, height), Image.Resampling.BOX)


def _halved(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The mean of each 2 x 2."""
    h, w = plane.shape
    return np.asarray(cv2.resize(plane, (w // 2, h // 2), interpolation=cv2.INTER_AREA), np.float32)


def _bytes(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(np.clip(np.rint(plane), 0, 255).astype(np.uint8))
