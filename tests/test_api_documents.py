"""Looking at what is indexed: passages, the list of documents, a document, and its source."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from app.api import create_app
from app.building import build
from app.config import Settings
from app.loading import find_sources, load_source
from app.types import Document
from tests.fake_assistant import TEXT, FakeAssistant, make_document

HOSTILE = (
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "..\\..\\windows",
    "reply\r\nset-cookie: a=b",
    "\x00",
    "长" * 400,
)


def client_of(assistant: FakeAssistant | None = None, **settings: Any) -> TestClient:
    app = create_app(assistant or FakeAssistant(), Settings(chat_page=0, **settings))
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with client_of() as client:
        yield client


def read(corpus: Path) -> list[Document]:
    return [document for source in find_sources(corpus) for document in load_source(source, 20)]


def test_search_returns_passages_in_the_shape_of_an_answer(client: TestClient) -> None:
    found = client.get("/api/search", params={"q": "资助", "k": 1}).json()
    answer = client.post("/api/ask", json={"question": "资助了多少人？"}).json()
    assert found == {"query": "资助", "passages": answer["passages"]}


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"q": " "}, "bad_question"),
        ({}, "invalid_request"),
        ({"q": "x", "k": 0}, "invalid_request"),
        ({"q": "x", "k": 101}, "invalid_request"),
        ({"q": "x", "k": "nan"}, "invalid_request"),
    ],
)
def test_a_search_that_cannot_be_made_is_named(client: TestClient, parameters: dict[str, Any], code: str) -> None:
    response = client.get("/api/search", params=parameters)
    assert response.status_code in (400, 422)
    assert response.json()["error"]["code"] == code


def test_the_documents_are_listed_page_by_page() -> None:
    held = [make_document(f"d{number}") for number in range(5)]
    with client_of(FakeAssistant(held)) as client:
        page = client.get("/api/documents", params={"offset": 1, "limit": 2}).json()
        last = client.get("/api/documents", params={"offset": 4}).json()
        beyond = client.get("/api/documents", params={"offset": 9}).json()
        for wrong in ({"offset": -1}, {"limit": 0}, {"limit": 1000}, {"offset": 10**12}):
            assert client.get("/api/documents", params=wrong).status_code == 422
    assert (page["total"], [document["id"] for document in page["documents"]]) == (5, ["d1", "d2"])
    assert [document["id"] for document in last["documents"]] == ["d4"]
    assert beyond["documents"] == []


def test_a_document_is_its_text_with_sections_and_fields_in_their_places(client: TestClient) -> None:
    document = client.get("/api/documents/reply").json()
    assert document["text"] == TEXT
    assert document["characters"] == len(TEXT)
    for field in document["fields"]:
        assert TEXT[field["start"] : field["end"]] == field["value"]
    (section,) = document["sections"]
    assert TEXT[section["start"] : section["end"]].startswith("1. 关于")


@pytest.mark.parametrize("document_id", ["folder/文件 1.md", "a?b#c&d=e", "文件", "a/source/b"])
def test_an_id_of_any_characters_is_found(document_id: str) -> None:
    with client_of(FakeAssistant([make_document(document_id)])) as client:
        path = f"/api/documents/{quote(document_id, safe='')}"
        assert client.get(path).json()["id"] == document_id
        assert client.get(f"{path}/source").text == TEXT


@pytest.mark.parametrize("document_id", HOSTILE)
def test_no_id_leads_out_of_the_index(client: TestClient, document_id: str) -> None:
    for ending in ("", "/source"):
        response = client.get(f"/api/documents/{quote(document_id, safe='')}{ending}")
        assert response.status_code == 404
        assert "root:" not in response.text
        assert "set-cookie" not in response.headers


def test_the_source_is_the_very_file_that_was_indexed(tmp_path: Path) -> None:
    raw = "# 通知\n\n截至 2023 年底，共资助 1 万余人。\n"
    (tmp_path / "通知 1.md").write_bytes(raw.encode("gb18030"))
    with client_of(FakeAssistant(read(tmp_path)), corpus=str(tmp_path)) as client:
        path = f"/api/documents/{quote('通知 1.md')}/source"
        response = client.get(path)
        assert response.text == raw
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert response.headers["content-disposition"] == f"inline; filename*=UTF-8''{quote('通知 1.md')}"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        (tmp_path / "通知 1.md").write_text("换过了", encoding="utf-8")
        assert "换过了" not in client.get(path).text
        assert "共资助 1 万余人" in client.get(path).text
        (tmp_path / "通知 1.md").unlink()
        assert "共资助 1 万余人" in client.get(path).text


def test_a_source_that_names_a_file_elsewhere_gives_nothing_away(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("秘密", encoding="utf-8")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    sha256 = hashlib.sha256(b"else").hexdigest()
    lying = Document("d", "标题", "正文", source="../secret.txt", sha256=sha256)
    with client_of(FakeAssistant([lying]), corpus=str(corpus)) as client:
        assert client.get("/api/documents/d/source").text == "正文"


def test_html_in_a_document_is_never_html(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("<script>alert(1)</script><svg onload=alert(1)>", encoding="utf-8")
    with client_of(FakeAssistant(read(tmp_path)), corpus=str(tmp_path)) as client:
        for path in ("/api/documents/a.md/source", "/api/documents/a.md", "/api/documents"):
            response = client.get(path)
            assert response.headers["content-type"].startswith(("text/plain", "application/json"))
            assert response.headers["x-content-type-options"] == "nosniff"


def test_what_could_be_asked_is_what_the_documents_answer(client: TestClient) -> None:
    questions = client.get("/api/suggestions").json()["questions"]
    assert questions
    assert all(isinstance(question, str) for question in questions)


@pytest.mark.model
def test_a_document_of_a_bulk_file_is_read_back(tmp_path: Path) -> None:
    from app.assistant import Assistant

    corpus = tmp_path / "corpus"
    corpus.mkdir()
    row = {"id": "n/1", "title": "通知", "text": "截至 2023 年底，共资助 1 万余人。"}
    (corpus / "bulk.jsonl").write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    settings = Settings(corpus=str(corpus), index=str(tmp_path / "index"))
    build(settings)
    with TestClient(create_app(Assistant.open(settings), settings), base_url="http://localhost") as client:
        assert client.get("/api/documents/n%2F1").json()["text"] == row["text"]
        assert client.get("/api/documents/n%2F1/source").text == row["text"]
