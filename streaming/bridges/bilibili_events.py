"""What Bilibili's open live platform tells of a room, as comments. Sans-I/O.

A message is ``{"cmd": "LIVE_OPEN_PLATFORM_…", "data": {…}}``:
https://open-live.bilibili.com/document/f9ce25be-312e-1f4a-85fd-fef21f1637f8. Who it is says ``open_id``; ``uid`` has
been 0 since April 2024 (https://github.com/SocialSisterYi/bilibili-API-collect/issues/989). Fields may be missing: the
platform's own testing tool leaves some out (https://github.com/xfgryujk/blivedm, blivedm/models/open_live.py).

Nothing is told of who follows. Let pass: likes, pictures instead of words (``dm_type`` 1), comments mirrored from
another room (``DM_MIRROR``, whose authors are not told), streams that begin and end, paid comments withdrawn.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from streaming.comment import Comment

PLATFORM: Final = "bilibili"
GUARDS: Final = {1: "总督", 2: "提督", 3: "舰长"}
"""Those who pay by the month, by ``guard_level``."""
SUPER_CHAT: Final = "醒目留言"
_PREFIX: Final = "LIVE_OPEN_PLATFORM_"
_PICTURE: Final = 1
_ID, _NAME, _TEXT = 64, 40, 2000
"""Characters that the gateway takes."""

_Data = Mapping[str, Any]


def comments(command: object) -> list[Comment]:
    """Empty for what has no kind. A paid comment is two: it is thanked for, and may ask something."""
    cmd, data = _parts(command)
    read = _READ.get(cmd)
    return [one for one in read(data) if one is not None] if read else []


def ended(command: object) -> str | None:
    """The session (``game_id``) of which nothing more will be told, if that is what the message says."""
    cmd, data = _parts(command)
    return _text(data, "game_id") if cmd == "INTERACTION_END" else None


def _parts(command: object) -> tuple[str, _Data]:
    given: _Data = command if isinstance(command, dict) else {}
    data = given.get("data")
    return _text(given, "cmd").removeprefix(_PREFIX), data if isinstance(data, dict) else {}


def _comment(data: _Data) -> list[Comment | None]:
    return [] if data.get("dm_type") == _PICTURE else [_made(data, "comment", text=_text(data, "msg"))]


def _super_chat(data: _Data) -> list[Comment | None]:
    thanks = _made(data, "gift", gift=SUPER_CHAT)
    return [thanks, _made(data, "comment", text=_text(data, "message"))]


def _gift(data: _Data) -> list[Comment | None]:
    return [_made(data, "gift", gift=_text(data, "gift_name"))]


def _guard(data: _Data) -> list[Comment | None]:
    who = data.get("user_info")
    level = data.get("guard_level")
    gift = GUARDS.get(level, "") if isinstance(level, int) else ""
    return [_made({**data, **who}, "gift", gift=gift or "大航海")] if isinstance(who, dict) else []


def _enter(data: _Data) -> list[Comment | None]:
    return [_made(data, "enter")]


_READ: Final[dict[str, Callable[[_Data], list[Comment | None]]]] = {
    "DM": _comment,
    "SUPER_CHAT": _super_chat,
    "SEND_GIFT": _gift,
    "GUARD": _guard,
    "LIVE_ROOM_ENTER": _enter,
}


def _made(data: _Data, kind: Literal["comment", "gift", "enter"], text: str = "", gift: str = "") -> Comment | None:
    """None for a comment that says nothing, and for somebody who cannot be told from others."""
    name = _text(data, "uname")
    author = _text(data, "open_id") or _text(data, "union_id") or _text(data, "uid") or name
    if not author or (kind == "comment" and not text):
        return None
    return Comment(
        platform=PLATFORM,
        id=_short(_id(data, author, kind)),
        author=_short(author),
        name=name[:_NAME],
        kind=kind,
        text=text[:_TEXT],
        gift=gift[:_NAME],
    )


def _id(data: _Data, author: str, kind: str) -> str:
    """The same when a message is told twice, also for one without an id."""
    given = _text(data, "msg_id") or f"{author}:{_text(data, 'timestamp')}"
    return given if kind == "comment" else f"{given}:{kind}"


def _short(text: str) -> str:
    return text if len(text) <= _ID else hashlib.sha256(text.encode()).hexdigest()


def _text(data: _Data, key: str) -> str:
    """Empty for what is missing, null, 0 or no text."""
    value = data.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and value:
        return str(value)[:_TEXT]
    if not isinstance(value, str):
        return ""
    return value.encode(errors="ignore").decode().strip()  # JSON may hold halves of characters
