"""Viewers over WebRTC: WHEP in, ready-made packets out, and the viewer's microphone if they offer one.

Pinned down in tests/streaming/test_whep.py, since it rests on aiortc's inside: the answer says level 4.2.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import aiortc.codecs
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av.audio.frame import AudioFrame

from streaming.encoders import H264_PROFILE_LEVEL_ID
from streaming.errors import EverhostError
from streaming.fanout import Fanout, Subscription
from streaming.network import LOCAL, Network, announced
from streaming.sender import RoomSender, RoomTrack

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 20


class OfferError(EverhostError):
    """The offer cannot be answered; says what a player has to offer."""


def _prepare_aiortc() -> None:
    for codec in aiortc.codecs.CODECS["video"]:
        if codec.mimeType == "video/H264" and str(codec.parameters["profile-level-id"]).startswith("42e0"):
            codec.parameters["profile-level-id"] = H264_PROFILE_LEVEL_ID


_prepare_aiortc()
_H264: Final = [
    codec
    for codec in aiortc.codecs.get_capabilities("video").codecs
    if codec.parameters.get("profile-level-id") == H264_PROFILE_LEVEL_ID
]
_RTX: Final = [RTCRtpCodecCapability(mimeType="video/rtx", clockRate=90000)]


@dataclass(slots=True)
class Viewer:
    """One peer connection."""

    id: str
    viewer: str
    """Who watches: the id the room greeted them with, or one made up for plain players."""
    connection: RTCPeerConnection
    subscription: Subscription
    video: RoomSender
    audio: RoomSender | None
    tasks: set["asyncio.Task[None]"]


class Whep:
    """All peer connections of one room.

    ``heard`` is called with (viewer, frame) for each piece of microphone sound; ``joined`` once per connection with
    (viewer, RTP timestamp, tick) of its first picture.
    """

    def __init__(
        self,
        fanout: Fanout,
        heard: Callable[[str, AudioFrame], None],
        joined: Callable[[str, int, int], None],
        network: Network = LOCAL,
    ) -> None:
        self._fanout = fanout
        self._heard = heard
        self._joined = joined
        # An empty list, not None: None makes aiortc ask a public STUN server and wait for it.
        self._configuration = RTCConfiguration(iceServers=list(network.ice_servers))
        self._announce = network.announce
        self._viewers: dict[str, Viewer] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._viewers)

    async def answer(self, offer: str, viewer: str) -> tuple[str, str]:
        """Answer an SDP offer: (the connection's id, the SDP answer). Raises :class:`OfferError`."""
        connection = RTCPeerConnection(self._configuration)
        subscription = Subscription(self._fanout.want_key)
        try:
            seat = await self._negotiate(connection, offer, viewer, subscription)
        except BaseException:
            await connection.close()
            raise
        self._viewers[seat.id] = seat
        self._watch(seat)
        sdp: str = connection.localDescription.sdp
        return seat.id, sdp if self._announce is None else announced(sdp, self._announce)

    async def _negotiate(
        self, connection: RTCPeerConnection, offer: str, viewer: str, subscription: Subscription
    ) -> Viewer:
        if "m=video" not in offer:
            raise OfferError("the SDP offer has no video section; offer video to receive and, for sound, audio")
        if "H264/90000" not in offer:
            raise OfferError("this room sends H.264 (constrained baseline), which the SDP offer does not take")
        # The transceivers come first and carry their codec preferences, or aiortc would answer with VP8.
        picture = connection.addTransceiver(RoomTrack("video"), direction="sendonly")
        picture.setCodecPreferences(_H264 + _RTX)
        video = self._sender(picture, subscription)
        audio = None
        if "m=audio" in offer:  # a wall without loudspeakers may offer none
            sound = connection.addTransceiver(RoomTrack("audio"), direction="sendrecv")
            audio = self._sender(sound, subscription)
        tasks: set[asyncio.Task[None]] = set()
        seat = Viewer(secrets.token_urlsafe(9), viewer, connection, subscription, video, audio, tasks)

        @connection.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            if track.kind == "audio":
                self._keep(tasks, self._listen(track, seat.viewer))

        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            answer = await connection.createAnswer()
            await connection.setLocalDescription(answer)
        except Exception as error:  # aiortc raises whatever its parser stumbles over
            raise OfferError(f"the SDP offer cannot be understood or met: {error or type(error).__name__}") from error
        return seat

    def _sender(self, transceiver: RTCRtpTransceiver, subscription: Subscription) -> RoomSender:
        return RoomSender(transceiver.sender, subscription, self._fanout.epoch, self._fanout.want_key)

    def _watch(self, seat: Viewer) -> None:
        connected = asyncio.Event()

        @seat.connection.on("connectionstatechange")
        async def on_change() -> None:
            state = seat.connection.connectionState
            if state == "connected":
                connected.set()
            elif state in ("failed", "closed"):
                self._keep(self._closing, self.close(seat.id))

        self._keep(seat.tasks, self._begin(seat, connected))

    async def _begin(self, seat: Viewer, connected: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await connected.wait()
        except TimeoutError:
            log.info("viewer %s offered but never connected", seat.viewer)
            self._keep(self._closing, self.close(seat.id))
            return
        self._fanout.add(seat.subscription)
        self._joined(seat.viewer, *await seat.video.clock)

    async def _listen(self, track: MediaStreamTrack, viewer: str) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, AudioFrame):
                    self._heard(viewer, frame)

    async def close(self, connection_id: str) -> bool:
        """End one connection; False when there is none of this id."""
        seat = self._viewers.pop(connection_id, None)
        if seat is None:
            return False
        self._fanout.unsubscribe(seat.subscription)
        await seat.connection.close()
        mine = asyncio.current_task()
        others = [task for task in seat.tasks if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return True

    async def close_all(self) -> None:
        await asyncio.gather(*(self.close(name) for name in list(self._viewers)))
        await asyncio.gather(*self._closing, return_exceptions=True)

    @property
    def seats(self) -> list[Viewer]:
        return list(self._viewers.values())

    def _keep(self, tasks: set["asyncio.Task[None]"], work: Any) -> None:
        task = asyncio.ensure_future(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
