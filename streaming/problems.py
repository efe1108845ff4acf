"""What a door says that does not open, and how that is described to those who read ``/openapi.json``."""

from typing import Any

from pydantic import BaseModel


class Problem(BaseModel):
    """What is wrong, and what to do."""

    detail: str


def problems(*, operators: bool = True, **more: str) -> dict[int | str, dict[str, Any]]:
    """For a route's description: what any door may say, what ``operators``' doors may, and ``more``, as e409="…"."""
    tokens = {"e401": "No token, or one that nobody gave.", "e403": "A token of a lesser role."}
    known = {
        **(tokens if operators else {}),
        "e404": "No such room, or nothing of that name in it.",
        "e422": "What was sent is not understood; it says where and why.",
        **more,
    }
    return {int(code[1:]): {"model": Problem, "description": what} for code, what in known.items()}
