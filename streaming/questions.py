"""The questions of a room: who waits, in which order, who asks the same, and whom it cannot take. Sans-I/O."""

import re
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from avatar.voice import marks
from knowledge.dialogue import stands_alone
from streaming import protocol as say
from streaming.hearing.ending import asks
from streaming.roomfile import Language, RoomFile

Kind = Literal["typed", "spoken", "comment"]
"""On the page, aloud, or on a live platform."""
Outcome = Literal["answered", "refused", "skipped", "expired", "failed"]

HEAD_START_S: Final[dict[Kind, float]] = {"spoken": 30.0, "typed": 10.0, "comment": 0.0}
"""Whoever stands there speaking comes before whoever types, and they before a platform's crowd: as if they had asked so
much earlier. What has waited longer than the difference comes first all the same, so nobody waits for ever."""
TOGETHER_S: Final = 5.0
"""For each who asks the same,"""
TOGETHER_MOST: Final = 6
"""up to so many."""
HEARD_S: Final = 45.0
"""For each answer somebody had lately, the others come before them,"""
HEARD_MOST: Final = 3
HEARD_WITHIN_S: Final = 600.0
CROWD: Final = 0.5
"""Of the places are open to comments; the rest is kept for whoever is in the room."""
JOINED: Final = 1000
"""Who may ask the same as one other."""
TRIES: Final = 2
"""A question is begun so often: again after the picture, or everhost itself, died while it was answered."""
_KNOWN: Final = 10_000
"""Viewers whose last minutes are remembered."""


@dataclass(slots=True)
class Question:
    id: str
    text: str
    language: Language
    viewer: str | None
    """None when it came from no connected viewer (from before a restart). A comment's is its platform and author."""
    client_id: str | None
    name: str
    asked_at: float
    """Unix time, s."""
    kind: Kind = "typed"
    tries: int = 0
    """How often it was begun."""
    held: bool = False
    """It waits for an operator's word."""
    pinned: bool = False
    """It comes next."""
    reply: str = ""
    """What an operator wants said in answer."""
    flagged: str = ""
    """Which rule of moderation holds it; "" for none."""
    joined: "list[Question]" = field(default_factory=list)
    """Who else asked the same: answered with it, each with an outcome of their own."""
    withdrawn: bool = False
    """Whoever asked it does not want to hear it any more, which is its outcome; it goes on for those who joined it."""
    sentences: list[str] = field(default_factory=list)
    """Of the answer, with their delivery marks."""
    citations: list[say.Cited] = field(default_factory=list)
    written: bool = False
    """The answer is complete, spoken or not."""
    refused: bool = False
    ended_at: float = 0.0
    """When it was answered (Unix time, s)."""

    @property
    def askers(self) -> "tuple[Question, ...]":
        return (self, *self.joined)

    @property
    def announced(self) -> bool:
        """Said before it is answered: who watches on a platform does not see it."""
        return self.kind == "comment" or bool(self.joined)

    @property
    def answer(self) -> str:
        """As far as it is written, as it is shown."""
        return ("" if self.language == "zh" else " ").join(map(marks.plain, self.sentences))

    def of(self, viewer: str, id: str) -> bool:  # noqa: A002
        """Whether it is this viewer's, by their own id or the room's."""
        return self.viewer == viewer and id in (self.client_id, self.id)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a question is not taken."""

    code: str
    reason: str


class Waiting:
    """Who waits for an answer."""

    def __init__(self, settings: RoomFile) -> None:
        self.settings = settings
        self._questions: dict[str, Question] = {}
        self._heard: OrderedDict[str, deque[float]] = OrderedDict()
        """When viewers had their last answers,"""
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()
        """and when they asked."""

    def __len__(self) -> int:
        return len(self._questions)

    def __iter__(self) -> Iterator[Question]:
        """In the order in which they came."""
        return iter(list(self._questions.values()))

    def __contains__(self, question: Question) -> bool:
        return question.id in self._questions

    def in_order(self, now: float) -> list[Question]:
        """As they will be answered, those that an operator holds last."""
        return sorted(self._questions.values(), key=lambda one: (one.held, self._rank(one, now)))

    def find(self, id: str) -> Question | None:  # noqa: A002
        """By the room's id, of the question itself or of one that joined it."""
        if (question := self._questions.get(id)) is not None:
            return question
        return next((one for one in self._questions.values() if any(other.id == id for other in one.joined)), None)

    # Whom it takes

    def refusal(self, viewer: str, text: str, kind: Kind, now: float) -> Refused | None:
        """Why this viewer's ``text`` cannot be taken; None: it can. It counts as asked."""
        limits = self.settings.limits
        if not any(character.isalnum() for character in text):
            return Refused("empty", "there is no question in it")
        if len(text) > limits.characters:
            return Refused("too_long", f"a question may have {limits.characters} characters at most")
        theirs = sum(asker.viewer == viewer for one in self._questions.values() for asker in one.askers)
        if theirs >= limits.per_viewer:
            return Refused(
                "too_many", f"you have {limits.per_viewer} questions waiting; ask again when one is answered"
            )
        asked = lately(self._asked, viewer, now - 60)
        if len(asked) >= limits.per_minute:
            return Refused("too_fast", f"you may ask {limits.per_minute} questions a minute; ask again in a moment")
        if not self._has_place(kind):
            return Refused("busy", "too many questions are waiting; ask again in a few minutes")
        note(self._asked, viewer, now)
        return None

    def _has_place(self, kind: Kind) -> bool:
        places = self.settings.limits.questions
        if kind == "comment":
            crowd = sum(one.kind == "comment" for one in self._questions.values())
            if crowd >= max(1, int(places * CROWD)):
                return False
        return len(self._questions) < places

    def add(self, question: Question) -> None:
        self._questions[question.id] = question

    def same(self, question: Question) -> Question | None:
        """One that waits and asks the same, of somebody else."""
        return next((one for one in self._questions.values() if may_join(question, one)), None)

    # Who comes next

    def take(self, now: float) -> Question | None:
        """The next to be answered; None: nobody waits but for an operator's word."""
        able = [one for one in self._questions.values() if not one.held]
        if not able:
            return None
        question = min(able, key=lambda one: self._rank(one, now))
        return self._questions.pop(question.id)

    @property
    def any(self) -> bool:
        """Whether somebody can be answered."""
        return any(not one.held for one in self._questions.values())

    def position(self, question: Question, now: float) -> int:
        """How many come before it, plus one."""
        rank = self._rank(question, now)
        return 1 + sum(self._rank(one, now) < rank for one in self._questions.values() if not one.held)

    def _rank(self, question: Question, now: float) -> tuple[bool, float]:
        since = now - HEARD_WITHIN_S
        heard = min(HEARD_MOST, len(lately(self._heard, question.viewer or "", since)))
        together = min(TOGETHER_MOST, len(question.joined))
        start = HEAD_START_S[question.kind] + TOGETHER_S * together - HEARD_S * heard
        return not question.pinned, question.asked_at - start

    def remove(self, question: Question) -> None:
        del self._questions[question.id]

    def expired(self, now: float) -> list[Question]:
        """Those that have waited too long; they wait no more."""
        late = [one for one in self._questions.values() if now - one.asked_at > self.settings.limits.expire_s]
        for question in late:
            self.remove(question)
        return late

    # What is remembered of viewers

    def was_answered(self, viewer: str | None, at: float) -> None:
        if viewer is not None:
            note(self._heard, viewer, at)


