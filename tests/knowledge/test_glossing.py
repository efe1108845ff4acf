"""The viewer's words stand beside the document's, and are not said twice."""

import pytest

from knowledge.glossing import glossed, unglossed
from knowledge.wanted import Synonyms, Term, wanted

SYNONYMS: Synonyms = (frozenset(("匣钵", "saggar")), frozenset(("瘦金体", "slender gold")))


def sought(question: str) -> tuple[tuple[Term, float], ...]:
    return tuple((term, 5.0) for term in wanted(question, SYNONYMS))


@pytest.mark.parametrize(
    ("question", "statement", "expected"),
    [
        ("匣钵是干嘛的", "Saggars keep the ash away.", "Saggars (匣钵) keep the ash away."),
        ("瘦金体是谁写的", "His slender gold is sharp.", "His slender gold (瘦金体) is sharp."),
        ("云冈石窟在哪里", "The Yungang caves are near Datong.", "The Yungang (云冈) caves are near Datong."),
        ("票价", "It keeps the ash away.", "It keeps the ash away."),
        ("What is a saggar?", "匣钵是装坯的盒子。", "匣钵是装坯的盒子。"),
    ],
)
def test_words_of_the_question_stand_beside_those_of_the_document(question: str, statement: str, expected: str) -> None:
    assert glossed(statement, sought(question)) == expected


def test_common_words_get_no_gloss() -> None:
    assert glossed("Saggars.", tuple((term, 1.0) for term, _ in sought("匣钵是干嘛的"))) == "Saggars."


def test_a_gloss_that_was_copied_is_not_said() -> None:
    asked = sought("匣钵是干嘛的")
    assert unglossed("匣钵（匣钵）是粗泥做的盒子 (匣钵)。", asked) == "匣钵是粗泥做的盒子。"
    assert unglossed("它（在窑里）挡灰。", asked) == "它（在窑里）挡灰。"
