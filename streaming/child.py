"""What the processes that a gateway starts have in common: stages and engines."""

import ctypes
import signal
from typing import Final

CHILD_ENVIRONMENT: Final = {
    # Spinning BLAS and OpenMP threads would take the cores the stages need.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    "ORT_DISABLE_TELEMETRY": "1",  # a room reports to nobody
}
_PR_SET_PDEATHSIG: Final = 1
"""linux/prctl.h"""


def die_with_parent() -> None:
    """Have this process killed when its parent is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
