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
from avatar.moments import Moments
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
    smile: float
    brow: float
    """Inner brows raised."""
    squint: float
    away: float
    """Share of looks that leave their point for a moment."""
    quick: float
    """Of the quick movements of the head, besides beats and nods."""
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    nod: float = 0.0
    """Depth of the nods of a listener."""
    gaze_yaw: float = 0.0
    gaze_pitch: float = 0.0
    """Where the eyes go by default; the camera is at 0, 0, and positive pitch looks down."""


MANNERS: Final[dict[Attention, Manner]] = {
    Attention.IDLE: Manner(sway=1.0, smile=0.14, brow=0.02, squint=0.03, away=0.4, quick=0.05),
    Attention.LISTENING: Manner(
        sway=0.6, smile=0.12, brow=0.09, squint=0.05, away=0.14, quick=0.08, pitch=1.5, roll=2.2, nod=3.4
    ),
    Attention.THINKING: Manner(
        sway=0.7, smile=0.04, brow=0.05, squint=0.1, away=0.45, quick=0.08, pitch=-2.5, yaw=3.5, roll=-1.2,
        gaze_yaw=12.0, gaze_pitch=-9.0,
    ),
    Attention.SPEAKING: Manner(sway=1.15, smile=0.1, brow=0.04, squint=0.03, away=0.55, quick=0.45),
}  # fmt: skip

# Streams of chance: one for each thing that varies, so that none moves in step with another.
(
    _BLINK_KIND, _BLINK_LENGTH, _GAZE, _GAZE_X, _GAZE_Y, _GAZE_WAY, _SIDE, _YAW, _PITCH, _ROLL, _BREATH,
    _SMILE, _BROW, _NOD, _SHIFT_X, _SHIFT_Z, _BEAT, _BLINK_DEPTH, _GAZE_SIZE, _GAZE_HOLD, _NOD_KIND,
) = range(21)  # fmt: skip
_WHEN: Final = 200
"""Streams of :class:`Moments` begin here, two for each kind."""

# How often, and how far from evenly: docs/life.md has the human figures that these are after.
_BLINKS: Final = (3.7, 0.75, 0.45, 14.0)
"""Mean seconds, spread, least and most; with double blinks 17 a minute."""
_LOOKS: Final = (2.2, 0.65, 0.4, 8.0)
_NODS: Final = (4.6, 0.55, 1.8, 12.0)
_DOUBLE: Final = 0.06
_AT_END: Final = 0.65
"""How often lids shut at the end of a phrase."""
_BREATH_TICKS: Final = round(60 / 14 * TICKS_PER_SECOND)
_LONGEST_BLINK: Final = 40
"""Ticks, a double one's."""
_SACCADE: Final = (0.021, 0.0022)
"""Seconds that a saccade takes, and more for each degree: the main sequence (Bahill, Clark and Stark 1975)."""
_GLANCE: Final = (2.2, 3.8, 12.0)
"""Degrees: the least, the mean beyond it and the most of a look that leaves its point."""
_REFIX: Final = 0.55
"""Degrees that the eyes move, in the mean, when they do not leave it."""
_HEAD_SHARE: Final = 0.16
"""Of a glance, that the head takes part in,"""
_HEAD_LATE: Final = 5
"""ticks after the eyes have left,"""
_HEAD_TICKS: Final = 26
"""within so many."""
_STARTLING: Final = 8.0
"""Degrees of a new direction of gaze that lids shut on the way to,"""
_STARTLED: Final = 14
"""for so many ticks."""
_NODDED: Final = 52
"""Ticks of the longest nod."""
_POSTURE_TICKS: Final = round(0.7 * TICKS_PER_SECOND)
_GAZE_SHIFT_TICKS: Final = 5
_QUICK: Final = ((_PITCH, 29), (_YAW, 34), (_ROLL, 37))
"""Streams and periods, in ticks, of quick movements about each axis."""
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


