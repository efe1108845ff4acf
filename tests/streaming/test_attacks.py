"""Who means no good: forged tokens, floods, what is too long or never ends, offers and packets that are none.

A real gateway on loopback, to which every request seems to come from where X-Forwarded-For says: uvicorn believes its
own machine. Whatever an attacker does, whoever else is there must not notice.
"""

import asyncio
import contextlib
import json
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pylibsrtp
import pytest
import websockets
from aiortc import AudioStreamTrack
from aiortc.mediastreams import MediaStreamTrack
from fastapi import FastAPI

from streaming import body, impatient, tokens
from streaming.errors import OfferError
from streaming.gateway import create_app
from streaming.guard import LIMITS, TOO_MUCH, foreign, share_of
from streaming.operator import VARIABLE
from streaming.passes import Passes
from streaming.rates import Rate
from streaming.whep import Whep
from tests.streaming.settings import room_file
from tests.streaming.test_gateway import gateway, receive
from tests.streaming.test_whep import OpusPacket, Source, on_air, player, talker

RIGHT = "the-operators-own-token"
EVIL, GOOD = {"X-Forwarded-For": "203.0.113.66"}, {"X-Forwarded-For": "198.51.100.7"}


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, RIGHT)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def attacked(tmp_path: Path, **limits: Any) -> AsyncIterator[tuple[str, httpx.AsyncClient]]:
    """A gateway's address, and a client of it; one second of anything is few."""
    few = Rate(1.0, 20)
    tight = replace(LIMITS, **{"requests": few, "offers": few, "said": few, "sockets": 5, **limits})
    async with (
        gateway(tmp_path, limits=tight) as (address, _),
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        yield address, client


# Doors


def doors(app: FastAPI) -> list[tuple[str, str]]:
    """All that need a token."""
    described = app.openapi()["paths"]
    found = [(path, method) for path, ways in described.items() for method, door in ways.items() if "security" in door]
    assert len(found) > 12
    return [(re.sub(r"{room}", "test", path), method) for path, method in found]


async def test_no_door_opens_without_a_token_or_with_a_lesser_one(tmp_path: Path) -> None:
    lesser = tokens.give(tmp_path, "bridge", "bridge")
    ended = tokens.give(tmp_path, "ended", "operator", days=-1)
    async with gateway(tmp_path) as (address, house), httpx.AsyncClient(base_url=f"http://{address}") as client:
        for path, method in doors(create_app(house)):
            path = re.sub(r"{[^}]+}", "x", path)

            async def door(headers: dict[str, str], path: str = path, method: str = method) -> int:
                body: Any = {} if method != "get" else None
                return (await client.request(method, path, json=body, headers=headers)).status_code

            forged = (RIGHT + "x", RIGHT[:-1], "null", ended, tokens.hash_of(lesser), "Bearer", "\x7f" * 9)
            for headers in ({}, *map(bearer, forged), {"Authorization": f"Basic {RIGHT}"}):
                assert await door(headers) == 401, (method, path, headers)
            assert await door(bearer(lesser)) in ((422, 400) if path.endswith("comments") else (403,)), (method, path)
            for trick in (
                f"/{path}",
                f"{path}/.",
                f"{path}%00",
                f"{path}%2f..",
                path.upper(),
                f"{path};x=1",
                f"{path}/",
            ):
                assert await door({}, trick) in (401, 404, 405, 307), (method, trick)
            for headers in (
                {"X-Original-URL": "/"},
                {"X-HTTP-Method-Override": "GET"},
                {"X-Forwarded-For": "127.0.0.1"},
            ):
                assert await door(headers) == 401


async def test_who_guesses_tokens_is_not_listened_to_any_more(tmp_path: Path) -> None:
    async with attacked(tmp_path, requests=Rate(1.0, 1000)) as (_, client):
        got = [
            (await client.get("/rooms/test/desk", headers={**bearer(f"guess{n}"), **EVIL})).status_code
            for n in range(30)
        ]
        assert got[:20] == [401] * 20
        assert set(got[20:]) == {429}
        right = await client.get("/rooms/test/desk", headers={**bearer(RIGHT), **EVIL})
        assert right.status_code == 429  # somebody made it up: guessing might find it
        assert int(right.headers["retry-after"]) <= 6
        made = tokens.give(
            tmp_path, "mei", "moderator"
        )  # nobody guesses this one, and nobody beside them locks them out
        assert (await client.get("/rooms/test/desk", headers={**bearer(made), **EVIL})).status_code == 200
        assert (await client.get("/api/rooms", headers=EVIL)).status_code == 200  # they may still watch
        assert (await client.get("/rooms/test/desk", headers={**bearer(RIGHT), **GOOD})).status_code == 200


async def test_a_token_that_was_rotated_is_no_use(tmp_path: Path) -> None:
    old = tokens.give(tmp_path, "mei", "moderator")
    async with gateway(tmp_path) as (address, _), httpx.AsyncClient(base_url=f"http://{address}") as client:
        assert (await client.get("/rooms/test/desk", headers=bearer(old))).status_code == 200
        new = tokens.rotate(tmp_path, "mei", overlap_s=0.3)
        for token in (old, new):
            assert (await client.get("/rooms/test/desk", headers=bearer(token))).status_code == 200
        await asyncio.sleep(0.35)
        assert (await client.get("/rooms/test/desk", headers=bearer(old))).status_code == 401
        assert (await client.get("/rooms/test/desk", headers=bearer(new))).status_code == 200


async def test_a_private_room_is_private(tmp_path: Path) -> None:
    room = room_file(tmp_path, private=True)
    async with gateway(tmp_path, room=room) as (address, _), httpx.AsyncClient(base_url=f"http://{address}") as client:
        passes = Passes(tmp_path)
        bad_ones = [("", 401), ("x", 401), (passes.issue("another", 60), 401), (passes.issue("test", -60), 403)]
        for bad, status in bad_ones:
            async with websockets.connect(f"ws://{address}/rooms/test/ws?token={bad}") as socket:
                assert (await receive(socket, "error"))["code"] == ("no_pass" if status == 401 else "pass_ended")
                await socket.wait_closed()
                assert socket.close_code == 4000 + status
            offer = await client.post(
                f"/rooms/test/whep?token={bad}", content="v=0", headers={"Content-Type": "application/sdp"}
            )
            assert offer.status_code == status
        async with websockets.connect(f"ws://{address}/rooms/test/ws?token={passes.issue('test', 60)}") as socket:
            renewed = (await receive(socket, "welcome"))["pass"]
        async with websockets.connect(f"ws://{address}/rooms/test/ws?token={renewed}") as socket:
            await receive(socket, "welcome")  # who was there comes back
        let_in = {"Content-Type": "application/sdp", **bearer(passes.issue("test", 60))}
        assert (await client.post("/rooms/test/whep", content="v=0", headers=let_in)).status_code == 400


# Floods


async def test_a_flood_of_requests_is_one_addresss_trouble(tmp_path: Path) -> None:
    async with attacked(tmp_path) as (_, client):
        got = await asyncio.gather(*(client.get("/api/rooms", headers=EVIL) for _ in range(60)))
        codes = [one.status_code for one in got]
        assert 20 <= codes.count(200) <= 25
        assert codes.count(429) >= 35
        assert "come back in" in next(one for one in got if one.status_code == 429).json()["detail"]
        assert (await client.get("/api/rooms", headers=GOOD)).status_code == 200
        assert (await client.get("/static/js/room.js", headers=EVIL)).status_code == 200  # costs nothing
        assert (await client.get("/api/rooms")).status_code == 200  # this machine's own


async def test_a_flood_of_offers_is_stopped_before_it_costs_anything(tmp_path: Path) -> None:
    async with attacked(tmp_path, requests=Rate(1.0, 1000), offers=Rate(0.1, 3)) as (_, client):
        sdp = {"Content-Type": "application/sdp"}
        codes = [
            (await client.post("/rooms/test/whep", content="v=0", headers={**sdp, **EVIL})).status_code
            for _ in range(9)
        ]
        assert codes == [400] * 3 + [429] * 6
        assert (await client.post("/rooms/test/whep", content="v=0", headers={**sdp, **GOOD})).status_code == 400


async def test_a_socket_that_says_too_much_is_closed_and_the_others_stay(tmp_path: Path) -> None:
    async with attacked(tmp_path) as (address, _):
        url = f"ws://{address}/rooms/test/ws"
        async with (
            websockets.connect(url, additional_headers=EVIL) as evil,
            websockets.connect(url, additional_headers=GOOD) as good,
        ):
            await receive(good, "welcome")
            with contextlib.suppress(websockets.ConnectionClosed):
                for n in range(10_000):
                    await evil.send(json.dumps({"type": "interrupt", "id": f"x{n}"}))
            async with asyncio.timeout(5):
                await evil.wait_closed()
            assert evil.close_code == TOO_MUCH
            await good.send(json.dumps({"type": "ask", "id": "c1", "text": "在吗？"}))
            assert (await receive(good, "accepted"))["id"] == "c1"


async def test_nobody_holds_all_sockets(tmp_path: Path) -> None:
    async with attacked(tmp_path) as (address, _):
        url = f"ws://{address}/rooms/test/ws"
        held = [await websockets.connect(url, additional_headers=EVIL) for _ in range(5)]
        with pytest.raises(websockets.InvalidStatus, match="429"):
            await websockets.connect(url, additional_headers=EVIL)
        async with websockets.connect(url, additional_headers=GOOD) as good:
            await receive(good, "welcome")
        await held.pop().close()
        await asyncio.sleep(0.1)
        held.append(await websockets.connect(url, additional_headers=EVIL))
        await asyncio.gather(*(one.close() for one in held))


def test_one_machine_has_one_address() -> None:
    assert share_of("2001:db8:1:2:3:4:5:6") == share_of("2001:db8:1:2::9") != share_of("2001:db8:1:3::9")
    assert share_of("::ffff:203.0.113.1") == share_of("203.0.113.1")
    assert share_of("fe80::1%eth0") == share_of("fe80::2")
    assert share_of("a name") == "a name"
    assert [foreign(host) for host in ("127.0.0.1", "::1", "", "10.0.0.1", "::ffff:8.8.8.8")] == [False] * 3 + [
        True
    ] * 2


async def test_an_answer_that_nobody_reads_is_let_go_and_connections_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(impatient, "UNREAD_S", 0.3)
    monkeypatch.setattr(impatient, "CONNECTIONS", 3)
    monkeypatch.setattr(impatient, "foreign", lambda host: True)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.9.9.9")
    async with attacked(tmp_path) as (address, _):
        host, _, port = address.partition(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(4)]
        async with asyncio.timeout(5):
            assert await held[-1][0].read() == b""
        reader, writer = held[0]
        writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 400)  # and not a byte of it is read
        await asyncio.sleep(1.5)
        for _, other in held:
            other.close()
        got = 0
        with contextlib.suppress(ConnectionError):
            while some := await reader.read(1 << 20):
                got += len(some)
        assert got < 400 * 20_000


