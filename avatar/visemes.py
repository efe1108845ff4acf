"""What the mouth does for each phone: targets and how strongly each is held.

Targets are articulatory rather than blendshapes, since lips meet whatever the jaw does. They are kept as modest as
conversation is: a jaw that opens half way is a shout.
"""

import unicodedata
from dataclasses import astuple, dataclass, field, fields
from typing import Final

import numpy as np

from avatar.face import Floats


@dataclass(frozen=True, slots=True)
class Articulation:
    """One value in [0, 1] for each thing the mouth can do independently."""

    jaw: float = 0.0
    upper: float = 0.0
    """Upper lip raised."""
    lower: float = 0.0
    """Lower lip drawn down."""
    tongue: float = 0.0
    """Tongue tip seen between the teeth."""
    spread: float = 0.0
    """Corners drawn apart."""
    pucker: float = 0.0
    """Lips rounded tight, as in [u]."""
    funnel: float = 0.0
    """Lips rounded open, as in [ʃ] and [ɔ]."""


JAW_CHANNELS: Final = 4
"""The first channels, up to ``tongue``, move fast; the rest, the lips' width, move slowly and well ahead."""


@dataclass(frozen=True, slots=True)
class Viseme:
    target: Articulation
    held: Articulation
    """Dominance: how far the target is kept against neighbours that want another."""
    bilabial: bool = False
    labiodental: bool = False
    closed_share: float = 0.8
    """Share of the phone, from its start, through which a labial keeps its contact; the rest is release."""
    follows_loudness: bool = field(default=False)


def _held(jaw: float, lips: float) -> Articulation:
    return Articulation(jaw, jaw, jaw, jaw, lips, lips, lips)


def _vowel(jaw: float, *, spread: float = 0.0, pucker: float = 0.0, funnel: float = 0.0) -> Viseme:
    target = Articulation(jaw, 0.1 + 0.15 * jaw, 0.14 + 0.3 * jaw, 0.0, spread, pucker, funnel)
    return Viseme(target, _held(1.0, 0.9), follows_loudness=True)


def _consonant(
    jaw: float,
    *,
    held: float,
    lips: float = 0.15,
    spread: float = 0.0,
    pucker: float = 0.0,
    funnel: float = 0.0,
    tongue: float = 0.0,
) -> Viseme:
    return Viseme(Articulation(jaw, 0.1, 0.16, tongue, spread, pucker, funnel), _held(held, lips))


def _labial(*, closed_share: float = 0.8) -> Viseme:
    return Viseme(Articulation(jaw=0.06), _held(0.9, 0.12), bilabial=True, closed_share=closed_share)


SILENCE: Final = Viseme(Articulation(), _held(0.8, 0.5))

_ALVEOLAR: Final = _consonant(0.11, held=0.35)
_SIBILANT: Final = _consonant(0.05, held=0.8, lips=0.35, spread=0.16)
_RETROFLEX: Final = _consonant(0.06, held=0.7, lips=0.6, funnel=0.34, pucker=0.08)
_PALATAL: Final = _consonant(0.06, held=0.65, lips=0.35, spread=0.22)
_VELAR: Final = _consonant(0.16, held=0.2, lips=0.04)
_LABIODENTAL: Final = Viseme(
    Articulation(jaw=0.07, upper=0.16, lower=0.0), _held(0.9, 0.2), labiodental=True, closed_share=0.85
)

