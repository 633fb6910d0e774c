"""The only importer of langchain: chat models by setting, streamed with deadlines; YouJu as a retriever and a runnable."""

import asyncio
import logging
import queue
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import aclosing
from typing import Any, Protocol, runtime_checkable

import httpx2
import openai
from langchain.chat_models import init_chat_model
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document as LangChainDocument
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_openai import ChatOpenAI
from pydantic import ConfigDict, SecretStr

from app.config import Settings
from app.errors import ConfigError, ModelError
from app.types import Answer, Message, Passage, Piece

CONNECT_SECONDS = 5.0
"""A server that takes longer to accept a connection counts as down."""

BEAT = 0.25
"""So soon, in seconds, a stream that nobody listens to any more can be closed while the model is silent."""

log = logging.getLogger(__name__)


class LangChainModel:
    """A LangChain chat model that keeps to deadlines and stops writing when nobody listens.

    It runs on an event loop of its own: a task there can be cancelled at any moment, which closes its HTTP request.
    """

    def __init__(self, make: Callable[[], BaseChatModel], name: str, silence_seconds: float) -> None:
        self.name = name
        self.server: object = None
        """What has to live as long as the model does: the server of a local one."""
        self._silence = silence_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="llm", daemon=True)
        self._thread.start()
        self._model = make()

    def close(self) -> None:
        """End the requests under way, close the connections and stop the event loop."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        if isinstance(self._model, ChatOpenAI):
            await self._model.root_async_client.close()
            self._model.root_client.close()

    def stream(self, messages: Sequence[Message], seconds: float) -> Generator[Piece]:
        """Yield what the model writes, an empty piece each BEAT of silence; closing the iterator closes the request.

        Raises ModelError.
        """
        pieces: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        task = asyncio.run_coroutine_threadsafe(self._write(messages, pieces), self._loop)
        task.add_done_callback(lambda _: pieces.put(None))
        heard = time.monotonic()
        deadline = heard + seconds
        try:
            while True:
                left = min(deadline, heard + self._silence) - time.monotonic()
                try:
                    piece = pieces.get(timeout=max(0.0, min(left, BEAT)))
                except queue.Empty:
                    if left <= BEAT:
                        late = f"the language model {self.name} did not answer in time"
                        raise ModelError("timeout", late) from None
                    yield Piece("")
                    continue
                if piece is None:
                    break
                heard = time.monotonic()
                yield piece
            _outcome(task)
        finally:
            task.cancel()

    async def _write(self, messages: Sequence[Message], pieces: "queue.SimpleQueue[Piece | None]") -> None:
        stream: AsyncIterator[Any] = self._model.astream([*messages])
        async with aclosing(stream) as chunks:  # type: ignore[type-var]
            end = ""
            async for chunk in chunks:
                pieces.put(_piece(chunk))
                end = chunk.response_metadata.get("finish_reason") or end
        if end == "length" or (not end and isinstance(self._model, ChatOpenAI)):
            raise _CutOff


def _piece(chunk: AIMessageChunk) -> Piece:
    usage = chunk.usage_metadata
    return Piece(str(chunk.text), usage["input_tokens"], usage["output_tokens"]) if usage else Piece(str(chunk.text))


def _outcome(task: "Future[None]") -> None:
    """Raise what a request ended with as a ModelError; whatever a server or an adapter does is one."""
    error = task.exception()
    if isinstance(error, Exception):
        log.info("the language model failed: %s", type(error).__name__)
        raise _as_model_error(error)  # Without a cause: that may quote the request, and with it the key.


class _CutOff(Exception):
    """A stream ended before the model said that it was done, or at the limit of its tokens."""


_STATUS = {401: "key", 403: "key", 404: "model", 408: "timeout", 413: "overflow", 429: "busy", 504: "timeout"}
_TOO_LONG = re.compile(r"context.?(?:length|size|window)|exceed_context|too long|maximum context", re.IGNORECASE)
_KINDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((openai.APITimeoutError, httpx2.TimeoutException, TimeoutError), "timeout"),
    ((httpx2.ConnectError, openai.APIConnectionError), "down"),
    ((httpx2.TransportError, _CutOff), "cut"),
)
_MESSAGES = {
    "timeout": "the language model did not answer in time",
    "down": "the language model's server cannot be reached",
    "cut": "the language model broke off",
    "silent": "the language model answered with nothing",
    "overflow": "the prompt is longer than the language model's context",
}


def _as_model_error(error: Exception) -> ModelError:
    """Say what failed, by kind and HTTP status; the server's own words are left out, they may hold the key."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        kind = "server" if status >= 500 else "malformed"
        kind = "overflow" if status == 400 and _TOO_LONG.search(str(error)) else _STATUS.get(status, kind)
        return ModelError(kind, f"the language model's server answered with HTTP status {status}")
    kind = next((kind for types, kind in _KINDS if isinstance(error, types)), "")
    kind = kind or ("silent" if "No generation chunks" in str(error) else "malformed")
    unread = f"the language model's answer cannot be read ({type(error).__name__})"
    return ModelError(kind, _MESSAGES.get(kind, unread))


