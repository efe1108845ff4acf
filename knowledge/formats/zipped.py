"""Files that are ZIP archives: whether they may be unpacked."""

import io
import zipfile
from typing import Final

from knowledge.errors import DocumentError

_MOST: Final = 256 << 20
"""Bytes that a document's parts may have together once unpacked."""


def check(content: bytes) -> None:
    """Raises :class:`DocumentError` for what is no archive, or one that grows beyond measure."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DocumentError(f"is damaged or not what its name says ({error}): save it again") from error
    if unpacked > _MOST:
        raise DocumentError(f"would unpack to {unpacked >> 20} MB (at most {_MOST >> 20}): split it")
