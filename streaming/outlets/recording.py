"""Recorded: one MP4 after another, the oldest deleted when they grow too many.

While it is written, a file is fragmented, so that a crash loses two seconds at most; its end makes it an ordinary one.
"""

import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from streaming.label import implicit
from streaming.outlets.target import Opening, OutletError
from streaming.roomfile import Recording

FREE: Final = 2 * 10**9
"""Bytes of a disk that are left free."""
_OPTIONS: Final = {
    "movflags": "hybrid_fragmented+use_metadata_tags",
    "frag_duration": "2000000",
    "flush_packets": "1",  # every fragment is on its way to the disk when it is whole
}


class Recorder:
    name = "recording"

    def __init__(self, settings: Recording, room: str, size: tuple[int, int]) -> None:
        self._settings, self._room, self._size = settings, room, size

    async def open(self, now: float) -> Opening:
        folder = self._settings.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._make_room()
            free = shutil.disk_usage(folder).free
            if free < FREE:
                raise OutletError(
                    f"only {free / 1e9:.1f} GB are free in {folder}; lower recording.keep_gb or make room"
                )
            path = self._fresh(now)
        except OSError as error:
            raise OutletError(f"{folder} cannot be written: {error}") from None
        return Opening(str(path), "mp4", *self._size, _OPTIONS, implicit(secrets.token_hex(16)))

    def renew_at(self, now: float) -> float:
        """Files end on whole multiples of their length by the clock: at full hours, if they are an hour long."""
        length = 60.0 * self._settings.minutes
        return (now // length + 1) * length

    def _fresh(self, now: float) -> Path:
        stem = f"{self._room}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
        names = (f"{stem}{'' if n == 1 else f'-{n}'}.mp4" for n in range(1, 1000))
        return next(path for name in names if not (path := self._settings.folder / name).exists())

    def _make_room(self) -> None:
        """Delete the oldest beyond what is to be kept."""
        files = sorted(self._settings.folder.glob(f"{self._room}-[0-9]*T*Z*.mp4"), reverse=True)
        kept = 0.0
        for path in files:
            kept += path.stat().st_size
            if kept > 1e9 * self._settings.keep_gb:
                path.unlink()
