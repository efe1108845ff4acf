"""A backup's file: a gzipped tar whose first member, the manifest, tells what the others are.

It is read as if a stranger had made it: a member that the manifest does not name, or whose name leads elsewhere, that
is no plain file, or has another size or hash, ends it; and whatever a header says, no more is unpacked than was told.
"""

import contextlib
import gzip
import hashlib
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from streaming.errors import EverhostError

FORMAT: Final = 1
"""Raised when an older everhost could not restore it."""
SUFFIX: Final = ".tar.gz"
MANIFEST: Final = "manifest.json"
AT_ONCE: Final = 1 << 25
"""Bytes of the manifest, and of a header, at most: tarfile takes a header into memory whole."""
_CHUNK: Final = 1 << 18
_LEVEL: Final = 6
"""Of gzip; 9 takes three times as long for a percent."""
_BROKEN: Final = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, RecursionError)
"""What an archive that is damaged, or made to do harm, makes tarfile and gzip raise."""

Progress = Callable[[int, int], None]
"""Told (done, of all), in bytes."""


def _safe(name: str) -> str:
    """A relative path that stays where it is put."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in name:
        raise ValueError(f"{name!r} is no path within a backup")
    name.encode()  # a name that is no text cannot be told in the manifest: a ValueError, too
    return name


Name = Annotated[str, AfterValidator(_safe)]
RoomId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class _Format(BaseModel):
    format: int


class Member(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: Name
    size: int = Field(ge=0)
    """Bytes."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(_Format):
    model_config = ConfigDict(frozen=True)

    everhost: str = Field(pattern=r"^[\w.+!-]{1,40}$")
    """The version that made it."""
    made_at: datetime
    rooms: dict[RoomId, Name]
    """Their files' names here."""
    folders: list[Name]
    """Those that are restored as a whole, in the place of what is there; of others, file by file."""
    members: list[Member]

    @model_validator(mode="after")
    def _names_each_once(self) -> "Manifest":
        if len({one.name for one in self.members}) < len(self.members):
            raise ValueError("it names a member twice")
        return self

    @property
    def size(self) -> int:
        """Bytes, unpacked."""
        return sum(one.size for one in self.members)


@dataclass(frozen=True, slots=True)
class Source:
    """What is to become a member."""

    name: str
    size: int
    """Bytes, when it was looked at."""
    open: Callable[[], BinaryIO]
    grows: bool = False
    """It is written meanwhile, and ``size`` bytes are wanted of it; else all that there are when it is opened."""
    passing: bool = False
    """It may have been removed meanwhile, and is left out then."""


def write(
    file: Path, rooms: Mapping[str, str], folders: Sequence[str], sources: Sequence[Source], told: Progress
) -> Manifest:
    """Make an archive, which is there when it is whole, for this user only. Raises OSError and ValueError.

    Everything is read once, so that what the manifest says of a file is what is in the archive, and the manifest is put
    before it at the end: gzipped files can be put together.
    """
    with tempfile.TemporaryFile(dir=file.parent) as body:
        members = _write_members(body, sources, told)
        manifest = Manifest(
            format=FORMAT,
            everhost=version("everhost"),
            made_at=datetime.now(UTC).replace(microsecond=0),
            rooms=dict(rooms),
            folders=list(folders),
            members=members,
        )
        text = manifest.model_dump_json(indent=1).encode()
        if len(text) > AT_ONCE:
            raise ValueError(f"{len(members)} files are too many for one; back the rooms up one by one")
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode, info.mtime = len(text), 0o600, int(manifest.made_at.timestamp())
        padding = bytes(-len(text) % tarfile.BLOCKSIZE)
        body.seek(0)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as part:
            try:
                part.write(gzip.compress(info.tobuf() + text + padding, _LEVEL))
                shutil.copyfileobj(body, part)
                part.flush()
                os.fsync(part.fileno())
                os.replace(part.name, file)
            except BaseException:
                os.unlink(part.name)
                raise
    return manifest


