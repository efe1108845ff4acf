"""Who may do what viewers may not: whoever has a token, as far as its role goes.

The admin's own is the value of EVERHOST_OPERATOR_TOKEN, or else made once and kept in a file that only this user can
read; whoever writes another into that file has changed it. ``everhost token add`` makes others, for people and programs
who need less; of those only a hash is kept.
"""

import contextlib
import hmac
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from streaming import secret_file, tokens
from streaming.errors import EverhostError
from streaming.tokens import ROLES, Role

VARIABLE: Final = "EVERHOST_OPERATOR_TOKEN"
FILE: Final = "operator.token"
T = TypeVar("T")

_BEARER: Final = HTTPBearer(auto_error=False, scheme_name="token", description="An operator's token, or one of less.")


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    role: Role

    def may(self, role: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


class Operators:
    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        self._told = os.environ.get(VARIABLE, "").strip()
        self._own = _File(self.file, _kept)
        self._others = _File(folder / tokens.FILE, lambda file: tokens.given(file.parent))
        if not self._told:
            self._own.read()

    def needs(self, role: Role) -> Any:
        """A route's dependency: whoever asks, if they may do what ``role`` may."""

        async def check(request: Request, _: Annotated[Any, Security(_BEARER)]) -> Operator:
            return self.check(request, role)

        checked: Callable[..., Awaitable[Operator]] = check
        return Depends(checked)

    def check(self, connection: HTTPConnection, role: Role = "operator") -> Operator:
        """Raises HTTPException for a request without a token (401) or with one of a lesser role (403).

        It comes as ``Authorization: Bearer …``, or as ``?token=…`` where a browser cannot set headers (WebSocket).
        """
        operator = self.who(connection)
        if operator is None:
            raise HTTPException(
                401,
                f"this is the operator's: send the token as Authorization: Bearer; it is in {VARIABLE}, or in the file "
                f"{FILE} of the data folder",
                {"WWW-Authenticate": "Bearer"},
            )
        if not operator.may(role):
            raise HTTPException(403, f"the token '{operator.name}' is a {operator.role}'s; this needs the {role}'s")
        return operator

    def who(self, connection: HTTPConnection) -> Operator | None:
        """Whoever asks, by their token; None without one that counts."""
        token = given(connection)
        if not token:
            return None
        if hmac.compare_digest(token.encode(), (self._told or self._own.read()).encode()):
            return Operator("operator", "admin")
        digest = tokens.hash_of(token)
        for one in self._others.read():
            if hmac.compare_digest(one.sha256, digest) and one.counts(time.time()):
                return Operator(one.name, one.role)
        return None

    def known(self, connection: HTTPConnection) -> Operator | None:
        """The same, where nobody is told why not: a file of tokens that is damaged is told to who needs one."""
        with contextlib.suppress(EverhostError):
            return self.who(connection)
        return None


def renew(folder: Path) -> str:
    """Another token of the operator's own, in the file; the gateway takes it at once, and the old one no more.

    Raises :class:`EverhostError` where the environment says what it is.
    """
    if os.environ.get(VARIABLE, "").strip():
        raise EverhostError(f"the operator's token is what {VARIABLE} says; change that, and start the gateway again")
    token = secrets.token_hex(24)
    secret_file.replace(folder / FILE, f"{token}\n".encode())
    return token


def given(connection: HTTPConnection) -> str:
    """The token that comes with a request; "" for none."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return (token if scheme.lower() == "bearer" else connection.query_params.get("token", "")).strip()


class _File(Generic[T]):
    """What is in a file, read again when it has changed."""

    def __init__(self, file: Path, read: Callable[[Path], T]) -> None:
        self._file, self._read = file, read
        self._known: tuple[tuple[int, int] | None, T] | None = None

    def read(self) -> T:
        try:
            status = self._file.stat()
            stamp = status.st_mtime_ns, status.st_size
        except FileNotFoundError:
            stamp = None
        if self._known is None or self._known[0] != stamp:
            self._known = stamp, self._read(self._file)
        return self._known[1]


def _kept(file: Path) -> str:
    token = secret_file.kept(file, lambda: secrets.token_hex(24) + "\n")
    return token or secrets.token_hex(24)  # an empty file opens nothing
