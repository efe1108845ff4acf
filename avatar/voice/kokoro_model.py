"""Kokoro's network in its parts, so that a clause is heard long before all of it is made.

A text becomes a plan (durations, pitch, energy), the plan features, the features sound. Making the sound is nine tenths
of the work, and it normalizes every channel over the whole clause (adaptive instance normalization, as in StyleTTS 2),
so that its first second would depend on its last. Here means and variances are those of a sentence that each voice
speaks once, when it is first loaded. Any stretch of a clause can then be made on its own, and the silence around it
need not be made at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from avatar.speech import Pcm
from avatar.voice import graph
from avatar.voice.alignment import FRAME_SAMPLES as FRAME
from avatar.voice.alignment import RATE
from avatar.voice.graph import LONGEST
from avatar.voice.kept import Kept
from avatar.voice.loudness import TARGET_LUFS, loudness
from avatar.voice.session import Session
from avatar.voice.speak import ANY, Frames
from avatar.voice.styles import Styles

FRAME_S: Final = FRAME / RATE
"""Seconds of a frame."""

_PITCHES: Final = 2
"""Values of pitch and energy a frame,"""
_SOURCE: Final = 120
"""and of the harmonic source."""
_REACH: Final = 3
"""Frames that a sample is felt by on either side: the convolutions' reach, 75 ms."""
_BEFORE, _AFTER = 4, 6
"""Frames of silence that the features get around what is heard: breath and reverberation."""
_AUDIBLE: Final = -6.0
"""Energy above which something is heard. Silence has about −9 and speech 7; the correlation with the logarithm of the
sound's amplitude is 0.99."""
_LEAD, _TAIL = 1, 2
"""Frames before the first and after the last audible energy that are heard."""
_TIMBRE: Final = 130
"""Tokens of the text whose style colours the sound, however long a text is. A voice's style differs with the length (by
three quarters for the shortest texts), and with it all the means; one colour also suits one speaker."""

_DURATIONS: Final = "/encoder/Gather_output_0"
_TEXT: Final = "/encoder/MatMul_1_output_0"
_PITCH: Final = "/decoder/decoder/Unsqueeze_output_0"
_ENERGY: Final = "/decoder/decoder/Unsqueeze_1_output_0"
_HARMONICS: Final = "/decoder/decoder/generator/Concat_3_output_0"
_FEATURES: Final = "/decoder/decoder/decode.3/Div_4_output_0"

_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Voice:
    """What of the sound belongs to the speaker."""

    styles: Styles
    means: tuple[_Floats, ...]
    """What the network averages over a whole clause."""
    gain: float
    """Brings this voice to :data:`~avatar.voice.loudness.TARGET_LUFS`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A clause that is decided in all but its sound. Frames count from the model's first."""

    durations: Frames
    """(symbols + 2,) frames."""
    start: int
    end: int
    """The frames in which something is heard: [start, end)."""
    first: int
    """The first frame that there are features of."""
    features: _Floats
    """(1, 512, 2 n)"""
    source: _Floats
    """(1, 22, 120 n + 1)"""


