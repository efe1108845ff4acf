import pytest

from knowledge.numerals import parse_chinese, split_articles


@pytest.mark.parametrize(
    ("numeral", "value"),
    [
        ("四十七", 47),
        ("两千五", 2500),
        ("二〇二五", 2025),
        ("一百零五", 105),
        ("一亿二千万", 120_000_000),
        ("十十", None),
    ],
)
def test_parse_chinese(numeral: str, value: float | None) -> None:
    assert parse_chinese(numeral) == value


@pytest.mark.parametrize("text", ["第四十七条", "第47条", "第 47 条", "Article 47", "art. 47"])
def test_an_article_is_the_same_however_written(text: str) -> None:
    rest, articles = split_articles(f"看 {text} 吧")
    assert articles == [47]
    assert "47" not in rest
