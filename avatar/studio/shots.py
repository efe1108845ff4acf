"""Which faces a host is photographed with: those that speech and emotions make, every unit, and some wild ones."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from avatar.clock import SAMPLES_PER_TICK
from avatar.emotions import EMOTIONS, emotion
from avatar.face import ARKIT, INDEX, FaceFrame
from avatar.lips import Lips
from avatar.speech import Phoneme, SpeechChunk
from avatar.studio.base_mesh import Array
from avatar.studio.camera import Box
from avatar.studio.darkroom import BARE, Shot, of
from avatar.studio.person import Landmarks
from avatar.studio.spec import HostSpec

UPPER: Final = np.array([n.startswith(("eye", "brow")) for n in ARKIT])
"""Units of the eyes and brows."""
SHARED: Final = np.array([n.startswith(("cheekSquint", "noseSneer")) for n in ARKIT])
LOWER: Final = ~UPPER
PHONES: Final = ("aɪ", *"ɑeiuyoəɜmbpfvtdsʃkglnrwjθh")


def babble(seconds: float, seed: int) -> Array:
    """(ticks, 52): the mouth over random phones, as speech would move it."""
    rng = np.random.default_rng(seed)
    at, phones = 0.0, []
    while at < seconds:
        length = rng.uniform(0.05, 0.16)
        phones.append(Phoneme("" if rng.random() < 0.06 else str(rng.choice(PHONES)), at, at + length))
        at += length
    rate = 16000
    swell = 0.05 + 0.1 * (1 + np.sin(np.arange(int(at * rate)) / rate * 5.1)) * rng.uniform(0.3, 1)
    noise = rng.normal(0, 1, len(swell)) * swell
    lips = Lips()
    lips.say(SpeechChunk(noise.astype(np.float32).clip(-1, 1), rate, "", tuple(phones)), 48 * SAMPLES_PER_TICK)
    return np.array([lips.weights(48 + t).copy() for t in range(int(at * 48))])


def spread(rows: Array, count: int) -> Array:
    """The ``count`` rows that lie farthest from each other (greedy k-centres), the one nearest to rest first."""
    chosen = [int(np.linalg.norm(rows, axis=1).argmin())]
    gap = np.linalg.norm(rows - rows[chosen[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, np.linalg.norm(rows - rows[chosen[-1]], axis=1))
    return np.asarray(rows[chosen])


def wild(rng: np.random.Generator, units: Array, share: float) -> Array:
    """Random weights of some of the units, sides mostly alike: far wilder than a face is."""
    out = np.zeros(len(ARKIT))
    for k in np.flatnonzero(units):
        if rng.random() < share:
            out[k] = rng.random() ** 1.5 * 0.9
    for k in np.flatnonzero(units):
        name = ARKIT[k]
        if name.endswith("Left") and rng.random() < 0.7:
            out[INDEX[name[:-4] + "Right"]] = out[k] * rng.uniform(0.9, 1.1)
    if units[INDEX["jawOpen"]]:
        out[INDEX["jawOpen"]] = rng.beta(1.1, 2.6) * 0.8
        out[INDEX["mouthClose"]] = rng.random() * out[INDEX["jawOpen"]] * (rng.random() < 0.3)
        out[INDEX["tongueOut"]] *= rng.random() < 0.2
    return np.asarray(out.clip(0, 1))


def mouths(seed: int, count: int) -> list[Array]:
    """Weights of the lower face, a fair share of each kind at any length of the list; a longer one begins the same."""
    feeling, order, fancy, tongue = (np.random.default_rng((seed, k)) for k in range(4))
    spoken = babble(150, seed)
    plain = spread(spoken, count // 3 + 1)
    names = list(EMOTIONS)
    felt, out = [], []
    for k in range(count // 3 + 1):
        mood = emotion(names[k % len(names)], feeling.uniform(0.3, 1.0))
        felt.append((spoken[feeling.integers(len(spoken))] * (k % 4 > 0) + mood).clip(0, 1))
    single = []
    for unit in np.flatnonzero(LOWER):
        for weight, jaw in ((1.0, 0.0), (0.6, 0.3)):
            row = np.zeros(len(ARKIT))
            row[INDEX["jawOpen"]], row[unit] = jaw, weight
            single.append(row)
    order.shuffle(single)
    for k in range(count):
        kind = k % 6
        if kind in (0, 3):
            out.append(plain[k // 3])
        elif kind in (1, 4):
            out.append(felt[k // 3])
        elif kind == 2 and k // 6 < len(single):
            out.append(single[k // 6])
        else:
            out.append(wild(fancy, LOWER, 0.22))
            if k % 12 == 5:  # else it is hardly ever seen by light
                row = out[-1]
                row[INDEX["tongueOut"]], row[INDEX["jawOpen"]] = tongue.uniform(0.3, 1.0), tongue.uniform(0.05, 0.8)
                row[INDEX["mouthClose"]] = 0
    return [row * LOWER for row in out]


def gaze(row: Array, across: float, up: float) -> None:
    """Set ``eyeLook*`` to look across (host's left positive) and up, each in [-1, 1]."""
    for side, out in (("Left", "Out" if across > 0 else "In"), ("Right", "In" if across > 0 else "Out")):
        row[INDEX[f"eyeLook{out}{side}"]] = abs(across)
        row[INDEX[f"eyeLook{'Up' if up > 0 else 'Down'}{side}"]] = abs(up)


def eyes(seed: int, count: int) -> list[Array]:
    """Weights of the upper face: lids, gaze, brows, emotions."""
    rng = np.random.default_rng(seed + 1)
    names, out = list(EMOTIONS), []
    singles = [k for k in np.flatnonzero(UPPER | SHARED) if not ARKIT[k].startswith("eyeLook")]
    for k in range(count):
        row = np.zeros(len(ARKIT))
        kind = k % 6
        if kind == 0 and k // 6 < len(singles):
            row[singles[k // 6]] = 1.0
        elif kind == 5:
            row = wild(rng, UPPER | SHARED, 0.3)
            for n in (n for n in ARKIT if n.startswith("eyeLook")):
                row[INDEX[n]] = 0
        else:
            row = emotion(names[k % len(names)], rng.uniform(0, 1.0)) * (UPPER | SHARED)
        gaze(row, float(rng.normal(0, 0.28)), float(rng.normal(0, 0.22)))
        if rng.random() < 0.45:
            lid = rng.random() ** 0.7
            for side in ("Left", "Right"):
                row[INDEX[f"eyeBlink{side}"]] = min(1.0, lid * rng.uniform(0.95, 1.05))
        out.append(row.clip(0, 1))
    return out


def heads(seed: int, count: int) -> list[FaceFrame]:
    """Turned heads with faces of every kind."""
    rng = np.random.default_rng(seed + 2)
    lower, upper = mouths(seed + 3, max(count, 12)), eyes(seed + 3, max(count, 12))
    out = []
    for k in range(count):
        frame = FaceFrame()
        frame.weights[:] = np.maximum(lower[k], upper[k]) if k % 3 else 0
        limits = np.radians([7, 9, 6])
        frame.rotation[:] = rng.uniform(-1, 1, 3) * limits
        out.append(frame)
    return out


@dataclass(frozen=True, slots=True)
class Frame:
    """Where things are on the canvas."""

    mouth: Box
    eyes: Box
    face: Box
    """All of the skin that shows."""
    head: Box
    """All of the hair, with room to move."""
    body: Box

    @classmethod
    def of(cls, spec: HostSpec, marks: Landmarks) -> "Frame":
        def even(x0: float, y0: float, x1: float, y1: float) -> Box:
            return Box(int(x0) // 2 * 2, int(y0) // 2 * 2, int(x1) // 2 * 2, int(y1) // 2 * 2)

        camera = spec.camera
        mx, (_, my, _) = camera.width / 2, camera.project(marks.mouth)
        _, ey, _ = camera.project(marks.eye)
        wide = marks.wider
        return cls(
            even(mx - 168, my - 96, mx + 168, my + 148),
            even(mx - 154 * wide, ey - 84 * wide, mx + 154 * wide, ey + 50 * wide),
            even(mx - 270, ey - 244, mx + 270, ey + 436),
            even(mx - 300, ey - 310, mx + 300, ey + 436),
            even(mx - 620, ey + 186, mx + 620, camera.height),
        )


def bake(frame: Frame, counts: tuple[int, int, int], seed: int = 1) -> dict[str, list[Shot]]:
    """What the light of the live face is learnt from."""

    def rows(weights: list[Array], name: str, box: Box, samples: int) -> list[Shot]:
        out = []
        for row in weights:
            face = FaceFrame()
            face.weights[:] = row
            out.append(of(face, name, box, sees=BARE, gloss=False, samples=samples))
        return out

    return {
        "mouth": rows(mouths(seed, counts[0]), "mouth", frame.mouth, 6),
        "eyes": rows(eyes(seed, counts[1]), "eyes", frame.eyes, 6),
        "head": [of(f, "head", frame.face, sees=BARE, gloss=False, samples=5) for f in heads(seed, counts[2])],
    }


def balls(frame: Frame) -> list[Shot]:
    """Bare eyeballs in even light, looking each way."""
    out = []
    for across, up in ((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
        row = np.zeros(len(ARKIT))
        gaze(row, across, up)
        face = FaceFrame()
        face.weights[:] = row
        bald = ("skin", "hair", "lashes", "brows", "teeth", "tongue", "clothes")
        out.append(of(face, "ball", frame.eyes, sees=("eyes",), absent=bald, gloss=False, even=True, samples=64))
    return out


LIDS: Final[tuple[dict[str, float], ...]] = (
    {"eyeWide": 0.7}, {}, {"eyeSquint": 0.5}, {"eyeBlink": 0.2}, {"eyeBlink": 0.4}, {"eyeLookDown": 0.4},
    {"eyeLookUp": 0.4}, {"browDown": 0.6},
)  # fmt: skip
"""What eyes mirror between, the widest first; weights of both sides."""


def mirrors(frame: Frame) -> list[tuple[Shot, Shot]]:
    """Eyes between lids of :data:`LIDS`, wet and dry."""
    out = []
    for lids in LIDS:
        face = FaceFrame()
        for name, weight in lids.items():
            face[f"{name}Left"] = face[f"{name}Right"] = weight
        wet = of(face, "wet", frame.eyes, sees=BARE, samples=48)
        out.append((wet, replace(wet, name="dry", gloss=False)))
    return out


def plates(frame: Frame) -> dict[str, Shot]:
    """The layers of a host at rest."""
    bald = ("skin", "hair", "lashes", "brows")
    return {
        "rest": Shot("rest", frame.face, sees=BARE, gloss=False, samples=64),
        "hair": Shot("hair", frame.head, sees=("hair",), transparent=True, samples=48),
        "before": Shot("before", frame.head, sees=("hair",), holdout=("skin", "clothes"), transparent=True, samples=48),
        "solid": Shot("solid", frame.head, sees=("skin", "clothes"), transparent=True, samples=4),
        "body": Shot("body", frame.body, sees=("clothes",), holdout=("skin",), transparent=True, samples=32),
        "bare wet": Shot("wet", frame.face, sees=("eyes",), absent=bald, samples=24),
        "bare dry": Shot("dry", frame.face, sees=("eyes",), absent=bald, gloss=False, samples=24),
    }
