"""An operator who speaks through the host: WHIP in (RFC 9725), sound only, one at a time."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from avatar.clock import SAMPLE_RATE
from streaming.errors import FloorTakenError, OfferError
from streaming.hanging_up import hang_up
from streaming.network import LOCAL, Network, announced
from streaming.tasks import keep

log = logging.getLogger(__name__)

Pcm = npt.NDArray[np.float32]

CONNECT_TIMEOUT_S: Final = 20
SILENT_S: Final = 10
"""A connection that brings nothing for so long is gone, and the floor is free again."""


class Whip:
    """``heard`` is called with sound at 48 kHz as it comes, (n,) float32, and with None when the operator is done."""

    def __init__(self, heard: Callable[[Pcm | None], None], network: Network = LOCAL) -> None:
        self._heard = heard
        self._configuration = RTCConfiguration(iceServers=list(network.ice_servers))
        self._announce = network.announce
        self._connection: RTCPeerConnection | None = None
        self._id = ""
        self._speaking = False
        self._listening: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[Any]] = set()

    @property
    def taken(self) -> bool:
        return self._connection is not None

    async def answer(self, offer: str) -> tuple[str, str]:
        """Answer an SDP offer: (the connection's id, the SDP answer). Raises :class:`OfferError`, and
        :class:`FloorTakenError` while somebody else speaks."""
        if self._connection is not None:
            raise FloorTakenError("somebody speaks through this host already; they must hang up first")
        if "m=audio" not in offer:
            raise OfferError("the SDP offer sends no audio; an operator speaks, the picture is the host's")
        connection = self._connection = RTCPeerConnection(self._configuration)
        self._id = secrets.token_urlsafe(9)
        try:
            connection.on("track", self._hear)
            connection.on("connectionstatechange", lambda: self._changed(connection))
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            for transceiver in connection.getTransceivers():
                transceiver.direction = "recvonly" if transceiver.kind == "audio" else "inactive"
            await connection.setLocalDescription(await connection.createAnswer())
        except Exception as error:  # aiortc raises whatever its parser stumbles over
            await self.close(self._id)
            raise OfferError(f"the SDP offer cannot be understood or met: {error or type(error).__name__}") from error
        sdp: str = connection.localDescription.sdp
        keep(self._closing, self._give_up(self._id))
        return self._id, sdp if self._announce is None else announced(sdp, self._announce)

    async def close(self, connection_id: str) -> bool:
        """End the connection; False when it is not this one."""
        connection = self._connection
        if connection is None or connection_id != self._id:
            return False
        self._connection = None
        listening, self._listening = self._listening, None
        if listening is not None and listening is not asyncio.current_task():
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        if self._speaking:
            self._speaking = False
            self._heard(None)
        await hang_up(connection)
        return True

    async def close_all(self) -> None:
        await self.close(self._id)
        for task in list(self._closing):
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _hear(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and self._listening is None:
            self._listening = asyncio.create_task(self._listen(track, self._id), name="operator")

    async def _listen(self, track: MediaStreamTrack, connection_id: str) -> None:
        resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        try:
            with contextlib.suppress(MediaStreamError, TimeoutError):
                while True:
                    async with asyncio.timeout(SILENT_S if self._speaking else None):
                        frame = await track.recv()
                    if not isinstance(frame, AudioFrame):
                        continue
                    for piece in resampler.resample(frame):
                        self._speaking = True
                        self._heard(piece.to_ndarray().reshape(-1).astype(np.float32, copy=False))
        finally:
            keep(self._closing, self.close(connection_id))

    def _changed(self, connection: RTCPeerConnection) -> None:
        if connection.connectionState in ("failed", "closed") and connection is self._connection:
            keep(self._closing, self.close(self._id))

    async def _give_up(self, connection_id: str) -> None:
        await asyncio.sleep(CONNECT_TIMEOUT_S)
        if connection_id == self._id and not self._speaking:
            log.info("an operator offered but never connected")
            await self.close(connection_id)
