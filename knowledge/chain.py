"""A chain of language models: the first that answers does; one that fails is left alone for a while."""

import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final

from knowledge.errors import LLMError
from knowledge.llm import ChatModel, Message

_log = logging.getLogger(__name__)

REST_S: Final = 30.0


class Chain:
    """A :class:`knowledge.llm.ChatModel` of several, in the order they are to be asked.

    One that fails before its first word gives way to the next, and is not asked again for ``rest_s`` unless all have
    failed. After the first word there is no going back: half an answer by one is not gone on with by another.
    """

    def __init__(
        self, models: Sequence[ChatModel], *, rest_s: float = REST_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._models = tuple(models)
        self._rest_s = rest_s
        self._clock = clock
        self._failed: dict[int, float] = {}

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0, stop: Sequence[str] = ()
    ) -> AsyncGenerator[str, None]:
        """Raises the last model's :class:`LLMError` when all fail."""
        now = self._clock()
        resting = {n for n, at in self._failed.items() if now - at < self._rest_s}
        order = [n for n in range(len(self._models)) if n not in resting] or list(range(len(self._models)))
        for n in order:
            started = False
            made = self._models[n].stream(messages, max_tokens=max_tokens, temperature=temperature, stop=stop)
            try:
                async with aclosing(made) as texts:
                    async for text in texts:
                        started = True
                        yield text
            except LLMError as error:
                self._failed[n] = self._clock()
                if started or n == order[-1]:
                    raise
                _log.warning("%s (asking the next model)", error)
            else:
                self._failed.pop(n, None)
                return

    async def aclose(self) -> None:
        for model in self._models:
            await model.aclose()
