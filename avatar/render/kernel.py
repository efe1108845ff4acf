"""How inner loops are compiled."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import CellType, FunctionType
from typing import Any, Final

from numba import njit

_SOURCES: Final = hashlib.sha256(
    b"".join(p.read_bytes() for p in sorted(Path(__file__).parent.glob("*.py")))
).hexdigest()


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop, keeping the machine code for the next start where there is a place to keep it."""
    try:
        return njit(cache=True, nogil=True, fastmath=True, error_model="numpy")(_stamped(function))
    except RuntimeError:  # neither the package nor the user's cache folder can be written
        return njit(nogil=True, fastmath=True, error_model="numpy")(function)


def routine(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop that kernels call."""
    return njit(nogil=True, fastmath=True, error_model="numpy")(function)


def part(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a piece into every loop that uses it: a call would count references to each array handed over."""
    return njit(nogil=True, fastmath=True, error_model="numpy", forceinline=True)(function)


def _stamped(function: Callable[..., Any]) -> FunctionType:
    """The function with the sources of all loops in its closure.

    Numba compiles a kept function anew if its own file has changed, or what its closure holds, but not if a routine or
    part that it has from another file did.
    """
    assert isinstance(function, FunctionType)  # noqa: S101 - for the type alone
    code = function.__code__.replace(co_freevars=(*function.__code__.co_freevars, "_sources"))
    closure = (*(function.__closure__ or ()), CellType(_SOURCES))
    stamped = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, closure)
    stamped.__doc__, stamped.__qualname__, stamped.__module__ = (
        function.__doc__,
        function.__qualname__,
        function.__module__,
    )
    return stamped
