"""The example room's questions, asked of the real embedding and language models."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from knowledge.answer import Context, Refusal, Sentence
from knowledge.answerer import CitedAnswerer, warm
from knowledge.embedding import InThreads
from knowledge.errors import LLMError
from knowledge.library import Library
from knowledge.llama import LlamaServer
from knowledge.llm import OpenAIChat
from streaming.models import Store

pytestmark = [pytest.mark.real, pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]

DOCUMENTS = Path(__file__).parents[2] / "rooms" / "legal-assistant"
CONTEXTS = {
    "zh": Context("zh", "小林", "你是法律咨询直播间的主播小林，亲切、稳重。", "这个问题不在我的资料里。"),
    "en": Context("en", "Lin", "You are Lin, the host of a legal information room.", "My documents do not cover that."),
}


@dataclass(frozen=True)
class Asked:
    """A line of questions.yaml."""

    q: str
    language: str
    passage: str = ""
    say: tuple[str, ...] = ()
    refuse: bool = False
    quick: bool = False
    held_out: bool = False

    def __str__(self) -> str:
        return self.q


QUESTIONS = [Asked(**line) for line in yaml.safe_load(Path(__file__).with_name("questions.yaml").read_text("utf-8"))]
QUICK = [asked for asked in QUESTIONS if asked.quick]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Library]:
    library = await Library.open(DOCUMENTS, tmp_path_factory.mktemp("library") / "index.db", InThreads())
    await library.filled()
    yield library
    await library.aclose()


@pytest.fixture(scope="module")
def model() -> Path:
    (file,) = Store.from_environment().fetch("qwen2.5-coder-1.5b").glob("*.gguf")
    return file


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def answerer(library: Library, model: Path) -> AsyncIterator[CitedAnswerer]:
    server = await asyncio.to_thread(LlamaServer, model, threads=1)
    async with OpenAIChat(server.base_url, "embedded", api_key="another program's") as llm:
        with pytest.raises(LLMError, match="401"):
            await warm(llm, CONTEXTS["zh"])
    async with OpenAIChat(server.base_url, "embedded", api_key=server.api_key) as llm:
        yield CitedAnswerer(library, llm)
    server.close()


def lines(text: str) -> str:
    """Without empty ones: passages put one between paragraphs, whatever the document does."""
    return re.sub(r"\n+", "\n", text)


async def test_the_right_passage_is_among_the_first_three(library: Library) -> None:
    asked = [question for question in QUESTIONS if not question.refuse]
    missed = []
    for question in asked:
        found = await library.search(question.q, language=question.language)
        if not any(re.search(question.passage, hit.passage.locator) for hit in found.hits[:3]):
            missed.append(question.q)
    assert len(missed) <= 0.15 * len(asked), missed


async def test_what_is_covered_is_told_from_what_is_not(library: Library) -> None:
    wrong = [
        question.q
        for question in QUESTIONS
        if (await library.search(question.q, language=question.language)).covered is question.refuse
    ]
    assert len(wrong) <= 0.12 * len(QUESTIONS), wrong


@pytest.mark.parametrize("asked", [asked for asked in QUICK if not asked.refuse], ids=str)
async def test_answers_come_from_the_documents(answerer: CitedAnswerer, asked: Asked) -> None:
    sentences = [item async for item in answerer.answer(asked.q, CONTEXTS[asked.language])]
    text = " ".join(sentence.text for sentence in sentences)
    assert 1 <= len(sentences) <= 3
    assert all(re.search(pattern, text, re.IGNORECASE) for pattern in asked.say), text
    assert not re.search(r"\[\d", text)
    documents = [lines(file.read_text("utf-8")) for file in DOCUMENTS.rglob("*.md")]
    for sentence in sentences:
        assert isinstance(sentence, Sentence)
        assert sentence.citations
        for citation in sentence.citations:
            assert any(lines(citation.quote) in document for document in documents)


@pytest.mark.parametrize("asked", [asked for asked in QUICK if asked.refuse], ids=str)
async def test_what_the_documents_do_not_cover_is_declined(answerer: CitedAnswerer, asked: Asked) -> None:
    (refusal,) = [item async for item in answerer.answer(asked.q, CONTEXTS[asked.language])]
    assert isinstance(refusal, Refusal)
    assert refusal.text.startswith(CONTEXTS[asked.language].refusal)


async def test_a_model_cut_short_is_named(model: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    with model.open("rb") as whole:
        cut.write_bytes(whole.read(1_000_000))
    with pytest.raises(LLMError, match=r"cut\.gguf.*damaged"):
        LlamaServer(cut)


async def test_the_folder_of_the_example_room_reads_without_a_fault(library: Library) -> None:
    assert library.skipped == ()
    assert (await library.progress()).passages >= 100
    assert "劳动合同" in await library.titles("zh")
