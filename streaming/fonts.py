"""The fonts that text in the picture is set in: the one that is fetched, or what the system has.

A font with Chinese has some megabytes, so none is part of the package: rooms that show cards fetch :data:`MODEL`
(:mod:`streaming.models`), and where that cannot be had a font of the system will do.
"""

import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import ImageFont

MODEL: Final = "noto-sans-sc"
"""Its name in the catalogue."""
REMEDY: Final = "apt-get install fonts-noto-cjk (or fonts-wqy-microhei)"
"""Where it cannot be fetched."""

REGULAR: Final = 400
MEDIUM: Final = 500
BOLD: Final = 700

_COMMON: Final = "的一是国"
"""A font that has these has Chinese."""
_PREFERRED: Final = (
    *("NotoSansSC", "NotoSansCJK-Regular", "SourceHanSansSC-Regular", "SourceHanSansCN-Regular", "wqy-microhei"),
    *("wqy-zenhei", "DroidSansFallback", "NotoSans-Regular", "DejaVuSans.", "LiberationSans-Regular"),
)
"""Beginnings of the names of files, the better first."""
_ODD: Final = ("bold", "black", "light", "thin", "italic", "oblique", "mono", "serif", "condensed", "emoji", "symbol")
"""In the names of files of fonts that are not for reading a card."""
_SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_MOST: Final = 300
"""Files that are looked into."""


class Typeface:
    """A font file at any size, and as bold as it can be. Not thread-safe, as FreeType is not."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, ValueError or struct.error for a file that is no font."""
        self.path = path
        self._bold = _bold_beside(path)
        self._index = _simplified(path)
        self._has = _coverage(path, self._index)
        self._fonts: dict[tuple[int, int], ImageFont.FreeTypeFont] = {}

    def has(self, character: str) -> bool:
        return bool(self._has[ord(character)])

    @property
    def chinese(self) -> bool:
        return all(map(self.has, _COMMON))

    def at(self, size: int, weight: int) -> ImageFont.FreeTypeFont:
        """``size``: pixels an em; ``weight``: of 100 to 900, or what the file has that comes near."""
        if (size, weight) not in self._fonts:
            path = self._bold if weight >= BOLD else self.path
            font = ImageFont.truetype(str(path), size, self._index)
            if _has_weights(font):
                font.set_variation_by_axes([float(weight)])
            self._fonts[size, weight] = font
        return self._fonts[size, weight]


def find(fetched: Path | None = None, folders: Iterable[Path] | None = None) -> tuple[Typeface, ...]:
    """One font with Chinese and one without, for signs that the first lacks; fewer where there are fewer.

    ``fetched``: the folder of :data:`MODEL`, if it is there; ``folders``: the system's. Takes a second at most.
    """
    files = sorted(fetched.glob("*.ttf")) if fetched is not None else []
    installed = (file for folder in (system_folders() if folders is None else folders) for file in folder.rglob("*"))
    files += sorted((file for file in installed if file.suffix.lower() in _SUFFIXES), key=_rank)
    found: dict[bool, Typeface] = {}
    for typeface in _typefaces(files[:_MOST]):
        found.setdefault(typeface.chinese, typeface)
        if len(found) == 2:
            break
    return tuple(found[chinese] for chinese in (True, False) if chinese in found)


def system_folders(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where fontconfig looks."""
    data = Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), data / "fonts", Path.home() / ".fonts"


def _rank(file: Path) -> tuple[int, bool, Path]:
    preferred = (n for n, name in enumerate(_PREFERRED) if file.name.startswith(name))
    return next(preferred, len(_PREFERRED)), any(odd in file.name.lower() for odd in _ODD), file


def _typefaces(files: Iterable[Path]) -> Iterator[Typeface]:
    for file in files:
        try:
            yield Typeface(file)
        except (OSError, ValueError, struct.error):  # a broken font is as good as none
            continue


def _bold_beside(path: Path) -> Path:
    names = {path.name.replace("Regular", "Bold"), path.stem + "-Bold" + path.suffix} - {path.name}
    return next((bold for name in sorted(names) if (bold := path.with_name(name)).is_file()), path)


def _has_weights(font: ImageFont.FreeTypeFont) -> bool:
    """Whether it can be set to any weight, and to nothing else."""
    try:
        return [axis["name"] for axis in font.get_variation_axes()] == [b"Weight"]
    except OSError:  # FreeType's word for a font that does not vary
        return False


def _simplified(path: Path) -> int:
    """Which font of a collection has the shapes of mainland China; 0 where there is one."""
    with path.open("rb") as file:
        if file.read(4) != b"ttcf":
            return 0
        _, count = struct.unpack(">II", file.read(8))
    names = (ImageFont.truetype(str(path), 16, index).getname()[0] or "" for index in range(min(count, 64)))
    return next((index for index, name in enumerate(names) if name.endswith((" SC", " CN"))), 0)


def _coverage(path: Path, index: int) -> npt.NDArray[np.bool_]:
    """(0x110000,): the code points that a font has a glyph for, from its table ``cmap`` (OpenType 1.9.1)."""
    with path.open("rb") as file:
        start = 0
        if file.read(4) == b"ttcf":
            file.seek(12 + 4 * index)
            (start,) = struct.unpack(">I", file.read(4))
        file.seek(start + 4)
        (tables,) = struct.unpack(">H6x", file.read(8))
        directory = {tag: (at, size) for tag, _, at, size in struct.iter_unpack(">4sIII", file.read(16 * tables))}
        if b"cmap" not in directory:
            raise ValueError(f"{path} does not say which characters it has")
        at, size = directory[b"cmap"]
        file.seek(at)
        cmap = file.read(size)
    has = np.zeros(0x110000, np.bool_)
    (count,) = struct.unpack_from(">2xH", cmap)
    for platform, _, at in struct.iter_unpack(">HHI", cmap[4 : 4 + 8 * count]):
        if platform in (0, 3):  # Unicode's and Windows'
            _read_subtable(cmap, at, has)
    return has


def _read_subtable(cmap: bytes, at: int, has: npt.NDArray[np.bool_]) -> None:
    """Mark what a subtable of format 4 or 12 has; others say nothing that these do not."""
    (form,) = struct.unpack_from(">H", cmap, at)
    if form == 4:
        (twice,) = struct.unpack_from(">H", cmap, at + 6)
        last = np.frombuffer(cmap, ">u2", twice // 2, at + 14)
        first = np.frombuffer(cmap, ">u2", twice // 2, at + 16 + twice)
        spans = np.stack((first, last), 1)[first != 0xFFFF]
    elif form == 12:
        (groups,) = struct.unpack_from(">I", cmap, at + 12)
        spans = np.frombuffer(cmap, ">u4", 3 * groups, at + 16).reshape(-1, 3)[:, :2]
    else:
        return
    for begin, end in spans.tolist():
        has[begin : end + 1] = True
