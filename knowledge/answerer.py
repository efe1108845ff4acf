"""The answerer: finds, has the language model put it in a few sentences, and lets none through that is not grounded."""

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

from knowledge import prompt
from knowledge.answer import Citation, Context, Refusal, Sentence
from knowledge.checking import carries
from knowledge.dialogue import leans
from knowledge.embedding import Embedder
from knowledge.errors import LLMError
from knowledge.facts import Fact, choose_facts
from knowledge.glossing import glossed, unglossed
from knowledge.grounding import leaks, overlap, read_marks
from knowledge.guard import allowed
from knowledge.library import Library
from knowledge.llm import ChatModel
from knowledge.retrieval import Found
from knowledge.sentences import SentenceSplitter, ideographs
from knowledge.words import stem, topical

_log = logging.getLogger(__name__)

_MAX_QUESTION: Final = 300
"""Characters; what follows is cut: nobody asks a host a page, and a small model loses its instructions over one."""
_MAX_SENTENCES: Final = 3
_MAX_TOKENS: Final = 220
_STOP: Final = ("\n\n", "问题：", "Question:", "资料：", "Facts:")
_OFFER: Final = {"zh": "您可以问我：{titles}。", "en": " You can ask me about: {titles}."}
_SEPARATOR: Final = {"zh": "、", "en": ", "}
_AGAIN: Final = 0.75
"""Overlap with what has been said from which a sentence says it again."""
_OWN_WORDS: Final = 0.9
"""Overlap with a fact from which a sentence is in its words."""
_SPEAKS_OF_IT: Final = 0.25
"""Share of the question that a quote must have where it is not sure that the documents answer it."""
_SHORT: Final = 60.0
_LONG: Final = 120.0
"""Ideographs: below the first an answer is filled up, as long as it stays below the second; half a minute of speech."""
_WORTH_SAYING: Final = 0.08
"""How much less worth than the best a fact may be, to be quoted beside it."""
_NEAR: Final = 0.3
"""Overlap with a fact from which a sentence that it does not carry was meant to say what it says."""
_TRANSLATING: Final = 0.015
"""What a translation must gain in score over a quotation: of 304 questions about the legal room the best passage is
right for 256, as without, and in the viewer's language for 227 rather than 212; 0.03 costs thirteen right ones."""
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
        self.llm = llm

    async def aclose(self) -> None:
        """Close the library; the language model is the caller's."""
        await self.library.aclose()

    async def answer(self, question: str, context: Context) -> AsyncIterator[Sentence | Refusal]:
        """See :meth:`knowledge.answer.Answerer.answer`. When the model fails, the best passage is quoted instead."""
        question = " ".join(question.split())[:_MAX_QUESTION]
        if not allowed(question):
            _log.info("not allowed")
            yield await self._refusal(context, "not_allowed")
            return
        found = await self.library.search(question, language=context.language)
        if context.turns and leans(question) and not found.sure:
            whole = f"{context.turns[-1].question} {question}"
            found = await self.library.search(whole, language=context.language)
            question = prompt.leaning(question, context)
        if not found.covered:
            _log.info("not covered: %d passages found", len(found.hits))
            yield await self._refusal(context)
            return
        said = False
        async with aclosing(self._answer(question, found, context)) as sentences:
            async for sentence in sentences:
                said = True
                yield sentence
        if not said:
            _log.info("not covered: the model declined")
            yield await self._refusal(context)

    async def _answer(self, question: str, found: Found, context: Context) -> AsyncGenerator[Sentence, None]:
        """From what is in one language: a small model mixes up what it reads in two."""
        here, abroad = found.split(context.language)
        said = False
        if abroad.hits and abroad.score > here.score + _TRANSLATING:
            async with aclosing(self._translated(_Draft(question, abroad, context))) as sentences:
                async for sentence in sentences:
                    said = True
                    yield sentence
        if here.covered and not said:
            async with aclosing(self._composed(_Draft(question, here, context))) as sentences:
                async for sentence in sentences:
                    yield sentence

    async def _composed(self, draft: "_Draft") -> AsyncGenerator[Sentence, None]:
        """Quotes and the model's own sentences, from documents in the viewer's language."""
        if draft.found.likely and (first := draft.quote_next()):
            # Said at once: the model reads some hundred tokens before it can say anything.
            yield first
        declined = False
        try:
            async with aclosing(self._sentences(draft)) as raws:
                async for raw in raws:
                    if declined := draft.declines(raw):
                        break
                    if sentence := draft.admit(raw):
                        yield sentence
                    if draft.said >= _MAX_SENTENCES:
                        break
        except LLMError as error:
            _log.warning("quoting the best passage: %s", error)
        if draft.said or draft.found.likely or not declined:
            for sentence in draft.rest():
                yield sentence

    async def _translated(self, draft: "_Draft") -> AsyncGenerator[Sentence, None]:
        """The best passage's statements in the viewer's language.

        A small model that is asked to answer in one language from facts in another makes things up, which rules hardly
        see across languages; a statement by itself it translates well.
        """
        try:
            for fact in draft.next_facts():
                if sentence := draft.translated(await self._translation(draft, fact), fact):
                    yield sentence
        except LLMError as error:
            _log.warning("nothing to say in %s: %s", draft.context.language, error)

    async def _translation(self, draft: "_Draft", fact: Fact) -> str:
        messages = prompt.translation(glossed(fact.text, draft.found.sought), draft.context)
        async with aclosing(self.llm.stream(messages, max_tokens=_MAX_TOKENS, stop=("\n",))) as deltas:
            return unglossed("".join([delta async for delta in deltas]), draft.found.sought)

    async def _sentences(self, draft: "_Draft") -> AsyncGenerator[str, None]:
        splitter = SentenceSplitter()
        messages = prompt.messages(draft.question, draft.facts, draft.context, draft.texts)
        async with aclosing(self.llm.stream(messages, max_tokens=_MAX_TOKENS, stop=_STOP)) as deltas:
            async for delta in deltas:
                for sentence in splitter.feed(delta):
                    yield sentence
        for sentence in splitter.finish():
            yield sentence

    async def _refusal(
        self, context: Context, reason: Literal["not_covered", "not_allowed"] = "not_covered"
    ) -> Refusal:
        titles = (await self.library.titles(context.language))[:_OFFERED_TITLES]
        text = context.refusal.strip()
        if titles:
            separator = _SEPARATOR.get(context.language, ", ")
            text = f"{text}{_OFFER.get(context.language, _OFFER['en']).format(titles=separator.join(titles))}"
        return Refusal(text, reason)


