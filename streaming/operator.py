"""Who may do what viewers may not: whoever has a token, as far as its role goes.

The operator's own is the value of EVERHOST_OPERATOR_TOKEN, or else made once and kept in a file that only this user can
read. ``everhost token add`` makes others, for people and programs who need less; of those only a hash is kept.
"""

import hmac
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from streaming import tokens
from streaming.tokens import ROLES, Role

VARIABLE: Final = "EVERHOST_OPERATOR_TOKEN"
FILE: Final = "operator.token"

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
        self._token = os.environ.get(VARIABLE, "").strip() or _kept(self.file)
        self._others = folder / tokens.FILE
        self._read_at: float | None = None
        self._known: dict[str, Operator] = {}

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
        scheme, _, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            given = connection.query_params.get("token", "")
        operator = self._whose(given.strip())
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

    def _whose(self, token: str) -> Operator | None:
        if hmac.compare_digest(token.encode(), self._token.encode()):
            return Operator("operator", "operator")
        return self._given().get(tokens.hash_of(token)) if token else None

    def _given(self) -> dict[str, Operator]:
        """Tokens given to others, by their hashes; read again when the file has changed."""
        try:
            changed_at = self._others.stat().st_mtime
        except FileNotFoundError:
            return {}
        if changed_at != self._read_at:
            self._known = {one.sha256: Operator(one.name, one.role) for one in tokens.given(self._others.parent)}
            self._read_at = changed_at
        return self._known


def _kept(file: Path) -> str:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_urlsafe(24) + "\n")
    token = file.read_text().strip()
    return token or secrets.token_urlsafe(24)  # an empty file opens nothing
