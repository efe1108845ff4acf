"""What a face does when it does nothing: blinks, looks, breathes, sways, attends.

Everything ambient is a function of seed and tick; all that is remembered is the last change of attention and the
accents of the speech now being said. So any tick can be skipped and a month on air costs what a minute does.
"""

import math
from collections import deque
from dataclasses import astuple, dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from avatar.clock import TICKS_PER_SECOND
from avatar.emotions import emotion
from avatar.face import ARKIT, EYE_RANGE, INDEX, BodyPose, FaceFrame, Floats
from avatar.noise import pulse, smooth, smoothstep, uniform

_DEGREE: Final = math.pi / 180


class Attention(StrEnum):
    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a mode of attention carries itself. Angles in degrees, signs as in :class:`avatar.face.FaceFrame`."""

    sway: float
    """Factor on the slow movement of the head."""
    pitch: float
    yaw: float
    roll: float
    smile: float
    brow: float
    """Inner brows raised."""
    squint: float
    nod: float
    """Depth of the nods of a listener."""
    gaze_yaw: float
    gaze_pitch: float
    """Where the eyes go by default; the camera is at 0, 0, and positive pitch looks down."""
    away: float
    """Share of glances that leave that point."""


MANNERS: Final[dict[Attention, Manner]] = {
    Attention.IDLE: Manner(1.0, 0.0, 0.0, 0.0, 0.14, 0.02, 0.03, 0.0, 0.0, 0.0, 0.22),
    Attention.LISTENING: Manner(0.6, 1.5, 0.0, 2.2, 0.12, 0.09, 0.05, 3.4, 0.0, 0.0, 0.06),
    Attention.THINKING: Manner(0.7, -2.5, 3.5, -1.2, 0.04, 0.05, 0.1, 0.0, 12.0, -9.0, 0.35),
    Attention.SPEAKING: Manner(1.15, 0.0, 0.0, 0.0, 0.1, 0.04, 0.03, 0.0, 0.0, 0.0, 0.15),
}

# Streams of chance: one for each thing that varies, so that none moves in step with another.
(
    _BLINK, _BLINK_KIND, _BLINK_LENGTH, _GAZE, _GAZE_X, _GAZE_Y, _GAZE_AT, _SIDE, _YAW, _PITCH, _ROLL, _BREATH,
    _SMILE, _BROW, _NOD, _SHIFT_X, _SHIFT_Z, _BEAT,
) = range(18)  # fmt: skip

_BLINK_CELL: Final = round(3.5 * TICKS_PER_SECOND)
"""One place for a blink; nine cells in ten blink once, some twice: 17 to 18 a minute."""
_GAZE_CELL: Final = round(1.3 * TICKS_PER_SECOND)
_BREATH_TICKS: Final = round(60 / 14 * TICKS_PER_SECOND)
_NOD_CELL: Final = round(2.6 * TICKS_PER_SECOND)
_SACCADE_TICKS: Final = 3
_POSTURE_TICKS: Final = round(0.7 * TICKS_PER_SECOND)
_GAZE_SHIFT_TICKS: Final = 5
_BEAT_TICKS: Final = round(0.42 * TICKS_PER_SECOND)


@dataclass(frozen=True, slots=True)
class Gesture:
    """A movement of the head: degrees at the peak of each stroke, signs as in :class:`Manner`."""

    seconds: float
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    strokes: int = 1
    """Times it goes out and comes back; turns swing to either side."""

    def at(self, x: float) -> tuple[float, float, float]:
        """(pitch, yaw, roll) in degrees at the share ``x`` of its time."""
        if not 0.0 < x < 1.0:
            return 0.0, 0.0, 0.0
        dying = 1.0 - 0.45 * x if self.strokes > 1 else 1.0
        out = dying * pulse(x * self.strokes % 1.0 if x * self.strokes % 1.0 else 1e-9)
        swing = dying * smoothstep(min(x, 1.0 - x) / 0.15) * math.sin(2.0 * math.pi * self.strokes * x)
        return self.pitch * out, self.yaw * swing, self.roll * out


GESTURES: Final[dict[str, Gesture]] = {
    "nod": Gesture(0.95, pitch=6.5, strokes=2),
    "shake": Gesture(1.1, yaw=6.0, strokes=2),
    "tilt": Gesture(1.7, roll=6.5),
    "bow": Gesture(2.0, pitch=15.0),
}
"""By the names that delivery marks use."""

_FEEL_TICKS: Final = round(0.45 * TICKS_PER_SECOND)
"""Over how many ticks one feeling gives way to another."""
_FELT: Final = 0.62
"""Share of its full strength to which a feeling shows in one who talks: all of it is an actor's."""
_BUSY: Final = tuple(
    INDEX[name]
    for name in (
        *("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthShrugLower"),
        *("mouthUpperUpLeft", "mouthUpperUpRight", "mouthPressLeft", "mouthPressRight"),
    )
)
"""What a speaking mouth needs for itself, and leaves to no feeling."""


