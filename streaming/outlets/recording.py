"""Recorded: one MP4 after another, the oldest deleted when they grow too many.

While it is written, a file is fragmented, so that a crash loses two seconds at most; its end makes it an ordinary one.
"""

import asyncio
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from streaming.errors import OutletError
from streaming.labels import Labels
from streaming.outlets.target import LABELS, Opening, metadata
from streaming.roomfile import Recording

T = TypeVar("T")

FREE: Final = 2 * 10**9
"""Bytes of a disk that are left free."""
DISK_S: Final = 10.0
"""A disk that takes longer to say how it is hangs."""
_OPTIONS: Final = {
    "movflags": "hybrid_fragmented+use_metadata_tags",
    "frag_duration": "2000000",
    "flush_packets": "1",  # every fragment is on its way to the disk when it is whole
}


class Recorder:
    name = "recording"

    def __init__(self, settings: Recording, room: str, size: tuple[int, int], labels: Labels = LABELS) -> None:
        self._settings, self._room, self._size, self._labels = settings, room, size, labels

    async def open(self, now: float) -> Opening:
        path = await self._ask_disk(lambda: self._prepare(now))
        return Opening(str(path), "mp4", *self._size, _OPTIONS, metadata(self._labels))

    async def check(self) -> None:
        await self._ask_disk(self._check_space)

    async def _ask_disk(self, question: Callable[[], T]) -> T:
        """In a thread: a disk may hang, and a file of a gigabyte takes long to delete."""
        try:
            async with asyncio.timeout(DISK_S):
                return await asyncio.to_thread(question)
        except OSError as error:
            slow = isinstance(error, TimeoutError)
            why = f"does not answer within {DISK_S:g} s" if slow else f"cannot be used: {error}"
            raise OutletError(f"{self._settings.folder} {why}") from None

    def _prepare(self, now: float) -> Path:
        self._settings.folder.mkdir(parents=True, exist_ok=True)
        self._make_room()
        self._check_space()
        return self._fresh(now)

    def _check_space(self) -> None:
        free = shutil.disk_usage(self._settings.folder).free
        if free < FREE:
            raise OutletError(
                f"only {free / 1e9:.1f} GB are free in {self._settings.folder}; lower recording.keep_gb or make room"
            )

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
        mine = re.compile(rf"{re.escape(self._room)}-\d{{8}}T\d{{6}}Z(-\d+)?\.mp4")  # rooms may share the folder
        files = [path for path in self._settings.folder.iterdir() if mine.fullmatch(path.name)]
        kept = 0.0
        for path in sorted(files, reverse=True):
            kept += path.stat().st_size
            if kept > 1e9 * self._settings.keep_gb:
                path.unlink()
