"""The recognizer behind ``POST /v1/audio/transcriptions``: against a real server on loopback."""

import contextlib
import email
import email.policy
import io
import json
import logging
import threading
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from avatar.voice import read_aloud
from avatar.voice.hibari import Hibari
from streaming.errors import ModelError
from streaming.hearing.guard import cleaned
from streaming.hearing.remote import Remote
from streaming.hearing.vad import speech_only
from streaming.playout import at_48k

Pcm = npt.NDArray[np.float32]
KEY = "s3cret-key"


@dataclass(frozen=True)
class Asked:
    key: str | None
    file: tuple[str | None, str, bytes]
    """Name, type and content."""
    fields: dict[str, str]


Answer = tuple[int, bytes]
Answering = Callable[[Asked], Answer]


def parsed(kind: str, body: bytes, key: str | None) -> Asked:
    form = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=email.policy.HTTP)
    file, fields = (None, "", b""), {}
    for part in form.iter_parts():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if name == "file":
            file = (part.get_filename(), part.get_content_type(), content)
        else:
            fields[name] = content.decode()
    return Asked(key, file, fields)


class Server:
    """Answers what ``answer`` makes of the request."""

    def __init__(self, answer: Answering) -> None:
        self.asked: list[Asked] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append(parsed(self.headers["Content-Type"], body, self.headers["Authorization"]))
                known = self.path == "/v1/audio/transcriptions"
                status, data = answer(server.asked[-1]) if known else (404, b"no such path")
                with contextlib.suppress(ConnectionError):  # some tests hang up
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


