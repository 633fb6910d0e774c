"""Administration: documents by upload and URL, and builds; with the key, and with nothing else."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api import create_app
from app.api.admin import check_name
from app.api.builds import Builder
from app.api.failures import ApiError
from app.assistant import Assistant
from app.building import build
from app.config import Settings
from tests.fake_assistant import FakeAssistant

KEY = {"authorization": "Bearer a-key-of-the-test-1234"}
TEXT = "关于测试的通知\n\n截至 2031 年底，青山计划共资助了 77 人。\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "old.md").write_text("关于旧事的通知\n\n绿水计划共资助了 5 人。\n", encoding="utf-8")
    return folder


@pytest.fixture
def client(corpus: Path, tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(
        corpus=str(corpus), index=str(tmp_path / "index"), api_keys="a-key-of-the-test-1234", max_file_mb=3, chat_page=0
    )
    with TestClient(create_app(FakeAssistant(), settings), base_url="http://localhost", headers=KEY) as client:
        yield client


def upload(client: TestClient, name: str, content: bytes = TEXT.encode(), **fields: str) -> Any:
    return client.post("/api/admin/documents", files={"file": (name, content)}, data=fields)


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def names(corpus: Path) -> list[str]:
    return sorted(os.listdir(corpus))


def test_an_upload_is_in_the_corpus_and_replaces_only_when_it_is_told_to(client: TestClient, corpus: Path) -> None:
    response = upload(client, "通知 1.md")
    assert (response.status_code, response.json()["source"]) == (201, "通知 1.md")
    assert (corpus / "通知 1.md").read_text(encoding="utf-8") == TEXT
    assert code_of(upload(client, "通知 1.md", b"# new\n\ntext")) == (409, "exists")
    assert (corpus / "通知 1.md").read_text(encoding="utf-8") == TEXT
    assert upload(client, "通知 1.md", b"# new\n\ntext", replace="1").status_code == 201
    assert (corpus / "通知 1.md").read_bytes() == b"# new\n\ntext"
    assert names(corpus) == ["old.md", "通知 1.md"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.md",
        "..\\evil.md",
        "/etc/evil.md",
        "C:\\evil.md",
        "a/b.md",
        ".hidden.md",
        "~$lock.md",
        "-rf.md",
        "evil.py",
        "evil",
        "evil.md/",
        "evil.md.",
        "evil\x00.md",
        "evil\n.md",
        "README.md",
        "SOURCES.md",
        "con:evil.md",
        "长" * 100 + ".md",
        ".md",
        "..",
        "",
    ],
)
def test_no_name_leads_out_of_the_corpus(name: str, client: TestClient, corpus: Path) -> None:
    with pytest.raises(ApiError) as caught:
        check_name(name)
    assert caught.value.code == "bad_name"
    upload(client, name)  # what carries the file may have made another name of it, which then is a plain one
    found = {path for path in corpus.parent.rglob("*") if path.is_file()}
    assert {path.parent for path in found} == {corpus}
    assert {check_name(path.name) for path in found} == set(names(corpus))


def test_no_link_in_the_corpus_is_written_through(client: TestClient, corpus: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("untouched", encoding="utf-8")
    (corpus / "link.md").symlink_to(outside)
    assert code_of(upload(client, "link.md")) == (409, "exists")
    assert upload(client, "link.md", replace="1").status_code == 201
    assert outside.read_text(encoding="utf-8") == "untouched"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", (422, "not_a_document")),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x00", (422, "not_a_document")),
        (b"a" * 4_000_000, (422, "not_a_document")),
        (b"a" * 8_000_000, (413, "body_too_large")),
    ],
)
def test_what_is_no_document_is_not_kept(
    client: TestClient, corpus: Path, content: bytes, expected: tuple[int, str]
) -> None:
    assert code_of(upload(client, "new.md", content)) == expected
    assert names(corpus) == ["old.md"]


def test_a_body_that_is_neither_file_nor_url_is_named(client: TestClient) -> None:
    calls = [
        (client.post("/api/admin/documents"), 400),
        (client.post("/api/admin/documents", json={}), 422),
        (client.post("/api/admin/documents", json={"url": 5}), 422),
        (client.post("/api/admin/documents", json={"url": "http://a.example/", "size": 5}), 422),
        (client.post("/api/admin/documents", data={"file": "text"}), 400),
        (client.post("/api/admin/documents", files={"other": ("a.md", b"x")}), 422),
        (client.post("/api/admin/documents", files=[("file", ("a.md", b"x")), ("file", ("b.md", b"x"))]), 400),
        (client.post("/api/admin/documents", content=b"x", headers={"content-type": "multipart/form-data"}), 400),
    ]
    assert [response.status_code for response, _ in calls] == [status for _, status in calls]


@pytest.mark.parametrize("url", ["http://127.0.0.1/a.md", "http://169.254.169.254/latest.md", "http://[::1]/a.md"])
def test_no_url_of_the_inner_network_is_fetched(client: TestClient, corpus: Path, url: str) -> None:
    assert code_of(client.post("/api/admin/documents", json={"url": url})) == (403, "address_not_allowed")
    assert names(corpus) == ["old.md"]


@pytest.mark.model
def test_what_was_added_answers_after_a_build(corpus: Path, tmp_path: Path) -> None:
    settings = Settings(
        corpus=str(corpus), index=str(tmp_path / "index"), api_keys="a-key-of-the-test-1234", chat_page=0
    )
    build(settings)
    assistant = Assistant.open(settings)
    with TestClient(create_app(assistant, settings), base_url="http://localhost", headers=KEY) as client:
        question = {"question": "青山计划资助了多少人？"}
        assert "77" not in client.post("/api/ask", json=question).json()["text"]
        assert upload(client, "new.md").status_code == 201
        started = client.post("/api/admin/build")
        assert (started.status_code, started.json()["state"]) == (202, "running")
        assert code_of(client.post("/api/admin/build")) == (409, "build_running")
        assert client.post("/api/ask", json=question).status_code == 200
        state = _finished(client)
        assert (state["state"], state["report"]["documents"]) == ("done", 2)
        assert assistant.refresh()
        answer = client.post("/api/ask", json=question).json()
        assert "77 人" in answer["text"]
        assert answer["citations"][0]["document_id"] == "new.md"
        (corpus / "old.md").unlink()
        (corpus / "new.md").unlink()
        client.post("/api/admin/build")
        failed = _finished(client)
        assert (failed["state"], failed["report"]) == ("failed", None)
        assert "holds no document" in failed["problem"]
        assert "Traceback" not in failed["problem"]


def test_one_build_runs_at_a_time() -> None:
    builder = Builder(Settings(), run=repr)  # type: ignore[arg-type]
    assert [builder.start() for _ in range(5)] == [True, False, False, False, False]
    end = time.monotonic() + 30
    while builder.state.state == "running":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert str(builder.state.report) == repr(Settings())
    assert builder.start()


def _finished(client: TestClient) -> Any:
    end = time.monotonic() + 60
    while (state := client.get("/api/admin/build").json())["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.2)
    return state