# Too long, too slow


async def test_bodies_without_end_are_not_read(tmp_path: Path) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 1 << 28:
            sent += 1 << 16
            yield b"[" * (1 << 16)

    async with attacked(tmp_path) as (_, client):
        for path in ("/rooms/test/announcements", "/rooms/test/comments", "/rooms/test/whip", "/rooms/test/whep"):
            sent = 0
            try:
                kind = "application/sdp" if path.endswith("p") else "application/json"
                answer = await client.post(path, content=endless(), headers={**EVIL, "Content-Type": kind})
                assert answer.status_code in (401, 413)
            except httpx.TransportError:  # it was closed in the middle
                pass
            assert sent < 64 * body.MOST
        assert (await client.get("/api/rooms", headers=GOOD)).status_code == 200


async def test_what_never_ends_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impatient, "HEAD_S", 0.5)
    monkeypatch.setattr(body, "WITHIN_S", 0.5)
    post = b"POST /rooms/test/announcements HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n"
    whep = b"POST /rooms/test/whep HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 90\r\n"
    get = b"GET /api/rooms HTTP/1.1\r\nHost: x\r\n\r\n"
    async with attacked(tmp_path) as (address, client):
        host, _, port = address.partition(":")

        async def drip(first: bytes) -> tuple[float, bytes]:
            reader, writer = await asyncio.open_connection(host, int(port))
            begun, heard = time.monotonic(), b""
            writer.write(first)
            try:
                async with asyncio.timeout(5):
                    while True:
                        try:
                            async with asyncio.timeout(0.1):
                                if not (some := await reader.read(4096)):
                                    break
                                heard += some
                        except TimeoutError:
                            writer.write(b"x")  # a byte now and then
            except ConnectionError:
                pass
            writer.close()
            return time.monotonic() - begun, heard

        drips = [drip(b""), drip(b"GET / HTTP/1.1\r\nX-Slow: "), drip(get + b"GET / HT"), drip(post + b"\r\n{")]
        drips.append(drip(whep + b"\r\nv"))
        ended = await asyncio.gather(*drips)
        assert all(0.3 < seconds < 3 for seconds, _ in ended)
        assert b"200 OK" in ended[2][1]
        assert b"408" in ended[3][1]
        assert b"408" in ended[4][1]
        assert (await client.get("/api/rooms", headers=GOOD)).status_code == 200


