import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge import words
from knowledge.homophones import Homophones
from knowledge.words import terms

DOCUMENT = """# 继承
公证过的遗嘱和后写的遗嘱，以最后的遗嘱为准。继承人放弃继承的，应当书面表示。遗产处理前没有表示的，视为接受继承。
# 工伤
一次性伤残补助金，六级伤残为十六个月的本人工资。工伤保险由单位缴纳。没交物业费，物业公司也不得断水断电。
"""


@pytest.fixture(scope="module")
def homophones() -> Homophones:
    counts: dict[str, int] = {}
    for term in terms(DOCUMENT):
        counts[term] = counts.get(term, 0) + 1
    return Homophones(counts, [DOCUMENT])


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("公证过的和后写的一主, 听哪份。", "公证过的和后写的遗嘱, 听哪份。"),
        ("16级商残, 一次性商残补助金", "16级伤残, 一次性伤残补助金"),
        ("没交物也非被断水", "没交物业费被断水"),
        ("我寄成了房子", "我继承了房子"),
    ],
)
def test_words_of_the_documents_are_known_by_their_sound(homophones: Homophones, heard: str, said: str) -> None:
    assert homophones.mended(heard) == said


@pytest.mark.parametrize(
    "text",
    [
        "What is a will?",
        "",
        "12348",
        "你好，请问几点开门？",
        "一次性伤残补助金是多少？",
        "我一直在公司上班，老板人很好。",
    ],
)
def test_what_is_right_stays(homophones: Homophones, text: str) -> None:
    assert homophones.mended(text) == text
    assert Homophones({}).mended(text) == text


@given(st.text(alphabet="一主遗嘱工商伤残,。a1 重庆长", max_size=40))
@settings(max_examples=200, deadline=None)
def test_nothing_is_added_or_lost(text: str) -> None:
    words.load()
    mended = Homophones({"遗嘱": 3, "工伤": 2, "伤残": 1}).mended(text)
    assert len(mended) == len(text)
    assert [c for c in mended if c.isascii()] == [c for c in text if c.isascii()]
