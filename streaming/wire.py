"""Between a gateway and its children: length-prefixed pickles over a socket or pipe that nobody else can reach."""

import pickle
import struct
from typing import Any, BinaryIO, Final

LENGTH: Final = struct.Struct("!I")


def frame(value: object) -> bytes:
    body = pickle.dumps(value, protocol=5)
    return LENGTH.pack(len(body)) + body


def read(stream: BinaryIO) -> Any:
    """The next value, waited for. Raises EOFError when the other end is gone."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(head)
    if len(body := stream.read(length)) < length:
        raise EOFError
    return pickle.loads(body)  # noqa: S301 (our own process wrote it)
