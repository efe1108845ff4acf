"""What every recognizer has before and behind it: clean sound in, no inventions out, one script."""

import re
import warnings
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import zhconv

_SURE: Final = -1.0
"""Mean log probability of a token below which a segment is a guess; Whisper's own threshold."""
_REPETITIVE: Final = 2.4
"""zlib compression ratio above which a segment repeats itself; Whisper's own threshold. Short ones do not get there."""
_REPEATED: Final = re.compile(
    r"(\w[\w ]{0,24}\w)(?:\W*\1){3,}|(\w[\w ]{6,40}\w)(?:\W*\2){2,}|([\u4e00-\u9fff]{3,12})(?:\W*\3){2,}", re.IGNORECASE
)
"""What noise is heard as: 杀死，杀死，杀死，杀死; Why would you do it? Why would you do it? Why would you do it?"""
_ITEMS: Final = re.compile("[,，、;；.。]")
_GHOSTS: Final = re.compile(
    r"普通话的句子|以下是普通话|字幕(?:由|志愿者|制作|提供)|Amara|点赞\W*订阅|谢谢(?:大家)?(?:观看|收看)|下期再见|"
    r"thank(?:s| you)(?: so much)? for (?:watching|listening)|subscribe to (?:my|our|the) channel|subtitles by",
    re.IGNORECASE,
)
"""What Whisper learned under films where nobody speaks, and what it is told beforehand."""


def cleaned(pcm: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Finite, without a constant offset, within [-1, 1]."""
    sound = np.nan_to_num(np.asarray(pcm, np.float32).reshape(-1), posinf=0.0, neginf=0.0)
    if not len(sound):
        return sound
    level: npt.NDArray[np.float32] = np.clip(sound - sound.mean(), -1, 1)
    return level


def meant(text: str, sureness: float, repetition: float) -> bool:
    """Whether somebody said this, rather than the model having heard something in noise."""
    invented = _REPEATED.search(text) or _GHOSTS.search(text)
    return sureness > _SURE and repetition < _REPETITIVE and not invented


def recites(text: str, hints: str) -> bool:
    """Whether this is a list of the terms that the model was told to expect, which it makes of babble."""
    known = {_bare(term) for term in _ITEMS.split(hints)}
    items = [item for item in map(_bare, _ITEMS.split(text)) if item]
    return len(items) > 1 and all(item in known for item in items)


def _bare(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def simplified(text: str) -> str:
    """Chinese in simplified script."""
    load()
    converted: str = zhconv.convert(text, "zh-hans")
    return converted


@cache
def load() -> None:
    """Read the table of both scripts now rather than with the first question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its dictionary's file to the collector
        zhconv.loaddict()
