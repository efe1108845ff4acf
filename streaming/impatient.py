"""HTTP/1.1 that does not wait for ever: who connects and says nothing, never ends the head of a request (Slowloris), or
has their answer and never ends the body, or does not read it, is let go; and one address has so many connections.
Bodies that wait for an answer are :mod:`streaming.body`'s.
"""

import asyncio
from collections import Counter
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from streaming.guard import foreign, share_of

HEAD_S: Final = 10.0
"""The head of a request may take so long, and the rest of a body that was answered already."""
UNREAD_S: Final = 30.0
"""An answer that nobody reads is waited for so long."""
CONNECTIONS: Final = 1000
"""Of one address at once, as in :mod:`streaming.guard`; a proxy that is believed has as many as it wants."""
_connections: Counter[str] = Counter()
SURPLUS: Final = 1 << 20
"""Bytes of such a rest."""


class ImpatientProtocol(H11Protocol):
    """uvicorn's own, with a limit that it has not."""

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _counted: str | None = None
    _surplus = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        if foreign(host) and host not in str(self.config.forwarded_allow_ips).split(","):
            self._counted = share_of(host)
            _connections[self._counted] += 1
            if _connections[self._counted] > CONNECTIONS:
                transport.abort()
                return
        self._expect_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        answered = self.cycle is not None and self.cycle.response_complete
        if self.conn.their_state is h11.IDLE:
            late = bool(self.conn.trailing_data[0])
        else:
            late = self.conn.their_state is h11.SEND_BODY and answered
            self._surplus = self._surplus + len(data) if late else 0
        if self._surplus > SURPLUS:
            self.transport.abort()
        elif not late:
            self._forget()
        elif self._deadline is None:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        if self._unread is not None:
            self._unread.cancel()
        if self._counted is not None:
            _connections[self._counted] -= 1
            if not _connections[self._counted]:
                del _connections[self._counted]
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._forget()
        super().handle_websocket_upgrade(event)

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_S, self.transport.abort)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
