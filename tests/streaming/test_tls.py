"""HTTPS, really served on a loopback port, and the certificates behind it."""

import asyncio
import io
import json
import logging
import re
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import cv2
import httpx
import ifaddr
import numpy as np
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from streaming import tls
from streaming.cli import main
from streaming.errors import TlsError
from streaming.gateway import create_app
from streaming.house import House
from streaming.models.store import Store
from streaming.serve import configuration
from tests.streaming.conftest import free_port
from tests.streaming.serving import served
from tests.streaming.settings import room_file

ROOM = str(Path(__file__).parents[2] / "rooms" / "legal-assistant.yaml")
LAN = ["192.168.7.20"]


@asynccontextmanager
async def gateway(folder: Path, identity: tls.Identity) -> AsyncIterator[str]:
    """As ``everhost serve`` serves it; the room's stage and engines are not started."""
    house = House([room_file(folder)], Store(folder / "models"), folder)
    config = configuration(create_app(house), identity)
    config.lifespan = "off"
    try:
        async with served(config) as address:
            yield address
    finally:
        await house.close()


def of_own(folder: Path, *, days: float = 100, begins: float = -1, names: Sequence[str] = ()) -> tuple[Path, Path]:
    """A certificate and its key as somebody else issues them."""
    certificate, key = tls._make([x509.DNSName(name) for name in names] or [x509.DNSName("room.example.org")])
    private = load_pem_private_key(key, None)
    old = x509.load_pem_x509_certificate(certificate)
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name.from_rfc4514_string("CN=An authority"),
        subject_name=old.subject,
        public_key=old.public_key(),
        serial_number=1,
        not_valid_before=now + timedelta(days=begins),
        not_valid_after=now + timedelta(days=days),
        extensions=list(old.extensions),
    )
    folder.mkdir(exist_ok=True)
    (folder / "own.crt").write_bytes(builder.sign(private, old.signature_hash_algorithm).public_bytes(Encoding.PEM))  # type: ignore[arg-type]
    (folder / "own.key").write_bytes(key)
    return folder / "own.crt", folder / "own.key"


async def test_pages_and_messages_come_over_tls_to_whoever_trusts_the_certificate(tmp_path: Path) -> None:
    identity = tls.self_signed(tmp_path, LAN)
    trusting = ssl.create_default_context(cafile=identity.certificate)
    async with gateway(tmp_path, identity) as address:
        async with httpx.AsyncClient(verify=trusting) as client:
            assert (await client.get(f"https://{address}/healthz")).json()["rooms"][0]["id"] == "test"
        async with websockets.connect(f"wss://{address}/rooms/test/ws", ssl=trusting) as viewer:
            assert json.loads(await viewer.recv())["type"] == "welcome"
        # Names as a phone checks them: those of the certificate are right, others are not.
        port = int(address.rpartition(":")[2])
        for name in ("localhost", "192.168.7.20"):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=name)
            writer.close()
            await writer.wait_closed()
        with pytest.raises(ssl.SSLCertVerificationError, match=r"192\.168\.7\.21"):
            await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="192.168.7.21")
        async with httpx.AsyncClient(verify=ssl.create_default_context()) as client:
            with pytest.raises(httpx.ConnectError, match="self-signed"):
                await client.get(f"https://{address}/healthz")
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"http://{address}/healthz")


def test_the_certificate_stands_for_this_machine_and_its_key_is_the_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "studio.example.org")
    identity = tls.self_signed(tmp_path / "data", [*LAN, "fd00::7", "127.0.0.1"])
    assert [name.value for name in identity.names] == [
        *("localhost", "studio.example.org", "studio.local"),
        *map(ip_address, ("127.0.0.1", "::1", "192.168.7.20", "fd00::7")),
    ]
    assert identity.self_signed
    assert stat.S_IMODE(identity.key.stat().st_mode) == 0o600
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == ["tls.crt", "tls.key"]
    lifetime = identity.leaf.not_valid_after_utc - identity.leaf.not_valid_before_utc
    assert lifetime <= timedelta(days=825)


