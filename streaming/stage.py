"""The stage of one room: walks the ticks, draws, encodes once, and hands out packets. A process of its own.

What happens to tick n, in order: its sound is taken from the playout and held; the face for it is drawn and queued
for the video encoder, which runs in a thread beside the drawing of the next; ``depth`` ticks later its sound is encoded
and leaves with its picture, so that neither is early against the other. Sound that is held can still be hushed.

When the slate comes, nothing of the host leaves any more: their sound that is held is silenced, and their pictures that
wait for the encoder or for their release are dropped, which the slate's key frame allows.
"""

import logging
import math
import queue
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from av import FFmpegError

from avatar.actor import Actor
from avatar.clock import SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.hosts import load_host
from avatar.listening.listener import Listener
from avatar.picture import Picture
from streaming import encoders, playout, sei
from streaming.cues import (
    Attend,
    Begin,
    Command,
    Duck,
    Face,
    Finish,
    Hold,
    Hush,
    KeyFrame,
    Lighten,
    Live,
    Puppeteer,
    Ready,
    Report,
    Say,
    ShowCard,
    Slate,
    Slated,
    StageConfig,
    Told,
    Watch,
)
from streaming.errors import StageError
from streaming.label import Label, aigc
from streaming.live_voice import LiveVoice
from streaming.pacer import Pacer
from streaming.packets import LIGHT, Encoding, Packet
from streaming.panels import Laid, Panels
from streaming.rhythm import Rhythm
from streaming.slate import slate
from streaming.strain import Strain

log = logging.getLogger(__name__)

DUCKED: Final = 0.2
"""Of the host's amplitude is left (-14 dB) while somebody speaks over them."""
_RISING: Final = np.linspace(0, 1, SAMPLES_PER_TICK, dtype=np.float32)
"""What is being said when the slate goes does not begin with a click."""

ON_AIR_NOW: Final = Begin()


@dataclass(frozen=True, slots=True)
class _Show:
    """A card that is ready to be laid over pictures."""

    laid: Laid | None


@dataclass(frozen=True, slots=True)
class _Drawn:
    """For the encoder."""

    tick: int
    picture: Picture
    """Free again when it is encoded,"""
    slate: bool
    """even if the slate is encoded in its place."""
    keys: set[Encoding]


