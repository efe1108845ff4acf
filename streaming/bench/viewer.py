"""A viewer for benchmarks and tests: aiortc for picture and sound, a WebSocket for everything else."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import numpy as np
import numpy.typing as npt
import websockets
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from streaming.bench.network import Relay
from streaming.errors import StageError

Box = tuple[int, int, int, int]

SOUND: Final = 0.01
"""RMS above which a viewer hears something."""
JOIN_S: Final = 20
NONE: Final[Mapping[str, str]] = {}


@dataclass
class Seen:
    """Everything a viewer saw and heard since they came, with time.monotonic() where it matters."""

    pictures: list[float] = field(default_factory=list)
    """When each whole picture arrived (its last packet, by the RTP marker)."""
    timestamps: list[int] = field(default_factory=list)
    """Their RTP timestamps."""
    decoded: list[tuple[int, float]] = field(default_factory=list)
    """(pts at 90 kHz, time.time() when it was there)."""
    crops: list[tuple[int, npt.NDArray[np.uint8]]] = field(default_factory=list)
    """(pts at 90 kHz, luma of the watched box)."""
    sound: list[tuple[int, float]] = field(default_factory=list)
    """(pts at 48 kHz, RMS of 20 ms in [0, 1])."""
    sound_at: list[float] = field(default_factory=list)
    """When each of these came."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)


class Viewer:
    """Somebody who has joined a room."""

    def __init__(self, socket: websockets.ClientConnection, welcome: dict[str, Any]) -> None:
        self.socket = socket
        self.welcome = welcome
        self.seen = Seen()
        self._arrived = asyncio.Event()

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def ask(self, text: str, id: str = "c1") -> None:  # noqa: A002
        await self.socket.send(json.dumps({"type": "ask", "id": id, "text": text}))

    async def wait_for(self, kind: str, seconds: float, **fields: Any) -> dict[str, Any]:
        """The first message of this type with these fields, whether it has come already or comes in time."""
        deadline = time.monotonic() + seconds
        while True:
            for message in self.seen.messages:
                if message["type"] == kind and all(message.get(key) == value for key, value in fields.items()):
                    return message
            self._arrived.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._arrived.wait()
            except TimeoutError:
                kinds = [message["type"] for message in self.seen.messages]
                raise StageError(f"no {kind} {fields} within {seconds:g} s; came: {kinds}") from None

    async def read(self) -> None:
        async for text in self.socket:
            message = json.loads(text)
            message["at"] = time.monotonic()
            self.seen.messages.append(message)
            self._arrived.set()


@asynccontextmanager
async def viewer(
    address: str,
    room: str,
    *,
    decode: bool = True,
    box: Box | None = None,
    microphone: MediaStreamTrack | None = None,
    headers: Mapping[str, str] = NONE,
) -> AsyncIterator[Viewer]:
    """Join the room. Without ``decode``, pictures are only counted; with ``box``, that part of each is kept.
    ``headers`` go with whatever is asked of the gateway.
    """
    url = f"ws://{address}/rooms/{room}/ws"
    async with websockets.connect(url, max_size=None, additional_headers=headers) as socket:
        welcome = json.loads(await socket.recv())
        if welcome["type"] == "error":
            raise StageError(f"the room did not take the viewer: {welcome['message']}")
        one = Viewer(socket, welcome)
        tasks = [asyncio.create_task(one.read())]
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        try:
            location = await _join(
                address, room, connection, one.welcome["viewer"], microphone=microphone, headers=headers
            )
            for receiver in connection.getReceivers():
                if receiver.track.kind == "video":
                    _count(receiver, one.seen, decode)
                    if decode:
                        tasks.append(asyncio.create_task(_watch(receiver.track, one.seen, box)))
                else:
                    tasks.append(asyncio.create_task(_listen(receiver.track, one.seen)))
            yield one
            await _leave(address, location)
        finally:
            await _close(connection, tasks)


