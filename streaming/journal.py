"""What happened on air, so that it can be shown later: lines of JSON, each of which holds the hash of the one before.

A line that was changed, taken out, put in or moved breaks the chain there, which :func:`verified` finds. Whoever may
write the folder could make a whole new chain; who keeps :func:`head` somewhere else can show that nobody has.

One file a UTC day. Viewers stand in it by a pseudonym that only this installation can make of who they are, and their
names not at all.
"""

import hashlib
import hmac
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from streaming import secret_file
from streaming.errors import EverhostError

log = logging.getLogger(__name__)

FOLDER: Final = "journal"
"""In the data folder."""
KEY: Final = "key"
SUFFIX: Final = ".jsonl"
KEEP_DAYS: Final = 183
"""China's Cybersecurity Law asks for six months of logs."""
COMPLAIN_S: Final = 60.0
"""Between two complaints that nothing can be written."""
_OF_EVERY_LINE: Final = frozenset({"n", "at", "room", "what", "before"})
_BEGINNING: Final = ""
"""What the first line of all says that comes before it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain."""

    n: int = -1
    """The last line's number; -1: there is none."""
    hash: str = _BEGINNING
    """SHA-256 of the last line without its line end, hexadecimal."""


def line(head: Head, at: float, room: str, what: str, facts: Mapping[str, Any]) -> bytes:
    """The line after ``head``, without its end; ``at`` is Unix time, s. Raises ValueError for facts that are named as
    what every line has.
    """
    if taken := _OF_EVERY_LINE & facts.keys():
        raise ValueError(f"{', '.join(sorted(taken))}: every line has that")
    written = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry = {"n": head.n + 1, "at": written, "room": room, "what": what, **facts, "before": head.hash}
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()


def after(head: Head, line: bytes) -> Head:
    return Head(head.n + 1, hashlib.sha256(line).hexdigest())


class Journal:
    """Written line by line in a thread of its own, in the order of :meth:`note`.

    What cannot be written (a full disk) is counted and logged, and told in the journal when it can be again.
    """

    def __init__(self, data: Path, *, keep_days: int = KEEP_DAYS, clock: Callable[[], float] = time.time) -> None:
        """Goes on after the last whole line there is. Raises :class:`EverhostError` where nothing can be written."""
        self._folder = data / FOLDER
        self._keep_days = keep_days
        self._clock = clock
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._key = _key(self._folder)
            self._head, torn = _resumed(self._folder)
        except OSError as error:
            raise EverhostError(
                f"the journal in {self._folder} cannot be written ({error}); name another folder with --data"
            ) from error
        self._lost = 0
        """Lines that could not be written."""
        self._complained_at = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        if torn:
            self.note("", "torn", kept_in=torn)

    def note(self, room: str, what: str, **facts: Any) -> None:
        """Write down ``what`` happened in a room ("": in none of them). Returns at once; ``facts`` are made into JSON
        later, so nobody may change them any more.
        """
        self._run(self._write, self._clock(), room, what, facts)

    def pseudonym(self, viewer: str | None) -> str | None:
        """The same for the same viewer, and nobody can tell from it who that is."""
        if viewer is None:
            return None
        return hmac.new(self._key, viewer.encode(), hashlib.sha256).hexdigest()[:16]

    def close(self) -> None:
        self._thread.shutdown()

    def _run(self, work: Callable[..., None], *values: Any) -> "Future[None]":
        return self._thread.submit(work, *values)

    def _write(self, at: float, room: str, what: str, facts: Mapping[str, Any]) -> None:
        try:
            day = datetime.fromtimestamp(at, UTC).date()
            file = self._folder / f"{day}{SUFFIX}"
            if not file.exists():
                self._forget(day, file)
            if self._lost:
                self._append(file, at, "", "lost", {"lines": self._lost})
                self._lost = 0
            self._append(file, at, room, what, facts)
        except (OSError, TypeError, ValueError):
            self._lost += 1
            if time.monotonic() - self._complained_at > COMPLAIN_S:
                self._complained_at = time.monotonic()
                log.exception("the journal in %s cannot be written; the rooms go on", self._folder)

    def _append(self, file: Path, at: float, room: str, what: str, facts: Mapping[str, Any]) -> None:
        new = line(self._head, at, room, what, facts)
        with file.open("ab") as stream:
            stream.write(new + b"\n")
        self._head = after(self._head, new)

    def _forget(self, today: date, file: Path) -> None:
        """Delete what is older than it is to be kept; the new day's file says what was."""
        last_kept = today - timedelta(days=self._keep_days)
        old = [one for one in files(self._folder) if one.stem < str(last_kept)]
        if not old:
            return
        end = _end_of(old[-1])
        self._append(file, self._clock(), "", "forgotten", {"until": old[-1].stem, "last": end.n, "hash": end.hash})
        for one in old:
            one.unlink()


