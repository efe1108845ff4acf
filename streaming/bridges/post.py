"""To the gateway: what a bridge hears is posted in the order it came, up to a hundred at once, one request at a time.

While the gateway is away, it waits (:mod:`streaming.bridges.waiting`). Posting something twice does no harm: the room
knows what it was told before.
"""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from streaming.backoff import Backoff
from streaming.bridges.waiting import Waiting
from streaming.comment import MOST, Comment
from streaming.errors import BridgeError
from streaming.operator import FILE, VARIABLE
from streaming.tls import CERTIFICATE_FILE

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 10.0
AWAY: Final = frozenset({408, 425, 429})
"""Answers besides 5xx that another attempt may turn out differently."""
REFUSED: Final = frozenset({413, 422})
"""One of them cannot be taken; the others can."""
_COMMENTS: Final = TypeAdapter(list[Comment])
_HERE: Final = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Gateway:
    url: str
    """Of the gateway, as http://127.0.0.1:8080."""
    room: str
    token: str = field(repr=False)
    certificate: Path | None = None
    """One that it made for itself; trusted besides those that everybody trusts."""

    @classmethod
    def find(cls, url: str, room: str, data: Path) -> "Gateway":
        """With the token from the environment, or else from the gateway's data folder, and its certificate from there.

        Raises BridgeError.
        """
        if not url.startswith(("http://", "https://")):
            raise BridgeError(f"--url {url}: give the gateway's address, as http://127.0.0.1:8080")
        token, file = os.environ.get(VARIABLE, "").strip(), data / FILE
        if not token and file.is_file():
            try:
                token = file.read_text().strip()
            except OSError as error:
                raise BridgeError(f"the operator's token in {file} cannot be read: {error.strerror}") from None
        if not token:
            raise BridgeError(
                f"the gateway wants the operator's token: put it into {VARIABLE}, or name the folder that "
                f"`everhost serve` keeps its data in with --data (there is no token in {file})"
            )
        certificate = data / CERTIFICATE_FILE
        return cls(url.rstrip("/"), room, token, certificate if certificate.is_file() else None)

    @property
    def comments(self) -> str:
        return f"{self.url}/rooms/{quote(self.room, safe='')}/comments"

    def trusted(self) -> ssl.SSLContext:
        """Raises BridgeError."""
        context = httpx.create_ssl_context()
        if self.certificate is not None:
            try:
                context.load_verify_locations(self.certificate)
            except OSError as error:  # SSLError is one
                raise BridgeError(f"the gateway's certificate {self.certificate} cannot be read: {error}") from None
        return context


class _Outcome(BaseModel):
    """As much of it as matters here; a later gateway may know others."""

    id: str
    outcome: str
    code: str | None = None


class _Answer(BaseModel):
    comments: list[_Outcome]


class _AwayError(Exception):
    """The gateway cannot take it now."""


class _RefusedError(Exception):
    """The gateway will never take these together."""


class Post:
    def __init__(self, gateway: Gateway, backoff: Backoff | None = None, waiting: Waiting | None = None) -> None:
        self._gateway = gateway
        self._backoff = backoff or Backoff()
        self._waiting = Waiting() if waiting is None else waiting
        self._arrived, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()

    def put(self, comment: Comment) -> None:
        self._waiting.put(comment, time.monotonic())
        self._idle.clear()
        self._arrived.set()

    async def drained(self) -> None:
        """Until nothing waits, and nothing is under way."""
        await self._idle.wait()

    @property
    def left(self) -> int:
        """How many still wait."""
        return len(self._waiting)

    async def run(self) -> None:
        """Until cancelled. Raises BridgeError when another attempt would change nothing."""
        headers = {"Authorization": f"Bearer {self._gateway.token}", "Content-Type": "application/json"}
        direct = {f"all://{host}": None for host in _HERE}  # no proxy leads to this machine
        trusted = self._gateway.trusted()
        async with httpx.AsyncClient(headers=headers, timeout=TIMEOUT_S, mounts=direct, verify=trusted) as client:
            while True:
                self._arrived.clear()
                while taken := self._waiting.take(MOST, time.monotonic()):
                    try:
                        await self._post(client, [comment for _, comment in taken])
                    except _AwayError as away:
                        self._waiting.put_back(taken)
                        await self._wait(str(away))
                    except asyncio.CancelledError:
                        self._waiting.put_back(taken)
                        raise
                    else:
                        self._backoff.reset()
                        self._tell_let_go()
                self._tell_let_go()
                self._idle.set()
                await self._arrived.wait()

    async def _wait(self, reason: str) -> None:
        wait_s = self._backoff.next()
        log.warning("%s; %d wait, trying again in %.0f s", reason, len(self._waiting), wait_s)
        self._tell_let_go()
        await asyncio.sleep(wait_s)

    def _tell_let_go(self) -> None:
        if let_go := self._waiting.let_go:
            log.warning("too many or too old, let go: %s", ", ".join(f"{n} × {kind}" for kind, n in let_go.items()))
            let_go.clear()

    async def _post(self, client: httpx.AsyncClient, comments: Sequence[Comment]) -> None:
        try:
            await self._request(client, comments)
        except _RefusedError as refused:
            if len(comments) == 1:
                log.error("the gateway does not take this one: %s: %s", refused, comments[0])
                return
            for one in comments:
                await self._post(client, [one])

    async def _request(self, client: httpx.AsyncClient, comments: Sequence[Comment]) -> None:
        url = self._gateway.comments
        try:
            answer = await client.post(url, content=_COMMENTS.dump_json(list(comments), exclude_defaults=True))
        except httpx.InvalidURL as error:
            raise BridgeError(f"--url {self._gateway.url}: {error}") from None
        except httpx.HTTPError as error:
            raise _AwayError(f"the gateway at {self._gateway.url} does not answer ({_why(error)})") from None
        if answer.status_code >= 500 or answer.status_code in AWAY:
            raise _AwayError(f"the gateway at {self._gateway.url} answered {answer.status_code}")
        if answer.status_code in REFUSED:
            raise _RefusedError(_detail(answer))
        if answer.status_code == 401:
            raise BridgeError(
                f"the gateway at {self._gateway.url} does not know this token: put the operator's, or one of "
                f"`everhost token add NAME --role bridge`, into {VARIABLE}, or name its data folder with --data"
            )
        if answer.status_code == 403:
            raise BridgeError(f"the gateway at {self._gateway.url} does not let this token post: {_detail(answer)}")
        if answer.status_code == 404:
            raise BridgeError(f"{url} is not there ({_detail(answer)}): check --room and --url")
        try:
            outcomes = _Answer.model_validate_json(answer.content).comments if answer.status_code == 202 else None
        except ValidationError:
            outcomes = None
        if outcomes is None:
            raise BridgeError(f"{url} answered {answer.status_code}, which no gateway does: check --url")
        for one in outcomes:  # what was rejected is not posted again: who wrote it has gone on meanwhile
            log.debug("%s: %s %s", one.id, one.outcome, one.code or "")


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200] or answer.reason_phrase
