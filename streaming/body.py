"""The body of a request, as far as it may go."""

import asyncio
import json
import time
from typing import Final

from fastapi import HTTPException, Request
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streaming.operator import Operators

MOST: Final = 1 << 18
"""Bytes that a request may have without a token;"""
WITHIN_S: Final = 15.0
"""they may take so long."""


async def read_body(request: Request, most: int, otherwise: str) -> bytes:
    """Raises HTTPException (413) with the message ``otherwise`` beyond ``most`` bytes, without reading on."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise HTTPException(413, otherwise)
    return bytes(body)


class BoundedBodies:
    """ASGI middleware: what comes without a token ends soon, or is not read on. Some doors read the whole body before
    they ask who sends it.
    """

    def __init__(self, app: ASGIApp, operators: Operators) -> None:
        self._app, self._operators = app, operators

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._operators.known(HTTPConnection(scope)) is not None:
            await self._app(scope, receive, send)
            return
        bounded = _Bounded(receive, send)
        try:
            await self._app(scope, bounded.receive, bounded.send)
        except Exception:
            if not bounded.refused:  # else it is what came of that
                raise
        await bounded.end()


class _Bounded:
    """One request. The answer says why its body was not read on, whatever the app makes of it."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._left, self._deadline = MOST, time.monotonic() + WITHIN_S
        self._whole = self._answered = False
        self._refused: tuple[int, str] | None = None

    @property
    def refused(self) -> bool:
        return self._refused is not None

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout(self._deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(408, f"what you send may take {WITHIN_S:g} s")
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            return self._refuse(413, f"{MOST // 1024} KiB are enough without a token")
        self._whole = not message.get("more_body", False)
        return message

    def _refuse(self, status: int, why: str) -> Message:
        self._whole, self._refused = True, (status, why)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._refused is None or self._answered:
            self._answered = True
            await self._send(message)

    async def end(self) -> None:
        if self._refused is not None and not self._answered:
            await tell(self._send, *self._refused, (b"connection", b"close"))


async def tell(send: Send, status: int, why: str, *headers: tuple[bytes, bytes], kind: str = "http") -> None:
    """An answer as the doors give it, from outside the app."""
    told = [(b"content-type", b"application/json"), *headers]
    await send({"type": f"{kind}.response.start", "status": status, "headers": told})
    await send({"type": f"{kind}.response.body", "body": json.dumps({"detail": why}).encode()})
