"""Host packs: one file that holds all a renderer needs to draw a host.

A pack is a zip archive of ``manifest.json`` and one NumPy array file (``NAME.npy``) for each member of
:data:`MEMBERS`, and nothing else. The manifest states the format and its version, the host's name, the camera, the
boxes, the credits, and each member's SHA-256. Version 1:

==================  =========  ======================  =================================================================
member              dtype      shape                   meaning
==================  =========  ======================  =================================================================
plate               uint8      (3H/2, W)               I420 picture of all that never moves (Y, U, V planes in order)
cover               uint8      (h, w)                  how far the plate's clothes hide the mesh, 255 wholly
vertices            float32    (n, 3)                  the mesh at rest, metres, axes of :mod:`avatar.face`
follow              float32    (n,)                    how far a vertex follows the head's motion, 0 to 1
triangles           int32      (t, 3)                  vertices, counter-clockwise seen from the front
uvs                 float32    (t, 3, 2)               atlas texels (column, row) of each corner
unit_starts         int32      (53,)                   rows of ``unit_*`` that belong to blendshape k: [k] to [k + 1]
unit_indices        int32      (m,)                    the vertex moved
unit_deltas         float32    (m, 3)                  by how much at weight 1, metres
atlas_y, atlas_uv   uint8      (A, B), (A/2, B/2, 2)   the mesh's colours with the studio's light in them
back, front         uint8      (2, h, w)               luma and opacity of the hair behind and before the mesh
back_uv, front_uv   uint8      (h/2, w/2, 2)           their chroma
*_reach             float32    (rows, columns)         their distance from the pinhole's plane, metres, every 16 pixels
==================  =========  ======================  =================================================================

(W, H) is the picture, (w, h) the region that can change. All colours are BT.709 limited range.
"""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from avatar.errors import PackError
from avatar.face import ARKIT

FORMAT: Final = "everhost-host"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
MAX_FILE: Final = 15 << 20
"""Bytes a pack may take on disk."""
MAX_UNPACKED: Final = 96 << 20
"""Bytes its members may take together once unpacked."""
GRID: Final = 16
"""Pixels between nodes of a layer's depth grid."""
_MAX_SIDE: Final = 8192

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels; the right and lower edges are excluded."""
Bytes2 = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Lens:
    """A pinhole at (0, eye_y, distance) looking along -z; a point d metres before it is scaled by focal / d."""

    focal: float
    """Pixels."""
    centre_x: float
    centre_y: float
    """Picture column and row of the pinhole's axis."""
    distance: float
    """Metres."""
    eye_y: float
    """Metres."""


@dataclass(frozen=True, slots=True)
class Pack:
    name: str
    title: str
    width: int
    height: int
    lens: Lens
    pivot: tuple[float, float, float]
    """The point the head turns about, metres."""
    region: Box
    """All that can change; even numbers."""
    mouth_box: Box
    """Around the mouth at rest."""
    eye_boxes: tuple[Box, Box]
    """Around the host's left and right eye at rest."""
    credits: str
    plate: Bytes2
    cover: Bytes2
    vertices: Floats
    follow: Floats
    triangles: Ints
    uvs: Floats
    unit_starts: Ints
    unit_indices: Ints
    unit_deltas: Floats
    atlas_y: Bytes2
    atlas_uv: Bytes2
    back: Bytes2
    back_uv: Bytes2
    back_reach: Floats
    front: Bytes2
    front_uv: Bytes2
    front_reach: Floats


MEMBERS: Final[dict[str, tuple[type[np.generic], tuple[str | int, ...]]]] = {
    "plate": (np.uint8, ("1.5H", "W")),
    "cover": (np.uint8, ("h", "w")),
    "vertices": (np.float32, ("n", 3)),
    "follow": (np.float32, ("n",)),
    "triangles": (np.int32, ("t", 3)),
    "uvs": (np.float32, ("t", 3, 2)),
    "unit_starts": (np.int32, (len(ARKIT) + 1,)),
    "unit_indices": (np.int32, ("m",)),
    "unit_deltas": (np.float32, ("m", 3)),
    "atlas_y": (np.uint8, ("A", "B")),
    "atlas_uv": (np.uint8, ("A/2", "B/2", 2)),
    "back": (np.uint8, (2, "h", "w")),
    "back_uv": (np.uint8, ("h/2", "w/2", 2)),
    "back_reach": (np.float32, ("r", "c")),
    "front": (np.uint8, (2, "h", "w")),
    "front_uv": (np.uint8, ("h/2", "w/2", 2)),
    "front_reach": (np.float32, ("r", "c")),
}
"""dtype and shape of each member; equal letters are equal sizes."""


