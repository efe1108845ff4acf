"""Packets of Bilibili's long connection, in WebSocket frames. Sans-I/O.

A header of 16 bytes, big-endian (length of the packet, of the header, version, operation, a reserved number), then
the body; a frame holds one packet after another. Version 0 is the body itself, and so is 1, in which heartbeats and the
answer to the greeting come; 2 is packets again, deflated (zlib). Version 3 (Brotli) is asked for by ``protover`` of the
greeting, which on the open platform is 2.

Sources: https://open-live.bilibili.com/document/657d8e34-f926-a133-16c0-300c1afc6e6b (format, operations);
https://github.com/xfgryujk/blivedm, blivedm/clients/ws_base.py (version 1).
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

HEADER: Final = struct.Struct(">IHHII")
READABLE: Final = frozenset({0, 1})
ZLIB: Final = 2
MOST_BYTES: Final = 8_000_000
"""What a packet may inflate to."""
_RESERVED: Final = 1


class Operation(IntEnum):
    HEARTBEAT = 2
    HEARTBEAT_REPLY = 3
    MESSAGE = 5
    AUTH = 7
    AUTH_REPLY = 8


@dataclass(frozen=True, slots=True)
class Packet:
    operation: int
    body: bytes
    version: int = 0
    """One that is not READABLE leaves the body as it came."""


class WireError(Exception):
    """These are no packets, or not whole ones."""


def pack(operation: Operation, body: bytes = b"") -> bytes:
    return HEADER.pack(HEADER.size + len(body), HEADER.size, 0, operation, _RESERVED) + body


def packets(frame: bytes) -> Iterator[Packet]:
    """Those of a frame, also those deflated in it. Raises WireError after the last one that is whole."""
    for packet in _packets(frame):
        if packet.version != ZLIB:
            yield packet
            continue
        for one in _packets(_inflated(packet.body)):
            if one.version == ZLIB:
                raise WireError("deflated twice")
            yield one


def _packets(data: bytes) -> Iterator[Packet]:
    at = 0
    while (left := len(data) - at) > 0:
        if left < HEADER.size:
            raise WireError(f"{left} bytes instead of a header")
        length, header, version, operation, _ = HEADER.unpack_from(data, at)
        if not HEADER.size <= header <= length <= left:
            raise WireError(f"a packet of {length} bytes with a header of {header}, where {left} are left")
        yield Packet(operation, data[at + header : at + length], version)
        at += length


def _inflated(body: bytes) -> bytes:
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(body, MOST_BYTES)
    except zlib.error as error:
        raise WireError(str(error)) from None
    if not inflate.eof:
        raise WireError(f"deflated data that is torn, or more than {MOST_BYTES} bytes")
    return data
