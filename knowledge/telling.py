"""What passages have to tell when nobody asked: their statements, one after the other, as a host may say them."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from knowledge.passage import Passage
from knowledge.statements import plain, statements

_SOURCE: Final = re.compile(r"\s*[(（][^()（）]*(?:[(（][^()（）]*[)）][^()（）]*)*[)）]\s*$")


def within(passage: Passage, source: str, language: str) -> bool:
    """Whether it is of this document, or of a document in this folder ("." for all), in ``language``."""
    folder = source.strip("/")
    return passage.language == language and (folder == "." or f"{passage.source}/".startswith(f"{folder}/"))


class Told(NamedTuple):
    heading: str
    """What it is about, without the source in brackets after it; "" for none."""
    statements: tuple[str, ...]


def telling(passages: Iterable[Passage]) -> list[Told]:
    """Of each passage its statements, without markup; passages with tables are left out, nobody reads them aloud."""
    return [
        Told(_SOURCE.sub("", passage.locator.rpartition(" > ")[2]), tuple(map(plain, statements(passage.text))))
        for passage in passages
        if "|" not in passage.text
    ]
