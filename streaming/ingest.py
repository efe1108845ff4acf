"""``everhost ingest``: a room's documents, indexed ahead of going on air; what is skipped, and why."""

import asyncio
import json
import sys
from contextlib import aclosing
from pathlib import Path

from tqdm import tqdm

from knowledge.embedding import InThreads
from knowledge.library import Library
from streaming import roomfile
from streaming.answering import index_of, report
from streaming.bars import following

_POLL_S = 0.5


async def ingest(room: Path, data: Path, *, as_json: bool) -> int:
    """Broken off, it goes on where it was. The exit status is 1 when a file was skipped."""
    settings = roomfile.load(room)
    with tqdm(desc="documents", unit="file", disable=None) as bar:
        library = await Library.open(settings.documents, index_of(settings, data), InThreads(), told=following(bar))
    async with aclosing(library):
        await _embed(library)
        listed, told = await library.listed(), await report(library)
    if as_json:
        print(json.dumps(told, ensure_ascii=False))  # noqa: T201
    else:
        for one in listed:
            days = " ".join(f"{word} {day}" for word, day in (("from", one.valid_from), ("to", one.valid_to)) if day)
            print(f"{one.passages:6d}  {one.source}: {one.title}{f' (valid {days})' if days else ''}")  # noqa: T201
        print(f"{sum(one.passages for one in listed):6d}  passages of {len(listed)} documents")  # noqa: T201
        for bad in library.skipped:
            print(f"skipped: {bad.source} {bad.reason}", file=sys.stderr)  # noqa: T201
    return 1 if library.skipped else 0


async def _embed(library: Library) -> None:
    filled = asyncio.create_task(library.filled())
    with tqdm(desc="embeddings", unit="passage", disable=None) as bar:
        show = following(bar)
        while True:
            progress = await library.progress()
            show(progress.embedded, progress.passages)
            if filled.done():
                break
            await asyncio.wait([filled], timeout=_POLL_S)
    await filled
