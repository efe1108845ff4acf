from pathlib import Path

import pytest

from knowledge import usage, words
from knowledge.han import HAN_RUN
from knowledge.usage import BEGIN, END, Usage, everyday

TEXTS = ["合同只签了半年，合同签了。", "I signed 合同 twice"]


def test_words_are_counted_behind_one_another_within_a_run() -> None:
    counted = Usage.of(TEXTS)
    assert counted.words["合同"] == 3
    assert counted.words[BEGIN] == counted.words[END] == 3
    assert counted.pairs[BEGIN, "合同"] == 3
    assert ("半年", "合同") not in counted.pairs  # a comma is between them
    assert counted.pairs["合同", END] == 1
    assert counted.followers["合同"] == 3
    assert counted.share("合同") == 3 / counted.total


@pytest.mark.parametrize("first", [BEGIN, "合同", "签", "没有人说过"])
def test_what_stands_behind_a_word_is_a_probability(first: str) -> None:
    counted = Usage.of(TEXTS)
    known = [word for word in counted.words if word != BEGIN]
    shares = {word: counted.words[word] for word in known}
    total = sum(counted.behind(first, word, share / sum(shares.values())) for word, share in shares.items())
    assert total == pytest.approx(1.0)


def test_what_was_seen_is_more_probable_than_what_was_not() -> None:
    said = everyday()
    assert said.behind("我", "想", 1e-4) > said.behind("我", "响", 1e-4)
    assert said.behind(BEGIN, "我", 1e-4) > 1e-2


def test_the_file_holds_nothing_but_words_counts_and_what_follows_them() -> None:
    said = everyday()
    assert all(count > 1 for count in said.pairs.values())
    assert all(HAN_RUN.fullmatch(word) for word in said.words.keys() - {BEGIN, END})
    assert all(first in said.words for first, _ in said.pairs)
    assert all(said.followers[first] <= said.words[first] for first, _ in said.pairs)


def test_it_can_be_counted_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_FILE", tmp_path / "usage.json.gz")
    usage.save(Usage.of([*TEXTS, *TEXTS]))
    everyday.cache_clear()
    try:
        again = everyday()
        assert again.pairs["合同", END] == 2
        assert "半年" in again.words
    finally:
        everyday.cache_clear()


def test_words_are_cut_by_the_dictionary() -> None:
    assert words.cut("经济补偿有没有封顶") == ["经济", "补偿", "有没有", "封顶"]
