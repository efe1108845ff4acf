"""The language model: any server that speaks OpenAI's chat completions, one client for all."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self

import httpx

from knowledge.errors import LLMError

_log = logging.getLogger(__name__)

_LOOPBACK: Final = re.compile(r"https?://(?:127\.0\.0\.1|localhost|\[::1\])(?::|/|$)")


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


class ChatModel(Protocol):
    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0, stop: Sequence[str] = ()
    ) -> AsyncGenerator[str, None]:
        """The reply's text as it is made. Closing the iterator stops the model. Raises :class:`LLMError`."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. The first token of a long prompt may take many on a small machine; later ones never do."""

    connect: float = 5.0
    read: float = 60.0


class OpenAIChat:
    """Streams chat completions over HTTP (https://platform.openai.com/docs/api-reference/chat/streaming).

    A request that fails before its first token is tried again ``retries`` times when that can help.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        timeouts: Timeouts | None = None,
        retries: int = 1,
    ) -> None:
        """``base_url`` ends before ``/chat/completions``: ``http://localhost:11434/v1``."""
        timeouts = timeouts or Timeouts()
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._model = model
        self._retries = retries
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect),
            # llama.cpp's server may close a connection in the moment in which it is used again; here a new one is free.
            limits=httpx.Limits(max_keepalive_connections=0 if _LOOPBACK.match(base_url) else None),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0, stop: Sequence[str] = ()
    ) -> AsyncGenerator[str, None]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
        }
        if stop:
            body["stop"] = list(stop)
        attempt = 0
        while True:
            started = False
            try:
                async with aclosing(self._attempt(body)) as texts:
                    async for text in texts:
                        started = True
                        yield text
                return
            except LLMError as error:
                attempt += 1
                if started or not error.retryable or attempt > self._retries:
                    raise
                _log.warning("%s (trying again)", error)
                await asyncio.sleep(0.2 * 2**attempt)

    async def _attempt(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        try:
            async with self._client.stream("POST", self._url, json=body) as response:
                if response.status_code != 200:
                    raise self._refused(response.status_code, (await response.aread()).decode("utf-8", "replace"))
                finished = False
                # Read to the very end, past "[DONE]": only then is the connection kept for the next question.
                async for line in response.aiter_lines():
                    data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
                    if data == "[DONE]":
                        finished = True
                    elif data:
                        text, ended = self._delta(data)
                        finished = finished or ended
                        if text:
                            yield text
                if not finished:
                    raise LLMError(f"the language model at {self._url} broke off in the middle of its answer")
        except httpx.TimeoutException as error:
            raise LLMError(
                f"the language model at {self._url} did not answer in time: it is overloaded or hangs; "
                "check its load, or choose a smaller model"
            ) from error
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise LLMError(
                f"cannot reach the language model at {self._url} ({reason}): check that it runs and that llm.base_url "
                "names it"
            ) from error
        except httpx.InvalidURL as error:
            raise LLMError(
                f"{self._url} is no valid address: correct llm.base_url ({error})", retryable=False
            ) from error

    def _delta(self, data: str) -> tuple[str, bool]:
        """(text, whether the model says it has finished) of one server-sent event."""
        try:
            event = json.loads(data)
            if "error" in event:
                raise LLMError(f"the language model at {self._url} failed: {_shorten(json.dumps(event['error']))}")
            choices = event.get("choices") or [{}]
            text = choices[0].get("delta", {}).get("content") or ""
            if not isinstance(text, str):
                raise TypeError(type(text).__name__)
            return text, choices[0].get("finish_reason") is not None
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            raise LLMError(
                f"{self._url} answers, but not as an OpenAI-compatible chat server does ({_shorten(data)!r}): "
                "check llm.base_url",
                retryable=False,
            ) from error

    def _refused(self, status: int, body: str) -> LLMError:
        advice = {
            401: "check the API key",
            403: "check the API key and what it may use",
            404: f"check llm.base_url and the model's name {self._model!r}",
            429: "it is over its limit; wait or raise the limit",
        }.get(status, "check its log" if status >= 500 else "check llm.base_url and llm.model")
        return LLMError(
            f"the language model at {self._url} answered {status} ({_shorten(body)}): {advice}",
            retryable=status >= 500 or status in (408, 429),
        )


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:200]}…"
