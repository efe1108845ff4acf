"""The open microphones of one room: whose they are, and who writes down what they say."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from streaming.engines import Engines
from streaming.hearing.echo import Echo, HostVoice
from streaming.hearing.listener import Heard, Listener
from streaming.hearing.microphone import OpusPacket, Pcm
from streaming.hearing.transcript import Transcript
from streaming.hearing.turn import Manner
from streaming.packets import Packet
from streaming.protocol import TalkStart
from streaming.roomfile import Hearing, Language
from streaming.tasks import keep

LONGEST_S: Final = 30.0
"""A button is taken to be let go after so long: Whisper takes 30 s at once, and the page lets go sooner."""
MOST: Final = 16
"""Microphones open at once: each costs a hundredth of a core to listen to."""
_AHEAD_S: Final = 2.0
"""No microphone is further ahead of the clock than this: what comes faster is no sound of now."""


@dataclass(frozen=True, slots=True)
class Talker:
    """A viewer with an open microphone."""

    viewer: str
    talk: TalkStart
    turn: int = 0
    """Of those that are heard without a button: which turn it is."""

    @property
    def id(self) -> str:
        """What this turn is called in messages,"""
        return f"{self.talk.id}.{self.turn}" if self.talk.hands_free else self.talk.id

    @property
    def before(self) -> str:
        """and the one before it."""
        return f"{self.talk.id}.{self.turn - 1}"


@dataclass(slots=True)
class _Open:
    talker: Talker
    listener: Listener
    since: float
    heard_until: float
    """By the clock, how far its sound has come."""


class Ears:
    def __init__(
        self,
        engines: Engines,
        settings: Hearing,
        tell: Callable[[Talker, Heard], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engines = engines
        self._settings = settings
        turns = settings.turns
        self._manner = Manner(complete_s=turns.complete_s, open_s=turns.open_s, hanging_s=turns.hanging_s)
        self._tell = tell
        self._clock = clock
        self.mended: Callable[[str], str] = str
        """Writes what was heard in the words of the room's documents."""
        self._host = HostVoice()
        self._open: dict[str, _Open] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def open(self, viewer: str, talk: TalkStart) -> None:
        """Listen to a viewer, until :meth:`release` or :meth:`leave`."""
        self.leave(viewer)
        talker = Talker(viewer, talk)
        writer = _Writer(self._engines, talk.language, self._settings, lambda text: self.mended(text))

        def tell(turn: int, heard: Heard) -> None:
            self._tell(replace(talker, turn=turn), heard)

        echo = Echo(self._host) if talk.hands_free else None  # who holds a button silences the host meanwhile
        listener = Listener(writer, tell, self._manner, held=not talk.hands_free, echo=echo)
        self._open[viewer] = _Open(talker, listener, now := self._clock(), now)

    def full(self, viewer: str) -> bool:
        """No more microphones can be open."""
        return len(self._open.keys() - {viewer}) >= MOST

    def hear(self, viewer: str, packet: OpusPacket) -> None:
        if (one := self._open.get(viewer)) is None:
            return
        now = self._clock()
        one.heard_until = max(one.heard_until, now - _AHEAD_S)
        if one.heard_until < now + _AHEAD_S:
            one.heard_until += one.listener.hear(packet)

    def forget(self, viewer: str) -> None:
        """Whoever spoke there is gone; the microphone stays open for the next."""
        if (one := self._open.get(viewer)) is not None:
            one.listener.forget()

    def hear_host(self, packet: Packet) -> None:
        """What the host says, as viewers hear it."""
        if packet.encoding == "opus" and any(one.talker.talk.hands_free for one in self._open.values()):
            self._host.hear(OpusPacket(packet.pts, packet.data))

    def tick(self) -> None:
        """Ten times a second."""
        now = self._clock()
        for viewer, one in list(self._open.items()):
            one.listener.tick()
            if now - one.since > LONGEST_S and not one.talker.talk.hands_free:
                self.release(viewer)

    def release(self, viewer: str) -> None:
        """The viewer has finished; what they said is told when it is written."""
        if (one := self._open.pop(viewer, None)) is None:
            return
        one.listener.release()
        keep(self._tasks, one.listener.finished())

    def leave(self, viewer: str) -> None:
        """What the viewer was saying is of no interest any more."""
        if (one := self._open.pop(viewer, None)) is not None:
            keep(self._tasks, one.listener.close())

    async def close(self) -> None:
        for viewer in list(self._open):
            self.leave(viewer)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Writer:
    engines: Engines
    language: Language | None
    settings: Hearing
    mended: Callable[[str], str]

    async def write(self, pcm: Pcm) -> Transcript:
        heard = await self.engines.recognize(pcm, self.language, self.settings.vocabulary)
        return replace(heard, text=await asyncio.to_thread(self.mended, heard.text))

    async def glimpse(self, pcm: Pcm) -> Transcript | None:
        if not self.settings.partials:
            return None
        seen = await self.engines.glimpse(pcm, self.language, self.settings.vocabulary)
        return seen and replace(seen, text=await asyncio.to_thread(self.mended, seen.text))
