"""Names of several people in one sentence. Sans-I/O."""

from collections.abc import Iterable
from typing import Final

from streaming.hearing.transcript import Language

NAMED: Final = 3
"""Names in one sentence; the others are counted."""
_JOINED: Final[dict[Language, tuple[str, str]]] = {"zh": ("、", "和"), "en": (", ", " and ")}
"""Between names, and before the last."""
_AND_OTHERS: Final[dict[Language, str]] = {"zh": "{names}等{n}位朋友", "en": "{names} and {n} more"}
_NAMELESS: Final[dict[Language, tuple[str, str]]] = {"zh": ("有位朋友", "{n}位朋友"), "en": ("Somebody", "{n} people")}


def listed(names: Iterable[str], language: Language) -> str:
    """“小王和小李”, “小王、小李、小张等5位朋友”; the same name is said once, and "" is somebody without one."""
    known: dict[str, None] = {}
    nameless = 0
    for name in names:
        if name:
            known[name] = None
        else:
            nameless += 1
    shown, count = list(known)[:NAMED], len(known) + nameless
    if not shown:
        return _NAMELESS[language][count > 1].replace("{n}", str(count))
    others = count - len(shown)
    comma, last = _JOINED[language]
    if others:
        n = count if language == "zh" else others
        return _AND_OTHERS[language].replace("{n}", str(n)).replace("{names}", comma.join(shown))
    return last.join(filter(None, (comma.join(shown[:-1]), shown[-1])))
