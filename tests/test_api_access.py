"""Who may call: pages of other sites, tokens, keys, hosts; and what each of them is told."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api import create_app
from app.api.tokens import TOKEN_SECONDS, TokenMint
from app.config import Settings
from tests.fake_assistant import FakeAssistant

OWN = "http://localhost"
SITE, WILD, OTHER = "https://www.example.gov.cn", "https://kw.city.example.cn", "https://evil.example"
KEY = "a-key-of-the-test-1234"
SECRET = "a secret of the test, long enough"
LISTED = {"allowed_origins": "https://www.example.gov.cn, https://*.city.example.cn", "secret": SECRET}
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
QUESTION = {"question": "资助了多少人？"}


def client_of(**settings: Any) -> TestClient:
    app = create_app(FakeAssistant(), Settings(**{"chat_page": 0, **LISTED, **settings}))
    return TestClient(app, base_url=OWN, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with client_of(chat_page=1) as client:
        yield client


@pytest.fixture(scope="module")
def keyed() -> Iterator[TestClient]:
    with client_of(api_keys=f"{KEY}, another-key-of-the-test", chat_page=1) as client:
        yield client


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"] if response.status_code >= 400 else ""


def token_of(client: TestClient, origin: str = SITE) -> str:
    response = client.post("/api/token", headers={"origin": origin})
    assert response.status_code == 200
    assert response.json()["expires_in"] == TOKEN_SECONDS
    token: str = response.json()["token"]
    return token


def ask(client: TestClient, path: str = "/api/ask", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, json=QUESTION, headers=named)


def has_no_cors(response: Any) -> bool:
    return not [name for name in response.headers if name.startswith("access-control-")]


# --- pages of other sites ---


@pytest.mark.parametrize("origin", [SITE, WILD])
def test_a_page_of_the_list_asks_with_its_token(client: TestClient, origin: str) -> None:
    token = token_of(client, origin)
    for path in ("/api/ask", "/api/ask/stream"):
        response = ask(client, path, origin=origin, authorization=f"Bearer {token}")
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == origin
        assert "origin" in response.headers["vary"].lower()
        assert "access-control-allow-credentials" not in response.headers
    read = client.get("/api/documents/reply", headers={"origin": origin, "authorization": f"Bearer {token}"})
    assert read.status_code == 200


@pytest.mark.parametrize(
    "origin", [OTHER, "null", "https://example.gov.cn", f"{SITE}.evil.example", f"{SITE}:8443", "http://localhost:1"]
)
def test_a_page_that_is_not_on_the_list_gets_nothing(client: TestClient, origin: str) -> None:
    stolen = token_of(client)
    calls = [
        client.post("/api/token", headers={"origin": origin}),
        ask(client, origin=origin),
        ask(client, origin=origin, authorization=f"Bearer {stolen}"),
        ask(client, "/v1/chat/completions", origin=origin),
        ask(client, "/mcp", origin=origin),
        client.get("/api/search", params={"q": "资助"}, headers={"origin": origin}),
        client.get("/api/suggestions", headers={"origin": origin}),
        client.post("/gradio_api/queue/join", json={}, headers={"origin": origin}),
        client.get("/gradio_api/info", headers={"origin": origin}),
        client.get("/", headers={"origin": origin}),
    ]
    for response in calls:
        assert code_of(response) == (403, "origin_not_allowed")
        assert has_no_cors(response)


def test_no_origin_is_allowed_by_default_but_the_server_itself() -> None:
    with client_of(allowed_origins="") as client:
        assert code_of(client.post("/api/token", headers={"origin": SITE})) == (403, "origin_not_allowed")
        token = token_of(client, OWN)
        assert ask(client, origin=OWN, authorization=f"Bearer {token}").status_code == 200
        assert ask(client, origin=OWN).status_code == 200


def test_what_a_page_does_wrong_with_its_token_is_said_by_code(client: TestClient) -> None:
    old = TokenMint(SECRET, now=lambda: 0.0).make(SITE)
    strange = TokenMint("another secret of the test").make(SITE)
    cases = {
        "token_missing": ask(client, origin=SITE),
        "token_expired": ask(client, origin=SITE, authorization=f"Bearer {old}"),
        "token_invalid": ask(client, origin=SITE, authorization=f"Bearer {strange}"),
    }
    for code, response in cases.items():
        assert code_of(response) == (403, code)
        assert response.headers["access-control-allow-origin"] == SITE
    for shown in ("Bearer something", "Bearer youju1.", f"Bearer {token_of(client, WILD)}", "Basic abc", "Bearer"):
        assert ask(client, origin=SITE, authorization=shown).status_code == 403


def test_a_token_is_no_good_elsewhere(client: TestClient) -> None:
    """Replayed by another page of the list, by the server's own page, or without any page."""
    token = token_of(client)
    for headers in ({"origin": WILD}, {"origin": OWN}, {}):
        assert code_of(ask(client, authorization=f"Bearer {token}", **headers)) == (403, "token_invalid")


