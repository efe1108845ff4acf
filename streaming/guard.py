"""No address takes more of a gateway than its share: how often it asks, how often it guesses a token, how many sockets
it holds, and how much each of them says.

Behind a reverse proxy the address is the one that the proxy names (X-Forwarded-For), if uvicorn trusts it: from this
machine, or from where FORWARDED_ALLOW_IPS says. This machine's own programs are not counted.
"""

import hmac
import ipaddress
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streaming.body import tell
from streaming.fleet.relay import RELAYED
from streaming.operator import Operators, given
from streaming.rates import Bucket, Buckets, Rate

TOO_MUCH: Final = 1008
"""The close code of RFC 6455 for what goes against a policy."""
UNGUESSABLE: Final = 24
"""Characters of a token as everhost makes them; a shorter one was made up."""
_FREE: Final = "/static/"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one address: one viewer, or a museum behind one router, whose pages all come back at once after a break. Of
    IPv6, the first 64 bits are one address: a single machine has all that follow.
    """

    requests: Rate
    offers: Rate
    """Of WebRTC: each makes a connection, which costs the most."""
    guesses: Rate
    """Tokens that are none; then one that somebody made up is not believed any more, even if it is right."""
    sockets: int
    """Without a token."""
    said: Rate
    """Messages of one viewer's socket."""
    token: Rate
    """Requests, and messages of each socket, that come with a token: a bridge, or 48 face frames a second."""


LIMITS: Final = Limits(
    requests=Rate(50.0, 1000),
    offers=Rate(20.0, 400),
    guesses=Rate(1 / 6, 20),
    sockets=500,
    said=Rate(10.0, 60),
    token=Rate(200.0, 1000),
)


class Guard:
    """ASGI middleware, the outermost."""

    def __init__(
        self,
        app: ASGIApp,
        operators: Operators,
        limits: Limits,
        counted: Callable[[str], bool],
        secret: Callable[[], str] = lambda: "",
    ) -> None:
        """``counted``: whether an address is; ``secret``: by which gateways of a fleet know each other."""
        self._app = app
        self._operators = operators
        self._limits = limits
        self._counted = counted
        self._secret = secret
        self._requests, self._offers = Buckets(limits.requests), Buckets(limits.offers)
        self._guesses, self._by_token = Buckets(limits.guesses), Buckets(limits.token)
        self._sockets: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"].startswith(_FREE)):
            await self._app(scope, receive, send)
            return
        connection, now = HTTPConnection(scope), time.monotonic()
        host = self._host(connection)
        counted, who = self._counted(host), share_of(host)
        if not counted:
            await self._app(scope, receive, send)
            return
        token, operator = given(connection), self._operators.known(connection)
        guesses = self._guesses.of(who, now) if token else None
        if operator is not None and len(token) >= UNGUESSABLE:
            guesses = None  # also where somebody beside them guesses
        if guesses is not None and (wait_s := guesses.wait_s(now)):
            await _refuse(scope, send, "too many tokens that are none have come from your address", wait_s)
            return
        bucket = self._requests.of(who, now) if operator is None else self._by_token.of(operator.name, now)
        if not bucket.take(now) or (_is_offer(scope) and not (bucket := self._offers.of(who, now)).take(now)):
            await _refuse(scope, send, "too many requests come from your address", bucket.wait_s(now))
        elif scope["type"] == "http":
            await self._app(scope, receive, _noticing(send, guesses))
        elif operator is not None:
            await self._app(scope, _measured(receive, send, Bucket(self._limits.token, now)), send)
        elif self._sockets[who] >= self._limits.sockets:
            await _refuse(scope, send, "too many sockets are open from your address", 5.0)
        else:
            said = Bucket(self._limits.said, now)
            self._sockets[who] += 1
            try:
                await self._app(scope, _measured(receive, send, said), _noticing(send, guesses))
            finally:
                self._sockets[who] -= 1
                if not self._sockets[who]:
                    del self._sockets[who]

    def _host(self, connection: HTTPConnection) -> str:
        """Whoever asks, also where another gateway of the fleet asks for them."""
        secret = self._secret()
        if secret and hmac.compare_digest(connection.headers.get(RELAYED.decode(), "").encode(), secret.encode()):
            return connection.headers.get("x-forwarded-for", "")
        return connection.client.host if connection.client else ""


def share_of(host: str) -> str:
    """What counts as one address."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if (mapped := address.ipv4_mapped) is not None:
            return str(mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def foreign(host: str) -> bool:
    """Whether it is another machine's address."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return bool(host)  # a Unix socket has none


def _is_offer(scope: Scope) -> bool:
    return bool(scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/whep"))


def _noticing(send: Send, guesses: Bucket | None) -> Send:
    """Count a token that is none, by how it is answered."""
    if guesses is None:
        return send

    async def notice(message: Message) -> None:
        if message.get("status") == 401 or message.get("code") == 4401:
            guesses.take(time.monotonic())
        await send(message)

    return notice


def _measured(receive: Receive, send: Send, said: Bucket) -> Receive:
    """What a socket says, until it says too much: then it is closed, and to the app it is gone."""

    async def measure() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive" and not said.take(time.monotonic()):
            await send({"type": "websocket.close", "code": TOO_MUCH, "reason": "too many messages"})
            return {"type": "websocket.disconnect", "code": TOO_MUCH}
        return message

    return measure


async def _refuse(scope: Scope, send: Send, why: str, wait_s: float) -> None:
    seconds = max(1, math.ceil(wait_s))
    if scope["type"] == "http":
        kind = "http"
    elif "websocket.http.response" in scope.get("extensions", {}):
        kind = "websocket.http"
    else:
        await send({"type": "websocket.close", "code": TOO_MUCH, "reason": why})
        return
    await tell(send, 429, f"{why}; come back in {seconds} s", (b"retry-after", str(seconds).encode()), kind=kind)
