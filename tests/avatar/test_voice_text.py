"""Text to clauses, readings and units: no model needed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar.voice import lexicon, marks
from avatar.voice.chinese_reading import read
from avatar.voice.clauses import CLAUSE_PAUSE, SENTENCE_PAUSE, Clause, Cutter, clean
from avatar.voice.delivery import DELIVERIES, PLAIN
from avatar.voice.polyphones import polyphones


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


def cut(text: str, limits: tuple[int, ...] = (12, 20, 40), language: str = "zh") -> list[Clause]:
    cutter = Cutter(language, limits)
    return [*cutter.feed(text), *cutter.flush()]


def test_clauses_are_short_first_and_end_with_their_pause() -> None:
    text = "根据规定，单位解除合同，应当提前三十日通知劳动者本人，或者支付一个月工资。对吗？"
    clauses = cut(text)
    assert "".join(c.text for c in clauses) == text
    assert len(clauses[0].text) <= 12
    assert [c.pause for c in clauses[:-2]] == [CLAUSE_PAUSE] * (len(clauses) - 2)
    assert [c.pause for c in clauses[-2:]] == [SENTENCE_PAUSE] * 2


def test_numbers_and_abbreviations_are_not_cut() -> None:
    assert [c.text for c in cut("降低了12.5%。用App 2.0吧")] == ["降低了12.5%。", "用App 2.0吧"]
    assert [c.text for c in cut("共10,000元", (4, 40))] == ["共10,000元"]
    text = "Dr. Smith paid $3.50, e.g. for No. 5 of J. K. Rowling. Then he left. I. was fine."
    assert [c.text for c in cut(text, (200,), "en")] == [
        "Dr. Smith paid $3.50, e.g. for No. 5 of J. K. Rowling.",
        "Then he left.",
        "I. was fine.",
    ]


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(1, 20))
def test_clauses_lose_nothing_and_keep_the_limit(text: str, limit: int) -> None:
    clauses = [c.text for c in cut(text, (limit, 40))]
    assert max(map(len, clauses), default=0) <= 40
    letters = [c for c in clean(text) if c.isalnum()]
    assert [c for c in "".join(clauses) if c.isalnum()] == letters


@settings(deadline=None)
@given(
    st.text(alphabet="好的，。！？ab c.,!\n”[]*1pause停顿 0.8", max_size=120),
    st.integers(1, 30),
    st.sampled_from(["zh", "en"]),
)
def test_portions_make_no_difference(text: str, portion: int, language: str) -> None:
    cutter = Cutter(language, (6, 9, 15))
    clauses = [c for k in range(0, len(text), portion) for c in cutter.feed(text[k : k + portion])]
    assert [*clauses, *cutter.flush()] == cut(text, (6, 9, 15), language)


def test_the_first_clause_comes_before_its_sentence_has_ended() -> None:
    cutter = Cutter("zh", (12, 40))
    assert cutter.feed("根据《劳动合同法》，单位") == []
    [first] = cutter.feed("应当在一个月内")
    assert first.text == "根据《劳动合同法》，"


def test_ten_thousand_characters_without_a_mark() -> None:
    assert len(cut("好" * 10_000, (14, 24, 42))) == 239


# How it is to be said


def test_marks_are_taken_out_of_the_text() -> None:
    marked = marks.parse("[warm]您好，**这一点**很[点头]重要。[pause 1.5][unknown]")
    assert marked.text == "您好，这一点很重要。[unknown]"
    assert [(m.kind, m.value, marked.text[m.start : m.end]) for m in marked.marks] == [
        ("emotion", "warm", ""),
        ("emphasis", "", "这一点"),
        ("gesture", "nod", ""),
        ("pause", "1.5", ""),
    ]
    assert marks.plain("I am [sorry] *truly* sorry [pause] for that.") == "I am truly sorry for that."
    assert marks.plain("2*3*4 和 a*b*c [1] [x]") == "2*3*4 和 a*b*c [1] [x]"


def test_a_feeling_can_be_weaker() -> None:
    assert [m.value for m in marks.parse("[sorry 0.5] [抱歉 .25] [warm 1] [curious 1.0]").marks] == [
        "sorry 0.5", "sorry 0.25", "warm 1", "curious 1"
    ]  # fmt: skip
    for none in ("[sorry 2]", "[sorry 50 %]", "[nod 0.5]", "[neutral 0.5]", "[warm0.5]"):
        assert marks.parse(none).marks == ()
    assert marks.unknown("[sorry 2] [sorry 0.2]") == ["[sorry 2]"]
    (clause,) = cut("[sorry 0.5]真对不起。", (40,))
    half, whole = clause.delivery, DELIVERIES["sorry"]
    assert (half.rate, half.pitch, half.energy) == ((1 + whole.rate) / 2, whole.pitch / 2, whole.energy / 2)


def test_a_feeling_lasts_until_another() -> None:
    clauses = cut("你好。[抱歉]真对不起。我们晚了。[平静]下面继续。", (40,))
    deliveries = [c.delivery for c in clauses]
    assert deliveries == [PLAIN, DELIVERIES["sorry"], DELIVERIES["sorry"], PLAIN]
    assert [[m.value for m in c.marks] for c in clauses] == [["neutral"], ["sorry"], [], ["neutral"]]


def test_a_pause_cuts_and_lasts() -> None:
    clauses = cut("请看[停顿 2]这里。[pause]", (40,))
    assert [(c.text, c.pause) for c in clauses] == [("请看", 2.0), ("这里。", SENTENCE_PAUSE), ("", 0.6)]
    assert cut("等[pause 99]好", (40,))[0].pause == 5.0


@given(st.text(alphabet="[]*pausenodwarm停顿 0.5点头ab，。", max_size=80))
def test_any_text_can_be_marked(text: str) -> None:
    marked = marks.parse(text)
    assert all(0 <= m.start <= m.end <= len(marked.text) for m in marked.marks)
    for clause in cut(text, (6, 12)):
        assert all(0 <= m.start <= m.end <= len(clause.text) for m in clause.marks)


# The room's own words


@pytest.mark.parametrize(
    ("written", "said", "kind"),
    [
        ("单先生", "shàn xiān sheng", "pinyin"),
        ("单先生", "shan4 xian1 sheng5", "pinyin"),
        ("Kokoro", "/kəˈkɔɹoʊ/", "ipa"),
        ("GLM-4", "G L M 四", "text"),
        ("法条", "法律条文", "text"),
    ],
)
def test_what_a_lexicon_says(written: str, said: str, kind: str) -> None:
    assert lexicon.kind(written, said) == kind


@pytest.mark.parametrize(("written", "said"), [("单先生", "shàn xiān"), ("重庆", "/tʂʰʊŋ/")])
def test_a_lexicon_that_does_not_fit_is_refused(written: str, said: str) -> None:
    with pytest.raises(ValueError, match=written):
        lexicon.kind(written, said)


def test_the_longest_word_counts_and_none_within_another() -> None:
    words = {"AI": "人工智能", "AI法": "人工智能法", "单": "shàn"}
    assert list(lexicon.pieces("AIR的AI法和AI，简单", words)) == [
        ("AIR的", None),
        ("AI法", "人工智能法"),
        ("和", None),
        ("AI", "人工智能"),
        ("，简", None),
        ("单", "shàn"),
    ]


@pytest.mark.parametrize(
    ("text", "surnames"),
    [
        ("单先生你好", ["shan4 xian1 sheng5"]),
        ("请问曾律师在吗", ["zeng1 lv4 shi1"]),
        ("简单先生词典", []),
        ("订单某一项", []),
        ("我曾经理解过", []),
    ],
)
def test_surnames_are_told_from_words(text: str, surnames: list[str]) -> None:
    assert [said for _, said in polyphones(text) if said] == surnames