def test_a_get_of_our_own_page_has_no_origin_and_its_token_holds(client: TestClient) -> None:
    headers = {"authorization": f"Bearer {token_of(client, OWN)}", "sec-fetch-site": "same-origin"}
    assert client.get("/api/suggestions", headers=headers).status_code == 200


def test_a_token_is_given_to_pages_alone(client: TestClient) -> None:
    assert code_of(client.post("/api/token")) == (403, "origin_not_allowed")
    assert client.get("/api/token", headers={"origin": OWN}).status_code == 405


@pytest.mark.parametrize(
    ("site", "mode", "expected"),
    [
        ("cross-site", "no-cors", 403),
        ("same-site", "no-cors", 403),
        ("cross-site", "navigate", 200),
        ("none", "navigate", 200),
    ],
)
def test_what_a_foreign_page_embeds_is_refused_and_a_link_is_followed(
    client: TestClient, site: str, mode: str, expected: int
) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    response = client.get("/api/documents/reply/source", headers=headers)
    assert response.status_code == expected
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert response.headers["x-content-type-options"] == "nosniff"


# --- CORS ---


@pytest.mark.parametrize(
    "path", ["/api/ask/stream", "/api/token", "/v1/chat/completions", "/mcp", "/api/documents/reply"]
)
def test_a_preflight_of_a_page_on_the_list_is_answered(client: TestClient, path: str) -> None:
    response = client.options(path, headers={"origin": SITE, **PREFLIGHT})
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == SITE
    assert "POST" in response.headers["access-control-allow-methods"]
    allowed = response.headers["access-control-allow-headers"].lower()
    assert "authorization" in allowed
    assert "content-type" in allowed
    assert "access-control-allow-credentials" not in response.headers
    assert "origin" in response.headers["vary"].lower()


@pytest.mark.parametrize(
    "path", ["/api/ask", "/api/token", "/v1/models", "/mcp", "/", "/gradio_api/info", "/api/admin/build"]
)
@pytest.mark.parametrize("origin", [OTHER, "null"])
def test_a_preflight_of_another_page_gets_no_headers(client: TestClient, path: str, origin: str) -> None:
    response = client.options(path, headers={"origin": origin, **PREFLIGHT})
    assert response.status_code == 403
    assert has_no_cors(response)


@pytest.mark.parametrize("path", ["/", "/gradio_api/info", "/gradio_api/queue/join", "/config", "/api/admin/build"])
def test_pages_of_the_list_have_the_api_and_nothing_else(client: TestClient, path: str) -> None:
    for response in (
        client.options(path, headers={"origin": SITE, **PREFLIGHT}),
        client.get(path, headers={"origin": SITE}),
        client.post(path, json={}, headers={"origin": SITE}),
    ):
        assert response.status_code == 403
        assert has_no_cors(response)


