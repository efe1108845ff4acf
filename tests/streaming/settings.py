"""A small valid room for tests."""

from pathlib import Path
from typing import Any

from streaming.roomfile import RoomFile


def room_file(documents: Path = Path("."), **changes: Any) -> RoomFile:
    data: dict[str, Any] = {
        "id": "test",
        "title": "Test",
        "host": {"name": "Lin", "persona": "Calm.", "greeting": "Hello.", "refusal": "I do not know that."},
        "documents": documents,
        "label": {"spoken": False},  # which would come before all else
        **changes,
    }
    return RoomFile.model_validate(data)