@dataclass(frozen=True, slots=True)
class Accent:
    """A stressed moment of speech, or with ``strength`` 0 the end of a phrase."""

    tick: int
    strength: float


class Life:
    """The involuntary and the attentive life of one host."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._from = MANNERS[Attention.IDLE]
        self._to = MANNERS[Attention.IDLE]
        self._mode = Attention.IDLE
        self._since = -_POSTURE_TICKS
        self._gaze_from = (0.0, 0.0)
        self._accents: deque[Accent] = deque()
        self._gestures: deque[tuple[int, Gesture]] = deque()
        self._feelings: deque[tuple[int, Floats]] = deque()
        """(tick, weights) of the feelings shown now and to come."""
        self._felt: Floats = np.zeros(len(ARKIT), np.float32)
        """What the face shows; turned towards the newest feeling tick by tick,"""
        self._felt_from: Floats = self._felt.copy()
        self._felt_to: Floats = self._felt.copy()
        self._felt_since = -_FEEL_TICKS
        """from what it showed when that began."""

    @property
    def mode(self) -> Attention:
        return self._mode

    def attend(self, mode: Attention, tick: int) -> None:
        """Turn to ``mode`` from ``tick`` on."""
        if mode is self._mode:
            return
        self._from, self._gaze_from = self._manner(tick), self._gaze(tick)
        manner = MANNERS[mode]
        if uniform(self._seed, _SIDE, tick) < 0.5:  # the same thought does not always turn to the same side
            manner = replace(manner, yaw=-manner.yaw, roll=-manner.roll, gaze_yaw=-manner.gaze_yaw)
        self._to, self._mode, self._since = manner, mode, tick

    def accent(self, accent: Accent) -> None:
        """Beat with the head, and perhaps the brows, on a stressed moment. In the order of their ticks."""
        self._accents.append(accent)

    def gesture(self, name: str, tick: int) -> None:
        """Make one of :data:`GESTURES` from ``tick`` on. In the order of their ticks."""
        self._gestures.append((tick, GESTURES[name]))

    def feel(self, name: str | None, tick: int) -> None:
        """Show an emotion of :mod:`avatar.emotions` from ``tick`` on; None: none. In the order of their ticks."""
        weights = emotion(name, _FELT) if name else np.zeros(len(ARKIT), np.float32)
        weights[list(_BUSY)] = 0.0
        self._feelings.append((tick, weights))

    def hush(self, tick: int) -> None:
        """Forget the accents, gestures and feelings from ``tick`` on."""
        while self._accents and self._accents[-1].tick >= tick:
            self._accents.pop()
        for coming in (self._gestures, self._feelings):
            while coming and coming[-1][0] >= tick:
                coming.pop()

    def apply(self, tick: int, frame: FaceFrame) -> None:
        """Add this tick's life to ``frame``; its weights may already hold a mouth, its pose is overwritten."""
        while self._accents and self._accents[0].tick < tick - 2 * TICKS_PER_SECOND:
            self._accents.popleft()
        manner = self._manner(tick)
        breath = self._breath(tick)
        beat, brows = self._beats(tick)
        pitch, yaw, roll = self._head(tick, manner, breath, beat)
        nod, turn, tilt = self._gesturing(tick)
        pitch, yaw, roll = pitch + nod, yaw + turn, roll + tilt
        frame.rotation[:] = (pitch, yaw, roll)
        frame.translation[:] = (
            0.004 * smooth(self._seed, _SHIFT_X, tick, 260) + 0.02 * math.sin(yaw),
            0.0012 * breath - 0.006 * max(0.0, pitch),
            0.003 * smooth(self._seed, _SHIFT_Z, tick, 330),
        )
        frame.body = frame.body or BodyPose()
        frame.body.breath = breath
        frame.body.lean[:] = (0.15 * pitch, 0.2 * yaw, 0.15 * roll)
        self._look(tick, manner, pitch, yaw, frame)
        self._express(tick, manner, brows, frame)
        self._show_feeling(tick, frame)
        self._blink(tick, frame)

    def _manner(self, tick: int) -> Manner:
        share = smoothstep((tick - self._since) / _POSTURE_TICKS)
        if share >= 1.0:
            return self._to
        a, b = astuple(self._from), astuple(self._to)
        return Manner(*(x + share * (y - x) for x, y in zip(a, b, strict=True)))

    def _breath(self, tick: int) -> float:
        """Chest expansion in [0, 1]: in for two fifths of the cycle, out for three, never quite evenly."""
        phase = (tick % _BREATH_TICKS) / _BREATH_TICKS + 0.08 * smooth(self._seed, _BREATH, tick, 3 * _BREATH_TICKS)
        phase %= 1.0
        return smoothstep(phase / 0.4) if phase < 0.4 else 1.0 - smoothstep((phase - 0.4) / 0.6)

    def _head(self, tick: int, manner: Manner, breath: float, beat: float) -> tuple[float, float, float]:
        seed = self._seed
        yaw = 1.9 * smooth(seed, _YAW, tick, 210) + 0.7 * smooth(seed, _YAW + 100, tick, 77)
        pitch = 1.0 * smooth(seed, _PITCH, tick, 170) + 0.4 * smooth(seed, _PITCH + 100, tick, 61)
        roll = 0.9 * smooth(seed, _ROLL, tick, 250) + 0.3 * smooth(seed, _ROLL + 100, tick, 83)
        pitch = manner.sway * pitch + manner.pitch - 0.35 * breath + manner.nod * self._nod(tick) + 2.6 * beat
        return (
            pitch * _DEGREE,
            (manner.sway * yaw + manner.yaw) * _DEGREE,
            (manner.sway * roll + manner.roll) * _DEGREE,
        )

    def _nod(self, tick: int) -> float:
        """A nod or a double nod now and then, in [0, 1]."""
        cell, offset = divmod(tick, _NOD_CELL)
        chance = uniform(self._seed, _NOD, cell)
        if chance > 0.62:
            return 0.0
        begin, length = chance * 40, 0.5 * TICKS_PER_SECOND
        depth = pulse((offset - begin) / length)
        if chance < 0.28:
            depth += 0.6 * pulse((offset - begin - 0.8 * length) / length)
        return depth

    def _beats(self, tick: int) -> tuple[float, float]:
        """(head beat, brow raise) of the accents around ``tick``, each in [0, 1]."""
        beat = brows = 0.0
        for accent in self._accents:
            if accent.tick > tick + _BEAT_TICKS:
                break
            # The stroke peaks on the stressed syllable, so it begins before it.
            at = (tick - accent.tick) / _BEAT_TICKS + 0.4
            chance = uniform(self._seed, _BEAT, accent.tick)
            if chance < 0.7:
                beat = max(beat, accent.strength * pulse(at))
            if chance > 0.68:
                brows = max(brows, accent.strength * pulse((at + 0.35) / 1.7))
        return beat, brows

    def _gesturing(self, tick: int) -> tuple[float, float, float]:
        """(pitch, yaw, roll) in radians of the gestures going on."""
        while self._gestures and tick - self._gestures[0][0] > self._gestures[0][1].seconds * TICKS_PER_SECOND:
            self._gestures.popleft()
        pitch = yaw = roll = 0.0
        for begun, gesture in self._gestures:
            p, y, r = gesture.at((tick - begun) / (gesture.seconds * TICKS_PER_SECOND))
            pitch, yaw, roll = pitch + p, yaw + y, roll + r
        return pitch * _DEGREE, yaw * _DEGREE, roll * _DEGREE

    def _show_feeling(self, tick: int, frame: FaceFrame) -> None:
        while self._feelings and self._feelings[0][0] <= tick:
            self._felt_since, self._felt_to = self._feelings.popleft()
            self._felt_from[:] = self._felt
        share = smoothstep((tick - self._felt_since) / _FEEL_TICKS)
        np.subtract(self._felt_to, self._felt_from, out=self._felt)
        self._felt *= share
        self._felt += self._felt_from
        frame.weights += self._felt

    def _look(self, tick: int, manner: Manner, head_pitch: float, head_yaw: float, frame: FaceFrame) -> None:
        base_yaw, base_pitch = self._gaze(tick)
        glance_yaw, glance_pitch = self._glance(tick, manner.away)
        # The eyes hold their point while the head moves under them (vestibulo-ocular reflex).
        yaw = (base_yaw + glance_yaw) * _DEGREE - head_yaw
        pitch = (base_pitch + glance_pitch) * _DEGREE - head_pitch
        weights = frame.weights
        left, right = max(0.0, yaw / EYE_RANGE), max(0.0, -yaw / EYE_RANGE)
        down, up = max(0.0, pitch / EYE_RANGE), max(0.0, -pitch / EYE_RANGE)
        for side, outward, inward in (("Left", left, right), ("Right", right, left)):
            weights[INDEX[f"eyeLookOut{side}"]] = min(1.0, outward)
            weights[INDEX[f"eyeLookIn{side}"]] = min(1.0, inward)
            weights[INDEX[f"eyeLookDown{side}"]] = min(1.0, down)
            weights[INDEX[f"eyeLookUp{side}"]] = min(1.0, up)
            weights[INDEX[f"eyeWide{side}"]] = min(1.0, 0.35 * up)

    def _gaze(self, tick: int) -> tuple[float, float]:
        """(yaw, pitch) in degrees that the eyes return to. Eyes get there long before the posture does."""
        share = smoothstep((tick - self._since) / _GAZE_SHIFT_TICKS)
        yaw, pitch = self._gaze_from
        return yaw + share * (self._to.gaze_yaw - yaw), pitch + share * (self._to.gaze_pitch - pitch)

    def _glance(self, tick: int, away: float) -> tuple[float, float]:
        """Where the eyes are, in degrees from where they look by default: a saccade takes them to each new point."""
        cell, offset = divmod(tick, _GAZE_CELL)
        onset = round(uniform(self._seed, _GAZE_AT, cell) * (_GAZE_CELL - _SACCADE_TICKS - 1))
        now, before = self._fixation(cell, away), self._fixation(cell - 1, away)
        share = smoothstep((offset - onset + 1) / _SACCADE_TICKS)
        return before[0] + share * (now[0] - before[0]), before[1] + share * (now[1] - before[1])

    def _fixation(self, cell: int, away: float) -> tuple[float, float]:
        x, y = (2.0 * uniform(self._seed, stream, cell) - 1.0 for stream in (_GAZE_X, _GAZE_Y))
        # The size of a glance grows from a flicker about the point as chance falls under ``away``, without a jump
        # when ``away`` itself changes.
        leaves = smoothstep((away - uniform(self._seed, _GAZE, cell)) / 0.04)
        return x * (0.5 + leaves * 8.0), y * (0.35 + leaves * 3.5)

    def _express(self, tick: int, manner: Manner, brows: float, frame: FaceFrame) -> None:
        weights = frame.weights
        smile = manner.smile * (1.0 + 0.35 * smooth(self._seed, _SMILE, tick, 280))
        lift = 0.03 + 0.03 * smooth(self._seed, _BROW, tick, 130)
        # A closing or rounding mouth cannot keep the smile's width.
        busy = max(weights[INDEX["mouthPucker"]], weights[INDEX["mouthFunnel"]])
        for side in ("Left", "Right"):
            weights[INDEX[f"mouthSmile{side}"]] += smile * (1.0 - 1.2 * min(0.8, float(busy)))
            weights[INDEX[f"cheekSquint{side}"]] = 0.5 * smile
            weights[INDEX[f"eyeSquint{side}"]] = manner.squint + 0.3 * smile
            weights[INDEX[f"browOuterUp{side}"]] = max(0.0, lift + 0.18 * brows)
        weights[INDEX["browInnerUp"]] = max(0.0, manner.brow + lift + 0.22 * brows)

    def _blink(self, tick: int, frame: FaceFrame) -> None:
        closed = self._closed(tick)
        for side in ("Left", "Right"):
            frame.weights[INDEX[f"eyeBlink{side}"]] = closed
            frame.weights[INDEX[f"eyeWide{side}"]] *= 1.0 - closed

    def _closed(self, tick: int) -> float:
        """How far the lids are shut, in [0, 1]."""
        cell, offset = divmod(tick, _BLINK_CELL)
        closed = 0.0
        for back in (0, 1):  # a blink late in one cell ends in the next
            for onset, ticks in self._blinks(cell - back):
                closed = max(closed, _lid((offset + back * _BLINK_CELL - onset) / ticks))
        for accent in self._accents:
            if accent.tick > tick:
                break
            if accent.strength == 0.0 and uniform(self._seed, _BLINK_KIND, accent.tick) < 0.3:
                closed = max(closed, _lid((tick - accent.tick) / 9.0))
        return closed

    def _blinks(self, cell: int) -> list[tuple[float, float]]:
        """(onset, length) in ticks of the blinks that begin in ``cell``."""
        kind = uniform(self._seed, _BLINK_KIND, cell)
        if kind < 0.06:
            return []
        onset = uniform(self._seed, _BLINK, cell) * 0.88 * _BLINK_CELL
        ticks = (0.16 + 0.09 * uniform(self._seed, _BLINK_LENGTH, cell)) * TICKS_PER_SECOND
        blinks = [(onset, ticks)]
        if kind > 0.92:
            blinks.append((onset + ticks + 3.0, 0.9 * ticks))
        return blinks


def _lid(x: float) -> float:
    """Lids over one blink, x in [0, 1]: they shut in a third of the time that the whole takes, and open slower."""
    if not 0.0 < x < 1.0:
        return 0.0
    return smoothstep(x / 0.34) if x < 0.42 else 1.0 - smoothstep((x - 0.42) / 0.58)
