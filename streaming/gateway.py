"""The gateway: HTTP, WebSocket and WHEP for all rooms, on FastAPI."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, HTTPException, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles

from knowledge.answerer import CitedAnswerer
from knowledge.library import Library, Progress
from streaming import metrics, roomfile
from streaming import protocol as say
from streaming.answering import room_answerer, warm_up
from streaming.comments import add_comments
from streaming.desk import add_desk
from streaming.documents_http import add_documents
from streaming.engines import LLM, Engines
from streaming.errors import EverhostError, FloorTakenError
from streaming.face_ws import add_faces, send_all
from streaming.journal import Journal
from streaming.models.store import Store
from streaming.network import LOCAL, Network
from streaming.on_air import OnAir, Seat
from streaming.operator import Operator, Operators
from streaming.roomfile import RoomFile
from streaming.state.sqlite import Sqlite
from streaming.understudy import Understudy
from streaming.whep_http import add_whep
from streaming.whip_http import add_whip

log = logging.getLogger(__name__)

PAGES: Final = Path(str(files("streaming").joinpath("pages")))
STATUS_S: Final = 1.0
PICTURES_FIRST_S: Final = 5.0
WATCH_S: Final = 2.0
"""Between two looks at whether a room file was edited."""
GOODBYE_S: Final = 1.0
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob:; img-src 'self' data:;"
        " frame-ancestors 'self'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(slots=True)
class House:
    """All that one gateway runs."""

    rooms: dict[str, OnAir]
    engines: Engines
    state: Sqlite
    journal: Journal
    folder: Path
    """Where indexes and state are kept."""
    network: Network
    files: Mapping[str, Path] = field(default_factory=dict)
    """Of the rooms by their ids; edits of them are taken on air."""
    _answerers: dict[str, CitedAnswerer] = field(default_factory=dict)
    _opened: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        settings: Sequence[RoomFile],
        store: Store,
        folder: Path,
        network: Network = LOCAL,
        files: Mapping[str, Path] | None = None,
        stages: Mapping[str, Understudy] | None = None,
    ) -> "House":
        """``files`` and ``stages`` by the rooms' ids."""
        engines = Engines(store, settings)
        state = Sqlite(folder / "state.sqlite")
        journal = Journal(folder)
        house = cls({}, engines, state, journal, folder, network, files or {})
        speech = folder / "speech"
        for one in settings:
            stage = (stages or {}).get(one.id)
            house.rooms[one.id] = OnAir(one, engines, state.room(one.id), journal, house.status, speech, network, stage)
        return house

    async def start(self) -> None:
        for on_air in self.rooms.values():
            await on_air.start()
        self.engines.keep_cold(LLM)
        self._tasks = [
            asyncio.create_task(self._start_engines(), name="engines"),
            asyncio.create_task(self._announce(), name="status"),
            asyncio.create_task(self._warm_up(), name="warm up"),
        ]
        self._tasks += [asyncio.create_task(self._learn(on_air), name="learn") for on_air in self.rooms.values()]
        self._tasks += [
            asyncio.create_task(self._watch(file, self.rooms[room]), name=f"watch {file}")
            for room, file in self.files.items()
        ]
        for task in self._tasks:
            task.add_done_callback(_log_failure)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(on_air.close() for on_air in self.rooms.values()))
        await self._opened.aclose()
        await self.engines.close()
        self.state.close()
        self.journal.close()

    def status(self) -> dict[str, Any]:
        """What is missing, as pages and /healthz show it."""
        missing = [
            {"name": need.name, "what": need.what, "done": need.done, "total": need.total, "error": need.error}
            for need in self.engines.missing
        ]
        return {"state": "degraded" if missing else "ready", "missing": missing}

    async def progress(self, room: str) -> Progress | None:
        """How far a room's documents are indexed; None while they are being read."""
        answerer = self._answerers.get(room)
        return await answerer.library.progress() if answerer else None

    def library(self, room: str) -> Library:
        """Raises HTTPException where there is none, or not yet."""
        if room not in self.rooms:
            raise HTTPException(404, f"there is no room '{room}' here; rooms: {', '.join(self.rooms)}")
        if room not in self._answerers:
            raise HTTPException(503, "the room's documents are still being read; ask again in a moment")
        return self._answerers[room].library

    async def _announce(self) -> None:
        last = None
        while True:
            status = self.status()
            if status != last:
                last = status
                text = say.dumps({"type": "status", "to": "room", **status})
                for on_air in self.rooms.values():
                    on_air.broadcast(text)
            await asyncio.sleep(STATUS_S)

    async def _start_engines(self) -> None:
        """Once there are pictures: loading models takes every core there is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PICTURES_FIRST_S):
                await asyncio.gather(*(on_air.stage.shown() for on_air in self.rooms.values()))
        self.engines.start()

    async def _warm_up(self) -> None:
        while True:
            await self.engines.to_warm(LLM)
            await warm_up([on_air.settings for on_air in self.rooms.values()], self.engines)

    async def _watch(self, file: Path, on_air: OnAir) -> None:
        """Take the room file's edits, once it is whole; also those from before the first look."""
        known = None
        while True:
            await asyncio.sleep(WATCH_S)
            if (changed_at := await asyncio.to_thread(_changed_at, file)) in (known, None):
                continue
            known = changed_at
            try:
                settings = await asyncio.to_thread(roomfile.load, file)
                if settings == on_air.settings:
                    on_air.file_error = ""
                else:
                    on_air.take_edits(settings)
            except EverhostError as error:
                on_air.file_error = str(error)
                log.error("the room goes on as it was: %s", error)

    async def _learn(self, on_air: OnAir) -> None:
        try:
            opening = room_answerer(on_air.settings, self.engines, self.folder, on_air.note_prompt)
            answerer = await self._opened.enter_async_context(opening)
        except Exception:
            log.exception("the documents of %s cannot be read; it is on air and cannot answer", on_air.settings.id)
            on_air.knows(None)
            return
        self._answerers[on_air.settings.id] = answerer
        on_air.knows(answerer, answerer.library.mended)
        await on_air.tell_of(answerer.library)