# What was written


@dataclass(frozen=True, slots=True)
class Verified:
    """What :func:`verified` found."""

    lines: int
    head: Head
    problems: list[str] = field(default_factory=list)
    """Each with the file and line; none: every line is as it was written."""


def verified(data: Path) -> Verified:
    """Go through the whole chain. Raises :class:`EverhostError` where there is no journal, or it cannot be read."""
    head: Head | None = None
    forgotten: set[Head] = set()
    began: Head | None = None
    lines, problems = 0, []
    for file, k, raw in _raw(data):
        lines += 1
        place = f"{file.name}:{k}"
        try:
            entry = json.loads(raw)
            n, before, what = int(entry["n"]), str(entry["before"]), entry["what"]
        except (ValueError, KeyError, TypeError):
            problems.append(f"{place} is no line of a journal")
            continue
        if what == "forgotten":
            forgotten.add(Head(entry.get("last"), entry.get("hash")))
        if head is None:
            began = Head(n - 1, before)
        elif before != head.hash:
            problems.append(
                f"{place} does not follow the line before it: that was changed, or lines are missing between"
            )
        elif n != head.n + 1:
            problems.append(f"{place} has the number {n} instead of {head.n + 1}")
        head = Head(n, hashlib.sha256(raw).hexdigest())
    if began is not None and began != Head() and began not in forgotten:
        problems.insert(0, f"the beginning is missing: the first line has the number {began.n + 1}")
    return Verified(lines, head or Head(), problems)


def entries(data: Path) -> Iterator[dict[str, Any]]:
    """All that was written, oldest first; what is no line of a journal is left out."""
    for _, _, raw in _raw(data):
        try:
            entry = json.loads(raw)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


def files(folder: Path) -> list[Path]:
    """Of a journal's folder, the oldest first."""
    return sorted(folder.glob(f"????-??-??{SUFFIX}"))


def _raw(data: Path) -> Iterator[tuple[Path, int, bytes]]:
    """Every line with its file and number there, from 1."""
    found = files(data / FOLDER)
    if not found:
        raise EverhostError(
            f"there is no journal in {data / FOLDER}; name the data folder of 'everhost serve' with --data"
        )
    try:
        for file in found:
            with file.open("rb") as stream:
                for k, raw in enumerate(stream, 1):
                    yield file, k, raw.removesuffix(b"\n")
    except OSError as error:
        raise EverhostError(f"the journal in {data / FOLDER} cannot be read ({error})") from error


def _key(folder: Path) -> bytes:
    """Made at the first start; whoever has it can tell whether a pseudonym is somebody's."""
    file = folder / KEY
    try:
        return bytes.fromhex(secret_file.kept(file, lambda: secrets.token_hex(32)))
    except ValueError as error:
        raise EverhostError(f"{file} is damaged; delete it, and viewers get other pseudonyms from now on") from error


def _resumed(folder: Path) -> tuple[Head, str]:
    """Where the chain goes on; what a kill left of a line is put aside, and the file's name told."""
    found = files(folder)
    if not found:
        return Head(), ""
    last = found[-1]
    written = last.read_bytes()
    whole, end, rest = written.rpartition(b"\n")
    torn = ""
    if rest:
        torn = f"{last.stem}.torn-{len(written)}"
        (folder / torn).write_bytes(rest)
        with last.open("r+b") as stream:
            stream.truncate(len(whole) + len(end))
    return (_end_of(last) if whole else _resumed_before(found)), torn


def _resumed_before(found: list[Path]) -> Head:
    """The last file has no whole line."""
    return next((_end_of(file) for file in reversed(found[:-1]) if file.stat().st_size), Head())


def _end_of(file: Path) -> Head:
    raw = file.read_bytes().rstrip(b"\n").rpartition(b"\n")[2]
    try:
        return Head(int(json.loads(raw)["n"]), hashlib.sha256(raw).hexdigest())
    except (ValueError, KeyError, TypeError):
        # Damaged, which the next line shows; what is written from now on has to stand somewhere.
        return Head(hash=hashlib.sha256(raw).hexdigest())
