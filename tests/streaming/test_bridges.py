"""What bridges share: what waits, what is posted and what becomes of it, and comments that come as lines."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import websockets
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from hypothesis import given
from hypothesis import strategies as st

from streaming.backoff import Backoff
from streaming.bridges.command import bilibili_keys, carry
from streaming.bridges.lines import MOST_BYTES, RIGHT, Lines, Wrong, read_lines
from streaming.bridges.post import Gateway, Post
from streaming.bridges.waiting import STALE_S, Waiting
from streaming.cli import main
from streaming.comment import MOST, Comment
from streaming.errors import BridgeError
from streaming.serve import configuration
from streaming.tls import Identity, self_signed
from tests.streaming.test_gateway import gateway, receive

ADDRESS = "http://127.0.0.1:8080"


def comment(id: str = "m1", **changes: Any) -> Comment:  # noqa: A002
    return Comment.model_validate({"platform": "twitch", "id": id, "author": "42", "text": "?", **changes})


# What waits

kinds = st.sampled_from(["comment", "gift", "follow", "enter"])


def put(waiting: Waiting, given: list[str]) -> list[Comment]:
    all_of_them = [comment(str(n), kind=kind) for n, kind in enumerate(given)]
    for one in all_of_them:
        waiting.put(one, 0.0)
    return all_of_them


@given(st.lists(kinds, max_size=30), st.integers(1, 10))
def test_when_it_is_full_newcomers_go_first_then_the_oldest(given: list[str], bound: int) -> None:
    waiting = Waiting(bound)
    came = put(waiting, given)
    left = [one for _, one in waiting.take(100, 0.0)]
    assert [one for one in came if one in left] == left  # in order
    assert len(left) == min(len(came), bound)
    assert waiting.let_go.total() == len(came) - len(left)
    if any(one.kind == "enter" for one in left):  # nobody else had to go
        assert set(waiting.let_go) <= {"enter"}
    others = [one for one in came if one.kind != "enter"]
    assert [one for one in left if one.kind != "enter"] == others[-bound:]


@given(st.lists(kinds, min_size=1, max_size=20), st.integers(1, 20))
def test_what_could_not_be_posted_comes_first_again(given: list[str], most: int) -> None:
    waiting = Waiting()
    came = put(waiting, given)
    taken = waiting.take(most, 0.0)
    assert [one for _, one in taken] == came[:most]
    waiting.put_back(taken)
    assert len(waiting) == len(came)
    assert [one for _, one in waiting.take(100, 0.0)] == came


def test_what_nobody_expects_any_more_is_let_go() -> None:
    waiting = Waiting()
    put(waiting, ["enter", "comment", "gift", "comment"])
    assert [one.kind for _, one in waiting.take(1, STALE_S["enter"] + 1)] == ["comment"]
    assert waiting.take(9, STALE_S["comment"] + 1) == []
    assert waiting.let_go == {"enter": 1, "gift": 1, "comment": 1}


def test_attempts_come_less_and_less_often_within_bounds() -> None:
    backoff = Backoff()
    waits = [backoff.next() for _ in range(2000)]
    assert 1.0 <= waits[0] <= 1.25
    assert 2.0 <= waits[1] <= 2.5
    assert all(wait == 30.0 for wait in waits[6:])
    backoff.reset()
    assert backoff.next() <= 1.25


# Lines

GOOD = RIGHT.encode()


@given(st.lists(st.sampled_from([GOOD, b"", b"{", b"\xff", b"[]"]), max_size=8), st.integers(1, 300), st.booleans())
def test_lines_are_the_same_however_they_come(given: list[bytes], size: int, ended: bool) -> None:
    data = b"\n".join(given) + (b"\n" if ended else b"")
    lines = Lines()
    read = [one for at in range(0, len(data), size) for one in lines.feed(data[at : at + size])] + list(lines.end())
    expected = [(n, line == GOOD) for n, line in enumerate(given, 1) if line]
    assert [(one.number, False) if isinstance(one, Wrong) else True for one in read] == [
        True if good else (n, False) for n, good in expected
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{not json", "Invalid JSON"),
        (b"[" + GOOD + b"]", "should be an object"),
        (b'{"platform": "twitch", "id": "1", "text": "?"}', "author: Field required"),
        (b'{"platform": "twitch", "id": 1, "author": "2"}', "id: Input should be a valid string"),
        (b'{"platform": "My Site", "id": "1", "author": "2"}', "platform: String should match"),
        (b'{"platform": "twitch", "id": "1", "author": "2", "kind": "like"}', "kind: Input should be 'comment'"),
        (b"x" * (MOST_BYTES + 1), "longer than"),
    ],
)
def test_a_bad_line_is_named(line: bytes, said: str) -> None:
    lines = Lines()
    good, bad, after = lines.feed(GOOD + b"\r\n" + line + b"\n\n" + GOOD + b"\n")
    assert isinstance(good, Comment)
    assert isinstance(bad, Wrong)
    assert isinstance(after, Comment)
    assert bad.number == 2
    assert said in bad.reason


async def test_lines_come_from_a_file_as_well(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes((GOOD + b"\n") * 3 + b"{}")
    heard: list[Comment] = []
    with file.open("rb") as data:
        await read_lines(heard.append, data.fileno())
    assert len(heard) == 3


# Posting


class Door:
    """A gateway's, with answers as they are told."""

    def __init__(self, *first: tuple[int, Any]) -> None:
        """``first``: statuses and bodies; then all goes well."""
        self.next = list(first)
        self.posted: list[list[str]] = []
        self.tokens: set[str] = set()
        self.open = asyncio.Event()
        self.open.set()
        self.refuses: set[str] = set()
        self.url = ""

    async def take(self, request: Request) -> Response:
        comments = [one["id"] for one in await request.json()]
        self.posted.append(comments)
        self.tokens.add(request.headers["authorization"])
        await self.open.wait()
        if self.next:
            status, body = self.next.pop(0)
            return JSONResponse(body, status)
        if self.refuses & set(comments):
            return JSONResponse({"detail": "0.id: it is not liked"}, 422)
        outcomes = [{"id": one, "outcome": "rejected", "code": "busy", "reason": "full"} for one in comments]
        return JSONResponse({"comments": outcomes}, 202)


