"""The MCP server, tried with the package's own client over a real connection."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import httpx2
import jsonschema
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from app.api import create_app
from app.api.mcp import TEXT_CHARS
from app.config import Settings
from tests.fake_assistant import FUND, TALENT, TEXT, FakeAssistant, make_document
from tests.serving import served, serving
from tests.test_api import SCHEMA

pytestmark = pytest.mark.server

KEY = "a-key-of-the-test-1234"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    long = make_document("folder/long.md", "长" * (TEXT_CHARS + 5))
    with served(FakeAssistant([make_document(), long])) as url:
        yield f"{url}/mcp"


def with_client(url: str, use: Callable[[Client], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Client(url) as client:
            return await use(client)

    return asyncio.run(run())


def call(url: str, tool: str, **arguments: Any) -> CallToolResult:
    called = with_client(url, lambda client: client.call_tool(tool, arguments))
    assert isinstance(called, CallToolResult)
    return called


def test_the_tools_are_listed_with_what_they_take(url: str) -> None:
    listed = with_client(url, lambda client: client.list_tools())
    tools = {tool.name: tool for tool in listed.tools}
    assert set(tools) == {"ask", "search", "get_document"}
    assert "question" in tools["ask"].input_schema["properties"]
    assert all(tool.description for tool in tools.values())
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.values())


def test_ask_returns_the_answer_as_text_and_as_structure(url: str) -> None:
    called = call(url, "ask", question="基金多大？", history=["资助多少人？"])
    assert not called.is_error
    jsonschema.validate(called.structured_content, SCHEMA)
    assert called.structured_content["text"] == f"{FUND} [1] {TALENT} [2]"
    (content,) = called.content
    assert isinstance(content, TextContent)
    assert json.loads(content.text) == called.structured_content


def test_search_returns_passages(url: str) -> None:
    called = call(url, "search", query="资助", k=1)
    assert [passage["text"] for passage in called.structured_content["passages"]] == [TALENT]


def test_a_document_is_read_piece_by_piece(url: str) -> None:
    assert call(url, "get_document", document_id="reply").structured_content["text"] == TEXT
    first = call(url, "get_document", document_id="folder/long.md").structured_content
    rest = call(url, "get_document", document_id="folder/long.md", start=TEXT_CHARS).structured_content
    assert (first["characters"], len(first["text"]), len(rest["text"])) == (TEXT_CHARS + 5, TEXT_CHARS, 5)


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("ask", {"question": " "}, "bad_question"),
        ("ask", {}, "invalid_request"),
        ("ask", {"question": "资助", "document_ids": ["none"]}, "not_found"),
        ("ask", {"question": "资助", "colour": "red"}, "invalid_request"),
        ("search", {"query": "资助", "k": 10**9}, "invalid_request"),
        ("get_document", {"document_id": "../../etc/passwd"}, "not_found"),
        ("get_document", {"document_id": "reply", "start": -1}, "invalid_request"),
        ("delete_everything", {}, "not_found"),
    ],
)
def test_what_is_wrong_is_told_to_the_model(url: str, tool: str, arguments: dict[str, Any], code: str) -> None:
    called = call(url, tool, **arguments)
    assert called.is_error
    (content,) = called.content
    assert isinstance(content, TextContent)
    assert content.text.startswith(f"{code}: ")


def test_pages_of_other_sites_and_other_names_of_the_host_are_refused(url: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
        assert httpx.post(url, json=body, headers=headers).status_code in (403, 421)


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"jsonrpc": "2.0"}', "[" * 50_000])
def test_what_is_no_call_gets_an_error_and_no_fault(url: str, body: str) -> None:
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    assert 400 <= httpx.post(url, content=body, headers=headers).status_code < 500
    assert httpx.get(url, headers=headers, timeout=5).status_code == 405
    assert httpx.delete(url, headers=headers).status_code == 405


def test_a_key_is_needed_where_keys_are_set() -> None:
    async def listed(address: str, headers: dict[str, str]) -> int:
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(address, http_client=http)) as client,
        ):
            return len((await client.list_tools()).tools)

    with serving(create_app(FakeAssistant(), Settings(api_keys=KEY, chat_page=0))) as url:
        assert httpx.post(f"{url}/mcp", json={}).status_code == 401
        assert asyncio.run(listed(f"{url}/mcp", {"authorization": f"Bearer {KEY}"})) == 3