@dataclass(frozen=True, slots=True)
class _Look:
    """From one point to another near by, and perhaps farther off and back on the way; degrees."""

    begin: int
    end: int
    came_from: tuple[float, float]
    point: tuple[float, float]
    excursion: tuple[float, float]
    hold: float
    """Ticks until it comes back."""


class Life:
    """The involuntary and the attentive life of one host."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._from = MANNERS[Attention.IDLE]
        self._to = MANNERS[Attention.IDLE]
        self._mode = Attention.IDLE
        self._since = -_POSTURE_TICKS
        self._startled = -_STARTLED
        """When lids last shut because the eyes turned far."""
        self._gaze_from = (0.0, 0.0)
        self._blinks = Moments(seed, _WHEN, *_BLINKS)
        self._looks = Moments(seed, _WHEN + 2, *_LOOKS)
        self._look_on = _Look(0, 0, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), 0.0)
        self._nods = Moments(seed, _WHEN + 4, *_NODS)
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
        yaw, pitch = self._gaze_from
        manner = MANNERS[mode]
        if uniform(self._seed, _SIDE, tick) < 0.5:  # the same thought does not always turn to the same side
            manner = replace(manner, yaw=-manner.yaw, roll=-manner.roll, gaze_yaw=-manner.gaze_yaw)
        self._to, self._mode, self._since = manner, mode, tick
        far = math.hypot(manner.gaze_yaw - yaw, manner.gaze_pitch - pitch) > _STARTLING
        if far and not 0 <= tick - self._startled < _STARTLED:
            self._startled = tick

    def accent(self, accent: Accent) -> None:
        """Beat with the head, and perhaps the brows, on a stressed moment. In the order of their ticks."""
        self._accents.append(accent)

    def gesture(self, name: str, tick: int) -> None:
        """Make one of :data:`GESTURES` from ``tick`` on. In the order of their ticks."""
        self._gestures.append((tick, GESTURES[name]))

    def feel(self, name: str | None, tick: int, share: float = 1.0) -> None:
        """Show an emotion of :mod:`avatar.emotions` from ``tick`` on, ``share`` of it; None: none. In the order of
        their ticks.
        """
        weights = emotion(name, _FELT * share) if name else np.zeros(len(ARKIT), np.float32)
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
        glance, follows = self._glance(tick, manner.away)
        pitch, yaw, roll = self._head(tick, manner, breath, beat)
        pitch, yaw = pitch + follows[1] * _DEGREE, yaw + follows[0] * _DEGREE
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
        self._look(tick, glance, pitch, yaw, frame)
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
        quick = [manner.quick * smooth(seed, k + 200, tick, period) for k, period in _QUICK]
        return (
            (pitch + quick[0]) * _DEGREE,
            (manner.sway * yaw + manner.yaw + quick[1]) * _DEGREE,
            (manner.sway * roll + manner.roll + 0.6 * quick[2]) * _DEGREE,
        )

    def _nod(self, tick: int) -> float:
        """A nod or a double nod now and then, in [0, 1]."""
        deepest = 0.0
        for begin, number in self._nods.within(tick - _NODDED, tick):
            length = (0.45 + 0.15 * uniform(self._seed, _NOD, number)) * TICKS_PER_SECOND
            depth = pulse((tick - begin) / length)
            if uniform(self._seed, _NOD_KIND, number) < 0.4:
                depth += 0.6 * pulse((tick - begin - 0.8 * length) / length)
            deepest = max(deepest, depth)
        return deepest

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

    def _look(
        self, tick: int, glance: tuple[float, float], head_pitch: float, head_yaw: float, frame: FaceFrame
    ) -> None:
        base_yaw, base_pitch = self._gaze(tick)
        glance_yaw, glance_pitch = glance
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

    def _glance(self, tick: int, away: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Where the eyes are, and what of it the head follows: degrees (yaw, pitch) from where they look by default."""
        if not self._look_on.begin <= tick < self._look_on.end:
            self._look_on = self._look_at(tick, away)
        look = self._look_on
        (x0, y0), (x1, y1), (dx, dy) = look.came_from, look.point, look.excursion
        gone, back = tick - look.begin, tick - look.begin - look.hold
        first = _saccade(gone, math.hypot(x1 + dx - x0, y1 + dy - y0))
        second = _saccade(back, math.hypot(dx, dy))
        eyes = x0 + first * (x1 + dx - x0) - second * dx, y0 + first * (y1 + dy - y0) - second * dy
        late, ticks = _HEAD_LATE, _HEAD_TICKS
        follow = _HEAD_SHARE * (smoothstep((gone - late) / ticks) - smoothstep((back - late) / ticks))
        return eyes, (follow * dx, follow * dy)

    def _look_at(self, tick: int, away: float) -> "_Look":
        """That of a tick. Whether it leaves its point is decided once, so that it ends as it began."""
        begin, number = self._looks.last(tick)
        end, before = self._looks.after(begin), self._looks.last(begin - 1)[1]
        hold = (0.35 + 1.4 * uniform(self._seed, _GAZE_HOLD, number) ** 2) * TICKS_PER_SECOND
        leaves = uniform(self._seed, _GAZE, number) < away and hold < end - begin - _HEAD_LATE - _HEAD_TICKS
        excursion = self._excursion(number) if leaves else (0.0, 0.0)
        return _Look(begin, end, self._point(before), self._point(number), excursion, hold)

    def _point(self, number: int) -> tuple[float, float]:
        """Where the eyes rest after a look."""
        x, y = (2.0 * uniform(self._seed, stream, number) - 1.0 for stream in (_GAZE_X, _GAZE_Y))
        return 1.6 * _REFIX * x, 1.3 * _REFIX * y

    def _excursion(self, number: int) -> tuple[float, float]:
        """How far a look leaves its point: sizes fall off exponentially, and most go to the side."""
        least, mean, most = _GLANCE
        size = min(most, least - mean * math.log(1.0 - uniform(self._seed, _GAZE_SIZE, number)))
        angle = 2.0 * math.pi * uniform(self._seed, _GAZE_WAY, number)
        return size * math.cos(angle), 0.6 * size * math.sin(angle)

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
        closed = 0.0
        for onset, number in self._blinks.within(tick - _LONGEST_BLINK, tick):
            length, depth, twice = self._blink_of(number)
            closed = max(closed, depth * _lid((tick - onset) / length))
            if twice:
                closed = max(closed, 0.9 * depth * _lid((tick - onset - length - 3) / (0.9 * length)))
        for accent in self._accents:
            if accent.tick > tick:
                break
            if accent.strength == 0.0 and uniform(self._seed, _BLINK_KIND, accent.tick) < _AT_END:
                closed = max(closed, _lid((tick - accent.tick) / 9.0))
        return max(closed, _lid((tick - self._startled + 1) / _STARTLED))

    def _blink_of(self, number: int) -> tuple[float, float, bool]:
        """How many ticks a blink takes, how far lids shut in it, and whether they do at once again."""
        kind = uniform(self._seed, _BLINK_KIND, number)
        ticks = (0.23 + 0.13 * uniform(self._seed, _BLINK_LENGTH, number)) * TICKS_PER_SECOND
        depth = uniform(self._seed, _BLINK_DEPTH, number)
        return ticks, 1.0 if depth < 0.75 else 0.62 + 0.38 * (1.0 - depth) / 0.25, kind > 1.0 - _DOUBLE


def _saccade(gone: float, degrees: float) -> float:
    """The share of its way that a saccade of so many degrees has made, ``gone`` ticks after the last that it stood."""
    return smoothstep((gone + 1) / max(1.0, (_SACCADE[0] + _SACCADE[1] * degrees) * TICKS_PER_SECOND))


def _lid(x: float) -> float:
    """Lids over one blink, x in [0, 1]: they shut in a third of the time that the whole takes, and open ever slower."""
    if not 0.0 < x < 1.0:
        return 0.0
    return smoothstep(x / 0.33) if x < 0.38 else 1.0 - smoothstep(((x - 0.38) / 0.62) ** 0.8)
