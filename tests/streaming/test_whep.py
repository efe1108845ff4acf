"""WHEP against a real aiortc player; what the module rests on inside aiortc is pinned here."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiortc import AudioStreamTrack, MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtcpSenderInfo, RtcpSrPacket, RtpPacket
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from avatar.clock import SECONDS_PER_TICK
from avatar.picture import Picture
from streaming import encoders, metrics, quality, rtp
from streaming.bench.hall import heard
from streaming.bench.network import without_candidates
from streaming.errors import OfferError
from streaming.fanout import KEY_DEBOUNCE_TICKS, Fanout
from streaming.hearing.microphone import RATE, OpusPacket
from streaming.packets import Encoding
from streaming.whep import Whep

WIDTH, HEIGHT = 320, 180


class Source:
    """A room's encoders, without a host: pictures that say their tick in their brightness."""

    pace = SECONDS_PER_TICK / 2

    def __init__(self) -> None:
        self.fanout = Fanout(self.want_key, self.lighten)
        self.key_asked = 0
        self.tick = 0
        self.grain = np.zeros((HEIGHT, WIDTH), np.uint8)
        """Over the picture; it makes key frames large."""
        self._keys: set[Encoding] = {"h264"}
        self.light: frozenset[Encoding] = frozenset()
        self._lighter = encoders.Lighter(WIDTH, HEIGHT)
        self._picture = Picture(WIDTH, HEIGHT)
        self._picture.data[:] = 128
        self._video = encoders.h264(WIDTH, HEIGHT)
        self._audio = encoders.opus()

    def want_key(self, encoding: Encoding) -> None:
        self.key_asked += 1
        self._keys.add(encoding)

    def lighten(self, encodings: frozenset[Encoding]) -> None:
        self.light = encodings

    async def run(self) -> None:
        while True:
            tick = self.tick
            self._picture.y[:] = 60 + tick % 100 + self.grain
            keys, self._keys = self._keys, set()
            self.fanout.send(self._video.encode(self._picture, tick, key="h264" in keys))
            for packet in self._lighter.encode(self._picture, tick, self.light, keys):
                self.fanout.send(packet)
            for packet in self._audio.encode(np.zeros(1000, np.float32)):
                self.fanout.send(packet)
            self.tick += 1
            await asyncio.sleep(self.pace)


