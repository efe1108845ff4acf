"""The embedded language model: llama.cpp's server inside this process, on a loopback port of its own."""

import secrets
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from knowledge.errors import LLMError

_MAGIC: Final = b"GGUF"
_SLOTS: Final = 2
"""One for each language a room answers in, so that both prompts' beginnings stay evaluated."""


class LlamaServer:
    """A GGUF model behind an OpenAI-compatible address, for :class:`knowledge.llm.OpenAIChat`.

    Loading blocks for seconds and a crash of the engine takes its process along, so it lives in a worker process.
    """

    def __init__(self, model: Path, *, threads: int = 1, context: int = 4096) -> None:
        """``context``: tokens a request may use, prompt and answer. Raises :class:`LLMError` when the file is
        missing or broken.
        """
        _check(model)
        import xllamacpp

        self.api_key: Final = secrets.token_urlsafe(24)
        """Keeps other users of this machine, and web pages open on it, from using the port."""
        try:
            self._server: Any = xllamacpp.Server(_parameters(xllamacpp, model, threads, context, self.api_key))
        except Exception as error:
            raise LLMError(
                f"the language model {model} cannot be loaded ({error}): the file is damaged or of a kind this "
                "llama.cpp does not know; delete it and fetch it again",
                retryable=False,
            ) from error
        self.base_url: Final = f"{self._server.listening_address}/v1"

    def endpoint(self) -> tuple[str, str]:
        """(base URL, API key), as :class:`knowledge.llm.OpenAIChat` takes them."""
        return self.base_url, self.api_key

    def close(self) -> None:
        self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check(model: Path) -> None:
    try:
        with model.open("rb") as stream:
            magic = stream.read(len(_MAGIC))
    except OSError as error:
        raise LLMError(
            f"the language model {model} cannot be read ({error.strerror}): fetch it again", retryable=False
        ) from error
    if magic != _MAGIC:
        raise LLMError(f"{model} is not a GGUF model: delete it and fetch it again", retryable=False)


def _parameters(xllamacpp: Any, model: Path, threads: int, context: int, api_key: str) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_parallel = _SLOTS
    parameters.n_ctx = context * _SLOTS
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.n_threads_http = 2
    parameters.n_gpu_layers = 0
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [api_key]
    parameters.cors_origins = ""
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.cache_prompt = True
    # Prompts pushed out of both slots (another room's persona) are kept here, some 30 kB a token.
    parameters.cache_ram_mib = 256
    parameters.verbosity = 0
    # The room warms its own prompt; an empty run and a look for GPU memory only delay that.
    parameters.warmup = False
    parameters.fit_params = False
    return parameters
