"""Where an outlet leads."""

import secrets
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from streaming.label import implicit
from streaming.labels import Labels


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


LABELS: Final = Labels()


def metadata(labels: Labels) -> dict[str, str]:
    """Of what is opened now, with an id of its own."""
    return implicit(secrets.token_hex(16), labels.producer) if labels.metadata else {}


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
