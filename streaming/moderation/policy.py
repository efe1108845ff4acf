"""What a room does about what moderation finds: its part of the room file."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from streaming.hearing.transcript import Language
from streaming.moderation.lists import Lists, ListsError, merged, rule_names, standard
from streaming.moderation.verdict import CATEGORIES, Category, Verdict
from streaming.parts import Part, Text

Outcome = Literal["allow", "hold", "decline", "drop", "mute"]
"""hold: an operator looks at it first; decline: whoever wrote it is told the room's phrase for it; drop: not taken, and
nobody else sees it; mute: so, and nothing more of theirs is taken for a while."""

OUTCOMES: Final[dict[Category, Outcome]] = {
    "illegal": "decline",
    "violence": "drop",
    "security": "drop",
    "martyrs": "drop",
    "superstition": "decline",
    "hostility": "drop",
    "sexual": "drop",
    "spam": "drop",
    "rumour": "drop",
    "fanwar": "drop",
    "impersonation": "drop",
    "minors": "mute",
    "personal": "decline",
    "selfharm": "decline",
    "manipulation": "decline",
}
NO_STRIKE: Final[frozenset[Category]] = frozenset({"selfharm", "superstition", "manipulation"})
"""Nobody is muted for these, however often."""

_PHRASES: Final[dict[str, dict[Language, str]]] = {
    "other": {
        "zh": "这个话题我不方便聊，您可以问我别的。",
        "en": "That is something I cannot talk about here. Do ask me something else.",
    },
    "selfharm": {
        "zh": (
            "[温和]听到这些，我很担心您。您不是一个人，请先和身边信得过的人说一说，也可以拨打全国统一心理援助热线12356；"
            "情况紧急，请马上拨打110或120。"
        ),
        "en": (
            "[warm] I am worried about you. You are not alone. Please talk to somebody you trust, or call the"
            " psychological support line 12356; in an emergency, call 110 or 120 at once."
        ),
    },
    "superstition": {
        "zh": "占卜算命、解梦转运我不做，也请别当真。您可以问我别的。",
        "en": "I do not tell fortunes or read dreams, and neither should be relied on. Do ask me something else.",
    },
    "personal": {
        "zh": "别人的个人信息我不能查，也不能在这里说。",
        "en": "I cannot look up or repeat other people's personal data.",
    },
}


def _known(outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    for name in outcomes:
        if name not in CATEGORIES and name not in rule_names(standard()):
            raise ValueError(f"there is no category or rule “{name}”; categories: {', '.join(CATEGORIES)}")
    return outcomes


def _categories(phrases: dict[str, Any]) -> dict[str, Any]:
    for name in phrases:
        if name != "other" and name not in CATEGORIES:
            raise ValueError(f"there is no category “{name}”; there are: {', '.join(CATEGORIES)}, and other")
    return phrases


class Policy(Part):
    on: bool = True
    """False: nothing is moderated. The journal says so."""
    outcomes: Annotated[dict[str, Outcome], AfterValidator(_known)] = Field(default_factory=dict)
    """By category, or by rule ("superstition.zodiac"); others as in :data:`OUTCOMES`."""
    phrases: Annotated[dict[str, Text], AfterValidator(_categories)] = Field(default_factory=dict)
    """Told to whoever is declined, by category; "other" for the rest."""
    add: dict[str, Any] = Field(default_factory=dict)
    """To the lists, as :func:`streaming.moderation.merged` takes it."""
    remove: list[str] = Field(default_factory=list)
    """From the lists: a category, a rule, or "rule: phrase"."""
    strikes: int = Field(default=5, ge=1, le=100)
    """Whoever is stopped so often within a day is muted."""
    mute_days: list[Annotated[float, Field(gt=0, le=3650)]] = Field(default=[1, 7, 15], min_length=1, max_length=10)
    """The first time, the second, …; and after the last for good."""

    @model_validator(mode="after")
    def _lists_are_right(self) -> "Policy":
        try:
            self.lists()
        except ListsError as error:
            raise ValueError(str(error)) from None
        return self

    def lists(self) -> Lists:
        """Those that come with everhost, with what the room adds and without what it removes."""
        return merged(standard(), self.add, self.remove) if self.add or self.remove else standard()

    def outcome(self, verdict: Verdict | None) -> Outcome:
        if verdict is None or not self.on:
            return "allow"
        return self.outcomes.get(verdict.name) or self.outcomes.get(verdict.category) or OUTCOMES[verdict.category]

    def phrase(self, category: Category, language: Language) -> str:
        """What is said to whoever is declined."""
        own = self.phrases.get(category) or (None if category in _PHRASES else self.phrases.get("other"))
        return (own or _PHRASES.get(category) or _PHRASES["other"])[language]

    def all_phrases(self, language: Language) -> list[str]:
        """That the host may have to say at once."""
        return list(dict.fromkeys(self.phrase(category, language) for category in CATEGORIES))
