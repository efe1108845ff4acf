"""How a voice sounds, kept in a file beside its model, so that it is found out once and not at every start."""

import hashlib
import io
import logging
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

log = logging.getLogger(__name__)

_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Kept:
    file: Path

    @classmethod
    def beside(cls, model: Path, styles: _Floats, ids: Sequence[int]) -> "Kept":
        """Of what is found out with this model, style vectors and sentence; another of any has another file."""
        there = model.stat()
        told = hashlib.sha256(f"1 {there.st_size} {there.st_mtime_ns} {list(ids)}".encode())
        told.update(np.ascontiguousarray(styles).tobytes())
        return cls(model.parent / f"heard-{told.hexdigest()[:16]}.npz")

    def find(self, count: int) -> tuple[tuple[_Floats, ...], float] | None:
        """``count`` means and the gain; None where there is no such file, or it is damaged."""
        try:
            with np.load(io.BytesIO(self.file.read_bytes()), allow_pickle=False) as kept:
                return tuple(kept[f"mean{k}"] for k in range(count)), float(kept["gain"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def keep(self, means: Sequence[_Floats], gain: float) -> None:
        """Where nothing may be written, it is found out again."""
        part = self.file.with_name(f".{self.file.name}.{os.getpid()}.npz")
        try:
            arrays: dict[str, Any] = {f"mean{k}": mean for k, mean in enumerate(means)}
            np.savez(part, gain=np.float64(gain), **arrays)
            os.replace(part, self.file)
        except OSError as error:
            log.info("how the voice sounds cannot be kept: %s", error)
