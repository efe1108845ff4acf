"""``everhost rehearse``: a room's programme, gone through without a host, for whoever wrote it."""

import time
from datetime import datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from knowledge.folder import read_folder
from knowledge.telling import telling, within
from streaming import music, roomfile
from streaming.errors import RoomFileError
from streaming.programme import rehearsal
from streaming.programme.rundown import Rundown


def rehearse(room: Path, begin: str | None, hours: float, seed: int, storyline: str = "") -> str:
    """Raises :class:`RoomFileError` for a room without a programme or this ``storyline``, or a ``begin`` that is no
    time.
    """
    settings = roomfile.load(room)
    if settings.programme is None:
        raise RoomFileError(f"{room} has no programme; rooms/legal-live.yaml shows one")
    rundown = settings.programme
    if storyline and storyline not in rundown.storylines:
        raise RoomFileError(f"{room} has no storyline “{storyline}”; it has: {', '.join(rundown.storylines) or 'none'}")
    passages = [passage for document in read_folder(settings.documents).documents for passage in document.passages]
    topics = {
        name: telling(p for p in passages if any(within(p, one, settings.language) for one in segment.topic))
        for name, segment in rundown.segments.items()
        if segment.topic
    }
    at = _unix(begin, rundown) if begin else time.time()
    lengths = {piece: music.seconds(piece) for segment in rundown.segments.values() for piece in segment.music}
    random = Random(seed)  # noqa: S311
    gone_through = rehearsal.rehearse(rundown, settings.language, topics, at, hours, random, storyline, lengths)
    return rehearsal.told(gone_through, rundown)


def _unix(text: str, rundown: Rundown) -> float:
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise RoomFileError(f"“{text}” is no time; write it as 2026-11-27T09:00") from None
    if local.tzinfo is None and rundown.timezone:
        local = local.replace(tzinfo=ZoneInfo(rundown.timezone))
    return local.timestamp()
