"""The viewer's protocol: JSON messages over a WebSocket, each with a ``type``.

What viewers send is validated here and nowhere else; what the room sends is one small class a message.
"""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from avatar.life import Attention
from streaming.roomfile import Language

MAX_MESSAGE: Final = 16_384
"""Bytes of one message from a viewer."""

# From the viewer. Text length is the room's to judge, so that it can say so by the question's id.

Id = Annotated[str, Field(min_length=1, max_length=64)]


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    id: Id


class Ask(_Sent):
    type: Literal["ask"]
    text: str
    name: Annotated[str, Field(max_length=40)] = ""
    language: Language | None = None


class Interrupt(_Sent):
    type: Literal["interrupt"]


class TalkStart(_Sent):
    type: Literal["talk.start"]
    hands_free: bool = False
    """Nobody holds a button: pauses tell when a question ends, and the microphone stays open after it."""
    language: Language | None = None
    name: Annotated[str, Field(max_length=40)] = ""


class TalkEnd(_Sent):
    type: Literal["talk.end"]


class Presence(BaseModel):
    """Whether anybody stands before a kiosk."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    type: Literal["presence"]
    here: bool


class Choose(_Sent):
    """Have the host tell a storyline; None: leave it."""

    type: Literal["choose"]
    storyline: Annotated[str, Field(max_length=40)] | None


class Appeal(_Sent):
    """Whoever is muted asks an operator to lift it."""

    type: Literal["appeal"]
    text: Annotated[str, Field(min_length=1, max_length=500)]


FromViewer = Ask | Interrupt | TalkStart | TalkEnd | Presence | Choose | Appeal
_FROM_VIEWER: Final[TypeAdapter[FromViewer]] = TypeAdapter(Annotated[FromViewer, Field(discriminator="type")])


class Malformed(ValueError):
    """A message that cannot be taken; ``code`` and text go back to its sender."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse(text: str) -> FromViewer:
    """Raises :class:`Malformed`."""
    if len(text) > MAX_MESSAGE:
        raise Malformed("too_large", f"a message may have {MAX_MESSAGE} characters at most")
    try:
        return _FROM_VIEWER.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise Malformed("bad_json", f"not JSON: {first['msg']}") from None
        if first["type"] in ("union_tag_invalid", "union_tag_not_found", "model_attributes_type", "dict_type"):
            known = "ask, interrupt, talk.start, talk.end, presence, choose, appeal"
            raise Malformed("unknown_type", f"'type' must be one of {known}") from None
        where = ".".join(str(part) for part in first["loc"][1:])
        raise Malformed("bad_message", f"{where}: {first['msg']}") from None


# From the room.


@dataclass(frozen=True, slots=True)
class Message:
    type: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Of(Message):
    """A message about one question.

    ``id`` is the asker's own id in what the asker gets, and the room's id for everybody else; ``question`` is always
    the room's.
    """

    id: str
    question: str


@dataclass(frozen=True, slots=True)
class Accepted(Of):
    type = "accepted"
    position: int
    """How many are before it, plus one."""


@dataclass(frozen=True, slots=True)
class Asked(Of):
    type = "question"
    text: str
    name: str


@dataclass(frozen=True, slots=True)
class AnswerDelta(Of):
    type = "answer.delta"
    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    n: int
    title: str
    locator: str
    quote: str


@dataclass(frozen=True, slots=True)
class AnswerDone(Of):
    type = "answer.done"
    text: str
    citations: tuple[Cited, ...]
    refused: bool


@dataclass(frozen=True, slots=True)
class SpeechStarted(Of):
    type = "speech.started"


@dataclass(frozen=True, slots=True)
class SpeechEnded(Of):
    type = "speech.ended"


@dataclass(frozen=True, slots=True)
class Skipped(Of):
    type = "skipped"
    reason: str


@dataclass(frozen=True, slots=True)
class Expired(Of):
    type = "expired"
    reason: str


@dataclass(frozen=True, slots=True)
class Held(Of):
    """An operator looks at it before it is answered."""

    type = "held"
    reason: str


@dataclass(frozen=True, slots=True)
class Waits(Of):
    """Its place has changed."""

    type = "waiting"
    position: int
    """How many are before it, plus one."""


@dataclass(frozen=True, slots=True)
class Rejected(Message):
    type = "rejected"
    id: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Appealed(Message):
    """An operator sees your appeal."""

    type = "appealed"
    id: str


@dataclass(frozen=True, slots=True)
class Caption(Message):
    type = "caption"
    id: str
    text: str
    start: int
    end: int
    """Ticks: [start, end)."""


@dataclass(frozen=True, slots=True)
class Card(Message):
    """What is shown beside the host in the picture; without a title: nothing any more."""

    type = "card"
    title: str = ""
    text: str = ""
    footer: str = ""
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Guessed(Message):
    """Yours was no question, but a guess at the host's."""

    type = "guessed"
    id: str
    right: bool


@dataclass(frozen=True, slots=True)
class Offered:
    name: str
    title: dict[Language, str]


@dataclass(frozen=True, slots=True)
class Storylines(Message):
    """What viewers may choose, and what is told or comes next."""

    type = "storylines"
    offered: tuple[Offered, ...] = ()
    current: str | None = None


@dataclass(frozen=True, slots=True)
class HostState(Message):
    type = "host"
    state: Attention


@dataclass(frozen=True, slots=True)
class Notice(Message):
    type = "notice"
    code: str
    text: dict[Language, str]


@dataclass(frozen=True, slots=True)
class AsrPartial(Message):
    type = "asr.partial"
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class AsrFinal(Message):
    type = "asr.final"
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Farewell(Message):
    """The visitor said goodbye; what they asked is forgotten."""

    type = "farewell"


@dataclass(frozen=True, slots=True)
class Clock(Message):
    type = "clock"
    rtp: int
    tick: int


@dataclass(frozen=True, slots=True)
class Error(Message):
    type = "error"
    code: str
    message: str
    id: str | None = None


def fields(message: Message) -> dict[str, Any]:
    return {"type": message.type, **asdict(message)}


def encode(message: Message, to: Literal["room", "viewer"]) -> str:
    return dumps({"to": to, **fields(message)})


def dumps(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))
