"""`youju doctor`: looks at settings, encoder, corpus and index, and says what to do."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.config import SECRETS, Settings
from app.errors import ModelError, YouJuError
from app.types import Encoder


@dataclass(frozen=True, slots=True)
class Checkup:
    """One thing that was looked at."""

    name: str
    is_fine: bool
    text: str


def examine(settings: Settings) -> Iterator[Checkup]:
    """Yield a checkup of each part, the first that others depend on first."""
    yield _try("settings", lambda: ", ".join(f"{name}={_shown(settings, name)}" for name in settings.__slots__))
    encoders: list[Encoder] = []
    yield _try("encoder", lambda: _encoder(settings, encoders))
    yield _try("corpus", lambda: _corpus(settings))
    yield _try("index", lambda: _index(settings, encoders))
    yield _try("language model", lambda: _model(settings))


def _shown(settings: Settings, name: str) -> object:
    """Return a setting fit to be shown: no key, and an address without its password."""
    from app.stores import place_of

    value = getattr(settings, name)
    if name == "index_url" and value:
        return place_of(settings)
    if name in SECRETS:
        return "(set)" if value else ""
    return re.sub(r"//[^/@]*@", "//", value) if name == "llm_url" else value


def _try(name: str, check: Callable[[], str]) -> Checkup:
    try:
        return Checkup(name, True, check())
    except YouJuError as error:
        return Checkup(name, False, str(error))


def _encoder(settings: Settings, encoders: list[Encoder]) -> str:
    from app.encoders import load_encoder

    encoder = load_encoder(settings.encoder, threads=settings.threads)
    encoder.encode_queries(["试一试"])
    encoders.append(encoder)
    return f"{encoder.name}, {encoder.dim} dimensions, weights {encoder.fingerprint[:12]}"


def _corpus(settings: Settings) -> str:
    from app.loading import find_sources

    return f"{len(find_sources(Path(settings.corpus)))} files in {settings.corpus}"


def _index(settings: Settings, encoders: list[Encoder]) -> str:
    from app.stores import open_store, place_of

    fingerprint = encoders[0].fingerprint if encoders else None
    store = open_store(settings, settings.encoder, fingerprint)
    return f"{len(store.documents)} documents, {store.chunk_count} chunks in {place_of(settings)}"


HINTS = {
    "down": "is it running, and is llm_url right (with its /v1)?",
    "timeout": "give it more time (llm_seconds, llm_silence_seconds), or take a smaller model",
    "busy": "wait, or raise its limits",
    "key": "check llm_api_key",
    "model": "check llm_model, and that llm_url ends with /v1",
    "malformed": "is llm_url an OpenAI-compatible server (with its /v1)?",
    "silent": "is llm_url an OpenAI-compatible server (with its /v1)?",
}
"""What to do about a language model that fails, by the kind of its error."""


def _model(settings: Settings) -> str:
    """Ask the language model for a word. Raises ConfigError or ModelError."""
    if not settings.has_llm and settings.answerer != "llm":
        return "none; answers are extractive and need none"
    from app.llm.opening import open_chat_model

    model = open_chat_model(settings)
    started = time.perf_counter()
    try:
        written = "".join(piece.text for piece in model.stream([("user", "只回答一个字：好")], settings.llm_seconds))
    except ModelError as error:
        raise ModelError(error.kind, f"{error}; {HINTS.get(error.kind, 'look at its log')}") from error
    if not written.strip():
        raise ModelError("malformed", f"{model.name} answers with nothing")
    return f"{model.name} answers in {time.perf_counter() - started:.1f} s"
