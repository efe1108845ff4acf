"""A room's payloads in the place of what an aiortc sender would make of a track.

aiortc cuts, stamps and lays out each packet anew for each viewer; here that is done once for all (:mod:`streaming.rtp`)
and what is left for a viewer are headers, encryption and the socket. What this rests on inside aiortc is pinned in
tests/streaming/test_whep.py.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from aiortc import MediaStreamTrack, RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    AnyRtcpPacket,
    HeaderExtensions,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, VIDEO_CLOCK_RATE
from streaming.fanout import Subscription
from streaming.packets import Encoding, Kind
from streaming.rtp import Epoch, Extensions, RtpStream, ntp, random_origin
from streaming.steady import uniform

BURST: Final = 16
"""Packets that leave at once: an ordinary picture has fewer."""
PAUSE_S: Final = 0.002
"""Between bursts: a key frame of 60 packets takes 6 ms, so that routers' queues do not overflow."""
ROUND_TRIP_S: Final = 0.02
"""Until a receiver's reports tell."""
_PROBE: Final = 0xABCDEF


class RoomTrack(MediaStreamTrack):
    """Stands for the room's picture or sound in the negotiation; nothing is read from it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__()

    async def recv(self) -> Any:
        raise MediaStreamError


@dataclass(frozen=True, slots=True)
class Health:
    """How one kind of a viewer's fares."""

    packets: int
    octets: int
    """Of payload."""
    again: int
    """Packets sent again."""
    picture_losses: int
    """Times the viewer said that it cannot go on without a key frame (PLI, FIR)."""
    round_trip_s: float | None
    """None until the viewer has reported."""
    lost: int
    """Packets that did not arrive the first time, as the viewer counts them."""
    estimate: int | None
    """Bits a second that the network carries, as the viewer has it (REMB)."""


class RoomSender:
    """Sends one kind of what a viewer subscribes to."""

    def __init__(
        self,
        sender: RTCRtpSender,
        subscription: Subscription,
        epoch: Epoch,
        want_key: Callable[[Encoding], None],
        origin: Callable[[int], int] = random_origin,
    ) -> None:
        """``origin``: the RTP timestamp of sample 0, by the clock's rate."""
        self._origin = origin
        self._sender, self._subscription, self._epoch = sender, subscription, epoch
        self.on_report: Callable[[], None] = lambda: None
        """Called whenever the viewer has said how they fare."""
        self._estimate: int | None = None
        self._heard = sender._handle_rtcp_packet
        self._stream: RtpStream | None = None
        self.clock: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        """(RTP timestamp, tick) of the first that was sent."""
        self._want_key, self._picture_losses = want_key, 0
        for name, mine in (
            ("_run_rtp", self._run),
            ("_retransmit", self._again),
            ("_send_keyframe", self._lost),
            ("_handle_rtcp_packet", self._hear),
        ):
            setattr(sender, name, mine)

    @property
    def stream(self) -> RtpStream | None:
        """None until there is a connection."""
        return self._stream

    async def _run(self, codec: RTCRtpCodecParameters) -> None:
        self._its("rtp_started").set()
        try:
            stream = self._stream = self._begin(codec)
            while True:
                payloads = await self._subscription.get(cast(Kind, self._sender.kind))
                for k, data in enumerate(stream.send(payloads, uniform())):
                    if k and k % BURST == 0:
                        await asyncio.sleep(PAUSE_S)
                    await self._sender.transport._send_rtp(data)
                if not self.clock.done():
                    self.clock.set_result((stream.timestamp(payloads.pts), payloads.pts // SAMPLES_PER_TICK))
                self._report(stream, payloads.pts)
        except (asyncio.CancelledError, ConnectionError):
            pass  # the connection ends; aiortc waits for the event below, and for nothing else
        finally:
            self._its("rtp_exited").set()

    def _begin(self, codec: RTCRtpCodecParameters) -> RtpStream:
        probe = HeaderExtensions(mid=self._its("mid"), abs_send_time=_PROBE)
        profile, value = self._its("rtp_header_extensions_map").set(probe)
        rtx_type = self._its("rtx_payload_type")
        rate = VIDEO_CLOCK_RATE if self._sender.kind == "video" else SAMPLE_RATE
        return RtpStream(
            ssrc=self._sender._ssrc,
            payload_type=cast(int, codec.payloadType),  # negotiated by now
            rate=rate,
            rtx=None if rtx_type is None else (rtx_type, self._sender._rtx_ssrc),
            extensions=Extensions.of(profile, value, _PROBE.to_bytes(3, "big")),
            origin=self._origin(rate),
        )

    def _report(self, stream: RtpStream, pts: int) -> None:
        """What the next sender report says: when by the wall clock this was due, not when it happened to leave."""
        self._set("ntp_timestamp", ntp(self._epoch.of(pts)))
        self._set("rtp_timestamp", stream.timestamp(pts))
        self._set("packet_count", stream.packets)
        self._set("octet_count", stream.octets)

    async def _again(self, sequence: int) -> None:
        if self._stream is None:
            return
        round_trip = self._its("rtt") or ROUND_TRIP_S
        if (data := self._stream.again(sequence, uniform(), round_trip)) is not None:
            await self._sender.transport._send_rtp(data)

    def _lost(self) -> None:
        self._picture_losses += 1
        self._want_key(self._subscription.encoding)

    async def _hear(self, packet: AnyRtcpPacket) -> None:
        await self._heard(packet)
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            with contextlib.suppress(ValueError):  # others' application messages
                self._estimate, _ = unpack_remb_fci(packet.fci)
        elif isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            self.on_report()

    @property
    def health(self) -> Health:
        stream, report = self._stream, self._its("stats").get(f"remote-inbound-rtp_{id(self._sender)}")
        return Health(
            packets=stream.packets if stream else 0,
            octets=stream.octets if stream else 0,
            again=stream.again_count if stream else 0,
            picture_losses=self._picture_losses,
            round_trip_s=self._its("rtt"),
            lost=report.packetsLost if report else 0,
            estimate=self._estimate,
        )

    def _its(self, name: str) -> Any:
        return getattr(self._sender, f"_RTCRtpSender__{name}")

    def _set(self, name: str, value: Any) -> None:
        setattr(self._sender, f"_RTCRtpSender__{name}", value)
