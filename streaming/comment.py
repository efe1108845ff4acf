"""What a bridge posts of a live platform, and what it is told became of it."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from streaming.hearing.transcript import Language

MOST: Final = 100
"""Comments of one request."""


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


class Outcome(BaseModel):
    id: str
    outcome: Literal["accepted", "held", "noted", "passed", "repeated", "rejected"]
    """"held": an operator looks at it first; "noted": thanks or a welcome may be said; "passed": it asks nothing;
    "repeated": it was posted before."""
    question: str | None = None
    """The room's id of an accepted one; messages to viewers carry it."""
    code: str | None = None
    reason: str | None = None
