"""The answerer: finds, has the language model put it in a few sentences, and lets none through that is not grounded."""

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Final

from knowledge import prompt
from knowledge.answer import Citation, Context, Refusal, Sentence
from knowledge.embedding import Embedder
from knowledge.errors import LLMError
from knowledge.facts import Fact, choose_facts
from knowledge.grounding import faithful, invents_numbers, leaks, overlap, read_marks, rests_on, supporting
from knowledge.library import Library
from knowledge.llm import ChatModel
from knowledge.sentences import SentenceSplitter

_log = logging.getLogger(__name__)

_MAX_QUESTION: Final = 300
"""Characters; what follows is cut: nobody asks a host a page, and a small model loses its instructions over one."""
_MAX_SENTENCES: Final = 3
_MAX_TOKENS: Final = 220
_STOP: Final = ("\n\n", "问题：", "Question:", "资料：", "Facts:")
_OFFER: Final = {"zh": "您可以问我：{titles}。", "en": "You can ask me about: {titles}."}
_SEPARATOR: Final = {"zh": "、", "en": ", "}
_OFFERED_TITLES: Final = 3


async def warm(llm: ChatModel, context: Context) -> None:
    """Have a model read the part of the prompt that all questions share, so that the first is not slow.

    Raises :class:`LLMError`.
    """
    # The last message only ends the shared part; the model keeps what came before it.
    async for _ in llm.stream(prompt.messages("", (), context), max_tokens=1):
        pass


class CitedAnswerer:
    """A :class:`knowledge.answer.Answerer` over one room's library."""

    def __init__(self, library: Library, llm: ChatModel) -> None:
        self.library = library
        self._llm = llm

    async def aclose(self) -> None:
        """Close the library; the language model is the caller's."""
        await self.library.aclose()

    async def answer(self, question: str, context: Context) -> AsyncIterator[Sentence | Refusal]:
        """See :meth:`knowledge.answer.Answerer.answer`. When the model fails, the best passage is quoted instead."""
        question = " ".join(question.split())[:_MAX_QUESTION]
        found = await self.library.search(question, language=context.language)
        if not found.covered:
            _log.info("not covered: %d passages found", len(found.hits))
            yield await self._refusal(context)
            return
        facts = choose_facts(question, found.hits)
        draft = _Draft(question, facts, context)
        try:
            async with aclosing(self._sentences(question, facts, context)) as sentences:
                async for raw in sentences:
                    if draft.declines(raw):
                        break
                    if sentence := draft.admit(raw):
                        yield sentence
                    if draft.said >= _MAX_SENTENCES:
                        break
        except LLMError as error:
            _log.warning("quoting the best passage: %s", error)
            if not draft.said:
                for sentence in draft.quote_best():
                    yield sentence
            return
        if not draft.said and found.sure:
            _log.info("quoting the best passage: the model declined a question that the documents cover")
            for sentence in draft.quote_best():
                yield sentence
        elif not draft.said:
            _log.info("not covered: the model declined")
            yield await self._refusal(context)

    async def _sentences(self, question: str, facts: tuple[Fact, ...], context: Context) -> AsyncGenerator[str, None]:
        splitter = SentenceSplitter()
        messages = prompt.messages(question, facts, context)
        async with aclosing(self._llm.stream(messages, max_tokens=_MAX_TOKENS, stop=_STOP)) as deltas:
            async for delta in deltas:
                for sentence in splitter.feed(delta):
                    yield sentence
        for sentence in splitter.finish():
            yield sentence

    async def _refusal(self, context: Context) -> Refusal:
        titles = (await self.library.titles(context.language))[:_OFFERED_TITLES]
        text = context.refusal.strip()
        if titles:
            separator = _SEPARATOR.get(context.language, ", ")
            text = f"{text}{_OFFER.get(context.language, _OFFER['en']).format(titles=separator.join(titles))}"
        return Refusal(text, "not_covered")


class _Draft:
    """One answer in the making: numbers its citations and admits its sentences."""

    def __init__(self, question: str, facts: tuple[Fact, ...], context: Context) -> None:
        self._question = question
        self._facts = facts
        self._context = context
        self._instructions = "\n".join(message.content for message in prompt.prefix(context))
        self._numbered: dict[int, Citation] = {}
        self._texts: set[str] = set()

    @property
    def said(self) -> int:
        return len(self._texts)

    def declines(self, raw: str) -> bool:
        return prompt.says_not_covered(raw, self._context)

    def admit(self, raw: str) -> Sentence | None:
        """The sentence with its citations; the fact's own words where the model's cannot be trusted; or None."""
        text, marked = read_marks(raw)
        if not text or leaks(text, self._instructions, self._facts, self._context.language):
            return None
        facts = supporting(text, marked, self._facts)
        if facts and not rests_on(text, facts):
            return None
        if facts and invents_numbers(text, self._question, facts):
            # The mark may be wrong while the number is right.
            facts = tuple(fact for fact in self._facts if not invents_numbers(text, self._question, (fact,)))[:1]
        if not facts:
            nearest = max(self._facts, key=lambda fact: overlap(text, fact.text))
            text, facts = nearest.text, (nearest,)
        text = faithful(text, self._facts)
        return self._say(text, tuple(fact for fact in self._facts if fact.text == text) or facts)

    def quote_best(self) -> list[Sentence]:
        """The best passage in its own words."""
        best = self._facts[0].passage
        quoted = (self._say(fact.text, (fact,)) for fact in self._facts if fact.passage == best)
        return [sentence for sentence in quoted if sentence][:_MAX_SENTENCES]

    def _say(self, text: str, facts: tuple[Fact, ...]) -> Sentence | None:
        if text in self._texts:
            return None
        self._texts.add(text)
        return Sentence(text, tuple(self._cite(fact) for fact in facts))

    def _cite(self, fact: Fact) -> Citation:
        return self._numbered.setdefault(fact.n, fact.citation(len(self._numbered) + 1))


async def open_knowledge(documents: Path, database: Path, embedder: Embedder, llm: ChatModel) -> CitedAnswerer:
    """Index a folder of documents and answer from it. See :meth:`knowledge.library.Library.open` for errors."""
    started = time.perf_counter()
    library = await Library.open(documents, database, embedder)
    progress = await library.progress()
    _log.info("%s: %d passages, read in %.1f s", documents, progress.passages, time.perf_counter() - started)
    return CitedAnswerer(library, llm)
