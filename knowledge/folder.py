"""A folder of documents: what is in it, and what of that has changed."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from knowledge import cutting, synonyms
from knowledge.document import About, Document, Folder, Outline, Skipped
from knowledge.errors import DocumentError
from knowledge.formats import ADVICE, SIMPLE, SUFFIXES, about, outline, suffix
from knowledge.formats.apart import Apart

MAX_TEXT_BYTES: Final = 8_000_000
MAX_BYTES: Final = 64_000_000
"""Of what is not plain text."""
MAX_DOCUMENTS: Final = 10_000
SETTINGS: Final = (about.FILE, synonyms.FILE)
"""Files of the folder that say how the others are read."""


def read_folder(
    folder: Path,
    known: Mapping[str, str] | None = None,
    bad: Mapping[tuple[str, str], str] | None = None,
    told: Callable[[int, int], None] | None = None,
) -> Folder:
    """Read every document below ``folder`` but those that ``known`` (source to digest) holds as they are, or ``bad``
    (source and digest to what is wrong with it).

    A bad file is skipped and named, never half read; one that is another's copy is too. Hidden files and whatever a
    symbolic link reaches outside the folder are left alone. ``told`` hears how many files of all are done. Blocks.
    Raises :class:`DocumentError` when the folder itself, or what its ``about.yaml`` says, cannot be read.
    """
    known, bad = known or {}, bad or {}
    try:
        root = folder.resolve(strict=True)
        files = sorted(_files(root))
    except OSError as error:
        raise DocumentError(f"cannot read the documents folder {folder}: {error.strerror or error}") from error
    if len(files) > MAX_DOCUMENTS:
        raise DocumentError(f"{folder} holds {len(files)} documents; a room takes at most {MAX_DOCUMENTS}: split it")
    said = about.read(root)
    documents: list[Document] = []
    skipped: list[Skipped] = []
    unchanged: set[str] = set()
    copies: dict[str, str] = {}
    with Apart() as apart:
        for n, file in enumerate(files):
            if told is not None:
                told(n, len(files))
            source, digest = file.relative_to(root).as_posix(), ""
            try:
                content = _read(file, root)
                digest = _digest(content, said.get(source))
                if (twin := copies.setdefault(digest, source)) != source:
                    skipped.append(Skipped(source, f"is the same as {twin}", ""))  # until that one is gone
                    continue
                if known.get(source) == digest:
                    unchanged.add(source)
                    continue
                if reason := bad.get((source, digest)):
                    raise DocumentError(reason)
                read = outline if suffix(source) in SIMPLE else apart.outline
                documents.append(_document(source, digest, read(source, content), said.get(source)))
            except (DocumentError, OSError) as error:
                skipped.append(Skipped(source, str(error), digest))
    if told is not None:
        told(len(files), len(files))
    return Folder(tuple(documents), tuple(skipped), frozenset(unchanged))


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """When each file that decides what is read was changed, and its size: whether to look into the folder again."""
    with contextlib.suppress(OSError):
        root = folder.resolve(strict=True)
        found: dict[str, tuple[int, int]] = {}
        for file in (*_files(root), *(root / name for name in SETTINGS)):
            with contextlib.suppress(OSError):
                status = file.stat()
                found[str(file)] = status.st_mtime_ns, status.st_size
        return found
    return {}


def check(source: str, content: bytes) -> int:
    """How many passages a file of this name and content would give. Blocks.

    Raises :class:`DocumentError` for one that cannot be read.
    """
    _check_kind(source)
    _check_size(len(content), _most(source))
    with Apart() as apart:
        return len(_document(source, "", apart.outline(source, content), None).passages)


def parse_document(source: str, content: bytes) -> Document:
    """One document, read in this process. Raises :class:`DocumentError`, and what a library raises at a bad file."""
    return _document(source, _digest(content, None), outline(source, content), None)


def _document(source: str, digest: str, read: Outline, said: About | None) -> Document:
    known, passages = cutting.cut(source, Outline(read.blocks, (said or About()).over(read.about)))
    if known.valid_from and known.valid_to and known.valid_from > known.valid_to:
        raise DocumentError(f"is valid from {known.valid_from} to {known.valid_to}: never")
    return Document(source, known.title, digest, passages, known.valid_from, known.valid_to)


def _digest(content: bytes, said: About | None) -> str:
    """Of everything that decides what becomes of a file."""
    return f"{cutting.VERSION}:{sha256(content).hexdigest()}" + (f":{said}" if said else "")


def _files(root: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        if Path(error.filename) == root:
            raise error

    for folder, subfolders, names in os.walk(root, onerror=fail):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in names:
            if not name.startswith((".", "~$")) and suffix(name) in SUFFIXES | ADVICE.keys():
                yield Path(folder, name)


def _read(file: Path, root: Path) -> bytes:
    _check_kind(file.name)
    if not file.resolve(strict=True).is_relative_to(root):
        raise DocumentError("is a link to outside the documents folder: copy the file instead")
    if not file.is_file():
        raise DocumentError("is not an ordinary file")
    most = _most(file.name)
    with file.open("rb") as stream:
        content = stream.read(most + 1)
    _check_size(len(content), most)
    return content


def _check_kind(name: str) -> None:
    if (kind := suffix(name)) in ADVICE:
        raise DocumentError(f"is of a kind that cannot be read here: {ADVICE[kind]}")


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise DocumentError(f"is larger than {most // 1_000_000} MB: split it into several documents")


def _most(name: str) -> int:
    return MAX_TEXT_BYTES if suffix(name) in SIMPLE else MAX_BYTES