class _Draft:
    """One answer in the making: numbers its citations and admits its sentences."""

    def __init__(self, question: str, found: Found, context: Context) -> None:
        self.question = question
        self.facts = facts = choose_facts(found, question)
        self.found = found
        self.context = context
        self.texts: list[str] = []
        """What has been said."""
        self._instructions = "\n".join(message.content for message in prompt.prefix(context))
        self._numbered: dict[int, Citation] = {}
        self.by_worth = sorted(facts, key=lambda fact: -fact.worth)

    @property
    def said(self) -> int:
        return len(self.texts)

    @property
    def enough(self) -> bool:
        """Whether this is an answer's length."""
        return self.said >= _MAX_SENTENCES or sum(map(ideographs, self.texts)) >= _SHORT

    def declines(self, raw: str) -> bool:
        return prompt.says_not_covered(raw, self.context)

    def admit(self, raw: str) -> Sentence | None:
        """The sentence with its citations; the words of the fact it is nearest to where no fact carries it; or None."""
        text, marked = read_marks(raw)
        if not text or leaks(text, self._instructions, self.facts, self.context.language):
            return None
        if self._again(text) or self._echoes(text):
            return None
        for facts in self._groups(marked):
            if carries(text, "\n".join((facts[0].passage.heading, *(fact.text for fact in facts)))):
                return self._say(text, facts)
        nearest = max(self.facts, key=lambda fact: overlap(text, fact.text))
        named = next((fact for fact in self.facts if fact.n in marked), nearest)
        for fact in (nearest, named):
            if overlap(text, fact.text) >= _NEAR and (sentence := self._quote(fact)):
                return sentence
        return None

    def quote_next(self) -> Sentence | None:
        """The best fact that has not been said, in its own words."""
        return next((sentence for sentence in map(self._quote, self.by_worth) if sentence), None)

    def next_facts(self) -> Iterator[Fact]:
        """What an answer is too short without, as long as it is."""
        worth = self.by_worth[0].worth - _WORTH_SAYING
        for fact in self.by_worth:
            if self.enough or fact.worth < worth:
                return
            yield fact

    def rest(self) -> Iterator[Sentence]:
        """Quotes that an answer is too short without."""
        for fact in self.next_facts():
            said = sum(map(ideographs, self.texts))
            if said + ideographs(fact.text) <= _LONG and (sentence := self._quote(fact)):
                yield sentence

    def translated(self, raw: str, fact: Fact) -> Sentence | None:
        """A fact in the viewer's language, if that is what it says."""
        text, _ = read_marks(raw)
        if not text or self._again(text) or not carries(text, f"{fact.passage.heading}\n{fact.text}"):
            return None
        return self._say(text, (fact,))

    def _quote(self, fact: Fact) -> Sentence | None:
        if any(overlap(fact.text, said) >= _AGAIN for said in self.texts):
            return None
        if not (self.texts or self.found.likely) and self.found.coverage(fact.text) < _SPEAKS_OF_IT:
            return None
        text = fact.text
        if not self.texts and (basis := prompt.basis(self.question, fact.passage, self.context)):
            text = f"{basis}{text}"
        return self._say(text, (fact,), quoted=True)

    def _again(self, text: str) -> bool:
        return any(max(overlap(text, said), overlap(said, text)) >= _AGAIN for said in self.texts)

    def _echoes(self, text: str) -> bool:
        """Whether a sentence only says the question again, as a small model does with a yes or a no before it, or a
        heading.
        """
        said = _letters(text)
        if any(said in _letters(fact.passage.locator) for fact in self.facts):
            return True
        if any(overlap(text, fact.text) >= _OWN_WORDS for fact in self.facts):
            return False
        asked = frozenset(map(stem, topical(self.question)))
        return asked.issuperset(map(stem, topical(text)))

    def _groups(self, marked: Sequence[int]) -> Iterator[tuple[Fact, ...]]:
        """What a sentence may rest on: what it names, one fact, or those of one passage."""
        if named := tuple(fact for fact in self.facts if fact.n in marked):
            yield named
        yield from ((fact,) for fact in self.facts)
        for _, group in groupby(self.facts, key=lambda fact: fact.passage):
            yield tuple(group)

    def _say(self, text: str, facts: tuple[Fact, ...], *, quoted: bool = False) -> Sentence:
        self.texts.append(text)
        return Sentence(text, tuple(self._cite(fact) for fact in facts), quoted)

    def _cite(self, fact: Fact) -> Citation:
        return self._numbered.setdefault(fact.n, fact.citation(len(self._numbered) + 1))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


async def open_knowledge(documents: Path, database: Path, embedder: Embedder, llm: ChatModel) -> CitedAnswerer:
    """Index a folder of documents and answer from it. See :meth:`knowledge.library.Library.open` for errors."""
    started = time.perf_counter()
    library = await Library.open(documents, database, embedder)
    progress = await library.progress()
    _log.info("%s: %d passages, read in %.1f s", documents, progress.passages, time.perf_counter() - started)
    return CitedAnswerer(library, llm)
