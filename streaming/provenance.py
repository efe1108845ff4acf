"""What a room is made of, for its journal: versions, and hashes of files."""

import contextlib
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from avatar.hosts import pack_path
from avatar.voice.coqui import CONSENT_SUFFIX, consent
from streaming.engines import voice_identity
from streaming.models.catalogue import find
from streaming.roomfile import Llm, RoomFile, Voice


def provenance(settings: RoomFile) -> dict[str, Any]:
    """As JSON: everhost's version, the room's settings by their hash, its host, voices, models."""
    return {
        "everhost": version("everhost"),
        "settings": hashlib.sha256(settings.model_dump_json().encode()).hexdigest(),
        "labels": settings.label.model_dump(exclude={"text"}),
        "moderation": settings.moderation.on,
        "host": {"pack": settings.host.pack, "sha256": _sha256(pack_path(settings.host.pack))},
        "voices": {language: [voice_identity(one) for one in voices] for language, voices in settings.voices.items()},
        "consents": _consents(one for voices in settings.voices.values() for one in voices),
        "llm": [_model(one) for one in settings.llm],
        "recognition": {"engine": settings.hearing.engine, "model": settings.hearing.model},
    }


def documents(folder: Path) -> dict[str, str]:
    """What a room answers from: SHA-256 by path in its folder."""
    files = ((path.relative_to(folder), path) for path in sorted(folder.rglob("*")) if path.is_file())
    seen = {name.as_posix(): path for name, path in files if not any(part.startswith(".") for part in name.parts)}
    hashed = {}
    for name, path in seen.items():
        with contextlib.suppress(FileNotFoundError):  # it was removed just now
            hashed[name] = _digest(path)
    return hashed


def _consents(voices: Iterable[Voice]) -> list[dict[str, str]]:
    """To the use of people's voices: who gave them, when, to what purpose, and of which recording."""
    given = []
    for voice in voices:
        for option in voice.options.values():
            if isinstance(option, str) and Path(option).with_suffix(CONSENT_SUFFIX).is_file():
                said = consent(Path(option))
                dumped = said.model_dump(mode="json", exclude_none=True)
                given.append({**dumped, "recording": _digest(Path(option))})
    return given


def _model(llm: Llm) -> dict[str, Any]:
    if llm.base_url is not None:
        address = urlsplit(llm.base_url)  # without a password that stands in it
        return {"model": llm.model, "base_url": f"{address.scheme}://{address.hostname}{address.path}"}
    return {"model": llm.model, "files": [file.sha256 for file in find(llm.model).files]}


@cache
def _sha256(file: Path) -> str:
    return _digest(file)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
