"""The application: the API under /api, the widget's files, what a supervisor asks, and the chat page at /."""

import base64
import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import AsyncIterator
from html import escape

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from app import errors
from app.addresses import host_name, is_loopback, parse_networks
from app.api.access import Access
from app.api.admin import admin
from app.api.answers import AnswerDesk
from app.api.asking import asking
from app.api.bodies import MAX_BODY_BYTES, BodyLimit
from app.api.builds import Builder
from app.api.context import context
from app.api.description import describe
from app.api.documents import documents
from app.api.failures import answer_failures
from app.api.health import health
from app.api.limits import Allowance, RateLimits
from app.api.mcp import McpServer
from app.api.metrics import Measured, Metrics
from app.api.openai import openai
from app.api.pages import pages, tokens
from app.api.service import Service
from app.api.tokens import TokenMint
from app.assistant import Assistant
from app.config import Settings, split_list
from app.errors import YouJuError
from app.feedback import FeedbackStore
from app.guard import SecurityHeaders, StreamStop
from app.origins import parse_allowed
from app.server import Proxies, Server, SubPath, listen

REFRESH_SECONDS = 2.0
"""How often a server looks for a newer index."""
UPLOADS = "/api/admin/documents"

log = logging.getLogger(__name__)


def create_app(assistant: Assistant | None, settings: Settings, problem: YouJuError | None = None) -> FastAPI:
    """Return the application. Without an assistant it runs, is not ready, and says what the problem is."""
    service = make_service(assistant, settings, problem or YouJuError("the index is not loaded"))
    mcp = McpServer(service)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with mcp.run():
            yield

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.service = service
    for routes in (health, pages):
        app.include_router(routes)
    answer_failures(app)
    app.router.routes.append(Route("/mcp", mcp))
    rest, compatible = _make_part(service, asking, context, documents, tokens), _make_part(service, openai)
    rest.include_router(admin, prefix="/admin")
    _publish_description(rest, compatible, settings.root_path)
    app.mount("/api", rest)
    app.mount("/v1", compatible)
    _guard(app, service)
    if assistant is None:
        app.add_api_route("/", _unready_page, response_class=HTMLResponse)
    elif settings.chat_page:
        from app.chat import mount_chat  # gradio: seconds, and half of the memory

        mount_chat(app, assistant, service.feedback)
    app.add_middleware(SubPath, root_path=settings.root_path)
    app.add_middleware(Proxies, trusted=parse_networks(settings.trusted_proxies))
    return app


def _guard(app: FastAPI, service: Service) -> None:
    """Put around an application what every request passes; what is added last sees it first."""
    settings = service.settings
    upload_bytes = int(settings.max_file_mb * 1_000_000) + MAX_BODY_BYTES
    # Gradio answers any origin with its credentials unless its parent configures CORS. Access does that, for all of us.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(BodyLimit, uploads=UPLOADS, upload_bytes=upload_bytes)
    app.add_middleware(
        Access,
        allowed=service.allowed,
        keys=split_list(settings.api_keys),
        hosts=hosts_of(settings),
        mint=service.mint,
        limits=service.limits,
    )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Measured, metrics=service.metrics)
    app.add_middleware(StreamStop, stopping=service.stopping)


def make_service(assistant: Assistant | None, settings: Settings, problem: YouJuError) -> Service:
    """Return the parts of a server, as the settings want them."""
    allowance = Allowance(
        settings.limit_minute, settings.limit_day, settings.limit_streams, settings.limit_question_kb * 1000
    )
    desk = AnswerDesk(settings.answers_at_once, settings.answers_waiting)
    metrics = Metrics()
    metrics.gauge("youju_questions_at_the_desk", "Questions that are worked on or wait.", lambda: desk.admitted)
    metrics.gauge("youju_questions_sent_away", "Questions that found no place, since the start.", lambda: desk.shed)
    metrics.gauge("youju_documents", "Documents of the index.", lambda: len(assistant.documents) if assistant else 0)
    return Service(
        assistant=assistant,
        settings=settings,
        problem=problem,
        feedback=FeedbackStore(settings.feedback, bool(settings.log_refusals)),
        mint=TokenMint(settings.secret),
        limits=RateLimits(allowance),
        desk=desk,
        allowed=parse_allowed(settings.allowed_origins),
        builder=Builder(settings),
        metrics=metrics,
    )


def hosts_of(settings: Settings) -> tuple[str, ...] | None:
    """Return the names that the server goes by besides its addresses; None if any may be used.

    On a loopback address without a proxy nobody calls it by another name, but for a page that had its own name point
    here (DNS rebinding).
    """
    if settings.hosts:
        return tuple(map(host_name, split_list(settings.hosts)))
    return () if is_loopback(settings.host) and not settings.trusted_proxies else None


def serve(assistant: Assistant, settings: Settings) -> None:
    """Serve until a signal stops it. Raises YouJuError if the address cannot be listened on."""
    with listen(settings.host, settings.port) as listener, contextlib.suppress(KeyboardInterrupt):
        threading.Thread(target=_keep_fresh, args=[assistant], name="refresh", daemon=True).start()
        Server(create_app(assistant, settings)).run([listener])


def _keep_fresh(assistant: Assistant) -> None:
    """Go over to each newer index by itself; one that cannot be opened is logged, and the old one goes on answering."""
    while True:
        time.sleep(REFRESH_SECONDS)
        try:
            if assistant.refresh():
                log.warning("a newer index answers now: %d documents", len(assistant.documents))
        except errors.IndexProblem as error:
            log.warning("the newer index cannot be used, the one before goes on answering: %s", error)


def _make_part(service: Service, *routers: APIRouter) -> FastAPI:
    """Return routes as an application of its own: wrong paths and methods in it get its errors, not the page's."""
    part = FastAPI(title="YouJu", docs_url=None, redoc_url=None, openapi_url=None)
    part.state.service = service
    for router in routers:
        part.include_router(router)
    answer_failures(part)
    return part


def _publish_description(rest: FastAPI, compatible: FastAPI, root_path: str) -> None:
    """Serve the OpenAPI document of both parts at /api/openapi.json."""

    @rest.get("/openapi.json", include_in_schema=False)
    def description() -> JSONResponse:
        return JSONResponse(describe({"/api": rest, "/v1": compatible}, root_path))


UNREADY_STYLE = "main{font:18px/1.8 sans-serif;max-width:36em;margin:18vh auto;padding:0 24px}"


def _unready_page(request: Request) -> HTMLResponse:
    service: Service = request.app.state.service
    digest = base64.b64encode(hashlib.sha256(UNREADY_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'self'"
    page = f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>有据</title><style>{UNREADY_STYLE}</style>'
    message = f"<main><h1>现在不能作答</h1><p>{escape(str(service.problem))}</p></main></html>"
    return HTMLResponse(page + message, 503, {"content-security-policy": policy})
