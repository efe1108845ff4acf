"""``everhost backup`` and ``everhost restore``: all that a gateway must not lose, in one file, and back.

In it are the state (SQLite's, or a fleet's in Redis), the journal with its key, the hashes of tokens, the room files,
and the documents, pictures, music, packs and recordings of voices that they name. Not in it is what is made again by
itself (indexes, prepared speech, models, certificates), what rooms recorded, and what opens doors: the operator's own
token and the key of passes, which a new gateway makes anew. A backup travels, and whoever finds one shall not be able
to speak through a host.

    data/       of the data folder
    redis/      a room each
    rooms/      room files, and what they name, lying to each other as they did
    elsewhere/  what they name by an absolute path
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Final

import yaml
from packaging.version import InvalidVersion, Version

from avatar.hosts import HOSTS
from avatar.voice.coqui import CONSENT_SUFFIX
from knowledge.folder import stamps
from streaming import archive, journal, roomfile, tokens
from streaming.archive import SUFFIX, Archive, Manifest, Progress, Source
from streaming.errors import EverhostError
from streaming.roomfile import RoomFile
from streaming.state import snapshot
from streaming.state.sqlite import FILE as STATE

_OF_DATA: Final = (STATE, f"{STATE}-wal", f"{STATE}-shm", journal.FOLDER, tokens.FILE)
"""What is moved aside for a backup's state; the rest of a data folder stays."""
_BLOCK: Final = 1 << 16


def backup(file: Path, rooms: Sequence[Path], data: Path, redis: str | None, told: Progress) -> Manifest:
    """Write ``file``, while the gateway may be running. ``redis``: the URL of a fleet's.

    Raises :class:`EverhostError`, and nothing is written then.
    """
    if not file.name.endswith(SUFFIX):
        raise EverhostError(f"{file} is no name for a backup; first comes the file to be written, as today{SUFFIX}")
    if file.exists():
        raise EverhostError(f"there is a file {file} already; choose another name, or remove it first")
    settings = roomfile.load_all(rooms)
    try:
        with ExitStack() as stack:
            copies = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-")))
            state = _of_sqlite(data, copies) if redis is None else _of_redis(redis, settings, copies)
            names, folders, files = _of_rooms(dict(zip(settings, rooms, strict=True)))
            kept = [one for one in [data / tokens.FILE] if one.exists()]
            sources = [
                *state,
                *(_whole(f"data/{one.name}", one) for one in kept),
                *_of_journal(data / journal.FOLDER, stack),
                *files,
            ]
            return archive.write(file, names, [f"data/{journal.FOLDER}", *folders], sources, told)
    except (OSError, ValueError) as error:
        raise EverhostError(f"{file} could not be made ({error}); nothing was written, run it again") from error


# What there is


def _growing(name: str, stream: BinaryIO, size: int) -> Source:
    return Source(name, size, lambda: stream, grows=True)


def _whole(name: str, file: Path) -> Source:
    return Source(name, file.stat().st_size, lambda: file.open("rb"))


def _passing(name: str, file: Path, size: int) -> Source:
    return Source(name, size, lambda: file.open("rb"), passing=True)


def _of_sqlite(data: Path, copies: Path) -> list[Source]:
    """A copy as of one moment, however much is written meanwhile."""
    path, copy = data / STATE, copies / STATE
    if not path.exists():
        raise EverhostError(
            f"there is no state in {data}; name the data folder of 'everhost serve' with --data, or the Redis of a "
            "fleet with --redis"
        )
    try:
        with _opened(path) as live, closing(sqlite3.connect(copy)) as kept:
            live.backup(kept)
            [(found,)] = kept.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise EverhostError(
            f"the state in {path} cannot be copied ({found}); if it is damaged, restore an earlier backup"
        )
    return [_whole(f"data/{STATE}", copy)]


def _of_redis(url: str, rooms: Mapping[str, RoomFile], copies: Path) -> list[Source]:
    found = []
    with snapshot.connected(url) as client:
        for room in rooms:
            copy = copies / f"{room}.json"
            copy.write_text(snapshot.taken(client, room).model_dump_json(), "utf-8")
            found.append(_whole(f"redis/{copy.name}", copy))
    return found


def _of_journal(folder: Path, stack: ExitStack) -> Iterator[Source]:
    """As it is at one moment, to the end of the last whole line. All files are opened at once: on a new day the oldest
    are deleted, and only the new day's file tells.
    """
    while True:
        with ExitStack() as opened, contextlib.suppress(FileNotFoundError):
            found = sorted(one for one in folder.glob("*") if one.is_file())
            streams = {one: opened.enter_context(one.open("rb")) for one in found}
            days = journal.files(folder)
            if streams.keys() >= set(days):  # else another day began meanwhile
                stack.push(opened.pop_all())
                break
    for one, stream in streams.items():
        size = _whole_lines(stream) if one in days[-1:] else os.fstat(stream.fileno()).st_size
        stream.seek(0)
        yield _growing(f"data/{journal.FOLDER}/{one.name}", stream, size)


