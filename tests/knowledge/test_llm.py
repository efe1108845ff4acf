import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from knowledge.errors import LLMError
from knowledge.llama import LlamaServer
from knowledge.llm import Message, OpenAIChat, Timeouts

QUESTION = [Message("user", "hello")]
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def event(text: str | None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if text is not None else {}, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


def says(*parts: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return answer


def status(code: int, body: bytes = b"sorry") -> Answer:
    return says(f"HTTP/1.1 {code} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)


class Server:
    """Answers each connection with the next of its answers, the last one from then on."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[tuple[str, dict[str, object]]] = []
        self.closed = asyncio.Event()
        self.connections: list[asyncio.Task[None] | None] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")
        )
        self.requests.append((head, json.loads(await reader.readexactly(length))))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        try:
            await answer(writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.closed.set()


@asynccontextmanager
async def serving(*answers: Answer, **options: object) -> AsyncIterator[tuple[Server, OpenAIChat]]:
    server = Server(*answers)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, OpenAIChat(f"http://127.0.0.1:{port}/v1/", "model", **options) as llm:  # type: ignore[arg-type]
        yield server, llm
        for _ in range(20):
            await asyncio.sleep(0)  # httpx leaves the closing of a stream that broke off to the event loop
        for connection in server.connections:
            if connection:
                connection.cancel()
                await connection


async def reply(llm: OpenAIChat) -> str:
    return "".join([text async for text in llm.stream(QUESTION, max_tokens=5, stop=["x"])])


async def test_streams_the_text() -> None:
    parts = (HEAD, b": ping\n\n", event(None), event("你"), event("好"), event(None, "stop"), b"data: [DONE]\n\n")
    async with serving(says(*parts), api_key="k") as (server, llm):
        assert await reply(llm) == "你好"
    head, body = server.requests[0]
    assert head.startswith("POST /v1/chat/completions ")
    assert "Bearer k" in head
    assert body["messages"] == [{"role": "user", "content": "hello"}]
    assert (body["max_tokens"], body["stop"], body["stream"]) == (5, ["x"], True)


@pytest.mark.parametrize(
    ("answer", "message", "retryable"),
    [
        (status(500, b"out of memory"), "500.*out of memory", True),
        (status(401), "401.*API key", False),
        (status(404), "404.*model's name 'model'", False),
        (says(HEAD, b"data: <html>\n\n"), "not as an OpenAI-compatible", False),
        (says(HEAD, b'data: {"choices": [{"delta": {"content": 7}}]}\n\n'), "not as an OpenAI-compatible", False),
        (says(HEAD, b'data: {"error": {"message": "no slot"}}\n\n'), "no slot", True),
        (says(HEAD), "broke off", True),
        (says(b"garbage\r\n\r\n"), "cannot reach", True),
    ],
)
async def test_a_server_that_fails_is_named_with_what_to_do(answer: Answer, message: str, retryable: bool) -> None:
    async with serving(answer, retries=0) as (_, llm):
        with pytest.raises(LLMError, match=message) as error:
            await reply(llm)
    assert "http://127.0.0.1:" in str(error.value)
    assert error.value.retryable is retryable


async def test_tries_again_before_the_first_token_only() -> None:
    good = says(HEAD, event("ok", "stop"))
    async with serving(status(503), good) as (server, llm):
        assert await reply(llm) == "ok"
    assert len(server.requests) == 2
    async with serving(says(HEAD, event("ha")), good) as (server, llm):
        stream = llm.stream(QUESTION, max_tokens=5)
        assert await anext(stream) == "ha"
        with pytest.raises(LLMError, match="broke off"):
            await anext(stream)
    assert len(server.requests) == 1


async def test_a_refusal_of_the_key_is_not_tried_again() -> None:
    async with serving(status(401), retries=3) as (server, llm):
        with pytest.raises(LLMError):
            await reply(llm)
    assert len(server.requests) == 1


async def test_a_server_that_hangs_is_given_up() -> None:
    async def hang(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        await writer.drain()
        await asyncio.sleep(30)

    async with serving(hang, retries=0, timeouts=Timeouts(read=0.1)) as (_, llm):
        with pytest.raises(LLMError, match="in time"):
            await reply(llm)


async def test_nobody_there_is_said(unused_tcp_port: int) -> None:
    async with OpenAIChat(f"http://127.0.0.1:{unused_tcp_port}/v1", "model", retries=0) as llm:
        with pytest.raises(LLMError, match=rf"cannot reach.*{unused_tcp_port}"):
            await reply(llm)


async def test_closing_the_stream_lets_go_of_the_server() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(event("ha"))
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(endless) as (server, llm):
        stream = llm.stream(QUESTION, max_tokens=5)
        assert await anext(stream) == "ha"
        await stream.aclose()
        del stream
        await asyncio.wait_for(server.closed.wait(), 10)


async def test_the_key_is_in_no_message(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(status(503), status(401), api_key="sk-secret") as (_, llm):
        with pytest.raises(LLMError) as error:
            await reply(llm)
    assert "sk-secret" not in caplog.text + str(error.value)


@pytest.mark.parametrize(("content", "message"), [(None, "cannot be read"), (b"<html>", "not a GGUF model")])
def test_a_model_file_that_is_none_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "model.gguf"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(LLMError, match=rf"model\.gguf.*{message}.*fetch it again") as error:
        LlamaServer(file)
    assert not error.value.retryable