def open_model(settings: Settings, url: str = "", key: str = "", name: str = "") -> LangChainModel:
    """Return the chat model of the settings, or of an OpenAI-compatible server at `url`. Raises ConfigError."""
    url, key = url or settings.llm_url, key or settings.llm_api_key
    name = name or settings.llm_model

    def make() -> BaseChatModel:
        if url:
            return _openai_compatible(settings, url, key, name or "default")
        return _by_provider(settings, key)

    return LangChainModel(make, name or settings.llm, settings.llm_silence_seconds)


def _openai_compatible(settings: Settings, url: str, key: str, name: str) -> ChatOpenAI:
    timeout = httpx2.Timeout(settings.llm_silence_seconds, connect=CONNECT_SECONDS)
    # A proxy of the environment is for other machines: a server on this one is asked directly.
    is_own = httpx2.URL(url).host in ("127.0.0.1", "localhost", "::1")
    return ChatOpenAI(
        model=name,
        base_url=url,
        api_key=SecretStr(key or "none"),
        temperature=0.0,
        extra_body={"max_tokens": settings.llm_max_tokens},
        timeout=timeout,
        max_retries=0,
        stream_usage=True,
        use_responses_api=False,
        http_client=httpx2.Client(timeout=timeout, trust_env=not is_own),
        http_async_client=httpx2.AsyncClient(timeout=timeout, trust_env=not is_own),
    )


def _by_provider(settings: Settings, key: str) -> BaseChatModel:
    """Return a model by LangChain's name, provider:model; its integration package has to be installed."""
    options: dict[str, Any] = {"temperature": 0.0, "max_tokens": settings.llm_max_tokens, "max_retries": 0}
    if key:
        options["api_key"] = key
    try:
        model: BaseChatModel = init_chat_model(settings.llm, **options)
    except (ImportError, ValueError) as error:
        reason = str(error).replace(key, "…") if key else str(error)
        raise ConfigError(f"setting llm is {settings.llm!r}: {reason.splitlines()[0]}") from None
    return model


@runtime_checkable
class Engine(Protocol):
    """What the adapters need of an assistant."""

    def ask(self, question: str) -> Answer: ...

    def search(self, query: str, passages: int | None = None) -> tuple[Passage, ...]: ...


class YouJuRetriever(BaseRetriever):
    """Retrieves passages; the metadata of each holds document id, offsets and headings."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    assistant: Engine
    passages: int = 10

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[LangChainDocument]:
        """Return the best passages, best first. Raises QuestionError for an empty query."""
        return [
            LangChainDocument(
                id=passage.chunk.id,
                page_content=passage.chunk.text,
                metadata={
                    "document_id": passage.chunk.document_id,
                    "heading": list(passage.chunk.heading),
                    "start": passage.chunk.span.start,
                    "end": passage.chunk.span.end,
                    "score": passage.score,
                },
            )
            for passage in self.assistant.search(query, self.passages)
        ]


def answering(assistant: Engine) -> Runnable[str, dict[str, Any]]:
    """Return a runnable from a question to the contract's Answer JSON, its sentences verified. Raises QuestionError."""

    def ask(question: str) -> dict[str, Any]:
        return assistant.ask(question).to_json()

    return RunnableLambda(ask, name="YouJu")
