"""What a bridge posts of a live platform, and what it is told became of it."""

from collections import OrderedDict
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from streaming.hearing.transcript import Language

MOST: Final = 100
"""Comments of one request."""
REMEMBERED: Final = 4096
"""Comments of a room that are known when they come again."""


class Comment(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    platform: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,20}$")]
    """douyin, bilibili, …"""
    id: Annotated[str, Field(min_length=1, max_length=64)]
    """The platform's, of the comment."""
    author: Annotated[str, Field(min_length=1, max_length=64)]
    """The platform's, of whoever wrote it."""
    name: Annotated[str, Field(max_length=40)] = ""
    """As everybody there sees it."""
    kind: Literal["comment", "gift", "follow", "enter"] = "comment"
    text: Annotated[str, Field(max_length=2000)] = ""
    """Of a comment."""
    gift: Annotated[str, Field(max_length=40)] = ""
    """What was given, as people there call it."""
    language: Language | None = None

    @property
    def viewer(self) -> str:
        """What the room calls its author."""
        return f"{self.platform}:{self.author}"


def platform_of(viewer: str) -> str:
    """Of a comment's author, as the room calls them."""
    return viewer.partition(":")[0]


class Seen:
    """Which comments were taken, the last of them, so that none is when it comes again."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._keys: OrderedDict[tuple[str, str], None] = OrderedDict()

    def __contains__(self, comment: Comment) -> bool:
        return (comment.platform, comment.id) in self._keys

    def add(self, platform: str, comment: str) -> None:
        self._keys[platform, comment] = None
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)


class Outcome(BaseModel):
    id: str
    outcome: Literal["accepted", "held", "noted", "passed", "repeated", "rejected"]
    """"held": an operator looks at it first; "noted": thanks or a welcome may be said; "passed": it asks nothing;
    "repeated": it was posted before."""
    question: str | None = None
    """The room's id of an accepted one; messages to viewers carry it."""
    code: str | None = None
    reason: str | None = None
