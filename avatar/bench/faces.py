"""The faces a host is judged by: none of them was photographed when it was built.

``python -m avatar.bench.faces --kokoro FOLDER`` makes ``faces.npz`` anew, from both voices; it needs the ``studio``
extra, whose wild shapes it shares, with another seed; emotions are mixed in other shares than there.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from avatar.emotions import EMOTIONS, emotion
from avatar.errors import AvatarError
from avatar.face import ARKIT, EYE_RANGE, INDEX, FaceFrame
from avatar.voice import VoiceEngine

Floats = npt.NDArray[np.float32]
Spoken = list[list[FaceFrame]]
"""The frames of each talk."""

FILE: Final = Path(__file__).with_name("faces.npz")
COUNTS: Final[dict[str, int]] = {"spoken": 40, "emotion": 16, "turned": 16, "wild": 16}
"""How many of each kind: out of real speech as it comes, speech with an emotion over it, speech with the head turned,
and random weights far wilder than a face is."""
TURNS: Final = (6.0, 8.0, 5.0)
"""Degrees of pitch, yaw and roll up to which heads are turned."""
_SEED: Final = 7001
_LANGUAGES: Final = ("en", "zh")
_DECIMALS: Final = 4
"""As the darkroom rounds what it photographs, so that the live picture is of exactly the same face."""
_MOST_TURN, _MOST_SHIFT = 0.2, 0.05
"""Radians and metres no face of these goes beyond."""


@dataclass(frozen=True, slots=True)
class Face:
    kind: str
    """One of :data:`COUNTS`."""
    frame: FaceFrame
    """Without a body: path-traced hosts hold theirs still."""


def load(path: Path = FILE) -> tuple[Face, ...]:
    """The held-out faces.

    Raises:
        AvatarError: the file is missing, or not what it should be.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            weights, rotation, translation, kind = (file[n] for n in ("weights", "rotation", "translation", "kind"))
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise AvatarError(f"{path}: the held-out faces cannot be read ({error}); get the file again") from error
    n = sum(COUNTS.values())
    shapes = (weights.shape, rotation.shape, translation.shape, kind.shape)
    fits = shapes == ((n, len(ARKIT)), (n, 3), (n, 3), (n,)) and all(
        values.dtype == np.float32 and np.isfinite(values).all() for values in (weights, rotation, translation)
    )
    if not (fits and _in_range(weights, rotation, translation) and _counted(kind)):
        raise AvatarError(f"{path}: these are not the held-out faces; get the file again")
    rows = zip(kind.tolist(), weights, rotation, translation, strict=True)
    return tuple(Face(str(name), FaceFrame(w, r, t)) for name, w, r, t in rows)


def _in_range(weights: Floats, rotation: Floats, translation: Floats) -> bool:
    small = np.abs(rotation).max() <= _MOST_TURN and np.abs(translation).max() <= _MOST_SHIFT
    return bool(small and weights.min() >= 0 and weights.max() <= 1)


def _counted(kind: npt.NDArray[Any]) -> bool:
    return {name: int((kind == name).sum()) for name in COUNTS} == COUNTS


def save(faces: list[Face], path: Path) -> None:
    def stack(name: str) -> Floats:
        rows = np.stack([getattr(f.frame, name) for f in faces])
        return np.asarray(np.round(rows.astype(float), _DECIMALS).astype(np.float32))

    np.savez_compressed(
        path, weights=stack("weights"), rotation=stack("rotation"), translation=stack("translation"),
        kind=np.array([f.kind for f in faces]),
    )  # fmt: skip


