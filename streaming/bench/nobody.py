"""What is heard where nobody speaks to the host: a full hall, noise, music, the host's own voice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from tqdm import tqdm

from streaming.bench.hall import Pcm, echoed
from streaming.hearing.echo import Echo, HostVoice
from streaming.hearing.ending import keeps_company, repeats
from streaming.hearing.listener import CONFIDENT
from streaming.hearing.microphone import RATE
from streaming.hearing.recognizer import Whisper
from streaming.hearing.transcript import Language
from streaming.hearing.turn import CHUNK_S, Happened, Turn
from streaming.hearing.vad import CHUNK, VoiceActivity

_LOUD: Final = 0.03
"""RMS of what is heard."""
_SEED: Final = 9


@dataclass(frozen=True, slots=True)
class Nobody:
    what: str
    minutes: float
    began: int
    """Turns that were begun: the host was softer for a moment;"""
    meant: int
    """in which somebody seemed to mean it: the host fell silent;"""
    questions: int
    """and that became questions."""
    texts: list[str]


def measure(
    minutes: float, said: Sequence[tuple[str, Pcm]], noise: Pcm, recognizer: Whisper, vocabulary: dict[Language, str]
) -> list[Nobody]:
    """``said``: what the host says (text and sound at 16 kHz); ``noise``: a hall, at 16 kHz. ``minutes`` of each."""
    rng = np.random.default_rng(_SEED)
    n = int(minutes * 60 * RATE)
    host = np.resize(np.concatenate([pcm for _, pcm in said]), n)
    text = " ".join(one for one, _ in said)
    nothing = np.zeros(n, np.float32)
    hiss = rng.normal(0, 0.0005, n).astype(np.float32)
    cases = [
        ("hall", _at(np.resize(noise, n), _LOUD), nothing),
        ("noise", rng.normal(0, _LOUD, n).astype(np.float32), nothing),
        ("music", _at(_music(n, rng), _LOUD) + hiss, nothing),
        *((f"host {d} dB", echoed(host, rng) * np.float32(10 ** (d / 20)) + hiss, host) for d in (-15, -25)),
    ]
    return [_listen(what, pcm, voice, text, recognizer, vocabulary) for what, pcm, voice in cases]


def table(cases: Sequence[Nobody]) -> str:
    columns = f"{'minutes':>9}{'softer':>8}{'silent':>8}{'questions':>11}"
    rows = [f"{'nobody speaks':16}{columns}   goals: 0 silent, 0 questions"]
    for one in cases:
        rows.append(f"{one.what:16}{one.minutes:9.1f}{one.began:8d}{one.meant:8d}{one.questions:11d}")
        rows += [f"      {text}" for text in one.texts]
    return "\n".join(rows)


def _listen(what: str, pcm: Pcm, host: Pcm, text: str, recognizer: Whisper, vocabulary: dict[Language, str]) -> Nobody:
    turn, voice, loudspeaker = Turn(), VoiceActivity(), HostVoice()
    echo = Echo(loudspeaker)
    speaking = bool(host.any())
    begun = meant = first = 0
    mean_it = False
    texts: list[str] = []
    sound = pcm[: len(pcm) // CHUNK * CHUNK].reshape(-1, CHUNK)
    out = host[: sound.size].reshape(-1, CHUNK)
    chunks = zip(out, voice.judged(pcm), strict=True)
    for k, (said, (chunk, probability)) in enumerate(tqdm(chunks, desc=what, total=len(sound), disable=None)):
        loudspeaker.add(said)
        for happened in turn.hear(0.0 if echo.is_host(chunk) else probability, chunk):
            match happened:
                case Happened.BEGAN:
                    begun, first, mean_it = begun + 1, max(0, k - 16), False
                case Happened.MEANT:
                    meant, mean_it = meant + 1, True
                case Happened.ENDED if mean_it or not speaking:  # as the room has it
                    heard = recognizer.transcribe(sound[first : k + 1].ravel(), None, vocabulary)
                    asks = not keeps_company(heard.text) and not repeats(heard.text, text)
                    if heard.text and heard.confidence >= CONFIDENT and asks:
                        texts.append(heard.text)
    return Nobody(what, len(sound) * CHUNK_S / 60, begun, meant, len(texts), texts[:4])


def _at(pcm: Pcm, loudness: float) -> Pcm:
    levelled: Pcm = (pcm * (loudness / pcm.std())).astype(np.float32)
    return levelled


def _music(n: int, rng: np.random.Generator) -> Pcm:
    """Plucked chords at 100 beats a minute, with their overtones, over a bass."""
    beat = int(0.6 * RATE)
    t = np.arange(2 * beat) / RATE
    out = np.zeros(n + 2 * beat, np.float32)
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    for begin in range(0, n, beat):
        for tone in (*rng.choice(scale, 3, replace=False), scale[0] / 4):
            harmonics = sum(np.sin(2 * np.pi * tone * h * t) / h for h in range(1, 6))
            out[begin : begin + len(t)] += (harmonics * np.exp(-3 * t)).astype(np.float32)
    return out[:n]
