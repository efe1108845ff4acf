"""Dialogue: what was asked and answered a moment ago, and questions that only it makes whole. Does no I/O."""

import re
from collections import deque
from dataclasses import dataclass
from typing import Final

from knowledge.sentences import ideographs

FORGET_S: Final = 180.0
"""After this long without a word a viewer's talk is over."""
_TURNS: Final = 4
_VIEWERS: Final = 1000
_LONGEST: Final = 30.0
"""Length, in ideographs, up to which a question may be but half of one."""
_LEANS: Final = re.compile(
    r"^\s*(?:那|还有|另外|然后|再|它|他们?|她|这个?|这种|那个|那种|那么|上面|刚才|前面)"
    r"|呢\s*[？?。！]?\s*$"
    r"|(?:它|这个|那个|这种|那种|上述|刚才)"
    r"|^\s*(?:and|but|so|then|or|also|what about|how about|what if)\b"
    r"|\b(?:it|its|they|them|their|that|this|those|these|he|she|him|her|there|then|one)\b",
    re.IGNORECASE,
)
_POINTS_AT_NOTHING: Final = re.compile(
    r"\b(?:is|are|was|were|will|has|have|can|could) there\b|\bthere (?:is|are|was|were|will|has|have)\b"
    r"|\bit (?:be |going to )?(?:rain|snow|freeze)\w*"
    r"|\b(?:is|was|will) it (?:be )?(?:hot|cold|warm|sunny|windy|late|\w+ (?=(?:to|that|for|if|when)\b))",
    re.IGNORECASE,
)
"""“Is there a fee?”, “will it rain?”, “is it legal to record a call?”."""
_MAY_LEAN: Final = re.compile(
    r"^\s*(?:如果|要是)[^？?]{0,14}[？?。]?\s*$"
    r"|^\s*(?:为什么|为啥|怎么办|多久|多少|几天|谁|哪里)[^？?]{0,5}[？?。]?\s*$"
    r"|^\s*(?:why|how (?:long|much|many|so)|when|who|where)\b(?:\W+[\w']+){0,3}\W*$",
    re.IGNORECASE,
)
"""Whole questions begin so, too, but are longer."""


@dataclass(frozen=True, slots=True)
class Turn:
    question: str
    answer: str
    at: float
    """Unix time, s."""


class Dialogue:
    """A room's recent turns, by viewer.

    Whoever leans on something said before means their own talk, or, without one, what the room has just heard; never
    what was said to somebody else alone.
    """

    def __init__(self, forget_s: float = FORGET_S) -> None:
        self._forget_s = forget_s
        self._viewers: dict[str, deque[Turn]] = {}
        self._room: deque[Turn] = deque(maxlen=_TURNS)

    def remember(self, viewer: str | None, turn: Turn, *, private: bool = False) -> None:
        """``private``: nobody else heard it."""
        if not private:
            self._room.append(turn)
        if viewer is None:
            return
        turns = self._viewers.pop(viewer, None) or deque(maxlen=_TURNS)
        turns.append(turn)
        self._viewers[viewer] = turns  # last, as the freshest
        while len(self._viewers) > _VIEWERS:
            del self._viewers[next(iter(self._viewers))]

    def recall(self, viewer: str | None, now: float) -> tuple[Turn, ...]:
        """Turns that a question of ``viewer`` may lean on, the oldest first."""
        own = self._fresh(self._viewers.get(viewer or "", ()), now)
        return own or self._fresh(self._room, now)[-1:]

    def forget(self, viewer: str) -> None:
        self._viewers.pop(viewer, None)

    def _fresh(self, turns: "deque[Turn] | tuple[()]", now: float) -> tuple[Turn, ...]:
        return tuple(turn for turn in turns if now - turn.at < self._forget_s)


def leans(question: str) -> bool:
    """Whether a question may be but half of one: "那孕期呢？", "and before that?", "how long?"."""
    if ideographs(question) > _LONGEST:
        return False
    return not stands_alone(question) or bool(_MAY_LEAN.search(question))


def stands_alone(question: str) -> bool:
    """Whether nothing in a question points at what was said before."""
    return not _LEANS.search(_POINTS_AT_NOTHING.sub(" ", question))
