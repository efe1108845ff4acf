"""A gateway that does not run a room, in front of one that does: both real, over loopback."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
import websockets
from fastapi import FastAPI, WebSocket
from starlette.types import ASGIApp

from streaming.fleet.relay import RELAYED, Relay
from streaming.serve import MAX_WEBSOCKET_MESSAGE
from tests.streaming import serving
from tests.streaming.conftest import free_port
from tests.streaming.test_gateway import gateway, receive

TOKEN = "t" * 20


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERHOST_OPERATOR_TOKEN", TOKEN)


def here() -> FastAPI:
    """What a gateway has without rooms."""
    app = FastAPI()

    @app.get("/rooms/{room}")
    async def page(room: str) -> str:
        return f"the page of {room}"

    @app.get("/rooms/{room}/questions")
    async def questions(room: str) -> str:
        return "nobody runs it"

    @app.websocket("/rooms/{room}/ws")
    async def ws(socket: WebSocket, room: str) -> None:
        await socket.accept()
        await socket.close(1013)

    return app


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    config = uvicorn.Config(
        app, lifespan="on", log_level="error", ws="websockets-sansio", ws_max_size=MAX_WEBSOCKET_MESSAGE
    )
    async with serving.served(config) as address:
        yield address


@asynccontextmanager
async def relay(address: str) -> AsyncIterator[str]:
    """In front of what runs the room "test"."""
    places = {"test": address, "nowhere": ""}
    async with served(Relay(here(), here=lambda room: room == "mine", where=places.get)) as front:
        yield front


async def test_what_is_asked_of_a_room_is_asked_of_who_runs_it(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (there, _), relay(f"http://{there}") as front, httpx.AsyncClient() as client:
        url = f"http://{front}/rooms/test"
        assert (await client.get(f"{url}/questions")).status_code == 401
        bearer = {"authorization": f"Bearer {TOKEN}"}
        waiting = await client.get(f"{url}/questions", headers=bearer)
        assert (waiting.status_code, waiting.json()) == (200, [])
        comment = {"platform": "x", "id": "1", "author": "a", "name": "Sam", "text": "How long?"}
        for outcome in ("accepted", "repeated"):
            told = await client.post(f"{url}/comments", json=[comment], headers=bearer)
            assert told.json()["comments"][0]["outcome"] == outcome
        bad = await client.post(f"{url}/whep", content="no offer", headers={"content-type": "application/sdp"})
        assert bad.status_code == 400
        assert "offer" in bad.json()["detail"]
        answers = await client.request("OPTIONS", f"{url}/whep")
        assert answers.headers["access-control-allow-origin"] == "*"


async def test_who_goes_in_the_middle_of_what_they_send_breaks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway(tmp_path) as (there, _), relay(f"http://{there}") as front:
        logging.getLogger("uvicorn.error").addHandler(caplog.handler)  # which it keeps to itself
        host, _, port = front.partition(":")
        for _ in range(3):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"POST /rooms/test/comments HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[{")
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.transport.abort()
        await asyncio.sleep(0.3)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{front}/rooms/test/questions")).status_code == 401
        logging.getLogger("uvicorn.error").removeHandler(caplog.handler)
    assert "Exception" not in caplog.text
    assert "does not answer" not in caplog.text


async def test_pages_and_rooms_that_are_here_stay_here(tmp_path: Path) -> None:
    async with relay("http://127.0.0.1:9") as front, httpx.AsyncClient(base_url=f"http://{front}") as client:
        assert (await client.get("/rooms/test")).json() == "the page of test"
        for room in ("mine", "nowhere", "unheard-of"):
            assert (await client.get(f"/rooms/{room}/questions")).json() == "nobody runs it"
        again = await client.get("/rooms/test/questions", headers={RELAYED.decode(): "1"})
        assert again.json() == "nobody runs it"  # two gateways that each believe the other to run it


async def test_a_viewers_messages_go_both_ways(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (there, house), relay(f"http://{there}") as front:
        async with websockets.connect(f"ws://{front}/rooms/test/ws") as viewer:
            assert (await receive(viewer, "welcome"))["room"]["id"] == "test"
            await viewer.send(json.dumps({"type": "ask", "id": "c1", "text": "How long?"}))
            assert (await receive(viewer, "accepted"))["id"] == "c1"
            await viewer.send(b"\0\1")
            assert (await receive(viewer, "error"))["code"] == "not_text"
            await viewer.send("." * 100_000)
            await receive(viewer, "error")
            assert house.rooms["test"].viewers == 1
            house.rooms["test"].closed.set()
            async with asyncio.timeout(5):
                await viewer.wait_closed()
            assert (viewer.close_code, viewer.close_reason) == (1012, "the room moves; come back")
        assert house.rooms["test"].viewers == 0


async def test_a_viewer_who_leaves_is_gone_there_too(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (there, house), relay(f"http://{there}") as front:
        async with websockets.connect(f"ws://{front}/rooms/test/ws") as viewer:
            await receive(viewer, "welcome")
        async with asyncio.timeout(5):
            while house.rooms["test"].viewers:
                await asyncio.sleep(0.01)


async def test_who_runs_the_room_does_not_answer() -> None:
    async with relay(f"http://127.0.0.1:{free_port()}") as front:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://{front}/rooms/test/questions")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "try again" in answer.json()["detail"]
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(f"ws://{front}/rooms/test/ws")
