"""Any gateway answers for any room of its fleet: what is not here is asked of the gateway that runs it.

Only messages and offers go this way. Pictures and sound go straight from the gateway that runs the room to its viewers.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import quote

import httpx
import websockets
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

log = logging.getLogger(__name__)

RELAYED: Final = b"x-everhost-relayed"
"""What was relayed once is not relayed again: two gateways that each believe the other to run a room."""
_OF_ROOM: Final = re.compile(r"/rooms/(?P<room>[^/]+)/(?!(kiosk|cutout)/?$).+")
"""Pages are here."""
_HOP_BY_HOP: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"host")
)
_OURS: Final = frozenset((RELAYED, b"x-forwarded-for"))
_OWN_OF_WEBSOCKETS: Final = b"sec-websocket-"
CONNECT_S: Final = 2.0
ANSWER_S: Final = 60.0
PING_S: Final = 4.0
"""A gateway that vanished without a word is missed after twice that."""
GONE: Final = 1012
"""The close code of a service that restarts: pages come back by themselves."""
MAX_MESSAGE: Final = 1 << 22

Headers = Iterable[tuple[bytes, bytes]]


class _LeftError(Exception):
    """Whoever asks has gone before the end of what they send."""


class Relay:
    """ASGI middleware."""

    def __init__(
        self,
        app: ASGIApp,
        here: Callable[[str], bool],
        where: Callable[[str], str | None],
        secret: Callable[[], str] = lambda: "",
    ) -> None:
        """``here``: whether a room runs here; ``where``: the address of who runs it, "" while nobody is known to, None
        for a room that there is not; ``secret``: the fleet's, by which the other believes for whom it is asked.
        """
        self._app = app
        self._here = here
        self._where = where
        self._secret = secret
        self._client: httpx.AsyncClient | None = None
        self._silent: set[str] = set()
        """Addresses that did not answer last."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                if self._client is not None:
                    await self._client.aclose()
            return
        match = _OF_ROOM.fullmatch(scope["path"])
        relayed = any(name == RELAYED for name, _ in scope["headers"])
        if match is None or relayed or self._here(match["room"]) or not (address := self._where(match["room"])):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._join(scope, receive, send, address)
        else:
            await self._ask(scope, receive, send, address)

    async def _ask(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        if self._client is None:
            timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
            many = httpx.Limits(max_connections=None, max_keepalive_connections=20)
            self._client = httpx.AsyncClient(timeout=timeout, limits=many, trust_env=False)
        headers = [*_passed(scope["headers"]), *self._about(scope)]
        url, begun = _url(scope, address), False
        try:
            body = _body(receive)
            async with self._client.stream(scope["method"], url, headers=headers, content=body) as answer:
                self._silent.discard(address)
                begin = {"type": "http.response.start", "status": answer.status_code}
                begun = True
                await send({**begin, "headers": list(_passed(answer.headers.raw))})
                async for part in answer.aiter_raw():
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except _LeftError:
            return
        except httpx.TransportError as error:
            self._note_silence(address, error)
            if begun:
                raise  # whoever asked sees that it breaks off
            told = b'{"detail": "the gateway that runs this room does not answer; try again in a moment"}'
            headers = [(b"content-type", b"application/json"), (b"retry-after", b"1")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": told})

    async def _join(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        await receive()  # websocket.connect
        kept = [(n, v) for n, v in _passed(scope["headers"]) if not n.startswith(_OWN_OF_WEBSOCKETS)]
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in (*kept, *self._about(scope))]
        origin = next((value for name, value in headers if name == "origin"), None)
        try:
            async with websockets.connect(
                _url(scope, address).replace("http", "ws", 1),
                additional_headers=[one for one in headers if one[0] not in ("origin", "user-agent")],
                origin=None if origin is None else websockets.Origin(origin),
                subprotocols=[Subprotocol(one) for one in scope["subprotocols"]] or None,
                open_timeout=CONNECT_S,
                ping_interval=PING_S,
                ping_timeout=PING_S,
                max_size=MAX_MESSAGE,
                compression=None,
                proxy=None,
            ) as there:
                self._silent.discard(address)
                await send({"type": "websocket.accept", "subprotocol": there.subprotocol})
                ways = [asyncio.create_task(_up(receive, there)), asyncio.create_task(_down(there, send))]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            self._note_silence(address, error)
            await send({"type": "websocket.close", "code": GONE, "reason": "the room moves; come back"})

    def _about(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        client = scope.get("client")
        forwarded = [(b"x-forwarded-for", client[0].encode())] if client else []
        return [(RELAYED, self._secret().encode() or b"1"), *forwarded]

    def _note_silence(self, address: str, error: Exception) -> None:
        """Once, until it answers again."""
        if address not in self._silent:
            log.warning("%s does not answer: %s", address, error or "in time")
        self._silent.add(address)


async def _up(receive: Receive, there: ClientConnection) -> None:
    while True:
        message: MutableMapping[str, Any] = await receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        await there.send(message["bytes"] if text is None else text)


async def _down(there: ClientConnection, send: Send) -> None:
    try:
        async for told in there:
            await send({"type": "websocket.send", "text" if isinstance(told, str) else "bytes": told})
    finally:
        code = there.close_code or GONE
        reason = there.close_reason or ""
        await send({"type": "websocket.close", "code": GONE if code in (1005, 1006) else code, "reason": reason})


def _url(scope: Scope, address: str) -> str:
    query = scope["query_string"].decode("latin-1")
    return address.rstrip("/") + quote(scope["path"]) + (f"?{query}" if query else "")


def _passed(headers: Headers) -> Iterable[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in headers if name.lower() not in _HOP_BY_HOP | _OURS]


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise _LeftError
        yield message.get("body", b"")
        if not message.get("more_body"):
            return