def lately(times: "OrderedDict[str, deque[float]]", viewer: str, since: float) -> Sequence[float]:
    of = times.get(viewer)
    if of is None:
        return ()
    while of and of[0] <= since:
        of.popleft()
    return of


def note(times: "OrderedDict[str, deque[float]]", viewer: str, at: float) -> None:
    times.setdefault(viewer, deque(maxlen=100)).append(at)
    times.move_to_end(viewer)
    if len(times) > _KNOWN:
        times.popitem(last=False)


# Who asks the same

_FILLERS: Final[dict[Language, re.Pattern[str]]] = {
    "zh": re.compile(
        "主播|小姐姐|老师|大家好|您好|你好|谢谢|麻烦|请问|想问一下|想问|问一下|问问|一下|我想|到底|究竟|[请问]$|^[请问]|"
        "[的地得了呢啊呀吧嘛哦噢哈嗯呃是]"
    ),
    "en": re.compile(
        r"\b(?:the|an?|please|hello|hi|hey|so|well|um+|uh+|okay|ok|thanks|thank you|excuse me|"
        r"can you tell me|could you tell me|tell me|i want to know|i would like to know|i wonder)\b"
    ),
}


def gist(text: str, language: Language) -> str:
    """A question's letters and digits without what people put around it: who says the same in other words is not
    found, and who says almost the same (not, 3 instead of 4) is not mistaken.
    """
    bare = _FILLERS[language].sub("", text.lower())
    return "".join(character for character in bare if character.isalnum())


_SOFTENED: Final = re.compile("呢[？?。！ ]*$")
"""Of a whole question, "多久呢"; "孕期呢" is half of one."""


def _is_whole(question: Question) -> bool:
    text = _SOFTENED.sub("", question.text)
    return stands_alone(text if asks(text, question.language) else question.text)


def may_join(question: Question, other: Question) -> bool:
    """Whether ``question`` asks what somebody else's ``other`` does, and neither leans on their own talk."""
    if question.viewer == other.viewer or len(other.joined) >= JOINED or other.reply:
        return False
    return is_the_same(question, other)


def is_the_same(question: Question, other: Question) -> bool:
    """Whether both ask the same, and neither leans on what was said before."""
    if question.language != other.language or not (_is_whole(question) and _is_whole(other)):
        return False
    asked = gist(question.text, question.language)
    return bool(asked) and asked == gist(other.text, other.language)
