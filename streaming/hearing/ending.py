"""What a text says of its speaker: whether it is a whole question, half of one, or none."""

import re
from enum import Enum
from typing import Final

from streaming.hearing.transcript import Language


class Ending(Enum):
    """How what was said breaks off."""

    COMPLETE = "complete"
    """A question that can be answered as it is."""
    OPEN = "open"
    """It may be all, or the first half."""
    HANGING = "hanging"
    """In the middle of a phrase: “… and”, “那个……”."""


_ASKS: Final[dict[Language, re.Pattern[str]]] = {
    "zh": re.compile(
        "[吗呢嘛]$|什么|怎[么样]|多少|多久|多长|多大|多高|[几谁]|哪|为何|如何|是否|咋|啥|(.)[不没]\\1|有没有|能否|可否|介绍|讲讲|说说"
    ),
    "en": re.compile(
        r"\b(?:who|whom|whose|what|when|where|which|why|how|tell me|show me|explain|describe|"
        r"(?:^|[,.?!] *|\bso |\band |\bor )(?:do|does|did|is|are|was|were|can|could|may|must|shall|should|will|would|"
        r"has|have|had|am))\b",
        re.IGNORECASE,
    ),
}
_HANGING: Final[dict[Language, re.Pattern[str]]] = {
    "zh": re.compile(
        "(?:那个|这个|就是|还有|因为|所以|但是|可是|不过|如果|要是|的话|然后|而且|或者|以及|关于|对于|根据|除了|比如|"
        "我想问|请问|想问一下|问一下|[和与跟在把被给对从向为的呃嗯额])$"
    ),
    "en": re.compile(
        r"\b(?:and|or|but|so|because|if|when|while|whether|although|the|an?|to|of|for|with|without|in|on|at|by|from|about|"
        r"into|than|as|my|your|his|her|its|our|their|is|are|was|were|be|been|has|have|had|do|does|did|can|could|will|would|"
        r"should|may|might|must|that|which|who|what|how|i|we|they|he|she|um+|uh+|er+m?|hmm*|like|not|very|more|per)$",
        re.IGNORECASE,
    ),
}
_UNFINISHED: Final = re.compile(r"…|\.\.\.|^[，,、—-]")
_PUNCTUATION: Final = " \t\n.,!?;:…—-–。，、！？；：～~\"'“”‘’"
_SAME: Final = 0.7
"""Share of the runs of three letters in a text that the host has said."""
_SHORTEST: Final = 6
"""Letters; who asks back says less than that in the host's words."""
_COMPANY: Final = frozenset({
    "嗯", "嗯嗯", "嗯嗯嗯", "哦", "哦哦", "噢", "喔", "啊", "对", "对对", "对对对", "是", "是的", "好", "好的", "好好",
    "行", "知道了", "明白", "明白了", "谢谢", "mm", "mhm", "mmhmm", "hm", "hmm", "uh", "uhhuh", "huh", "yeah", "yes",
    "yep", "yup", "ok", "okay", "right", "oh", "ah", "aha", "isee", "sure", "thanks", "thankyou",
})  # fmt: skip
_ASKING: Final = frozenset("谁啥咋哪")
"""Single characters that are questions."""
_SHREDS: Final = re.compile(r"(?:[\u4e00-\u9fff]{1,2}[,，、] ?){2,}")
"""“感觉, 租资, 到,”: bits of words, and it breaks off."""
_FAREWELL: Final = frozenset({
    "再见", "拜拜", "再见了", "谢谢再见", "好的再见", "拜拜了", "回头见", "bye", "byebye", "goodbye", "thanksbye",
    "thankyoubye", "thankyougoodbye", "thanksgoodbye", "okbye", "okaybye", "seeyou", "seeyoulater",
})  # fmt: skip


def ending(text: str, language: Language) -> Ending:
    """How a recognizer's text breaks off; its punctuation counts, since it hears the melody."""
    words = text.rstrip(_PUNCTUATION)
    after = text[len(words) :]
    asked = "?" in after or "？" in after
    if not words or _UNFINISHED.search(after) or (not asked and _HANGING[language].search(words)):
        return Ending.HANGING
    # In Chinese Whisper ends nearly everything with a full stop.
    whole = (asked or language == "zh") and _ASKS[language].search(words)
    return Ending.COMPLETE if whole else Ending.OPEN


def asks(text: str, language: Language) -> bool:
    """Whether a text, written or said, looks like a question; among a platform's comments few are."""
    return "?" in text or "？" in text or _ASKS[language].search(text.rstrip(_PUNCTUATION)) is not None


def keeps_company(text: str) -> bool:
    """Whether this asks nothing and only keeps a speaker company: “嗯嗯”, “uh-huh”; or is what babble is heard as."""
    bare = letters(text)
    return (len(bare) == 1 and bare not in _ASKING) or bare in _COMPANY or _SHREDS.fullmatch(text.strip()) is not None


def says_goodbye(text: str) -> bool:
    """Whether somebody takes their leave: “谢谢，再见！”."""
    return letters(text) in _FAREWELL


def repeats(text: str, said: str) -> bool:
    """Whether a text is what the host has ``said``, heard again."""
    heard = letters(text)
    threes = [heard[k : k + 3] for k in range(len(heard) - 2)]
    known = letters(said)
    return len(heard) >= _SHORTEST and sum(three in known for three in threes) >= _SAME * len(threes)


def letters(text: str) -> str:
    """A text's letters and digits, in lower case: what is left of it in any recognizer's spelling."""
    return "".join(character for character in text.lower() if character.isalnum())
