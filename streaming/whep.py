"""Viewers over WebRTC: WHEP in, ready-made packets out, and the viewer's microphone if they offer one.

Pinned down in tests/streaming/test_whep.py, since it rests on aiortc's inside: the answer says level 4.2.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import aiortc.codecs
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpTransceiver,
    RTCSessionDescription,
)

from streaming.encoders import H264_PROFILE_LEVEL_ID
from streaming.errors import OfferError
from streaming.fanout import Fanout, Subscription
from streaming.hanging_up import hang_up
from streaming.hearing.microphone import OpusPacket, listen
from streaming.network import LOCAL, Network, announced
from streaming.offer import Choice, Rendition, choose
from streaming.packets import Encoding
from streaming.quality import Quality, Reception
from streaming.rtp import random_origin
from streaming.sender import RoomSender, RoomTrack
from streaming.tasks import keep

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 20


def _prepare_aiortc() -> None:
    for codec in aiortc.codecs.CODECS["video"]:
        if codec.mimeType == "video/H264" and str(codec.parameters["profile-level-id"]).startswith("42e0"):
            codec.parameters["profile-level-id"] = H264_PROFILE_LEVEL_ID


_prepare_aiortc()
_CODECS: Final = aiortc.codecs.get_capabilities("video").codecs
_H264: Final = [codec for codec in _CODECS if codec.parameters.get("profile-level-id") == H264_PROFILE_LEVEL_ID]
_VP8: Final = [codec for codec in _CODECS if codec.mimeType == "video/VP8"]
_OPUS: Final = [c for c in aiortc.codecs.get_capabilities("audio").codecs if c.mimeType == "audio/opus"]
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
    quality: Quality
    tasks: set["asyncio.Task[Any]"]


class Whep:
    """All peer connections of one room.

    ``heard`` is called with (viewer, packet) for each packet of a microphone; ``joined`` once per connection with
    (viewer, RTP timestamp, tick) of its first picture. ``origin``: the RTP timestamp of sample 0, by the clock's rate.
    """

    def __init__(
        self,
        fanout: Fanout,
        heard: Callable[[str, OpusPacket], None],
        joined: Callable[[str, int, int], None],
        network: Network = LOCAL,
        origin: Callable[[int], int] = random_origin,
    ) -> None:
        self._fanout = fanout
        self._origin = origin
        self._heard = heard
        self._joined = joined
        # An empty list, not None: None makes aiortc ask a public STUN server and wait for it.
        self._configuration = RTCConfiguration(iceServers=list(network.ice_servers))
        self._announce = network.announce
        self._viewers: dict[str, Viewer] = {}
        self._closing: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._viewers)

    async def answer(self, offer: str, viewer: str, rendition: Rendition = "auto") -> tuple[str, str]:
        """Answer an SDP offer: (the connection's id, the SDP answer). Raises :class:`OfferError`."""
        choice = choose(offer, rendition)
        connection = RTCPeerConnection(self._configuration)
        try:
            seat = await self._negotiate(connection, offer, viewer, choice)
        except BaseException:
            await hang_up(connection)
            raise
        self._viewers[seat.id] = seat
        self._watch(seat)
        sdp: str = connection.localDescription.sdp.replace(H264_PROFILE_LEVEL_ID, choice.profile_level_id)
        return seat.id, sdp if self._announce is None else announced(sdp, self._announce)

    async def _negotiate(self, connection: RTCPeerConnection, offer: str, viewer: str, choice: Choice) -> Viewer:
        subscription = Subscription(self._fanout.want_key, choice.first)
        # The transceivers come first and carry their codec preferences, or aiortc would answer with VP8.
        picture = connection.addTransceiver(RoomTrack("video"), direction="sendonly")
        picture.setCodecPreferences((_VP8 if choice.first == "vp8-light" else _H264) + _RTX)
        video = self._sender(picture, subscription)
        audio = None
        if choice.sound:
            sound = connection.addTransceiver(RoomTrack("audio"), direction="sendrecv")
            sound.setCodecPreferences(_OPUS)
            audio = self._sender(sound, subscription)
            listen(sound.receiver, partial(self._heard, viewer))
        tasks: set[asyncio.Task[Any]] = set()
        seat = Viewer(secrets.token_urlsafe(9), viewer, connection, subscription, video, audio, Quality(), tasks)
        if (light := choice.light) is not None:
            video.on_report = lambda: self._look(seat, light)

        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            answer = await connection.createAnswer()
            await connection.setLocalDescription(answer)
        except Exception as error:  # aiortc raises whatever its parser stumbles over
            raise OfferError(f"the SDP offer cannot be understood or met: {error or type(error).__name__}") from error
        return seat

    def _sender(self, transceiver: RTCRtpTransceiver, subscription: Subscription) -> RoomSender:
        fanout = self._fanout
        return RoomSender(transceiver.sender, subscription, fanout.epoch, fanout.want_key, self._origin)

    def _look(self, seat: Viewer, light: Encoding) -> None:
        """How a viewer fares has been heard: whether another rendition is better for them."""
        health = seat.video.health
        seen = Reception(
            packets=health.packets,
            octets=health.octets,
            lost=health.lost,
            estimate=health.estimate,
            round_trip_s=health.round_trip_s,
            picture_losses=health.picture_losses,
        )
        if seat.quality.look(time.monotonic(), seen):
            log.info("viewer %s is sent the %s picture", seat.viewer, "lighter" if seat.quality.light else "full")
            self._fanout.switch(seat.subscription, light if seat.quality.light else "h264")

    def _watch(self, seat: Viewer) -> None:
        connected = asyncio.Event()

        @seat.connection.on("connectionstatechange")
        async def on_change() -> None:
            state = seat.connection.connectionState
            if state == "connected":
                connected.set()
            elif state in ("failed", "closed"):
                keep(self._closing, self.close(seat.id))

        keep(seat.tasks, self._begin(seat, connected))

    async def _begin(self, seat: Viewer, connected: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await connected.wait()
        except TimeoutError:
            log.info("viewer %s offered but never connected", seat.viewer)
            keep(self._closing, self.close(seat.id))
            return
        if seat.id not in self._viewers:  # they have left in the meantime
            return
        self._fanout.add(seat.subscription)
        self._joined(seat.viewer, *await seat.video.clock)

    async def close(self, connection_id: str) -> bool:
        """End one connection; False when there is none of this id."""
        seat = self._viewers.pop(connection_id, None)
        if seat is None:
            return False
        self._fanout.unsubscribe(seat.subscription)
        await hang_up(seat.connection)
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
