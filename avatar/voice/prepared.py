"""Speech made ahead, kept on disk by its content: what is going to be said again starts at once.

A key covers all that decides the sound: the voice, the text with its marks, the words said in a way of their own, and
the code that reads and speaks it. What is found is therefore right, and nothing has ever to be invalidated.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from avatar.speech import Mark, Phoneme, SpeechChunk, Word

KEPT: Final = 2_000_000_000
"""Bytes of prepared speech that are kept: five hours at 48 kHz. What was said longest ago goes first."""
_SCALE: Final = 32767.0


@dataclass(frozen=True, slots=True)
class Script:
    """What is to be said, and by whom."""

    voice: Mapping[str, Any]
    """All that tells one voice from another, as JSON."""
    text: str
    language: str
    lexicon: Mapping[str, str]


class Prepared:
    """A folder of spoken texts. Safe to share between processes: a file appears whole, under its final name."""

    def __init__(self, folder: Path, kept: int = KEPT) -> None:
        self._folder = folder
        self._kept = kept

    def find(self, script: Script) -> list[SpeechChunk] | None:
        """The chunks of a text; None when they were not made yet, or cannot be read."""
        path = self._path(script)
        try:
            with np.load(path, allow_pickle=False) as archive:
                chunks = [_read(meta, archive[str(i)]) for i, meta in enumerate(json.loads(str(archive["speech"])))]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):  # damaged: it is made again
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return chunks

    def __contains__(self, script: Script) -> bool:
        return self._path(script).exists()

    def keep(self, script: Script, chunks: Sequence[SpeechChunk]) -> None:
        """Raises ``OSError`` when the folder cannot be written."""
        path = self._path(script)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            try:
                sound = {str(i): np.round(c.pcm * _SCALE).astype(np.int16) for i, c in enumerate(chunks)}
                np.savez(file, speech=json.dumps([_meta(c) for c in chunks]), **sound)  # type: ignore[arg-type]
                file.flush()
                Path(file.name).rename(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        self._forget_oldest()

    def _path(self, script: Script) -> Path:
        words = {written: said for written, said in script.lexicon.items() if written in script.text}
        content = json.dumps(
            [script.voice, script.text, script.language, words, _code()], sort_keys=True, ensure_ascii=False
        )
        return self._folder / f"{hashlib.sha256(content.encode()).hexdigest()}.speech"

    def _forget_oldest(self) -> None:
        found = []
        for path in self._folder.glob("*.speech"):
            with contextlib.suppress(OSError):  # another process may have dropped it
                stat = path.stat()
                found.append((stat.st_mtime, stat.st_size, path))
        excess = sum(size for _, size, _ in found) - self._kept
        for _, size, path in sorted(found):
            if excess <= 0:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            excess -= size


@cache
def _code() -> str:
    """A digest of what turns text into sound."""
    digest = hashlib.sha256()
    for file in sorted(files("avatar.voice").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _meta(chunk: SpeechChunk) -> dict[str, Any]:
    return {key: value for key, value in asdict(chunk).items() if key not in ("pcm", "mouth")}


def _read(meta: dict[str, Any], sound: npt.NDArray[np.int16]) -> SpeechChunk:
    return SpeechChunk(
        sound.astype(np.float32) / np.float32(_SCALE),
        int(meta["rate"]),
        str(meta["text"]),
        tuple(Phoneme(**p) for p in meta["phonemes"]),
        tuple(Word(**w) for w in meta["words"]),
        tuple(Mark(**m) for m in meta["marks"]),
        rest=float(meta["rest"]),
    )