async def test_heads_that_are_none_or_too_long_are_refused(tmp_path: Path) -> None:
    rng = random.Random(7)
    async with attacked(tmp_path) as (address, client):
        host, _, port = address.partition(":")
        heads = [
            b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000,
            b"GET /" + b"a" * 200_000,
            b"".join(b"X%d: y\r\n" % n for n in range(20_000)),
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nzz\r\n",
            *(rng.randbytes(rng.randrange(1, 3000)) + b"\r\n\r\n" for _ in range(40)),
        ]
        for head in heads:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(head)
            writer.write_eof()
            async with asyncio.timeout(5):
                try:
                    answer = await reader.read()
                except ConnectionError:
                    answer = b""
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), (head[:80], answer[:80])
            writer.close()
        assert (await client.get("/api/rooms", headers=GOOD)).status_code == 200


async def test_messages_that_are_none_close_at_most_their_own_socket(tmp_path: Path) -> None:
    rng = random.Random(11)
    deep = "[" * 200_000
    texts = [
        "",
        "null",
        "{}",
        deep,
        '{"type":' * 5000,
        json.dumps({"type": ["ask"]}),
        '{"type":"ask","id":' + "9" * 5000,
    ]
    async with attacked(tmp_path, said=Rate(1e6, 1_000_000)) as (address, _):
        url = f"ws://{address}/rooms/test/ws"
        async with websockets.connect(url, additional_headers=GOOD) as good:
            await receive(good, "welcome")
            for sent in (*texts, *(rng.randbytes(200) for _ in range(50)), "x" * (5 << 20)):
                async with websockets.connect(url, max_size=None) as evil:
                    await receive(evil, "welcome")
                    await evil.send(sent)
                    with contextlib.suppress(websockets.ConnectionClosed):
                        await receive(evil, "error")
                    assert evil.close_code in (None, 1009)
            await good.send(json.dumps({"type": "ask", "id": "c1", "text": "在吗？"}))
            assert (await receive(good, "accepted"))["id"] == "c1"


