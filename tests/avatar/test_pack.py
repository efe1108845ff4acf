"""Packs: what is written is read back, and nothing broken or hostile is."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avatar import pack as packs
from avatar.errors import PackError
from avatar.pack import MANIFEST, MEMBERS, Pack, load_pack, save_pack
from tests.avatar.packs import light, tiny_pack

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def pack() -> Pack:
    lashes = {"lash_triangles": np.array([[12, 13, 14]], np.int32), "lash_uvs": np.full((1, 3, 2), 4, np.float32)}
    return tiny_pack(**light(2, 3, 5, 4, blocks=4), **lashes)


@pytest.fixture(scope="module")
def file(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "tiny.pack"
    save_pack(pack, path)
    return path


@pytest.fixture(scope="module")
def members(file: Path) -> Members:
    with zipfile.ZipFile(file) as archive:
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


def view(**changes: int) -> dict[str, int]:
    return {"x0": 0, "y0": 16, "width": 192, "height": 108} | changes


def with_manifest(members: Members, /, **changes: Any) -> Members:
    return members | {MANIFEST: json.dumps(json.loads(members[MANIFEST]) | changes).encode()}


def test_what_is_saved_is_loaded(pack: Pack, file: Path) -> None:
    copy = load_pack(file)
    for field in fields(Pack):
        a, b = getattr(pack, field.name), getattr(copy, field.name)
        assert np.array_equal(a, b) if field.name in MEMBERS else a == b


def test_the_same_pack_makes_the_same_bytes(pack: Pack, file: Path, tmp_path: Path) -> None:
    save_pack(pack, tmp_path / "again.pack")
    assert (tmp_path / "again.pack").read_bytes() == file.read_bytes()


def test_a_pack_that_could_not_be_loaded_is_not_saved(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="follow"):
        save_pack(replace(pack, follow=pack.follow.astype(np.float64)), tmp_path / "x.pack")
    with pytest.raises(PackError, match="head_box"):
        save_pack(replace(pack, head_box=(1, 0, 11, 10)), tmp_path / "x.pack")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 torn"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pack"
    path.write_bytes(content)
    with pytest.raises(PackError, match="not a host pack"):
        load_pack(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"gone\.pack"):
        load_pack(tmp_path / "gone.pack")


def test_a_torn_pack_is_refused_or_nothing_of_it_is_changed(file: Path, tmp_path: Path) -> None:
    whole, path, refused = load_pack(file), tmp_path / "torn.pack", 0
    places = range(7, file.stat().st_size, 211)
    for place in places:
        body = bytearray(file.read_bytes())
        body[place] ^= 0xFF
        path.write_bytes(body)
        try:
            torn = load_pack(path)
        except PackError:
            refused += 1
        else:  # a byte of the archive that says nothing, a date say
            assert all(np.array_equal(getattr(torn, name), getattr(whole, name)) for name in MEMBERS)
    assert refused > 0.6 * len(places)


def test_an_altered_member_is_refused(members: Members, tmp_path: Path) -> None:
    body = bytearray(members["follow.npy"])
    body[-1] ^= 1
    with pytest.raises(PackError, match=r"follow\.npy was altered"):
        load_pack(write(tmp_path / "x.pack", members | {"follow.npy": bytes(body)}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: with_manifest(m, version=1), "version 1"),
        (lambda m: with_manifest(m, format="other"), "does not describe"),
        (lambda m: with_manifest(m, canvas=[1 << 20, 10]), "cannot be drawn"),
        (lambda m: with_manifest(m, body_box=[0, 0, 4000, 10]), "body_box .* within the canvas"),
        (lambda m: with_manifest(m, head_box=[1, 0, 11, 10]), "head_box .* even pixels"),
        (lambda m: with_manifest(m, head_box=[0, 0, 64, 64]), "does not fit"),
        (lambda m: with_manifest(m, views={}), "must have views"),
        (lambda m: with_manifest(m, views={"a": view(), "b": view()}), "each of another size"),
        (lambda m: with_manifest(m, views={"a": view(x0=1)}), "even pixels"),
        (lambda m: with_manifest(m, views={"a": view(height=10)}), "must show the eyes"),
        (lambda m: with_manifest(m, views={"a": {"x0": 0}}), "malformed"),
        (lambda m: with_manifest(m, views=[1]), "malformed"),
        (lambda m: with_manifest(m, lens={"focal": 1}), "malformed"),
        (lambda m: with_manifest(m, pivot=[0, float("nan"), 0]), "not finite"),
        (lambda m: with_manifest(m, eye_centres=[[0, 0, 1e30], [0, 0, 0]]), "too far"),
        (lambda m: with_manifest(m, eye_charts=[[0, 0, 9, 9], [0, 0, 9, 999]]), "eye chart"),
        (lambda m: with_manifest(m, lash_colour=[0, 0, 256]), "no 8-bit colour"),
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
        (lambda m: with_member(m, "light_kernel.npy", npy(np.zeros((2, 6, 4), np.float32))), "does not fit"),
        (lambda m: with_member(m, "light_linear.npy", npy(np.zeros((2, 9, 4), np.float32))), "light_.* each other"),
        (lambda m: with_member(m, "lash.npy", npy(np.zeros((0, 4), np.uint8))), "must have sides"),
        (lambda m: with_member(m, "uvs.npy", npy(np.zeros((1 << 40, 0, 2), np.float32))), "does not fit"),
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
        ("uvs", 1e3, "outside the atlas"),
        ("lash_uvs", -1, "outside the lashes"),
        ("vertices", np.nan, "not finite"),
        ("breath", 1e9, "too large"),
        ("front_reach", 0, "before the camera"),
        ("light_blocks", 4, "blocks that do not exist"),
        ("light_ids", 8, "coefficients that do not exist"),
        ("light_starts", 1, "does not divide"),
        ("light_limits", -1, "not be negative"),
    ],
)
def test_values_the_renderer_relies_on_are_checked(
    pack: Pack, members: Members, tmp_path: Path, name: str, value: float, message: str
) -> None:
    array = getattr(pack, name).copy()
    array.flat[0] = value
    with pytest.raises(PackError, match=message):
        load_pack(write(tmp_path / "x.pack", with_member(members, f"{name}.npy", npy(array))))


def test_a_bomb_is_refused_before_it_is_unpacked(members: Members, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pack"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, members[MANIFEST])
        archive.writestr("body.npy", bytes(packs.MAX_UNPACKED + 1))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(PackError, match="would unpack"):
        load_pack(path)