def _whole_lines(stream: BinaryIO) -> int:
    """Bytes until the end of the last line that has one."""
    end = stream.seek(0, os.SEEK_END)
    while end:
        begin = stream.seek(max(0, end - _BLOCK))
        if (found := stream.read(end - begin).rfind(b"\n")) >= 0:
            return begin + found + 1
        end = begin
    return 0


@dataclass(frozen=True, slots=True)
class _Named:
    """What a room file names, or itself."""

    path: Path
    beside: bool
    """By a path relative to the room file, so that it has to lie there again."""


def _of_rooms(rooms: Mapping[str, Path]) -> tuple[dict[str, str], list[str], list[Source]]:
    """The room files' names in the archive by the rooms' ids, folders of documents, and all of it."""
    files, folders, own = list[_Named](), list[_Named](), dict[str, _Named]()
    for room, path in rooms.items():
        file = path.parent.resolve() / path.name
        own[room] = _Named(file, True)
        text = file.read_text("utf-8")
        settings = RoomFile.model_validate({"id": room, **yaml.safe_load(text)})  # paths as they are written
        folders.append(_named(file, settings.documents))
        files += [own[room], *_files_of(file, settings)]
    root = os.path.commonpath([one.path.parent for one in (*files, *folders) if one.beside])

    def name(one: _Named) -> str:
        return f"rooms/{one.path.relative_to(root)}" if one.beside else f"elsewhere/{one.path.relative_to('/')}"

    sources = {name(one): _whole(name(one), one.path) for one in files}
    for folder in folders:
        os.listdir(folder.path)  # one that may not be read is not one without documents
        below = folder.path.resolve()
        for found, (_, size) in sorted(stamps(below).items()):
            if Path(found).resolve().is_relative_to(below):  # else it is a link to what is not read either
                member = f"{name(folder)}/{Path(found).relative_to(below)}"
                sources[member] = _passing(member, Path(found), size)
    named = list(dict.fromkeys(map(name, folders)))
    return {room: name(one) for room, one in own.items()}, named, list(sources.values())


def _named(room_file: Path, written: Path) -> _Named:
    path = written.expanduser()
    return _Named(Path(os.path.normpath(room_file.parent / path)), not path.is_absolute())


def _files_of(room_file: Path, settings: RoomFile) -> Iterator[_Named]:
    """Models are fetched or copied anew; a recorded voice, which nobody else has, goes with its record of consent."""
    host, segments = settings.host, settings.programme.segments.values() if settings.programme else ()
    written = [Path(host.background)] if host.background else []
    written += [Path(host.pack)] if host.pack not in HOSTS else []
    written += [segment.card.picture for segment in segments if segment.card and segment.card.picture]
    written += [piece for segment in segments for piece in segment.music]
    written += [Path(push.key_command[0]) for push in settings.push if push.key_command and "/" in push.key_command[0]]
    options = [value for voices in settings.voices.values() for voice in voices for value in voice.options.values()]
    for recording in (Path(value) for value in options if isinstance(value, str)):
        consent = recording.with_suffix(CONSENT_SUFFIX) if recording.name else recording
        written += [recording, consent] if _named(room_file, consent).path.is_file() else []
    for one in (_named(room_file, path) for path in written):
        if one.path.is_file():  # "green" is none
            yield one


# And back


@dataclass(frozen=True, slots=True)
class Restored:
    rooms: list[Path]
    """The room files."""
    aside: list[Path]
    """Where what was there is now."""
    elsewhere: dict[Path, Path]
    """Where a room file looks for what it names by an absolute path, and where that is instead."""


