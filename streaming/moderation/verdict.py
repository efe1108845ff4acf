"""What moderation says of a text."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Category = Literal[
    "illegal",  # goods and acts: drugs, guns, gambling, fraud, forged papers
    "violence",  # and terror
    "security",  # of the state, and its unity
    "martyrs",  # heroes and martyrs defamed
    "superstition",  # fortune telling, and cults
    "hostility",  # insult, discrimination
    "sexual",
    "spam",  # advertising, contact details, flooding
    "rumour",  # and talk of disasters and wars
    "fanwar",  # abuse between fan circles
    "impersonation",
    "minors",  # harmed
    "personal",  # data
    "selfharm",
    "manipulation",  # attempts to make the host say things
]
CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)
What = Literal["question", "answer", "name", "card"]
"""What a text is: a viewer's question, what the host is about to say, a viewer's name, or a card's text."""
WHATS: Final[tuple[What, ...]] = get_args(What)
Severity = Literal["low", "medium", "high"]
"""low: unwanted; medium: nobody should see it; high: it endangers the room or a person."""
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)

MEANING: Final = "meaning"
"""The rule of what no list has, and is recognised by what it means."""
SEVERITY: Final[dict[Category, Severity]] = {
    "illegal": "high",
    "violence": "high",
    "security": "high",
    "martyrs": "high",
    "superstition": "low",
    "hostility": "medium",
    "sexual": "medium",
    "spam": "low",
    "rumour": "medium",
    "fanwar": "medium",
    "impersonation": "medium",
    "minors": "high",
    "personal": "high",
    "selfharm": "high",
    "manipulation": "medium",
}
"""Of that; lists have each rule's own."""

Guise = Literal["plain", "disguised", "sounding"]
"""How it is written: as it is; with something put between or in place of its characters; or by its sound."""


@dataclass(frozen=True, slots=True)
class Verdict:
    category: Category
    rule: str
    """Its id within the category, as in the lists."""
    severity: Severity
    span: tuple[int, int]
    """Of the original text: from the first matched character to after the last."""
    matched: str
    """The text there, with whatever was put between its characters."""
    own: bool = False
    """A phrase that the room has added."""
    guise: Guise = "plain"

    @property
    def name(self) -> str:
        """category.rule"""
        return f"{self.category}.{self.rule}"


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found in what somebody wrote."""

    text: Verdict | None = None
    name: Verdict | None = None
    """In theirs."""


FINE: Final = Judged()
"""Nothing."""
