"""``everhost serve``: the gateway's process, with bars for what still arrives."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from streaming.engines import Engines
from streaming.errors import AddressInUseError
from streaming.fleet.ownership import Fleet
from streaming.gateway import create_app
from streaming.house import House
from streaming.impatient import ImpatientProtocol
from streaming.models.store import Store
from streaming.network import Network, PortRangeLoop
from streaming.roomfile import RoomFile
from streaming.tls import Identity, invite, lan_addresses, origin, reachable, self_signed
from streaming.understudy import Understudy

log = logging.getLogger(__name__)

MAX_WEBSOCKET_MESSAGE = 1 << 22
"""Above what the protocol allows, so that a long message is answered with a reason instead of a closed socket."""


def serve(
    rooms: Mapping[str, RoomFile],
    files: Mapping[str, Path],
    stages: Mapping[str, Understudy],
    host: str,
    port: int,
    data: Path,
    models: Path | None,
    network: Network,
    *,
    tls: bool = False,
    identity: Identity | None = None,
    redis: str | None = None,
    address: str | None = None,
    most: int | None = None,
) -> int:
    """Put rooms on air until somebody ends it: over HTTPS as the identity, or with ``tls`` as one that is made here.

    ``rooms``, their ``files`` and ``stages`` by the rooms' ids; the stages get ready already. ``redis``: the URL of the
    fleet's, in which this gateway is reached at ``address`` and takes ``most`` rooms.
    """
    listener = _listen(host, port)
    bound, port = listener.getsockname()[:2]
    if tls and identity is None:
        identity = self_signed(data, [*lan_addresses(), *reachable(bound, network.announce)])
    store = Store.from_environment(folder=models)
    here = "localhost" if bound in ("127.0.0.1", "0.0.0.0", "::1", "::") else bound  # noqa: S104
    own = origin("https" if identity else "http", here, port)
    fleet = Fleet(redis, address or own, most) if redis else None
    house = House(list(rooms.values()), store, data, network, files, stages, fleet)
    server = _Server(configuration(create_app(house), identity))
    log.info("%s", own)
    if identity:
        invite(identity, reachable(bound, network.announce), port)

    async def run() -> None:
        beside = [asyncio.create_task(one) for one in (show_progress(house.engines), _hand_over(server, house))]
        try:
            await server.serve([listener])
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    with logging_redirect_tqdm() if sys.stderr.isatty() else contextlib.nullcontext():
        ports = network.ports
        with asyncio.Runner(loop_factory=None if ports is None else lambda: PortRangeLoop(ports)) as runner:
            runner.run(run())
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """uvicorn's, which says that it ends as soon as it is told to, and not only when its connections have ended."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.ending.set)


async def _hand_over(server: _Server, house: House) -> None:
    await server.ending.wait()
    await house.hand_over()


def configuration(app: FastAPI, identity: Identity | None) -> uvicorn.Config:
    """How the gateway is served: over HTTPS where there is an identity. A reverse proxy on this machine is believed for
    whom it asks, at whichever of its addresses.
    """
    return uvicorn.Config(
        app,
        log_level="warning",
        http=ImpatientProtocol,
        ws="websockets-sansio",
        ws_max_size=MAX_WEBSOCKET_MESSAGE,
        timeout_graceful_shutdown=3,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS") or ",".join(["127.0.0.1", "::1", *lan_addresses()]),
        ssl_certfile=identity.certificate if identity else None,
        ssl_keyfile=identity.key if identity else None,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise AddressInUseError(
                f"port {port} on {host} is taken by another program; choose another: --port {port + 1}"
                f" (make run PORT={port + 1})"
            ) from None
        raise AddressInUseError(f"cannot listen on {host}:{port}: {error}; choose another --host or --port") from None
    return listener


async def show_progress(engines: Engines) -> None:
    """A bar for each model that is being fetched; in a log file, a line every tenth."""
    bars: dict[str, tqdm[Any]] = {}
    logged: dict[str, int] = {}
    try:
        while True:
            for need in engines.missing:
                if not need.total or need.done == need.total:
                    continue
                if sys.stderr.isatty():
                    bar = bars.get(need.name) or tqdm(total=need.total, desc=need.name, unit="B", unit_scale=True)
                    bars[need.name] = bar
                    bar.update(need.done - bar.n)
                elif (tenth := 10 * need.done // need.total) > logged.get(need.name, 0):
                    logged[need.name] = tenth
                    log.info("%s: %d %% of %.0f MB", need.name, 10 * tenth, need.total / 1e6)
            for name in [name for name in bars if name not in {need.name for need in engines.missing}]:
                bars.pop(name).close()
            await asyncio.sleep(0.5)
    finally:
        for bar in bars.values():
            bar.close()
