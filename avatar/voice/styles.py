"""Kokoro's voices: style vectors, one for each number of symbols spoken at once.

The English and Mandarin ones are packaged together, as differences from one length to the next in steps of 0.0001 (a
two-thousandth of their spread), which makes 2 MB of 18. ``python -m avatar.voice.styles FOLDER`` packs upstream's files
anew.
"""

import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.errors import VoiceError

Styles = npt.NDArray[np.float32]

SHAPE: Final = (510, 1, 256)
FILE: Final = "kokoro-voices.npz"
LANGUAGES: Final = {"z": "zh", "a": "en", "b": "en"}
"""Language by the first letter of a voice's name, for those whose reading is known here."""
_STEP: Final = 1e-4
_MUMBLES: Final = frozenset(("zf_xiaoni",))
"""Not packaged: half of what they say is misheard."""


def styles(voice: str, folder: Path | None = None) -> Styles:
    """(510, 1, 256) of a packaged voice, or of ``VOICE.bin`` in ``folder``. Raises :class:`VoiceError`."""
    path = folder / f"{voice}.bin" if folder else None
    if path is not None and path.is_file():
        values = np.fromfile(path, "<f4")
        if values.size != np.prod(SHAPE):
            raise VoiceError(f"{path} is not a Kokoro voice: {np.prod(SHAPE)} float32 values are expected")
        return values.reshape(SHAPE)
    with np.load(_packaged()) as packed:
        if voice in packed:
            return (np.cumsum(packed[voice], axis=0, dtype=np.int32) * _STEP).astype(np.float32).reshape(SHAPE)
        raise VoiceError(f"there is no Kokoro voice {voice!r}; choose one of {', '.join(sorted(packed))}")


@cache
def _packaged() -> Path:
    return Path(str(files("avatar.voice") / "data" / FILE))


def pack(folder: Path, out: Path) -> None:
    """Package the voices of ``folder``, upstream's ``*.bin``."""
    deltas = {}
    for path in sorted(folder.glob("[zab][fm]_*.bin")):
        if path.stem not in _MUMBLES:
            steps = np.round(np.fromfile(path, "<f4").reshape(SHAPE[0], -1) / _STEP).astype(np.int32)
            deltas[path.stem] = np.diff(steps, axis=0, prepend=0).astype(np.int16)
    np.savez_compressed(out, **deltas)  # type: ignore[arg-type]


if __name__ == "__main__":
    pack(Path(sys.argv[1]), _packaged())
