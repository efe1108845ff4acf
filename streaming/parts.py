"""What the parts of a room file have in common."""

from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from streaming.hearing.transcript import Language


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def one_or_more(value: Any) -> Any:
    """A list, also where one stands alone."""
    return value if isinstance(value, list) else [value]


def _both(value: Any) -> Any:
    """One text for all languages, or one each."""
    return dict.fromkeys(get_args(Language), value) if isinstance(value, str) else value


def _every(texts: dict[Language, str]) -> dict[Language, str]:
    """A language left out gets the text of the other: viewers of both come to any room."""
    return {language: texts.get(language) or next(iter(texts.values())) for language in get_args(Language)}


Text = Annotated[
    dict[Language, Annotated[str, Field(min_length=1, max_length=2000)]],
    Field(min_length=1),
    BeforeValidator(_both),
    AfterValidator(_every),
]
"""What is shown or said, a language each; a plain string, or the only language given, stands for all."""