@asynccontextmanager
async def door(*first: tuple[int, Any], port: int = 0, identity: Identity | None = None) -> AsyncIterator[Door]:
    app, there = FastAPI(), Door(*first)

    @app.post("/rooms/test/comments")
    async def take(request: Request) -> Response:
        return await there.take(request)

    config = configuration(app, identity)
    config.lifespan, config.log_level = "off", "error"
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        there.url = f"{'https' if identity else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        running = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            yield there
        finally:
            there.open.set()
            server.should_exit = True
            await running


@asynccontextmanager
async def posting(url: str, room: str = "test", waiting: Waiting | None = None) -> "AsyncIterator[Post]":
    post = Post(Gateway(url, room, "token"), Backoff(0.005, 0.02), waiting)
    task = asyncio.create_task(post.run())
    try:
        yield post
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def drained(post: Post) -> None:
    async with asyncio.timeout(5):
        await post.drained()


async def test_they_go_as_they_come_and_together_while_one_request_is_under_way() -> None:
    async with door() as there, posting(there.url) as post:
        there.open.clear()
        post.put(comment("first"))
        while not there.posted:
            await asyncio.sleep(0.005)
        for n in range(MOST + 5):
            post.put(comment(str(n)))
        there.open.set()
        await drained(post)
        assert there.posted == [["first"], [str(n) for n in range(MOST)], [str(n) for n in range(MOST, MOST + 5)]]
        assert there.tokens == {"Bearer token"}  # and what was rejected as "busy" was posted once


async def test_while_the_gateway_is_away_they_wait_and_what_is_too_much_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with posting(f"http://127.0.0.1:{port}", waiting=Waiting(5)) as post:
        for n in range(3):
            post.put(comment(f"e{n}", kind="enter"))
        for n in range(4):
            post.put(comment(f"m{n}"))
        while "does not answer" not in caplog.text:
            await asyncio.sleep(0.005)
        async with door((503, {}), (500, {}), (429, {}), port=port) as there:
            await drained(post)
            assert there.posted == [["e2", "m0", "m1", "m2", "m3"]] * 4
    assert "let go: 2 × enter" in caplog.text
    assert "answered 503; 5 wait, trying again in" in caplog.text


