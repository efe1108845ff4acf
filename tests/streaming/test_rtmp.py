"""A room pushed to a real RTMP server: nginx with its RTMP module, killed and started again while it is pushed to."""

import asyncio
import json
import shutil
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest

from streaming.inspect import inspect
from streaming.outlets.outlet import Outlet
from streaming.outlets.rtmp import RtmpPush
from streaming.roomfile import Push
from tests.streaming.conftest import free_port
from tests.streaming.test_outlets import SIZE, Source, files, kept_open, program, until

MODULES = Path("/usr/lib/nginx/modules")
pytestmark = pytest.mark.real

CONFIG = """
load_module {modules}/ngx_rtmp_module.so;
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log info;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{door};
        location /publish {{ if ($arg_name != "{key}") {{ return 403; }} return 204; }}
    }}
}}
rtmp {{
    server {{
        listen 127.0.0.1:{port};
        application live {{
            live on; meta copy; record all; record_path {folder}/flv; record_unique on;
            on_publish http://127.0.0.1:{door}/publish; notify_method get;
        }}
    }}
}}
"""


@dataclass
class Nginx:
    """Takes one stream key, and records what it is sent."""

    folder: Path
    key: str = "fresh"
    port: int = field(default_factory=free_port)
    _process: Process | None = None

    def __post_init__(self) -> None:
        assert MODULES.exists(), "nginx is missing: ./.ci/packages nginx-light libnginx-mod-rtmp"

    async def start(self) -> None:
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        (self.folder / "flv").mkdir(exist_ok=True)
        (self.folder / "flv").chmod(0o777)
        config = self.folder / "nginx.conf"
        values = {"modules": MODULES, "folder": self.folder, "port": self.port, "door": free_port(), "key": self.key}
        config.write_text(CONFIG.format(**values))
        self._process = await asyncio.create_subprocess_exec(
            *(program, "-p", str(self.folder), "-c", str(config), "-e", str(self.folder / "error.log")), stderr=DEVNULL
        )

    async def kill(self) -> None:
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process = None

    @property
    def recorded(self) -> list[Path]:
        return files(self.folder / "flv")


@asynccontextmanager
async def nginx(folder: Path) -> AsyncIterator[Nginx]:
    server = Nginx(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@asynccontextmanager
async def pushed(server: Nginx, folder: Path) -> AsyncIterator[tuple[Source, Outlet, Path]]:
    """With the file that the key is read from at each connection."""
    key = folder / "key"
    key.write_text(server.key)
    push = Push(url=f"rtmp://127.0.0.1:{server.port}/live", key_command=[program(folder, f"cat {key}")])
    source = Source()
    async with kept_open(RtmpPush(push, SIZE), source) as one:
        yield source, one, key


async def test_a_platform_gets_picture_sound_and_label(tmp_path: Path) -> None:
    async with nginx(tmp_path) as server, pushed(server, tmp_path) as (source, one, _):
        await until(lambda: one.state == "live")
        assert one.error is None
        begun = source.tick
        await until(lambda: source.tick > begun + 100)
        assert json.loads((await asyncio.to_thread(_as_a_viewer_gets_it, server))["AIGC"])["Label"] == "1"
    (path,) = server.recorded
    assert path.name.startswith("fresh-")
    found = await asyncio.to_thread(inspect, path)
    assert found.marked == found.keys > 0  # what a platform records has it in the stream as well
    assert [one["ProduceID"] for one in found.stream] == ["p1"]
    with av.open(str(path)) as file:
        picture, sound = (next(stream for stream in file.streams if stream.type == kind) for kind in ("video", "audio"))
        assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert (picture.codec_context.width, picture.codec_context.height) == SIZE
        shown = [round(float(frame.to_ndarray()[: SIZE[1]].mean())) for frame in file.decode(video=0)]
    assert len(shown) > 80
    assert set(np.diff(shown) % 48) == {1}


def _as_a_viewer_gets_it(server: Nginx) -> dict[str, str]:
    with av.open(f"rtmp://127.0.0.1:{server.port}/live/{server.key}") as stream:
        return stream.metadata


async def test_a_platform_that_is_killed_and_comes_back_is_pushed_to_again_with_a_fresh_key(tmp_path: Path) -> None:
    async with nginx(tmp_path) as server, pushed(server, tmp_path) as (_, one, key):
        await until(lambda: one.state == "live")
        await asyncio.sleep(1)
        await server.kill()
        await until(lambda: one.state == "waiting")
        assert one.error
        server.key = "second"  # the session's key has expired
        await server.start()
        failures = one.failures
        await until(lambda: one.failures > failures)
        assert one.state != "live"
        assert "fresh" not in str(one.error)
        key.write_text("second")
        await until(lambda: one.state == "live")
        assert one.error is None
        await asyncio.sleep(1)
    first, second = server.recorded
    assert (first.name.split("-")[0], second.name.split("-")[0]) == ("fresh", "second")
    with av.open(str(second)) as file:
        frames = list(file.decode(video=0))
        assert frames[0].key_frame
        assert len(frames) > 20


async def test_a_platform_that_hangs_is_left_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streaming.outlets.outlet.STALL_S", 1.0)
    async with nginx(tmp_path) as server, pushed(server, tmp_path) as (source, one, _):
        await until(lambda: one.state == "live")
        assert server._process is not None
        server._process.send_signal(19)  # SIGSTOP
        source._pace = 0.001  # buffers of the system take some seconds' pictures
        await until(lambda: one.failures >= 1, 60)
        assert one.error in ("it took nothing for 1 s", "it could not be reached for 1 s")
        source._pace = 1 / 48
        server._process.send_signal(18)  # SIGCONT
        await until(lambda: one.state == "live")
