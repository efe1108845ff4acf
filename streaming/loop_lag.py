"""How late the event loop comes to what is due: everything that leaves the gateway is as late."""

import asyncio
import time
from collections import deque
from typing import Final

_LOOK_S: Final = 0.25
_LOOKS: Final = 60


class LoopLag:
    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=_LOOKS)

    @property
    def worst_s(self) -> float:
        """Of the last quarter of a minute."""
        return max(self._late, default=0.0)

    async def watch(self) -> None:
        while True:
            due = time.monotonic() + _LOOK_S
            await asyncio.sleep(_LOOK_S)
            self._late.append(max(0.0, time.monotonic() - due))