VISEMES: Final[dict[str, Viseme]] = {
    "": SILENCE,
    **dict.fromkeys(("m", "b", "p"), _labial()),
    "pʰ": _labial(closed_share=0.5),
    **dict.fromkeys(("f", "v", "ʋ", "ɸ", "β"), _LABIODENTAL),
    **dict.fromkeys(("t", "d", "n", "l", "ɾ", "tʰ", "ɲ", "ɳ", "ɖ", "ʈ", "ɽ", "r", "ʎ"), _ALVEOLAR),
    **dict.fromkeys(("s", "z", "ts", "dz", "tsʰ"), _SIBILANT),
    **dict.fromkeys(("ʃ", "ʒ", "tʃ", "dʒ", "ʂ", "ʐ", "ʈʂ", "ʈʂʰ"), _RETROFLEX),
    **dict.fromkeys(("ɕ", "ʑ", "tɕ", "dʑ", "tɕʰ", "ç", "ʝ"), _PALATAL),
    **dict.fromkeys(("θ", "ð"), _consonant(0.12, held=0.5, tongue=0.16)),
    **dict.fromkeys(("k", "ɡ", "g", "ŋ", "x", "h", "kʰ", "ɣ", "χ", "q", "ʔ", "ʁ", "c", "ɟ", "ɴ"), _VELAR),
    **dict.fromkeys(("ɹ", "ɻ"), _consonant(0.12, held=0.4, lips=0.5, funnel=0.2, pucker=0.16)),
    "w": _consonant(0.08, held=0.6, lips=0.9, pucker=0.55, funnel=0.12),
    "ɥ": _consonant(0.07, held=0.6, lips=0.9, pucker=0.5),
    "j": _consonant(0.1, held=0.4, lips=0.4, spread=0.25),
    "ɰ": _VELAR,
    **dict.fromkeys(("a", "ɑ", "aɪ", "ɐ"), _vowel(0.4, spread=0.08)),
    "aʊ": _vowel(0.36, funnel=0.1),
    "ʌ": _vowel(0.32),
    "ɒ": _vowel(0.3, funnel=0.16),
    "æ": _vowel(0.36, spread=0.2),
    **dict.fromkeys(("ɛ", "e", "œ"), _vowel(0.25, spread=0.2)),
    "eɪ": _vowel(0.24, spread=0.24),
    **dict.fromkeys(("i", "ɪ"), _vowel(0.13, spread=0.3)),
    "ɨ": _vowel(0.09, spread=0.14),
    **dict.fromkeys(("ə", "ɤ", "ɯ"), _vowel(0.2)),
    "əʊ": _vowel(0.2, pucker=0.16, funnel=0.08),
    **dict.fromkeys(("ɜ", "ɚ"), _vowel(0.2, funnel=0.14)),
    "ɔ": _vowel(0.3, funnel=0.3, pucker=0.08),
    **dict.fromkeys(("o", "oʊ", "ɔɪ", "ø"), _vowel(0.24, funnel=0.26, pucker=0.2)),
    "ʊ": _vowel(0.15, pucker=0.36, funnel=0.1),
    "u": _vowel(0.11, pucker=0.52, funnel=0.08),
    "y": _vowel(0.09, pucker=0.5),
}
"""By IPA symbol, as :class:`avatar.speech.Phoneme` writes it."""

_TABLE: Final = tuple(dict.fromkeys(VISEMES.values()))
_ROW: Final = {viseme: row for row, viseme in enumerate(_TABLE)}
CHANNELS: Final = tuple(f.name for f in fields(Articulation))
TARGETS: Final[Floats] = np.array([astuple(v.target) for v in _TABLE], np.float32)
"""(visemes, channels)."""
HELD: Final[Floats] = np.array([astuple(v.held) for v in _TABLE], np.float32)
"""(visemes, channels)."""


def viseme(symbol: str) -> Viseme:
    """The mouth for an IPA symbol; length and other marks are ignored, an unknown phone is taken for a schwa."""
    if symbol in VISEMES:
        return VISEMES[symbol]
    bare = "".join(c for c in symbol if unicodedata.category(c) not in ("Lm", "Mn", "Sk", "So"))
    for candidate in (bare, bare[:2], bare[:1]):
        if candidate and candidate in VISEMES:
            return VISEMES[candidate]
    return VISEMES["ə"] if bare else SILENCE


def row(viseme: Viseme) -> int:
    """Where ``viseme`` stands in :data:`TARGETS` and :data:`HELD`."""
    return _ROW[viseme]
