"""Cards: what is shown beside the host, with a title, a text, a picture, and where it is from or what it costs.

Laid out here as a :class:`streaming.panel.Panel`, which takes tens of milliseconds and is the gateway's work; the stage
lays it over its pictures before the one encode. Beside the host in a landscape picture, low in a portrait one.
"""

import logging
import re
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from streaming.fonts import BOLD, MEDIUM, REGULAR, REMEDY, Typeface
from streaming.panel import Panel
from streaming.plate import ACCENT, Colour, Plate, Style
from streaming.typesetting import balanced, clean, settled, wrap

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Card:
    title: str
    text: str = ""
    footer: str = ""
    """Where it is from, or what it costs."""
    picture: Path | None = None
    """PNG, JPEG or WebP."""


@dataclass(frozen=True, slots=True)
class _Form:
    """Where cards are and how large what is on them; in pixels of a picture whose shorter side has 1080."""

    width: int
    height: int
    """At most."""
    pad: int
    title: int
    """An em; so are the next two."""
    text: int
    footer: int
    title_lines: int
    """At most."""
    picture: int
    """At most so high; beside the text, at most so wide too."""
    beside: bool
    """The picture stands beside the text, not above it."""


_SIDE: Final = _Form(568, 820, 39, title=46, text=35, footer=29, title_lines=3, picture=320, beside=False)
"""At the right side of a landscape picture."""
_LOW: Final = _Form(984, 700, 50, title=56, text=42, footer=36, title_lines=2, picture=330, beside=True)
"""In a portrait picture, below the host's face."""
_MARGIN: Final = 56
"""From a landscape picture's right side."""
_BELOW: Final = 0.11
"""Of a portrait picture's height: there phones show the viewers' comments."""
_GAP: Final = 20
"""Between what is written, and twice that beside a line across."""

_WHITE: Final[Colour] = (255, 255, 255, 255)
_SOFT: Final[Colour] = (222, 228, 237, 255)
_PRICE: Final = re.compile(r"[¥￥$€£] ?\d|\d ?元")

_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_PIXELS: Final = 50_000_000
"""Of a picture file at most."""
_ENLARGED: Final = 2.0
"""At most."""


@dataclass(frozen=True, slots=True)
class _Block:
    """What is written in one style, with a gap above it, in pixels."""

    lines: list[str]
    style: Style
    gap: int
    ruled: bool = False
    """A line stands across in the middle of the gap."""

    @property
    def height(self) -> int:
        return self.gap + len(self.lines) * self.style.line_height


