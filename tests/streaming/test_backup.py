"""Backups of real state, taken while it is written, and archives that were made to do harm."""

import asyncio
import gzip
import hashlib
import io
import json
import sqlite3
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streaming import journal as j
from streaming import protocol as say
from streaming import roomfile, tokens
from streaming.archive import FORMAT, MANIFEST
from streaming.backup import Restored, backup, restore
from streaming.cli import main
from streaming.errors import EverhostError
from streaming.journal import Journal, verified
from streaming.mutes import Muted
from streaming.programme.schedule import Aired
from streaming.state import redis as state_in_redis
from streaming.state import snapshot
from streaming.state.redis import RedisRoom, connected, key
from streaming.state.sqlite import Sqlite
from streaming.state.state import Desk, RoomState
from tests.streaming.redis_server import redis_server
from tests.streaming.test_documents_http import room as documents_over_http
from tests.streaming.test_music import song
from tests.streaming.test_state import own, question

ROOM: Final = """
title: Law
language: en
host: {name: Ann, persona: Calm., greeting: Hello., refusal: I do not know., background: media/wall.png}
documents: ../docs
"""
PROGRAMME: Final = """
programme:
  segments:
    song: {music: media/song.wav}
    news: {script: It rains., card: {title: Rain, picture: media/rain.png}}
push:
  - {url: "rtmp://localhost/live", key_command: [./key.sh]}
voices:
  en: {engine: coqui, options: {reference: media/ann.wav}}
"""
NEVER: Final = 1e12


def silent(done: int, total: int) -> None:
    pass


def site(folder: Path) -> Path:
    """A room with all that its file may name; its file."""
    for name in ("rooms/media", "docs/faq"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("docs/law.md", "# Law\n\nText.\n"),
        ("docs/说明　一.txt", "说明"),
        ("docs/about.yaml", "{}\n"),
        ("docs/.hidden.md", "no"),
        ("docs/notes.xyz", "no"),
        ("rooms/media/wall.png", "wall"),
        ("rooms/media/rain.png", "rain"),
        ("rooms/media/ann.wav", "ann"),
        ("rooms/media/ann.consent.yaml", "{who: Ann, when: 2026-01-01, purpose: this room}\n"),
        ("rooms/media/other.png", "nobody names it"),
        ("rooms/key.sh", "#!/bin/sh\necho key\n"),
    ):
        (folder / name).write_text(text, "utf-8")
    (folder / "rooms/key.sh").chmod(0o755)
    song(folder / "rooms/media/song.wav", 0.2)
    file = folder / "rooms" / "law.yaml"
    file.write_text(ROOM + PROGRAMME, "utf-8")
    return file


async def fill(state: RoomState) -> None:
    for n in range(3):
        state.record(question(f"q{n}", n), None)
    one = question("q0", 0)
    one.sentences += ["第一句。"]
    one.citations.append(say.Cited(1, "劳动合同法", "第十九条", "试用期不得超过六个月"))
    state.record(one, "answered")
    state.record(question("q1", 1), "failed")
    state.mute(Muted("v1", NEVER, 2, "spam.link", "I am sorry"))
    state.switch(paused=True, cut=False)
    state.is_on_air(5.5)
    for k in range(3):
        state.air(Aired("news", 0, k, "下雨了。", 100.0 + k / 3))
    await state.kept()


async def told(state: RoomState) -> list[Any]:
    """Everything that a room remembers."""
    return [
        await state.unfinished(),
        await state.ended(0.0, 99),
        await state.muted(0.0),
        await state.desk(),
        await state.aired(0.0),
    ]


def kept(data: Path) -> list[Any]:
    file = Sqlite(data / "state.sqlite")
    try:
        return asyncio.run(told(file.room("law")))
    finally:
        file.close()


def gateway(data: Path) -> None:
    """What one leaves behind."""
    file = Sqlite(data / "state.sqlite")
    asyncio.run(fill(file.room("law")))
    file.close()
    note(data, "Hello.")
    tokens.give(data, "mei", "moderator")
    (data / "operator.token").write_text("secret")
    (data / "viewer.key").write_text("secret")
    (data / "law.index.sqlite").write_text("index")
    (data / "speech").mkdir()
    (data / "speech" / "a.opus").write_text("speech")


def note(data: Path, *said: str) -> None:
    journal = Journal(data)
    for text in said:
        journal.note("law", "said", text=text)
    journal.close()


