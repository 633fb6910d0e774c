"""The widget's files and pages: who may load and frame them, and what they may load."""

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.api import create_app
from app.config import Settings
from tests.fake_assistant import FakeAssistant

LIST = "https://www.example.gov.cn, *.city.example.cn"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = create_app(FakeAssistant(), Settings(allowed_origins=LIST))
    with TestClient(app, base_url="http://localhost") as client:
        yield client


def directives(client: TestClient, path: str) -> dict[str, str]:
    policy = client.get(path).headers["content-security-policy"]
    return dict(part.strip().partition(" ")[::2] for part in policy.split(";"))


def test_the_script_is_kept_for_a_while_and_asked_for_by_its_tag(client: TestClient) -> None:
    headers = {"origin": "https://anybody.example", "sec-fetch-site": "cross-site"}
    script = client.get("/widget.js", headers=headers)
    assert script.status_code == 200
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "access-control-allow-origin" not in script.headers
    assert "max-age=300" in script.headers["cache-control"]
    tag = script.headers["etag"]
    for known in (tag, f"W/{tag}".replace("W/W/", "W/"), f'"other", {tag}'):
        assert client.get("/widget.js", headers={"if-none-match": known}).status_code == 304
    assert client.get("/widget.js", headers={"if-none-match": '"other"'}).status_code == 200


def test_only_the_script_may_be_loaded_by_other_sites(client: TestClient) -> None:
    for path in ("/widget/embed.css", "/widget/embed.js", "/embed", "/demo", "/api/suggestions", "/"):
        response = client.get(path)
        assert response.status_code == 200, path
        assert response.headers["cross-origin-resource-policy"] == "same-origin", path


def test_the_list_may_frame_the_iframe_page_and_nothing_else(client: TestClient) -> None:
    assert (
        directives(client, "/embed")["frame-ancestors"] == "'self' https://www.example.gov.cn https://*.city.example.cn"
    )
    assert "x-frame-options" not in client.get("/embed").headers
    assert directives(client, "/demo")["frame-ancestors"] == "'self'"
    assert directives(client, "/")["frame-ancestors"] == "'self'"
    for path in ("/api/suggestions", "/widget.js", "/healthz", "/api/documents/reply/source", "/v1/models"):
        assert directives(client, path)["frame-ancestors"] == "'none'"


@pytest.mark.parametrize(
    "path", ["/embed", "/demo", "/widget.js", "/api/suggestions", "/api/nothing", "/healthz", "/metrics", "/v1/models"]
)
def test_what_we_serve_ourselves_needs_nothing_inline(client: TestClient, path: str) -> None:
    allowed = directives(client, path)
    assert allowed["default-src"] == "'none'"
    assert "unsafe" not in str(allowed)
    assert "*" not in str(allowed).replace("https://*.city.example.cn", "")
    response = client.get(path)
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


def test_the_chat_page_takes_nothing_inline_but_its_own(client: TestClient) -> None:
    nonces = []
    for _ in range(2):
        response = client.get("/")
        policy = response.headers["content-security-policy"]
        assert "unsafe" not in policy
        (nonce,) = set(re.findall(r"'nonce-([^']+)'", policy))
        for tag in ("<script", "<style"):
            assert 0 < response.text.count(tag) == response.text.count(f'{tag} nonce="{nonce}"')
        assert ' style="' not in response.text
        assert response.headers["cache-control"] == "no-store"
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


@pytest.mark.parametrize("name", ["", "widget.js", "chat.js", "WIDGET.md", "%2e%2e", "embed.html", "nothing.css"])
def test_no_other_file_is_given_out(client: TestClient, name: str) -> None:
    assert client.get(f"/widget/{name}").status_code == 404


def test_without_a_chat_page_there_is_none() -> None:
    with TestClient(create_app(FakeAssistant(), Settings(chat_page=0)), base_url="http://localhost") as client:
        response = client.get("/")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
        assert client.get("/embed").status_code == 200
        assert client.get("/gradio_api/info").status_code == 404
