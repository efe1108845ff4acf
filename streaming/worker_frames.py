"""Frames between a worker and its parent: a fixed header, then one pickled value.

Both ends are this house's own processes, joined by a socket pair nobody else can reach, so pickle is safe here and
carries NumPy arrays and dataclasses as they are.
"""

import enum
import pickle
import socket
import struct
from typing import Any, NamedTuple

HEADER = struct.Struct(">BIQ")
"""Kind, request id, payload length in bytes."""

PULSE_S = 1.0
"""Between two beats of a worker's pulse, which its parent hears on a pipe of its own."""


class Kind(enum.IntEnum):
    # parent → worker
    LOAD = 1  # (factory, kwargs)
    CALL = 2  # (method, args, kwargs), answered by DONE with the result
    STREAM = 3  # (method, args, kwargs), answered by ITEMs and DONE
    CANCEL = 4  # None; a cancelled request still ends with DONE or FAILED
    # worker → parent
    READY = 5  # None
    ITEM = 6
    DONE = 7
    FAILED = 8  # (message, retryable); with id 0 the engine could not be made


class Frame(NamedTuple):
    kind: Kind
    request: int
    payload: bytes

    def value(self) -> Any:
        return pickle.loads(self.payload)  # noqa: S301 (from our own process, see above)


def encode(kind: Kind, request: int, value: Any = None) -> bytes:
    payload = pickle.dumps(value, protocol=5)
    return HEADER.pack(kind, request, len(payload)) + payload


def receive(channel: socket.socket) -> Frame:
    """Read one frame from a blocking socket. Raises :class:`EOFError` when the other end is gone."""
    kind, request, length = HEADER.unpack(_receive_exactly(channel, HEADER.size))
    return Frame(Kind(kind), request, _receive_exactly(channel, length))


def _receive_exactly(channel: socket.socket, count: int) -> bytes:
    data = bytearray(count)
    view = memoryview(data)
    while view:
        received = channel.recv_into(view)
        if received == 0:
            raise EOFError
        view = view[received:]
    return bytes(data)
