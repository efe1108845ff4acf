"""The gold sets are about the documents as they are, and say what they say."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from knowledge.bench.gold import SETS, pairs, questions
from knowledge.bench.retrieval import Set, places, table
from knowledge.folder import read_folder
from knowledge.passage import Passage
from knowledge.retrieval import Found, Hit

DOCUMENTS = Path(__file__).parents[2] / "rooms" / "legal-assistant"


def plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


@pytest.fixture(scope="module")
def passages() -> dict[str, Passage]:
    found = [passage for document in read_folder(DOCUMENTS).documents for passage in document.passages]
    return {places(Found((Hit(one, 0, 0, 0),)))[0]: one for one in found}


@pytest.mark.parametrize("name", SETS)
def test_questions_can_be_answered_from_the_passages_they_name(name: str, passages: dict[str, Passage]) -> None:
    asked = questions(name)
    assert len({one.id for one in asked}) == len(asked) >= {"zh": 120, "en": 80}[asked[0].language]
    kinds = Counter(one.kind for one in asked)
    assert kinds["unanswerable"] + kinds["hostile"] >= 0.24 * len(asked)
    for one in asked:
        assert set(one.passages) <= passages.keys(), one.id
        assert bool(one.passages) or one.kind != "answerable", one.id
        for place in one.passages:
            if one.kind == "answerable" and passages[place].language == one.language:
                said = plain(passages[place].headed_text)
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