class Model:
    """Kokoro v1.0 as ONNX, 24 kHz."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Raises :class:`VoiceError` naming the file when it is missing or not the expected model."""
        whole = graph.load(path)
        try:
            durations = graph.limited(whole, _DURATIONS)
            planned = {"durations": durations, "text": _TEXT, "pitch": _PITCH, "energy": _ENERGY}
            inputs = {name: name for name in ("tokens", "style", "speed", LONGEST)}
            parts = (
                graph.part(whole, inputs, planned),
                graph.part(whole, {"pitch": _PITCH}, {"source": _HARMONICS}),
                graph.part(
                    whole,
                    {"text": _TEXT, "pitch": _PITCH, "energy": _ENERGY, "style": "style"},
                    {"features": _FEATURES},
                ),
                graph.part(
                    whole,
                    {"features": _FEATURES, "source": _HARMONICS, "style": "style"},
                    {"pcm": whole.graph.output[0].name},
                ),
            )
        except (KeyError, IndexError) as error:
            raise graph.wrong(path) from error
        self._path, self._whole_sound = path, parts[3]
        self._means = graph.means(parts[3])
        self._plan, self._source, self._features, self._sound = (
            Session(part, path, threads=threads) for part in (*parts[:3], graph.given(parts[3], self._means))
        )

    def voice(self, styles: Styles, ids: Sequence[int]) -> Voice:
        """A voice that has spoken the sentence ``ids``, for it to be known how it sounds.

        That takes seconds, on slow cores ten, so what was heard is kept in a file beside the model.
        """
        kept = Kept.beside(self._path, styles, ids)
        if (heard := kept.find(len(self._means))) is not None:
            return Voice(styles, *heard)
        voice = self._hear(styles, ids)
        kept.keep(voice.means, voice.gain)
        return voice

    def _hear(self, styles: Styles, ids: Sequence[int]) -> Voice:
        plan = self.plan(styles, ids, 1.0, 1.0, np.full(len(ids) + 2, ANY, np.int64))
        told = Session(graph.told(self._whole_sound, self._means), self._path)
        feed = {"features": plan.features, "source": plan.source, "style": styles[_TIMBRE]}
        pcm, *means = told.run(feed)
        # Copies, for what a session gives shares memory with it and would keep all of its own alive.
        return Voice(
            styles, tuple(mean.copy() for mean in means), float(10 ** ((TARGET_LUFS - loudness(pcm, RATE)) / 20))
        )

    def plan(self, styles: Styles, ids: Sequence[int], speed: float, pitch: float, longest: Frames) -> Plan:
        """``pitch``: factor on the voice's fundamental frequency; ``longest``: frames a symbol, pads included."""
        durations, text, hertz, energy = self._plan.run(
            {
                "tokens": np.array([[0, *ids, 0]], np.int64),
                "style": styles[len(ids)],
                "speed": np.full(1, speed, np.float32),
                LONGEST: longest,
            }
        )
        hertz = hertz * np.float32(pitch)
        (source,) = self._source.run({"pitch": hertz})
        frames = text.shape[2]
        audible = np.flatnonzero(energy[0, 0] > _AUDIBLE) // _PITCHES
        start = max(0, int(audible[0]) - _LEAD) if len(audible) else 0
        end = min(frames, int(audible[-1]) + 1 + _TAIL) if len(audible) else frames
        a, b = max(0, start - _BEFORE), min(frames, end + _AFTER)
        pitches = slice(_PITCHES * a, _PITCHES * b)
        (features,) = self._features.run(
            {
                "text": text[:, :, a:b],
                "pitch": hertz[:, :, pitches],
                "energy": energy[:, :, pitches],
                "style": styles[_TIMBRE],
            }
        )
        return Plan(durations.reshape(-1), start, end, a, features, source[:, :, _SOURCE * a : _SOURCE * b + 1])

    def sound(self, voice: Voice, plan: Plan, start: int, end: int) -> Pcm:
        """Samples [start, end) of a plan, float32; silent where there is nothing."""
        first, made = plan.first * FRAME, plan.features.shape[2] // _PITCHES
        a, b = max(0, start - first), min(made * FRAME, end - first)
        low, high = max(0, a // FRAME - _REACH), min(made, -(-b // FRAME) + _REACH)
        feed: dict[str, Any] = {
            "features": plan.features[:, :, _PITCHES * low : _PITCHES * high],
            "source": plan.source[:, :, _SOURCE * low : _SOURCE * high + 1],
            "style": voice.styles[_TIMBRE],
            **dict(zip(self._means, voice.means, strict=True)),
        }
        (pcm,) = self._sound.run(feed)
        pcm = pcm[a - low * FRAME : b - low * FRAME] * np.float32(voice.gain)
        sound: Pcm = np.pad(pcm, (a + first - start, end - b - first))
        return sound

    def stop(self) -> None:
        """From any thread: end what is going on."""
        for session in (self._plan, self._source, self._features, self._sound):
            session.stop()