def test_it_is_kept_until_it_ends_or_lacks_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tls.self_signed(tmp_path, LAN)
    assert tls.self_signed(tmp_path, LAN) == first
    assert tls.self_signed(tmp_path, []) == first  # a network that is away may come back
    moved = tls.self_signed(tmp_path, ["10.0.0.5"])
    assert moved.leaf != first.leaf
    assert x509.IPAddress(ip_address("10.0.0.5")) in moved.names
    monkeypatch.setattr(tls, "RENEWED_BEFORE", tls.LIFETIME)
    renewed = tls.self_signed(tmp_path, ["10.0.0.5"])
    assert renewed.leaf != moved.leaf
    assert stat.S_IMODE(renewed.key.stat().st_mode) == 0o600


@pytest.mark.parametrize("spoilt", ["tls.crt", "tls.key"])
@pytest.mark.parametrize("content", [None, b"", b"another's"])
def test_what_is_kept_and_of_no_use_is_made_anew(tmp_path: Path, spoilt: str, content: bytes | None) -> None:
    first = tls.self_signed(tmp_path, LAN)
    if content is None:
        (tmp_path / spoilt).unlink()
    elif content:
        (tls.self_signed(tmp_path / "other", LAN).certificate.parent / spoilt).replace(tmp_path / spoilt)
    else:
        (tmp_path / spoilt).write_bytes(content)
    assert tls.self_signed(tmp_path, LAN).leaf != first.leaf


def test_a_folder_that_takes_no_files_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(TlsError, match="choose another --data"):
        tls.self_signed(tmp_path / "data", LAN)


def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    certificate, key = of_own(tmp_path)
    identity = tls.own(certificate, key)
    assert identity is not None
    assert not identity.self_signed
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    assert tls.own(both, both) is not None
    assert tls.own(None, None) is None


