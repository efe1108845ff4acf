"""What a room is made of, for its journal: versions, and hashes of files."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from avatar.hosts import pack_path
from streaming.engines import voice_identity
from streaming.models.catalogue import find
from streaming.roomfile import Llm, RoomFile


def provenance(settings: RoomFile) -> dict[str, Any]:
    """As JSON: everhost's version, the room's settings by their hash, its host, voices, models."""
    return {
        "everhost": version("everhost"),
        "settings": hashlib.sha256(settings.model_dump_json().encode()).hexdigest(),
        "labels": settings.label.model_dump(exclude={"text"}),
        "moderation": settings.moderation.on,
        "host": {"pack": settings.host.pack, "sha256": _sha256(pack_path(settings.host.pack))},
        "voices": {language: [voice_identity(one) for one in voices] for language, voices in settings.voices.items()},
        "llm": [_model(one) for one in settings.llm],
        "recognition": {"engine": settings.hearing.engine, "model": settings.hearing.model},
    }


def _model(llm: Llm) -> dict[str, Any]:
    if llm.base_url is not None:
        address = urlsplit(llm.base_url)  # without a password that stands in it
        return {"model": llm.model, "base_url": f"{address.scheme}://{address.hostname}{address.path}"}
    return {"model": llm.model, "files": [file.sha256 for file in find(llm.model).files]}


@cache
def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
