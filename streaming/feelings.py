"""The feeling an answer is said with, where nobody has marked it: from what it says. Sans-I/O.

Sorry for what is bad news, serious in a warning, delighted with good news, warm to whoever comes or goes, curious in a
question; plain otherwise. Cautious, for a face that feels the wrong thing is worse than one that feels nothing: few
words, which seldom mean anything else. A feeling ends with the text that it is marked in.
"""

import re
from typing import Final, Literal

from avatar.voice import marks
from streaming.hearing.transcript import Language

Feeling = Literal["warm", "delighted", "serious", "sorry", "curious", "surprised", "doubtful"]
"""Those of :data:`avatar.emotions.EMOTIONS`."""

_PATTERNS: Final[dict[Language, tuple[tuple[Feeling, str], ...]]] = {
    "en": (
        (
            "sorry",
            r"\b(unfortunately|sadly|regrettably|my condolences"
            r"|(i am|i['’]m|we are|we['’]re) (very |so |really )?(sorry|afraid))\b|^\W*sorry\b",
        ),
        (
            "serious",
            r"\b(warning|emergency|prohibited|forbidden|punish(ed|able|ment)|fined|criminal(ly)?|be careful|beware"
            r"|(never|do not|don['’]t) (sign|pay|give|send|touch|share))\b"
            r"|(?<!no )(?<!of )(?<!not )(?<!n['’]t )\bdanger(ous)?\b",
        ),
        ("delighted", r"\b(congratulations|(good|great) news|well done|bravo)\b"),
        (
            "warm",
            r"\b(welcome|thank you|thanks(?! to\b)|good (morning|afternoon|evening|night)|goodbye|take care"
            r"|happy to help|glad to|nice to (see|meet))\b",
        ),
    ),
    "zh": (
        ("sorry", "抱歉|对不起|遗憾|(?<!不)可惜|不幸|节哀"),
        (
            "serious",
            "警告|(?<!没有)危险|严禁|禁止|切勿|千万(?:不要|别)|(?<![应适])当心|(?<![最不])小心(?!翼)|处罚|罚款|拘留|坐牢|有期徒刑|刑事责任|报警",
        ),
        ("delighted", "恭喜|祝贺|好消息|太好了|太棒了"),
        (
            "warm",
            "(?<!受)欢迎|谢谢|感谢|^[您你]好(?![像不])|早上好|下午好|晚上好|晚安|再见|别担心|请放心|保重|很高兴",
        ),
    ),
}
"""The first that is found; what is sad comes before what is stern."""
_CUES: Final[dict[Language, tuple[tuple[Feeling, re.Pattern[str]], ...]]] = {
    language: tuple((feeling, re.compile(pattern, re.IGNORECASE)) for feeling, pattern in cues)
    for language, cues in _PATTERNS.items()
}
_QUESTION: Final = re.compile(r"[?？]['\"”’）)]*\s*$")


def felt(text: str, language: Language) -> Feeling | None:
    """What a sentence without marks is said with; None: plainly."""
    for feeling, cues in _CUES[language]:
        if cues.search(text):
            return feeling
    return "curious" if _QUESTION.search(text) else None


def marked(text: str, language: Language, *, by_default: Feeling | None = None) -> str:
    """The text with the mark of its feeling before it, unless it has one of its own, or is plain."""
    feeling = felt(text, language) or by_default
    return marked_with(feeling, text) if feeling else text


def marked_with(feeling: Feeling, text: str) -> str:
    """The text with that mark, unless it has one of its own."""
    return text if own(text) else f"[{feeling}]{text}"


def own(text: str) -> str:
    """The feeling that a text ends with by its marks; "" for one without."""
    return next((mark.value for mark in reversed(marks.parse(text).marks) if mark.kind == "emotion"), "")
