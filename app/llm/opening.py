"""The chat model that the settings name, opened when it is first needed: loading a file takes seconds."""

import threading
from collections.abc import Generator, Sequence

from app.config import Settings
from app.errors import ConfigError, ModelError
from app.types import ChatModel, Message, Piece


class DeferredModel:
    """A chat model that is opened once, by `open` or by the first question."""

    def __init__(self, settings: Settings) -> None:
        self.name = settings.llm_model or settings.llm.removeprefix("local:") or "default"
        self._settings = settings
        self._lock = threading.Lock()
        self._model: ChatModel | None = None

    def open(self) -> ChatModel:
        """Return the model itself. Raises ConfigError if it cannot be opened."""
        with self._lock:
            self._model = self._model or open_chat_model(self._settings)
        return self._model

    def stream(self, messages: Sequence[Message], seconds: float) -> Generator[Piece]:
        """Yield what the model writes. Raises ModelError, also where it cannot be opened."""
        try:
            model = self.open()
        except ConfigError as error:
            raise ModelError("model", str(error)) from error
        return model.stream(messages, seconds)


def open_chat_model(settings: Settings) -> ChatModel:
    """Open the chat model of the settings. Raises ConfigError."""
    if settings.llm.startswith("local:"):
        from app.llm.local import open_local

        return open_local(settings)
    if not settings.has_llm:
        raise ConfigError("no language model is set up; give llm_url and llm_model, or llm (see youju doctor)")
    from app.llm.langchain import open_model

    return open_model(settings)
