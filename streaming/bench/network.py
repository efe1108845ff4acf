"""A network that loses, delays, reorders and is too narrow: a seeded UDP relay between a room and one viewer."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

Address = tuple[str, int]
_LOCAL: Final = "127.0.0.1"
QUEUE_S: Final = 0.4
"""What may wait before a narrow part: as home routers and phone networks have it."""


class Impairment:
    """What happens to each datagram, the same for the same seed. Sans-I/O."""

    def __init__(self, loss: float, delay_s: float, jitter_s: float, seed: int) -> None:
        """``loss``: share that is lost, each way; ``delay_s`` each way, and up to ``jitter_s`` more, each for itself:
        with more of it than there is between two datagrams, they overtake each other."""
        self.loss, self.delay_s, self.jitter_s = loss, delay_s, jitter_s
        self.narrow_bps: float | None = None
        """What the way to the viewer carries; as much as comes when None."""
        self._free_at = 0.0
        self._chance = random.Random(seed)  # noqa: S311
        self.lost = self.passed = 0

    def fate(self, size: int = 0, now: float = 0.0, *, to_viewer: bool = False) -> float | None:
        """Seconds until a datagram of ``size`` bytes arrives; None: never."""
        lost, late = self._chance.random() < self.loss, self._chance.random()
        queued = 0.0
        if to_viewer and self.narrow_bps is not None:
            queued = max(0.0, self._free_at - now)
            lost = lost or queued > QUEUE_S
            if not lost:
                queued += 8 * size / self.narrow_bps
                self._free_at = now + queued
        if lost:
            self.lost += 1
            return None
        self.passed += 1
        return self.delay_s + queued + late * self.jitter_s


class _Side(asyncio.DatagramProtocol):
    """One of the relay's two sockets."""

    def __init__(self, impairment: Impairment, *, of_room: bool) -> None:
        self.impairment, self._of_room = impairment, of_room
        self.other: _Side | None = None
        self.peer: Address | None = None
        """Where this side sends to: whoever it heard of last."""
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.peer = addr
        loop = asyncio.get_running_loop()
        after = self.impairment.fate(len(data), loop.time(), to_viewer=self._of_room)
        if self.other is not None and after is not None:
            loop.call_later(after, self.other.send, data)

    def send(self, data: bytes) -> None:
        if self.peer is not None and self.transport is not None and not self.transport.is_closing():
            self.transport.sendto(data, self.peer)


class Relay:
    """An address that stands for the room's, with this network between."""

    def __init__(self, inside: _Side, outside: _Side, address: Address) -> None:
        self._inside, self._outside = inside, outside
        inside.other, outside.other = outside, inside
        self._address = address

    def offered(self, sdp: str) -> str:
        """The viewer's offer as the room gets it: it finds the viewer by their checks alone."""
        return without_candidates(sdp)

    def answered(self, sdp: str) -> str:
        """The room's answer as the viewer gets it."""
        self._inside.peer = first_candidate(sdp)
        return only_at(sdp, self._address)


@asynccontextmanager
async def relay(impairment: Impairment) -> AsyncIterator[Relay]:
    loop = asyncio.get_running_loop()
    here = (_LOCAL, 0)
    _, inside = await loop.create_datagram_endpoint(lambda: _Side(impairment, of_room=True), here)
    transport, outside = await loop.create_datagram_endpoint(lambda: _Side(impairment, of_room=False), here)
    try:
        yield Relay(inside, outside, transport.get_extra_info("sockname"))
    finally:
        for side in (inside, outside):
            if side.transport is not None:
                side.transport.close()


def first_candidate(sdp: str) -> Address:
    """Where an SDP answer can be reached over IPv4.

    Raises:
        ValueError: nowhere.
    """
    for line in sdp.splitlines():
        parts = line.split()
        if line.startswith("a=candidate:") and ":" not in parts[4]:
            return parts[4], int(parts[5])
    raise ValueError("the SDP answer has no IPv4 candidate")


def only_at(sdp: str, address: Address) -> str:
    """The SDP answer with this one candidate instead of its own."""
    lines, given = [], False
    for line in sdp.splitlines():
        if line.startswith("a=candidate:"):
            if not given:
                lines.append(f"a=candidate:relay 1 udp 2130706431 {address[0]} {address[1]} typ host")
            given = True
            continue
        if line.startswith("m="):
            given = False
        lines.append(line)
    return "".join(f"{line}\r\n" for line in lines)


def without_candidates(sdp: str) -> str:
    """An SDP offer that says nothing of where the viewer is: the room finds them by their checks."""
    candidates = ("a=candidate:", "a=end-of-candidates")
    return "".join(f"{line}\r\n" for line in sdp.splitlines() if not line.startswith(candidates))
