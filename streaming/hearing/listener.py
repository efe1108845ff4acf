"""Hears one microphone out: packets in; what is said, as it becomes clear.

What was said is written down as soon as there is a pause, in case it is all; when it is, the text is there already. In
between, a quick look now and then shows the speaker that they are understood.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from streaming.errors import EngineError
from streaming.hearing.echo import Echo
from streaming.hearing.ending import ending
from streaming.hearing.microphone import RATE, Microphone, OpusPacket, Pcm
from streaming.hearing.transcript import Transcript
from streaming.hearing.turn import CHUNK_S, USUAL, Happened, Manner, Turn
from streaming.hearing.vad import VoiceActivity
from streaming.tasks import keep

_BEFORE: Final = round(0.5 / CHUNK_S)
"""Chunks kept from before somebody began: the first consonant is quiet."""
_LONGEST: Final = int(30.0 / CHUNK_S)
CONFIDENT: Final = 0.5
"""What is less sure than this is no question where nobody holds a button: of real ones one in a hundred is, of those
that babble is heard as most."""
_GLIMPSE_S: Final = 0.6
"""New speech that is worth a look."""
_SILENT_S: Final = 0.1
"""Silence after which no look is worth it."""
_STILL: Final = 5
"""Tenths of a second without a packet: no network is that late and speaks on."""
_TENTH: Final = np.zeros(RATE // 10, np.float32)


class Writer(Protocol):
    """Who writes down speech."""

    async def write(self, pcm: Pcm) -> Transcript:
        """Raises :class:`EngineError`."""

    async def glimpse(self, pcm: Pcm) -> Transcript | None:
        """The same, quickly and not so well; None while there is no time for it."""


@dataclass(frozen=True, slots=True)
class Began:
    """Somebody speaks."""


@dataclass(frozen=True, slots=True)
class Continued:
    """They go on with what was said to be all."""


@dataclass(frozen=True, slots=True)
class Meant:
    """It is speech, and no cough or “mm”."""


@dataclass(frozen=True, slots=True)
class Partial:
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """They have finished."""

    transcript: Transcript


@dataclass(frozen=True, slots=True)
class Nothing:
    """They have finished, and it was no speech, or is not understood well enough to be a question."""

    guess: str = ""
    """What it may have been."""


@dataclass(frozen=True, slots=True)
class Failed:
    """They have finished, and it cannot be written down."""

    error: EngineError


Heard = Began | Continued | Meant | Partial | Said | Nothing | Failed


class Listener:
    def __init__(
        self,
        writer: Writer,
        tell: Callable[[int, Heard], None],
        manner: Manner = USUAL,
        *,
        held: bool = False,
        echo: Echo | None = None,
    ) -> None:
        """``tell`` is given the number of the turn, too.

        ``held``: a button is held while they speak, and :meth:`release` says when they have finished. ``echo``: of the
        host, which this microphone may hear.
        """
        self._writer = writer
        self._tell = tell
        self._held = held
        self._echo = echo
        self._microphone = Microphone()
        self._voice = VoiceActivity()
        self._turn = Turn(manner, held=held)
        self._sound: deque[Pcm] = deque(maxlen=_LONGEST)
        """Chunks of the turn, or of the moment before it."""
        self._fresh = 0
        """Chunks since the last look."""
        self._shown = ""
        self._writing: asyncio.Task[Transcript | EngineError] | None = None
        """Of all that was said up to the last pause; None once they go on."""
        self._glimpsing: asyncio.Task[None] | None = None
        self._finishing: asyncio.Task[None] | None = None
        """The turn that ended last."""
        self._tasks: set[asyncio.Task[Any]] = set()
        """All of these that run."""
        self._number = 0
        """Of the turn."""
        self._said: Said | None = None
        """What was told of it before it went on."""
        self._still = 0
        """Calls of :meth:`tick` since the last packet."""

    def hear(self, packet: OpusPacket) -> float:
        """One packet, as it comes; returns the seconds of sound that it brought."""
        self._still = 0
        pcm = self._microphone.hear(packet)
        self._take(pcm, missing=self._microphone.gap)
        return len(pcm) / RATE

    def tick(self) -> None:
        """Ten times a second: a microphone whose packets stay away is silent, so that its turn ends."""
        self._still += 1
        if self._still > _STILL:
            self._take(_TENTH, missing=True)

    def release(self) -> None:
        """The button was let go, or the microphone is closed: they have finished."""
        self._take(self._microphone.rest())
        if self._held or self._turn.begun:
            self._finish()

    def forget(self) -> None:
        """Whoever spoke is gone: what they were saying is of no interest any more."""
        for task in self._tasks:
            task.cancel()
        self._writing = self._finishing = self._said = None
        self._turn.reset()
        self._sound.clear()

    async def finished(self) -> None:
        """Wait until all that was said has been told."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Nobody listens any more."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take(self, pcm: Pcm, *, missing: bool = False) -> None:
        for chunk, probability in self._voice.judged(pcm):
            self._sound.append(chunk)
            self._fresh += 1
            if self._echo is not None and self._echo.is_host(chunk):
                probability = 0.0
            for happened in self._turn.hear(probability, chunk, missing=missing and not chunk.any()):
                self._react(happened)
            # Not when it may be all: the whole would have to wait for the look.
            if self._turn.speaking and self._turn.silent_s < _SILENT_S and self._fresh * CHUNK_S > _GLIMPSE_S:
                self._glimpse()
            while self._turn.over and not self._held and len(self._sound) > _BEFORE:
                self._sound.popleft()

    def _react(self, happened: Happened) -> None:
        match happened:
            case Happened.BEGAN:
                self._number += 1
                self._fresh, self._shown = 0, ""
                self._writing = self._said = None  # the turn before may still be written: it is told all the same
                self._tell(self._number, Began())
            case Happened.CONTINUED:
                self._forget()
                if self._finishing is not None and not self._finishing.done():
                    self._finishing.cancel()  # nobody was told that it was all
                else:
                    self._number += 1
                    self._tell(self._number, Continued())
            case Happened.MEANT:
                self._tell(self._number, Meant())
            case Happened.PAUSED:
                self._write()
            case Happened.RESUMED:
                self._forget()
            case Happened.ENDED:
                self._finish()
            case Happened.NOTHING:
                self._tell(self._number, Nothing())

    def _forget(self) -> None:
        """What was written is not all."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _write(self) -> "asyncio.Task[Transcript | EngineError]":
        if self._writing is None or _failed(self._writing):
            self._writing = keep(self._tasks, self._written(self._all))
        return self._writing

    async def _written(self, pcm: Pcm) -> Transcript | EngineError:
        try:
            transcript = await self._writer.write(pcm)
        except EngineError as error:
            return error
        if asyncio.current_task() is self._writing:  # and not of a turn that is over
            self._turn.written(ending(transcript.text, transcript.language))
            self._show(transcript.text)
        return transcript

    def _finish(self) -> None:
        self._finishing = keep(self._tasks, self._finished(self._write(), self._number))

    async def _finished(self, writing: "asyncio.Task[Transcript | EngineError]", number: int) -> None:
        written = await asyncio.shield(writing)
        if self._writing is writing:
            self._writing, self._shown = None, ""
        heard: Heard
        if isinstance(written, EngineError):
            heard = Failed(written)
        elif written.text and (self._held or written.confidence >= CONFIDENT):
            heard = Said(written)
        else:
            heard = Nothing(written.text)
        if number == self._number:
            if isinstance(heard, Said):
                self._said = heard
            elif self._said is not None:  # what they went on with is lost; what they had asked is not
                heard = self._said
        self._tell(number, heard)

    def _glimpse(self) -> None:
        if self._glimpsing is None or self._glimpsing.done():
            self._fresh = 0
            self._glimpsing = keep(self._tasks, self._look(self._all))

    async def _look(self, pcm: Pcm) -> None:
        with contextlib.suppress(EngineError):  # the whole will tell of it
            seen = await self._writer.glimpse(pcm)
            if seen is not None and self._turn.speaking:
                self._show(seen.text)

    def _show(self, text: str) -> None:
        if text and text != self._shown:
            self._shown = text
            self._tell(self._number, Partial(text))

    @property
    def _all(self) -> Pcm:
        return np.concatenate([np.zeros(0, np.float32), *self._sound])


def _failed(writing: "asyncio.Task[Transcript | EngineError]") -> bool:
    """Whether it is over and came to nothing: the recognizer may be there again."""
    return writing.done() and not writing.cancelled() and isinstance(writing.result(), EngineError)
