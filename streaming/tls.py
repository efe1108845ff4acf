"""HTTPS: a certificate of one's own or one made here, and where a phone then reaches this machine.

Browsers give a microphone to pages that come over HTTPS, or from the machine itself; a phone needs the first.
"""

import contextlib
import ipaddress
import logging
import re
import socket
import ssl
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Final

import ifaddr
import segno
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from streaming import secret_file
from streaming.errors import TlsError

log = logging.getLogger(__name__)

CERTIFICATE_FILE: Final = "tls.crt"
KEY_FILE: Final = "tls.key"
LIFETIME: Final = timedelta(days=800)
"""Apple's systems refuse certificates of more than 825 days."""
RENEWED_BEFORE: Final = timedelta(days=90)
"""It is looked at when a room goes on air, and rooms stay there for long."""
_HOST_NAME: Final = re.compile(r"[\w-][\w.-]*", re.ASCII)
_VIRTUAL: Final = re.compile(r"docker|podman|veth|virbr|cni|lxcbr|lxdbr|br-[0-9a-f]{12}$")
"""Networks inside this machine: no phone is on them, and they come and go."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, as files that a server can use."""

    certificate: Path
    key: Path
    leaf: x509.Certificate

    @classmethod
    def load(cls, certificate: Path, key: Path) -> "Identity":
        """Raises TlsError: one of them cannot be read, they do not belong together, or it is not valid today."""
        try:
            leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
        except OSError as error:
            raise TlsError(f"the certificate {certificate} cannot be read: {error.strerror}") from None
        except ValueError:
            raise TlsError(f"{certificate} is no certificate in PEM (-----BEGIN CERTIFICATE-----)") from None

        def password() -> str:
            raise TlsError(f"the key {key} is encrypted; write it without a password: openssl pkey -in {key} -out …")

        try:
            # As the server will do it, so that nothing is left to go wrong there.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise TlsError(f"the key {key} is not that of the certificate {certificate}; give its own") from None
            raise TlsError(
                f"{certificate} and {key} cannot be used: {error.reason or error}; a certificate and an unencrypted"
                " private key are needed, both in PEM"
            ) from None
        except OSError as error:
            raise TlsError(f"the key {key} cannot be read: {error.strerror}") from None
        first, last, now = leaf.not_valid_before_utc, leaf.not_valid_after_utc, datetime.now(UTC)
        if last < now:
            raise TlsError(f"the certificate {certificate} expired on {last:%Y-%m-%d}; give a new one")
        if first > now:
            raise TlsError(f"the certificate {certificate} begins on {first:%Y-%m-%d}; is this machine's clock right?")
        return cls(certificate, key, leaf)

    @property
    def self_signed(self) -> bool:
        """Whether browsers warn of it."""
        return self.leaf.issuer == self.leaf.subject

    @property
    def names(self) -> list[x509.GeneralName]:
        """The names and addresses it stands for."""
        try:
            return list(self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            return []


def own(certificate: Path | None, key: Path | None) -> Identity | None:
    """What ``--tls-cert`` and ``--tls-key`` name; None for neither.

    Raises:
        TlsError: only one is given, or they cannot be used.
    """
    if certificate is None and key is None:
        return None
    if key is None:
        raise TlsError("--tls-cert needs the certificate's private key too: --tls-key FILE")
    if certificate is None:
        raise TlsError("--tls-key needs the key's certificate too: --tls-cert FILE (or --tls alone, for one made here)")
    return Identity.load(certificate, key)


def self_signed(folder: Path, addresses: Iterable[str]) -> Identity:
    """The certificate that is kept in a folder, made (anew) if there is none, it ends soon or lacks an address.

    It stands for this machine by its names, for itself, and for the addresses.

    Raises:
        TlsError: it cannot be written.
    """
    files = folder / CERTIFICATE_FILE, folder / KEY_FILE
    wanted = _names(addresses)
    with contextlib.suppress(TlsError):  # none yet, or one that is of no use
        kept = Identity.load(*files)
        if kept.leaf.not_valid_after_utc - datetime.now(UTC) > RENEWED_BEFORE and set(wanted) <= set(kept.names):
            return kept
    certificate, key = _make(wanted)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A certificate with another's key, should this end in between, is no pair and is made anew.
        secret_file.replace(files[1], key)
        secret_file.replace(files[0], certificate)
    except OSError as error:
        raise TlsError(f"no certificate can be kept in {folder}: {error.strerror}; choose another --data") from None
    return Identity.load(*files)


def _names(addresses: Iterable[str]) -> list[x509.GeneralName]:
    host = socket.gethostname()
    names = dict.fromkeys(["localhost", host, f"{host.partition('.')[0]}.local"])
    ips = dict.fromkeys(ipaddress.ip_address(one) for one in ("127.0.0.1", "::1", *addresses))
    return [*(x509.DNSName(name) for name in names if _HOST_NAME.fullmatch(name)), *map(x509.IPAddress, ips)]


def _make(names: Sequence[x509.GeneralName]) -> tuple[bytes, bytes]:
    """A certificate and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "everhost")])
    now = datetime.now(UTC)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a phone's clock may be behind
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        # Whoever has a phone trust it trusts it for this machine alone.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return leaf.public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def lan_addresses(*, v6: bool = False) -> list[str]:
    """This machine's addresses in its networks, the one of its way to the internet first."""
    found = [
        str(address)
        for adapter in ifaddr.get_adapters()
        if not _VIRTUAL.match(adapter.name)
        for ip in adapter.ips
        for address in [ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])]
        if (v6 or address.version == 4) and not (address.is_loopback or address.is_link_local)
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("198.51.100.1", 9))  # sends nothing: the system chooses the way
        first = probe.getsockname()[0]
        found.sort(key=lambda address: (address != first, ":" in address))
    return list(dict.fromkeys(found))