# WebRTC


def _mutilated(sdp: str, rng: random.Random) -> str:
    lines = sdp.split("\r\n")
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(lines))
        match rng.randrange(7):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[rng.randrange(len(lines))])
            case 2:
                lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
            case 3:
                lines[at] = re.sub(r"\d+", lambda _: str(rng.choice([-1, 0, 2**31, 2**64, 10**30])), lines[at])
            case 4:
                lines[at] += "".join(chr(rng.randrange(1, 0x2FFF)) for _ in range(20))
            case 5:
                lines[at : at + 1] = [lines[at]] * 50
            case _:
                rng.shuffle(lines)
        if not lines:
            lines = [""]
    return "\r\n".join(lines)


async def test_offers_that_are_none_disturb_nobody() -> None:
    rng, taken = random.Random(3), 0
    async with on_air() as (_, whep, _), player(whep) as (connection, video, _):
        offer = connection.localDescription.sdp
        await video.recv()
        for n in range(150):
            with contextlib.suppress(OfferError):
                name, _ = await whep.answer(_mutilated(offer, rng), f"evil{n}")
                taken += 1
                await whep.close(name)
        assert taken < 150
        assert len(whep) == 1
        await video.recv()


async def test_packets_that_are_none_disturb_nobody() -> None:
    """RTP and RTCP of a viewer who has joined as they should, and then sends what they like under SRTP; and what
    anybody may send to the port.
    """
    rng = random.Random(5)
    heard: list[OpusPacket] = []
    source = Source()
    whep = Whep(source.fanout, lambda viewer, packet: heard.append(packet), lambda *clock: None)
    running = asyncio.create_task(source.run())
    try:
        async with player(whep) as (_, video, _):
            await video.recv()
            async with talker(whep, "evil", AudioStreamTrack()) as evil:
                async with asyncio.timeout(10):
                    while len(heard) < 5:
                        await asyncio.sleep(0.02)
                transport = evil.getSenders()[0].transport
                ssrc, sent = evil.getSenders()[0]._ssrc, 0
                for _ in range(600):
                    with contextlib.suppress(pylibsrtp.Error):  # which takes no packet whose lengths it cannot believe
                        await transport._send_rtp(_packet(rng, ssrc))
                        sent += 1
                    await transport.transport._send(rng.randbytes(rng.randrange(1, 1200)))  # STUN, DTLS or nothing
                assert sent > 200
                await _pictures(video, 20)
            await _pictures(video, 20)
    finally:
        await whep.close_all()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _packet(rng: random.Random, ssrc: int) -> bytes:
    """RTP or RTCP by its first bytes, and then what chance will have."""
    body = rng.randbytes(rng.randrange(0, 1100))
    if rng.random() < 0.5:
        kind, count = rng.randrange(192, 224), rng.randrange(32)
        length = rng.choice([len(body) // 4, 0, 65_535])
        return bytes([0x80 | count, kind]) + length.to_bytes(2, "big") + ssrc.to_bytes(4, "big") + body
    head = bytes([0x80 | rng.randrange(64), rng.choice([96, 111, 96 | 0x80, rng.randrange(128)])])
    return head + rng.randbytes(6) + rng.choice([ssrc, rng.randrange(2**32)]).to_bytes(4, "big") + body


async def _pictures(video: MediaStreamTrack, count: int) -> None:
    async with asyncio.timeout(20):
        for _ in range(count):
            await video.recv()
