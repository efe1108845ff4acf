import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.typesetting import MOST, balanced, clean, settled, wrap

NOT_FIRST = "、。，．：；？！）》」』】〕”’…—·％,.:;?!)]}%"
NOT_LAST = "（《「『【〔“‘([{¥￥$"
LAW = (
    "根据《劳动合同法》第十九条，劳动合同期限三个月以上不满一年的，试用期不得超过一个月；“劳动合同期限一年以上不满三年”的，"
    "试用期不得超过二个月——约3.14%……（以上）。"
)
ENGLISH = (
    "The probation period of an employment contract may not exceed six months; see well-known state-of-the-art cases."
)


def ems(line: str) -> float:
    return sum(1 if unicodedata.east_asian_width(character) in "WFA" else 0.5 for character in line)


def anything(character: str) -> bool:
    return True


@given(st.integers(6, 40))
def test_closing_marks_begin_no_line_and_opening_marks_end_none(width: int) -> None:
    lines = wrap(LAW, width, ems, 99)
    assert "".join(lines) == LAW
    assert all(ems(line) <= width for line in lines)
    assert not any(line[0] in NOT_FIRST or line[-1] in NOT_LAST for line in lines)


@given(st.integers(10, 40))
def test_english_words_stay_whole(width: int) -> None:
    lines = wrap(ENGLISH, width, ems, 99)
    assert all(ems(line) <= width for line in lines)
    words = set(ENGLISH.replace("-", "- ").split())
    assert {word for line in lines for word in line.replace("-", "- ").split()} == words


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.integers(1, 30), st.integers(1, 5))
def test_nothing_is_lost_and_nothing_is_too_wide(text: str, width: int, most: int) -> None:
    shown = clean(text, anything)
    lines = wrap(shown, max(1, width), ems, 10_000)
    assert "".join(lines).replace(" ", "") == shown.replace("\n", "").replace(" ", "")
    for make in (wrap, balanced, settled):
        assert len(make(shown, width, ems, most)) <= most


def test_what_cannot_be_broken_is_broken_where_it_must() -> None:
    assert wrap("！" * 30, 10, ems, 9) == ["！" * 10] * 3
    assert wrap("x" * 50, 10, ems, 9) == ["x" * 20, "x" * 20, "x" * 10]
    assert wrap("https://example.com/a/long/path", 8, ems, 9) == ["https://", "example.com/a/", "long/path"]


def test_a_price_keeps_its_sign_and_a_number_its_digits() -> None:
    assert wrap("现在只要￥1,299.00元", 8, ems, 9) == ["现在只要", "￥1,299.00元"]
    assert wrap("增长了百分之3.5%左右", 7, ems, 9) == ["增长了百分之", "3.5%左右"]


def test_too_much_is_shortened_with_an_ellipsis() -> None:
    assert wrap(LAW, 14, ems, 2) == ["根据《劳动合同法》第十九条，", "劳动合同期限三个月以上不满…"]
    assert wrap(ENGLISH, 14, ems, 2) == ["The probation period of an", "employment contract may…"]
    assert wrap("啊" * 5000, 10, ems, 3)[-1] == "啊" * 9 + "…"
    assert len(wrap("x" * MOST, 10, ems, 3)) == 3


def test_a_title_is_balanced_and_a_text_leaves_no_word_alone() -> None:
    assert balanced("试用期最长可以约定多久", 10, ems, 3) == ["试用期最长可", "以约定多久"]
    text = "一" * 40 + "二"
    assert [len(line) for line in wrap(text, 20, ems, 9)] == [20, 20, 1]
    assert [len(line) for line in settled(text, 20, ems, 9)] == [18, 18, 5]


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("一\x00二\x1b[31m三\x7f", "一二[31m三"),
        ("\u202eabc\u202c\u2066d\u2069", "abcd"),
        ("bad \ud800 half", "bad half"),
        ("zero\u200bwidth\ufeff so\u00adft", "zerowidth soft"),
        ("tab\tand\u3000blank \u00a0 here", "tab and blank here"),
        ("one\r\n\r\n\r\ntwo\u2028three", "one\ntwo\nthree"),
        ("e\u0301" + "\u0301" * 40, "é" + "\u0301" * 2),
        ("🎉大促👨‍👩‍👧开始️了", "大促开始了"),
    ],
)
def test_only_what_can_be_shown_is_left(dirty: str, shown: str) -> None:
    assert clean(dirty, lambda character: character < "\U0001f000") == shown
    assert "\n" not in clean(dirty, anything, one_line=True)


def test_a_letter_that_no_font_has_leaves_a_box() -> None:
    assert clean("姓𠮷★", lambda character: character in "姓□") == "姓□"
