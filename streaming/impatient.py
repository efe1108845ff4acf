"""HTTP/1.1 that does not wait for ever: who connects and says nothing, never ends the head of a request (Slowloris), or
has their answer and never ends the body, is let go. Bodies that wait for an answer are :mod:`streaming.guard`'s.
"""

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S: Final = 10.0
"""The head of a request may take so long, and the rest of a body that was answered already."""
SURPLUS: Final = 1 << 20
"""Bytes of such a rest."""


class ImpatientProtocol(H11Protocol):
    """uvicorn's own, with a limit that it has not."""

    _deadline: asyncio.TimerHandle | None = None
    _surplus = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

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
