"""What the parts of a room file have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def one_or_more(value: Any) -> Any:
    """A list, also where one stands alone."""
    return value if isinstance(value, list) else [value]
