"""How viewers' sound and pictures find their way to this machine: ICE servers, UDP ports, the address to announce."""

import asyncio
import ipaddress
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiortc import RTCIceServer
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, field_validator

from streaming.errors import NetworkError

_SCHEMES: Final = ("stun:", "stuns:", "turn:", "turns:")


class _Server(BaseModel):
    """As browsers take it (W3C WebRTC, RTCIceServer)."""

    model_config = ConfigDict(extra="forbid")
    urls: str | list[str]
    username: str | None = None
    credential: str | None = None

    @field_validator("urls")
    @classmethod
    def _known(cls, urls: str | list[str]) -> list[str]:
        some = [urls] if isinstance(urls, str) else urls
        for url in some:
            if not url.startswith(_SCHEMES):
                raise ValueError(f"{url!r} begins with none of {', '.join(_SCHEMES)}")
        return some


@dataclass(frozen=True, slots=True)
class Network:
    ice_servers: tuple[RTCIceServer, ...] = ()
    """For the gateway itself and for viewers."""
    ports: range | None = None
    """UDP ports that are open to the outside; any that are free when None."""
    announce: str | None = None
    """The address that viewers reach this machine by, where it has another one itself (a container, 1:1 NAT)."""

    def for_pages(self) -> list[dict[str, Any]]:
        """As browsers take them."""
        out = []
        for server in self.ice_servers:
            one: dict[str, Any] = {"urls": server.urls}
            if server.username is not None:
                one |= {"username": server.username, "credential": server.credential}
            out.append(one)
        return out


LOCAL: Final = Network()
"""No server, any port."""


def ice_servers(text: str) -> tuple[RTCIceServer, ...]:
    """Servers from JSON, or from a file of it: ``[{"urls": "turn:…", "username": "…", "credential": "…"}]``.

    Raises:
        NetworkError: it is not that.
    """
    try:
        raw = text if text.lstrip().startswith("[") else Path(text).read_text(encoding="utf-8")
        servers = TypeAdapter(list[_Server]).validate_json(raw)
    except OSError as error:
        raise NetworkError(f"--ice-servers takes JSON or a file of it; {text!r} cannot be read: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise NetworkError(
            f"--ice-servers: {where}: {first['msg']}; write a list like "
            f"{json.dumps([{'urls': 'turn:host:3478', 'username': 'me', 'credential': 'secret'}])}"
        ) from None
    return tuple(RTCIceServer(urls=s.urls, username=s.username, credential=s.credential) for s in servers)


def udp_ports(text: str) -> range:
    """``50000-50199`` as a range.

    Raises:
        NetworkError: it is none.
    """
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    first, last = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1024 <= first <= last <= 65535:
        raise NetworkError(f"--udp-ports: {text!r} is no range of ports from 1024 to 65535; write 50000-50199")
    return range(first, last + 1)


def address(text: str) -> str:
    """An IP address as it is announced.

    Raises:
        NetworkError: it is none.
    """
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise NetworkError(
            f"--announce: {text!r} is no IP address; give the one viewers reach this machine by"
        ) from None


def announced(sdp: str, outside: str) -> str:
    """An SDP answer whose host candidates are offered under the outside address as well, and first."""
    version = ipaddress.ip_address(outside).version
    lines: list[str] = []
    for line in sdp.splitlines():
        parts = line.split()
        if line.startswith("a=candidate:") and parts[6:8] == ["typ", "host"] and _version(parts[4]) == version:
            foundation = f"{parts[0]}x"
            # Preferred to the address itself, which hardly anybody can reach (RFC 8445, section 5.1.2: 31 bits).
            priority = min(int(parts[3]) + (1 << 8), (1 << 31) - 1)
            lines.append(" ".join([foundation, *parts[1:3], str(priority), outside, *parts[5:]]))
        lines.append(line)
    return "".join(f"{line}\r\n" for line in lines)


def _version(text: str) -> int:
    try:
        return ipaddress.ip_address(text).version
    except ValueError:
        return 0


class PortRangeLoop(asyncio.SelectorEventLoop):
    """An event loop whose UDP sockets of no particular port take one of a range, in turn.

    aioice asks for port 0 wherever it binds, and knows no range.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__()
        self._ports, self._next = ports, 0

    async def create_datagram_endpoint(self, protocol_factory: Any, local_addr: Any = None, **rest: Any) -> Any:  # type: ignore[override]
        if local_addr is None or local_addr[1] != 0:
            return await super().create_datagram_endpoint(protocol_factory, local_addr, **rest)
        for _ in self._ports:
            port = self._ports[self._next]
            self._next = (self._next + 1) % len(self._ports)
            try:
                return await super().create_datagram_endpoint(protocol_factory, (local_addr[0], port), **rest)
            except OSError:
                continue
        raise OSError(f"none of the UDP ports {self._ports[0]} to {self._ports[-1]} is free on {local_addr[0]}")
