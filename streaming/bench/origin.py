"""A room that only shows itself: stage, fan-out and WHEP in a process of their own, without models or questions.

``python -m streaming.bench.origin SETTINGS WRAP`` (JSON) prints its address and serves until it is ended; ``/measure``
says what it has cost so far.
"""

import asyncio
import contextlib
import ctypes
import gc
import json
import multiprocessing
import os
import socket
import sys
import threading
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

import httpx
import uvicorn
from fastapi import FastAPI

from avatar.bench.live import resident
from avatar.clock import SAMPLE_RATE
from avatar.life import Attention
from avatar.speech import SpeechChunk
from streaming import playout
from streaming.child import die_with_parent
from streaming.cues import Attend, Finish, Hush, KeyFrame, Lighten, Ready, Report, Say, StageConfig, Told
from streaming.encoders import X264
from streaming.errors import StageError
from streaming.fanout import Fanout
from streaming.packets import Encoding, Packet
from streaming.rtp import random_origin
from streaming.stage_process import StageProcess
from streaming.whep import Whep
from streaming.whep_http import add_whep

ROOM: Final = "bench"
START_S: Final = 120


@dataclass(frozen=True, slots=True)
class Measure:
    at: float
    """time.monotonic(), seconds."""
    cpu_s: float
    """Processor seconds of the gateway, the stage not among them."""
    sent_bytes: int
    """RTP payload of all present viewers since they came."""
    stage: dict[str, Any]
    """The last :class:`streaming.cues.Report`."""
    key_requests: int
    again: int
    """Packets sent again to present viewers."""
    dropped: int
    """Pictures that a present viewer was not sent."""
    restarts: int
    rss: float
    """MB of the gateway's memory,"""
    in_use: int
    """and the bytes of it that something uses, where C's library says so (glibc); 0 elsewhere;"""
    descriptors: int
    tasks: int
    threads: int
    epoch: float
    """When tick 0 would have reached the gateway, time.time()."""
    origins: list[int]
    """The RTP timestamp of tick 0 at each present viewer, oldest first."""


class Origin:
    def __init__(self, config: StageConfig, talk: list[SpeechChunk], wrap: float | None) -> None:
        """``wrap``: seconds from a viewer's joining until their RTP timestamps wrap; anywhere when None."""
        self._talk, self._wrap = talk, wrap
        self.fanout = Fanout(self._want_key, self._lighten)
        origin = random_origin if wrap is None else self._before_the_wrap
        self.whep = Whep(self.fanout, lambda viewer, frame: None, lambda viewer, rtp, tick: None, origin=origin)
        self.stage = StageProcess(config, self._hear, lambda: None)
        self.report: Report | None = None
        self._talking = True

    def _before_the_wrap(self, rate: int) -> int:
        return -round((self._wrap or 0.0) * rate + self.fanout.pts * rate / SAMPLE_RATE) & 0xFFFFFFFF

    def _want_key(self, encoding: Encoding) -> None:
        self.stage.tell(KeyFrame(encoding))

    def _lighten(self, encodings: frozenset[Encoding]) -> None:
        self.stage.tell(Lighten(encodings))

    def _hear(self, told: Told) -> None:
        match told:
            case Packet():
                self.fanout.send(told)
            case Ready():
                self._lighten(self.fanout.light)
                self.talk()
            case playout.Ended() if self._talking:
                self._say()
            case Report():
                self.report = told

    def talk(self) -> None:
        """Without end, until :meth:`hush`."""
        self._talking = True
        self.stage.tell(Attend(Attention.SPEAKING))
        self._say()
        self._say()

    def _say(self) -> None:
        for chunk in self._talk:
            self.stage.tell(Say("talk", chunk))
        self.stage.tell(Finish("talk"))

    def hush(self) -> None:
        self._talking = False
        self.stage.tell(Hush())

    def measure(self) -> Measure:
        gc.collect()
        seats = self.whep.seats
        streams = [sender.stream for seat in seats for sender in (seat.video, seat.audio) if sender]
        return Measure(
            at=time.monotonic(),
            cpu_s=time.process_time(),
            sent_bytes=sum(stream.octets for stream in streams if stream),
            stage=asdict(self.report) if self.report else {},
            key_requests=self.fanout.key_requests,
            again=sum(stream.again_count for stream in streams if stream),
            dropped=sum(seat.subscription.dropped for seat in seats),
            restarts=self.stage.restarts,
            rss=resident(),
            in_use=in_use(),
            descriptors=len(os.listdir("/proc/self/fd")),
            tasks=len(asyncio.all_tasks()),
            threads=threading.active_count(),
            epoch=self.fanout.epoch.of(0),
            origins=[seat.video.stream.origin for seat in seats if seat.video.stream],
        )


