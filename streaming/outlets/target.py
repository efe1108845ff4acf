"""Where an outlet leads."""

from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Opening:
    """One connection, or one file, as the process that writes it is told."""

    url: str = field(repr=False)
    """Address or path."""
    format: Literal["flv", "mp4"]
    width: int
    height: int
    options: dict[str, str] = field(default_factory=dict)
    """The muxer's (FFmpeg)."""
    metadata: dict[str, str] = field(default_factory=dict)


class Target(Protocol):
    name: str

    async def open(self, now: float) -> Opening:
        """Where to begin now; ``now`` is the wall clock, seconds. Raises :class:`OutletError`."""
        ...

    async def check(self) -> None:
        """Asked now and then while open: raises :class:`OutletError` when it must be closed."""
        ...

    def renew_at(self, now: float) -> float:
        """When what was opened at ``now`` must be closed and followed by another; at its next key frame."""
        ...
