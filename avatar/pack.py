"""Host packs: one file that holds all a renderer needs to draw a host.

A pack is a zip archive of ``manifest.json`` and one NumPy array file (``NAME.npy``) for each member of
:data:`MEMBERS`, and nothing else. The manifest states the format and its version, each member's SHA-256, and the
fields of :class:`Pack` that are no members. Everything lies on one canvas, a picture plane of W x H pixels that
the lens projects on; a live picture is a view, a window of it. All colours are BT.709 limited range. Version 3:

==================  =========  ======================  =================================================================
member              dtype      shape                   meaning
==================  =========  ======================  =================================================================
background          uint8      (., ., 3)               Y'CbCr, small and soft; blown up until it covers a view
body                uint8      (2, h, w)               luma and opacity of the clothed torso over ``body_box``, before
                                                       the mesh and the back hair
body_uv             uint8      (h/2, w/2, 2)           its chroma
body_breath         float32    (rows, columns, 2)      pixels (x, y) it moves at breath 1, every 16 pixels
body_lean           float32    (rows, columns)         how far it follows the torso's lean, 0 to 1
vertices            float32    (n, 3)                  the mesh at rest, metres, axes of :mod:`avatar.face`
follow              float32    (n,)                    how far a vertex follows the head's motion, 0 to 1
breath              float32    (n, 3)                  by how much it moves at breath 1, metres
lean                float32    (n,)                    how far it follows the torso's lean, 0 to 1
triangles           int32      (t, 3)                  vertices, counter-clockwise seen from the front
uvs                 float32    (t, 3, 2)               atlas texels (column, row) of each corner
unit_starts         int32      (53,)                   rows of ``unit_*`` that belong to blendshape k: [k] to [k + 1]
unit_indices        int32      (m,)                    the vertex moved
unit_deltas         float32    (m, 3)                  by how much at weight 1, metres
lash_triangles      int32      (l, 3)                  vertices; seen from both sides
lash_uvs            float32    (l, 3, 2)               texels of ``lash`` (column, row) of each corner
lash                uint8      (., .)                  opacity of the lashes, which lie over the face
gloss               uint8      (2, g, g)               luma that the lights add around the centre of each eye
shade_rest          float32    (2, e, f)               factor on the colours of each eyeball, face at rest
shade_ids           int32      (q,)                    the coefficient of light a step of shade is multiplied with
shade_scales        float32    (q,)                    and the factor
shade_steps         int8       (q, 2, e, f)            what it adds to that factor
atlas_y, atlas_uv   uint8      (A, B), (A/2, B/2, 2)   the mesh's colours with the studio's light in them, face at rest
light_metric        float32    (G, d, 55)              see below
light_centres       float32    (G, p, d)
light_kernel        float32    (G, p, k)
light_linear        float32    (G, d + 1, k)
light_limits        float32    (G * k,)                greatest magnitude of each coefficient
light_blocks        int32      (b, 2)                  row and column of a block of 16 x 16 texels, counted in blocks
light_starts        int32      (b + 1,)                rows of the next three that belong to block i: [i] to [i + 1]
light_ids           int32      (s,)                    the coefficient a step is multiplied with
light_scales        float32    (s,)                    and the factor
light_steps         int8       (s, 384)                256 luma, 64 Cb and 64 Cr texels of a block, row by row
back, front         uint8      (2, h, w)               luma and opacity of the hair behind and before the mesh, over
                                                       ``head_box``
back_uv, front_uv   uint8      (h/2, w/2, 2)           their chroma
*_reach             float32    (rows, columns)         their distance from the pinhole's plane, metres, every 16
                                                       pixels: smooth, for they are warped by it as the head turns
front_depth         float32    (rows, columns)         the same as it is: what of the mesh is well before it hides it
==================  =========  ======================  =================================================================

Light follows the face: with x the 52 weights and the 3 angles of a face frame, each group g of the G has
``z = light_metric[g] @ x``, ``r[i] = exp(-|light_centres[g, i] - z|² / 2)`` and k coefficients
``r @ light_kernel[g] + [z, 1] @ light_linear[g]`` (the mean of an additive Gaussian process, Rasmussen and Williams
2006, eq. 2.25, with explicit basis functions, section 2.7); c is all groups' coefficients in order, each held within
its limit. A block of the atlas is then what ``atlas_*`` holds plus the sum of
``c[light_ids[j]] · light_scales[j] · light_steps[j]`` over its rows j.

Eyeballs are spheres: their vertices turn about their centre with the gaze, by :data:`avatar.face.EYE_RANGE` at weight
1 of an ``eyeLook*`` shape, and no blendshape moves them. Their colours in the atlas turn with them; shade is laid over
the sphere as seen from the front of the head (:mod:`avatar.render.eyes`), and multiplies luma above black and chroma.

Pictures are composed in the order background, back hair, mesh with light, gloss and lashes, body, front hair.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from avatar.errors import PackError
from avatar.face import ARKIT

FORMAT: Final = "everhost-host"
VERSION: Final = 3
MANIFEST: Final = "manifest.json"
MAX_FILE: Final = 15 << 20
"""Bytes a pack may take on disk."""
MAX_UNPACKED: Final = 96 << 20
"""Bytes its members may take together once unpacked."""
GRID: Final = 16
"""Pixels between nodes of a layer's grid."""
BLOCK: Final = 16
"""Texels along a side of a block of the atlas whose light follows the face."""
INPUTS: Final = len(ARKIT) + 3
"""What the light depends on: the weights and the head's rotation."""
_MAX_SIDE: Final = 8192
_MAX_AXIS: Final = 1 << 22
_MAX_LIGHT: Final = {"G": 8, "d": INPUTS, "p": 4096, "k": 512}
_MAX_SHADE: Final = 256
_MAX_SHADES: Final = 1024
_MAX_VALUE: Final = 1e4
"""No number in a pack has a reason to be larger, and none up to it can overflow while drawing."""

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels; the right and lower edges are excluded."""
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
_T = TypeVar("_T")


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
class View:
    """A window of the canvas."""

    x0: int
    y0: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Pack:
    name: str
    title: str
    credits: str
    lens: Lens
    pivot: tuple[float, float, float]
    """The point the head turns about, metres."""
    canvas: tuple[int, int]
    """Width and height."""
    views: Mapping[str, View]
    """By name, "16:9" say; no two of one size, all numbers even."""
    head_box: Box
    """All of the canvas that the hair can touch; even numbers. The mesh stays within it and ``body_box``."""
    body_box: Box
    """All of the canvas that the body can touch; even numbers."""
    mouth_box: Box
    """Around the mouth at rest."""
    eye_boxes: tuple[Box, Box]
    """Around the host's left and right eye at rest."""
    eye_centres: tuple[tuple[float, float, float], tuple[float, float, float]]
    """The left and the right eyeball's, metres."""
    eye_radii: tuple[float, float]
    """Metres."""
    eye_vertices: tuple[tuple[int, int], tuple[int, int]]
    """First and end of the rows of ``vertices`` that are the left and the right eyeball."""
    eye_charts: tuple[Box, Box]
    """Texels of the atlas that show the left and the right eyeball."""
    gloss_shade: tuple[float, float]
    """Factors of shade: up to the first no lamp is mirrored, from the second on as much as ``gloss`` says."""
    gloss_bleach: float
    """Share of chroma that a level of mirrored light takes."""
    lash_colour: tuple[int, int, int]
    """Y', Cb, Cr."""
    background: Bytes
    body: Bytes
    body_uv: Bytes
    body_breath: Floats
    body_lean: Floats
    vertices: Floats
    follow: Floats
    breath: Floats
    lean: Floats
    triangles: Ints
    uvs: Floats
    unit_starts: Ints
    unit_indices: Ints
    unit_deltas: Floats
    lash_triangles: Ints
    lash_uvs: Floats
    lash: Bytes
    gloss: Bytes
    shade_rest: Floats
    shade_ids: Ints
    shade_scales: Floats
    shade_steps: npt.NDArray[np.int8]
    atlas_y: Bytes
    atlas_uv: Bytes
    light_metric: Floats
    light_centres: Floats
    light_kernel: Floats
    light_linear: Floats
    light_limits: Floats
    light_blocks: Ints
    light_starts: Ints
    light_ids: Ints
    light_scales: Floats
    light_steps: npt.NDArray[np.int8]
    back: Bytes
    back_uv: Bytes
    back_reach: Floats
    front: Bytes
    front_uv: Bytes
    front_reach: Floats
    front_depth: Floats


