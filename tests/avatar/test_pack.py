"""Packs: what is written is read back, and nothing broken or hostile is."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import avatar.hosts
from avatar import pack as packs
from avatar.errors import PackError
from avatar.pack import MANIFEST, MEMBERS, Pack, load_pack, save_pack

LIN = Path(avatar.hosts.__file__).with_name("lin.pack")
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def lin() -> Pack:
    return load_pack(LIN)


@pytest.fixture(scope="module")
def members() -> Members:
    with zipfile.ZipFile(LIN) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, members: Members) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return path


def npy(array: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def with_member(members: Members, name: str, body: bytes) -> Members:
    """The pack with one member replaced and its checksum made to fit."""
    manifest = json.loads(members[MANIFEST])
    manifest["members"][name] = hashlib.sha256(body).hexdigest()
    return members | {name: body, MANIFEST: json.dumps(manifest).encode()}


def with_manifest(members: Members, /, **changes: Any) -> Members:
    return members | {MANIFEST: json.dumps(json.loads(members[MANIFEST]) | changes).encode()}


def test_the_pack_is_small(lin: Pack) -> None:
    assert LIN.stat().st_size <= 15 << 20
    assert lin.credits


def test_what_is_saved_is_loaded(lin: Pack, tmp_path: Path) -> None:
    save_pack(lin, tmp_path / "copy.pack")
    copy = load_pack(tmp_path / "copy.pack")
    for field in fields(Pack):
        a, b = getattr(lin, field.name), getattr(copy, field.name)
        assert np.array_equal(a, b) if field.name in MEMBERS else a == b


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 torn"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pack"
    path.write_bytes(content)
    with pytest.raises(PackError, match="not a host pack"):
        load_pack(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"gone\.pack"):
        load_pack(tmp_path / "gone.pack")


def test_a_torn_pack_is_refused(tmp_path: Path) -> None:
    body = bytearray(LIN.read_bytes())
    body[len(body) // 3] ^= 0xFF
    path = tmp_path / "torn.pack"
    path.write_bytes(body)
    with pytest.raises(PackError):
        load_pack(path)


def test_an_altered_member_is_refused(members: Members, tmp_path: Path) -> None:
    body = bytearray(members["follow.npy"])
    body[-1] ^= 1
    with pytest.raises(PackError, match=r"follow\.npy was altered"):
        load_pack(write(tmp_path / "x.pack", members | {"follow.npy": bytes(body)}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: with_manifest(m, version=2), "version 2"),
        (lambda m: with_manifest(m, format="other"), "does not describe"),
        (lambda m: with_manifest(m, width=1919), "cannot be drawn"),
        (lambda m: with_manifest(m, region=[0, 0, 4000, 10]), "within the picture"),
        (lambda m: with_manifest(m, region=[0, 0, 640, 640]), "must lie within|does not fit"),
        (lambda m: with_manifest(m, lens={"focal": 1}), "malformed"),
        (lambda m: with_manifest(m, members=[]), "lists no members"),
        (lambda m: m | {MANIFEST: b"{"}, "not JSON"),
        (lambda m: {k: v for k, v in m.items() if k != MANIFEST}, "has no manifest"),
        (lambda m: {k: v for k, v in m.items() if k != "uvs.npy"}, r"uvs\.npy"),
        (lambda m: m | {"../../evil.py": b"x"}, r"unknown.*evil"),
        (lambda m: with_member(m, "follow.npy", npy(np.zeros(3, np.float32))), r"follow\.npy has shape"),
        (lambda m: with_member(m, "follow.npy", npy(np.zeros(3, np.float64))), r"follow\.npy should be float32"),
        (
            lambda m: with_member(m, "follow.npy", npy(np.array([{}]), allow_pickle=True)),
            r"follow\.npy is not an array",
        ),
        (lambda m: with_member(m, "follow.npy", b"nonsense"), r"follow\.npy is not an array"),
    ],
)
def test_broken_and_hostile_packs_are_refused(
    members: Members, tmp_path: Path, change: Callable[[Members], Members], message: str
) -> None:
    with pytest.raises(PackError, match=message):
        load_pack(write(tmp_path / "x.pack", change(members)))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("triangles", 1 << 30, "vertices that do not exist"),
        ("unit_indices", -1, "vertices that do not exist"),
        ("unit_starts", 9, "does not divide"),
        ("uvs", 1e6, "outside the atlas"),
        ("vertices", np.nan, "not finite"),
    ],
)
def test_values_the_renderer_relies_on_are_checked(
    lin: Pack, members: Members, tmp_path: Path, name: str, value: float, message: str
) -> None:
    array = getattr(lin, name).copy()
    array.flat[0] = value
    with pytest.raises(PackError, match=message):
        load_pack(write(tmp_path / "x.pack", with_member(members, f"{name}.npy", npy(array))))


def test_a_bomb_is_refused_before_it_is_unpacked(members: Members, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pack"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, members[MANIFEST])
        archive.writestr("plate.npy", bytes(packs.MAX_UNPACKED + 1))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(PackError, match="would unpack"):
        load_pack(path)
