"""A model file (GGUF) run by llama.cpp in this process, as an OpenAI-compatible server on loopback: the only importer of xllamacpp."""

import secrets
from pathlib import Path

from app.config import Settings
from app.errors import ConfigError
from app.llm.langchain import LangChainModel, open_model
from app.llm.pull import MODELS

PREFIX = "local:"
CONTEXT_TOKENS = 4096
"""Enough for the prompt (about 1,500 tokens at most) and two drafts."""


def model_file(settings: Settings) -> Path:
    """Return the file that `local:…` names: a path, or the name of a model that was pulled. Raises ConfigError."""
    name = settings.llm.removeprefix(PREFIX)
    path = Path(settings.models) / MODELS[name].file if name in MODELS else Path(name).expanduser()
    hint = f"youju llm pull {name}" if name in MODELS else f"give a .gguf file, or one of {', '.join(MODELS)}"
    try:
        with path.open("rb") as file:
            is_model = file.read(4) == b"GGUF"
    except OSError as error:
        raise ConfigError(f"setting llm names {path}, which cannot be read ({error.strerror}); {hint}") from error
    if not is_model:
        raise ConfigError(f"setting llm names {path}, which is no GGUF file; {hint}")
    return path


class LocalServer:
    """llama.cpp with one model, reached through loopback with a key that only this process knows."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        """Load the model (seconds). Raises ConfigError if xllamacpp is missing or the file is no model it can run."""
        try:
            import xllamacpp
        except ImportError as error:
            raise ConfigError("a local model needs llama.cpp; run: pip install -e '.[local-llm]'") from error
        self.key = secrets.token_urlsafe(24)
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.n_ctx = CONTEXT_TOKENS
        parameters.n_parallel = 1
        parameters.port = 0
        parameters.api_keys = [self.key]
        parameters.ui = False
        parameters.verbosity = -1
        if threads:
            parameters.cpuparams.n_threads = threads
        try:
            self._server = xllamacpp.Server(parameters)
        except RuntimeError as error:
            raise ConfigError(f"llama.cpp cannot run {path}; it is cut short, or of a kind it does not know") from error
        self.url = f"{self._server.listening_address}/v1"


def open_local(settings: Settings) -> LangChainModel:
    """Load the model that the settings name. Raises ConfigError."""
    path = model_file(settings)
    server = LocalServer(path, settings.threads)
    model = open_model(settings, server.url, server.key, path.stem)
    model.server = server
    return model
