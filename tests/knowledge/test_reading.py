"""What is found is read again: the nearest statement counts for its passage."""

import numpy as np

from knowledge.passage import Passage
from knowledge.reading import in_statements, lines, read
from knowledge.retrieval import Found, Hit
from knowledge.wanted import wanted

RENT = Passage("租房", "租房 › 押金", "押金应当返还。\n\n- 提前退租的除外；", "zh", "a.md")
WORK = Passage("劳动", "辞职", "提前三十日通知。", "zh", "b.md")
QUESTION = "押金什么时候返还"


def found(*hits: Hit) -> Found:
    return in_statements(Found(hits, tuple((term, 1.0) for term in wanted(QUESTION))))


def test_statements_are_compared_under_their_heading() -> None:
    assert lines(found(Hit(RENT, 0.1, 0, 0), Hit(WORK, 0.1, 0, 0))) == [
        "押金: 押金应当返还。",
        "押金: 提前退租的除外；",
        "辞职: 提前三十日通知。",
    ]


def test_the_passage_with_the_nearest_statement_comes_first() -> None:
    first = found(Hit(WORK, 0.06, 0, 0), Hit(RENT, 0.05, 0, 0))
    again = read(first, np.array([0.2, 0.8, 0.1], np.float32), language="zh", limit=4)
    assert [hit.passage for hit in again.hits] == [RENT, WORK]
    assert [round(one.nearness, 1) for one in again.hits[0].statements] == [0.8, 0.1]
    assert again.hits[0].statements[0].coverage > again.hits[0].statements[1].coverage
    assert again.sought == first.sought
    assert [hit.passage for hit in read(first, None, language="zh", limit=1).hits] == [WORK]


def test_without_an_encoder_scores_stay_what_they_were() -> None:
    again = read(found(Hit(WORK, 0.06, 0, 0)), None, language="zh", limit=4)
    assert again.hits[0].score == 0.06
    assert [one.quote for one in again.hits[0].statements] == ["提前三十日通知。"]


def test_nothing_found() -> None:
    assert read(found(), np.zeros(0, np.float32), language="zh", limit=4).hits == ()


def test_what_is_in_a_language_and_what_is_not() -> None:
    english = Hit(Passage("Work", "Notice", "Thirty days.", "en", "c.md"), 0.2, 0, 0)
    here, abroad = Found((Hit(WORK, 0.06, 0, 0), english)).split("zh")
    assert ([hit.passage for hit in here.hits], abroad.hits) == ([WORK], (english,))
    assert (here.score, abroad.score) == (0.06, 0.2)
    assert abroad.sure
    assert not here.sure