def save_pack(pack: Pack, path: Path) -> None:
    """Write a pack; the same pack always makes the same bytes."""
    bodies = {f"{name}.npy": _dump(getattr(pack, name)) for name in MEMBERS}
    head: dict[str, Any] = {
        field.name: getattr(pack, field.name) for field in fields(pack) if field.name not in MEMBERS
    }
    head["lens"] = asdict(pack.lens)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        **head,
        "members": {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        text = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
        for name, body in {MANIFEST: text, **bodies}.items():
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)


def load_pack(path: Path) -> Pack:
    """Read and check a pack.

    Raises:
        PackError: the file is missing, too large, no pack, of another version, or any member is missing, unknown,
            altered, or not of the dtype, shape and range the format states.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise PackError(f"{path}: larger than {MAX_FILE >> 20} MB, so not a host pack")
        with zipfile.ZipFile(path) as archive:
            pack = _read(archive)
    except OSError as error:
        raise PackError(f"{path}: cannot be read ({error.strerror or error})") from error
    except zipfile.BadZipFile as error:
        raise PackError(f"{path}: not a host pack, or damaged ({error}); get it again") from error
    except PackError as error:
        raise PackError(f"{path}: {error}") from error
    return pack


def _dump(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _read(archive: zipfile.ZipFile) -> Pack:
    names = [info.filename for info in archive.infolist()]
    if MANIFEST not in names:
        raise PackError(f"not a host pack: it has no {MANIFEST}")
    if sum(info.file_size for info in archive.infolist()) > MAX_UNPACKED:
        raise PackError(f"would unpack to more than {MAX_UNPACKED >> 20} MB; refused")
    manifest = _manifest(_member(archive, MANIFEST))
    wanted = {MANIFEST, *(f"{name}.npy" for name in MEMBERS)}
    if len(names) != len(set(names)) or set(names) != wanted:
        odd = sorted(set(names) ^ wanted) or sorted(n for n in names if names.count(n) > 1)
        raise PackError(f"missing, unknown or repeated members: {', '.join(odd)}")
    sums = manifest.get("members")
    if not isinstance(sums, dict):
        raise PackError(f"{MANIFEST} lists no members")
    arrays: dict[str, Any] = {
        name: _array(name, _member(archive, f"{name}.npy"), sums.get(f"{name}.npy")) for name in MEMBERS
    }
    try:
        head = _head(manifest)
    except (KeyError, TypeError, ValueError) as error:
        raise PackError(f"{MANIFEST} is incomplete or malformed: {error!r}") from error
    pack = Pack(**head, **arrays)
    _check(pack)
    return pack


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member's bytes. The archive's own sizes are not trusted: no more than the limit is ever unpacked."""
    try:
        with archive.open(name) as file:
            body = file.read(MAX_UNPACKED + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise PackError(f"{name} is damaged ({error}); get the pack again") from error
    except Exception as error:  # zlib.error and its kin have no common base
        raise PackError(f"{name} cannot be unpacked ({error}); get the pack again") from error
    if len(body) > MAX_UNPACKED:
        raise PackError(f"{name} would unpack to more than {MAX_UNPACKED >> 20} MB; refused")
    return body


def _manifest(body: bytes) -> Mapping[str, Any]:
    try:
        manifest = json.loads(body)
    except ValueError as error:
        raise PackError(f"{MANIFEST} is not JSON ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise PackError(f"{MANIFEST} does not describe an {FORMAT} pack")
    if manifest.get("version") != VERSION:
        raise PackError(
            f"the pack is of format version {manifest.get('version')}, this everhost reads {VERSION}: "
            "get a pack made for it, or another everhost"
        )
    return manifest


def _array(name: str, body: bytes, expected: object) -> npt.NDArray[Any]:
    found = hashlib.sha256(body).hexdigest()
    if found != expected:
        raise PackError(f"{name}.npy was altered: its SHA-256 is {found}, not {expected}; get the pack again")
    buffer = io.BytesIO(body)
    try:
        array = np.load(buffer, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise PackError(f"{name}.npy is not an array ({error})") from error
    dtype, shape = MEMBERS[name]
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != len(shape):
        raise PackError(f"{name}.npy should be {np.dtype(dtype).name} with {len(shape)} axes")
    if not array.flags.c_contiguous:
        raise PackError(f"{name}.npy should be in C order")
    return array


def _box(value: Any) -> Box:
    x0, y0, x1, y1 = (int(v) for v in value)
    return x0, y0, x1, y1


def _head(manifest: Mapping[str, Any]) -> dict[str, Any]:
    lens = Lens(**{key: float(value) for key, value in manifest["lens"].items()})
    px, py, pz = (float(v) for v in manifest["pivot"])
    left, right = (_box(box) for box in manifest["eye_boxes"])
    return {
        "name": str(manifest["name"]),
        "title": str(manifest["title"]),
        "width": int(manifest["width"]),
        "height": int(manifest["height"]),
        "lens": lens,
        "pivot": (px, py, pz),
        "region": _box(manifest["region"]),
        "mouth_box": _box(manifest["mouth_box"]),
        "eye_boxes": (left, right),
        "credits": str(manifest["credits"]),
    }


def _check(pack: Pack) -> None:
    """All that the inner loops rely on, since they check nothing themselves."""
    width, height = pack.width, pack.height
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE) or width % 2 or height % 2:
        raise PackError(f"a picture of {width}x{height} cannot be drawn: sides must be even and at most {_MAX_SIDE}")
    x0, y0, x1, y1 = pack.region
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height) or any(v % 2 for v in pack.region):
        raise PackError(f"region {pack.region} must lie within the picture, on even pixels")
    for box in (pack.mouth_box, *pack.eye_boxes):
        if not (x0 <= box[0] < box[2] <= x1 and y0 <= box[1] < box[3] <= y1):
            raise PackError(f"box {box} must lie within the region {pack.region}")
    _check_shapes(pack)
    if not all(math.isfinite(v) for v in (*asdict(pack.lens).values(), *pack.pivot)):
        raise PackError("the lens or the pivot is not finite")
    for name, (dtype, _) in MEMBERS.items():
        if dtype is np.float32 and not np.isfinite(getattr(pack, name)).all():
            raise PackError(f"{name}.npy holds values that are not finite")
    _check_indices(pack)


def _check_shapes(pack: Pack) -> None:
    x0, y0, x1, y1 = pack.region
    rows, columns = pack.atlas_y.shape
    sizes = {"W": pack.width, "1.5H": pack.height * 3 // 2, "w": x1 - x0, "h": y1 - y0}
    sizes |= {"w/2": sizes["w"] // 2, "h/2": sizes["h"] // 2, "A/2": rows // 2, "B/2": columns // 2}
    sizes |= {"r": grid_nodes(sizes["h"]), "c": grid_nodes(sizes["w"])}
    if rows % 2 or columns % 2 or not (4 <= rows < 4096 and 4 <= columns < 4096):
        raise PackError(f"an atlas of {columns}x{rows} cannot be used: sides must be even and below 4096")
    for name, (_, shape) in MEMBERS.items():
        array = getattr(pack, name)
        for size, letter in zip(array.shape, shape, strict=True):
            expected = letter if isinstance(letter, int) else sizes.setdefault(letter, size)
            if size != expected:
                raise PackError(f"{name}.npy has shape {array.shape}, which does not fit the rest of the pack")


def _check_indices(pack: Pack) -> None:
    count = len(pack.vertices)
    for name in ("triangles", "unit_indices"):
        array = getattr(pack, name)
        if array.size and (array.min() < 0 or array.max() >= count):
            raise PackError(f"{name}.npy names vertices that do not exist")
    starts = pack.unit_starts
    if starts[0] != 0 or starts[-1] != len(pack.unit_indices) or (np.diff(starts) < 0).any():
        raise PackError("unit_starts.npy does not divide the blendshapes' rows")
    rows, columns = pack.atlas_y.shape
    if pack.uvs.size and (pack.uvs.min() < 1 or (pack.uvs.reshape(-1, 2).max(0) > (columns - 2, rows - 2)).any()):
        raise PackError("uvs.npy points outside the atlas")
    if min(pack.back_reach.min(), pack.front_reach.min()) <= 0:
        raise PackError("the layers must lie before the camera")


def grid_nodes(pixels: int) -> int:
    """Nodes of a layer's grid along an axis: one every :data:`GRID` pixels, and one beyond the end."""
    return -(-pixels // GRID) + 1
