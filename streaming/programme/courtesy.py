"""Thanks and welcomes: what a host says to people on a live platform who give, follow, or come in. Sans-I/O.

Whatever comes within a while is said in one sentence, at the end of another. What has waited for too long is not
said at all: thanks for a gift of ten minutes ago would puzzle everybody.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from streaming.hearing.transcript import Language
from streaming.programme.names import listed

Kind = Literal["gift", "follow", "enter"]
KINDS: Final[tuple[Kind, ...]] = ("gift", "follow", "enter")
"""The first comes first."""
STALE_S: Final = 60.0
PAUSE_S: Final[dict[Kind, float]] = {"gift": 0.0, "follow": 15.0, "enter": 60.0}
"""Between two sentences of a kind."""
_MOST: Final = 1000
"""Of each kind that wait; the oldest are let go."""

LINES: Final[dict[Language, dict[Kind, Sequence[str]]]] = {
    "zh": {
        "gift": ["谢谢{who}送的{what}！", "收到{who}的{what}了，谢谢！", "{who}送了{what}，太客气了，谢谢！"],
        "follow": ["谢谢{who}的关注。", "{who}关注了直播间，谢谢支持。", "感谢{who}点了关注。"],
        "enter": ["欢迎{who}来到直播间。", "{who}，欢迎您。", "刚进来的{who}，您好。"],
    },
    "en": {
        "gift": [
            "Thank you for the {what}, {who}!",
            "{who}, thank you for the {what}!",
            "A {what} from {who}: thank you!",
        ],
        "follow": [
            "Thank you for following, {who}.",
            "{who}, thanks for the follow.",
            "Good to have you with us, {who}.",
        ],
        "enter": ["Welcome, {who}.", "Hello, {who}. Good to see you.", "{who}, welcome."],
    },
}
_A_GIFT: Final[dict[Language, str]] = {"zh": "礼物", "en": "gift"}


@dataclass(frozen=True, slots=True)
class _Event:
    at: float
    name: str
    what: str


class Courtesy:
    def __init__(self, language: Language, random: Random) -> None:
        self._language = language
        self._random = random
        self._waiting: dict[Kind, deque[_Event]] = {kind: deque(maxlen=_MOST) for kind in KINDS}
        self._said_at: dict[Kind, float] = {}
        self._last = ""

    def came(self, kind: Kind, name: str, what: str, now: float) -> None:
        """Somebody gave (``what``), follows, or has come in."""
        if name:
            self._waiting[kind].append(_Event(now, name, what))

    def line(self, now: float, kinds: Sequence[Kind] = KINDS) -> str | None:
        """What to say now, if anything, of these kinds; it counts as said."""
        for kind in kinds:
            waiting = self._waiting[kind]
            while waiting and now - waiting[0].at > STALE_S:
                waiting.popleft()
            if waiting and now - self._said_at.get(kind, float("-inf")) >= PAUSE_S[kind]:
                self._said_at[kind] = now
                return self._sentence(kind)
        return None

    def _sentence(self, kind: Kind) -> str:
        waiting = self._waiting[kind]
        what = waiting[0].what
        together = [event for event in waiting if event.what == what]  # of gifts, one kind at a time
        rest = [event for event in waiting if event.what != what]
        waiting.clear()
        waiting.extend(rest)
        who = listed((event.name for event in together), self._language)
        lines = [line for line in LINES[self._language][kind] if line != self._last]
        self._last = self._random.choice(lines)
        return self._last.replace("{what}", what or _A_GIFT[self._language]).replace("{who}", who)
