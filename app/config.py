"""Settings: defaults < youju.toml < YOUJU_* environment < command-line flags. Unknown names are errors."""

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.addresses import parse_networks
from app.errors import ConfigError
from app.origins import parse_allowed

ENVIRONMENT_PREFIX = "YOUJU_"
FLAGS = {
    "passages": "-k",
    "root_path": "--root-path",
    "trusted_proxies": "--trusted-proxies",
    "allowed_origins": "--allowed-origins",
}
"""Flags that are not named as their setting is."""
LIMITS = ("limit_minute", "limit_day", "limit_streams", "limit_question_kb", "answers_waiting")
MIN_SECRET = 16
"""Characters of a key or secret; fewer can be guessed."""
SECRETS = frozenset({"secret", "api_keys", "llm_api_key"})
"""Settings whose value is never shown."""
KINDS = {str: "text", int: "a whole number", float: "a number"}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set; each name is also a key of youju.toml and, in capitals, a YOUJU_* variable."""

    corpus: str = "corpus"
    """Folder or file that `build` reads."""
    index: str = "index"
    """Folder that holds the built index."""
    index_url: str = ""
    """Milvus that holds the index instead of the folder: milvus://host:19530 or milvus://folder/file.db."""
    encoder: str = "e5-small-zh"
    """Embedding model: the shipped one, or any sentence-transformers model by name or folder."""
    reader: str = "reader-zh"
    """`reader-zh` lets the shipped model read the best passages again; empty uses none."""
    answerer: str = "extractive"
    """Who answers: `extractive` quotes sentences, `llm` has a language model write and verifies each sentence."""
    llm: str = ""
    """Language model: local:FILE.gguf, local:1.5b or local:0.5b (pulled), or any of LangChain's by provider:model."""
    llm_url: str = ""
    """OpenAI-compatible server of the language model, with its /v1; needs no `llm`."""
    llm_model: str = ""
    """Name of the model on that server."""
    llm_api_key: str = field(default="", repr=False)
    """Key for that server, or for the provider; never shown."""
    llm_seconds: float = 60.0
    """The language model has so long for an answer; then the extractive one is given."""
    llm_silence_seconds: float = 30.0
    """It may be silent so long: before its first word, and between words."""
    llm_max_tokens: int = 400
    """It may write so many tokens at a time."""
    models: str = "models"
    """Folder that `youju llm pull` writes to."""
    passages: int = 10
    """How many passages an answer lists."""
    dense_weight: float = 0.5
    """Share of the dense score in the fused one, 0 (BM25 only) to 1 (dense only)."""
    max_question_chars: int = 2000
    """Longer questions are cut there."""
    max_file_mb: float = 20.0
    """Larger text files are refused (a bulk .jsonl may be larger: it is read line by line)."""
    threads: int = 0
    """CPU threads of encoder and reader; 0 uses every core."""
    benchmarks: str = "benchmarks"
    """Folder of the public question sets that `python -m evals` measures with."""
    host: str = "127.0.0.1"
    """Address that the server listens on."""
    port: int = 7860
    """Port that the server listens on."""
    feedback: str = "feedback.sqlite"
    """File that ratings of answers are kept in; empty switches ratings off."""
    log_refusals: int = 0
    """1 keeps refused questions there too, for `python -m evals collect`."""
    chat_page: int = 1
    """0 serves no chat page at /: the API and the widget only, which starts sooner and takes less memory."""
    allowed_origins: str = ""
    """Web sites that may embed the widget, with commas: https://www.example.gov.cn, https://*.example.gov.cn."""
    secret: str = field(default="", repr=False)
    """Signs the widget's tokens; the same on every server that serves one site. Empty makes one for each process."""
    api_keys: str = field(default="", repr=False)
    """Keys, with commas; they open administration, and then every call of the API needs one or a token."""
    hosts: str = ""
    """Names the server goes by, with commas. Empty takes any, but on a loopback address without a proxy only localhost."""
    root_path: str = ""
    """Path below which a proxy serves all this, such as /qa."""
    trusted_proxies: str = ""
    """Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed, with commas."""
    limit_minute: int = 30
    """Questions a minute of one reader (a token of the widget); of one address ten times as many. 0 is without limit."""
    limit_day: int = 1000
    """Questions a day of one reader; of one address ten times as many. 0 is without limit."""
    limit_streams: int = 4
    """Answers under way at once for one reader; for one address ten times as many. 0 is without limit."""
    limit_question_kb: int = 2000
    """Kilobytes of questions a day of one reader; of one address ten times as many. 0 is without limit."""
    answers_at_once: int = 4
    """Questions of the API that are worked on at the same time."""
    answers_waiting: int = 200
    """Questions of the API that wait for their turn; more are sent away with 503."""

    @property
    def has_llm(self) -> bool:
        """Whether a language model is set up."""
        return bool(self.llm or self.llm_url)

    def __post_init__(self) -> None:
        checks = [
            (0.0 <= self.dense_weight <= 1.0, "dense_weight", "a number from 0 to 1"),
            (self.passages >= 1, "passages", "1 or more"),
            (self.max_question_chars >= 1, "max_question_chars", "1 or more"),
            (self.max_file_mb > 0, "max_file_mb", "more than 0"),
            (self.threads >= 0, "threads", "0 or more"),
            (self.llm_seconds > 0, "llm_seconds", "more than 0"),
            (self.llm_silence_seconds > 0, "llm_silence_seconds", "more than 0"),
            (self.llm_max_tokens >= 1, "llm_max_tokens", "1 or more"),
            (self.llm == "" or ":" in self.llm, "llm", "empty, local:FILE.gguf or provider:model"),
            (self.llm_url == "" or self.llm_url.startswith(("http://", "https://")), "llm_url", "empty or http(s)://…"),
            (self.llm == "" or self.llm_url == "", "llm", "empty where llm_url is set"),
            (0 <= self.port <= 65535, "port", "from 0 to 65535"),
            *((getattr(self, name) >= 0, name, "0 or more") for name in LIMITS),
            (self.answers_at_once >= 1, "answers_at_once", "1 or more"),
            (not self.secret or len(self.secret) >= MIN_SECRET, "secret", f"empty, or {MIN_SECRET} characters or more"),
            (
                self.root_path == "" or re.fullmatch(r"(/[\w.~-]+)+", self.root_path, re.ASCII) is not None,
                "root_path",
                "empty, or a path such as /qa, without a / at its end",
            ),
            (self.log_refusals in (0, 1), "log_refusals", "0 or 1"),
            (self.chat_page in (0, 1), "chat_page", "0 or 1"),
            (self.answerer in ("extractive", "llm"), "answerer", "extractive or llm"),
            (self.index_url == "" or self.index_url.startswith("milvus://"), "index_url", "empty or milvus://…"),
            *(
                (getattr(self, name).strip() != "", name, "not empty")
                for name in ("corpus", "index", "encoder", "host")
            ),
        ]
        for is_fine, name, expected in checks:
            if not is_fine:
                shown = "set" if name in SECRETS else repr(getattr(self, name))
                raise ConfigError(f"setting {name} is {shown}; it must be {expected}")
        parse_allowed(self.allowed_origins)
        parse_networks(self.trusted_proxies)
        for key in split_list(self.api_keys):
            if len(key) < MIN_SECRET or not key.isascii() or not key.isprintable() or " " in key:
                raise ConfigError(
                    f"setting api_keys holds a key that is shorter than {MIN_SECRET} characters or not ASCII"
                )


