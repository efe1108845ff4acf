"""How written forms are read aloud, against what a careful reader would say (tests/avatar/data/readings-*.tsv)."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from avatar.voice.chinese_reading import read
from avatar.voice.clauses import clean
from avatar.voice.english import EnglishG2P

DATA = Path(__file__).parent / "data"
SHARE = 0.97
"""Of all forms."""


def forms(language: str) -> list[tuple[str, list[str]]]:
    """Written, and all that may be said."""
    with (DATA / f"readings-{language}.tsv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["written"], [said.strip() for said in row["said"].split("|")]) for row in rows]


def share_read(language: str, sound: Callable[[str], str], expected: Callable[[str], str]) -> None:
    rows = forms(language)
    assert len(rows) >= 150
    missed = [f"{written} → {sound(written)}" for written, said in rows if sound(written) not in map(expected, said)]
    assert len(missed) <= (1 - SHARE) * len(rows), "\n".join(missed)


def test_mandarin_is_read_as_a_careful_reader_does() -> None:
    def characters(text: str) -> str:
        return re.sub(r"[^\u3400-\u9fffA-Za-z0-9]", "", text)

    share_read(
        "zh",
        lambda written: characters("".join(reading.spoken for reading in read(clean(written)))),
        characters,
    )


@pytest.fixture(scope="module")
def english() -> EnglishG2P:
    return EnglishG2P()


def test_english_is_read_as_a_careful_reader_does(english: EnglishG2P) -> None:
    """By its sounds: "F.A.Q." and "f a q" are one. The article and the letter A are not told apart."""

    def sounds(text: str) -> str:
        symbols = "".join(unit.symbols for unit in english(text))
        return re.sub(r"[^\w]|[ˈˌː]", "", symbols.replace("ᵊ", "ə").replace("A", "ə").replace("ɐ", "ə"))

    share_read("en", lambda written: sounds(clean(written)), sounds)


def test_footnote_marks_are_dropped_and_years_in_brackets_are_not() -> None:
    assert clean("Yes [1], and [2, 3].") == "Yes , and ."
    assert clean("No. 17 [2020]") == "No. 17 [2020]"
