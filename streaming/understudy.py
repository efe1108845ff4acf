"""A stage that stands by: its process has the host, the encoder and all else ready, and waits to be told to begin.

Every stage starts as one. Loading a host takes seconds, and who takes over from a stage that died has done it before;
see :mod:`streaming.stage_process`.
"""

import os
import socket
import subprocess
import sys
import time
from typing import Final, Self

from streaming.child import CHILD_ENVIRONMENT
from streaming.cues import StageConfig
from streaming.encoders import X264
from streaming.roomfile import RoomFile
from streaming.wire import frame

_BUFFER: Final = 1 << 22
"""Bytes of packets that may wait while the event loop does something else."""


class Understudy:
    """Begins to get ready at once. Whoever made it closes it."""

    def __init__(self, config: StageConfig) -> None:
        self.since = time.monotonic()
        self.socket, theirs = socket.socketpair()
        with theirs:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "streaming.stage_main", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **CHILD_ENVIRONMENT},
            )
        self.socket.sendall(frame(config))

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """End it, on air or not; takes a few milliseconds."""
        self.socket.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def stage_config(settings: RoomFile) -> StageConfig:
    """What a room's stage draws and encodes."""
    width, height = settings.size
    video = settings.video
    return StageConfig(
        host=settings.host.pack,
        width=width,
        height=height,
        background=settings.host.background,
        depth=video.depth,
        x264=X264(video.preset, kbps=video.kbps),
        maker=video.encoder,
        aac=bool(settings.push or settings.recording),
        label=settings.label.picture,
        rhythm_s=60.0 * settings.label.every_minutes if settings.label.rhythm else None,
        producer=settings.label.producer if settings.label.metadata else "",
    )