class Stage:
    """Everything but the process: told commands, tells packets.

    ``tell`` returns False for a packet that it could not take. Raises what :func:`avatar.hosts.load_host` does, and
    StageError when there is no encoder.
    """

    def __init__(self, config: StageConfig, tell: Callable[[Told], bool]) -> None:
        self._config = config
        self._tell = tell
        self._renderer = load_host(config.host, config.width, config.height, config.background)
        size = config.width, config.height
        self._label = Label(*size, self._renderer.region) if config.label else None
        self._rhythm = Rhythm(config.rhythm_s) if config.rhythm_s is not None else None
        self._produce_id = secrets.token_hex(16) if config.producer else ""
        self._actor = Actor(config.seed)
        self._playout = playout.Playout()
        self._listener = Listener()
        self._live: LiveVoice | None = None
        self._watched = False
        self._commands: queue.SimpleQueue[Command | _Show | None] = queue.SimpleQueue()
        try:
            self._video = encoders.h264(*size, config.x264, config.maker, self._sei())
        except (FFmpegError, ValueError) as error:  # PyAV's word for an encoder that was not built in is a ValueError
            raise StageError(f"its video encoder cannot be opened: {getattr(error, 'strerror', error)}") from error
        self._lighter = self._new_lighter()
        self._light: frozenset[Encoding] = frozenset()
        self._free: queue.SimpleQueue[Picture] = queue.SimpleQueue()
        for _ in range(config.depth + 1):
            self._free.put(self._prepared())
        self._panels = Panels(self._prepared(), self._renderer.region)
        self._slate = slate(*size, self._label)
        self._slated = self._rising = False
        """Rising: the next tick is the first after the slate."""
        self._cut = 0
        """Pictures of ticks before it are not sent: the slate came when they had not left yet."""
        self._drawn: queue.SimpleQueue[_Drawn | None] = queue.SimpleQueue()
        self._encoded: deque[Packet] = deque()
        self._sound = playout.Held(max(1, config.depth))
        self._fader = playout.Fader()
        self._keys: set[Encoding] = {"h264"}
        """Which are to make a key frame of the next picture."""
        self._strain = Strain()
        self._skipped = 0
        """Ticks, until the last second."""
        self._dropped = 0
        self._draw_cpu_s = self._encode_cpu_s = 0.0
        self._draw_ms: deque[float] = deque()
        self._encode_ms: deque[float] = deque()
        self._out_ms: deque[float] = deque()
        self._encoded_count = self._light_count = 0

    def _new_lighter(self) -> encoders.Lighter:
        config = self._config
        return encoders.Lighter(config.width, config.height, config.x264.preset, self._sei())

    def _sei(self) -> bytes:
        """What the stream says of itself."""
        return sei.unit(aigc(self._produce_id, self._config.producer).encode()) if self._produce_id else b""

    def _prepared(self) -> Picture:
        picture = Picture(self._config.width, self._config.height)
        self._renderer.prepare(picture)
        if self._label is not None:
            self._label.stamp(picture)
        return picture

    def command(self, command: Command | None) -> None:
        """Queue a command, from any thread; None ends :meth:`run`. What takes too long for a tick is done here."""
        if not isinstance(command, ShowCard):
            self._commands.put(command)
            return
        try:
            self._commands.put(_Show(None if command.panel is None else self._panels.laid(command.panel)))
        except ValueError as error:
            log.warning("a card is left out: %s", error)

    def run(self, begin: Begin = ON_AIR_NOW) -> None:
        """Be on air until a command ends it."""
        self._slated, self._cut = begin.slate, begin.tick
        pacer = Pacer(*_first(begin, time.monotonic()))
        self._tell(Ready(self._renderer.mouth_box, self._video.name, self._produce_id))
        if self._slated:
            self._tell(Slated())
        first_sample = pacer.first * SAMPLES_PER_TICK
        self._audio = [encoders.opus(first_sample)]
        if self._config.aac:
            self._audio.append(encoders.aac(first_sample))
        encoder = threading.Thread(target=self._encode_all, name="encoder", daemon=True)
        encoder.start()
        try:
            while True:
                if not encoder.is_alive():
                    raise StageError("its video encoder broke")
                if (wait := pacer.wait(time.monotonic())) > 0:
                    time.sleep(wait)
                if not self._obey(pacer.tick):  # after the wait: what came meanwhile is not a tick late
                    break
                wanted = pacer.begin(time.monotonic(), wanted=pacer.tick % 2 == 0 or not self._strain.half)
                self._release(pacer)
                self._take_sound(pacer.tick)
                if wanted and not self._draw(pacer.tick):
                    pacer.skipped += 1
                pacer.advance()
                if pacer.tick % TICKS_PER_SECOND == 0:
                    self._take_pulse(pacer.skipped)
                    self._report(pacer)
        finally:
            self._drawn.put(None)
            encoder.join(1)

    def _obey(self, tick: int) -> bool:
        while True:
            try:
                command = self._commands.get_nowait()
            except queue.Empty:
                return True
            match command:
                case None:
                    return False
                case Say(utterance, chunk):
                    self._playout.add(utterance, chunk)
                case Finish(utterance):
                    self._playout.finish(utterance)
                case Hush():
                    for event in self._playout.hush(tick):
                        self._tell(event)
                    self._sound.hush()
                    self._actor.hush(tick * SAMPLES_PER_TICK)
                case Duck(on):
                    self._fader.turn(DUCKED if on else 1)
                case Hold(on=True):
                    self._playout.hold()
                    self._sound.hush()
                    self._actor.hush(tick * SAMPLES_PER_TICK)
                case Hold():
                    self._playout.go_on()
                case Attend(mode):
                    self._actor.attend(mode)
                case Live(pcm):
                    self._hear_live(pcm)
                case Puppeteer(weights, rotation, translation):
                    self._actor.be(weights, rotation, translation, tick)
                case Watch(on):
                    self._watched = on
                case KeyFrame(encoding):
                    self._keys.add(encoding)
                case Lighten(encodings):
                    self._light = encodings
                case _Show(laid):
                    self._panels.show(laid)
                case Slate(on):
                    self._turn_slate(on, tick)
                    if on:
                        self._tell(Slated())

    def _turn_slate(self, on: bool, tick: int) -> None:
        if on == self._slated:
            return
        self._slated = on
        self._keys |= {"h264", *LIGHT}
        if on:
            self._cut = tick
            self._sound.hush()
        else:
            self._rising = True

    def _hear_live(self, pcm: playout.Pcm | None) -> None:
        if pcm is None:
            self._live = None
            return
        if self._live is None:
            self._listener.reset()
            self._live = LiveVoice(self._listener)
        self._live.put(pcm)

    def _take_sound(self, tick: int) -> None:
        sound = self._sound.slot()
        for event in self._playout.take(tick, sound):
            self._tell(event)
        for chunk, start in self._playout.coming:
            self._actor.say(chunk, start)
        if self._live is not None:
            self._actor.follow(self._live.take(sound), tick)
        if self._slated:
            sound[:] = 0
        elif self._rising:
            sound *= _RISING
            self._rising = False

    def _draw(self, tick: int) -> bool:
        """Draw the face of ``tick``; False when the encoder is so far behind that no picture is free."""
        try:
            picture = self._free.get_nowait()
        except queue.Empty:
            return False
        begin, cpu = time.perf_counter(), time.thread_time()
        face = self._actor.frame(tick)
        if not self._slated:
            self._panels.under(picture, tick)
            self._renderer.draw(face, picture)
            self._panels.over(picture)
            if self._label is not None:
                self._label.restamp(picture)
        if self._watched:
            self._tell(Face(tick, face.copy()))
        self._draw_cpu_s += time.thread_time() - cpu
        self._draw_ms.append(1e3 * (time.perf_counter() - begin))
        keys, self._keys = self._keys, set()
        self._drawn.put(_Drawn(tick, picture, self._slated, keys))
        return True

    def _encode_all(self) -> None:
        while (drawn := self._drawn.get()) is not None:
            if drawn.tick >= self._cut:
                self._encode(self._slate if drawn.slate else drawn.picture, drawn.tick, drawn.keys)
            self._free.put(drawn.picture)

    def _encode(self, picture: Picture, tick: int, keys: set[Encoding]) -> None:
        begin, cpu = time.perf_counter(), time.thread_time()
        self._encoded.append(self._video.encode(picture, tick, key="h264" in keys))
        self._encode_lighter(tick, picture, keys)
        self._encode_cpu_s += time.thread_time() - cpu
        self._encode_ms.append(1e3 * (time.perf_counter() - begin))
        self._encoded_count += 1

    def _encode_lighter(self, tick: int, picture: Picture, keys: set[Encoding]) -> None:
        try:
            light = self._lighter.encode(picture, tick, self._light, keys)
        except Exception:  # whatever it was, the full picture goes on
            log.exception("the lighter rendition cannot be encoded; it is left out until another viewer wants it")
            self._lighter = self._new_lighter()
            self._light = frozenset()
            return
        self._encoded.extend(light)
        self._light_count += len(light)

    def _release(self, pacer: Pacer) -> None:
        """Send what is due: sound and picture of ``depth`` ticks ago, and pictures that are late."""
        if self._sound.full:
            sound = self._sound.take()
            self._fader.apply(sound)
            if self._rhythm is not None and not self._slated:
                self._rhythm.mix(sound, speaking=self._playout.speaking is not None)
            for encoder in self._audio:
                for packet in encoder.encode(sound):
                    self._send(packet)
        due = (pacer.tick - self._config.depth) * SAMPLES_PER_TICK
        while self._encoded and self._encoded[0].pts <= due:
            packet = self._encoded.popleft()
            if packet.pts < self._cut * SAMPLES_PER_TICK:
                continue
            if self._send(packet) and packet.encoding == "h264":
                late = time.monotonic() - pacer.due(packet.pts // SAMPLES_PER_TICK)
                self._out_ms.append(1e3 * late)

    def _send(self, packet: Packet) -> bool:
        if self._tell(packet):
            return True
        self._dropped += 1
        if packet.kind == "video":
            self._keys.add(packet.encoding)
        return False

    def _take_pulse(self, skipped: int) -> None:
        if self._strain.second(skipped - self._skipped):
            if self._strain.half:
                log.warning("the machine is too busy for all pictures; every second one is shown")
            else:
                log.warning("all pictures are tried again")
        self._skipped = skipped

    def _report(self, pacer: Pacer) -> None:
        self._tell(
            Report(
                tick=pacer.tick,
                skipped=pacer.skipped,
                half=self._strain.half,
                resynced=pacer.resynced,
                dropped=self._dropped,
                encoded=self._encoded_count,
                light=self._light_count,
                cpu_s=time.process_time(),
                draw_cpu_s=self._draw_cpu_s,
                encode_cpu_s=self._encode_cpu_s,
                draw_ms=_taken(self._draw_ms),
                encode_ms=_taken(self._encode_ms),
                out_ms=_taken(self._out_ms),
            )
        )


def _taken(samples: deque[float]) -> tuple[float, ...]:
    """All that is there; another thread may add meanwhile, and nothing of that is lost."""
    return tuple(samples.popleft() for _ in range(len(samples)))


def _first(begin: Begin, now: float) -> tuple[float, int]:
    """When the first tick is due, and which it is: the next, as if the stage had run all the time."""
    if begin.at is None:
        return now, begin.tick
    behind = max(0, math.ceil((now - begin.at) * TICKS_PER_SECOND))
    return begin.at + behind / TICKS_PER_SECOND, begin.tick + behind
