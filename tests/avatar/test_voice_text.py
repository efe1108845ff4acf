"""Text to clauses, readings and units: no model needed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar.voice.chinese_reading import read
from avatar.voice.clauses import CLAUSE_PAUSE, SENTENCE_PAUSE, chinese_sentences, clean, split


def said(text: str) -> str:
    return "".join(r.spoken for r in read(text))


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("第47条", "第四十七条"),
        ("2024年5月1日", "二零二四年五月一日"),
        ("2024-05-01", "二零二四年五月一日"),
        ("12.5%", "百分之十二点五"),
        ("3％", "百分之三"),
        ("N+1", "N加一"),
        ("2倍工资", "两倍工资"),
        ("第2条", "第二条"),
        ("2个月", "两个月"),
        ("12个月", "十二个月"),
        ("10,000元", "一万元"),
        ("￥3.50", "三点五零元"),
        ("8:05", "八点零五分"),
        ("14:30", "十四点三十分"),
        ("3-5天", "三至五天"),
        ("1-\n5天", "一至五天"),
        ("1/3", "三分之一"),
        ("拨打12348", "拨打幺二三四八"),
        ("13812345678", "幺三八幺二三四五六七八"),
        ("007", "零零七"),
        ("36.5℃", "三十六点五摄氏度"),
        ("《民法典》", "民法典"),
        ("20km", "二十公里"),
        ("GB/T", "GBT"),
    ],
)
def test_reads_mandarin(written: str, spoken: str) -> None:
    assert said(written) == spoken


@given(st.text(alphabet="第47条《》N+1%℃年月日.:-/，。 abAB０￥\n〇𠮷é2024", max_size=40))
def test_readings_keep_every_written_character(text: str) -> None:
    assert "".join(r.written for r in read(text)) == text
    assert not any(c.isdigit() and c.isascii() for c in said(text))


def test_clean_drops_what_nobody_says() -> None:
    assert clean("**好** 👍🏽 的\x00\u200b，`a`[1]。\r\n# 题\n- 一") == "好 的 ，a。\n题\n一"
    assert clean("ＡＢ１２") == "AB12"
    assert clean("👩‍👩‍👧 \x07\u202e") == ""


def test_clauses_are_short_first_and_end_with_their_pause() -> None:
    text = "根据规定，单位解除合同，应当提前三十日通知劳动者本人，或者支付一个月工资。对吗？"
    clauses = list(split(chinese_sentences(text), (12, 20, 40)))
    assert "".join(c.text for c in clauses) == text
    assert len(clauses[0].text) <= 12
    assert [c.pause for c in clauses[:-2]] == [CLAUSE_PAUSE] * (len(clauses) - 2)
    assert [c.pause for c in clauses[-2:]] == [SENTENCE_PAUSE] * 2


def test_numbers_and_abbreviations_are_not_cut() -> None:
    assert chinese_sentences("降低了12.5%。用App 2.0吧") == ["降低了12.5%。", "用App 2.0吧"]
    assert [c.text for c in split(["共10,000元"], (4, 40))] == ["共10,000元"]


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(1, 20))
def test_clauses_lose_nothing_and_keep_the_limit(text: str, limit: int) -> None:
    text = clean(text)
    clauses = [c.text for c in split(chinese_sentences(text), (limit, 40))]
    assert "".join("".join(clauses).split()) == "".join(text.split())
    assert max(map(len, clauses), default=0) <= 40


def test_ten_thousand_characters_without_a_mark() -> None:
    assert len(list(split(chinese_sentences("好" * 10_000), (14, 24, 42)))) == 239
