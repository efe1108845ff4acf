"""Ways out besides viewers: queue, files, keys; and how one is kept open when what it leads to breaks."""

import asyncio
import json
import os
import signal
import ssl
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from avatar.clock import SECONDS_PER_TICK
from avatar.picture import Picture
from streaming import encoders, sei
from streaming.errors import OutletError
from streaming.label import aigc
from streaming.outlets import outlet as outlets
from streaming.outlets import recording
from streaming.outlets.outlet import Outlet
from streaming.outlets.queue import QUEUE, OutletQueue
from streaming.outlets.recording import Recorder
from streaming.outlets.rtmp import RtmpPush
from streaming.outlets.target import Opening, Target
from streaming.packets import Packet
from streaming.roomfile import Push, Recording

SIZE = (320, 180)


def video(tick: int, key: bool = False) -> Packet:
    return Packet("h264", tick * 1000, key, b"x")


def sound(pts: int) -> Packet:
    return Packet("aac", pts, True, b"y")


class Asked:
    count = 0

    def __call__(self) -> None:
        self.count += 1


class Source:
    """Encoders without a host: pictures that say their tick in their brightness, a tone that beeps every second."""

    def __init__(self, pace: float = SECONDS_PER_TICK) -> None:
        self.takers: list[Callable[[Packet], None]] = []
        self.tick = 0
        self.asked = 0
        self._pace = pace
        self._key = True
        self._picture = Picture(*SIZE)
        self._picture.data[:] = 128
        self._video, self._sound = encoders.h264(*SIZE, sei=sei.unit(aigc("p1").encode())), encoders.aac()

    def want_key(self) -> None:
        self.asked += 1
        self._key = True

    def step(self) -> None:
        self._picture.y[:] = 60 + self.tick % 48
        key, self._key = self._key, False
        t = np.arange(1000) / 48_000
        loud = 0.5 if self.tick % 48 < 4 else 0.0
        packets = [self._video.encode(self._picture, self.tick, key=key)]
        packets += self._sound.encode((loud * np.sin(2 * np.pi * 1000 * t)).astype(np.float32))
        for packet in packets:
            for take in self.takers:
                take(packet)
        self.tick += 1

    async def run(self) -> None:
        while True:
            self.step()
            await asyncio.sleep(self._pace)


@asynccontextmanager
async def kept_open(target: Target, source: Source) -> AsyncIterator[Outlet]:
    one = Outlet(target, source.want_key, pause=lambda seconds: asyncio.sleep(0.05 * seconds))
    source.takers.append(one.put)
    running = asyncio.create_task(source.run())
    one.start()
    try:
        yield one
    finally:
        await one.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        source.takers.remove(one.put)


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def until(done: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.02)


# What waits


async def test_an_outlet_begins_with_a_key_frame_and_takes_what_it_can_use() -> None:
    asked = Asked()
    queue = OutletQueue(asked)
    queue.put(video(0, key=True))  # not open yet
    queue.open()
    assert asked.count == 1
    for packet in (sound(0), video(1), Packet("opus", 0, True, b"z"), Packet("h264-light", 2000, True, b"z")):
        queue.put(packet)
    queue.put(video(2, key=True))
    queue.put(sound(2048))
    assert [await queue.get(), await queue.get()] == [video(2, key=True), sound(2048)]
    assert not len(queue)


async def test_an_outlet_that_falls_behind_goes_on_at_the_next_key_frame() -> None:
    asked = Asked()
    queue = OutletQueue(asked)
    queue.open()
    for tick in range(QUEUE + 5):
        queue.put(video(tick, key=tick == 0))
        queue.put(sound(tick * 1000))
    assert len(queue) == 0
    assert queue.dropped == QUEUE
    assert asked.count > 1
    queue.put(video(1000, key=True))
    assert await queue.get() == video(1000, key=True)


async def test_what_was_put_back_comes_first() -> None:
    queue = OutletQueue(Asked())
    queue.open()
    queue.put(video(0, key=True))
    queue.put(video(1))
    queue.put_back(await queue.get())
    assert len(queue) == 2
    assert await queue.get() == video(0, key=True)


# Recording


def recorder(folder: Path, minutes: float = 60, keep_gb: float = 100) -> Recorder:
    return Recorder(Recording(folder=folder, minutes=minutes, keep_gb=keep_gb), "test", SIZE)


def pictures(path: Path) -> list[int]:
    """Brightness of each picture of a file."""
    with av.open(str(path)) as file:
        return [round(float(frame.to_ndarray()[: SIZE[1]].mean())) for frame in file.decode(video=0)]