@asynccontextmanager
async def on_air() -> AsyncIterator[tuple[Source, Whep, list[tuple[str, int, int]]]]:
    source = Source()
    joined: list[tuple[str, int, int]] = []
    whep = Whep(source.fanout, lambda viewer, frame: None, lambda *clock: joined.append(clock))
    running = asyncio.create_task(source.run())
    try:
        yield source, whep, joined
    finally:
        await whep.close_all()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def player(
    whep: Whep, viewer: str = "v1", change: Callable[[str], str] = lambda offer: offer
) -> AsyncIterator[tuple[RTCPeerConnection, MediaStreamTrack, str]]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        connection.addTransceiver("video", direction="recvonly")
        connection.addTransceiver("audio", direction="recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        name, answer = await whep.answer(change(connection.localDescription.sdp), viewer)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        tracks = {receiver.track.kind: receiver.track for receiver in connection.getReceivers()}
        yield connection, tracks["video"], name
    finally:
        await connection.close()


async def test_a_player_gets_the_rooms_pictures_unencoded() -> None:
    async with on_air() as (_, whep, joined), player(whep) as (connection, video, _):
        assert "profile-level-id=42e02a" in connection.remoteDescription.sdp
        (receiver,) = (r for r in connection.getReceivers() if r.track.kind == "video")
        timestamps: list[int] = []
        handle = receiver._handle_rtp_packet

        async def spy(packet: RtpPacket, arrival_time_ms: int) -> None:
            timestamps.append(packet.timestamp)
            await handle(packet, arrival_time_ms)

        receiver._handle_rtp_packet = spy
        frames = [await video.recv() for _ in range(20)]
        for frame in frames:
            assert isinstance(frame, VideoFrame)
            assert (frame.width, frame.height) == (WIDTH, HEIGHT)
        ((viewer, rtp, tick),) = joined
        assert viewer == "v1"
        # The picture's brightness is its tick: the clock the viewer is told must agree with what they see.
        seen = frames[0]
        assert isinstance(seen, VideoFrame)
        there = tick + (timestamps[0] - rtp) // 1875
        assert abs(float(seen.to_ndarray()[:HEIGHT].mean()) - (60 + there % 100)) < 1


class Tone(AudioStreamTrack):
    """A microphone that hears 440 Hz."""

    async def recv(self) -> AudioFrame:
        frame = await super().recv()
        at = frame.pts + np.arange(frame.samples)
        wave = (8000 * np.sin(2 * np.pi * 440 * at / frame.sample_rate)).astype(np.int16)
        frame.planes[0].update(wave.tobytes())
        return frame


@asynccontextmanager
async def talker(whep: Whep, viewer: str, microphone: MediaStreamTrack) -> AsyncIterator[RTCPeerConnection]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        connection.addTransceiver("video", direction="recvonly")
        connection.addTrack(microphone)
        await connection.setLocalDescription(await connection.createOffer())
        _, answer = await whep.answer(connection.localDescription.sdp, viewer)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        yield connection
    finally:
        await connection.close()


async def test_a_microphones_packets_come_whole_and_nothing_is_decoded() -> None:
    packets: list[OpusPacket] = []
    whep = Whep(Source().fanout, lambda viewer, packet: packets.append(packet), lambda *clock: None)
    try:
        async with talker(whep, "v1", Tone()):
            async with asyncio.timeout(10):
                while len(packets) < 60:
                    await asyncio.sleep(0.02)
            (seat,) = whep.seats
            (receiver,) = (r for r in seat.connection.getReceivers() if r.track and r.track.kind == "audio")
            assert receiver._RTCRtpReceiver__decoder_queue.empty()
            (stream,) = receiver._RTCRtpReceiver__remote_streams.values()
            assert stream.packets_received >= 60  # the browser is told how they fare
    finally:
        await whep.close_all()
    pcm = heard(packets[:60])
    assert len(pcm) == pytest.approx(1.2 * RATE, rel=0.1)
    second = pcm[1000 : 1000 + RATE]
    assert np.abs(np.fft.rfft(second)).argmax() == 440


async def test_a_lost_picture_asks_the_encoder_for_a_key_frame_once_for_all() -> None:
    async with on_air() as (source, whep, _), player(whep) as (connection, video, _):
        await video.recv()
        await asyncio.sleep(SECONDS_PER_TICK * KEY_DEBOUNCE_TICKS)
        before = source.key_asked
        (receiver,) = (r for r in connection.getReceivers() if r.track.kind == "video")
        for _ in range(10):
            await receiver._send_rtcp_pli(next(iter(receiver._RTCRtpReceiver__remote_streams)))
        await asyncio.sleep(0.2)
        assert source.key_asked - before in (1, 2)


async def test_a_lost_packet_comes_again() -> None:
    async with on_air() as (source, whep, _), player(whep) as (connection, video, name):
        await video.recv()
        (receiver,) = (r for r in connection.getReceivers() if r.track.kind == "video")
        handle, count = receiver._handle_rtp_packet, 0

        async def lossy(packet: RtpPacket, arrival_time_ms: int) -> None:
            nonlocal count
            count += 1
            if count % 20:
                await handle(packet, arrival_time_ms)

        receiver._handle_rtp_packet = lossy
        asked = source.key_asked
        for _ in range(60):
            await video.recv()
        stream = whep._viewers[name].video.stream
        assert stream is not None
        assert stream.again_count >= 2
        assert source.key_asked - asked <= 1


async def test_how_a_viewer_fares_is_known() -> None:
    async with on_air() as (_, whep, _), player(whep) as (connection, video, name):
        (receiver,) = (r for r in connection.getReceivers() if r.track.kind == "video")
        for _ in range(20):
            await video.recv()
        await receiver._send_rtcp_pli(next(iter(receiver._RTCRtpReceiver__remote_streams)))
        (seat,) = whep.seats
        assert seat.id == name
        async with asyncio.timeout(10):
            while seat.video.health.round_trip_s is None:
                await video.recv()
        health = seat.video.health
        assert health.packets >= 20
        assert health.octets > 20 * 20
        assert health.picture_losses == 1
        assert health.lost == 0
        assert len(seat.subscription) <= 2
        measured = metrics.of_viewer(seat)
        assert measured["viewer_sent_bytes"] > health.octets
        assert measured["viewer_picture_losses"] == 1
        assert measured["viewer_lost_packets"] == 0
        assert measured["viewer_sent_packets"] >= health.packets


async def test_wrapping_timestamps_and_numbers_are_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A room that never closes wraps its picture's timestamps every 13 hours and its sound's every 25."""
    monkeypatch.setattr(rtp.secrets, "randbits", lambda bits: (1 << 32) - 90_000 if bits == 32 else (1 << 16) - 40)
    async with on_air() as (source, whep, _), player(whep) as (_, video, name):
        frames = [await video.recv() for _ in range(120)]  # two and a half seconds of pictures
        seat = whep._viewers[name]
        for sender in (seat.video, seat.audio):
            assert sender is not None
            assert sender.stream is not None
            assert sender.stream.origin == (1 << 32) - 90_000
        assert seat.video.stream is not None
        assert seat.video.stream.packets > 100
        times = [frame.pts or 0 for frame in frames if isinstance(frame, VideoFrame)]
        assert times[-1] > 90_000 + 1875
        assert set(np.diff(times)) == {1875}
        brightness = [float(frame.to_ndarray()[:HEIGHT].mean()) for frame in frames if isinstance(frame, VideoFrame)]
        assert set(np.round(np.diff(brightness)) % 100) == {1}  # no picture is missing, none comes twice
        assert source.key_asked <= 2


async def test_sender_reports_say_when_a_tick_was_due_whatever_it_waited_for() -> None:
    async with on_air() as (source, whep, _), player(whep) as (connection, video, name):
        source.pace = SECONDS_PER_TICK  # no faster than the wall clock
        await video.recv()
        reports: dict[str, RtcpSenderInfo] = {}
        for receiver in connection.getReceivers():

            async def note(packet: object, kind: str = receiver.track.kind) -> None:
                if isinstance(packet, RtcpSrPacket):
                    reports[kind] = packet.sender_info

            receiver._handle_rtcp_packet = note
        async with asyncio.timeout(10):
            while len(reports) < 2:
                await asyncio.sleep(0.05)
        seat = whep._viewers[name]
        for sender, kind, rate in ((seat.video, "video", 90_000), (seat.audio, "audio", 48_000)):
            assert sender is not None
            assert sender.stream is not None
            seconds = ((reports[kind].rtp_timestamp - sender.stream.origin) % 2**32) / rate
            due = reports[kind].ntp_timestamp / 2**32 - 2_208_988_800
            assert due == pytest.approx(source.fanout.epoch.of(round(seconds * 48_000)), abs=0.001)


async def test_a_player_who_offers_before_it_knows_its_own_address_is_found() -> None:
    """As players do that would send their candidates later: the room answers their checks."""
    async with on_air() as (_, whep, _):
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        try:
            connection.addTransceiver("video", direction="recvonly")
            await connection.setLocalDescription(await connection.createOffer())
            _, answer = await whep.answer(without_candidates(connection.localDescription.sdp), "v1")
            assert "a=candidate:" in answer
            await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            (receiver,) = connection.getReceivers()
            async with asyncio.timeout(10):
                assert isinstance(await receiver.track.recv(), VideoFrame)
        finally:
            await connection.close()


async def test_a_viewer_who_leaves_is_forgotten() -> None:
    async with on_air() as (source, whep, _):
        async with player(whep) as (_, video, name):
            await video.recv()
            assert len(source.fanout) == 1
            assert await whep.close(name)
            assert len(source.fanout) == 0
            assert not await whep.close(name)
        assert len(whep) == 0


@pytest.mark.parametrize(
    ("offer", "message"),
    [
        ("", "video"),
        ("v=0\r\nnonsense", "no video"),
        ("\x00\xff" * 50, "no video"),
    ],
)
async def test_a_broken_offer_is_refused_and_disturbs_nobody(offer: str, message: str) -> None:
    async with on_air() as (_, whep, _), player(whep) as (_, video, _):
        await video.recv()
        with pytest.raises(OfferError, match=message):
            await whep.answer(offer, "v2")
        await video.recv()
        assert len(whep) == 1


def only_vp8(sdp: str) -> str:
    return sdp.replace("H264/90000", "X-NONE/90000")


async def test_a_player_without_h264_gets_the_lighter_picture_in_vp8() -> None:
    async with on_air() as (source, whep, joined), player(whep, change=only_vp8) as (connection, video, _):
        frames = [await video.recv() for _ in range(30)]
        assert "VP8/90000" in connection.remoteDescription.sdp
        assert "H264" not in connection.remoteDescription.sdp
        assert source.light == {"vp8-light"}
        assert joined
        for frame in frames:
            assert isinstance(frame, VideoFrame)
            assert (frame.width, frame.height) == (WIDTH // 2, HEIGHT // 2)
        assert set(np.diff([frame.pts or 0 for frame in frames])) == {2 * 1875}
    assert source.light == frozenset()


async def test_a_player_of_a_low_level_gets_the_lighter_picture_at_that_level() -> None:
    def strict(sdp: str) -> str:
        return sdp.replace("level-asymmetry-allowed=1;", "").replace("42e02a", "42e01f")

    async with on_air() as (_, whep, _), player(whep, change=strict) as (connection, video, _):
        frame = await video.recv()
        assert isinstance(frame, VideoFrame)
        assert (frame.width, frame.height) == (WIDTH // 2, HEIGHT // 2)
        assert "profile-level-id=42e01f" in connection.remoteDescription.sdp
        assert "42e02a" not in connection.remoteDescription.sdp


@pytest.mark.real
async def test_a_viewer_whose_packets_are_lost_is_sent_the_lighter_picture_and_the_other_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quality, "LOOK_S", 0.2)
    monkeypatch.setattr(quality, "TRY_S", 2.0)
    async with on_air() as (_, whep, _), player(whep) as (connection, video, name), player(whep) as (_, good, _):
        (receiver,) = (r for r in connection.getReceivers() if r.track.kind == "video")
        handle, count, losing = receiver._handle_rtp_packet, 0, True

        async def lossy(packet: RtpPacket, arrival_time_ms: int) -> None:
            nonlocal count
            count += 1
            if not losing or count % 4:
                await handle(packet, arrival_time_ms)

        receiver._handle_rtp_packet = lossy
        receiver._send_rtcp_nack = _say_nothing
        seat = whep._viewers[name]
        async with asyncio.timeout(30):
            await _wide(video, WIDTH)
            while not seat.quality.light:
                assert (await _next(good)).width == WIDTH
            losing = False
            await _wide(video, WIDTH // 2)
            await _wide(video, WIDTH)
        assert seat.subscription.switches >= 2
        assert (await _next(good)).width == WIDTH


async def _next(video: MediaStreamTrack) -> VideoFrame:
    frame = await video.recv()
    assert isinstance(frame, VideoFrame)
    return frame


async def _wide(video: MediaStreamTrack, width: int) -> None:
    while (await _next(video)).width != width:
        pass


async def _say_nothing(*_: object) -> None:
    pass


async def test_a_player_that_takes_neither_codec_is_told_so() -> None:
    async with on_air() as (_, whep, _):
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        connection.addTransceiver("video", direction="recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        offer = only_vp8(connection.localDescription.sdp).replace("VP8/90000", "AV1/90000")
        with pytest.raises(OfferError, match=r"H\.264"):
            await whep.answer(offer, "v1")
        await connection.close()
