"""Guesses at the host's question, and the names of those who were right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.hearing.transcript import Language
from streaming.programme.guesses import LONGEST, MOST, Guesses, tokens
from streaming.programme.names import listed
from streaming.programme.rundown import BRIDGES, OPENINGS, TRANSITIONS, WINNERS, Rundown


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("三十天", ["30", "天"]),
        ("３０ Days!", ["30", "days"]),
        ("两个月吧", ["2", "个", "月", "吧"]),
        ("2,500 元", ["2500", "元"]),
        ("3万", ["30000"]),
        ("1.5倍", ["1.5", "倍"]),
        ("二〇二五年", ["2025", "年"]),
        ("十十", ["十", "十"]),
        ("……", []),
    ],
)
def test_texts_are_compared_in_one_spelling(text: str, found: list[str]) -> None:
    assert tokens(text) == found


@given(st.text("0123456789.,零〇一二两三四五六七八九十百千万亿天 ab", max_size=60))
def test_whatever_is_written_as_a_number(text: str) -> None:
    tokens(text)


@pytest.mark.parametrize(
    ("text", "language", "right"),
    [
        ("30天", "zh", True),
        ("我猜是三十天", "zh", True),
        ("三十天？", "zh", True),  # nothing but the answer
        ("13天", "zh", False),
        ("130天", "zh", False),
        ("5", "zh", False),
        ("I say THIRTY DAYS", "en", True),
        ("it is thirtydays", "en", False),
        ("三十天是从哪天开始算？", "zh", None),  # a question
        ("房东不退押金怎么办", "zh", None),
        ("How long is it?", "en", None),
        ("我三十天前辞职了，公司到现在都没有把工资结清给我", "zh", None),  # told for its own sake
        ("再见", "zh", None),
        ("！！", "zh", None),
    ],
)
def test_what_is_a_guess_and_a_right_one(text: str, language: Language, right: bool | None) -> None:
    assert Guesses(["三十天", "thirty days"]).guess("v1", "王", text, language, spoken=False) is right


def test_who_keeps_the_host_company_does_not_guess_aloud_unless_it_is_right() -> None:
    guesses = Guesses(["yes", "七"])
    aloud = {text: guesses.guess("v1", "", text, "en", spoken=True) for text in ("mhm", "okay", "yes", "七", "五")}
    assert aloud == {"mhm": None, "okay": None, "yes": True, "七": True, "五": False}


def test_a_crowd_is_bounded_and_the_first_stay_the_first() -> None:
    guesses = Guesses(["30"])
    for k in range(3 * MOST):
        guesses.guess(f"v{k}", f"n{k}", "30天", "zh", spoken=False)
        guesses.guess(f"v{k}", "again", "30天", "zh", spoken=False)
        guesses.guess(f"w{k}", f"w{k}", "31天", "zh", spoken=False)
    assert len(guesses.right) == MOST
    assert guesses.right[:2] == ["n0", "n1"]
    assert max(LONGEST.values()) < 100


@pytest.mark.parametrize(
    ("names", "zh", "en"),
    [
        (["Ann"], "Ann", "Ann"),
        (["Ann", "Bob", "Ann"], "Ann和Bob", "Ann and Bob"),
        (["Ann", "Bob", "Cy"], "Ann、Bob和Cy", "Ann, Bob and Cy"),
        (["Ann", "Bob", "Cy", "Di", ""], "Ann、Bob、Cy等5位朋友", "Ann, Bob, Cy and 2 more"),
        ([""], "有位朋友", "Somebody"),
        (["", ""], "2位朋友", "2 people"),
    ],
)
def test_names_in_a_sentence(names: list[str], zh: str, en: str) -> None:
    assert (listed(names, "zh"), listed(names, "en")) == (zh, en)


def test_what_the_host_says_by_default_is_what_a_room_file_may_say() -> None:
    lines = {"bridges": BRIDGES, "transitions": TRANSITIONS, "openings": OPENINGS, "winners": WINNERS}
    Rundown.model_validate({"segments": {"a": {"script": "A."}}, **lines})
