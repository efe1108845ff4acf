"""A room on air for tests that need everything real: one gateway process for the whole run, on a free loopback port."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOMS = Path(__file__).parents[2] / "rooms"
START_S = 60
MODELS_S = 3600
"""The first run on a machine fetches 1.4 GB."""


@dataclass(frozen=True)
class Air:
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def health(self) -> dict[str, Any]:
        health: dict[str, Any] = json.loads(self.get("/healthz"))
        return health

    def metrics(self) -> dict[str, float]:
        """The room's metrics, all of one moment, without their prefix."""
        lines = [line for line in self.get("/metrics").splitlines() if not line.startswith("#")]
        return {line.partition("{")[0].removeprefix("everhost_"): float(line.rpartition(" ")[2]) for line in lines}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(air: Air, what: str, seconds: float, done: Any) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert air.process.poll() is None, f"the gateway ended:\n{air.log.read_text()[-3000:]}"
        try:
            if done(air.health()):
                return
        except OSError:
            pass  # not listening yet
        time.sleep(0.5)
    raise AssertionError(f"not {what} after {seconds:g} s:\n{air.log.read_text()[-3000:]}")


@contextmanager
def ending(process: "subprocess.Popen[bytes]", seconds: float) -> Iterator[None]:
    """It ends by itself when it is told to, within so long."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


@contextmanager
def serving(folder: Path, port: int, room: str = "legal-assistant") -> Iterator[Air]:
    """An example room, on air from a copy that tests may change; its models may still be loading."""
    rooms = shutil.copytree(ROOMS, folder / "rooms", dirs_exist_ok=True)
    log = folder / "gateway.log"
    options = ["--port", str(port), "--data", str(folder / "data")]
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "streaming.cli", "serve", str(rooms / f"{room}.yaml"), *options],
            stdout=file,
            stderr=file,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    air = Air(port, process, log)
    with ending(process, 15):
        # The host is to be seen within a minute of the start, whatever still arrives behind it.
        wait_for(air, "on air", START_S, lambda health: health["rooms"][0]["on_air"])
        yield air


class Shared:
    """The example room that tests share: started when one wants it, ended when one wants the machine to itself."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._on = contextlib.ExitStack()
        self._air: Air | None = None

    def on_air(self) -> Air:
        """Able to answer."""
        if self._air is None:
            self._air = self._on.enter_context(serving(self._folders.mktemp("air"), free_port()))
            wait_for(self._air, "ready", MODELS_S, lambda health: health["status"] == "ready")
            wait_for(self._air, "read", 300, lambda health: health["rooms"][0]["can_answer"])
        return self._air

    def end(self) -> None:
        self._air = None
        self._on.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    shared = Shared(tmp_path_factory)
    yield shared
    shared.end()


@pytest.fixture
def air(shared: Shared) -> Air:
    """The example room, on air and able to answer."""
    return shared.on_air()


@pytest.fixture
def alone(shared: Shared) -> None:
    """No other room on air: two stages and a browser are more than two slow cores can do."""
    shared.end()
