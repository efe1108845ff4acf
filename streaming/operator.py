"""Who may do what viewers may not: whoever has the operator's token.

It is the value of EVERHOST_OPERATOR_TOKEN, or else made once and kept in a file that only this user can read.
"""

import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from fastapi import HTTPException
from starlette.requests import HTTPConnection

VARIABLE: Final = "EVERHOST_OPERATOR_TOKEN"
FILE: Final = "operator.token"


class Operators:
    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        self._token = os.environ.get(VARIABLE, "").strip() or _kept(self.file)

    def check(self, connection: HTTPConnection) -> None:
        """Raises HTTPException (401) for a request without the token.

        It comes as ``Authorization: Bearer …``, or as ``?token=…`` where a browser cannot set headers (WebSocket).
        """
        scheme, _, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            given = connection.query_params.get("token", "")
        if not hmac.compare_digest(given.strip().encode(), self._token.encode()):
            raise HTTPException(
                401,
                f"this is the operator's: send the token as Authorization: Bearer; it is in {VARIABLE}, or in the file "
                f"{FILE} of the data folder",
                {"WWW-Authenticate": "Bearer"},
            )


def _kept(file: Path) -> str:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_urlsafe(24) + "\n")
    token = file.read_text().strip()
    return token or secrets.token_urlsafe(24)  # an empty file opens nothing
