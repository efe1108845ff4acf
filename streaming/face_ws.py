"""Face frames in and out over WebSocket, behind the operator's token; the format is :mod:`avatar.livelink`'s."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect

from avatar import livelink
from avatar.clock import TICKS_PER_SECOND
from avatar.face import ARKIT, Floats
from streaming.operator import Operators

LONGEST: Final = 16_384
"""Characters of a frame; one by name has about 1500."""
BEHIND: Final = TICKS_PER_SECOND
"""Frames that may wait for one who watches; of more, the oldest are left out."""


class HasFace(Protocol):
    def puppeteer(self, weights: Floats, rotation: Floats, translation: Floats) -> None: ...
    def watch(self, see: Callable[[str], None]) -> None: ...
    def unwatch(self, see: Callable[[str], None]) -> None: ...


def add_faces(app: FastAPI, find: Callable[[str], HasFace], operators: Operators) -> None:
    """``find`` gives a room by its name, or raises HTTPException."""

    async def admitted(socket: WebSocket, room: str) -> HasFace | None:
        await socket.accept()
        try:
            operators.check(socket)
            return find(room)
        except HTTPException as error:
            await socket.send_json({"error": error.detail})
            await socket.close(4401 if error.status_code == 401 else 4404)
            return None

    @app.websocket("/rooms/{room}/face/in")
    async def take(socket: WebSocket, room: str) -> None:
        found = await admitted(socket, room)
        if found is None:
            return
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                text = await socket.receive_text()
                try:
                    found.puppeteer(*livelink.parse(_json(text)))
                except ValueError as error:
                    await socket.send_json({"error": str(error)})

    @app.websocket("/rooms/{room}/face/out")
    async def give(socket: WebSocket, room: str) -> None:
        found = await admitted(socket, room)
        if found is None:
            return
        waiting: asyncio.Queue[str] = asyncio.Queue(BEHIND)

        def see(text: str) -> None:
            if waiting.full():
                waiting.get_nowait()
            waiting.put_nowait(text)

        await socket.send_json({"shapes": list(ARKIT), "ticks_per_second": TICKS_PER_SECOND})
        found.watch(see)
        tasks = [asyncio.create_task(send_all(socket, waiting.get)), asyncio.create_task(_until_left(socket))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            found.unwatch(see)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _json(text: str) -> Any:
    if len(text) > LONGEST:
        raise ValueError(f"a face frame has {LONGEST} characters at most")
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"a face frame is JSON: {error}") from None


async def send_all(socket: WebSocket, following: Callable[[], Awaitable[str]]) -> None:
    """Send what comes until the other end is gone."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.send_text(await following())


async def _until_left(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
