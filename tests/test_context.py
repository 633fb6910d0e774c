"""A cited span within the text around it, as the widget asks for it."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.api import create_app
from app.config import Settings
from app.evidence import window_around
from app.types import Span
from tests.fake_assistant import FakeAssistant, make_document, span_of

TEXT = "".join(f"第{number}段🀄的文字，说明了一些事情。\n" for number in range(500))
QUOTE = "第250段🀄的文字，"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    settings = Settings(feedback="")
    documents = [make_document(), make_document("年度/报告 <1>", TEXT)]
    with TestClient(create_app(FakeAssistant(documents, settings), settings), base_url="http://localhost") as client:
        yield client


def test_a_quote_stands_between_whole_lines(client: TestClient) -> None:
    span = span_of(QUOTE, TEXT)
    place = {"start": span.start, "end": span.end, "chars": 100}
    context = client.get("/api/documents/年度%2F报告%20<1>/context", params=place).json()
    assert context["document_id"] == "年度/报告 <1>"
    assert context["quote"] == QUOTE
    assert context["before"] + QUOTE + context["after"] == TEXT[context["start"] : context["end"]]
    assert context["before"].startswith("第")
    assert context["after"].endswith("\n")
    assert context["is_cut_before"]
    assert context["is_cut_after"]


def test_a_short_document_is_whole(client: TestClient) -> None:
    text = make_document().text
    context = client.get("/api/documents/reply/context", params={"start": 0, "end": 4}).json()
    assert context["before"] + context["quote"] + context["after"] == text
    assert not context["is_cut_before"]
    assert not context["is_cut_after"]


@pytest.mark.parametrize(
    ("path", "place", "status"),
    [
        ("reply", {"start": 5, "end": 5}, 404),
        ("reply", {"start": 9, "end": 5}, 404),
        ("reply", {"start": 0, "end": 100_000}, 404),
        ("no such", {"start": 0, "end": 5}, 404),
        ("reply", {"start": -1, "end": 5}, 422),
        ("reply", {"start": 0, "end": 5, "chars": 5000}, 422),
        ("reply", {"start": 0}, 422),
        ("reply", {"start": "x", "end": 5}, 422),
    ],
)
def test_what_is_not_there_is_said(client: TestClient, path: str, place: dict[str, int | str], status: int) -> None:
    reply = client.get(f"/api/documents/{path}/context", params=place)
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"code", "message"}


@given(st.text(max_size=300), st.integers(0, 300), st.integers(1, 50), st.integers(0, 100))
def test_a_window_holds_its_span(text: str, start: int, length: int, chars: int) -> None:
    span = Span(min(start, len(text)), min(start + length, len(text)))
    window = window_around(text, span, chars)
    assert 0 <= window.start <= span.start
    assert span.end <= window.end <= len(text)
