"""Speech on its way to the air: chunks in, 1000 samples a tick out, and what was said when.

Sans-I/O. Chunks of one utterance follow one another without a gap; if the next is not there yet, silence is
played and the utterance goes on when it comes. Lips begin before the sound, so the face is told of a chunk as soon as
it is known when it will be heard, and what is said into silence begins a moment after it has come.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.speech import SpeechChunk, rest_of

Pcm = npt.NDArray[np.float32]

FADE: Final = SAMPLES_PER_TICK // 2
"""Samples over which hushed speech is faded out: 10 ms, short enough to be a stop, long enough not to click."""
ONSET: Final = 4
"""Ticks (83 ms) that what is said into silence waits, for the lips to form."""
FORESEEN: Final = 12 * SAMPLES_PER_TICK
"""Samples before its begin that a chunk is told to the face: more than lips reach ahead, little to be taken back."""
BACK_S: Final = 0.4
"""What was held goes on with a word that began so long before, at least."""
_FADING: Final = np.linspace(1, 0, FADE, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Started:
    utterance: str
    tick: int


@dataclass(frozen=True, slots=True)
class Captioned:
    """A clause and the ticks [start, end) in which it is heard."""

    utterance: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Ended:
    utterance: str
    tick: int
    hushed: bool
    """Stopped before its end."""


@dataclass(frozen=True, slots=True)
class Waited:
    """Silence within an utterance, since its next chunk was not there in time; told when it goes on."""

    utterance: str
    tick: int
    samples: int


Event = Started | Captioned | Ended | Waited


@dataclass(slots=True)
class _Piece:
    utterance: str
    chunk: SpeechChunk | None
    """None marks the utterance's end."""
    at: int = 0
    """Samples already played."""
    begin: int | None = None
    """Absolute sample at which it begins, once the face was told."""