def make(kokoro: Path) -> list[Face]:
    """All faces, from real speech of both voices; ``kokoro`` is the folder of that model."""
    from avatar.bench.talk import talk
    from avatar.voice.hibari import Hibari
    from avatar.voice.kokoro import Kokoro

    voices: dict[str, VoiceEngine] = {"en": Hibari(), "zh": Kokoro.of(kokoro)}
    spoken = [list(talk(voices[k], k, seed).frames) for seed, k in enumerate(_LANGUAGES, _SEED)]
    rng = np.random.default_rng(_SEED)
    return [*_plain(spoken, rng), *_felt(spoken, rng), *_turned(spoken, rng), *_wild(rng)]


def _picks(spoken: Spoken, count: int, rng: np.random.Generator) -> list[FaceFrame]:
    """Frames spread over both talks in time: one of each equal stretch, wherever in it chance falls."""
    out = []
    for frames in spoken:
        edges = np.linspace(0, len(frames), count // len(spoken) + 1)
        at = edges[:-1] + rng.random(count // len(spoken)) * np.diff(edges)
        out += [_bare(frames[int(k)]) for k in at]
    return out


def _bare(frame: FaceFrame) -> FaceFrame:
    return FaceFrame(frame.weights.copy(), frame.rotation.copy(), frame.translation.copy())


def _plain(spoken: Spoken, rng: np.random.Generator) -> list[Face]:
    return [Face("spoken", frame) for frame in _picks(spoken, COUNTS["spoken"], rng)]


def _felt(spoken: Spoken, rng: np.random.Generator) -> list[Face]:
    names, out = list(EMOTIONS), []
    for k, frame in enumerate(_picks(spoken, COUNTS["emotion"], rng)):
        share = 0.4 + 0.55 * (k * 0.618 % 1)
        frame.weights[:] = np.clip(frame.weights + emotion(names[k % len(names)], share), 0, 1)
        out.append(Face("emotion", frame))
    return out


def _turned(spoken: Spoken, rng: np.random.Generator) -> list[Face]:
    """Each way alone as far as it goes, all at once both ways, and others between."""
    alone = [sign * row for row in np.eye(3) for sign in (1, -1)]
    corners = [np.array([1, 1, 1]), np.array([-1, -1, 1])]
    ways = [*alone, *corners, *rng.uniform(-1, 1, (COUNTS["turned"] - 8, 3))]
    out = []
    for frame, way in zip(_picks(spoken, len(ways), rng), ways, strict=True):
        frame.rotation[:] = np.radians(way * TURNS)
        _look_ahead(frame)
        out.append(Face("turned", frame))
    return out


def _look_ahead(frame: FaceFrame) -> None:
    """The eyes stay on the viewer while the head turns under them."""
    from avatar.studio import shots

    frame.weights[[name.startswith("eyeLook") for name in ARKIT]] = 0
    pitch, yaw, _ = (float(angle) / EYE_RANGE for angle in frame.rotation)
    shots.gaze(frame.weights, -yaw, pitch)


def _wild(rng: np.random.Generator) -> list[Face]:
    from avatar.studio import shots

    out = []
    upper = (shots.UPPER | shots.SHARED) & np.array([not name.startswith("eyeLook") for name in ARKIT])
    for _ in range(COUNTS["wild"]):
        row = np.maximum(shots.wild(rng, shots.LOWER, 0.22), shots.wild(rng, upper, 0.3))
        row[INDEX["eyeBlinkLeft"]] = row[INDEX["eyeBlinkRight"]] = rng.random() ** 2
        shots.gaze(row, float(rng.normal(0, 0.28)), float(rng.normal(0, 0.22)))
        out.append(Face("wild", FaceFrame(row.clip(0, 1).astype(np.float32))))
    return out


def main() -> None:
    parser = argparse.ArgumentParser("avatar.bench.faces", description="Make the held-out faces anew.")
    parser.add_argument("--kokoro", type=Path, required=True, metavar="FOLDER", help="where that voice's model lies")
    parser.add_argument("-o", "--out", type=Path, default=FILE)
    arguments = parser.parse_args()
    save(make(arguments.kokoro), arguments.out)
    load(arguments.out)


if __name__ == "__main__":
    main()
