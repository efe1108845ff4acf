"""Tokens given to people and programs who need less than an operator: names, roles and hashes, in a file."""

import hashlib
import json
import os
import re
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from streaming.errors import EverhostError

FILE: Final = "tokens.json"

Role = Literal["bridge", "moderator", "operator"]
"""A bridge brings what happens on a platform; a moderator decides on questions and viewers, and may pause the room and
take it off the air; an operator may do everything, as speak through the host. Each may what those before it may.
"""
ROLES: Final[tuple[Role, ...]] = get_args(Role)
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


def give(folder: Path, name: str, role: Role) -> str:
    """Make a token for somebody, and return it: it is not kept.

    Raises :class:`EverhostError` for a name that is none, or is taken.
    """
    known = given(folder)
    if not _NAME.fullmatch(name) or name == "operator":
        raise EverhostError(f"“{name}” is no name for a token; letters, digits, '.', '_' and '-', 40 at most")
    if any(one.name == name for one in known):
        raise EverhostError(f"there is a token '{name}' already; 'everhost token remove {name}' takes it back first")
    token = secrets.token_urlsafe(32)
    _write(folder, [*known, Token(name, role, hash_of(token), time.time())])
    return token


def take_back(folder: Path, name: str) -> None:
    """From now on nobody may use it. Raises :class:`EverhostError` when there is none of that name."""
    known = given(folder)
    left = [one for one in known if one.name != name]
    if len(left) == len(known):
        there = ", ".join(one.name for one in known) or "none"
        raise EverhostError(f"there is no token '{name}'; there are: {there}")
    _write(folder, left)


def _write(folder: Path, known: list[Token]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{FILE}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump([asdict(one) for one in known], out, indent=1)
    os.replace(part, folder / FILE)


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
