"""The operator's doors: their voice by WHIP, faces by WebSocket; the token before each. A real server on loopback."""

import asyncio
import fractions
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import websockets
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av.audio.frame import AudioFrame

from avatar.face import ARKIT, FaceFrame
from streaming import cues
from streaming.house import House
from tests.streaming.test_gateway import gateway

TOKEN = "open-sesame"  # noqa: S105 (of this test)


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERHOST_OPERATOR_TOKEN", TOKEN)


class Told:
    """What the room's stage was told, in place of a stage."""

    def __init__(self, house: House) -> None:
        [self.room] = house.rooms.values()
        self.commands: list[cues.Command] = []
        self.room.stage.tell = self._tell  # type: ignore[method-assign]

    def _tell(self, command: cues.Command) -> bool:
        self.commands.append(command)
        return True

    def of(self, kind: type[Any]) -> list[Any]:
        return [command for command in self.commands if isinstance(command, kind)]


@asynccontextmanager
async def room(tmp_path: Path) -> AsyncIterator[tuple[str, Told]]:
    async with gateway(tmp_path) as (address, house):
        told = Told(house)
        yield f"{address}/rooms/{told.room.settings.id}", told


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._at = 0

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(0.02)
        wave = 9000 * np.sin(2 * np.pi * 300 * np.arange(self._at, self._at + 960) / 48_000)
        frame = AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._at, fractions.Fraction(1, 48_000)
        self._at += 960
        return frame


async def offered(*tracks: MediaStreamTrack) -> RTCPeerConnection:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for track in tracks:
        connection.addTrack(track)
    await connection.setLocalDescription(await connection.createOffer())
    return connection


async def call(client: httpx.AsyncClient, address: str, sdp: str, token: str = TOKEN) -> httpx.Response:
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
    return await client.post(f"http://{address}/whip", content=sdp, headers=headers)


async def until(what: Any, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.02)


async def test_an_operator_is_heard_and_the_floor_is_theirs_alone(tmp_path: Path) -> None:
    async with room(tmp_path) as (address, told), httpx.AsyncClient() as client:
        connection, second = await offered(Tone()), await offered(Tone())
        try:
            answer = await call(client, address, connection.localDescription.sdp)
            assert answer.status_code == 201, answer.text
            location = answer.headers["Location"]
            await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            await until(lambda: len(told.of(cues.Live)) > 25)
            assert told.room.core.state == "speaking"
            sound = np.concatenate([live.pcm for live in told.of(cues.Live)][5:])
            assert sound.dtype == np.float32
            assert 0.1 < float(np.sqrt(np.mean(sound**2))) < 0.3
            refused = await call(client, address, second.localDescription.sdp)
            assert refused.status_code == 409
            assert "already" in refused.json()["detail"]
            host = address.split("/")[0]
            assert (await client.delete(f"http://{host}{location}")).status_code == 401
            ended = await client.delete(f"http://{host}{location}", headers={"Authorization": f"Bearer {TOKEN}"})
            assert ended.status_code == 200
            assert told.of(cues.Live)[-1].pcm is None
            assert told.room.core.state == "idle"
            assert not told.room.whip.taken
        finally:
            await connection.close()
            await second.close()


async def test_an_operator_who_vanishes_leaves_the_floor(tmp_path: Path) -> None:
    async with room(tmp_path) as (address, told), httpx.AsyncClient() as client:
        connection = await offered(Tone())
        answer = await call(client, address, connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await until(lambda: told.of(cues.Live))
        await connection.close()
        await until(lambda: not told.room.whip.taken, 20)
        assert told.room.core.state == "idle"


@pytest.mark.parametrize(
    ("content", "kind", "status", "says"),
    [
        ("v=0", "text/plain", 415, "application/sdp"),
        ("nonsense", "application/sdp", 400, "no audio"),
        ("v=0\r\nm=audio nonsense", "application/sdp", 400, "cannot be understood"),
    ],
)
async def test_offers_that_are_none(tmp_path: Path, content: str, kind: str, status: int, says: str) -> None:
    async with room(tmp_path) as (address, told), httpx.AsyncClient() as client:
        headers = {"Content-Type": kind, "Authorization": f"Bearer {TOKEN}"}
        answer = await client.post(f"http://{address}/whip", content=content, headers=headers)
        assert (answer.status_code, says in answer.text) == (status, True), answer.text
        assert not told.room.whip.taken


async def test_nobody_enters_without_the_token(tmp_path: Path) -> None:
    async with room(tmp_path) as (address, told), httpx.AsyncClient() as client:
        for token in ("wrong", TOKEN[:-1]):
            answer = await call(client, address, "m=audio", token)
            assert answer.status_code == 401
            assert "EVERHOST_OPERATOR_TOKEN" in answer.text
            for door in ("in", "out"):
                async with websockets.connect(f"ws://{address}/face/{door}?token={token}") as socket:
                    assert "operator" in json.loads(await socket.recv())["error"]
                    await socket.wait_closed()
                    assert socket.close_code == 4401
        assert told.commands == []


async def test_a_token_is_made_and_kept_for_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERHOST_OPERATOR_TOKEN")
    async with room(tmp_path) as (address, _), httpx.AsyncClient() as client:
        file = tmp_path / "operator.token"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert (await call(client, address, "x", file.read_text().strip())).status_code == 400


async def test_faces_come_in_and_a_bad_one_is_told_and_harms_nothing(tmp_path: Path) -> None:
    async with room(tmp_path) as (address, told), websockets.connect(f"ws://{address}/face/in?token={TOKEN}") as socket:
        await socket.send(json.dumps({"weights": {"JawOpen": 0.5}, "rotation": [0, 0.1, 0]}))
        await socket.send("{")
        assert "JSON" in json.loads(await socket.recv())["error"]
        await socket.send(json.dumps({"weights": {"JawOpne": 0.5}}))
        assert "JawOpne" in json.loads(await socket.recv())["error"]
        await socket.send("x" * 20_000)
        assert "at most" in json.loads(await socket.recv())["error"]
        await socket.send(json.dumps({"weights": {"jawOpen": 0.25}}))
        await until(lambda: len(told.of(cues.Puppeteer)) == 2)
        assert [p.weights[ARKIT.index("jawOpen")] for p in told.of(cues.Puppeteer)] == [0.5, 0.25]


async def test_the_hosts_own_faces_go_out_while_somebody_watches(tmp_path: Path) -> None:
    async with room(tmp_path) as (address, told):
        async with websockets.connect(f"ws://{address}/face/out?token={TOKEN}") as socket:
            hello = json.loads(await socket.recv())
            assert hello == {"shapes": list(ARKIT), "ticks_per_second": 48}
            await until(lambda: told.of(cues.Watch) == [cues.Watch(True)])
            frame = FaceFrame()
            frame["jawOpen"] = 0.5
            told.room._hear_stage(cues.Face(7, frame))
            sent = json.loads(await socket.recv())
            assert (sent["tick"], sent["weights"][ARKIT.index("jawOpen")]) == (7, 0.5)
        await until(lambda: told.of(cues.Watch)[-1:] == [cues.Watch(False)])