def _write_members(body: BinaryIO, sources: Sequence[Source], told: Progress) -> list[Member]:
    """All but the manifest."""
    members, done, total = [], 0, sum(source.size for source in sources)
    with (
        gzip.GzipFile(fileobj=body, mode="wb", compresslevel=_LEVEL) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for source in sources:
            info = tarfile.TarInfo(_safe(source.name))
            try:
                stream = source.open()
            except FileNotFoundError:
                if not source.passing:
                    raise
                continue
            with stream:
                status = os.fstat(stream.fileno())
                info.size = source.size if source.grows else status.st_size
                info.mode, info.mtime = status.st_mode & 0o777, int(status.st_mtime)
                hashed = _Hashed(stream, done, total, told)
                tar.addfile(info, hashed)
            done += info.size
            members.append(Member(name=info.name, size=info.size, sha256=hashed.sha256))
    return members


class Archive:
    """One that is read: first the manifest, then all of it, once."""

    def __init__(self, file: Path) -> None:
        """Raises :class:`EverhostError` for what is no backup, or one of a newer everhost's."""
        self._file = file
        with contextlib.ExitStack() as stack:
            with _understood(file):
                unpacked = stack.enter_context(_Unpacked(file))
                self._tar = stack.enter_context(tarfile.open(fileobj=unpacked, mode="r:"))
                text = self._manifest_text()
            try:
                if (made := _Format.model_validate_json(text).format) > FORMAT:
                    raise EverhostError(
                        f"{file} is of format {made}, and this everhost knows those up to {FORMAT}: "
                        "restore it with the version that made it"
                    )
                self.manifest = Manifest.model_validate_json(text)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(map(str, first["loc"]))
                raise EverhostError(f"{file} is no backup: its manifest is wrong ({where} {first['msg']})") from None
            self._open = stack.pop_all()

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def unpack(self, place: Callable[[str], Path], told: Progress) -> None:
        """Write every member to where ``place`` says that its name belongs, below folders that are new.

        Raises :class:`EverhostError` for an archive that is not what its manifest says, and OSError for what cannot be
        written; some of it is written then.
        """
        missing = {one.name: one for one in self.manifest.members}
        done, total = 0, self.manifest.size
        while (info := self._next()) is not None:
            if (member := missing.pop(info.name, None)) is None:
                raise self._wrong(f"its manifest does not name {info.name!r}, or it is there twice")
            if info.size != member.size:
                raise self._wrong(f"{info.name!r} has {info.size} bytes instead of {member.size}")
            target = place(info.name)
            with _understood(self._file):
                if hasattr(tarfile, "data_filter"):  # not before Python 3.11.4; it refuses what is refused here anyway
                    tarfile.data_filter(info, str(target.parent))
                content = self._tar.extractfile(info)
            assert content is not None  # a plain file, says _next  # noqa: S101
            target.parent.mkdir(parents=True, exist_ok=True)
            hashed = _Hashed(content, done, total, told)
            with open(target, "xb", opener=_private) as out:
                while part := self._read(hashed):
                    out.write(part)
                os.fchmod(out.fileno(), info.mode & 0o755 | 0o600)
            if hashed.sha256 != member.sha256:
                raise self._wrong(f"{info.name!r} is not what it was")
            done += info.size
        if missing:
            raise self._wrong(f"{next(iter(missing))!r} is missing")

    def _manifest_text(self) -> bytes:
        info = self._next()
        content = self._tar.extractfile(info) if info and info.name == MANIFEST and info.size <= AT_ONCE else None
        if content is None:
            raise tarfile.ReadError("it does not begin with a manifest")
        return content.read(AT_ONCE)

    def _next(self) -> tarfile.TarInfo | None:
        """The next member, which is a plain file."""
        with _understood(self._file):
            info = self._tar.next()
            if info is not None and (not info.isreg() or info.issparse()):
                raise tarfile.ReadError(f"{info.name!r} is no plain file")
        return info

    def _read(self, stream: "_Hashed") -> bytes:
        with _understood(self._file):
            return stream.read(_CHUNK)

    def _wrong(self, what: str) -> EverhostError:
        return EverhostError(f"{self._file} is damaged, or was changed: {what}; take another backup")


class _Unpacked(gzip.GzipFile):
    def __init__(self, file: Path) -> None:
        super().__init__(file, "rb")

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= AT_ONCE:
            raise tarfile.ReadError("one of its headers is too large")
        return super().read(size)


class _Reads(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Hashed:
    """A stream whose bytes are hashed, and told, as they are read."""

    def __init__(self, stream: _Reads, before: int, total: int, told: Progress) -> None:
        self._stream, self._done, self._total, self._told = stream, before, total, told
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what was read so far."""
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        part = self._stream.read(size)
        self._hash.update(part)
        self._done += len(part)
        self._told(self._done, self._total)
        return part


@contextlib.contextmanager
def _understood(file: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise EverhostError(f"there is no file {file}") from None
    except _BROKEN as error:
        raise EverhostError(f"{file} is no whole backup ({error}); take another") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
