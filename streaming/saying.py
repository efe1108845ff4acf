"""Texts that the host says, as files and commands give them: delivery marks that are none would be said aloud."""

from typing import Annotated

from pydantic import AfterValidator

from avatar.voice import marks
from streaming.hearing.transcript import Language
from streaming.parts import Text


def sayable(text: str) -> str:
    """``text``. Raises ``ValueError`` when something in it looks like a mark and is none."""
    if unknown := marks.unknown(text):
        raise ValueError(f"there is no delivery mark {unknown[0]}; it would be said as it stands (see docs/voice.md)")
    return text


def says_something(text: str) -> bool:
    """Whether anything is left to say of ``text`` but marks and punctuation."""
    return any(character.isalnum() for character in marks.plain(text))


def _all_sayable(texts: dict[Language, str]) -> dict[Language, str]:
    return {language: sayable(text) for language, text in texts.items()}


Spoken = Annotated[Text, AfterValidator(_all_sayable)]
"""As :data:`streaming.parts.Text`, for what is said."""