async def test_files_end_at_full_hours_by_the_clock(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    begun = 1_795_671_593.0  # 05:39:53 UTC
    assert one.renew_at(begun) == begun + 20 * 60 + 7
    assert one.renew_at(one.renew_at(begun)) == begun + 80 * 60 + 7
    opening = await one.open(begun)
    assert opening.url == str(tmp_path / "test-20261126T053953Z.mp4")
    (tmp_path / Path(opening.url).name).touch()
    assert (await one.open(begun)).url == str(tmp_path / "test-20261126T053953Z-2.mp4")


async def test_the_oldest_files_are_deleted_and_no_others(tmp_path: Path) -> None:
    for hour in range(5):
        (tmp_path / f"test-20261126T0{hour}0000Z.mp4").write_bytes(bytes(400_000))
    others = ("test-holiday.mp4", "test-room-20261126T000000Z.mp4", "test-2-20261126T000000Z.mp4", "notes.txt")
    for name in others:
        (tmp_path / name).write_bytes(bytes(400_000))
    await recorder(tmp_path, keep_gb=0.001).open(1_795_671_593.0)
    left = {path.name for path in files(tmp_path)}
    assert left == {"test-20261126T040000Z.mp4", "test-20261126T030000Z.mp4", *others}


async def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "FREE", 1 << 60)
    with pytest.raises(OutletError, match="keep_gb"):
        await recorder(tmp_path).open(0.0)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OutletError, match="cannot be used"):
        await recorder(file).open(0.0)


@pytest.mark.real
async def test_one_file_follows_another_and_no_picture_is_missing(tmp_path: Path) -> None:
    source = Source()
    async with kept_open(recorder(tmp_path, minutes=0.1), source) as one:  # six seconds, by the clock
        await until(lambda: one.starts >= 3 and one.state == "live", 30)
        await until(lambda: len(files(tmp_path)) == 3)
        await asyncio.sleep(0.3)
    made = files(tmp_path)
    shown = [brightness for path in made for brightness in pictures(path)]
    assert len(shown) >= 4 * 48  # a whole file and more; a busy machine makes fewer than 48 pictures a second
    assert set(np.diff(shown) % 48) == {1}
    assert one.error is None
    assert one.dropped == 0
    for path in made:
        with av.open(str(path)) as file:
            label = json.loads(file.metadata["AIGC"])
            assert label["Label"] == "1"
            assert label["ProduceID"]
            (picture, tone) = file.streams
            assert (picture.codec_context.name, tone.codec_context.name) == ("h264", "aac")
            assert picture.start_time == 0
            assert float((picture.duration or 0) * picture.time_base) == pytest.approx(picture.frames / 48, abs=0.001)


async def test_sound_and_picture_of_a_file_are_together(tmp_path: Path) -> None:
    source = Source()
    async with kept_open(recorder(tmp_path), source):
        await until(lambda: source.tick > 3 * 48 + 24)
    (path,) = files(tmp_path)
    with av.open(str(path)) as file:
        dark = [float(f.time or 0) for f in file.decode(video=0) if abs(f.to_ndarray()[: SIZE[1]].mean() - 60) < 0.6]
    with av.open(str(path)) as file:
        frames = list(file.decode(audio=0))
    at = np.concatenate([(f.time or 0) + np.arange(f.samples) / 48_000 for f in frames])
    loud = np.abs(np.concatenate([f.to_ndarray()[0] for f in frames])) > 0.2
    begins = [float(t) for t, before, now in zip(at[1:], loud, loud[1:], strict=False) if now and not before]
    onsets = [t for k, t in enumerate(begins) if not k or t - begins[k - 1] > 0.5]
    for flash in dark[1:]:
        assert min(abs(onset - flash) for onset in onsets) < 0.002


@pytest.mark.real
async def test_a_writer_that_dies_leaves_a_file_that_plays_and_another_follows(tmp_path: Path) -> None:
    source = Source()
    async with kept_open(recorder(tmp_path), source) as one:
        await until(lambda: source.tick > 4 * 48)
        kill_writer()
        await until(lambda: one.failures == 1)
        assert one.error == "its writer died"
        await until(lambda: one.starts == 2 and one.state == "live")
        assert one.error is None
    first, second = files(tmp_path)
    assert len(pictures(first)) >= 48  # all but the last two seconds
    assert len(pictures(second)) >= 1


def kill_writer() -> None:
    for child in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        for pid in child.read_text().split():
            if b"streaming.outlets.writer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)
                return
    raise AssertionError("no writer runs")


# The stream key


def program(folder: Path, text: str) -> str:
    path = folder / "key.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


