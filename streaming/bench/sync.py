"""``everhost bench sync``: whether sound and picture of one instant are shown as one.

A stage flashes a corner of the picture in every tick that beeps, and nothing else is told of it. A viewer decodes both
and places them by RTP timestamps and sender reports, as players do (RFC 3550, section 6.4.1). The measure is tested in
the same run: with sound, or the flash, late by four ticks it must say so.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from avatar.bench.machine import machine
from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, SECONDS_PER_TICK, TICKS_PER_SECOND, VIDEO_CLOCK_RATE
from avatar.face import FaceFrame
from avatar.picture import Picture
from avatar.renderer import Renderer
from avatar.speech import SpeechChunk
from streaming.bench.viewer import overhear
from streaming.cues import Finish, KeyFrame, Say, StageConfig, Told
from streaming.errors import StageError
from streaming.fanout import Fanout
from streaming.packets import Packet
from streaming.rtp import ahead
from streaming.stage import Stage
from streaming.whep import Whep

MEDIAN, P95, SLOPE = 10.0, 20.0, 1.0
"""Milliseconds, and milliseconds an hour, that must be reached."""
SHIFT: Final = 4
"""Ticks by which the self-check moves one against the other: 83 ms."""
_BEEP: Final = 12
"""Ticks that a beep lasts; one begins every second."""
_CHECK_S: Final = 12
_SETTLE_S: Final = 3.0
_CORNER: Final = np.s_[-160:-32, 32:160]
_WHITE, _BLACK = 235, 16
_LOUD: Final = 0.1


@dataclass(frozen=True, slots=True)
class Offset:
    """Milliseconds that sound is late against the picture."""

    events: int
    median: float
    p95: float
    """Of its magnitude, about what was done to it."""
    worst: float


@dataclass(frozen=True, slots=True)
class Report:
    machine: str
    seconds: int
    plain: Offset
    slope: float
    """Milliseconds an hour,"""
    slope_error: float
    """give or take (95 %)."""
    late_sound: Offset
    late_picture: Offset


def run(host: str, seconds: int) -> Report:
    """Raises StageError when the viewer gets nothing that can be measured."""
    return asyncio.run(_run(host, seconds))


async def _run(host: str, seconds: int) -> Report:
    plain = await _offsets(host, seconds, 0, 0)
    late_sound = await _offsets(host, _CHECK_S, SHIFT, 0)
    late_picture = await _offsets(host, _CHECK_S, 0, SHIFT)
    hours = plain[:, 0] / 3600
    (slope, _), covariance = np.polyfit(hours, plain[:, 1], 1, cov=True)
    moved = 1e3 * SHIFT * SECONDS_PER_TICK
    return Report(
        machine=machine(),
        seconds=seconds,
        plain=_summary(plain, 0.0),
        slope=float(slope),
        slope_error=1.96 * float(np.sqrt(covariance[0, 0])),
        late_sound=_summary(late_sound, moved),
        late_picture=_summary(late_picture, -moved),
    )


def _summary(offsets: npt.NDArray[np.float64], moved: float) -> Offset:
    off = np.abs(offsets[:, 1] - moved)
    return Offset(len(off), float(np.median(offsets[:, 1])), float(np.percentile(off, 95)), float(off.max()))


class _Flashing:
    """A renderer with a corner that is white or black."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer, self.white = renderer, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._renderer, name)

    def draw(self, frame: FaceFrame, picture: Picture) -> None:
        self._renderer.draw(frame, picture)
        picture.y[_CORNER] = _WHITE if self.white else _BLACK


class _BeepingStage(Stage):
    def __init__(self, config: StageConfig, tell: Any, late_sound: int, late_flash: int) -> None:
        """``late_sound`` and ``late_flash``: ticks by which the self-check holds them back."""
        super().__init__(config, tell)
        self._flashing = _Flashing(self._renderer)
        self._renderer = self._flashing  # type: ignore[assignment]
        self._flashes = deque([False] * late_flash)
        self._sounds = deque(np.zeros(SAMPLES_PER_TICK, np.float32) for _ in range(late_sound))

    def _take_sound(self, tick: int) -> None:
        super()._take_sound(tick)
        sound = self._sound.last
        self._flashes.append(bool(np.abs(sound).max() > _LOUD))
        self._flashing.white = self._flashes.popleft()
        self._sounds.append(sound.copy())
        sound[:] = self._sounds.popleft()


@dataclass(slots=True)
class _Clock:
    """RTP timestamps of one kind as the wall clock's seconds."""

    rate: int
    first: int | None = None
    reports: list[tuple[int, float]] = field(default_factory=list)
    """(RTP timestamp, NTP seconds)"""

    def seconds(self, pts: int) -> float | None:
        """Of a decoded frame, whose pts count from the first; None before any report."""
        if self.first is None or not self.reports:
            return None
        rtp, ntp = self.reports[-1]
        return ntp + ahead(self.first + pts, rtp) / self.rate

    def see(self, timestamp: int) -> None:
        if self.first is None:
            self.first = timestamp

    def hear(self, timestamp: int, seconds: float) -> None:
        self.reports.append((timestamp, seconds))


