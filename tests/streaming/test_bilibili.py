"""Bilibili's open live platform: its packets, its messages, and a whole one on loopback that checks what it is sent."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import websockets
from fastapi import FastAPI, Request
from hypothesis import example, given
from hypothesis import strategies as st

from streaming.bridges import bilibili_wire as wire
from streaming.bridges.bilibili import Bilibili, Pace
from streaming.bridges.bilibili_conversation import Conversation, Over, Session
from streaming.bridges.bilibili_events import comments, ended
from streaming.bridges.bilibili_signing import Keys, headers
from streaming.bridges.bilibili_wire import Operation, Packet, WireError, pack, packets
from streaming.comment import Comment
from streaming.errors import BridgeError
from tests.streaming.test_gateway import gateway, receive

STREAM = Path(__file__).parent / "data" / "bilibili_open_live.jsonl"
KEYS = Keys("key-of-a-test", "secret-of-a-test", 1700000000000, "CODE123")
QUICK = Pace(heartbeat_s=0.03, silence_s=5, first_s=0.005, most_s=0.02, settling_s=0.01)


def recorded() -> list[dict[str, Any]]:
    return [json.loads(line) for line in STREAM.read_text("utf-8").splitlines()]


def danmaku(n: int, text: str = "试用期最长多久？") -> dict[str, Any]:
    data = {"open_id": f"viewer-{n}", "uname": f"观众{n}", "msg": text, "msg_id": f"m{n}", "dm_type": 0}
    return {"cmd": "LIVE_OPEN_PLATFORM_DM", "data": data}


def message(command: object, version: int = 0) -> bytes:
    return raw(Operation.MESSAGE, json.dumps(command).encode(), version)


def raw(operation: int, body: bytes, version: int = 0) -> bytes:
    return wire.HEADER.pack(wire.HEADER.size + len(body), wire.HEADER.size, version, operation, 0) + body


def deflated(*inner: bytes) -> bytes:
    return raw(Operation.MESSAGE, zlib.compress(b"".join(inner)), wire.ZLIB)


# Packets

packet = st.builds(Packet, st.sampled_from(list(Operation)), st.binary(max_size=60), st.sampled_from([0, 1, 3, 9]))


def framed(inner: list[Packet]) -> bytes:
    return b"".join(raw(one.operation, one.body, one.version) for one in inner)


@given(st.lists(packet, max_size=5), st.lists(packet, max_size=5))
def test_every_packet_of_a_frame_is_read_deflated_or_not(plain: list[Packet], inner: list[Packet]) -> None:
    frame = framed(plain) + (deflated(framed(inner)) if inner else b"") + framed(plain)
    assert list(packets(frame)) == plain + inner + plain


def taken(frame: bytes) -> tuple[list[Packet], bool]:
    """Those that could be read, and whether all could."""
    read: list[Packet] = []
    try:
        read.extend(packets(frame))  # extend keeps what came before an error
    except WireError:
        return read, False
    return read, True


@given(st.lists(packet, min_size=1, max_size=4), st.data())
def test_of_a_torn_frame_what_is_whole_is_read(whole: list[Packet], data: st.DataObject) -> None:
    frame = framed(whole)
    at = data.draw(st.integers(0, len(frame) - 1))
    read, good = taken(frame[:at])
    assert read == whole[: len(read)]
    assert good == (framed(read) == frame[:at])


@given(st.binary(max_size=200))
def test_garbage_is_an_error_and_nothing_else(data: bytes) -> None:
    read, _ = taken(data)
    assert len(read) <= len(data) // wire.HEADER.size
    taken(raw(Operation.MESSAGE, data, wire.ZLIB))
    conversation = Conversation()
    conversation.begin(Session("g1", "{}", ("ws://x",)))
    conversation.receive(data)
    conversation.receive(message({}) + data)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (deflated(deflated(message({}))), "twice"),
        (raw(Operation.MESSAGE, zlib.compress(bytes(wire.MOST_BYTES + 1)), wire.ZLIB), "more than"),
        (raw(Operation.MESSAGE, zlib.compress(b"torn")[:-2], wire.ZLIB), "torn"),
        (raw(Operation.MESSAGE, b"not deflated", wire.ZLIB), "header"),
        (wire.HEADER.pack(16, 8, 0, 5, 0), "header of 8"),
        (wire.HEADER.pack(15, 16, 0, 5, 0), "15 bytes"),
        (wire.HEADER.pack(2**32 - 1, 16, 0, 5, 0), "where 16 are left"),
        (bytes(7), "instead of a header"),
    ],
)
def test_a_broken_packet_is_named(frame: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        list(packets(frame))


def test_what_is_sent_is_as_documented() -> None:
    assert pack(Operation.HEARTBEAT) == bytes.fromhex("00000010 0010 0000 00000002 00000001")
    assert pack(Operation.AUTH, b"{}") == bytes.fromhex("00000012 0010 0000 00000007 00000001") + b"{}"


# Messages


def test_a_recorded_stream_becomes_comments() -> None:
    heard = [one.model_dump(exclude_defaults=True) for command in recorded() for one in comments(command)]
    said = {"platform": "bilibili"}
    number = "10000000-0000-4000-8000-0000000000"
    assert heard == [
        said
        | {"kind": "enter", "author": "b2d4000000000000000000000000yun1", "name": "山里的云"}
        | {"id": "b2d4000000000000000000000000yun1:1764300004:enter"},
        said
        | {"id": f"{number}03", "author": "c3e5000000000000000000000000wang", "name": "爱吃面的小王"}
        | {"text": "房东不退押金怎么办？"},
        said
        | {"kind": "gift", "id": f"{number}06:gift", "author": "e5a7000000000000000000000000lily", "name": "莉莉周"}
        | {"gift": "小花花"},
        said
        | {"kind": "gift", "id": f"{number}08:gift", "author": "f6b8000000000000000000000000chen", "name": "老陈开店"}
        | {"gift": "醒目留言"},
        said
        | {"id": f"{number}08", "author": "f6b8000000000000000000000000chen", "name": "老陈开店"}
        | {"text": "试用期最长多久？"},
        said
        | {"kind": "gift", "id": f"{number}10:gift", "author": "07c9000000000000000000000000sail", "name": "南风知我意"}
        | {"gift": "舰长"},
    ]
    assert [game for command in recorded() if (game := ended(command))] == ["another-session"]


def test_what_is_too_long_is_cut_and_what_is_too_long_to_cut_is_hashed() -> None:
    command = danmaku(1, "长" * 3000)
    command["data"] |= {"open_id": "o" * 99, "msg_id": "i" * 99, "uname": "名" * 99}
    (one,) = comments(command)
    assert (len(one.text), len(one.name), len(one.author), len(one.id)) == (2000, 40, 64, 64)
    command["data"]["open_id"] = "o" * 98 + "x"
    assert comments(command)[0].author != one.author


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = ["open_id", "uid", "uname", "msg", "msg_id", "message", "gift_name", "guard_level", "dm_type", "timestamp"]
commands = st.fixed_dictionaries(
    {
        "cmd": st.sampled_from([command["cmd"] for command in recorded()]) | json_values,
        "data": st.dictionaries(st.sampled_from([*fields, "user_info", "game_id"]), json_values, max_size=10)
        | json_values,
    }
)


@given(commands | json_values)
@example({"cmd": "LIVE_OPEN_PLATFORM_DM", "data": {"open_id": "\ud83d", "uname": "半\ud83d", "msg": "\udc4d好吗"}})
@example({"cmd": "LIVE_OPEN_PLATFORM_GUARD", "data": {"user_info": {"uid": 10**4299, "uname": " "}, "guard_level": []}})
def test_whatever_is_told_breaks_nothing(command: object) -> None:
    for one in comments(command):
        assert Comment.model_validate_json(one.model_dump_json()) == one
    ended(command)


def test_the_signature_is_the_documented_one() -> None:
    body = b'{"game_id": "g1"}'
    signed = headers(KEYS, body, "nonce-1", 1764300000)
    lines = (
        "x-bili-accesskeyid:key-of-a-test\n"
        f"x-bili-content-md5:{hashlib.md5(body, usedforsecurity=False).hexdigest()}\n"
        "x-bili-signature-method:HMAC-SHA256\n"
        "x-bili-signature-nonce:nonce-1\n"
        "x-bili-signature-version:1.0\n"
        "x-bili-timestamp:1764300000"
    )
    assert signed["Authorization"] == hmac.new(b"secret-of-a-test", lines.encode(), "sha256").hexdigest()
    assert "secret" not in repr(KEYS)
    assert "CODE123" not in repr(KEYS)


def test_a_conversation(caplog: pytest.LogCaptureFixture) -> None:
    conversation, session = Conversation(), Session("g1", '{"key":"k"}', ("ws://x",))
    assert conversation.begin(session) == pack(Operation.AUTH, b'{"key":"k"}')
    assert conversation.receive(raw(Operation.AUTH_REPLY, b'{"code":0}', 1)) == []
    assert conversation.authorized
    heard = conversation.receive(
        message(danmaku(1)) + raw(Operation.HEARTBEAT_REPLY, bytes(4), 1) + message(danmaku(2))
    )
    assert [one.id for one in heard] == ["m1", "m2"]
    for _ in range(3):
        assert conversation.receive(raw(Operation.MESSAGE, b"brotli", 3)) == []
        assert conversation.receive("text") == []
        assert conversation.receive(raw(17, b"")) == []
        assert conversation.receive(raw(Operation.MESSAGE, b"{")) == []
        assert [one.id for one in conversation.receive(message(danmaku(3)) + b"torn")] == ["m3"]
    assert len(caplog.records) == 5, caplog.text  # each is said once
    end = {"cmd": "LIVE_OPEN_PLATFORM_INTERACTION_END", "data": {"game_id": "g0", "timestamp": 1}}
    conversation.receive(message(end))
    assert conversation.over is None  # another's
    end["data"] = {"game_id": "g1", "timestamp": 1}
    conversation.receive(message(end))
    assert conversation.over is Over.LAPSED
    conversation.begin(session)
    assert (conversation.over, conversation.authorized) == (None, False)
    conversation.receive(raw(Operation.AUTH_REPLY, b'{"code":-101}', 1))
    assert conversation.over is Over.REFUSED


# The platform


class Platform:
    """Speaks the documented protocol, and is as strict as it is."""

    def __init__(self, keys: Keys = KEYS) -> None:
        self.keys = keys
        self.api = ""
        self.link = ""
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.refuse: dict[str, list[int]] = {}
        """Codes to answer with next, by path."""
        self.running: set[str] = set()
        self.games = 0
        self.refuse_greetings = 0
        self.heartbeats = 0
        self.game_id = True
        self.answers = asyncio.Event()
        self.answers.set()
        self.listening: asyncio.Queue[websockets.ServerConnection] = asyncio.Queue()
        """Connections that were greeted well."""
        self._nonces: set[str] = set()

    def asked(self, path: str) -> list[dict[str, Any]]:
        return [fields for one, fields in self.requests if one == path]

    async def next(self) -> websockets.ServerConnection:
        async with asyncio.timeout(5):
            return await self.listening.get()

    def answer(self, path: str, given: dict[str, str], body: bytes) -> dict[str, Any]:
        if (code := self._signature(given, body)) or (self.refuse.get(path) and (code := self.refuse[path].pop(0))):
            return {"code": code, "message": "refused", "request_id": "1", "data": None}
        fields = json.loads(body)
        self.requests.append((path, fields))
        match path:
            case "start":
                code = 7007 if fields["code"] != self.keys.code else 8002 if fields["app_id"] != self.keys.app_id else 0
                self.games += 1
                game = f"game-{self.games}" if self.game_id else ""
                self.running |= {game} - {""}
                data = {
                    "game_info": {"game_id": game},
                    "websocket_info": {"auth_body": json.dumps({"key": f"k{self.games}"}), "wss_link": [self.link]},
                    "anchor_info": {"room_id": 900101, "uname": "小林说法", "uid": 0, "open_id": "anchor"},
                }
                return {"code": code, "message": "0", "request_id": "1", "data": data if code == 0 else None}
            case "heartbeat":
                code = 0 if fields["game_id"] in self.running else 7003
            case "end":
                code = 0 if fields["game_id"] in self.running and fields["app_id"] == self.keys.app_id else 7000
                self.running.discard(fields["game_id"])
        return {"code": code, "message": "0", "request_id": "1", "data": {}}

    def _signature(self, given: dict[str, str], body: bytes) -> int:
        signed = {name: value for name, value in given.items() if name.startswith("x-bili-")}
        source = "\n".join(f"{name}:{signed[name]}" for name in sorted(signed))
        expected = hmac.new(self.keys.access_secret.encode(), source.encode(), hashlib.sha256).hexdigest()
        nonce = signed.get("x-bili-signature-nonce", "")
        if signed.get("x-bili-accesskeyid") != self.keys.access_key:
            return 4001
        if given.get("authorization") != expected:
            return 4002
        if not nonce or nonce in self._nonces:
            return 4004
        self._nonces.add(nonce)
        if (given.get("content-type"), given.get("accept")) != ("application/json", "application/json"):
            return 4011
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return 0 if signed.get("x-bili-content-md5") == md5 else 4012

    async def greet(self, connection: websockets.ServerConnection) -> None:
        greeting = list(packets(bytes(await connection.recv())))  # type: ignore[arg-type]
        assert [one.operation for one in greeting] == [Operation.AUTH]
        good = json.loads(greeting[0].body) == {"key": f"k{self.games}"} and not self.refuse_greetings
        self.refuse_greetings = max(0, self.refuse_greetings - 1)
        code = 0 if good else -101
        await connection.send(raw(Operation.AUTH_REPLY, json.dumps({"code": code}).encode(), 1))
        if not good:
            return
        self.listening.put_nowait(connection)
        async for frame in connection:
            assert frame == pack(Operation.HEARTBEAT)
            self.heartbeats += 1
            await connection.send(raw(Operation.HEARTBEAT_REPLY, (1234).to_bytes(4, "big"), 1))


@asynccontextmanager
async def platform(keys: Keys = KEYS) -> AsyncIterator[Platform]:
    fake, app = Platform(keys), FastAPI()

    @app.post("/v2/app/{path}")
    async def answer(path: str, request: Request) -> dict[str, Any]:
        told = fake.answer(path, dict(request.headers), await request.body())
        await fake.answers.wait()
        return told

    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        fake.api = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with websockets.serve(fake.greet, "127.0.0.1", 0) as sockets:
            fake.link = f"ws://127.0.0.1:{next(iter(sockets.sockets)).getsockname()[1]}/sub"
            running = asyncio.create_task(server.serve([listener]))
            while not server.started:
                await asyncio.sleep(0.005)
            try:
                yield fake
            finally:
                server.should_exit = True
                await running


@asynccontextmanager
async def bridge(fake: Platform, pace: Pace = QUICK) -> "AsyncIterator[asyncio.Queue[Comment]]":
    heard: asyncio.Queue[Comment] = asyncio.Queue()
    task = asyncio.create_task(Bilibili(fake.keys, heard.put_nowait, fake.api, pace).run())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ids(heard: "asyncio.Queue[Comment]", count: int) -> list[str]:
    async with asyncio.timeout(5):
        return [(await heard.get()).id for _ in range(count)]


async def until(done: Any) -> None:
    async with asyncio.timeout(5):
        while not done():
            await asyncio.sleep(0.005)


async def test_a_room_is_followed_through_lost_connections_until_somebody_ends_it() -> None:
    async with platform() as fake:
        async with bridge(fake) as heard:
            connection = await fake.next()
            await connection.send(message(danmaku(1)) + deflated(message(danmaku(2)), message(danmaku(3))))
            await connection.send(b"garbage")
            await connection.send(raw(Operation.MESSAGE, b"?", 3) + message(danmaku(4)))
            assert await ids(heard, 4) == ["m1", "m2", "m3", "m4"]
            connection.transport.abort()
            connection = await fake.next()
            await connection.send(message(danmaku(5)))
            await connection.close()
            connection = await fake.next()
            await connection.send(message(danmaku(6)))
            assert await ids(heard, 2) == ["m5", "m6"]
            await until(lambda: fake.heartbeats > 2 and len(fake.asked("heartbeat")) > 2)
            assert len(fake.asked("start")) == 1  # one session all the while
            assert fake.asked("start") == [{"code": "CODE123", "app_id": 1700000000000}]
        assert fake.asked("end") == [{"app_id": 1700000000000, "game_id": "game-1"}]
        assert fake.running == set()


@pytest.mark.parametrize("way", ["heartbeat", "message", "greeting"])
async def test_a_session_that_is_over_is_followed_by_another(way: str) -> None:
    async with platform() as fake:
        fake.refuse_greetings = 1 if way == "greeting" else 0
        async with bridge(fake) as heard:
            if way != "greeting":
                connection = await fake.next()
                game = fake.running.pop()
                if way == "message":
                    data = {"game_id": game, "timestamp": 1}
                    await connection.send(message({"cmd": "LIVE_OPEN_PLATFORM_INTERACTION_END", "data": data}))
            connection = await fake.next()
            await connection.send(message(danmaku(1)))
            assert await ids(heard, 1) == ["m1"]
            assert len(fake.asked("start")) == 2
        assert fake.running == set()


async def test_a_platform_that_cannot_be_reached_is_tried_again() -> None:
    async with platform() as fake:
        fake.refuse["start"] = [7001, 7002, 5002]
        fake.refuse["heartbeat"] = [5001]
        link, fake.link = fake.link, "ws://127.0.0.1:1/sub"  # nobody is there
        async with bridge(fake) as heard:
            await until(lambda: len(fake.asked("end")) == 1)  # three attempts, then another session
            fake.link = link
            connection = await fake.next()
            fake.refuse["start"] = [7007]  # it was taken before: the platform's mistake
            fake.running.clear()
            connection = await fake.next()
            await connection.send(message(danmaku(1)))
            assert await ids(heard, 1) == ["m1"]
        assert fake.running == set()


async def test_a_connection_that_says_nothing_is_left() -> None:
    async with platform() as fake:
        async with bridge(fake, Pace(heartbeat_s=9, silence_s=0.05, first_s=0.005)):
            await fake.next()
            await fake.next()
        assert len(fake.asked("start")) == 1


async def test_a_project_without_sessions_needs_no_heartbeat_and_no_end() -> None:
    async with platform() as fake:
        fake.game_id = False
        async with bridge(fake) as heard:
            connection = await fake.next()
            await until(lambda: fake.heartbeats > 1)
            await connection.send(message(danmaku(1)))
            assert await ids(heard, 1) == ["m1"]
        assert [path for path, _ in fake.requests] == ["start"]


async def test_a_session_that_begins_while_the_bridge_is_ended_is_ended() -> None:
    async with platform() as fake:
        fake.answers.clear()
        task = asyncio.create_task(Bilibili(KEYS, lambda _: None, fake.api, QUICK).run())
        await until(lambda: fake.running)  # it is granted, and its answer is on its way
        task.cancel()
        await asyncio.sleep(0.01)
        fake.answers.set()
        await asyncio.gather(task, return_exceptions=True)
        assert fake.running == set()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Keys("another", "secret-of-a-test", 1700000000000, "CODE123"), "access key"),
        (Keys("key-of-a-test", "another", 1700000000000, "CODE123"), "access secret"),
        (Keys("key-of-a-test", "secret-of-a-test", 5, "CODE123"), "app id"),
        (Keys("key-of-a-test", "secret-of-a-test", 1700000000000, "OLD"), "身份码"),
    ],
)
async def test_keys_that_are_refused_are_named(wrong: Keys, said: str) -> None:
    async with platform() as fake:
        with pytest.raises(BridgeError, match=said):
            await Bilibili(wrong, lambda _: None, fake.api, QUICK).run()


# From there into a room


@contextlib.contextmanager
def ending(process: asyncio.subprocess.Process) -> Iterator[None]:
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()


async def test_the_command_brings_a_platform_into_a_room_and_leaves_it_when_it_is_ended(tmp_path: Path) -> None:
    async with platform() as fake, gateway(tmp_path) as (address, _):
        environment = os.environ | {
            "BILIBILI_ACCESS_KEY": KEYS.access_key,
            "BILIBILI_ACCESS_SECRET": KEYS.access_secret,
            "BILIBILI_APP_ID": str(KEYS.app_id),
            "MY_CODE": KEYS.code,
        }
        environment.pop("EVERHOST_OPERATOR_TOKEN", None)
        options = ["--room", "test", "--url", f"http://{address}", "--data", str(tmp_path), "--code-env", "MY_CODE"]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streaming.cli", "-v", "bridge", "bilibili", "--api", fake.api, *options),
            env=environment,
            stderr=asyncio.subprocess.PIPE,
        )
        with ending(process):
            async with asyncio.timeout(15):
                connection = await fake.listening.get()
            async with websockets.connect(f"ws://{address}/rooms/test/ws") as viewer:
                await receive(viewer, "welcome")
                for command in recorded():
                    await connection.send(deflated(message(command)))
                asked = [await receive(viewer, "question") for _ in range(2)]
            assert [(one["name"], one["text"]) for one in asked] == [
                ("爱吃面的小王", "房东不退押金怎么办？"),
                ("老陈开店", "试用期最长多久？"),
            ]
            process.send_signal(signal.SIGTERM)
            _, log = await asyncio.wait_for(process.communicate(), 10)
        assert process.returncode == 0, log.decode()
        assert fake.asked("end") == [{"app_id": KEYS.app_id, "game_id": "game-1"}]
        for secret in (KEYS.access_secret, KEYS.code, '"k1"', (tmp_path / "operator.token").read_text().strip()):
            assert secret not in log.decode()