async def test_the_key_comes_from_the_environment_or_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "rtmp://push.example/live/"
    monkeypatch.setenv("STREAM_KEY", " s3cret ")
    opening = await RtmpPush(Push(url=url, key_env="STREAM_KEY"), SIZE).open(0.0)
    assert opening.url == "rtmp://push.example/live/s3cret"
    assert "s3cret" not in repr(opening)
    monkeypatch.setenv("STREAM_KEY", "fresh")
    assert (await RtmpPush(Push(url=url, key_env="STREAM_KEY"), SIZE).open(0.0)).url.endswith("/live/fresh")
    command = program(tmp_path, "echo k-$$")
    first, second = [await RtmpPush(Push(url=url, key_command=[command]), SIZE).open(0.0) for _ in range(2)]
    assert first.url.startswith("rtmp://push.example/live/k-")
    assert first.url != second.url
    command = program(tmp_path, "echo rtmp://other.example/app/whole?auth=1")
    whole = await RtmpPush(Push(name="other", key_command=[command]), SIZE).open(0.0)
    assert whole.url == "rtmp://other.example/app/whole?auth=1"
    plain = await RtmpPush(Push(url="rtmp://push.example/live/room"), SIZE).open(0.0)
    assert plain.url == "rtmp://push.example/live/room"


def test_what_a_writer_says_is_shown_without_the_key() -> None:
    url = "rtmp://push.example:1935/live/stream-77?sign=ab/cd1234==&t=9"
    for said in (
        f"cannot open {url}",
        "no stream stream-77 here",
        "bad sign cd1234",
        "publish of stream-77?sign=ab/cd1234==",
    ):
        shown = outlets.masked(said, url)
        assert "stream-77" not in shown
        assert "cd1234" not in shown
    assert (
        outlets.masked("Connection refused (tcp://push.example:1935)", url)
        == "Connection refused (tcp://push.example:1935)"
    )


async def test_a_server_whose_certificate_cannot_be_trusted_is_not_told_the_key(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(10))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    push = RtmpPush(Push(url=f"rtmps://localhost:{port}/live/s3cret"), SIZE)
    try:
        with pytest.raises(OutletError, match="no certificate that can be trusted"):
            await push.open(0.0)
        with pytest.raises(OutletError, match="cannot be reached"):
            await RtmpPush(Push(url="rtmps://localhost:9/live/s3cret"), SIZE).open(0.0)
    finally:
        server.close()
    assert not any(heard)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate that nobody vouches for, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    certificate = builder.sign(key, hashes.SHA256())
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    return paths


@pytest.mark.parametrize(
    ("text", "message"),
    [("exit 3", "ended with 3"), ("true", "one word"), ("echo two words", "one word"), ("sleep 5", "longer than")],
)
async def test_a_program_that_gives_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setattr("streaming.outlets.rtmp.KEY_S", 0.5)
    push = RtmpPush(Push(url="rtmp://push.example/live", key_command=[program(tmp_path, text)]), SIZE)
    with pytest.raises(OutletError, match=message):
        await push.open(0.0)


async def test_no_key_no_push(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STREAM_KEY", raising=False)
    with pytest.raises(OutletError, match="STREAM_KEY"):
        await RtmpPush(Push(url="rtmp://push.example/live", key_env="STREAM_KEY"), SIZE).open(0.0)
    with pytest.raises(OutletError, match="cannot be run"):
        await RtmpPush(Push(url="rtmp://push.example/live", key_command=[str(tmp_path)]), SIZE).open(0.0)
    with pytest.raises(OutletError, match="rtmp://"):
        await RtmpPush(Push(key_command=[program(tmp_path, "echo abc")]), SIZE).open(0.0)


# What breaks


async def test_a_platform_that_is_not_there_is_tried_again_and_the_key_is_told_to_nobody() -> None:
    class Nowhere:
        name = "nowhere"

        async def open(self, now: float) -> Opening:
            return Opening("rtmp://127.0.0.1:9/live/s3cret", "flv", *SIZE)

        async def check(self) -> None:
            pass

        def renew_at(self, now: float) -> float:
            return now + 100

    source = Source()
    async with kept_open(Nowhere(), source) as one:
        await until(lambda: one.failures >= 2)
        assert one.state == "waiting" or one.starts > 2
        assert one.error is not None
        assert "refused" in one.error
        assert "s3cret" not in one.error


async def test_a_server_that_takes_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "STALL_S", 1.0)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until they are gone
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    class Silent:
        name = "silent"

        async def open(self, now: float) -> Opening:
            return Opening(f"rtmp://127.0.0.1:{port}/live/x", "flv", *SIZE)

        async def check(self) -> None:
            pass

        def renew_at(self, now: float) -> float:
            return now + 100

    source = Source(pace=0.001)
    try:
        async with kept_open(Silent(), source) as one:
            await until(lambda: one.failures >= 1)
            assert one.error == "it could not be reached for 1 s"
    finally:
        server.close()