def reachable(listening: str, announced: str | None = None) -> list[str]:
    """By which addresses others reach a server that listens on an IP address; by none if it is this machine's own."""
    ip = ipaddress.ip_address(listening)
    if ip.is_loopback:
        return []
    if announced:
        return [announced]
    return lan_addresses(v6=ip.version == 6) if ip.is_unspecified else [listening]


def origin(scheme: str, host: str, port: int) -> str:
    """A server's address in the web."""
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"


def addresses_for_phones(identity: Identity, addresses: Iterable[str]) -> list[str]:
    """Of a server's addresses those that its certificate stands for; else its names; else all there are."""
    hosts = list(addresses)
    names = identity.names
    named = [one.value for one in names if isinstance(one, x509.DNSName) and "." in one.value and "*" not in one.value]
    covered = [host for host in hosts if x509.IPAddress(ipaddress.ip_address(host)) in names]
    return hosts and (covered or named or hosts)


def invite(identity: Identity, addresses: Iterable[str], port: int) -> None:
    """Say in the log where a phone reaches this server and what its browser will ask; in a terminal, draw it."""
    urls = [origin("https", host, port) for host in addresses_for_phones(identity, addresses)]
    if not urls:
        log.warning("手机访问不到：目前只在本机监听，请加上 --host 0.0.0.0 重新启动")
        log.warning("no phone can reach this: it listens on this machine only; start it with --host 0.0.0.0")
        return
    log.info("手机打开 / on a phone: %s", "  ".join(urls))
    if identity.self_signed:
        log.info(
            "证书是自签名的，手机浏览器会警告一次：点“高级”，再点“继续前往”（iPhone：“显示详细信息”，再点“访问此网站”）"
        )
        log.info(
            "the certificate is self-signed, and the phone's browser warns of it once: press Advanced, then Proceed"
            " (iPhone: Show Details, then visit this website)"
        )
    if sys.stderr.isatty():
        sys.stderr.write(qr_code(urls[0]))


def qr_code(text: str) -> str:
    """A QR code as lines of a terminal, two of its rows each."""
    out = StringIO()
    segno.make_qr(text).terminal(out, compact=True)
    # White on black, whatever the terminal's own colours are: light ones would turn it inside out.
    return "".join(f"\x1b[97;40m{line}\x1b[0m\n" for line in out.getvalue().splitlines())
