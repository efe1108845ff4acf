"""What a room's mind wants done; :mod:`streaming.on_air` does it."""

from dataclasses import dataclass
from pathlib import Path

from avatar.life import Attention
from streaming import protocol as say
from streaming.moderation.policy import Outcome as Moderation
from streaming.moderation.verdict import Verdict, What
from streaming.mutes import Muted
from streaming.programme.rundown import Card
from streaming.programme.schedule import Aired
from streaming.questions import Outcome, Question
from streaming.roomfile import Language


@dataclass(frozen=True, slots=True)
class Tell:
    message: say.Message
    viewer: str | None = None
    """None: everybody."""
    but: frozenset[str] = frozenset()
    """Everybody except these, who are told in their own words."""


@dataclass(frozen=True, slots=True)
class Answer:
    question: Question


@dataclass(frozen=True, slots=True)
class Speak:
    utterance: str
    text: str
    """With its delivery marks."""
    language: Language
    optional: bool = False
    """Left out unless it can be said at once."""


@dataclass(frozen=True, slots=True)
class Play:
    """Music, which the host does not say: their mouth stays closed."""

    utterance: str
    piece: Path
    level_db: float
    """Against how it was recorded."""


@dataclass(frozen=True, slots=True)
class FinishSpeaking:
    """Nothing more will be said or played in this utterance."""

    utterance: str


@dataclass(frozen=True, slots=True)
class Prepare:
    """Have ready what is likely to be said next."""

    text: str
    language: Language


@dataclass(frozen=True, slots=True)
class Air:
    """Keep what the programme has said."""

    aired: Aired


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop speaking, now, and thinking of an answer, too, unless it is to be said from its beginning."""

    thinking: bool = True


@dataclass(frozen=True, slots=True)
class Duck:
    """Speak softly, or as before."""

    on: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """Fall silent; when off, go on with what was being said."""

    on: bool


@dataclass(frozen=True, slots=True)
class Attend:
    mode: Attention


@dataclass(frozen=True, slots=True)
class Forget:
    """Forget what a viewer asked."""

    viewer: str


@dataclass(frozen=True, slots=True)
class Record:
    """Keep a question: without outcome when it is accepted or begun, with one when it ended."""

    question: Question
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Mute:
    """Keep that a viewer is not heard, or is again."""

    muted: Muted


@dataclass(frozen=True, slots=True)
class Moderated:
    """Write down what moderation found, and what followed."""

    verdict: Verdict
    what: What
    text: str
    outcome: Moderation
    viewer: str | None = None
    question: str | None = None
    """The room's id, where there is one."""


@dataclass(frozen=True, slots=True)
class Slate:
    """Show a still picture instead of the host, in silence."""

    on: bool


@dataclass(frozen=True, slots=True)
class ShowCard:
    """Beside the host, instead of the one before; None: none."""

    card: Card | None


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep what an operator has switched, over restarts."""

    paused: bool
    cut: bool


Action = (
    Tell
    | Answer
    | Speak
    | Play
    | FinishSpeaking
    | Prepare
    | Air
    | Stop
    | Duck
    | Hold
    | Attend
    | Forget
    | Record
    | Mute
    | Moderated
    | Slate
    | ShowCard
    | Keep
)