def tree(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    return site(tmp_path / "site")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "monday.tar.gz"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"


def restored(file: Path, new: Path, redis: str | None = None, *, force: bool = False) -> Restored:
    return restore(file, new / "var", new / "site", redis, silent, force=force)


# There and back


def test_all_is_as_it_was(data: Path, room: Path, file: Path, new: Path) -> None:
    gateway(data)
    before = kept(data)
    head, given_to = verified(data).head, tokens.given(data)
    manifest = backup(file, [room], data, None, silent)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.glob(".*")) == []  # nothing is left of the making
    done = restored(file, new)
    assert kept(new / "var") == before
    assert len(before[0]) == 1
    assert [outcome for _, outcome, _ in before[1]] == ["failed", "answered"]
    assert before[3] == Desk(paused=True, on_air_at=5.5)
    found = verified(new / "var")
    assert (found.head, found.problems) == (head, [])
    assert tokens.given(new / "var") == given_to
    assert sorted(one.name for one in (new / "var").iterdir()) == ["journal", "state.sqlite", "tokens.json"]
    # The same key: viewers keep their pseudonyms, and the chain goes on.
    old, again = Journal(data), Journal(new / "var")
    assert old.pseudonym("v1") == again.pseudonym("v1")
    old.close()
    again.close()
    assert (new / "var" / j.FOLDER / j.KEY).stat().st_mode & 0o777 == 0o600
    note(new / "var", "We are back.")
    assert verified(new / "var").problems == []
    # The room, with all that it names and nothing else.
    assert done.rooms == [new / "site" / "rooms" / "law.yaml"]
    assert (done.aside, done.elsewhere) == ([], {})
    settings = roomfile.load(done.rooms[0])
    assert settings.push[0].key_command == [str(new / "site" / "rooms" / "key.sh")]
    left_out = {"docs/.hidden.md", "docs/notes.xyz", "rooms/media/other.png"}
    assert tree(new / "site") == {k: v for k, v in tree(room.parents[1]).items() if k not in left_out}
    assert manifest.rooms == {"law": "rooms/rooms/law.yaml"}
    with tarfile.open(file) as tar:  # as any tar reads it
        assert tar.getnames() == [MANIFEST, *(one.name for one in manifest.members)]


def test_what_was_uploaded_is_in_it(tmp_path: Path, data: Path, file: Path, new: Path) -> None:
    gateway(data)
    content = b"Question,Answer\nIs it open?,Yes.\n"

    async def upload() -> None:
        async with documents_over_http(tmp_path) as (client, _):
            assert (await client.put("/rooms/m/documents/faq/visit.csv", content=content)).status_code == 201

    asyncio.run(upload())
    room = tmp_path / "law.yaml"
    room.write_text(ROOM.replace("../docs", "docs").replace(", background: media/wall.png", ""))
    backup(file, [room], data, None, silent)
    restored(file, new)
    assert (new / "site" / "docs" / "faq" / "visit.csv").read_bytes() == content


def test_what_a_room_file_names_by_an_absolute_path_is_put_elsewhere(
    tmp_path: Path, data: Path, room: Path, file: Path, new: Path
) -> None:
    gateway(data)
    far = tmp_path / "far"
    far.mkdir()
    (far / "a.md").write_text("# A")
    (far / "out.md").symlink_to(room)  # never read, so never told
    room.write_text(ROOM.replace("../docs", str(far)))
    backup(file, [room], data, None, silent)
    done = restored(file, new)
    here = new / "site" / "elsewhere" / far.relative_to("/")
    assert done.elsewhere == {far: here}
    assert [one.name for one in here.iterdir()] == ["a.md"]


def test_a_room_without_documents_yet(data: Path, room: Path, file: Path, new: Path) -> None:
    gateway(data)
    for one in (room.parents[1] / "docs").iterdir():
        one.rmdir() if one.is_dir() else one.unlink()
    backup(file, [room], data, None, silent)
    assert roomfile.load(restored(file, new).rooms[0]).documents == new / "site" / "docs"


def test_a_room_in_its_own_folder_of_documents(tmp_path: Path, data: Path, file: Path, new: Path) -> None:
    gateway(data)
    home = tmp_path / "law"
    home.mkdir()
    (home / "a.md").write_text("# A")
    (home / "room.yaml").write_text(ROOM.replace("../docs", ".").replace(", background: media/wall.png", ""))
    backup(file, [home / "room.yaml"], data, None, silent)
    done = restored(file, new)
    assert done.rooms == [new / "site" / "law" / "room.yaml"]
    assert tree(new / "site" / "law") == tree(home)