def test_the_script_may_be_loaded_by_anybody_and_its_pages_framed_by_the_list() -> None:
    with client_of() as client:
        script = client.get("/widget.js", headers={"origin": OTHER, "sec-fetch-site": "cross-site"})
        assert script.status_code in (200, 404)  # 404 only where the widget is not part of the installation
        embed = client.get("/embed", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
        assert embed.status_code in (200, 404)


# --- keys ---


def test_with_keys_every_call_needs_one_or_a_token(keyed: TestClient) -> None:
    assert code_of(ask(keyed)) == (401, "key_missing")
    assert code_of(ask(keyed, authorization="Bearer wrong")) == (401, "key_invalid")
    assert code_of(ask(keyed, authorization=f"Bearer {KEY}x")) == (401, "key_invalid")
    assert code_of(ask(keyed, authorization=f"Basic {KEY}")) == (401, "key_missing")
    assert ask(keyed, authorization=f"Bearer {KEY}").status_code == 200
    assert ask(keyed, authorization="bearer another-key-of-the-test").status_code == 200
    for path in (
        "/api/documents",
        "/api/documents/reply",
        "/api/suggestions",
        "/api/search?q=x",
        "/v1/models",
        "/metrics",
    ):
        assert code_of(keyed.get(path)) == (401, "key_missing")
        assert keyed.get(path, headers={"authorization": f"Bearer {KEY}"}).status_code == 200


def test_with_keys_the_chat_page_and_the_widget_go_on_working(keyed: TestClient) -> None:
    assert keyed.get("/").status_code == 200
    assert keyed.get("/healthz").status_code == 200
    assert keyed.get("/gradio_api/info").status_code == 200
    assert ask(keyed, origin=SITE, authorization=f"Bearer {token_of(keyed)}").status_code == 200
    assert ask(keyed, origin=OWN, authorization=f"Bearer {token_of(keyed, OWN)}").status_code == 200
    assert code_of(ask(keyed, origin=OWN)) == (401, "key_missing")


def test_the_link_of_the_widget_to_a_source_can_be_followed(keyed: TestClient) -> None:
    followed = {"sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site"}
    assert keyed.get("/api/documents/reply/source", headers=followed).status_code == 200
    assert code_of(keyed.get("/api/documents/reply/source")) == (401, "key_missing")
    assert code_of(keyed.get("/api/documents/reply", headers=followed)) == (401, "key_missing")
    alone = client_of(api_keys=KEY, allowed_origins="")
    assert code_of(alone.get("/api/documents/reply/source", headers=followed)) == (401, "key_missing")


def test_a_key_in_a_page_of_another_site_is_no_token(keyed: TestClient) -> None:
    assert code_of(ask(keyed, origin=SITE, authorization=f"Bearer {KEY}")) == (403, "token_invalid")
    assert code_of(ask(keyed, origin=OTHER, authorization=f"Bearer {KEY}")) == (403, "origin_not_allowed")


def test_a_key_that_is_no_ascii_text_is_wrong_and_no_fault(keyed: TestClient) -> None:
    response = keyed.post("/api/ask", json=QUESTION, headers=[(b"authorization", b"Bearer \xff\xfe")])
    assert code_of(response) == (401, "key_invalid")


def test_administration_is_off_without_keys_and_needs_one_with_them(client: TestClient, keyed: TestClient) -> None:
    for path in ("/api/admin/build", "/api/admin/documents", "/api/admin/nothing"):
        assert code_of(client.post(path)) == (403, "admin_off")
        assert "YOUJU_API_KEYS" in client.post(path).text
        assert code_of(keyed.post(path)) == (401, "key_missing")
        token = token_of(keyed, OWN)
        assert code_of(keyed.post(path, headers={"authorization": f"Bearer {token}", "origin": OWN})) == (
            401,
            "key_invalid",
        )
        assert code_of(keyed.post(path, headers={"origin": SITE, "authorization": f"Bearer {KEY}"}))[0] == 403


# --- hosts ---


@pytest.mark.parametrize("path", ["/", "/api/ask", "/mcp", "/v1/models", "/gradio_api/info", "/api/token"])
def test_on_loopback_a_name_of_somebody_else_is_refused(client: TestClient, path: str) -> None:
    """DNS rebinding: evil.example points here, so its pages look like our own; only the Host header tells."""
    rebound = {"host": "evil.example:7860", "origin": "http://evil.example:7860", "sec-fetch-site": "same-origin"}
    for method in ("GET", "POST"):
        response = client.request(method, path, headers=rebound)
        assert code_of(response) == (421, "host_not_allowed")


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860", "qa.localhost"])
def test_on_loopback_its_own_names_are_taken(client: TestClient, host: str) -> None:
    assert client.get("/api/suggestions", headers={"host": host}).status_code == 200


def test_names_that_were_set_are_taken_and_no_others() -> None:
    with client_of(host="0.0.0.0", hosts="qa.example.gov.cn, QA2.example.gov.cn") as client:
        assert client.get("/api/suggestions", headers={"host": "QA.example.gov.cn:443"}).status_code == 200
        assert client.get("/api/suggestions", headers={"host": "qa2.example.gov.cn"}).status_code == 200
        assert code_of(client.get("/api/suggestions", headers={"host": "evil.example"})) == (421, "host_not_allowed")
    with client_of(host="0.0.0.0") as client:
        assert client.get("/api/suggestions", headers={"host": "any.example"}).status_code == 200


# --- limits ---


def test_too_many_questions_get_429_with_the_seconds_to_wait() -> None:
    with client_of(limit_minute=2) as client:
        headers = {"origin": SITE, "authorization": f"Bearer {token_of(client)}", "accept-language": "en"}
        for _ in range(2):
            assert client.post("/api/ask", json=QUESTION, headers=headers).status_code == 200
        refused = client.post("/api/ask/stream", json=QUESTION, headers=headers)
        assert code_of(refused) == (429, "rate_limited")
        assert refused.headers["retry-after"] == "30"
        assert "30 seconds" in refused.text
        assert refused.headers["access-control-allow-origin"] == SITE
        assert "Retry-After" in refused.headers["access-control-expose-headers"]
        assert client.get("/api/documents/reply", headers=headers).status_code == 200
        other = {**headers, "authorization": f"Bearer {token_of(client)}"}
        assert client.post("/api/ask", json=QUESTION, headers=other).status_code == 200


def test_an_address_is_limited_whatever_tokens_it_fetches() -> None:
    with client_of(limit_minute=1) as client:
        statuses = []
        for _ in range(12):
            token = client.post("/api/token", headers={"origin": SITE})
            statuses.append(token.status_code)
        assert statuses == [200] * 10 + [429] * 2
        assert code_of(ask(client)) == (429, "rate_limited")


def test_keys_and_this_machine_are_not_limited() -> None:
    with client_of(limit_minute=1, api_keys=KEY) as keyed:
        assert {ask(keyed, authorization=f"Bearer {KEY}").status_code for _ in range(20)} == {200}
    app = create_app(FakeAssistant(), Settings(limit_minute=1, chat_page=0))
    with TestClient(app, base_url=OWN, client=("127.0.0.1", 1)) as local:
        assert {ask(local).status_code for _ in range(20)} == {200}
        # A proxy here that is not trusted speaks for many readers, who share what one address may use.
        statuses = [ask(local, x_forwarded_for="203.0.113.9").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


def test_addresses_of_one_ipv6_network_are_one_reader() -> None:
    app = create_app(FakeAssistant(), Settings(limit_minute=1, chat_page=0))
    statuses = []
    for number in range(11):
        with TestClient(app, base_url=OWN, client=(f"2400:3200:1:1::{number:x}", 1)) as client:
            statuses.append(ask(client).status_code)
    assert statuses == [200] * 10 + [429]


def test_the_chat_page_is_limited_by_address() -> None:
    with client_of(limit_minute=1, chat_page=1) as client:
        statuses = [
            client.post("/gradio_api/queue/join", json={}, headers={"origin": OWN}).status_code for _ in range(11)
        ]
        assert statuses.count(429) == 1
        assert statuses[-1] == 429
        assert client.get("/").status_code == 200


def test_bytes_of_questions_are_limited() -> None:
    with client_of(limit_question_kb=1) as client:
        headers = {"origin": SITE, "authorization": f"Bearer {token_of(client)}"}
        long = json.dumps({"question": "资助" * 500})
        assert (
            client.post("/api/ask", content=long, headers={**headers, "content-type": "application/json"}).status_code
            == 200
        )
        assert code_of(client.post("/api/ask", json=QUESTION, headers=headers)) == (429, "rate_limited")


@pytest.mark.parametrize(
    ("language", "start"),
    [
        ("", "这个网站"),
        ("zh-CN,zh;q=0.9", "这个网站"),
        ("zh-TW", "這個網站"),
        ("zh-Hant-HK, en;q=0.5", "這個網站"),
        ("en-US,en;q=0.9,zh;q=0.1", "This web site"),
        ("fr, de;q=0.9", "这个网站"),
        ("en;q=0, zh-TW;q=0.1", "這個網站"),
        (";;;q=,,==", "这个网站"),
        ("en;q=nan", "这个网站"),
    ],
)
def test_errors_are_in_the_language_of_the_request(client: TestClient, language: str, start: str) -> None:
    response = ask(client, origin=OTHER, accept_language=language)
    assert response.json()["error"]["message"].startswith(start)
