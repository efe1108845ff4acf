"""The gold sets are about the documents as they are, and say what they say."""

import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from knowledge.bench.gold import GOLD, TUNING, about, pairs, questions
from knowledge.bench.retrieval import Set, places, table
from knowledge.errors import DocumentError
from knowledge.folder import read_folder
from knowledge.passage import Passage
from knowledge.retrieval import Found, Hit

ROOMS = Path(__file__).parents[2] / "rooms"
SETS = [(room, name) for sets in (GOLD, TUNING) for room, names in sets.items() for name in names]


def plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


@cache
def passages(room: str) -> dict[str, Passage]:
    found = [passage for document in read_folder(ROOMS / room).documents for passage in document.passages]
    return {places(Found((Hit(one, 0, 0, 0),)))[0]: one for one in found}


def test_there_are_enough_of_them_and_each_is_there_once() -> None:
    asked = [one for names in GOLD.values() for name in names for one in questions(name)]
    assert len({one.id for one in asked}) == len(asked)
    assert Counter(one.language for one in asked) >= Counter(zh=120, en=80)
    assert not {one.question for one in asked} & {
        one.question for names in TUNING.values() for name in names for one in questions(name)
    }


def test_a_room_without_questions(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="rooms/museum-guide"):
        about(tmp_path)


@pytest.mark.parametrize(("room", "name"), SETS)
def test_questions_can_be_answered_from_the_passages_they_name(room: str, name: str) -> None:
    asked = questions(name)
    there = passages(room)
    assert len({one.id for one in asked}) == len(asked)
    kinds = Counter(one.kind for one in asked)
    assert kinds["unanswerable"] + kinds["hostile"] >= 0.24 * len(asked)
    for one in asked:
        assert set(one.passages) <= there.keys(), one.id
        assert bool(one.passages) or one.kind != "answerable", one.id
        for place in one.passages:
            if one.kind == "answerable" and there[place].language == one.language:
                said = plain(there[place].headed_text)
                assert all(any(word in said for word in group) for group in one.must), one.id


def test_pairs_are_right_and_wrong_in_both_languages() -> None:
    labelled = pairs()
    assert len({one.id for one in labelled}) == len(labelled) >= 200
    for language in ("zh", "en"):
        right = [one.right for one in labelled if one.language == language]
        assert 0.4 < sum(right) / len(right) < 0.6


def test_the_table_of_a_tiny_set() -> None:
    one = Set("legal-zh", 4, 3, 4, 2, 1, {"plain": (3, 4)}, 12.3, ())
    assert "75.0%" in table([one])