def test_the_commands(data: Path, room: Path, file: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gateway(data)
    assert main(["backup", str(file), str(room), "--data", str(data), "--redis", ""]) == 0
    assert "of law" in capsys.readouterr().out
    back = ["restore", str(file), "--data", str(new / "var"), "--rooms", str(new / "rooms"), "--redis", ""]
    assert main(back) == 0
    assert f"everhost serve {new}/rooms/rooms/law.yaml --data {new}/var" in capsys.readouterr().out
    assert main(back) == 2
    assert "--force" in capsys.readouterr().err
    assert main([*back, "--force"]) == 0
    assert "what was there is in" in capsys.readouterr().out
    # A room file in the place of the archive is not written over.
    assert main(["backup", str(room), "--data", str(data), "--redis", ""]) == 2
    assert room.read_text() == ROOM + PROGRAMME


def test_while_all_is_written(tmp_path: Path, data: Path, room: Path, new: Path) -> None:
    """Days that begin, days that are forgotten, documents that come and go, and questions all the time."""
    state = Sqlite(data / "state.sqlite")
    law = state.room("law")
    hours = iter(range(10**9))
    journal = Journal(data, keep_days=3, clock=lambda: 1_767_571_200.0 + 3600 * next(hours))
    stop = threading.Event()

    def busy() -> None:
        n = 0
        while not stop.is_set():
            law.record(question(f"q{n}", n), None)
            law.record(question(f"q{n}", n), "answered" if n % 2 else "skipped")
            journal.note("law", "said", text="字" * (n % 5000))
            journal._run(lambda: None).result()
            (room.parents[1] / "docs" / f"{n}.txt").write_text(f"{n}")
            (room.parents[1] / "docs" / f"{n - 3}.txt").unlink(missing_ok=True)
            n += 1

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for n in range(5):
            backup(tmp_path / f"{n}.tar.gz", [room], data, None, silent)
    finally:
        stop.set()
        thread.join()
        state.close()
        journal.close()
    counts = []
    for n in range(5):
        restored(tmp_path / f"{n}.tar.gz", new / str(n))
        assert verified(new / str(n) / "var").problems == []
        with sqlite3.connect(new / str(n) / "var" / "state.sqlite") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            counts.append(db.execute("SELECT count(*) FROM questions").fetchone()[0])
        db.close()
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


def test_half_a_line_is_left_out(data: Path, room: Path, file: Path, new: Path) -> None:
    gateway(data)
    with j.files(data / j.FOLDER)[-1].open("ab") as stream:
        stream.write(b'{"n":2,"at":"2026')
    backup(file, [room], data, None, silent)
    restored(file, new)
    assert verified(new / "var").problems == []


# What is refused


def test_what_cannot_be_backed_up(data: Path, room: Path, file: Path) -> None:
    def refused(match: str, **other: Any) -> None:
        given = {"file": file, "rooms": [room], "data": data, "redis": None, **other}
        with pytest.raises(EverhostError, match=match):
            backup(told=silent, **given)
        assert not file.exists()

    refused("no state in .*--data")
    gateway(data)
    refused("no room file", rooms=[room.with_name("none.yaml")])
    refused("could not be made", file=file / "none" / "a.tar.gz")
    refused("Redis at localhost cannot be used", redis="redis://:secret@localhost:1/0")
    refused("no address of a Redis", redis="http://localhost")
    (data / "state.sqlite").write_bytes(b"not a database at all" * 100)
    refused("cannot be copied")
    file.touch()
    with pytest.raises(EverhostError, match="already"):
        backup(file, [room], data, None, silent)
    assert sorted(one.name for one in file.parent.iterdir()) == ["monday.tar.gz", "site", "var"]


def test_what_is_there_is_kept_and_moved_aside_when_told(data: Path, room: Path, file: Path, new: Path) -> None:
    gateway(data)
    backup(file, [room], data, None, silent)
    (new / "var").mkdir(parents=True)
    file_of_state = Sqlite(new / "var" / "state.sqlite")
    file_of_state.room("law").record(question("mine"), None)
    asyncio.run(file_of_state.room("law").kept())
    with pytest.raises(EverhostError, match="a gateway runs on"):
        restored(file, new, force=True)
    file_of_state.close()
    note(new / "var", "Mine.")
    (new / "var" / "operator.token").write_text("mine")
    (new / "site" / "docs").mkdir(parents=True)
    (new / "site" / "docs" / "mine.md").write_text("mine")
    (new / "site" / "rooms").mkdir()
    (new / "site" / "rooms" / "mine.yaml").write_text("mine")
    before = tree(new)
    with pytest.raises(EverhostError, match="there already"):
        restored(file, new)
    assert tree(new) == before
    done = restored(file, new, force=True)
    assert kept(new / "var") == kept(data)
    assert (new / "var" / "operator.token").read_text() == "mine"
    assert (new / "site" / "rooms" / "mine.yaml").read_text() == "mine"
    assert not (new / "site" / "docs" / "mine.md").exists()
    of_data, of_rooms = done.aside
    assert (of_rooms / "docs" / "mine.md").read_text() == "mine"
    assert [one.id for one in kept(of_data)[0]] == ["mine"]
    assert len(list(j.entries(of_data))) == 1


def test_a_gateway_in_another_process_is_seen(data: Path, room: Path, file: Path, new: Path) -> None:
    gateway(data)
    backup(file, [room], data, None, silent)
    restored(file, new)
    runs = (
        "import sys; from pathlib import Path; from streaming.state.sqlite import Sqlite\n"
        "kept = Sqlite(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read(); kept.close()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", runs, str(new / "var" / "state.sqlite")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(EverhostError, match="a gateway runs"):
            restored(file, new, force=True)
    restored(file, new, force=True)


def test_what_cannot_be_put_in_its_place_leaves_all_as_it_was(data: Path, room: Path, file: Path, new: Path) -> None:
    """The state could be moved, the rooms cannot."""
    gateway(data)
    backup(file, [room], data, None, silent)
    restored(file, new)
    note(new / "var", "Mine.")
    (new / "site" / "rooms").rename(new / "site" / "old")
    (new / "site" / "rooms").touch()
    before = tree(new)
    with pytest.raises(EverhostError, match="all is as it was"):
        restored(file, new, force=True)
    assert tree(new) == before
    assert list(new.rglob("before-restore-*")) == list(new.rglob(".restoring-*")) == []


# Redis


async def owned(url: str, epoch: int) -> list[Any]:
    """What a new owner finds."""
    async with connected(url) as redis:
        await own(redis, "law", epoch)
        state = RedisRoom(redis, "law", epoch)
        try:
            return await told(state)
        finally:
            await state.close()
            await redis.delete(key("law", "lease"))


def test_every_key_but_the_lease_is_known() -> None:
    assert {*state_in_redis._KEYS, "epochs"} == {*snapshot.NAMES, "lease"}


@pytest.mark.real
async def test_a_fleets_rooms_there_and_back(tmp_path: Path, data: Path, room: Path, file: Path, new: Path) -> None:
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis") as old, redis_server(tmp_path / "redis") as other:
        async with connected(old.url) as redis:
            await own(redis, "law", 7)
            await redis.set(key("law", "epochs"), 7)
            state = RedisRoom(redis, "law", 7)
            await fill(state)
            note(data, "Hello.")
            backup(file, [room], data, old.url, silent)  # while a gateway runs it
            await state.close()
            await redis.delete(key("law", "lease"))
        with pytest.raises(EverhostError, match="--redis"):
            restored(file, new)
        restored(file, new, other.url)
        before = await owned(old.url, 8)
        assert len(before[0]) == 1
        assert len(before[4]) == 3
        async with connected(other.url) as redis:
            assert not await redis.exists(key("law", "lease"))
            assert await redis.get(key("law", "epochs")) == "7"
            [(_, dead)] = await redis.xrange(key("law", "failed"))
            assert '"q1"' in dead["question"]
        assert await owned(other.url, 9) == before
        async with connected(other.url) as redis:  # the new owner has claimed what waits
            assert (await redis.xpending(key("law", "questions"), "room"))["pending"] == 1
            # Again, onto what is there by now, with an epoch that is higher.
            await redis.set(key("law", "epochs"), 99)
            moved = tree(new)
            with pytest.raises(EverhostError, match="state of law already"):
                restored(file, tmp_path / "third", other.url)
            assert not (tmp_path / "third").exists()
            await own(redis, "law", 99)
            with pytest.raises(EverhostError, match="a gateway runs law"):
                restored(file, new, other.url, force=True)
            assert tree(new) == moved
            await redis.delete(key("law", "lease"))
            await redis.hset(key("law", "desk"), "paused", "0")
            restored(file, new, other.url, force=True)
            assert await redis.get(key("law", "epochs")) == "99"
            assert await redis.hget(key("law", "desk"), "paused") == "1"
            [aside] = [one async for one in redis.scan_iter("*before-restore-*:desk")]
            assert await redis.hget(aside, "paused") == "0"
        assert await owned(other.url, 100) == before


@pytest.mark.real
def test_a_single_gateways_state_does_not_go_into_redis(
    tmp_path: Path, data: Path, room: Path, file: Path, new: Path
) -> None:
    gateway(data)
    backup(file, [room], data, None, silent)
    with redis_server(tmp_path) as server, pytest.raises(EverhostError, match="leave out --redis"):
        restored(file, new, server.url)


@pytest.mark.real
def test_a_gateway_that_comes_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    empty = snapshot.read(
        json.dumps(
            {"epochs": 0, "lines": 0}
            | {name: {} for name in ("open", "entries", "outcomes", "muted", "desk", "ended", "aired")}
            | {"questions": [], "failed": []}
        ).encode()
    )
    with (
        redis_server(tmp_path) as server,
        snapshot.connected(server.url) as client,
        snapshot.connected(server.url) as gateway,
    ):

        class Late(dict[str, snapshot.Snapshot]):
            def items(self) -> Any:
                gateway.hset(key("law", "lease"), "epoch", "1")  # after it was looked at the first time
                return super().items()

        with pytest.raises(EverhostError, match="a gateway"):
            snapshot.put_back(client, Late(law=empty), None)
        assert not client.exists(key("law", "epochs"))


# Archives that do harm


def packed(file: Path, tar_bytes: bytes) -> Path:
    file.write_bytes(gzip.compress(tar_bytes, 1))
    return file


def entry(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, **other: Any) -> tuple[Any, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for field, value in other.items():
        setattr(info, field, value)
    return info, content


def manifest_of(*entries: tuple[Any, bytes], **other: Any) -> dict[str, Any]:
    members = [
        {"name": info.name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for info, content in entries
    ]
    made = {"format": FORMAT, "everhost": "0.0.1", "made_at": "2026-11-27T00:00:00Z"}
    return made | {"rooms": {}, "folders": [], "members": members, **other}


def archived(*entries: tuple[Any, bytes], manifest: dict[str, Any] | None = None, **other: Any) -> bytes:
    told = manifest_of(*entries, **other) if manifest is None else manifest
    return tar_of(entry(MANIFEST, json.dumps(told).encode()), *entries)


def tar_of(*entries: tuple[Any, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


STATE = entry("data/state.sqlite", b"state")
TOKENS = entry("data/tokens.json", b"[]")
LINK = {"linkname": "/etc/passwd"}


@pytest.mark.parametrize(
    ("tar", "match"),
    [
        (archived(STATE, entry("rooms/../../out", b"x")), "manifest is wrong"),
        (archived(STATE, entry("/etc/out", b"x")), "manifest is wrong"),
        (archived(STATE, entry("rooms//out", b"x")), "manifest is wrong"),
        (archived(STATE, STATE), "names a member twice"),
        (archived(STATE, STATE, manifest=manifest_of(STATE)), "there twice"),
        (archived(STATE, entry("../out", b"x"), manifest=manifest_of(STATE)), "does not name"),
        (archived(STATE, entry("data/operator.token", b"mine")), "has no place"),
        (archived(STATE, entry("data/journal/../../out", b"x")), "manifest is wrong"),
        (archived(STATE, entry("redis/law.json", b"{}")), "has no place"),
        (archived(STATE, entry("elsewhere", b"x")), "has no place"),
        (archived(STATE, folders=["data"]), "has no place"),
        (archived(STATE, folders=["rooms/.."]), "manifest is wrong"),
        (archived(STATE, rooms={"../law": "rooms/law.yaml"}), "manifest is wrong"),
        (archived(STATE, entry("rooms/a", b"", tarfile.SYMTYPE, **LINK)), "no plain file"),
        (archived(STATE, entry("rooms/a", b"", tarfile.LNKTYPE, **LINK)), "no plain file"),
        (archived(STATE, entry("rooms/a", b"", tarfile.CHRTYPE)), "no plain file"),
        (archived(STATE, entry("rooms/a", b"", tarfile.FIFOTYPE)), "no plain file"),
        (archived(STATE, entry("rooms/a", b"", tarfile.DIRTYPE)), "no plain file"),
        (archived(STATE, entry("rooms/a", b"x"), entry("rooms/a/b", b"x")), "could not be restored"),
        (archived(STATE, TOKENS, manifest=manifest_of(STATE, entry("data/tokens.json", b"{}"))), "not what it was"),
        (archived(STATE, TOKENS, manifest=manifest_of(STATE, entry("data/tokens.json", b"[1]"))), "has 2 bytes"),
        (archived(STATE, manifest=manifest_of(STATE, TOKENS)), "is missing"),
        (archived(STATE, format=FORMAT + 1, members="something else"), "with the version that made it"),
        (archived(STATE, everhost="99.0"), "made by everhost 99.0"),
        (archived(STATE, everhost="new"), "no version"),
        (archived(TOKENS), "state of a fleet"),
        (archived(STATE, manifest={}), "manifest is wrong"),
        (archived(STATE)[:1600], "no whole backup|is missing"),
        (b"", "no whole backup"),
        (b"\0" * 1024, "no whole backup"),
    ],
)
def test_what_is_no_backup_is_refused(tar: bytes, match: str, file: Path, new: Path) -> None:
    with pytest.raises(EverhostError, match=match):
        restored(packed(file, tar), new)
    assert not new.exists()


def test_what_is_no_archive_is_refused(file: Path, new: Path) -> None:
    with pytest.raises(EverhostError, match="there is no file"):
        restored(file, new)
    whole = packed(file, archived(STATE)).read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:40], whole[:60] + b"\0\0\0" + whole[63:]):
        file.write_bytes(content)
        with pytest.raises(EverhostError, match=r"no whole backup|was changed|no backup|missing"):
            restored(file, new)
        assert not new.exists()


def test_bombs_do_not_go_off(file: Path, new: Path) -> None:
    """More than was told; more than a disk has; headers that tarfile would take into memory."""
    zeros = bytes(1 << 20)
    big = entry("data/tokens.json", zeros * 8)
    huge = manifest_of(STATE)
    huge["members"].append({"name": "rooms/a", "size": 1 << 60, "sha256": "0" * 64})
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 34
    long = tarfile.TarInfo("x")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 1 << 34
    negative = tarfile.TarInfo("x")
    negative.type, negative.size = tarfile.XHDTYPE, 0
    less = bytearray(negative.tobuf(tarfile.GNU_FORMAT))
    less[124:136] = b"\xff" * 12
    less[148:156] = b"%06o\0 " % (256 + sum(less[:148]) + sum(less[156:512]))
    again = negative.tobuf() * 5000  # each of which is followed by another, and so on
    for tar, match in (
        (archived(STATE, big, manifest=manifest_of(STATE, TOKENS)), "bytes instead of"),
        (archived(STATE, manifest=huge), "are free"),
        (archived(STATE)[:1024] + header.tobuf(tarfile.GNU_FORMAT) + zeros, "too large"),
        (header.tobuf(tarfile.GNU_FORMAT) + zeros, "too large"),
        (long.tobuf(tarfile.GNU_FORMAT) + zeros, "too large"),
        (bytes(less) + zeros, "no whole backup"),
        (again + zeros, "no whole backup"),
        (tar_of(entry(MANIFEST, b"[" * 1_000_000)), "manifest is wrong"),
    ):
        with pytest.raises(EverhostError, match=match):
            restored(packed(file, tar), new)
        assert not new.exists()


WHOLE: Final = archived(STATE, TOKENS, entry("rooms/说明.md", b"text" * 200), entry("data/journal/key", b"k"))


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
    st.integers(0, len(WHOLE)),
)
def test_whatever_is_done_to_an_archive_it_is_restored_whole_or_not_at_all(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    tar = bytearray(WHOLE)
    for at, content in changes:
        tar[at : at + len(content)] = content
    file = packed(folder / "a.tar.gz", bytes(tar[:cut] if cut % 3 == 0 else tar))
    try:
        restored(file, folder / "new")
    except EverhostError:
        assert [one.name for one in folder.iterdir()] == ["a.tar.gz"]
    else:
        # What the manifest says may have been changed as well: a date, or a name.
        left = sorted(tree(folder / "new").values())
        assert left == sorted([b"state", b"[]", b"text" * 200, b"k"])
