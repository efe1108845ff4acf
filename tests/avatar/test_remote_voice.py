"""The voice behind ``POST /v1/audio/speech``: against a real server on loopback that speaks with hibari."""

import io
import json
import threading
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from avatar.errors import VoiceError
from avatar.voice import read_aloud
from avatar.voice.clauses import Clause
from avatar.voice.delivery import DELIVERIES
from avatar.voice.hibari import Hibari
from avatar.voice.loudness import TARGET_LUFS, loudness
from avatar.voice.remote import Remote

Answer = tuple[int, bytes]


def wav(pcm: np.ndarray, rate: int = 24_000, channels: int = 1, width: int = 2) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes((np.repeat(pcm, channels) * 32767).astype("<i2").tobytes())
    return out.getvalue()


class Server:
    """Answers what ``answer`` makes of the request's JSON."""

    def __init__(self, answer: Callable[[dict[str, Any]], Answer]) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append(body)
                server.keys.append(self.headers["Authorization"])
                status, data = answer(body) if self.path == "/v1/audio/speech" else (404, b"no such path")
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[dict[str, Any]], Answer]], Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[dict[str, Any]], Answer]) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


Serve = Callable[[Callable[[dict[str, Any]], Answer]], Server]


def test_a_server_speaks_as_loud_as_the_house_and_trimmed(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    hibari = Hibari()

    def answer(body: dict[str, Any]) -> Answer:
        said = np.concatenate([c.pcm for c in read_aloud(hibari, body["input"], "en")])
        silence = np.zeros(24_000, np.float32)
        return 200, wav(0.1 * np.concatenate((silence, said, silence)), channels=2)

    server = serve(answer)
    monkeypatch.setenv("TTS_KEY", "s3cret")
    voice = Remote(server.url, "tts-1", "nova", "TTS_KEY")
    lexicon = {"GLM": "G L M", "Kokoro": "/kəˈkɔɹoʊ/"}
    chunks = list(read_aloud(voice, "[sorry]GLM and Kokoro. Good evening, everybody.", "en", lexicon))
    assert [b["input"] for b in server.asked] == ["G L M and Kokoro.", "Good evening, everybody."]
    assert server.asked[0]["speed"] == DELIVERIES["sorry"].rate
    assert (server.asked[0]["model"], server.asked[0]["voice"], server.asked[0]["response_format"]) == (
        *("tts-1", "nova"),
        "wav",
    )
    assert server.keys == ["Bearer s3cret"] * 2
    assert [c.text for c in chunks] == ["GLM and Kokoro.", "Good evening, everybody."]
    for chunk in chunks:
        assert loudness(chunk.pcm, chunk.rate) == pytest.approx(TARGET_LUFS + DELIVERIES["sorry"].energy, abs=1.5)
        assert np.flatnonzero(np.abs(chunk.pcm) > 0.02)[0] / chunk.rate < 0.1
    assert [m.value for m in chunks[0].marks] == ["sorry"]


def test_a_wav_whose_lengths_were_left_open_is_read(serve: Serve) -> None:
    tone = (0.3 * np.sin(np.arange(12_000) / 10)).astype(np.float32)
    data = bytearray(wav(tone))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    voice = Remote(serve(lambda _: (200, bytes(data))).url)
    [chunk] = voice.speak(Clause("la", "en"))
    assert chunk.seconds == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((500, b"out of memory"), "answered 500: out of memory"),
        ((401, b""), "answered 401"),
        ((200, b"ID3 mp3 it is"), "did not send WAV"),
        ((200, b""), "did not send WAV"),
        ((200, b"\0" * (33 << 20)), "more than speech"),
    ],
)
def test_what_a_server_does_wrong_is_said(serve: Serve, answer: Answer, says: str) -> None:
    voice = Remote(serve(lambda _: answer).url)
    with pytest.raises(VoiceError, match=says):
        list(voice.speak(Clause("la", "en")))


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(VoiceError, match=r"127\.0\.0\.1:9/v1/audio/speech cannot be reached"):
        list(Remote("http://127.0.0.1:9/v1").speak(Clause("la", "en")))


def test_a_key_that_is_not_set_is_named() -> None:
    with pytest.raises(VoiceError, match="NO_SUCH_KEY, which is not set"):
        Remote("http://localhost/v1", api_key_env="NO_SUCH_KEY")


def test_silence_gives_no_chunk(serve: Serve) -> None:
    voice = Remote(serve(lambda _: (200, wav(np.zeros(24_000, np.float32)))).url)
    assert list(voice.speak(Clause("…", "en"))) == []
