"""The doors of the gateway, with bad input: a clear error each, and nobody else disturbed.

A real server on a loopback port; the room is there but its stage and engines are not started, which these doors do
not need. The same doors with everything behind them are in test_on_air.py.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from streaming import actions as do
from streaming import roomfile
from streaming.cli import main
from streaming.gateway import create_app
from streaming.house import House
from streaming.models.store import Store
from streaming.network import LOCAL, Network, ice_servers
from streaming.serve import configuration
from streaming.whep_http import MAX_OFFER
from tests.streaming.serving import served
from tests.streaming.settings import room_file

ROOM = Path(__file__).parents[2] / "rooms" / "legal-assistant.yaml"


@asynccontextmanager
async def gateway(tmp_path: Path, network: Network = LOCAL, **how: Any) -> AsyncIterator[tuple[str, House]]:
    house = House([how.pop("room", None) or room_file(tmp_path)], Store(tmp_path / "models"), tmp_path, network)
    config = configuration(create_app(house, **how), None)
    config.lifespan = "off"
    try:
        async with served(config) as address:
            yield address, house
    finally:
        await house.close()


async def receive(socket: websockets.ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            assert message["to"] in ("room", "viewer")
            if message["type"] == kind:
                return message


async def test_a_viewer_who_reads_nothing_is_let_go_and_the_others_stay(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (address, house):
        room = house.rooms["test"]
        url = f"ws://{address}/rooms/test/ws"
        async with websockets.connect(url, compression=None) as deaf, websockets.connect(url) as good:
            await receive(good, "welcome")
            deaf.transport.pause_reading()
            flood = json.dumps({"type": "notice", "to": "room", "code": "flood", "text": "." * 100_000})
            for _ in range(2000):
                if room.viewers == 1:
                    break
                room.broadcast(flood)
                await receive(good, "notice")
            assert room.viewers == 1
            await good.send('{"type":"ask","id":"c1","text":"?"}')
            assert (await receive(good, "rejected"))["id"] == "c1"
            deaf.transport.abort()


async def test_a_viewer_is_welcomed_and_bad_messages_harm_nobody(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (address, _):
        url = f"ws://{address}/rooms/test/ws"
        async with websockets.connect(url) as bad, websockets.connect(url) as good:
            welcome = await receive(good, "welcome")
            assert welcome["room"]["title"] == {"zh": "Test", "en": "Test"}
            assert welcome["clock"]["rtp_per_tick"] == 1875
            for sent, code in (
                ("{not json", "bad_json"),
                ('{"type":"fly","id":"x"}', "unknown_type"),
                (b"\x00\x01binary", "not_text"),
                (json.dumps({"type": "ask", "id": "x", "text": "x" * 2_000_000}), "too_large"),
                (json.dumps({"type": "interrupt", "id": "nobody's"}), "not_yours"),
                (json.dumps({"type": "ask", "id": "x"}), "bad_message"),
            ):
                await bad.send(sent)
                error = await receive(bad, "error")
                assert (error["code"], error["to"]) == (code, "viewer")
                assert len(error["message"]) > 10
            await bad.send(json.dumps({"type": "ask", "id": "x", "text": "字" * 501}))
            assert (await receive(bad, "rejected"))["code"] == "too_long"
            await good.send(json.dumps({"type": "ask", "id": "c1", "text": "在吗？"}))
            accepted = await receive(good, "accepted")
            assert (accepted["id"], accepted["position"]) == ("c1", 1)
            seen = await receive(bad, "question")
            assert (seen["id"], seen["text"], seen["to"]) == (accepted["question"], "在吗？", "room")


async def test_unknown_rooms_name_those_there_are(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (address, _), httpx.AsyncClient(base_url=f"http://{address}") as client:
        async with websockets.connect(f"ws://{address}/rooms/nowhere/ws") as viewer:
            error = await receive(viewer, "error")
            assert error["code"] == "no_room"
            assert "test" in error["message"]
        sdp = {"content-type": "application/sdp"}
        answer = await client.post("/rooms/nowhere/whep", content="v=0", headers=sdp)
        assert answer.status_code == 404
        assert "test" in answer.json()["detail"]
        assert (await client.get("/rooms/nowhere")).status_code == 404
        assert (await client.delete("/rooms/test/whep/nothing")).status_code == 404


@pytest.mark.parametrize(
    ("content", "kind", "status", "message"),
    [
        (b"v=0\r\n", "application/sdp", 400, "no video section"),
        (b"hello", "application/sdp", 400, "no video section"),
        (b"\xff\xfe\xfd", "application/sdp", 400, "not text"),
        (b"v=0\r\nm=video 9 X 96\r\na=rtpmap:96 H264/90000\r\n", "application/sdp", 400, "packetization-mode=1"),
        (b"v=0\r\n", "application/json", 415, "application/sdp"),
        (b"x" * (MAX_OFFER + 1), "application/sdp", 413, "bytes at most"),
    ],
)
async def test_a_broken_offer(tmp_path: Path, content: bytes, kind: str, status: int, message: str) -> None:
    async with gateway(tmp_path) as (address, house), httpx.AsyncClient(base_url=f"http://{address}") as client:
        answer = await client.post("/rooms/test/whep", content=content, headers={"content-type": kind})
        assert answer.status_code == status
        assert message in answer.text
        assert len(house.rooms["test"].whep) == 0
        assert (await client.get("/healthz")).status_code == 200


async def test_whep_for_players_of_other_sites(tmp_path: Path) -> None:
    servers = ice_servers(
        '[{"urls": ["turn:relay:3478"], "username": "me", "credential": "a\\"b"}, {"urls": "stun:s"}]'
    )
    async with (
        gateway(tmp_path, Network(servers)) as (address, _),
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        origin = {"origin": "https://elsewhere.example"}
        ask = origin | {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        preflight = await client.options("/rooms/test/whep", headers=ask)
        assert preflight.status_code == 204
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert preflight.headers["accept-post"] == "application/sdp"
        links = preflight.headers.get_list("link")
        assert links[0] == (
            '<turn:relay:3478>; rel="ice-server"; username="me"; credential="a\\"b"; credential-type="password"'
        )
        assert links[1] == '<stun:s>; rel="ice-server"'
        refused = await client.post("/rooms/test/whep", content="v=0", headers=origin | {"content-type": "text/plain"})
        assert refused.status_code == 415
        for answer in (preflight, refused):
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "Location" in answer.headers["access-control-expose-headers"]
        patch = await client.patch("/rooms/test/whep/abc", content="a=candidate:…")
        assert (patch.status_code, patch.headers["allow"]) == (405, "DELETE, OPTIONS")
        get = await client.get("/rooms/test/whep")
        assert (get.status_code, get.headers["allow"]) == (405, "POST, OPTIONS")
        assert "access-control-allow-origin" not in (await client.get("/healthz")).headers
        async with websockets.connect(f"ws://{address}/rooms/test/ws") as viewer:
            welcome = json.loads(await viewer.recv())
            assert welcome["ice_servers"][0] == {"urls": ["turn:relay:3478"], "username": "me", "credential": 'a"b'}


async def test_pages_metrics_and_health(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (address, _), httpx.AsyncClient(base_url=f"http://{address}") as client:
        for path in ("/", "/console", "/rooms/test", "/rooms/test/kiosk"):
            page = await client.get(path)
            assert page.status_code == 200
            assert "text/html" in page.headers["content-type"]
            assert "default-src 'self'" in page.headers["content-security-policy"]
        health = (await client.get("/healthz")).json()
        assert health["status"] == "degraded"
        assert {"language model", "recognition"} <= {missing["name"] for missing in health["missing"]}
        assert health["rooms"][0]["on_air"] is False
        assert "test: no picture: its stage is being started" in health["degraded"]
        assert any(one.startswith("language model: ") for one in health["degraded"])
        text = (await client.get("/metrics")).text
        for line in (
            'everhost_on_air{room="test"} 0.0',
            'everhost_questions_total{outcome="refused",room="test"} 0.0',
            'everhost_first_sound_seconds_bucket{le="+Inf",room="test"} 0.0',
            'everhost_engine_ready{engine="recognition"} 0.0',
        ):
            assert line in text
        assert "process_resident_memory_bytes" in text
        waiting = await client.get("/readyz")
        assert (waiting.status_code, waiting.json()) == (503, {"ready": False, "waiting": ["test"]})
        assert (await client.get("/api/rooms")).json()[0]["id"] == "test"


def test_a_busy_port_says_how_to_choose_another(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["serve", str(ROOM), "--port", str(port)]) == 2
    assert f"port {port} on 127.0.0.1 is taken" in capsys.readouterr().err


def test_wrong_rooms_and_arguments_say_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path / "none.yaml")]) == 2
    assert "everhost new" in capsys.readouterr().err
    assert main(["serve", str(ROOM), str(ROOM)]) == 2
    assert "same id" in capsys.readouterr().err
    assert main(["ask", str(ROOM)]) == 2
    assert "--questions" in capsys.readouterr().err
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n")
    assert main(["ask", str(ROOM), "--questions", str(empty)]) == 2
    assert "no question" in capsys.readouterr().err
    assert main(["render", "--text", "…", "-o", str(tmp_path / "a.mp4")]) == 2
    assert "nothing to say" in capsys.readouterr().err


async def test_edits_of_a_room_file_are_taken_on_air(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.house.WATCH_S", 0.1)
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "law.md").write_text("# Law\n\nA probation period may have six months.\n")
    file = tmp_path / "law.yaml"
    text = (
        "title: Law\nlanguage: en\ndocuments: documents\n"
        "host: {name: Lin, persona: Calm., greeting: Hello., refusal: I do not know.}\nlabel: {spoken: false}\n"
    )
    file.write_text(text)
    settings = roomfile.load(file)
    house = House([settings], Store(tmp_path / "models"), tmp_path / "data", files={"law": file})
    [room] = house.rooms.values()
    watching = asyncio.create_task(house._watch(file, room.settings.id))
    try:
        await asyncio.sleep(0)
        assert room.core.segment == ""

        async def edit(more: str) -> None:
            file.write_text(text + more)
            await asyncio.sleep(0)

        async def until(what: Callable[[], object]) -> None:
            async with asyncio.timeout(10):
                while not what():
                    await asyncio.sleep(0.05)

        await edit("limits: {characters: 30}\nprogramme: {segments: {talk: {script: One. Two.}}}\n")
        await until(lambda: room.settings.programme)
        assert room.core.questions.settings.limits.characters == 30
        assert room.file_error == ""
        spoken = [a.text for a in room.core.tick(time.time()) if isinstance(a, do.Speak)]
        assert spoken == ["One."]
        await edit("programme: {segments: {}}\n")
        await until(lambda: room.file_error)
        assert "programme.segments" in room.file_error
        assert room.settings.programme is not None  # it goes on as it was
        await edit("video: {kbps: 2000}\nprogramme: {segments: {talk: {script: Three.}}}\n")
        await until(lambda: "restart" in room.file_error)
        assert "video" in room.file_error
        assert room.settings.video.kbps != 2000
        await edit("programme: {segments: {talk: {script: Three.}}}\n")  # as it is on air
        await until(lambda: not room.file_error)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await house.close()