def restore(file: Path, data: Path, rooms: Path, redis: str | None, told: Progress, *, force: bool = False) -> Restored:
    """Put a backup's state into the folder ``data`` (and Redis), and its room files with all they name into ``rooms``.

    ``force``: what is there already is moved aside. Raises :class:`EverhostError`, and all is as it was then.
    """
    with Archive(file) as found:
        manifest = found.manifest
        _check(file, manifest, redis)
        _check_nobody_runs(data / STATE)
        names = [one.name for one in manifest.members if not one.name.startswith("redis/")]
        units = {_unit(name, manifest.folders) for name in (*names, *manifest.folders)}
        targets = {unit: _target(unit, data, rooms) for unit in sorted(units)}
        places = dict.fromkeys((*(data / name for name in _OF_DATA), *targets.values()))
        there = [one for one in places if os.path.lexists(one)]
        if there and not force:
            raise EverhostError(
                f"{there[0]} is there already; restore into other folders (--data, --rooms), or move what is there "
                "aside with --force"
            )
        stamp = f"before-restore-{datetime.now():%Y%m%d-%H%M%S}"
        try:
            with ExitStack() as made, ExitStack() as stack, ExitStack() as undo:
                _make(data, made)
                _make(rooms, made)
                if manifest.size > (free := max(shutil.disk_usage(one).free for one in (data, rooms))):
                    raise EverhostError(f"{file} takes {manifest.size / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free")
                within = {"data": data, "redis": data, "rooms": rooms, "elsewhere": rooms}
                staged = {top: _staged(folder, stack) for top, folder in within.items()}

                def place(name: str) -> Path:
                    top, _, rest = name.partition("/")
                    return staged[top] / rest

                found.unpack(place, told)
                for folder in manifest.folders:
                    place(folder).mkdir(parents=True, exist_ok=True)  # one without documents
                snapshots = {
                    room: snapshot.read(place(f"redis/{room}.json").read_bytes()) for room in manifest.rooms if redis
                }
                for one in there:
                    _move(one, _aside(one, data, rooms, stamp), undo)
                for unit, target in targets.items():
                    _move(place(unit), target, undo)
                if redis is not None:
                    client = stack.enter_context(snapshot.connected(redis))
                    snapshot.put_back(client, snapshots, stamp if force else None)
                undo.pop_all()
                made.pop_all()
        except OSError as error:
            raise EverhostError(f"{file} could not be restored ({error}); all is as it was") from error
    return Restored(
        [_target(name, data, rooms) for name in manifest.rooms.values()],
        [one for one in dict.fromkeys((data / stamp, rooms / stamp)) if one.exists()],
        {Path("/", unit.partition("/")[2]): to for unit, to in targets.items() if unit.startswith("elsewhere/")},
    )


def _check(file: Path, manifest: Manifest, redis: str | None) -> None:
    """Whether it is for this everhost, and holds nothing but what belongs into a backup."""
    try:
        newer = Version(manifest.everhost) > Version(version("everhost"))
    except InvalidVersion:
        raise EverhostError(f"{file} is no backup: {manifest.everhost} is no version of everhost") from None
    if newer:
        raise EverhostError(
            f"{file} was made by everhost {manifest.everhost}, and this is {version('everhost')}, which may not "
            "understand its state; install that version"
        )
    members = {one.name for one in manifest.members}
    shared = {f"redis/{room}.json" for room in manifest.rooms}
    known = {f"data/{STATE}", f"data/{tokens.FILE}", f"data/{journal.FOLDER}"} | shared
    below = (f"data/{journal.FOLDER}/", "rooms/", "elsewhere/")
    for name in (*members, *manifest.folders, *manifest.rooms.values()):
        if name not in known and not name.startswith(below):
            raise EverhostError(f"{file} is no backup: {name!r} has no place in one")
    if redis is None and f"data/{STATE}" not in members:
        raise EverhostError(f"{file} holds the state of a fleet: name the Redis that it shall share with --redis")
    if redis is not None and not shared <= members:
        raise EverhostError(
            f"{file} holds the state of a single gateway, which does not go into a Redis; leave out --redis, and "
            "EVERHOST_REDIS"
        )


def _check_nobody_runs(state: Path) -> None:
    """Who has a database in WAL mode open has a lock on it all the time."""
    if not state.is_file():
        return
    try:
        with _opened(state, timeout=0) as db:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("SELECT * FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        # A damaged one, which nobody can run on, is what backups are for.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            raise EverhostError(f"a gateway runs on {state.parent}; end it first") from None


@contextlib.contextmanager
def _opened(state: Path, timeout: float = 30.0) -> Iterator[sqlite3.Connection]:
    """``timeout``: s until a lock is given up."""
    with closing(sqlite3.connect(f"{state.absolute().as_uri()}?mode=rw", timeout, uri=True)) as db:
        yield db


def _unit(name: str, folders: Sequence[str]) -> str:
    """What is moved at once: a folder that is restored as a whole, or a file."""
    return min((folder for folder in folders if f"{name}/".startswith(f"{folder}/")), key=len, default=name)


def _target(unit: str, data: Path, rooms: Path) -> Path:
    top, _, rest = unit.partition("/")
    return data / rest if top == "data" else rooms / (rest if top == "rooms" else unit)


def _aside(path: Path, data: Path, rooms: Path, stamp: str) -> Path:
    below = max((one for one in (data, rooms) if path.is_relative_to(one)), key=lambda one: len(one.parts))
    return below / stamp / path.relative_to(below)


def _staged(folder: Path, stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix=".restoring-")))


def _make(folder: Path, undo: ExitStack) -> None:
    """A folder and those above it."""
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir()
        undo.callback(_drop, missing)


def _drop(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _move(old: Path, new: Path, undo: ExitStack) -> None:
    _make(new.parent, undo)
    if os.path.lexists(new):
        raise FileExistsError(f"{new} came meanwhile")
    old.rename(new)
    undo.callback(new.rename, old)