async def test_a_gateway_with_a_certificate_of_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    identity = self_signed(tmp_path, ["127.0.0.1"])
    (tmp_path / "operator.token").write_text("token")
    async with door(identity=identity) as there:
        post = Post(Gateway.find(there.url, "test", tmp_path))
        post.put(comment())
        task = asyncio.create_task(post.run())
        await drained(post)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert there.posted == [["m1"]]
        async with posting(there.url) as stranger:
            stranger.put(comment())
            while "CERTIFICATE_VERIFY_FAILED" not in caplog.text:
                await asyncio.sleep(0.005)
    (tmp_path / "tls.crt").write_text("none")
    with pytest.raises(BridgeError, match=r"tls\.crt cannot be read"):
        Gateway.find(there.url, "test", tmp_path).trusted()


@pytest.mark.parametrize("status", [413, 422])
async def test_one_that_is_not_taken_does_not_keep_the_others(status: int, caplog: pytest.LogCaptureFixture) -> None:
    async with door((status, {"detail": "too much"})) as there, posting(there.url) as post:
        there.refuses = {"bad"}
        for one in ("a", "bad", "b"):
            post.put(comment(one))
        await drained(post)
        assert there.posted == [["a", "bad", "b"], ["a"], ["bad"], ["b"]]
    assert "0.id: it is not liked" in caplog.text


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"detail": "no"}, "everhost token add NAME --role bridge"),
        (403, {"detail": "the token 'x' is a viewer's"}, "a viewer's"),
        (404, {"detail": "there is no room 'test' here"}, "there is no room 'test' here.*--room"),
        (307, {}, "answered 307.*--url"),
        (200, {"comments": []}, "answered 200.*--url"),
        (202, {"ok": True}, "which no gateway does"),
    ],
)
async def test_what_another_attempt_does_not_mend_ends_the_bridge(status: int, body: Any, said: str) -> None:
    ended = asyncio.Event()

    async def read(put: Any) -> None:
        put(comment())
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()  # it leaves its platform properly

    async with door((status, body)) as there, asyncio.timeout(5):
        with pytest.raises(BridgeError, match=said):
            await carry(read, Post(Gateway(there.url, "test", "token")), asyncio.Event())
    assert ended.is_set()


async def test_the_gateway_itself_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERHOST_OPERATOR_TOKEN", raising=False)
    async with gateway(tmp_path) as (address, _), asyncio.timeout(10):
        known = (tmp_path / "operator.token").read_text().strip()
        for room, token, said in (("test", "no", "does not know this token"), ("other", known, "is not there.*test")):
            post = Post(Gateway(f"http://{address}", room, token))
            post.put(comment())
            with pytest.raises(BridgeError, match=said):
                await post.run()


async def test_what_was_heard_last_is_posted_when_the_bridge_is_stopped() -> None:
    stop = asyncio.Event()

    async def read(put: Any) -> None:
        try:
            stop.set()
            await asyncio.Event().wait()
        finally:
            put(comment("last"))

    async with door() as there, asyncio.timeout(5):
        await carry(read, Post(Gateway(there.url, "test", "token")), stop)
        assert there.posted == [["last"]]


async def test_a_platform_that_fails_ends_the_bridge_after_what_was_heard() -> None:
    async def read(put: Any) -> None:
        put(comment("last"))
        raise BridgeError("no more")

    async with door() as there, asyncio.timeout(5):
        with pytest.raises(BridgeError, match="no more"):
            await carry(read, Post(Gateway(there.url, "test", "token")), asyncio.Event())
        assert there.posted == [["last"]]


# The command


def test_the_token_comes_from_the_environment_or_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVERHOST_OPERATOR_TOKEN", raising=False)
    with pytest.raises(BridgeError, match=r"EVERHOST_OPERATOR_TOKEN.*--data"):
        Gateway.find(ADDRESS, "test", tmp_path)
    (tmp_path / "operator.token").write_text("from-the-file\n")
    assert Gateway.find(ADDRESS, "test", tmp_path).token == "from-the-file"  # noqa: S105
    monkeypatch.setenv("EVERHOST_OPERATOR_TOKEN", "from-the-environment")
    found = Gateway.find(f"{ADDRESS}/", "a/b", tmp_path)
    assert found.token == "from-the-environment"  # noqa: S105
    assert found.comments == f"{ADDRESS}/rooms/a%2Fb/comments"
    assert "from-the" not in repr(found)
    with pytest.raises(BridgeError, match="--url localhost:8080"):
        Gateway.find("localhost:8080", "test", tmp_path)


