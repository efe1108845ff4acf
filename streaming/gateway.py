"""The gateway: HTTP, WebSocket and WHEP for all rooms, on FastAPI."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, HTTPException, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.requests import HTTPConnection

from knowledge.errors import KnowledgeError
from knowledge.library import Library
from streaming import protocol as say
from streaming.body import BoundedBodies
from streaming.comments import add_comments
from streaming.desk import add_desk
from streaming.documents_http import add_documents
from streaming.errors import EverhostError, FloorTakenError, NotKeptError
from streaming.face_ws import add_faces, send_all
from streaming.fleet.fleet_http import add_fleet
from streaming.fleet.relay import Relay
from streaming.guard import LIMITS, Guard, Limits, foreign
from streaming.health import add_health
from streaming.house import House
from streaming.on_air import OnAir
from streaming.operator import Operator, Operators
from streaming.passes import RENEWED_S, Passes
from streaming.seat import Seat
from streaming.whep_http import add_whep
from streaming.whip_http import add_whip

log = logging.getLogger(__name__)

PAGES: Final = Path(str(files("streaming").joinpath("pages")))
GOODBYE_S: Final = 1.0
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob:; img-src 'self' data:;"
        " frame-ancestors 'self'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(house: House, limits: Limits = LIMITS, counted: Callable[[str], bool] = foreign) -> FastAPI:
    """``limits``: of each address that is ``counted``."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await house.start()
            yield
        finally:
            await house.close()

    app = FastAPI(title="everhost", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.mount("/static", StaticFiles(directory=PAGES / "static"), name="static")

    @app.middleware("http")
    async def secure(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers.update(SECURITY_HEADERS)
        return response

    @app.exception_handler(EverhostError)
    @app.exception_handler(KnowledgeError)
    async def explain(_: Request, error: EverhostError | KnowledgeError) -> JSONResponse:
        codes: dict[type[Exception], int] = {FloorTakenError: 409, NotKeptError: 503}
        status = codes.get(type(error), 400)
        return JSONResponse({"detail": str(error), "code": type(error).__name__}, status)

    @app.exception_handler(RequestValidationError)
    async def point_out(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return JSONResponse({"detail": f"{where or 'body'}: {first['msg']}"}, 422)

    def find(room: str) -> OnAir:
        if (on_air := house.rooms.get(room)) is not None:
            return on_air
        if room in house.settings:
            raise HTTPException(503, f"nobody runs the room '{room}' just now; try again in a moment")
        raise HTTPException(404, f"there is no room '{room}' here; rooms: {', '.join(house.settings)}")

    _add_pages(app, house.settings)
    _add_rooms(app, house)
    add_health(app, house)
    operators = Operators(house.folder)
    passes = Passes(house.folder)

    def admit(connection: HTTPConnection, room: str) -> None:
        """Raises HTTPException for who may not see a room that is private."""
        if house.settings[room].private:
            passes.check(connection, room, operators)

    def renewed(room: str) -> str:
        """A pass to come back with; "" where none is needed."""
        return passes.issue(room, RENEWED_S) if house.settings[room].private else ""

    add_whep(app, find, house.network.ice_servers, admit)
    add_whip(app, find, operators)
    add_faces(app, find, operators)

    def note(room: str, operator: Operator, did: str) -> None:
        house.rooms[room].note("operator", who=operator.name, role=operator.role, did=did)

    def library(room: str) -> Library:
        find(room)
        if (answerer := house.answerer(room)) is None:
            raise HTTPException(503, "the room's documents are still being read; ask again in a moment")
        return answerer.library

    add_documents(app, library, operators, note, lambda room: find(room).settings.fetch_from)
    add_comments(app, find, operators)
    add_desk(app, find, operators)
    _add_viewers(app, find, admit, renewed)
    fleet = house.ownership
    if fleet is not None:
        add_fleet(app, fleet, house.rooms, operators)
        app.add_middleware(Relay, here=house.rooms.__contains__, where=fleet.where, secret=lambda: fleet.secret)
    app.add_middleware(BoundedBodies, operators=operators)

    def secret() -> str:
        return fleet.secret if fleet else ""

    app.add_middleware(Guard, operators=operators, limits=limits, counted=counted, secret=secret)  # the outermost
    return app


def _add_pages(app: FastAPI, rooms: Collection[str]) -> None:
    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(PAGES / "index.html")

    @app.get("/console", include_in_schema=False)
    async def console() -> FileResponse:
        return FileResponse(PAGES / "console.html")

    @app.get("/rooms/{room}", include_in_schema=False)
    async def room_page(room: str) -> FileResponse:
        # The page itself says kindly that there is no such room.
        return FileResponse(PAGES / "room.html", status_code=200 if room in rooms else 404)

    @app.get("/rooms/{room}/kiosk", include_in_schema=False)
    async def kiosk_page(room: str) -> FileResponse:
        return FileResponse(PAGES / "kiosk.html", status_code=200 if room in rooms else 404)

    @app.get("/rooms/{room}/cutout", include_in_schema=False)
    async def cutout_page(room: str) -> FileResponse:
        return FileResponse(PAGES / "cutout.html", status_code=200 if room in rooms else 404)


def _add_rooms(app: FastAPI, house: House) -> None:
    @app.get("/api/rooms")
    async def rooms() -> list[dict[str, Any]]:
        return [
            {
                "id": on_air.settings.id,
                "title": on_air.settings.title,
                "host": on_air.settings.host.name,
                "state": on_air.core.state,
            }
            for on_air in house.rooms.values()
        ] + [
            {
                "id": room,
                "title": house.settings[room].title,
                "host": house.settings[room].host.name,
                "state": "elsewhere",
            }
            for room in house.elsewhere()
        ]


_REFUSED: Final = {
    401: ("no_pass", 4401, "a pass is needed"),
    403: ("pass_ended", 4403, "the pass has ended"),
    404: ("no_room", 4404, "no such room"),
    503: ("room_moves", 1013, "come back in a moment"),
}


def _add_viewers(app: FastAPI, find: Any, admit: Any, renewed: Any) -> None:
    @app.websocket("/rooms/{room}/ws")
    async def websocket(socket: WebSocket, room: str) -> None:
        await socket.accept()
        try:
            on_air: OnAir = find(room)
            admit(socket, room)
        except HTTPException as error:
            name, code, why = _REFUSED[error.status_code]
            await socket.send_text(say.encode(say.Error(name, error.detail), "viewer"))
            await socket.close(code, why)
            return
        await _seat(socket, on_air, renewed(room))


async def _seat(socket: WebSocket, on_air: OnAir, renewed: str) -> None:
    seat = on_air.greet(socket.query_params.get("viewer", ""), renewed)
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(send_all(socket, seat.next)),
        asyncio.create_task(_receive_all(socket, on_air, seat)),
        asyncio.create_task(seat.overflowed.wait()),
        asyncio.create_task(on_air.closed.wait()),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        on_air.leave(seat)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    if seat.overflowed.is_set() or on_air.closed.is_set():
        code, why = (1013, "you did not take your messages") if seat.overflowed.is_set() else (1012, "the room moves")
        # Whoever takes nothing may not take the reason either.
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            async with asyncio.timeout(GOODBYE_S):
                await socket.close(code, f"{why}; come back")
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _receive_all(socket: WebSocket, on_air: OnAir, seat: Seat) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is None:
            error = say.Error("not_text", "messages are JSON text; sound goes over WebRTC")
            seat.put(say.encode(error, "viewer"))
            continue
        await on_air.receive(seat, text)