def speech() -> list[SpeechChunk]:
    """Half a minute of English."""
    from avatar.bench.talk import TEXTS
    from avatar.voice import read_aloud
    from avatar.voice.hibari import Hibari

    return [playout.at_48k(chunk) for chunk in read_aloud(Hibari(), TEXTS["en"], "en")]


class _Mallinfo2(ctypes.Structure):
    """glibc's (mallinfo(3)): ten numbers, of which arena bytes in use and mapped ones are wanted."""

    _fields_: ClassVar = [(name, ctypes.c_size_t) for name in (
        *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
    )]  # fmt: skip


def in_use() -> int:
    """Bytes that are allocated and not freed; of Python's own too, with PYTHONMALLOC=malloc."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0
    mallinfo2.restype = _Mallinfo2
    info = mallinfo2()
    return int(info.uordblks + info.hblkhd)


async def _serve(config: StageConfig, wrap: float | None) -> None:
    # In a process of its own: memory that a voice once took would hide what the gateway takes later.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        talk = await asyncio.get_running_loop().run_in_executor(pool, speech)
    origin = Origin(config, talk, wrap)
    app = FastAPI()
    add_whep(app, lambda room: origin)

    @app.get("/measure")
    async def measure() -> dict[str, Any]:
        return asdict(origin.measure())

    @app.post("/hush")
    async def hush() -> None:
        origin.hush()

    @app.post("/talk")
    async def go_on() -> None:
        origin.talk()

    origin.stage.start()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        while origin.report is None:
            if origin.stage.error:
                raise StageError(origin.stage.error)
            await asyncio.sleep(0.1)
        print(f"127.0.0.1:{listener.getsockname()[1]}", flush=True)  # noqa: T201
        try:
            await server.serve([listener])
        finally:
            await origin.whep.close_all()
            await origin.stage.close()


@contextlib.asynccontextmanager
async def origin(config: StageConfig, wrap: float | None = None, *, exact: bool = False) -> AsyncIterator[str]:
    """The address of one that is on air, in a process of its own; ``wrap`` as :class:`Origin` has it.

    ``exact``: have all its memory allocated by C's library, so that :attr:`Measure.in_use` counts every byte. Slower.

    Raises:
        StageError: it does not come on air; it has said why.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streaming.bench.origin", json.dumps(asdict(config)), json.dumps(wrap)),
        stdout=PIPE,
        env={**os.environ, **({"PYTHONMALLOC": "malloc"} if exact else {})},
    )
    try:
        assert process.stdout is not None  # noqa: S101
        async with asyncio.timeout(START_S):
            address = (await process.stdout.readline()).decode().strip()
        if not address:
            raise StageError("the room did not come on air; its error is above")
        yield address
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def measure(client: httpx.AsyncClient) -> Measure:
    return Measure(**(await client.get("/measure")).json())


if __name__ == "__main__":
    die_with_parent()
    given = json.loads(sys.argv[1])
    asyncio.run(_serve(StageConfig(**given | {"x264": X264(**given["x264"])}), json.loads(sys.argv[2])))
