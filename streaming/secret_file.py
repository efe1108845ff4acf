"""Files that only this user can read: keys and tokens."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path


def kept(file: Path, make: Callable[[], str]) -> str:
    """What is in it, without blanks around; it is made when it is not there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # another process was first
            _create(file, make().encode())
    return file.read_text("utf-8").strip()


def replace(file: Path, content: bytes) -> None:
    """With this, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    _create(part, content)
    part.replace(file)


def _create(file: Path, content: bytes) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
