"""How long to wait before the next attempt: twice as long each time, within bounds."""

import random
from typing import Final

FIRST_S: Final = 1.0
MOST_S: Final = 30.0


class Backoff:
    def __init__(self, first_s: float = FIRST_S, most_s: float = MOST_S) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._next_s = first_s

    def next(self) -> float:
        """Seconds, a little more than those of others who began to wait at the same time."""
        wait_s, self._next_s = self._next_s, min(2 * self._next_s, self._most_s)
        return min(wait_s * random.uniform(1.0, 1.25), self._most_s)  # noqa: S311

    def reset(self) -> None:
        """It went well: the next attempt comes soon again."""
        self._next_s = self._first_s