MEMBERS: Final[dict[str, tuple[type[np.generic], tuple[str | int, ...]]]] = {
    "background": (np.uint8, ("rows", "columns", 3)),
    "body": (np.uint8, (2, "bh", "bw")),
    "body_uv": (np.uint8, ("bh/2", "bw/2", 2)),
    "body_breath": (np.float32, ("br", "bc", 2)),
    "body_lean": (np.float32, ("br", "bc")),
    "vertices": (np.float32, ("n", 3)),
    "follow": (np.float32, ("n",)),
    "breath": (np.float32, ("n", 3)),
    "lean": (np.float32, ("n",)),
    "triangles": (np.int32, ("t", 3)),
    "uvs": (np.float32, ("t", 3, 2)),
    "unit_starts": (np.int32, (len(ARKIT) + 1,)),
    "unit_indices": (np.int32, ("m",)),
    "unit_deltas": (np.float32, ("m", 3)),
    "lash_triangles": (np.int32, ("l", 3)),
    "lash_uvs": (np.float32, ("l", 3, 2)),
    "lash": (np.uint8, ("lh", "lw")),
    "gloss": (np.uint8, (2, "g", "g")),
    "shade_rest": (np.float32, (2, "e", "f")),
    "shade_ids": (np.int32, ("q",)),
    "shade_scales": (np.float32, ("q",)),
    "shade_steps": (np.int8, ("q", 2, "e", "f")),
    "atlas_y": (np.uint8, ("A", "B")),
    "atlas_uv": (np.uint8, ("A/2", "B/2", 2)),
    "light_metric": (np.float32, ("G", "d", INPUTS)),
    "light_centres": (np.float32, ("G", "p", "d")),
    "light_kernel": (np.float32, ("G", "p", "k")),
    "light_linear": (np.float32, ("G", "d+1", "k")),
    "light_limits": (np.float32, ("G*k",)),
    "light_blocks": (np.int32, ("b", 2)),
    "light_starts": (np.int32, ("b+1",)),
    "light_ids": (np.int32, ("s",)),
    "light_scales": (np.float32, ("s",)),
    "light_steps": (np.int8, ("s", BLOCK * BLOCK * 3 // 2)),
    "back": (np.uint8, (2, "hh", "hw")),
    "back_uv": (np.uint8, ("hh/2", "hw/2", 2)),
    "back_reach": (np.float32, ("hr", "hc")),
    "front": (np.uint8, (2, "hh", "hw")),
    "front_uv": (np.uint8, ("hh/2", "hw/2", 2)),
    "front_reach": (np.float32, ("hr", "hc")),
    "front_depth": (np.float32, ("hr", "hc")),
}
"""dtype and shape of each member; equal letters are equal sizes."""


def save_pack(pack: Pack, path: Path) -> None:
    """Write a pack; the same pack always makes the same bytes.

    Raises:
        PackError: the pack is not as the format states.
    """
    for name in MEMBERS:
        _check_member(name, getattr(pack, name))
    _check(pack)
    bodies = {f"{name}.npy": _dump(getattr(pack, name)) for name in MEMBERS}
    head: dict[str, Any] = {
        field.name: getattr(pack, field.name) for field in fields(pack) if field.name not in MEMBERS
    }
    head |= {"lens": asdict(pack.lens), "views": {name: asdict(view) for name, view in pack.views.items()}}
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
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:  # the archive's own directory is torn
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
    _check_member(name, array)
    if not array.flags.c_contiguous:
        raise PackError(f"{name}.npy should be in C order")
    return np.asarray(array)


def _check_member(name: str, array: object) -> None:
    dtype, shape = MEMBERS[name]
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != len(shape):
        raise PackError(f"{name}.npy should be {np.dtype(dtype).name} with {len(shape)} axes")


def _box(value: Any) -> Box:
    x0, y0, x1, y1 = (int(v) for v in value)
    return x0, y0, x1, y1


def _boxes(value: Any) -> tuple[Box, Box]:
    left, right = (_box(box) for box in value)
    return left, right


def _pair(value: Any, kind: Callable[[Any], _T]) -> tuple[_T, _T]:
    first, second = (kind(v) for v in value)
    return first, second


def _point(value: Any) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in value)
    return x, y, z


def _head(manifest: Mapping[str, Any]) -> dict[str, Any]:
    width, height = (int(v) for v in manifest["canvas"])
    left, right = (_point(centre) for centre in manifest["eye_centres"])
    luma, cb, cr = (int(v) for v in manifest["lash_colour"])
    views = {
        str(name): View(**{key: int(value) for key, value in view.items()})
        for name, view in dict(manifest["views"]).items()
    }
    return {
        "name": str(manifest["name"]),
        "title": str(manifest["title"]),
        "credits": str(manifest["credits"]),
        "lens": Lens(**{key: float(value) for key, value in manifest["lens"].items()}),
        "pivot": _point(manifest["pivot"]),
        "canvas": (width, height),
        "views": views,
        "head_box": _box(manifest["head_box"]),
        "body_box": _box(manifest["body_box"]),
        "mouth_box": _box(manifest["mouth_box"]),
        "eye_boxes": _boxes(manifest["eye_boxes"]),
        "eye_centres": (left, right),
        "eye_radii": _pair(manifest["eye_radii"], float),
        "eye_vertices": _pair(manifest["eye_vertices"], lambda span: _pair(span, int)),
        "eye_charts": _boxes(manifest["eye_charts"]),
        "gloss_shade": _pair(manifest["gloss_shade"], float),
        "gloss_bleach": float(manifest["gloss_bleach"]),
        "lash_colour": (luma, cb, cr),
    }


def _check(pack: Pack) -> None:
    """All that the inner loops rely on, since they check nothing themselves."""
    _check_places(pack)
    _check_shapes(pack)
    lens = pack.lens
    if not (0 < lens.focal <= 1e6 and 0.1 <= lens.distance <= 100):
        raise PackError("the lens must have a focal length and stand before the host")
    numbers = (
        lens.centre_x, lens.centre_y, lens.eye_y, *pack.pivot, *(v for c in pack.eye_centres for v in c),
        *pack.gloss_shade, pack.gloss_bleach,
    )  # fmt: skip
    if not all(abs(v) <= _MAX_VALUE for v in numbers):  # false for what is no number, too
        raise PackError("the lens, the pivot or an eye is not finite, or too far away")
    if not all(1e-4 <= radius <= 1 for radius in pack.eye_radii):
        raise PackError(f"eyes of {pack.eye_radii} metres cannot be drawn")
    if not all(0 <= v <= 255 for v in pack.lash_colour):
        raise PackError(f"lash_colour {pack.lash_colour} is no 8-bit colour")
    for name, (dtype, _) in MEMBERS.items():
        array = getattr(pack, name)
        if dtype is np.float32 and array.size and not np.abs(array).max() <= _MAX_VALUE:
            raise PackError(f"{name}.npy holds values that are not finite, or too large")
    _check_mesh(pack)
    _check_light(pack)


def _check_places(pack: Pack) -> None:
    """Canvas, views and boxes."""
    width, height = pack.canvas
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise PackError(f"a canvas of {width}x{height} cannot be drawn: sides must be at most {_MAX_SIDE}")
    whole = (0, 0, width, height)
    sizes = [(view.width, view.height) for view in pack.views.values()]
    if not sizes or len(sizes) != len(set(sizes)):
        raise PackError("the pack must have views, each of another size")
    for name, view in pack.views.items():
        box = (view.x0, view.y0, view.x0 + view.width, view.y0 + view.height)
        if not _within(box, whole) or any(v % 2 for v in box):
            raise PackError(f"view {name!r} must lie within the canvas, on even pixels")
        if not all(_within(part, box) for part in (pack.mouth_box, *pack.eye_boxes)):
            raise PackError(f"view {name!r} must show the eyes and the mouth")
    for name in ("head_box", "body_box"):
        box = getattr(pack, name)
        if not _within(box, whole) or any(v % 2 for v in box):
            raise PackError(f"{name} {box} must lie within the canvas, on even pixels")


def _within(box: Box, other: Box) -> bool:
    x0, y0, x1, y1 = other
    return x0 <= box[0] < box[2] <= x1 and y0 <= box[1] < box[3] <= y1


def _check_shapes(pack: Pack) -> None:
    rows, columns = pack.atlas_y.shape
    if rows % BLOCK or columns % BLOCK or not (0 < rows < 4096 and 0 < columns < 4096):
        raise PackError(f"an atlas of {columns}x{rows} cannot be used: sides must be multiples of {BLOCK} below 4096")
    for chart in pack.eye_charts:
        if not _within(chart, (0, 0, columns, rows)):
            raise PackError(f"eye chart {chart} must lie within the atlas")
    sizes = {"A/2": rows // 2, "B/2": columns // 2}
    for prefix, (x0, y0, x1, y1) in (("b", pack.body_box), ("h", pack.head_box)):
        w, h = x1 - x0, y1 - y0
        sizes |= {f"{prefix}w": w, f"{prefix}h": h, f"{prefix}w/2": w // 2, f"{prefix}h/2": h // 2}
        sizes |= {f"{prefix}c": grid_nodes(w), f"{prefix}r": grid_nodes(h)}
    for name, (_, shape) in MEMBERS.items():
        array = getattr(pack, name)
        for size, letter in zip(array.shape, shape, strict=True):
            expected = letter if isinstance(letter, int) else sizes.setdefault(letter, size)
            if size != expected or size > _MAX_AXIS:
                raise PackError(f"{name}.npy has shape {array.shape}, which does not fit the rest of the pack")
    if (sizes["d+1"], sizes["b+1"], sizes["G*k"]) != (sizes["d"] + 1, sizes["b"] + 1, sizes["G"] * sizes["k"]):
        raise PackError("the shapes of the light_* members do not fit each other")
    if any(sizes[letter] > most for letter, most in _MAX_LIGHT.items()):
        raise PackError("the light_* members are too large to be used on air")
    if not all(0 < sizes[letter] <= _MAX_SIDE for letter in ("rows", "columns", "lh", "lw", "g", "e", "f")):
        raise PackError(f"background, lash, gloss and shade must have sides from 1 to {_MAX_SIDE}")
    if min(sizes["e"], sizes["f"]) < 2 or max(sizes["e"], sizes["f"]) > _MAX_SHADE or sizes["q"] > _MAX_SHADES:
        raise PackError(f"shade must have sides from 2 to {_MAX_SHADE}, and {_MAX_SHADES} steps at most")


def _check_mesh(pack: Pack) -> None:
    count = len(pack.vertices)
    for name in ("triangles", "unit_indices", "lash_triangles"):
        _check_range(name, getattr(pack, name), count, "vertices")
    _check_division("unit_starts", pack.unit_starts, len(pack.unit_indices))
    if not all(0 <= first <= end <= count for first, end in pack.eye_vertices):
        raise PackError(f"eye_vertices {pack.eye_vertices} must lie within the vertices")
    rows, columns = pack.atlas_y.shape
    if pack.uvs.size and (pack.uvs.min() < 1 or (pack.uvs.reshape(-1, 2).max(0) > (columns - 2, rows - 2)).any()):
        raise PackError("uvs.npy points outside the atlas")
    rows, columns = pack.lash.shape
    if pack.lash_uvs.size and (
        pack.lash_uvs.min() < 0 or (pack.lash_uvs.reshape(-1, 2).max(0) > (columns, rows)).any()
    ):
        raise PackError("lash_uvs.npy points outside the lashes")
    if min(pack.back_reach.min(), pack.front_reach.min()) <= 0:
        raise PackError("the layers must lie before the camera")


def _check_light(pack: Pack) -> None:
    rows, columns = pack.atlas_y.shape
    _check_range("light_blocks", pack.light_blocks[:, 0], rows // BLOCK, "blocks")
    _check_range("light_blocks", pack.light_blocks[:, 1], columns // BLOCK, "blocks")
    _check_range("light_ids", pack.light_ids, len(pack.light_limits), "coefficients")
    _check_range("shade_ids", pack.shade_ids, len(pack.light_limits), "coefficients")
    _check_division("light_starts", pack.light_starts, len(pack.light_ids))
    if (pack.light_limits < 0).any():
        raise PackError("light_limits.npy must not be negative")


def _check_range(name: str, indices: Ints, count: int, what: str) -> None:
    if indices.size and (indices.min() < 0 or indices.max() >= count):
        raise PackError(f"{name}.npy names {what} that do not exist")


def _check_division(name: str, starts: Ints, rows: int) -> None:
    if starts[0] != 0 or starts[-1] != rows or (np.diff(starts) < 0).any():
        raise PackError(f"{name}.npy does not divide the rows")


def grid_nodes(pixels: int) -> int:
    """Nodes of a layer's grid along an axis: one every :data:`GRID` pixels, and one beyond the end."""
    return -(-pixels // GRID) + 1