def test_what_cannot_be_served_is_refused_before_going_on_air(tmp_path: Path) -> None:
    certificate, key = of_own(tmp_path)
    _, other_key = of_own(tmp_path / "other")
    encrypted, text, none = tmp_path / "encrypted.key", tmp_path / "text.pem", tmp_path / "none.pem"
    encrypted.write_bytes(
        load_pem_private_key(key.read_bytes(), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
    )
    text.write_text("no PEM at all")
    for given_certificate, given_key, message in (
        (certificate, None, "--tls-key FILE"),
        (None, key, "--tls-cert FILE"),
        (none, key, "none.pem cannot be read: No such file"),
        (certificate, none, "none.pem cannot be read: No such file"),
        (text, key, "text.pem is no certificate in PEM"),
        (certificate, text, "text.pem cannot be used"),
        (certificate, other_key, "own.key is not that of the certificate"),
        (certificate, encrypted, "openssl pkey"),
        (*of_own(tmp_path / "past", begins=-9, days=-1), "expired on 20"),
        (*of_own(tmp_path / "future", begins=1), "clock"),
    ):
        with pytest.raises(TlsError, match=re.escape(message)):
            tls.own(given_certificate, given_key)


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certificate, key = of_own(tmp_path)
    _, other_key = of_own(tmp_path / "other")
    assert main(["serve", ROOM, "--tls-cert", str(certificate)]) == 2
    assert "--tls-key FILE" in capsys.readouterr().err
    assert main(["serve", ROOM, "--tls", "--tls-key", str(key)]) == 2
    assert "--tls-cert FILE" in capsys.readouterr().err
    assert main(["serve", ROOM, "--tls-cert", str(certificate), "--tls-key", str(other_key)]) == 2
    assert "is not that of the certificate" in capsys.readouterr().err


def adapter(name: str, *ips: str) -> ifaddr.Adapter:
    pairs = [(ip, 24) if "." in ip else ((ip, 0, 0), 64) for ip in ips]
    return ifaddr.Adapter(name, name, [ifaddr.IP(ip, prefix, name) for ip, prefix in pairs])


def test_where_others_reach_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = [
        adapter("lo", "127.0.0.1", "::1"),
        adapter("docker0", "172.17.0.1"),
        adapter("br-0123456789ab", "172.18.0.1"),
        adapter("wlan0", "192.168.7.20", "fe80::1", "fd00::7"),
        adapter("br0", "10.0.0.5", "169.254.3.4"),
    ]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    anywhere = "0.0.0.0"  # noqa: S104
    assert sorted(tls.reachable(anywhere)) == ["10.0.0.5", "192.168.7.20"]
    assert sorted(tls.reachable("::")) == ["10.0.0.5", "192.168.7.20", "fd00::7"]
    assert tls.reachable("192.168.7.20") == ["192.168.7.20"]
    assert tls.reachable(anywhere, "203.0.113.7") == ["203.0.113.7"]
    for own in ("127.0.0.1", "::1"):
        assert tls.reachable(own) == tls.reachable(own, "203.0.113.7") == []


def test_the_address_for_phones_is_one_that_the_certificate_stands_for(tmp_path: Path) -> None:
    made = tls.self_signed(tmp_path, ["10.0.0.5"])
    assert tls.addresses_for_phones(made, ["192.168.7.20", "10.0.0.5"]) == ["10.0.0.5"]
    named = tls.Identity.load(*of_own(tmp_path, names=["localhost", "*.example.org", "room.example.org"]))
    assert tls.addresses_for_phones(named, LAN) == ["room.example.org"]
    assert tls.addresses_for_phones(named, []) == []
    wild = tls.Identity.load(*of_own(tmp_path, names=["*.example.org"]))
    assert tls.addresses_for_phones(wild, LAN) == LAN
    assert tls.origin("https", "fd00::7", 8080) == "https://[fd00::7]:8080/"


@pytest.mark.real
def test_the_command_goes_on_air_over_tls(tmp_path: Path) -> None:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "streaming.cli",
        "serve",
        ROOM,
        "--tls",
        "--port",
        str(port),
        "--data",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            # Once it says where it is, it listens, and answers when all has started.
            assert any(line.endswith(f" https://localhost:{port}/\n") for line in process.stderr)
            assert any("no phone can reach this" in line for line in process.stderr)
            trusting = ssl.create_default_context(cafile=tmp_path / "tls.crt")
            health = httpx.get(f"https://localhost:{port}/healthz", verify=trusting, timeout=60).json()
            assert health["rooms"][0]["id"] == "legal-assistant"
        finally:
            process.terminate()
            process.communicate(timeout=30)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def read_qr_code(text: str) -> str:
    """What a camera makes of a terminal's white blocks on black."""
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    lines = [line.removeprefix("\x1b[97;40m").removesuffix("\x1b[0m") for line in text.splitlines()]
    rows = np.array([[halves[one] for one in line] for line in lines], np.uint8).transpose(0, 2, 1)
    picture = np.kron(rows.reshape(-1, rows.shape[2]), np.ones((8, 8), np.uint8))
    return cv2.QRCodeDetector().detectAndDecode(picture)[0]


def test_a_phone_is_invited_by_a_code_and_told_of_the_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    tls.invite(tls.self_signed(tmp_path, LAN), LAN, 8443)
    assert read_qr_code(terminal.getvalue()) == "https://192.168.7.20:8443/"
    assert "on a phone: https://192.168.7.20:8443/" in caplog.text
    assert "继续前往" in caplog.text
    assert "press Advanced" in caplog.text


def test_nobody_is_invited_to_where_nobody_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    tls.invite(tls.self_signed(tmp_path, LAN), tls.reachable("127.0.0.1"), 8443)
    assert caplog.text.count("--host 0.0.0.0") == 2
    assert "https" not in caplog.text
    assert terminal.getvalue() == ""


def test_a_certificate_that_browsers_know_is_not_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tls.invite(tls.Identity.load(*of_own(tmp_path)), LAN, 443)
    assert "https://room.example.org:443/" in caplog.text
    assert "press" not in caplog.text