class Playout:
    def __init__(self, onset: int = ONSET) -> None:
        """``onset``: ticks that what is said into silence waits."""
        self._onset = onset
        self._onset_until = 0
        """Tick before which nothing begins."""
        self._pieces: deque[_Piece] = deque()
        self._speaking: str | None = None
        self._silent = 0
        """Samples for which the utterance on air has been waiting for its next chunk."""
        self._held = self._taken_up = False
        self.coming: list[tuple[SpeechChunk, int]] = []
        """Chunks of which the last :meth:`take` found out at which absolute sample they begin: for the face."""

    @property
    def speaking(self) -> str | None:
        """The utterance on air."""
        return self._speaking

    @property
    def ready_seconds(self) -> float:
        """Speech not yet played."""
        return sum(len(p.chunk.pcm) - p.at for p in self._pieces if p.chunk is not None) / SAMPLE_RATE

    def add(self, utterance: str, chunk: SpeechChunk) -> None:
        """Queue a chunk, which must be at 48 kHz."""
        if chunk.rate != SAMPLE_RATE:
            raise ValueError(f"playout takes {SAMPLE_RATE} Hz, not {chunk.rate}")
        self._pieces.append(_Piece(utterance, chunk))

    def finish(self, utterance: str) -> None:
        """No more chunks of this utterance will come."""
        self._pieces.append(_Piece(utterance, None))

    def hush(self, tick: int) -> list[Event]:
        """Drop everything queued; what was taken already is :meth:`Held.hush`'s."""
        waiting = dict.fromkeys(p.utterance for p in self._pieces)
        if self._speaking is not None:
            waiting[self._speaking] = None
        self._pieces.clear()
        self._speaking, self._silent = None, 0
        self._held = False
        return [Ended(name, tick, hushed=True) for name in waiting]

    def hold(self) -> None:
        """Be silent for now; what was taken already is :meth:`Held.hush`'s."""
        self._held = True
        for piece in self._pieces:
            piece.begin = None
            if piece.chunk is not None and piece.at:
                piece.chunk, piece.at = rest_of(piece.chunk, _word_before(piece.chunk, piece.at)), 0

    def go_on(self) -> None:
        """Take up what was held, a word before it broke off, as people do."""
        self._taken_up = self._taken_up or self._held
        self._held = False

    def take(self, tick: int, out: Pcm) -> list[Event]:
        """Fill ``out`` (1000,) float32 with the samples of ``tick``; return what began and ended in it."""
        out[:] = 0
        self.coming.clear()
        events: list[Event] = []
        filled = 0
        if self._held:
            return events
        if (self._speaking is None or self._taken_up) and self._begins_next:
            self._taken_up = False
            self._onset_until = tick + self._onset
            self._foresee(self._onset_until * SAMPLES_PER_TICK)
        if tick < self._onset_until and self._pieces:
            return events
        while filled < len(out) and self._pieces:
            piece = self._pieces[0]
            if piece.chunk is None:
                self._pieces.popleft()
                events.append(Ended(piece.utterance, tick, hushed=False))
                self._speaking, self._silent = None, 0
                continue
            if self._silent and piece.utterance == self._speaking:
                events.append(Waited(piece.utterance, tick, self._silent))
            self._silent = 0
            if piece.at == 0:
                begin = tick * SAMPLES_PER_TICK + filled
                if self._speaking != piece.utterance:
                    self._speaking = piece.utterance
                    events.append(Started(piece.utterance, tick))
                if piece.begin is None:
                    self.coming.append((piece.chunk, begin))
                if piece.chunk.text:
                    rest = round(piece.chunk.rest * SAMPLE_RATE)
                    end = -(-(begin + len(piece.chunk.pcm) + rest) // SAMPLES_PER_TICK)
                    events.append(Captioned(piece.utterance, piece.chunk.text, tick, end))
            n = min(len(out) - filled, len(piece.chunk.pcm) - piece.at)
            out[filled : filled + n] = piece.chunk.pcm[piece.at : piece.at + n]
            filled += n
            piece.at += n
            if piece.at >= len(piece.chunk.pcm):
                self._pieces.popleft()
        if self._speaking is not None:
            self._silent += len(out) - filled
        if filled == len(out):
            self._foresee((tick + 1) * SAMPLES_PER_TICK)
        return events

    @property
    def _begins_next(self) -> bool:
        """Whether what is next in line is a chunk that the face does not know of."""
        piece = next((p for p in self._pieces if p.chunk is not None), None)
        return piece is not None and piece.at == 0 and piece.begin is None

    def _foresee(self, at: int) -> None:
        """Tell the face of the chunks that begin soon after sample ``at``, from which on pieces follow gaplessly."""
        latest = at + FORESEEN
        for piece in self._pieces:
            if piece.chunk is None:
                continue
            if at > latest:
                return
            if piece.at == 0 and piece.begin is None:
                piece.begin = at
                self.coming.append((piece.chunk, at))
            at += len(piece.chunk.pcm) - piece.at


def _word_before(chunk: SpeechChunk, at: int) -> int:
    """The sample, in whole ticks, at which a word begins that was quite said before sample ``at``."""
    latest = max(0.0, at / chunk.rate - BACK_S)
    begin = max((word.start for word in chunk.words if word.start <= latest), default=latest)
    return int(begin * TICKS_PER_SECOND) * SAMPLES_PER_TICK


class Held:
    """The sound of the last ticks, until their pictures are ready: what is hushed need not be heard out."""

    def __init__(self, ticks: int) -> None:
        """``ticks``: how many it can hold."""
        self._sound = np.zeros((ticks, SAMPLES_PER_TICK), np.float32)
        self._first = self._count = 0

    @property
    def full(self) -> bool:
        return self._count == len(self._sound)

    def slot(self) -> Pcm:
        """(1000,) for the next tick's samples, to be filled; they are held from now on."""
        if self.full:
            raise IndexError(f"more than {self._count} ticks of sound cannot be held")
        self._count += 1
        return self.last

    @property
    def last(self) -> Pcm:
        """The newest tick's samples."""
        sound: Pcm = self._sound[(self._first + self._count - 1) % len(self._sound)]
        return sound

    def hush(self) -> None:
        """Fade out within 10 ms from the oldest on, and then be silent."""
        for k in range(self._count):
            sound = self._sound[(self._first + k) % len(self._sound)]
            if k == 0:
                sound[:FADE] *= _FADING
                sound[FADE:] = 0
            else:
                sound[:] = 0

    def take(self) -> Pcm:
        """The oldest tick's samples; good until the next :meth:`slot`."""
        if not self._count:
            raise IndexError("no sound is held")
        sound: Pcm = self._sound[self._first]
        self._first, self._count = (self._first + 1) % len(self._sound), self._count - 1
        return sound


class Fader:
    """How loud the host is: turned down while somebody speaks over them, and up again."""

    def __init__(self) -> None:
        self._gain = self._wanted = np.float32(1)

    def turn(self, gain: float) -> None:
        """To this share of the amplitude, within the first 10 ms of the next tick."""
        self._wanted = np.float32(gain)

    def apply(self, sound: Pcm) -> None:
        """To one tick's samples, in place."""
        if self._gain != self._wanted:
            ramp = min(FADE, len(sound))
            sound[:ramp] *= np.linspace(self._gain, self._wanted, ramp, dtype=np.float32)
            sound[ramp:] *= self._wanted
            self._gain = self._wanted
        elif self._gain != 1:
            sound *= self._gain


def at_48k(chunk: SpeechChunk) -> SpeechChunk:
    """The same chunk at the house's sample rate."""
    if chunk.rate == SAMPLE_RATE:
        return chunk
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler

    frame = AudioFrame.from_ndarray(np.ascontiguousarray(chunk.pcm[None], np.float32), format="flt", layout="mono")
    frame.sample_rate = chunk.rate
    resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    parts = [f.to_ndarray()[0] for f in (*resampler.resample(frame), *resampler.resample(None))]
    return replace(chunk, pcm=np.concatenate(parts) if parts else np.zeros(0, np.float32), rate=SAMPLE_RATE)
