"""What a process says of itself: lines for people, or JSON for programs; each with the question it is about."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal

Style = Literal["text", "json"]
QUESTION: Final[ContextVar[str]] = ContextVar("question", default="")
"""The room's id of the question that a task works for; set once, in the task."""
CHATTY: Final = ("httpx", "aioice", "aiortc", "faster_whisper", "jieba", "numba")


class _WithQuestion(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.question = QUESTION.get()
        return True


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        question = getattr(record, "question", "")
        return f"{line} [{question}]" if question and question not in line else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if question := getattr(record, "question", ""):
            told["id"] = question
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def begin(style: Style, *, verbose: bool = False) -> None:
    """For the whole process, on its standard error."""
    handler = logging.StreamHandler()
    handler.addFilter(_WithQuestion())
    if style == "json":
        handler.setFormatter(_Json())
    else:
        handler.setFormatter(_Text("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
