"""Real speech, and the face that speaks it tick by tick: what the benches feed a host with."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.actor import Actor
from avatar.clock import SAMPLE_RATE, SAMPLES_PER_TICK, TICKS_PER_SECOND
from avatar.face import FaceFrame, Floats
from avatar.life import Attention
from avatar.speech import SpeechChunk
from avatar.visemes import viseme
from avatar.voice import VoiceEngine, read_aloud

TEXTS: Final[dict[str, str]] = {
    "en": (
        "Before you pay the deposit, ask the agency to put every promise in writing. "
        "My advice is simple: keep the bill, the bank slip and both copies of the map. "
        "A probation period may be at most six months, and the employer must name it in the contract. "
        "If the other party will not reply, we can prepare a formal letter by Wednesday. "
        "Bring a photograph of the broken pipe, and remember to mark the date above it. "
        "You have one year to apply, so please do not wait until November."
    ),
    "zh": (
        "您好，租房合同最好写明押金什么时候退、由谁来退。"
        "公司没有跟您签书面合同，可以要求双倍工资，时间是从第二个月开始算。"
        "请把聊天记录、付款凭证和病历保存好，不要只保留一份。"
        "如果对方不配合，我们可以先调解，调解不成再申请仲裁。"
        "法律没有办法替您做决定，但是能帮您把每一步说明白。"
    ),
}
"""By language: plain advice, each text half a minute long and with every kind of lip in it."""
LEAD: Final = TICKS_PER_SECOND // 2
"""Ticks before the first sound and after the last."""
STEPS: Final = 4
"""Readings of the loudness a tick."""
_BAND: Final = (400.0, 5000.0)
_SILENCE_DB: Final = -80.0


@dataclass(frozen=True, slots=True)
class Phone:
    symbol: str
    start: float
    end: float
    """Ticks, from the middle of the first one on."""

    @property
    def bilabial(self) -> bool:
        return viseme(self.symbol).bilabial


@dataclass(frozen=True, slots=True)
class Talk:
    language: str
    frames: tuple[FaceFrame, ...]
    """One a tick."""
    phones: tuple[Phone, ...]
    loudness: Floats
    """(:data:`STEPS` a tick,) decibels between 400 Hz and 5 kHz."""


def talk(engine: VoiceEngine, language: str, seed: int) -> Talk:
    """The text of a language, spoken by a voice and acted by a host of that seed."""
    return act(read_aloud(engine, TEXTS[language], language), language, seed)


def act(chunks: Iterable[SpeechChunk], language: str, seed: int) -> Talk:
    """Chunks one right after the other, said to the actor half a second before they are heard."""
    actor = Actor(seed)
    actor.attend(Attention.SPEAKING)
    frames: list[FaceFrame] = []
    phones: list[Phone] = []
    start = 2 * LEAD * SAMPLES_PER_TICK
    heard: list[tuple[int, Floats]] = []
    for chunk in chunks:
        frames += (actor.frame(t).copy() for t in range(len(frames), start // SAMPLES_PER_TICK - LEAD))
        actor.say(chunk, start)
        first = start / SAMPLES_PER_TICK - 0.5
        phones += (
            Phone(p.symbol, first + p.start * TICKS_PER_SECOND, first + p.end * TICKS_PER_SECOND)
            for p in chunk.phonemes
        )
        heard.append((round(start * STEPS / SAMPLES_PER_TICK), _loudness(chunk)))
        start += round(chunk.seconds * SAMPLE_RATE)
    frames += (actor.frame(t).copy() for t in range(len(frames), start // SAMPLES_PER_TICK + LEAD))
    loudness = np.full(len(frames) * STEPS, _SILENCE_DB, np.float32)
    for at, levels in heard:
        loudness[at : at + len(levels)] = levels[: len(loudness) - at]
    return Talk(language, tuple(frames), tuple(phones), loudness)


def _loudness(chunk: SpeechChunk) -> Floats:
    hop = chunk.rate // (TICKS_PER_SECOND * STEPS)
    padded = np.pad(chunk.pcm, (hop // 2, 2 * hop))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[: len(chunk.pcm) : hop]
    power = np.square(np.abs(np.fft.rfft(windows * np.hanning(2 * hop), axis=1)))
    hertz = np.fft.rfftfreq(2 * hop, 1 / chunk.rate)
    inside = power[:, (hertz > _BAND[0]) & (hertz < _BAND[1])].sum(1) / hop**2
    levels: Floats = np.maximum(10 * np.log10(inside + 1e-12), _SILENCE_DB).astype(np.float32)
    return levels
