import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.sentences import SentenceSplitter, detect_language, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("可以退。七日内退！行吗？", ["可以退。", "七日内退！", "行吗？"]),
        ("利率是3.5%，见第4.5条。好的", ["利率是3.5%，见第4.5条。", "好的"]),
        ("Pay 3.5% a year. Then stop.", ["Pay 3.5% a year.", "Then stop."]),
        (
            "Bring papers, e.g. a contract. See Art. 47 vs. Art. 48.",
            ["Bring papers, e.g. a contract.", "See Art. 47 vs. Art. 48."],
        ),
        ("他说：“不行。”我说好。", ["他说：“不行。”", "我说好。"]),
        ("可以。[1]不过要快。 [2, 3] Fine. [1] Yes.", ["可以。[1]", "不过要快。 [2, 3]", "Fine. [1]", "Yes."]),
        ("如下：\n- 一个月；\n- 二个月。\n\n完", ["如下：", "- 一个月；", "- 二个月。", "完"]),
        ("1. Sign it.\n2. Keep it.", ["1. Sign it.", "2. Keep it."]),
        ("   ", []),
    ],
)
def test_split(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_a_sentence_comes_as_soon_as_the_next_one_begins() -> None:
    splitter = SentenceSplitter()
    assert list(splitter.feed("可以退。")) == []  # a citation mark may still follow
    assert list(splitter.feed("[1")) == []
    assert list(splitter.feed("]七")) == ["可以退。[1]"]
    assert list(splitter.finish()) == ["七"]


@given(st.text(alphabet='好的。！？.!? []12,，、e.g”"3.5%ab', max_size=60), st.integers(1, 5))
def test_the_cut_does_not_depend_on_how_the_text_arrives(text: str, size: int) -> None:
    splitter = SentenceSplitter()
    pieces = [s for at in range(0, len(text), size) for s in splitter.feed(text[at : at + size])] + list(
        splitter.finish()
    )
    assert "".join("".join(pieces).split()) == "".join(text.split())
    whole = SentenceSplitter()
    assert pieces == list(whole.feed(text)) + list(whole.finish())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("试用期多久", "zh"),
        ("N+1是什么", "zh"),
        ("How long is probation?", "en"),
        ("What is 试用期?", "en"),
        ("", "en"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert detect_language(text) == language
