"""What is said before a question is answered that not everybody has seen: who asks, and what. Sans-I/O."""

from typing import Final

from streaming.questions import Question
from streaming.roomfile import Language

READ_OUT: Final = 80
"""Characters of a question that are read out; of a longer one only who asks is named."""
_ASKED: Final[dict[Language, tuple[str, str]]] = {
    "zh": ("{who}问：{text}", "{who}有个问题，我来回答。"),
    "en": ("{who} asked: {text}", "{who} asked a question."),
}
"""And where it is too long to be read out."""
_SOMEBODY: Final[dict[Language, str]] = {"zh": "有位朋友", "en": "Somebody"}
_OTHERS: Final[dict[Language, tuple[str, str]]] = {
    "zh": ("{name}和另外一位朋友", "{name}和另外{n}位朋友"),
    "en": ("{name} and somebody else", "{name} and {n} others"),
}


def announcement(question: Question) -> str:
    language, others = question.language, len(question.joined)
    who = question.name or _SOMEBODY[language]
    if others:
        who = _OTHERS[language][others > 1].replace("{name}", who).replace("{n}", str(others))
    asked = _ASKED[language][len(question.text) > READ_OUT]
    return asked.replace("{who}", who).replace("{text}", question.text)