Serve = Callable[[Answering], Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(answer: Answering) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def speech() -> Pcm:
    """(n,) at 16 kHz, with a second of silence on either side."""
    said = np.concatenate([at_48k(chunk).pcm for chunk in read_aloud(Hibari(), "How long is the notice?", "en")])
    said = said[: len(said) // 3 * 3].reshape(-1, 3).mean(axis=1).astype(np.float32)
    return np.pad(said, 16_000)


def tells(**answer: Any) -> Answering:
    return lambda _: (200, json.dumps(answer).encode())


def segment(text: str, sureness: float = -0.2, repetition: float = 1.1) -> dict[str, Any]:
    return {"text": text, "avg_logprob": sureness, "compression_ratio": repetition, "no_speech_prob": 0.01}


# What is sent


def test_speech_alone_is_sent_as_wav(serve: Serve, speech: Pcm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASR_KEY", f"{KEY}\n")
    server = serve(tells(text="How long is the notice?"))
    Remote(server.url, "large", "ASR_KEY").transcribe(speech + 0.1, "en", {"en": "notice", "zh": "通知"}, quick=True)
    (asked,) = server.asked
    assert asked.key == f"Bearer {KEY}"
    assert asked.fields == {
        "model": "large",
        "response_format": "verbose_json",
        "temperature": "0",
        "language": "en",
        "prompt": "notice",
    }
    name, kind, content = asked.file
    assert (name, kind) == ("speech.wav", "audio/wav")
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        sent = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    assert 0 < len(sent) < len(speech) - 16_000
    np.testing.assert_allclose(sent, speech_only(cleaned(speech + 0.1)), atol=1 / 32767)


def test_a_language_that_is_not_known_is_left_to_the_server(serve: Serve, speech: Pcm) -> None:
    server = serve(tells(text="Hello"))
    remote = Remote(f"{server.url}/")
    remote.transcribe(speech, None, {"zh": "试用期", "en": "notice"})
    remote.transcribe(speech)
    both, none = server.asked
    assert (both.key, both.fields["model"], both.fields["prompt"]) == (None, "whisper-1", "试用期, notice")
    assert "language" not in both.fields
    assert none.fields.keys() == {"model", "response_format", "temperature"}


@pytest.mark.parametrize(
    "nothing",
    [
        np.zeros(0, np.float32),
        np.zeros(16_000, np.float32),
        np.full(16_000, np.nan, np.float32),
        np.random.default_rng(0).normal(0, 0.05, 32_000).astype(np.float32),
    ],
    ids=["empty", "silence", "nan", "noise"],
)
def test_silence_makes_no_request(serve: Serve, nothing: Pcm) -> None:
    server = serve(tells(text="Thank you for watching."))
    for language, said in (("en", "en"), ("zh", "zh"), (None, "zh")):
        heard = Remote(server.url).transcribe(nothing, language)  # type: ignore[arg-type]
        assert (heard.text, heard.language, heard.no_speech, heard.confidence) == ("", said, True, 0.0)
    assert server.asked == []


# What is understood


def test_segments_tell_how_sure_the_server_is(serve: Serve, speech: Pcm) -> None:
    segments = [segment(" How long", -0.1), segment(" is it?", -0.3)]
    server = serve(tells(text=" How long is it?", language="english", segments=segments))
    heard = Remote(server.url).transcribe(speech)
    assert (heard.text, heard.language, heard.no_speech) == ("How long is it?", "en", False)
    assert heard.confidence == pytest.approx(np.exp(-0.2))


@pytest.mark.parametrize(
    ("answer", "asked", "text", "language"),
    [
        ({"text": "勞動合同，試用期？"}, None, "劳动合同，试用期？", "zh"),
        ({"text": "勞動合同"}, "en", "劳动合同", "zh"),
        ({"text": "GLM"}, "zh", "GLM", "zh"),
        ({"text": "GLM"}, None, "GLM", "en"),
        ({"text": "GLM", "language": "Chinese"}, None, "GLM", "zh"),
        ({"text": "試用期", "language": "zh"}, "zh", "试用期", "zh"),
        ({"text": "What is 試用期?", "language": "en"}, None, "What is 試用期?", "en"),
        ({"text": "試用期", "language": "japanese", "segments": None}, None, "试用期", "zh"),
        ({"text": "Notice", "language": "", "segments": []}, None, "Notice", "en"),
        ({"text": "Notice", "segments": [{"id": 0, "text": "Notice", "tokens": None}]}, None, "Notice", "en"),
        ({"text": "Notice", "segments": [7, {"text": 7}], "usage": {"seconds": 2}}, None, "Notice", "en"),
    ],
)
def test_a_server_that_tells_less_is_understood(
    serve: Serve, speech: Pcm, answer: dict[str, Any], asked: Any, text: str, language: str
) -> None:
    heard = Remote(serve(tells(**answer)).url).transcribe(speech, asked)
    assert (heard.text, heard.language, heard.confidence) == (text, language, 1.0)


def test_a_text_that_is_empty_was_not_understood(serve: Serve, speech: Pcm) -> None:
    heard = Remote(serve(tells(text=" ")).url).transcribe(speech, "en")
    assert (heard.text, heard.language, heard.no_speech, heard.confidence) == ("", "en", False, 0.0)


@pytest.mark.parametrize(
    ("language", "segments", "text"),
    [
        ("zh", [segment("試用期"), segment("謝謝觀看", -1.4), segment("最長多久？")], "试用期最长多久？"),
        ("en", [segment(" How long"), segment(" la la la", -0.2, 3.0), segment(" is it?")], "How long is it?"),
        ("en", [segment("How long"), segment("is it?"), segment("Bye.", float("nan"))], "How long is it?"),
        ("zh", [segment("试用期"), {"text": "杀死，杀死，杀死，杀死。"}], "试用期"),
        ("en", [segment("Thank you.", -1.4)], ""),
    ],
)
def test_what_was_heard_in_noise_is_dropped(
    serve: Serve, speech: Pcm, language: str, segments: list[dict[str, Any]], text: str
) -> None:
    whole = "".join(s["text"] for s in segments)
    heard = Remote(serve(tells(text=whole, language=language, segments=segments)).url).transcribe(speech)
    assert heard.text == text
    assert heard.confidence == pytest.approx(np.exp(-0.2) if text else 0.0)


def test_a_text_alone_that_repeats_itself_was_not_said(serve: Serve, speech: Pcm) -> None:
    heard = Remote(serve(tells(text="杀死，杀死，杀死，杀死。")).url).transcribe(speech)
    assert (heard.text, heard.confidence) == ("", 0.0)


def test_a_model_that_knows_only_json_is_asked_for_that(serve: Serve, speech: Pcm) -> None:
    def answer(asked: Asked) -> Answer:
        if asked.fields["response_format"] == "verbose_json":
            return 400, b"response_format 'verbose_json' is not compatible with model 'gpt-4o-transcribe'."
        return 200, b'{"text": "Hello"}'

    server = serve(answer)
    remote = Remote(server.url, "gpt-4o-transcribe")
    assert [remote.transcribe(speech).text for _ in range(2)] == ["Hello"] * 2
    assert [a.fields["response_format"] for a in server.asked] == ["verbose_json", "json", "json"]
    assert server.asked[0].file == server.asked[1].file


# What goes wrong


@pytest.mark.parametrize(
    ("answer", "says", "retryable"),
    [
        ((500, b"out of memory"), r"answered 500 \(out of memory\): try again", True),
        ((429, b"too many"), "answered 429", True),
        (
            (401, f"Incorrect API key: {KEY}".encode()),
            r"answered 401 \(Incorrect API key: …\): check .* api_key_env",
            False,
        ),
        ((400, b"verbose_json? never heard of it"), "answered 400", False),
        ((307, b""), "answered 307", False),
        ((404, b"<html>\n" + b"x" * 150 + KEY.encode() + b"y" * 500), r"\(<html> x{150}…y{41}…\)", False),
        ((200, b"text it is"), r"not with JSON that has a text \(text it is\)", False),
        ((200, b"\xff\xfe"), "not with JSON", False),
        ((200, b"[" * 200_000), "not with JSON", False),
        ((200, b'["text"]'), "not with JSON that has a text", False),
        ((200, b'{"text": null}'), "not with JSON that has a text", False),
        ((200, b'{"text": "' + b"a" * (2 << 20) + b'"}'), "more than a transcript", False),
    ],
)
def test_what_a_server_does_wrong_is_said(
    serve: Serve,
    speech: Pcm,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    says: str,
    retryable: bool,
) -> None:
    monkeypatch.setenv("ASR_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    remote = Remote(serve(lambda _: answer).url, api_key_env="ASR_KEY")
    with pytest.raises(ModelError, match=says) as raised:
        remote.transcribe(speech, "en")
    assert raised.value.retryable is retryable
    assert len(str(raised.value)) < 450
    assert KEY not in str(raised.value) + caplog.text


def test_a_server_that_is_not_there_is_named(speech: Pcm) -> None:
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:9/v1/audio/transcriptions gave no answer") as raised:
        Remote("http://127.0.0.1:9/v1").transcribe(speech)
    assert raised.value.retryable


@pytest.mark.parametrize("address", ["localhost:8000/v1", "http://[::1/v1"])
def test_an_address_that_is_none_will_not_be_there_later(speech: Pcm, address: str) -> None:
    with pytest.raises(ModelError, match="base_url") as raised:
        Remote(address).transcribe(speech)
    assert not raised.value.retryable


def test_a_server_that_says_nothing_is_given_up(serve: Serve, speech: Pcm) -> None:
    given_up = threading.Event()

    def answer(_: Asked) -> Answer:
        given_up.wait(10)
        return 200, b'{"text": "late"}'

    remote = Remote(serve(answer).url, timeout_s=0.2)
    with pytest.raises(ModelError, match=r"gave no answer .*timed out") as raised:
        remote.transcribe(speech)
    given_up.set()
    assert raised.value.retryable


@pytest.mark.parametrize("key", [None, "", " \n", "密钥", "two\nlines"])
def test_a_key_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    monkeypatch.delenv("ASR_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("ASR_KEY", key)
    with pytest.raises(ModelError, match="ASR_KEY, which is not set to a key; export it") as raised:
        Remote("http://localhost/v1", api_key_env="ASR_KEY")
    assert not (key or "").strip() or key not in str(raised.value)
