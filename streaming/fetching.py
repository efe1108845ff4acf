"""A document fetched from an address of the web, which is no way into the network that this machine stands in.

Whoever gives the address, or answers at it, may want another thing fetched (server-side request forgery): what only
this machine can reach. So a name is resolved once, all its addresses must be public, and the connection goes to one of
these; at every redirect anew.
"""

import asyncio
import contextlib
import re
import socket
import ssl
import unicodedata
import zlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface
from typing import Final
from urllib.parse import unquote, unquote_plus

import httpx
import ifaddr

from knowledge.folder import MAX_BYTES
from knowledge.formats import ADVICE, SUFFIXES, suffix
from streaming.errors import EverhostError

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a name, for connecting to this port. Raises OSError."""
Wire = Callable[[ssl.SSLContext], httpx.AsyncBaseTransport]
"""What requests go out on; the context says whose certificates are trusted."""

PORTS: Final = frozenset({80, 443, 8080, 8443})
REDIRECTS: Final = 5
CONNECT_S: Final = 5.0
READ_S: Final = 10.0
"""Between two parts of an answer."""
TOTAL_S: Final = 40.0
"""From the name to the last byte, with all redirects."""

_TEXT: Final = (".txt", ".md", ".markdown", ".csv", ".tsv", ".html", ".htm", ".xhtml")
_KINDS: Final = {
    "text/html": (".html", ".htm", ".xhtml"),
    "application/xhtml+xml": (".xhtml", ".html", ".htm"),
    "text/markdown": (".md", ".markdown"),
    "text/x-markdown": (".md", ".markdown"),
    "text/plain": _TEXT,
    "text/csv": (".csv",),
    "application/csv": (".csv",),
    "text/tab-separated-values": (".tsv",),
    "application/pdf": (".pdf",),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (".docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (".xlsx",),
    "application/vnd.ms-excel": (".xls", ".csv"),
    "application/vnd.oasis.opendocument.spreadsheet": (".ods",),
}
"""The suffixes that a file of each media type may have, and, first, the one that it gets otherwise."""
_UNSAID: Final = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/zip"})
"""Media types that leave it to the name (a .docx is a zip)."""
_STEM_BYTES: Final = 120
"""Of a file's name without its suffix, in UTF-8: with what is added while it is written, well below 255."""
_QUERY_CHARACTERS: Final = 40
"""Of an address's query in the name; a longer one is likely to hold a signature, and is told apart by its hash."""
_ODD: Final = re.compile(r"[^\w .,()=+@-]+")
_NAME: Final = re.compile(r"[a-z0-9_.-]+")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_OF_A_CLOUD: Final = IPv4Address("168.63.129.16")
"""Azure's, for its machines alone, though it looks public."""


class FetchError(EverhostError):
    """It is not to be had from there, or not now."""

    retryable = True


class RefusedAddressError(FetchError):
    """An address that nothing is fetched from."""

    retryable = False


class TooLargeError(FetchError):
    retryable = False


class KindError(FetchError):
    """A file of no kind that documents are of."""

    retryable = False


@dataclass(frozen=True, slots=True)
class Fetched:
    name: str
    """A file name: without folders, not hidden, with the suffix of what it is."""
    content: bytes
    address: str
    """Where it was in the end, without the query, which may hold a key."""


