"""The feeling an answer is said with."""

from pathlib import Path

import pytest

from avatar.emotions import EMOTIONS
from avatar.voice import marks
from streaming.feelings import _PATTERNS, Feeling, felt, marked
from streaming.hearing.transcript import Language
from streaming.on_air import CUT_SHORT, NO_ANSWER
from streaming.programme.schedule import Line


@pytest.mark.parametrize(
    ("text", "language", "feeling"),
    [
        ("Unfortunately the deposit is lost.", "en", "sorry"),
        ("I'm really sorry, the museum is closed on Mondays.", "en", "sorry"),
        ("Never sign a blank form.", "en", "serious"),
        ("Whoever does so may be fined.", "en", "serious"),
        ("Congratulations, that is right!", "en", "delighted"),
        ("Welcome to the hall of bronzes.", "en", "warm"),
        ("Would you like to hear more?", "en", "curious"),
        ("A probation period may have six months.", "en", None),
        ("The fine arts are upstairs.", "en", None),
        ("He was apologetic and wonderfully brief.", "en", None),
        ("很遗憾，押金一般不退。", "zh", "sorry"),
        ("千万不要在空白合同上签字。", "zh", "serious"),
        ("违反的处以罚款。", "zh", "serious"),
        ("恭喜您答对了！", "zh", "delighted"),
        ("欢迎来到青铜器展厅。", "zh", "warm"),
        ("您想了解哪一件？", "zh", "curious"),
        ("试用期最长不得超过六个月。", "zh", None),
        ("用人单位应当按月支付工资。", "zh", None),
    ],
)
def test_a_sentence_is_felt_for_what_it_says(text: str, language: Language, feeling: Feeling | None) -> None:
    assert felt(text, language) == feeling
    said = marked(text, language)
    assert marks.plain(said) == text
    assert said == (f"[{feeling}]{text}" if feeling else text)


def test_all_feelings_are_the_faces() -> None:
    assert {feeling for cues in _PATTERNS.values() for feeling, _ in cues} <= set(EMOTIONS)


def test_who_marks_it_knows_better() -> None:
    assert marked("[delighted] Unfortunately not!", "en") == "[delighted] Unfortunately not!"
    assert marked("[平静]很遗憾。", "zh") == "[平静]很遗憾。"
    assert marked("*Never* sign [pause] that.", "en").count("[") == 1  # emphasis and pauses are no feelings
    assert marked("I do not know.", "en", by_default="sorry") == "[sorry]I do not know."


@pytest.mark.parametrize(
    ("text", "language"),
    [("您好像没有说完。", "zh"), ("这不可惜。", "zh"), ("工匠小心翼翼地修补。", "zh"), ("没有危险。", "zh"),
     ("应予适当心理疏导。", "zh"), ("误差的最小心率。", "zh"), ("最受欢迎的展品。", "zh"),
     ("It isn't dangerous.", "en"), ("Thanks to the new kiln it was cheap.", "en"), ("There is no danger.", "en"),
     ("It was once a prison.", "en"), ("The wonderful bronze is upstairs.", "en")],
)  # fmt: skip
def test_what_only_sounds_like_it_is_plain(text: str, language: Language) -> None:
    assert felt(text, language) is None


def test_apologies_of_the_room_are_felt() -> None:
    for language in ("zh", "en"):
        assert felt(NO_ANSWER[language], language) == felt(CUT_SHORT[language], language) == "sorry"
    assert felt("I\u2019m sorry, that is not known.", "en") == "sorry"


def test_documents_of_the_law_are_read_plainly() -> None:
    """Feelings are for the few sentences that call for them."""
    texts = [
        line.strip("-*# ")
        for file in Path("rooms").rglob("*.md")
        for line in file.read_text("utf-8").splitlines()
        if len(line) > 12
    ]
    assert len(texts) > 200
    some = [felt(text, "zh" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en") for text in texts]
    assert sum(feeling is not None for feeling in some) / len(some) < 0.05
    assert sum(feeling == "sorry" for feeling in some) / len(some) < 0.02


def test_segments_have_a_feeling_by_default() -> None:
    assert Line("Come closer.", feeling="warm").said == "[warm]Come closer."
    assert Line("[serious] Stand back.", feeling="warm").said == "[serious] Stand back."
    assert Line("Come closer.").said == "Come closer."
    assert Line("Come closer.", feeling="warm").name == "Come closer."
