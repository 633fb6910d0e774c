"""Schemathesis: every operation of the API's own description, with inputs that fit it and that do not."""

import re
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.api import create_app
from app.config import Settings
from tests.fake_assistant import FakeAssistant, make_document

pytestmark = pytest.mark.server

EXAMPLES = 300 if settings.get_current_profile_name() == "thorough" else 30
"""Inputs an operation; `pytest tests/test_api_schema.py -s --hypothesis-profile thorough` tries more, and prints counts."""
KEY = "a-key-of-the-test-1234"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

app = create_app(
    FakeAssistant([make_document(), make_document("folder/通知 1.md")]),
    Settings(
        chat_page=0,
        api_keys=KEY,
        feedback=str(Path(tempfile.mkdtemp()) / "feedback.sqlite"),
        corpus="no-such-folder",
        index="no-such-index",
    ),
)
schema = schemathesis.openapi.from_asgi(
    "/api/openapi.json", app, headers={"host": "localhost", "authorization": f"Bearer {KEY}"}
)


replies: Counter[int] = Counter()


@pytest.fixture(scope="module", autouse=True)
def _counts() -> Iterator[None]:
    yield
    print(
        f"\n{replies.total()} calls: " + ", ".join(f"{count} × {status}" for status, count in sorted(replies.items()))
    )


@pytest.fixture(autouse=True)
def _no_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The URLs of documents to fetch lead nowhere."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror("no name server")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@schema.exclude(path="/api/admin/build", method="POST").parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_input_is_a_fault_and_every_reply_is_described(case: schemathesis.Case[Any]) -> None:
    headers = {**dict(case.headers or {}), "host": "localhost"}
    if "authorization" not in {name.lower() for name in headers}:
        headers["authorization"] = f"Bearer {KEY}"
    response = case.call(headers=headers)
    replies[response.status_code] += 1
    case.validate_response(response, checks=CHECKS)


def test_every_operation_says_in_chinese_what_it_does() -> None:
    document = _document()
    operations = [
        (f"{method} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    assert len(operations) >= 14
    for name, operation in operations:
        assert re.search(r"[一-鿿]", operation["summary"]), name
        assert re.search(r"[一-鿿]", operation["description"]), name
        assert {"400", "422", "404", "403"} & operation["responses"].keys(), name
    for path in ("/api/ask", "/api/search", "/api/documents/{document_id}", "/v1/chat/completions"):
        (operation,) = document["paths"][path].values()
        assert "example" in str(operation["responses"]["200"])


def _document() -> Any:
    from fastapi.testclient import TestClient

    with TestClient(app, base_url="http://localhost", headers={"authorization": f"Bearer {KEY}"}) as client:
        return client.get("/api/openapi.json").json()