def split_list(text: str) -> tuple[str, ...]:
    """Return the entries of a list with commas."""
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path = Path("youju.toml"),
) -> Settings:
    """Merge the sources of settings. Flags that are None were not given. Raises ConfigError."""
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for name, value in _read_file(file).items():
        _check_known(name, file.name)
        values[name] = _convert(name, value, file.name)
    for variable, text in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
            _check_known(name, f"environment variable {variable}")
            values[name] = _convert(name, text, variable)
    for name, value in (flags or {}).items():
        if value is not None:
            values[name] = _convert(name, value, FLAGS.get(name, f"--{name}"))
    return Settings(**values)


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error


def _check_known(name: str, origin: str) -> None:
    names = [field.name for field in dataclasses.fields(Settings)]
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are: {', '.join(names)}"
    raise ConfigError(f"unknown setting {name!r} in {origin}; {hint}")


def _convert(name: str, value: Any, origin: str) -> str | int | float:
    """Turn a value from a file, a variable or a flag into the type of the setting's default."""
    wanted: type = type(getattr(Settings(), name))
    shown = "set" if name in SECRETS else repr(value)
    message = f"setting {name} in {origin} is {shown}; it must be {KINDS[wanted]}"
    is_right = type(value) is wanted or (wanted is float and type(value) is int)
    if not is_right and not isinstance(value, str):
        raise ConfigError(message)
    try:
        converted: str | int | float = wanted(value)
    except ValueError as error:
        raise ConfigError(message) from error
    return converted
