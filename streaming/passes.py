"""Who may see a private room: whoever has a pass to it, a JSON Web Token (RFC 7519).

A site that knows its visitors signs passes itself (HS256), with the key in EVERHOST_VIEWER_KEY or in ``viewer.key`` of
the data folder: ``aud`` is the room's id and ``exp`` when it ends, the sooner the better, since whoever has a pass may
use it. Other gateways of a fleet need the same key.
"""

import os
import secrets
import time
from functools import cached_property
from pathlib import Path
from typing import Final

import jwt
from fastapi import HTTPException
from starlette.requests import HTTPConnection

from streaming import secret_file
from streaming.errors import EverhostError
from streaming.operator import Operators, given

VARIABLE: Final = "EVERHOST_VIEWER_KEY"
FILE: Final = "viewer.key"
RENEWED_S: Final = 12 * 3600.0
"""Who is there may come back for so long, with a pass that the room gives them."""
SHORTEST: Final = 32
"""Characters of a key: HS256 wants as many bits as its hash has (RFC 7518, 3.2)."""
_LATE_S: Final = 30.0
"""So much two clocks may differ."""


class Passes:
    def __init__(self, folder: Path) -> None:
        """Raises :class:`EverhostError` when the key that is told is too short to keep anything secret."""
        self._file = folder / FILE
        self._told = os.environ.get(VARIABLE, "").strip()
        if self._told:
            self._key  # noqa: B018 (at the start, not with the first visitor)

    @cached_property
    def _key(self) -> str:
        key = self._told or secret_file.kept(self._file, lambda: secrets.token_hex(SHORTEST))
        if len(key) < SHORTEST:
            where = VARIABLE if self._told else self._file
            raise EverhostError(
                f"the key in {where} has fewer than {SHORTEST} characters; 'openssl rand -hex 32' makes one"
            )
        return key

    def issue(self, room: str, seconds: float) -> str:
        return jwt.encode({"aud": room, "exp": time.time() + seconds}, self._key, algorithm="HS256")

    def check(self, connection: HTTPConnection, room: str, operators: Operators) -> None:
        """Raises HTTPException without a pass to this room or an operator's token (401), or when it has ended (403)."""
        try:
            jwt.decode(
                given(connection),
                self._key,
                algorithms=["HS256"],
                audience=room,
                leeway=_LATE_S,
                options={"require": ["exp", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise HTTPException(403, "this pass has ended; ask for another where you had it") from None
        except jwt.InvalidTokenError:
            if operators.who(connection) is not None:
                return
            why = "this room is private: come with a pass, as Authorization: Bearer or ?token="
            raise HTTPException(401, why, {"WWW-Authenticate": "Bearer"}) from None
