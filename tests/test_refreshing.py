"""A running assistant goes over to a newer index by itself, and to none that cannot be used."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app import generations
from app.assistant import Assistant
from app.building import build
from app.config import Settings
from app.errors import IndexDamagedError, IndexMismatchError, NotFoundError
from app.stores import open_store
from app.types import Document, Vectors
from tests.conftest import HashingEncoder
from tests.indexing import short, store

ROOT = Path(__file__).parent.parent
OLD, NEW = short("基金.txt", "长三角科技成果转化基金总规模100亿元。"), short("揭榜.txt", "揭榜方主体数量达218家。")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with an index of OLD."""
    store(tmp_path / "index", [OLD])
    return tmp_path / "index"


def assistant_of(root: Path, encoder: HashingEncoder) -> Assistant:
    settings = Settings(index=str(root), encoder=encoder.name)
    assistant = Assistant(settings, open_store(settings, encoder.name, encoder.fingerprint), encoder)
    assistant.refresh()
    return assistant


@pytest.fixture
def assistant(root: Path) -> Assistant:
    return assistant_of(root, HashingEncoder())


def held(assistant: Assistant) -> list[Document]:
    """Return the documents of an assistant, and check that what it searches are these."""
    documents = list(assistant.documents.values())
    found = assistant.search("基金和揭榜方", passages=100)
    assert {passage.chunk.document_id for passage in found} == {document.id for document in documents}
    return documents


def test_a_newer_index_is_taken_once(assistant: Assistant, root: Path) -> None:
    assert (assistant.refresh(), held(assistant)) == (False, [OLD])
    store(root, [OLD, NEW])
    assert held(assistant) == [OLD]
    assert (assistant.refresh(), held(assistant)) == (True, [OLD, NEW])
    assert (assistant.refresh(), held(assistant)) == (False, [OLD, NEW])
    store(root, [NEW])
    store(root, [OLD])
    store(root, [NEW])
    assert (assistant.refresh(), held(assistant)) == (True, [NEW])
    assert assistant.first_documents(5) == (NEW,)
    with pytest.raises(NotFoundError):
        assistant.document(OLD.id)


def test_a_damaged_newer_index_raises_once_and_the_old_one_goes_on_answering(assistant: Assistant, root: Path) -> None:
    store(root, [OLD, NEW])
    path = generations.read_manifest(root)[0] / "keys.u8"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IndexDamagedError, match=r"keys\.u8 was altered"):
        assistant.refresh()
    for _ in range(3):
        assert (assistant.refresh(), held(assistant)) == (False, [OLD])
    store(root, [NEW])
    assert (assistant.refresh(), held(assistant)) == (True, [NEW])


class OtherWeights(HashingEncoder):
    fingerprint = "hashing-2"


def test_a_newer_index_of_another_encoder_raises_once_and_the_old_one_goes_on_answering(
    assistant: Assistant, root: Path
) -> None:
    store(root, [OLD, NEW], OtherWeights())
    with pytest.raises(IndexMismatchError, match="was built with other weights"):
        assistant.refresh()
    assert (assistant.refresh(), held(assistant)) == (False, [OLD])


@pytest.mark.parametrize("content", [None, b"?", b"\xff"])
def test_an_index_that_goes_away_leaves_the_old_one_answering(
    assistant: Assistant, root: Path, content: bytes | None
) -> None:
    path = root / generations.CURRENT
    path.unlink() if content is None else path.write_bytes(content)
    if content == b"?":
        with pytest.raises(IndexDamagedError, match="CURRENT was altered"):
            assistant.refresh()
    assert (assistant.refresh(), held(assistant)) == (False, [OLD])


def test_the_old_index_answers_after_its_files_were_removed(root: Path, assistant: Assistant) -> None:
    for documents in ([NEW], [OLD, NEW], [NEW]):
        store(root, documents)
    assert len(list(root.glob("g-*"))) == 2
    assert held(assistant) == [OLD]


class BuildingEncoder(HashingEncoder):
    """Builds another index, and lets the assistant go over to it, in the middle of a question."""

    def __init__(self) -> None:
        self.assistant: Assistant | None = None
        self.root = Path()

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        if (assistant := self.assistant) is not None:
            self.assistant = None
            store(self.root, [NEW])
            assert assistant.refresh()
        return super().encode_queries(texts)


def test_a_question_under_way_ends_with_the_index_that_it_began_with(root: Path) -> None:
    encoder = BuildingEncoder()
    assistant = assistant_of(root, encoder)
    encoder.assistant, encoder.root = assistant, root
    answer = assistant.ask("基金总规模是多少？")
    assert {passage.chunk.document_id for passage in answer.passages} == {OLD.id}
    assert {citation.quote for citation in answer.citations} <= {OLD.text}
    assert held(assistant) == [NEW]


# --- a real server --------------------------------------------------------------------------------------------------


def ask(address: str, question: str) -> dict[str, Any]:
    body = json.dumps({"question": question}).encode()
    request = urllib.request.Request(f"{address}/api/ask", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


@pytest.mark.model
def test_a_server_answers_from_a_new_corpus_without_a_restart(tmp_path: Path) -> None:
    corpus, question = tmp_path / "corpus", "长三角科技成果转化基金总规模是多少？"
    corpus.mkdir()
    (corpus / "基金.txt").write_text(OLD.text, encoding="utf-8")
    settings = Settings(corpus=str(corpus), index=str(tmp_path / "index"), threads=1)
    build(settings)
    environment = os.environ | {"YOUJU_INDEX": settings.index, "YOUJU_CORPUS": settings.corpus, "YOUJU_THREADS": "1"}
    environment["YOUJU_FEEDBACK"] = str(tmp_path / "feedback.jsonl")
    command = [sys.executable, "-m", "app"]
    with subprocess.Popen(
        [*command, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as server:
        try:
            assert server.stdout is not None
            address = next(word for line in server.stdout for word in line.split() if word.startswith("http://"))
            assert "100亿元" in ask(address.rstrip("/"), question)["text"]
            (corpus / "基金.txt").write_text(OLD.text.replace("100", "250"), encoding="utf-8")
            subprocess.run([*command, "build"], env=environment, cwd=ROOT, check=True, capture_output=True)
            built = time.monotonic()
            while "250亿元" not in (text := ask(address.rstrip("/"), question)["text"]):
                assert "100亿元" in text
                assert time.monotonic() - built < 10
                time.sleep(0.1)
        finally:
            server.terminate()