def test_missing_keys_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"access_key": "A_KEY", "access_secret": "A_SECRET", "app_id": "AN_APP", "code": "A_CODE"}
    for name in variables.values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("A_KEY", "k")
    with pytest.raises(BridgeError, match="lacks A_SECRET, AN_APP, A_CODE"):
        bilibili_keys(variables)
    for name in variables.values():
        monkeypatch.setenv(name, "x")
    with pytest.raises(BridgeError, match="AN_APP must be"):
        bilibili_keys(variables)
    monkeypatch.setenv("AN_APP", "17")
    assert bilibili_keys(variables).app_id == 17


def test_a_bridge_that_cannot_begin_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EVERHOST_OPERATOR_TOKEN", raising=False)
    assert main(["bridge", "lines", "--room", "test", "--data", str(tmp_path)]) == 2
    assert "EVERHOST_OPERATOR_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("EVERHOST_OPERATOR_TOKEN", "t")
    assert main(["bridge", "bilibili", "--room", "test", "--code-env", "NO_SUCH_CODE"]) == 2
    assert "NO_SUCH_CODE" in capsys.readouterr().err


async def test_lines_are_brought_into_a_room(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (address, _), websockets.connect(f"ws://{address}/rooms/test/ws") as viewer:
        await receive(viewer, "welcome")
        environment = {name: value for name, value in os.environ.items() if name != "EVERHOST_OPERATOR_TOKEN"}
        options = ["--room", "test", "--url", f"http://{address}", "--data", str(tmp_path)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streaming.cli", "bridge", "lines", *options),
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            async with asyncio.timeout(15):
                assert b"posted to" in await process.stderr.readline()
            lines = (comment("m1", text="试用期最长多久？", name="Ann").model_dump_json(), '{"id": 5}')
            process.stdin.write("\n".join(lines).encode() + b"\n")
            asked = await receive(viewer, "question")
            assert (asked["name"], asked["text"]) == ("Ann", "试用期最长多久？")
            process.stdin.write(json.dumps(comment("m2", author="43", text="押金怎么退？").model_dump()).encode())
            process.stdin.close()
            assert (await receive(viewer, "question"))["text"] == "押金怎么退？"
            log = (await asyncio.wait_for(process.communicate(), 10))[1].decode()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, log
        assert "line 2 is passed over: platform: Field required; right would be" in log


async def test_who_waits_for_a_line_keeps_nobody_and_can_be_ended() -> None:
    reading, writing = os.pipe()
    stop = asyncio.Event()
    try:
        async with door() as there, asyncio.timeout(5):
            post = Post(Gateway(there.url, "test", "token"))
            task = asyncio.create_task(carry(lambda put: read_lines(put, reading), post, stop))
            for n in range(1, 4):
                os.write(writing, comment(f"m{n}").model_dump_json().encode() + b"\n")
                while len(there.posted) < n:
                    await asyncio.sleep(0.005)
            stop.set()
            await task
    finally:
        os.close(reading)
        os.close(writing)


async def test_a_second_signal_ends_it_at_once() -> None:
    process = await asyncio.create_subprocess_exec(*(sys.executable, "-c", SLOW_TO_END), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            assert await process.stdout.readline() == b"begun\n"
            process.send_signal(signal.SIGTERM)
            assert await process.stdout.readline() == b"ending\n"
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == -signal.SIGTERM
    finally:
        if process.returncode is None:
            process.kill()


SLOW_TO_END = """
import asyncio
from streaming.bridges import command
from streaming.bridges.post import Gateway

async def read(put):
    print("begun", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("ending", flush=True)
        await asyncio.sleep(60)

raise SystemExit(command._run(read, Gateway("http://127.0.0.1:1", "test", "token")))
"""
