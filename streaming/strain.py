"""Whether a stage has the machine for all its pictures. Sans-I/O: it is told once a second how many it left out.

Pictures that are left out now here, now there are seen as jerks, and a stage that does all it can leaves nothing to the
voice beside it. So where many are left out for long, the stage shows every second one, evenly, at half the cost; and
from time to time it tries again whether all will do.
"""

from dataclasses import dataclass
from typing import Final

MANY: Final = 3
"""Ticks of a second left out for being late that make it a late one;"""
STRAINED_S: Final = 5
"""so many late seconds in a row are a strain, not a hiccup."""
FIRST_TRY_S: Final = 30
"""At half the rate without a late second, until all pictures are tried again. It doubles each time the try fails,"""
LAST_TRY_S: Final = 960
"""up to this."""
HELD_S: Final = 60
"""A try that goes well for so long has not failed."""


@dataclass(slots=True)
class Strain:
    half: bool = False
    """Only every second tick has a picture."""
    _late: int = 0
    """Seconds in a row that were,"""
    _calm: int = 0
    """or were not."""
    _whole: int = HELD_S
    """Seconds since all pictures were tried."""
    _try_s: int = FIRST_TRY_S

    def second(self, left_out: int) -> bool:
        """A second has passed in which so many pictures were left out for being late; whether :attr:`half` changed."""
        late = left_out >= MANY
        self._late, self._calm = (self._late + 1, 0) if late else (0, self._calm + 1)
        if self.half:
            if self._calm < self._try_s:
                return False
            self._whole = 0
        else:
            self._whole += 1
            if self._late < STRAINED_S:
                return False
            self._try_s = min(2 * self._try_s, LAST_TRY_S) if self._whole < HELD_S else FIRST_TRY_S
        self.half = not self.half
        self._late = self._calm = 0
        return True
