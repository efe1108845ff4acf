"""One side of Bilibili's long connection: greeted with the session's key, then told what happens. Sans-I/O."""

import json
import logging
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from streaming.bridges.bilibili_events import comments, ended
from streaming.bridges.bilibili_wire import READABLE, Operation, Packet, WireError, pack, packets
from streaming.comment import Comment

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """What the platform grants at a start."""

    game_id: str
    """Empty for projects that need no heartbeat and no end."""
    auth_body: str = field(repr=False)
    links: tuple[str, ...]
    """Where it may be followed, one as good as the other."""
    room: str = ""


class Over(Enum):
    """Why a session is to be followed by another."""

    REFUSED = "Bilibili does not take the session's key"
    LAPSED = "Bilibili has ended the session"
    UNREACHABLE = "none of the session's addresses can be reached"


class Conversation:
    """Lasts for all connections: what is not understood is told once."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self.authorized = False
        self.over: Over | None = None
        self._told: set[str] = set()

    def begin(self, session: Session) -> bytes:
        """What to send first over a new connection."""
        self._session, self.authorized, self.over = session, False, None
        return pack(Operation.AUTH, session.auth_body.encode())

    def receive(self, frame: bytes | str) -> list[Comment]:
        """What happened. Sets ``authorized``, and ``over`` when the connection is of no more use."""
        heard: list[Comment] = []
        try:
            if isinstance(frame, str):
                raise WireError("text instead of packets")
            for packet in packets(frame):
                heard += self._packet(packet)
        except WireError as error:
            self._tell_once(f"a frame from Bilibili cannot be read: {error}")
        return heard

    def _packet(self, packet: Packet) -> list[Comment]:
        if packet.version not in READABLE:
            self._tell_once(f"packets of version {packet.version} are passed over")
        elif packet.operation == Operation.AUTH_REPLY:
            reply = self._json(packet.body)
            code = reply.get("code") if isinstance(reply, dict) else None
            self.authorized = code == 0
            if code != 0:
                log.warning("the session's key was refused: code %s", code)
                self.over = Over.REFUSED
        elif packet.operation == Operation.MESSAGE:
            command = self._json(packet.body)
            if (game := ended(command)) is not None and self._session is not None and game == self._session.game_id:
                self.over = Over.LAPSED
            return comments(command)
        elif packet.operation != Operation.HEARTBEAT_REPLY:
            self._tell_once(f"packets of operation {packet.operation} are passed over")
        return []

    def _json(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            self._tell_once(f"a message from Bilibili cannot be read: {type(error).__name__}")
            return None

    def _tell_once(self, what: str) -> None:
        if what not in self._told and len(self._told) < 100:
            self._told.add(what)
            log.warning("%s (said once)", what)
