"""A child process that ends with its parent, however that ends."""

import ctypes
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""linux/prctl.h"""


def die_with_parent() -> None:
    """Have this process killed when its parent is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
