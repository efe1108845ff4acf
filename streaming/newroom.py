"""``everhost new``: a room file for any folder of documents."""

import json
import os
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from knowledge.formats import SUFFIXES, suffix
from streaming import roomfile
from streaming.errors import RoomFileError

_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}$")


def create(name: str, documents: Path, language: str, folder: Path | None = None) -> Path:
    """Write ``rooms/NAME.yaml`` (or into ``folder``) and return its path. Raises :class:`RoomFileError`."""
    if not _NAME.match(name):
        raise RoomFileError(f"'{name}' cannot name a room; use lower-case letters, digits and '-'")
    if not documents.is_dir():
        raise RoomFileError(f"there is no folder {documents}; name a folder of documents")
    if not any(suffix(file.name) in SUFFIXES for file in documents.rglob("*")):
        raise RoomFileError(f"{documents} has no document to answer from ({', '.join(sorted(SUFFIXES))})")
    folder = folder or Path("rooms")
    path = folder / f"{name}.yaml"
    template = Template(files("streaming").joinpath("assets/room.yaml").read_text("utf-8"))
    text = template.substitute(
        name=name, language=language, documents=json.dumps(os.path.relpath(documents, folder), ensure_ascii=False)
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RoomFileError(f"{path} exists already; choose another name or remove it first") from None
    except OSError as error:
        raise RoomFileError(f"{path} cannot be written ({error.strerror}); run it where you may write") from None
    try:
        roomfile.load(path)
    except RoomFileError:
        path.unlink()
        raise
    return path
