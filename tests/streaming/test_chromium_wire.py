"""What real Chromium shows of a room's packets when its network misbehaves; a small room without a host."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from selenium import webdriver

from streaming.bench.network import Impairment, Relay, relay
from streaming.offer import Rendition
from streaming.whep import Whep
from streaming.whep_http import add_whep
from tests.streaming.test_browser import chromium
from tests.streaming.test_whep import HEIGHT, WIDTH, Source

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

JOIN = """
const [url, codec, done] = arguments;
(async () => {
  const peer = new RTCPeerConnection();
  const video = document.querySelector("video");
  peer.addEventListener("track", (event) => { video.srcObject = new MediaStream([event.track]); video.play(); });
  const transceiver = peer.addTransceiver("video", { direction: "recvonly" });
  const codecs = RTCRtpReceiver.getCapabilities("video").codecs;
  if (codec) transceiver.setCodecPreferences(codecs.filter((one) => [codec, "video/rtx"].includes(one.mimeType)));
  await peer.setLocalDescription();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const headers = { "Content-Type": "application/sdp" };
  const answer = await fetch(url, { method: "POST", headers, body: peer.localDescription.sdp });
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  window.peer = peer;
  done(answer.status);
})().catch((error) => done(String(error)));
"""
STATS = """
const done = arguments[0];
window.peer.getStats().then((report) => {
  done([...report.values()].find((one) => one.type === "inbound-rtp" && one.kind === "video") ?? {});
});
"""


class Behind:
    """A room's WHEP as a player behind a relay finds it."""

    def __init__(self, whep: Whep, through: Relay) -> None:
        self._whep, self._through = whep, through

    @property
    def whep(self) -> "Behind":
        return self

    async def answer(self, offer: str, viewer: str, rendition: Rendition) -> tuple[str, str]:
        name, answer = await self._whep.answer(self._through.offered(offer), viewer, rendition)
        return name, self._through.answered(answer)


class Watching:
    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    async def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = await asyncio.to_thread(self._driver.execute_async_script, STATS)
        return stats

    async def until(self, done: Callable[[dict[str, Any]], bool], seconds: float = 10) -> dict[str, Any]:
        stats: dict[str, Any] = {}
        try:
            async with asyncio.timeout(seconds):
                while not done(stats := await self.stats()):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"not within {seconds:g} s; Chromium says {stats}") from None
        return stats


@asynccontextmanager
async def watching(network: Impairment, codec: str = "") -> AsyncIterator[tuple[Watching, Source, Whep]]:
    source = Source()
    source.pace = 1 / 48
    source.grain = np.random.default_rng(1).integers(0, 80, source.grain.shape, np.uint8)
    whep = Whep(source.fanout, lambda viewer, frame: None, lambda viewer, rtp, tick: None)
    app = FastAPI()
    app.get("/")(lambda: HTMLResponse("<video muted></video>"))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    running = asyncio.create_task(source.run())
    async with relay(network) as through:
        add_whep(app, lambda room: Behind(whep, through))  # type: ignore[arg-type,return-value]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            serving = asyncio.create_task(server.serve([listener]))
            driver = await asyncio.to_thread(chromium, "--autoplay-policy=no-user-gesture-required")
            try:
                address = f"http://127.0.0.1:{listener.getsockname()[1]}"
                await asyncio.to_thread(driver.get, f"{address}/")
                join = (JOIN, f"{address}/rooms/any/whep", codec)
                assert await asyncio.to_thread(driver.execute_async_script, *join) == 201
                yield Watching(driver), source, whep
            finally:
                await asyncio.to_thread(driver.quit)
                await whep.close_all()
                server.should_exit = True
                running.cancel()
                await asyncio.gather(serving, running, return_exceptions=True)


async def test_each_rendition_is_shown_in_its_own_size_where_packets_overtake_each_other() -> None:
    """With parameter sets of one number, a key frame that came before its own was decoded by the other's."""
    async with watching(Impairment(0.0, 0.02, 0.015, seed=1)) as (page, source, whep):
        await page.until(lambda stats: stats.get("frameWidth") == WIDTH)
        (seat,) = whep.seats
        for n in range(8):
            light = n % 2 == 0
            source.fanout.switch(seat.subscription, "h264-light" if light else "h264")
            before = await page.stats()
            await page.until(lambda stats, before=before: stats["framesDecoded"] > before["framesDecoded"] + 24)  # type: ignore[misc]
            await asyncio.sleep(1)
            stats = await page.stats()
            width, height = (WIDTH // 2, HEIGHT // 2) if light else (WIDTH, HEIGHT)
            assert (stats["frameWidth"], stats["frameHeight"]) == (width, height), f"change {n}"
        assert seat.subscription.switches == 8


async def test_vp8_is_shown_to_who_takes_nothing_else() -> None:
    async with watching(Impairment(0.02, 0.02, 0.01, seed=2), "video/VP8") as (page, source, _):
        await page.until(lambda stats: stats.get("framesDecoded", 0) > 12)
        before, tick = (await page.stats())["framesDecoded"], source.tick
        await asyncio.sleep(4)
        stats = await page.stats()
        assert stats["frameWidth"] == WIDTH // 2
        assert stats["framesDecoded"] - before == pytest.approx((source.tick - tick) / 2, abs=12)
