"""A viewer who can be reached through a TURN server alone: a real coturn."""

import asyncio
import shutil
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection, RTCSessionDescription
from av.video.frame import VideoFrame

from tests.streaming.test_whep import on_air

pytestmark = pytest.mark.real


@asynccontextmanager
async def coturn(folder: Path) -> AsyncIterator[RTCIceServer]:
    program = shutil.which("turnserver")
    assert program is not None, "coturn is missing: ./.ci/packages coturn"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process: Process = await asyncio.create_subprocess_exec(
        *(program, "-n", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp-relay", "--lt-cred-mech"),
        *("--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={port}", "--allow-loopback-peers"),
        *("--user=viewer:secret", "--realm=everhost.test", "--min-port=41000", "--max-port=41099"),
        *(f"--log-file={folder / 'turn.log'}", "--simple-log", f"--pidfile={folder / 'turn.pid'}"),
        *(f"--userdb={folder / 'turn.sqlite'}",),
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        await asyncio.sleep(0.5)
        assert process.returncode is None, (folder / "turn.log").read_text()
        yield RTCIceServer(urls=f"turn:127.0.0.1:{port}?transport=udp", username="viewer", credential="secret")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def relayed(connection: RTCPeerConnection) -> str:
    """A viewer's offer, in which every address is the relay's."""
    connection.addTransceiver("video", direction="recvonly")
    connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    offer: str = connection.localDescription.sdp
    candidates = [line for line in offer.splitlines() if line.startswith("a=candidate:")]
    assert candidates
    assert all("typ relay" in line for line in candidates)
    return offer


async def test_a_viewer_behind_a_relay_alone_sees_the_host(tmp_path: Path) -> None:
    async with coturn(tmp_path) as server, on_air() as (_, whep, _):
        relay_alone = RTCConfiguration(iceServers=[server], iceTransportPolicy=RTCIceTransportPolicy.RELAY)
        connection = RTCPeerConnection(relay_alone)
        try:
            _, answer = await whep.answer(await relayed(connection), "v1")
            await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            (video,) = (r.track for r in connection.getReceivers() if r.track.kind == "video")
            async with asyncio.timeout(20):
                for _ in range(48):
                    assert isinstance(await video.recv(), VideoFrame)
        finally:
            await connection.close()