async def resolved(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


def direct(trusted: ssl.SSLContext) -> httpx.AsyncBaseTransport:
    """Without a proxy."""
    return httpx.AsyncHTTPTransport(verify=trusted, trust_env=False)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the internet, for whoever connects to it from here.

    Of IPv6 only what is given out (RFC 4291, section 2.4), and what NAT64 makes of a public IPv4 address (RFC 6052);
    nothing else that holds an IPv4 address: mapped, compatible, 6to4, Teredo.
    """
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(address.packed[-4:]))
        if address not in _GLOBAL_UNICAST or address.sixtofour or address.teredo:
            return False
    return address.is_global and not address.is_multicast and address != _OF_A_CLOUD


async def fetch(
    address: str, allowed: Collection[str] = (), *, resolve: Resolve = resolved, wire: Wire = direct
) -> Fetched:
    """What there is at an address of the web: its name and content, if it can be a document.

    ``allowed`` are hosts that may have an address of any kind: "wiki.intranet", at the ports that all have, or
    "10.0.0.5:9000". They are reached by address or by redirects among themselves; nobody else redirects to them.
    Raises :class:`FetchError` and those derived from it, which say nothing of what was answered.
    """
    try:
        async with asyncio.timeout(TOTAL_S):
            return await _follow(httpx.URL(address), allowed, resolve, wire)
    except TimeoutError:
        raise FetchError(f"it was not there within {TOTAL_S:g} s: try again, or download it and add the file") from None
    except httpx.InvalidURL:
        raise RefusedAddressError("this is no address: give it as https://example.com/page") from None
    except httpx.HTTPError as error:
        raise FetchError(_told(error)) from error


async def _follow(url: httpx.URL, allowed: Collection[str], resolve: Resolve, wire: Wire) -> Fetched:
    asked, inside = url, True
    for _ in range(REDIRECTS + 1):
        inside = inside and _is_named(url, allowed)
        addresses = await _addresses(url, resolve, anywhere=inside)
        trusted = await asyncio.to_thread(httpx.create_ssl_context)
        # A client a request: no cookie goes from one to the next.
        async with httpx.AsyncClient(
            transport=wire(trusted), timeout=httpx.Timeout(READ_S, connect=CONNECT_S), trust_env=False
        ) as client:
            response = await _get(client, url, addresses)
            async with contextlib.aclosing(response):
                if not response.has_redirect_location:
                    if response.status_code != httpx.codes.OK:
                        raise FetchError(f"{_host(url)} does not give it (status {response.status_code})")
                    name = name_of(asked, response.headers)
                    return Fetched(name, await _body(response), str(url.copy_with(query=None, fragment=None)))
        onward = url.join(response.headers["location"])
        if url.scheme == "https" and onward.scheme == "http":
            raise RefusedAddressError(f"{_host(url)} redirects from https to http, which anybody on the way can change")
        url = onward
    raise FetchError(f"it is redirected more than {REDIRECTS} times: give the address where it is in the end")


async def _addresses(url: httpx.URL, resolve: Resolve, *, anywhere: bool) -> Sequence[str]:
    """The IP addresses of an address's host; all of them public, unless they may be ``anywhere``."""
    host, port = _host(url), _port(url)
    if url.scheme not in ("http", "https") or not host:
        raise RefusedAddressError("only an address that begins with https:// or http:// can be fetched")
    if url.userinfo:
        raise RefusedAddressError("an address with a user name or a password in it is not fetched: add the file itself")
    if not anywhere and port not in PORTS:
        raise RefusedAddressError(
            f"port {port} is none of the web's ({', '.join(map(str, sorted(PORTS)))}); for a server of your own, "
            f"name {_shown(host)}:{port} in the room file's fetch_from"
        )
    try:
        found = [str(ip_address(host))]
    except ValueError:
        # What an operating system may take for an IPv4 address, each in its own way: 2130706433, 0177.0.0.1, 127.1.
        if not _NAME.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
            raise RefusedAddressError(f"{host} is neither a name nor a plain IP address") from None
        try:
            found = list(await resolve(host, port))
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise FetchError(f"there is no host {host}: is the address right?") from None
    if not anywhere:
        own = _own_networks()
        for ip in map(ip_address, found):
            if not is_public(ip) or any(ip in network for network in own):
                raise RefusedAddressError(
                    f"{host} is not on the public internet; if documents may come from there, name it in the room "
                    "file's fetch_from"
                )
    return found


async def _get(client: httpx.AsyncClient, url: httpx.URL, addresses: Sequence[str]) -> httpx.Response:
    """The answer's beginning, from the first of these IP addresses that can be reached."""
    headers = {
        "Host": url.netloc.decode("ascii"),
        "User-Agent": "everhost",
        "Accept": ", ".join([*_KINDS, "*/*;q=0.1"]),
        "Accept-Encoding": "identity",
    }

    async def get(address: str) -> httpx.Response:
        # With an IP address for its host, nothing is left to resolve; whose certificate is wanted is said apart.
        there, named = url.copy_with(host=address), {"sni_hostname": _host(url)}
        return await client.send(client.build_request("GET", there, headers=headers, extensions=named), stream=True)

    *others, last = addresses
    for address in others:
        with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
            return await get(address)
    return await get(last)


async def _body(response: httpx.Response) -> bytes:
    """Counted as it comes and as it is unpacked, so that neither takes more memory than a document may have."""
    if int(response.headers.get("content-length", 0)) > MAX_BYTES:
        raise _too_large()
    packed = response.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("identity", "gzip", "x-gzip"):
        raise FetchError("the server packs it although it was asked not to: download it and add the file")
    gzip = None if packed == "identity" else zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    body = bytearray()
    async for part in response.aiter_raw():
        try:
            body += part if gzip is None else gzip.decompress(part, MAX_BYTES + 1 - len(body))
        except zlib.error:
            raise FetchError("it is damaged: try again, or download it and add the file") from None
        if max(len(body), response.num_bytes_downloaded) > MAX_BYTES:
            raise _too_large()
    if gzip is not None and not gzip.eof:
        raise FetchError("it breaks off: try again, or download it and add the file")
    return bytes(body)


def name_of(asked: httpx.URL, headers: httpx.Headers) -> str:
    """The file name of what was asked for at this address and is answered with these headers.

    The same address gives the same name, so that what is fetched again replaces what it was. Raises
    :class:`KindError`.
    """
    given = _last(unquote(_given(headers.get("content-disposition", ""))))
    whole = _ODD.sub("_", unicodedata.normalize("NFC", given or _of_address(asked))).lstrip(" ._-") or "document"
    stem, kind = _split(whole)
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    kinds = _KINDS.get(media, ())
    if kind not in (SUFFIXES if media in _UNSAID else kinds):
        if not kinds:
            advice = ADVICE.get(
                suffix(whole), f"give the address of a file ({', '.join(sorted(SUFFIXES))}) or of a page"
            )
            raise KindError(f"it is of no kind that can be read: {advice}")
        kind = kinds[0]
    return stem.encode()[:_STEM_BYTES].decode(errors="ignore").rstrip(" .") + kind


def _of_address(url: httpx.URL) -> str:
    """The end of its path and its query, since one page may show many things: "law?id=3" is "law_id=3"."""
    last, query = _last(url.path) or _host(url), url.query.decode("ascii")
    if not query:
        return last
    stem, kind = _split(last)
    told = unquote_plus(query)
    return f"{stem}_{told if len(told) <= _QUERY_CHARACTERS else sha256(query.encode()).hexdigest()[:8]}{kind}"


def _given(disposition: str) -> str:
    """The file name in a Content-Disposition; ``filename*`` before ``filename`` (RFC 6266, section 4.3)."""
    message = Message()
    message["Content-Disposition"] = disposition
    named = [value for key, value in message.get_params([], "Content-Disposition") if key.lower() == "filename"]
    named.sort(key=lambda value: isinstance(value, str))
    return collapse_rfc2231_value(named[0]) if named else ""


def _last(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _split(name: str) -> tuple[str, str]:
    """What comes before the suffix of a kind that can be read, and it; or all and nothing."""
    kind = suffix(name)
    return (name[: -len(kind)], kind) if kind in SUFFIXES else (name, "")


def _host(url: httpx.URL) -> str:
    """In ASCII, as names are resolved and certificates name them; an IP address as it is usually written."""
    host = url.raw_host.decode("ascii").rstrip(".")
    with contextlib.suppress(ValueError):
        return str(ip_address(host))
    return host


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_named(url: httpx.URL, allowed: Collection[str]) -> bool:
    host, port = _shown(_host(url)), _port(url)
    return f"{host}:{port}" in allowed or (host in allowed and port in PORTS)


def _own_networks() -> list[IPv4Network | IPv6Network]:
    """Those that this machine is in: it sees itself and its neighbours from behind the firewall, also by addresses that
    are public.
    """
    addresses = [
        (ip.ip if isinstance(ip.ip, str) else ip.ip[0], ip) for each in ifaddr.get_adapters() for ip in each.ips
    ]
    return [ip_interface(f"{address}/{ip.network_prefix}").network for address, ip in addresses]


def _too_large() -> TooLargeError:
    return TooLargeError(f"a document may have {MAX_BYTES // 1_000_000} MB; split it")


def _told(error: httpx.HTTPError) -> str:
    """Never in the error's own words, which may hold what a server that is none of the web said."""
    if isinstance(error, httpx.TimeoutException):
        return "the server does not answer in time: try again, or download it and add the file"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "the server's certificate cannot be trusted: it is for another name, too old or made by itself"
    if isinstance(error, httpx.ConnectError):
        return "the server cannot be reached: is the address right?"
    return "the server does not answer as one of the web does: is the address right?"
