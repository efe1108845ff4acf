"""A room's state in Redis as JSON, of one moment, and back: all but the lease, which is its holder's alone.

Values, and not what Redis' DUMP gives, which an older Redis, or another server that speaks its language, refuses.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis import Redis
from redis.exceptions import RedisError, WatchError

from streaming.errors import EverhostError
from streaming.state.redis import key

ANSWER_S: Final = 60.0
"""Redis may take so long: a room has ten thousand questions at most."""
CONNECT_S: Final = 5.0
LEASE: Final = "lease"
EPOCHS: Final = "epochs"

_Entries = list[tuple[str, dict[str, str]]]
"""Of a stream: ids and fields, oldest first."""


class Snapshot(BaseModel):
    """By the names of a room's keys. The stream's consumer group is left out: a room's new owner makes one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(ge=0)
    """The last that was given; 0: none."""
    lines: int = Field(ge=0)
    open: dict[str, str]
    entries: dict[str, str]
    outcomes: dict[str, str]
    muted: dict[str, str]
    desk: dict[str, str]
    ended: dict[str, float]
    aired: dict[str, float]
    questions: _Entries
    failed: _Entries


NAMES: Final = tuple(Snapshot.model_fields)
_HASHES: Final = ("open", "entries", "outcomes", "muted", "desk")
_SCORED: Final = ("ended", "aired")
_STREAMS: Final = ("questions", "failed")


@contextlib.contextmanager
def connected(url: str) -> Iterator[Any]:
    """A client. Raises :class:`EverhostError` for an address that is none, and for whatever Redis raises meanwhile."""
    try:
        shown = urlsplit(url).hostname or "this address"  # without a password
        client = Redis.from_url(url, decode_responses=True, socket_timeout=ANSWER_S, socket_connect_timeout=CONNECT_S)
    except ValueError as error:
        raise EverhostError(f"--redis is no address of a Redis ({error}); one is redis://localhost:6379/0") from error
    try:
        with client:
            yield client
    except (RedisError, UnicodeDecodeError) as error:
        raise EverhostError(f"the Redis at {shown} cannot be used ({error}); is --redis right?") from error


def taken(redis: Any, room: str) -> Snapshot:
    with redis.pipeline(transaction=True) as pipe:
        pipe.get(key(room, EPOCHS)).get(key(room, "lines"))
        for name in _HASHES:
            pipe.hgetall(key(room, name))
        for name in _SCORED:
            pipe.zrange(key(room, name), 0, -1, withscores=True)
        for name in _STREAMS:
            pipe.xrange(key(room, name))
        epochs, lines, *found = pipe.execute()
    values = dict(zip((*_HASHES, *_SCORED, *_STREAMS), found, strict=True))
    return Snapshot(
        epochs=epochs or 0,
        lines=lines or 0,
        **values | {name: dict(values[name]) for name in _SCORED},
    )


def put_back(redis: Any, rooms: Mapping[str, Snapshot], aside: str | None) -> None:
    """All of them or none. What there is of them is renamed, with ``aside`` before its names; None: it is refused.

    Raises :class:`EverhostError` while a gateway runs one of the rooms. No epoch is ever given twice: the higher of the
    two last ones counts.
    """
    with redis.pipeline(transaction=True) as pipe:
        pipe.watch(*(key(room, name) for room in rooms for name in (LEASE, EPOCHS)))
        there = {room: [name for name in NAMES if pipe.exists(key(room, name))] for room in rooms}
        epochs = {room: max(int(pipe.get(key(room, EPOCHS)) or 0), one.epochs) for room, one in rooms.items()}
        for room, names in there.items():
            if pipe.exists(key(room, LEASE)):
                raise EverhostError(f"a gateway runs {room}; end all that share this Redis first")
            if aside is None and set(names) - {EPOCHS}:
                raise EverhostError(
                    f"this Redis has state of {room} already; give another, or rename what is there with --force"
                )
        pipe.multi()
        for room, one in rooms.items():
            for name in there[room]:
                if name != EPOCHS:
                    pipe.rename(key(room, name), key(room, f"{aside}:{name}"))
            _put(pipe, room, one, epochs[room])
        try:
            pipe.execute()
        except WatchError:
            raise EverhostError("a gateway has taken a room meanwhile; end all that share this Redis first") from None


def _put(pipe: Any, room: str, one: Snapshot, epochs: int) -> None:
    pipe.set(key(room, EPOCHS), epochs)
    pipe.set(key(room, "lines"), one.lines)
    for name in _HASHES:
        if fields := getattr(one, name):
            pipe.hset(key(room, name), mapping=fields)
    for name in _SCORED:
        if scores := getattr(one, name):
            pipe.zadd(key(room, name), scores)
    for name in _STREAMS:
        for entry, fields in getattr(one, name):
            pipe.xadd(key(room, name), fields, id=entry)


def read(text: bytes) -> Snapshot:
    """Raises :class:`EverhostError` for what is none."""
    try:
        return Snapshot.model_validate_json(text)
    except ValidationError as error:
        raise EverhostError(
            f"a room's state in Redis cannot be read from the backup: {error.errors()[0]['msg']}"
        ) from None