async def _offsets(host: str, seconds: int, late_sound: int, late_flash: int) -> npt.NDArray[np.float64]:
    """(n, 2) seconds from the first beep, and milliseconds that each beep is heard after its flash is seen."""
    flashes: list[float] = []
    beeps: list[float] = []
    async with _on_air(host, late_sound, late_flash) as whep, _player(whep) as (connection, clocks):
        tasks = []
        for receiver in connection.getReceivers():
            kind = receiver.track.kind
            reading = _flash_times if kind == "video" else _beep_times
            found = flashes if kind == "video" else beeps
            tasks.append(asyncio.create_task(reading(receiver.track, clocks[kind], found)))
        await asyncio.sleep(_SETTLE_S + seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    pairs = [(beep, min(flashes, key=lambda at: abs(at - beep))) for beep in beeps if flashes]
    near = [(beep, 1e3 * (beep - flash)) for beep, flash in pairs if abs(beep - flash) < 0.4]
    if len(near) < 3:
        raise StageError(f"the viewer saw {len(flashes)} flashes and heard {len(beeps)} beeps: too few to compare")
    out = np.array(near)
    out[:, 0] -= out[0, 0]
    return out


@asynccontextmanager
async def _on_air(host: str, late_sound: int, late_flash: int) -> AsyncIterator[Whep]:
    loop = asyncio.get_running_loop()
    fanout = Fanout(lambda encoding: stage.command(KeyFrame(encoding)), lambda encodings: None)
    whep = Whep(fanout, lambda viewer, frame: None, lambda viewer, rtp, tick: None)

    def tell(told: Told) -> bool:
        if isinstance(told, Packet):
            loop.call_soon_threadsafe(fanout.send, told)
        return True

    stage = await asyncio.to_thread(_BeepingStage, StageConfig(host), tell, late_sound, late_flash)
    beep = np.zeros(TICKS_PER_SECOND * SAMPLES_PER_TICK, np.float32)
    length = _BEEP * SAMPLES_PER_TICK
    beep[:length] = 0.5 * np.cos(2 * np.pi * 1000 * np.arange(length) / SAMPLE_RATE)
    for _ in range(3600):
        stage.command(Say("beeps", SpeechChunk(beep, SAMPLE_RATE, "")))
    stage.command(Finish("beeps"))
    running = threading.Thread(target=stage.run, name="stage")
    running.start()
    try:
        yield whep
    finally:
        await whep.close_all()
        stage.command(None)
        await asyncio.to_thread(running.join)


@asynccontextmanager
async def _player(whep: Whep) -> AsyncIterator[tuple[RTCPeerConnection, dict[str, _Clock]]]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    clocks = {"video": _Clock(VIDEO_CLOCK_RATE), "audio": _Clock(SAMPLE_RATE)}
    try:
        for kind in clocks:
            connection.addTransceiver(kind, direction="recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        _, answer = await whep.answer(connection.localDescription.sdp, "sync")
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        for receiver in connection.getReceivers():
            clock = clocks[receiver.track.kind]
            overhear(receiver, clock.see, clock.hear)
        yield connection, clocks
    finally:
        await connection.close()


async def _flash_times(track: MediaStreamTrack, clock: _Clock, found: list[float]) -> None:
    before = True  # one that is there at the start has begun earlier
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, VideoFrame)  # noqa: S101
        plane = frame.planes[0]
        luma = np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)[:, : frame.width]
        white = float(luma[_CORNER].mean()) > (_WHITE + _BLACK) / 2
        if white and not before and (at := clock.seconds(frame.pts or 0)) is not None:
            found.append(at)
        before = white


async def _beep_times(track: MediaStreamTrack, clock: _Clock, found: list[float]) -> None:
    quiet = 0
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, AudioFrame)  # noqa: S101
        channels = len(frame.layout.channels)
        pcm = frame.to_ndarray().reshape(-1, channels)[:, 0].astype(np.float32) / 32768
        loud = np.flatnonzero(np.abs(pcm) > _LOUD)
        if len(loud):
            begun = quiet + int(loud[0]) > SAMPLE_RATE // 4  # a beep after silence
            if begun and (at := clock.seconds((frame.pts or 0) + int(loud[0]))) is not None:
                found.append(at)
            quiet = len(pcm) - 1 - int(loud[-1])
        else:
            quiet += len(pcm)


def table(report: Report) -> str:
    moved = 1e3 * SHIFT * SECONDS_PER_TICK
    lines = [
        f"Sound against picture at a viewer, by sender reports, {report.seconds} s; {report.machine}",
        f"{'':24} {'beeps':>6} {'median':>9} {'p95 off':>9} {'worst':>9}",
    ]
    for name, one in (
        ("as it is", report.plain),
        (f"sound late by {moved:.1f} ms", report.late_sound),
        (f"flash late by {moved:.1f} ms", report.late_picture),
    ):
        lines.append(f"{name:24} {one.events:6d} {one.median:6.2f} ms {one.p95:6.2f} ms {one.worst:6.2f} ms")
    lines += [
        f"{'must be within':24} {'':6} {MEDIAN:6.0f} ms {P95:6.0f} ms",
        f"slope {report.slope:+.2f} ± {report.slope_error:.2f} ms an hour, less than {SLOPE:.0f}",
    ]
    return "\n".join(lines)
