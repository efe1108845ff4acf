"""Tokens given to people and programs who need less than an operator: names, roles and hashes, in a file."""

import hashlib
import json
import math
import re
import secrets
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal, get_args

from streaming import secret_file
from streaming.errors import EverhostError

FILE: Final = "tokens.json"

Role = Literal["bridge", "moderator", "operator", "admin"]
"""A bridge brings what happens on a platform; a moderator decides on questions and viewers, and may pause the room and
take it off the air; an operator may do everything in a room, as speak through the host and change its documents; an
admin gives rooms to other gateways. Each may what those before it may, and see rooms that are private.
"""
ROLES: Final[tuple[Role, ...]] = get_args(Role)
_DAY_S: Final = 86_400.0
_NAME: Final = re.compile(r"[\w.-]{1,40}")


@dataclass(frozen=True, slots=True)
class Token:
    """One that was given to somebody."""

    name: str
    role: Role
    sha256: str
    """Of the token, which has 32 random bytes: nothing slower is needed."""
    made_at: float
    """Unix time, s."""
    until: float | None = None
    """When it ends (Unix time, s); None: when it is taken back."""

    def counts(self, now: float) -> bool:
        return self.until is None or now < self.until


def given(folder: Path) -> list[Token]:
    """Those given to others. Raises :class:`EverhostError` when the file is damaged."""
    file = folder / FILE
    try:
        known = [Token(**one) for one in json.loads(file.read_text("utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise EverhostError(f"{file} cannot be read ({error}); mend it, or delete it and give tokens anew") from error
    if wrong := [one.role for one in known if one.role not in ROLES]:
        raise EverhostError(f"{file}: there is no role '{wrong[0]}'; roles are {', '.join(ROLES)}")
    return known


def give(folder: Path, name: str, role: Role, days: float | None = None) -> str:
    """Make a token for somebody, and return it: it is not kept. ``days``: it ends by itself.

    Raises :class:`EverhostError` for a name that is none, or is taken.
    """
    now = time.time()
    known = [one for one in given(folder) if one.counts(now)]
    if not _NAME.fullmatch(name) or name == "operator":
        raise EverhostError(f"“{name}” is no name for a token; letters, digits, '.', '_' and '-', 40 at most")
    if any(one.name == name for one in known):
        raise EverhostError(f"there is a token '{name}' already; 'everhost token remove {name}' takes it back first")
    return _add(folder, known, name, role, None if days is None else now + _DAY_S * days)


def rotate(folder: Path, name: str, overlap_s: float = 0.0) -> str:
    """A new token in place of one, which goes on for ``overlap_s``: time to tell whoever uses it. Its end stays.

    Raises :class:`EverhostError` when there is none of that name.
    """
    now = time.time()
    known = [one for one in given(folder) if one.counts(now)]
    if not (old := [one for one in known if one.name == name]):
        raise EverhostError(_missing(name, known))
    ends = [replace(one, until=min(now + overlap_s, one.until or math.inf)) for one in old]
    return _add(folder, [*(one for one in known if one not in old), *ends], name, old[-1].role, old[-1].until)


def _add(folder: Path, known: list[Token], name: str, role: Role, until: float | None) -> str:
    token = secrets.token_hex(32)  # none begins with "-", which a command line would take for an option
    _write(folder, [*known, Token(name, role, hash_of(token), time.time(), until)])
    return token


def take_back(folder: Path, name: str) -> None:
    """From now on nobody may use it. Raises :class:`EverhostError` when there is none of that name."""
    known = given(folder)
    left = [one for one in known if one.name != name]
    if len(left) == len(known):
        raise EverhostError(_missing(name, known))
    _write(folder, left)


def _missing(name: str, known: list[Token]) -> str:
    there = ", ".join(dict.fromkeys(one.name for one in known)) or "none"
    return f"there is no token '{name}'; there are: {there}"


def _write(folder: Path, known: list[Token]) -> None:
    secret_file.replace(folder / FILE, json.dumps([asdict(one) for one in known], indent=1).encode())


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
