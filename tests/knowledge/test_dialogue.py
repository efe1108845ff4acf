"""Dialogue and the chain of language models: both decide without any I/O of their own."""

from collections.abc import AsyncGenerator, Sequence

import pytest

from knowledge.chain import Chain
from knowledge.dialogue import Dialogue, Turn, leans
from knowledge.errors import LLMError
from knowledge.llm import Message


def turn(question: str, at: float = 0.0) -> Turn:
    return Turn(question, "…", at)


@pytest.mark.parametrize(
    "question",
    [
        *("那孕期呢？", "为什么", "它多重", "那要赔多少", "如果公司不同意怎么办？", "多久能到账"),
        *("and before that?", "What about Sunday?", "is it free?", "how long?", "Who pays for that", "Is it legal?"),
        *("When was it made?", "How much would I get?", "and is there a fee?"),
    ],
)
def test_half_questions(question: str) -> None:
    assert leans(question)


@pytest.mark.parametrize(
    "question",
    [
        *("试用期最长可以约定多久？", "离婚冷静期是多少天", "谁是世界上最高的人？", "为什么天空是蓝色的？"),
        *("Is a written contract necessary?", "Will it rain in Shanghai tomorrow?", "Is there a fee for arbitration?"),
        *("How many volcanoes are there on Mars?", "Is it legal to record a phone call?"),
        *("How long may a probation period be?", "Who won the last world cup final?"),
    ],
)
def test_whole_questions(question: str) -> None:
    assert not leans(question)


def test_viewers_lean_on_their_own_talk() -> None:
    dialogue = Dialogue(forget_s=100)
    dialogue.remember("a", turn("一", 0))
    dialogue.remember("b", turn("二", 10))
    dialogue.remember("a", turn("三", 20))
    assert [one.question for one in dialogue.recall("a", 30)] == ["一", "三"]
    assert [one.question for one in dialogue.recall("b", 30)] == ["二"]
    assert [one.question for one in dialogue.recall("c", 30)] == ["三"], "what the room heard last"
    assert [one.question for one in dialogue.recall("a", 110)] == ["三"]
    assert dialogue.recall("b", 130) == ()


def test_nobody_leans_on_what_was_said_to_another_alone() -> None:
    dialogue = Dialogue()
    dialogue.remember("a", turn("秘密"), private=True)
    assert dialogue.recall("b", 1) == dialogue.recall(None, 1) == ()
    assert [one.question for one in dialogue.recall("a", 1)] == ["秘密"]
    dialogue.forget("a")
    assert dialogue.recall("a", 1) == ()


def test_memory_is_bounded() -> None:
    dialogue = Dialogue()
    for n in range(5000):
        dialogue.remember(f"v{n}", turn(str(n), n))
    assert len(dialogue._viewers) == 1000
    for n in range(10):
        dialogue.remember("one", turn(str(n), 5000))
    assert [one.question for one in dialogue.recall("one", 5001)] == ["6", "7", "8", "9"]


class Model:
    def __init__(self, *words: str, fails: bool = False) -> None:
        self.words, self.fails, self.asked, self.closed = words, fails, 0, False

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0, stop: Sequence[str] = ()
    ) -> AsyncGenerator[str, None]:
        self.asked += 1
        for word in self.words:
            yield word
        if self.fails:
            raise LLMError("it is down")

    async def aclose(self) -> None:
        self.closed = True


async def reply(chain: Chain) -> str:
    return "".join([text async for text in chain.stream([], max_tokens=9)])


async def test_the_next_answers_when_one_fails_and_that_one_rests() -> None:
    now = [0.0]
    first, second = Model(fails=True), Model("yes")
    chain = Chain([first, second], rest_s=30, clock=lambda: now[0])
    assert await reply(chain) == await reply(chain) == "yes"
    assert (first.asked, second.asked) == (1, 2)
    now[0] = 31
    first.fails, first.words = False, ("better",)
    assert await reply(chain) == "better"
    await chain.aclose()
    assert first.closed
    assert second.closed


async def test_half_an_answer_is_not_gone_on_with() -> None:
    chain = Chain([Model("Six", fails=True), Model("seven")])
    with pytest.raises(LLMError):
        await reply(chain)


async def test_when_all_fail_all_are_asked_again() -> None:
    first, second = Model(fails=True), Model(fails=True)
    chain = Chain([first, second])
    for _ in range(2):
        with pytest.raises(LLMError):
            await reply(chain)
    assert (first.asked, second.asked) == (2, 2)
