"""Behind a proxy and below a path: the real server, a small real proxy in front of it, and a browser."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import openai
import pytest
from fastapi import FastAPI, Request
from playwright.sync_api import expect, sync_playwright
from starlette.responses import StreamingResponse

from app.api import create_app
from app.config import Settings
from tests.fake_assistant import TALENT, FakeAssistant
from tests.serving import CHROMIUM_FLAGS, serving, stoppable

pytestmark = pytest.mark.server

NOT_FORWARDED = ("host", "connection", "transfer-encoding", "content-length", "accept-encoding")
SITE = "https://www.example.gov.cn"
PUBLIC = "qa.example.gov.cn"


def make_proxy(upstream: str, prefix: str, strips: bool, scheme: str) -> FastAPI:
    """Return a reverse proxy as a department runs it: it names its client and scheme, whatever that client said."""
    client = httpx.AsyncClient(base_url=upstream, timeout=30)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(openapi_url=None, lifespan=lifespan)

    @app.api_route("/{path:path}", methods=["GET", "POST", "OPTIONS", "HEAD"])
    async def forward(path: str, request: Request) -> StreamingResponse:
        target = f"/{path}".removeprefix(prefix) if strips else f"/{path}"
        headers = [
            (name, value) for name, value in request.headers.items() if name not in (*NOT_FORWARDED, "x-forwarded-for")
        ]
        said = request.headers.get("x-forwarded-for", "")
        address = request.headers.get("x-test-client", "203.0.113.7")
        headers += [
            ("host", request.headers["host"]),
            ("x-forwarded-for", f"{said}, {address}" if said else address),
            ("x-forwarded-proto", scheme),
        ]
        url = httpx.URL(upstream + (target or "/"), query=request.url.query.encode())
        body = await request.body()
        response = await client.send(
            client.build_request(request.method, url, headers=headers, content=body), stream=True
        )

        async def pieces() -> AsyncIterator[bytes]:
            try:
                async for piece in response.aiter_raw():
                    yield piece
            finally:
                await response.aclose()

        kept = {name: value for name, value in response.headers.items() if name not in NOT_FORWARDED}
        return StreamingResponse(pieces(), response.status_code, kept)

    return app


@contextmanager
def proxied(strips: bool, scheme: str = "http", **settings: Any) -> Iterator[str]:
    """Serve YouJu below /qa behind a proxy; yields its address there."""
    wanted = {"root_path": "/qa", "trusted_proxies": "127.0.0.1", **settings}
    with (
        serving(create_app(FakeAssistant(), Settings(**wanted))) as inner,
        stoppable(make_proxy(inner, "/qa", strips, scheme)) as outer,
    ):
        yield f"{outer}/qa"


@pytest.fixture(scope="module", params=[True, False], ids=["path taken off", "path left on"])
def site(request: pytest.FixtureRequest) -> Iterator[str]:
    with proxied(request.param, allowed_origins=SITE) as url:
        yield url


def test_everything_is_served_below_the_path(site: str) -> None:
    assert httpx.get(f"{site}/healthz").json() == {"status": "alive"}
    assert httpx.get(f"{site}/").status_code == 200
    assert httpx.get(f"{site}/api/documents/reply").json()["id"] == "reply"
    assert httpx.post(f"{site}/api/ask", json={"question": "资助"}).json()["sentences"][0]["text"] == TALENT
    stream = httpx.post(f"{site}/api/ask/stream", json={"question": "资助"}).text
    assert "event: answer" in stream
    assert httpx.get(f"{site}/api/nothing").json()["error"]["code"] == "not_found"
    assert httpx.get(f"{site}/v1/nothing").json()["error"]["type"] == "invalid_request_error"
    paths = httpx.get(f"{site}/api/openapi.json").json()
    assert paths["servers"] == [{"url": "/qa"}]
    with openai.OpenAI(base_url=f"{site}/v1", api_key="none", max_retries=0) as client:
        assert TALENT in str(
            client.chat.completions.create(model="youju", messages=[{"role": "user", "content": "资助"}])
        )


def test_origins_are_held_below_the_path(site: str) -> None:
    token = httpx.post(f"{site}/api/token", headers={"origin": SITE}).json()["token"]
    headers = {"origin": SITE, "authorization": f"Bearer {token}"}
    assert httpx.post(f"{site}/api/ask", json={"question": "资助"}, headers=headers).status_code == 200
    assert httpx.post(f"{site}/api/token", headers={"origin": "https://evil.example"}).status_code == 403
    assert httpx.post(f"{site}/api/admin/build").json()["error"]["code"] == "admin_off"
    assert httpx.get(f"{site}/gradio_api/info", headers={"origin": "https://evil.example"}).status_code == 403


def test_behind_tls_our_own_pages_are_known_by_scheme_and_name() -> None:
    with proxied(True, "https") as url:
        headers = {"host": PUBLIC}
        own = httpx.post(
            f"{url}/api/ask", json={"question": "资助"}, headers={**headers, "origin": f"https://{PUBLIC}"}
        )
        assert own.status_code == 200
        plain = httpx.post(
            f"{url}/api/ask", json={"question": "资助"}, headers={**headers, "origin": f"http://{PUBLIC}"}
        )
        assert plain.status_code == 403


def test_readers_behind_the_proxy_are_told_apart_and_cannot_pose_as_others() -> None:
    with proxied(True, limit_minute=1) as url:

        def ask(address: str, said: str = "") -> int:
            headers = {"x-test-client": address} | ({"x-forwarded-for": said} if said else {})
            return httpx.post(f"{url}/api/ask", json={"question": "资助"}, headers=headers).status_code

        assert [ask("203.0.113.1", f"198.51.100.{number}") for number in range(11)] == [200] * 10 + [429]
        assert ask("203.0.113.2") == 200


def test_forwarded_headers_of_others_are_not_believed() -> None:
    """Without trust in this proxy its headers are those of anybody: no address, no scheme, no host is taken from them."""
    with serving(create_app(FakeAssistant(), Settings(limit_minute=1))) as url:
        forged = {
            "x-forwarded-host": "evil.example",
            "x-gradio-server": "https://evil.example",
            "x-forwarded-proto": "https",
            "forwarded": "for=1.2.3.4;host=evil.example",
        }
        page = httpx.get(f"{url}/", headers=forged).text
        assert "evil.example" not in page
        assert "https://127.0.0.1" not in page
        statuses = [
            httpx.post(
                f"{url}/api/ask", json={"question": "资助"}, headers={"x-forwarded-for": f"203.0.113.{n}"}
            ).status_code
            for n in range(11)
        ]
        assert statuses == [200] * 10 + [429]


def test_a_trusted_proxy_that_does_not_name_its_readers_is_one_address() -> None:
    settings = Settings(limit_minute=1, chat_page=0, trusted_proxies="127.0.0.1")
    with serving(create_app(FakeAssistant(), settings)) as url:
        statuses = [httpx.post(f"{url}/api/ask", json={"question": "资助"}).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


def test_even_a_trusted_proxy_passes_no_host_on() -> None:
    with proxied(True) as url:
        page = httpx.get(
            f"{url}/", headers={"x-forwarded-host": "evil.example", "x-gradio-server": "https://evil.example"}
        )
        assert "evil.example" not in page.text


@pytest.mark.browser
@pytest.mark.skipif(
    shutil.which("chromium") is None, reason="there is no chromium on this machine (Debian: apt install chromium)"
)
def test_the_chat_page_answers_below_the_path(site: str) -> None:
    failures: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(CHROMIUM_FLAGS))
        page = browser.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda message: failures.append(message.text) if message.type == "error" else None)
        page.on("response", lambda response: failures.append(response.url) if response.status >= 400 else None)
        page.goto(f"{site}/")
        page.fill("#question textarea", "资助了多少人？")
        page.keyboard.press("Enter")
        expect(page.locator("#latest")).to_contain_text("1 万余人", timeout=20_000)
        browser.close()
    assert failures == []