@asynccontextmanager
async def watcher(
    address: str, room: str, *, decode: bool = False, through: Relay | None = None
) -> AsyncIterator[tuple[Seen, RTCPeerConnection]]:
    """Somebody who only watches, and decodes nothing unless asked to."""
    seen, connection, tasks = Seen(), RTCPeerConnection(RTCConfiguration(iceServers=[])), []
    try:
        location = await _join(address, room, connection, "", through)
        for receiver in connection.getReceivers():
            picture = receiver.track.kind == "video"
            _count(receiver, seen if picture else Seen(), decode)
            if decode:
                watching = _watch(receiver.track, seen, None) if picture else _listen(receiver.track, seen)
                tasks.append(asyncio.create_task(watching))
        yield seen, connection
        await _leave(address, location)
    finally:
        await _close(connection, tasks)


async def first_picture(seen: Seen) -> float:
    """When the first whole picture came, time.monotonic(); raises TimeoutError."""
    async with asyncio.timeout(JOIN_S):
        while not seen.pictures:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    return seen.pictures[0]


def overhear(receiver: Any, packet: Callable[[int], None], report: Callable[[int, float], None]) -> None:
    """Be told the RTP timestamp of every packet that a receiver gets, and (RTP timestamp, NTP seconds) of every sender
    report."""
    take_packet, take_report = receiver._handle_rtp_packet, receiver._handle_rtcp_packet

    async def hear_packet(one: RtpPacket, arrival_time_ms: int) -> None:
        if one.payload:
            packet(one.timestamp)
        await take_packet(one, arrival_time_ms)

    async def hear_report(one: AnyRtcpPacket) -> None:
        if isinstance(one, RtcpSrPacket) and one.sender_info.ntp_timestamp:
            report(one.sender_info.rtp_timestamp, one.sender_info.ntp_timestamp / (1 << 32))
        await take_report(one)

    receiver._handle_rtp_packet, receiver._handle_rtcp_packet = hear_packet, hear_report


async def _join(
    address: str,
    room: str,
    connection: RTCPeerConnection,
    viewer: str,
    through: Relay | None = None,
    microphone: MediaStreamTrack | None = None,
    headers: Mapping[str, str] = NONE,
) -> str:
    connection.addTransceiver("video", direction="recvonly")
    if microphone is None:
        connection.addTransceiver("audio", direction="recvonly")
    else:
        connection.addTransceiver(microphone, direction="sendrecv")
    await connection.setLocalDescription(await connection.createOffer())
    offer: str = connection.localDescription.sdp
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"http://{address}/rooms/{room}/whep?viewer={viewer}",
            content=through.offered(offer) if through else offer,
            headers={"content-type": "application/sdp", **headers},
        )
    if answer.status_code != 201:
        raise StageError(f"the room did not take the viewer: {answer.status_code} {answer.text}")
    await connection.setRemoteDescription(
        RTCSessionDescription(through.answered(answer.text) if through else answer.text, "answer")
    )
    return str(answer.headers["location"])


async def _leave(address: str, location: str) -> None:
    async with httpx.AsyncClient() as client:
        await client.delete(f"http://{address}{location}")


async def _close(connection: RTCPeerConnection, tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await connection.close()
    await asyncio.gather(*tasks, return_exceptions=True)


def _count(receiver: Any, seen: Seen, decode: bool) -> None:
    handle = receiver._handle_rtp_packet

    async def count(packet: RtpPacket, arrival_time_ms: int) -> None:
        if packet.marker and packet.payload:
            seen.pictures.append(time.monotonic())
            seen.timestamps.append(packet.timestamp)
        if decode:
            await handle(packet, arrival_time_ms)

    receiver._handle_rtp_packet = count


async def _watch(track: MediaStreamTrack, seen: Seen, box: Box | None) -> None:
    while True:
        frame = await track.recv()
        if not isinstance(frame, VideoFrame):
            continue
        seen.size = (frame.width, frame.height)
        seen.decoded.append((frame.pts or 0, time.time()))
        if box is not None:
            x0, y0, x1, y1 = box
            luma = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(frame.height, frame.planes[0].line_size)
            seen.crops.append((frame.pts or 0, luma[y0:y1, x0:x1].copy()))


async def _listen(track: MediaStreamTrack, seen: Seen) -> None:
    while True:
        frame = await track.recv()
        if not isinstance(frame, AudioFrame):
            continue
        pcm = frame.to_ndarray().astype(np.float32) / 32768
        seen.sound_at.append(time.monotonic())
        seen.sound.append((frame.pts or 0, float(np.sqrt(np.mean(pcm**2)))))
