"""Shared fixtures: the reply, a fast stand-in for the encoder, and the real assistant."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import settings as hypothesis_settings

from app.assistant import Assistant
from app.building import build
from app.config import Settings
from app.loading import find_sources, load_source
from app.text import search_tokens
from app.types import Document, Progress, Vectors

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.widget_site import HostSite

# The same examples in every run: a red run is a change of the code, not luck, and a slow machine is no failure.
hypothesis_settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis_settings.register_profile("thorough", hypothesis_settings.get_profile("repeatable"), max_examples=1000)
hypothesis_settings.load_profile("repeatable")

CORPUS = Path(__file__).parent.parent / "corpus"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-kills", type=int, default=210, help="how many builders tests/test_crashes.py kills")
    parser.addoption("--crash-seconds", type=float, default=4, help="how long builders and readers race there")


class HashingEncoder:
    """Stands in for a model where a test is not about meaning: shared tokens make texts close. Deterministic."""

    name = "hashing"
    dim = 64
    fingerprint = "hashing-1"

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts)

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        if progress:
            progress(len(texts), len(texts))
        return self._embed(texts)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        vectors[:, 0] = 0.01
        for row, text in zip(vectors, texts, strict=True):
            for token in search_tokens(text):
                digest = hashlib.sha256(token.encode()).digest()
                row[digest[0] % self.dim] += 1.0 if digest[1] % 2 else -1.0
        normed: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return normed


def assistant_of(root: Path, text: str) -> Assistant:
    """Return the real assistant over one document."""
    (root / "corpus").mkdir()
    (root / "corpus" / "document.txt").write_text(text, encoding="utf-8")
    settings = Settings(corpus=str(root / "corpus"), index=str(root / "index"))
    build(settings)
    return Assistant.open(settings)


@pytest.fixture(scope="session")
def reply() -> Document:
    """The one document of the corpus."""
    (source,) = find_sources(CORPUS)
    (document,) = load_source(source, max_mb=20)
    return document


@pytest.fixture(scope="session")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    """The real thing: the shipped encoder over the reply."""
    settings = Settings(corpus=str(CORPUS), index=str(tmp_path_factory.mktemp("index")))
    build(settings)
    return Assistant.open(settings)


@pytest.fixture(scope="module")
def host_site() -> "Iterator[HostSite]":
    """A web site on another origin, for the widget to stand on."""
    from tests.widget_site import HostSite

    site = HostSite()
    yield site
    site.close()


@pytest.fixture(scope="module")
def site_browser() -> "Iterator[Browser]":
    """A browser that finds the web sites of tests/widget_site.py."""
    from tests.widget_site import browser_for_sites

    with browser_for_sites(shutil.which("chromium")) as browser:
        yield browser


@pytest.fixture(scope="module")
def screens(site_browser: "Browser") -> "Callable[..., BrowserContext]":
    """Returns one context for each kind of screen: making one takes longer than most tests."""
    made: dict[str, BrowserContext] = {}

    def screen(size: tuple[int, int], options: dict[str, Any]) -> "BrowserContext":
        key = repr((size, options))
        if key not in made:
            settings = {"locale": "zh-CN", "reduced_motion": "reduce"} | options
            made[key] = site_browser.new_context(viewport={"width": size[0], "height": size[1]}, **settings)
        return made[key]

    return screen


@pytest.fixture
def visit_site(screens: "Callable[..., BrowserContext]") -> "Iterator[Callable[..., Page]]":
    """Opens pages; at the end none of them has raised an error, shown a dialog or asked a host that is not of the test."""
    pages: list[Page] = []
    failures: list[str] = []
    hosts: set[str | None] = set()

    def visit(url: str, size: tuple[int, int] = (1280, 800), before: str = "", **options: Any) -> "Page":
        page = screens(size, options).new_page()
        pages.append(page)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("dialog", lambda dialog: failures.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        if before:
            page.add_init_script(before)
        page.goto(url)
        return page

    yield visit
    for page in pages:
        page.context.set_offline(False)
        page.close()
    assert not failures
    assert hosts <= {"127.0.0.1", "www.example.gov.cn", "www.example.com", None}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch on one thread: several wait for each other on work as small as a test's."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
