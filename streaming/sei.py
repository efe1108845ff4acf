"""What an H.264 stream says of itself: user data in SEI (ITU-T H.264, D.1.6), before a picture's slices."""

import re
import uuid
from collections.abc import Iterator
from typing import Final

AIGC: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/everhost/everhost#AIGC")
"""Whose user data it is: JSON, as in a file's metadata."""

_SEI: Final = 6
_SLICES: Final = frozenset({1, 5})
_UNREGISTERED: Final = 5
_START: Final = re.compile(b"\x00\x00\x00?\x01")
_ESCAPED: Final = re.compile(b"\x00\x00(?=[\x00-\x03])")


def unit(data: bytes, owner: uuid.UUID = AIGC) -> bytes:
    """A NAL unit with its start code (Annex B)."""
    payload = owner.bytes + data
    size = b"\xff" * (len(payload) // 255) + bytes([len(payload) % 255])
    message = bytes([_UNREGISTERED]) + size + payload + b"\x80"
    return b"\x00\x00\x00\x01" + bytes([_SEI]) + _ESCAPED.sub(b"\x00\x00\x03", message)


def before_slices(picture: bytes, sei: bytes) -> bytes:
    """An access unit (Annex B) with ``sei`` before its first slice, after its parameter sets."""
    for match in _START.finditer(picture):
        if match.end() < len(picture) and picture[match.end()] & 0x1F in _SLICES:
            return picture[: match.start()] + sei + picture[match.start() :]
    return picture


def user_data(units: Iterator[bytes] | list[bytes], owner: uuid.UUID = AIGC) -> Iterator[bytes]:
    """What ``owner`` says in NAL units, given without start codes."""
    for one in units:
        if not one or one[0] & 0x1F != _SEI:
            continue
        message = re.sub(b"\x00\x00\x03", b"\x00\x00", one[1:])
        at = 0
        while at + 2 < len(message):
            kind, at = _number(message, at)
            size, at = _number(message, at)
            payload, at = message[at : at + size], at + size
            if kind == _UNREGISTERED and payload[:16] == owner.bytes:
                yield payload[16:]


def units_of(picture: bytes, length_size: int = 0) -> Iterator[bytes]:
    """NAL units of an access unit: after start codes, or, as in MP4 and FLV, after lengths of ``length_size`` bytes."""
    if not length_size:
        starts = list(_START.finditer(picture))
        ends = (*(match.start() for match in starts[1:]), len(picture))
        yield from (picture[match.end() : end] for match, end in zip(starts, ends, strict=False))
        return
    at = 0
    while at + length_size <= len(picture):
        size = int.from_bytes(picture[at : at + length_size], "big")
        yield picture[at + length_size : at + length_size + size]
        at += length_size + size


def _number(message: bytes, at: int) -> tuple[int, int]:
    """As SEI has it: 255 for every whole 255, then the rest; and where it ends."""
    number = 0
    while at < len(message) and message[at] == 255:
        number, at = number + 255, at + 1
    return (number + message[at] if at < len(message) else number), at + 1