def _changed_at(file: Path) -> int | None:
    """None while it is not there: some editors write a file anew."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s: %s", task.get_name(), error, exc_info=error)


def create_app(house: House) -> FastAPI:
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
    async def explain(_: Request, error: EverhostError) -> JSONResponse:
        status = 409 if isinstance(error, FloorTakenError) else 400
        return JSONResponse({"detail": str(error), "code": type(error).__name__}, status)

    @app.exception_handler(RequestValidationError)
    async def point_out(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return JSONResponse({"detail": f"{where or 'body'}: {first['msg']}"}, 422)

    def find(room: str) -> OnAir:
        if (on_air := house.rooms.get(room)) is None:
            raise HTTPException(404, f"there is no room '{room}' here; rooms: {', '.join(house.rooms)}")
        return on_air

    _add_pages(app, find)
    _add_operations(app, house)
    operators = Operators(house.folder)
    add_whep(app, find, house.network.ice_servers)
    add_whip(app, find, operators)
    add_faces(app, find, operators)

    def note(room: str, operator: Operator, did: str) -> None:
        house.rooms[room].note("operator", who=operator.name, role=operator.role, did=did)

    add_documents(app, house.library, operators, note)
    add_comments(app, find, operators)
    add_desk(app, find, operators)
    _add_viewers(app, find)
    return app


def _add_pages(app: FastAPI, find: Any) -> None:
    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(PAGES / "index.html")

    @app.get("/console", include_in_schema=False)
    async def console() -> FileResponse:
        return FileResponse(PAGES / "console.html")

    @app.get("/rooms/{room}", include_in_schema=False)
    async def room_page(room: str) -> FileResponse:
        # The page itself says kindly that there is no such room.
        return FileResponse(PAGES / "room.html", status_code=_exists(find, room))

    @app.get("/rooms/{room}/kiosk", include_in_schema=False)
    async def kiosk_page(room: str) -> FileResponse:
        return FileResponse(PAGES / "kiosk.html", status_code=_exists(find, room))


def _exists(find: Any, room: str) -> int:
    try:
        find(room)
    except HTTPException as error:
        return error.status_code
    return 200


def _add_operations(app: FastAPI, house: House) -> None:
    @app.get("/healthz")
    async def health() -> dict[str, Any]:
        status = house.status()
        rooms = []
        for on_air in house.rooms.values():
            running = on_air.stage.ready is not None
            progress = await house.progress(on_air.settings.id)
            if not running or any(outlet.state != "live" for outlet in on_air.outlets):
                status["state"] = "degraded"
            rooms.append(
                {
                    "id": on_air.settings.id,
                    "on_air": running,
                    "can_answer": on_air.can_answer,
                    "passages": progress.passages if progress else 0,
                    "embedded": progress.embedded if progress else 0,
                    "error": on_air.stage.error,
                    "viewers": on_air.viewers,
                    "waiting": on_air.core.waiting,
                    "stage_restarts": on_air.stage.restarts,
                    "encoder": on_air.stage.ready.encoder if on_air.stage.ready else None,
                    "outlets": [
                        {"name": outlet.name, "state": outlet.state, "error": outlet.error} for outlet in on_air.outlets
                    ],
                }
            )
        return {"status": status["state"], "missing": status["missing"], "rooms": rooms}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def show_metrics() -> PlainTextResponse:
        return PlainTextResponse(metrics.render(house.rooms.values()), media_type=metrics.CONTENT_TYPE)

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
        ]


def _add_viewers(app: FastAPI, find: Any) -> None:
    @app.websocket("/rooms/{room}/ws")
    async def websocket(socket: WebSocket, room: str) -> None:
        await socket.accept()
        try:
            on_air: OnAir = find(room)
        except HTTPException as error:
            await socket.send_text(say.encode(say.Error("no_room", error.detail), "viewer"))
            await socket.close(4404, "no such room")
            return
        await _seat(socket, on_air)


async def _seat(socket: WebSocket, on_air: OnAir) -> None:
    seat = on_air.greet(socket.query_params.get("viewer", ""))
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(send_all(socket, seat.outbox)),
        asyncio.create_task(_receive_all(socket, on_air, seat)),
        asyncio.create_task(seat.overflowed.wait()),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        on_air.leave(seat)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    if seat.overflowed.is_set():
        # Whoever takes nothing may not take the reason either.
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            async with asyncio.timeout(GOODBYE_S):
                await socket.close(1013, "you did not take your messages; come back")
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