class Designer:
    """Lays out cards for pictures of one size; in any thread."""

    def __init__(self, width: int, height: int, typefaces: Sequence[Typeface]) -> None:
        """``typefaces``: from :func:`streaming.fonts.find`."""
        self._width, self._height = width, height
        self._typefaces = typefaces
        self._chinese = any(typeface.chinese for typeface in typefaces)
        self._form = _SIDE if width > height else _LOW
        self._scale = min(width, height) / 1080
        self._lock = threading.Lock()

    def lay_out(self, card: Card) -> Panel | None:
        """The card as a panel; None when it cannot be shown, and the log says why."""
        with self._lock:
            title, footer = (clean(line, self._shows, one_line=True) for line in (card.title, card.footer))
            text = clean(card.text, self._shows)
            picture = _read(card.picture) if card.picture is not None else None
            reason = self._fault(title + text + footer, picture)
            if reason:
                log.warning("the card “%s” is left out: %s", card.title[:40], reason)
                return None
            return self._panel(title, text, footer, picture)

    def _shows(self, character: str) -> bool:
        """Chinese counts even where no font has it: without it the card would say something else."""
        return any(face.has(character) for face in self._typefaces) or (not self._chinese and _is_chinese(character))

    def _fault(self, text: str, picture: Image.Image | None) -> str:
        if text and not self._typefaces:
            return f"there is no font; {REMEDY} installs one"
        if not self._chinese and any(map(_is_chinese, text)):
            return f"no font here has Chinese; {REMEDY} installs one"
        return "" if text or picture is not None else "nothing on it can be shown"

    def _panel(self, title: str, text: str, footer: str, picture: Image.Image | None) -> Panel:
        form, written = self._form, bool(title or text or footer)
        pad, gap, width, most, room = map(self._round, (form.pad, _GAP, form.width, form.height, form.picture))
        column, beside, above, tall = width - 2 * pad, 0, 0, 0
        if picture is not None:
            picture = _fitted(picture, room if form.beside else column, room)
            tall = picture.height
            if written:
                beside, above = (picture.width + pad, 0) if form.beside else (0, tall + gap)
        blocks = self._blocks(title, text, footer, column - beside, most - 2 * pad - above)
        low = sum(block.height for block in blocks)
        tall = max(tall, above + low)
        plate = Plate(width, tall + 2 * pad, self._scale)
        if picture is not None:
            x = pad if beside else pad + (column - picture.width) // 2
            plate.hang(picture, x, pad if above else pad + (tall - picture.height) // 2)
        y = pad + above + (tall - above - low) // 2
        for block in blocks:
            if block.ruled:
                plate.rule(pad + beside, y + block.gap // 2, column - beside)
            plate.write(block.lines, block.style, pad + beside, y + block.gap)
            y += block.height
        return plate.panel(*self._corner(plate), (self._width, self._height))

    def _blocks(self, title: str, text: str, footer: str, width: int, height: int) -> list[_Block]:
        """What is written, from above; the text is shortened to what there is room for."""
        form, gap = self._form, self._round(_GAP)
        price = _PRICE.search(footer) is not None
        heading = self._style(form.title, BOLD, _WHITE, 1.3)
        body = self._style(form.text, REGULAR, _SOFT, 1.5)
        foot = self._style(form.title if price else form.footer, BOLD if price else MEDIUM, ACCENT, 1.35)
        ruled = bool(title or text)
        first = _Block(balanced(title, width, heading.measure, form.title_lines), heading, gap=0)
        last = _Block(wrap(footer, width, foot.measure, 2), foot, gap=2 * gap if ruled else 0, ruled=ruled)
        room = height - first.height - last.height - gap
        lines = settled(text, width, body.measure, max(1, room // body.line_height))
        middle = _Block(lines, body, gap=gap if title else 0)
        return [block for block in (first, middle, last) if block.lines]

    def _style(self, size: int, weight: int, colour: Colour, leading: float) -> Style:
        return Style(self._typefaces, max(6, self._round(size)), weight, colour, leading)

    def _corner(self, plate: Plate) -> tuple[int, int]:
        """Where it is laid, even."""
        if self._form is _SIDE:
            x, y = self._width - self._round(_MARGIN) - plate.width, (self._height - plate.height) // 2
        else:
            x, y = (self._width - plate.width) // 2, round(self._height * (1 - _BELOW)) - plate.height
        return x // 2 * 2, y // 2 * 2

    def _round(self, length: int) -> int:
        return round(length * self._scale)


def _is_chinese(character: str) -> bool:
    """Or Japanese or Korean: what a font for Western languages lacks."""
    return unicodedata.category(character) == "Lo" and unicodedata.east_asian_width(character) in "WF"


def _read(path: Path) -> Image.Image | None:
    """A picture as it is to be looked at, RGB; None when it cannot be read, and the log says why."""
    try:
        with Image.open(path, formats=_FORMATS) as file:
            if file.width * file.height > _PIXELS:
                raise ValueError(f"it has {file.width}x{file.height} pixels, more than {_PIXELS // 1_000_000} million")
            picture = ImageOps.exif_transpose(file)
            if not picture.has_transparency_data:
                return picture.convert("RGB")
            white = Image.new("RGBA", picture.size, _WHITE)  # what things are cut out for
            return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    except Exception as error:  # whatever is wrong with it, the card goes on air without
        log.warning("the picture %s is left out of its card: %s", path, error)
        return None


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """As large as it may be, no side shorter than a pixel."""
    scale = min(width / picture.width, height / picture.height, _ENLARGED)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)
