"""The application: the API under /api, the widget's files, what a supervisor asks, and the chat page at /."""

import base64
import contextlib
import hashlib
import logging
import threading
import time
from html import escape

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.middleware.cors import CORSMiddleware

from app import errors
from app.api.access import Access
from app.api.answers import AnswerDesk
from app.api.asking import asking
from app.api.bodies import MAX_BODY_BYTES, BodyLimit
from app.api.context import context
from app.api.failures import answer_failures
from app.api.health import health
from app.api.limits import Allowance, RateLimits
from app.api.pages import pages, tokens
from app.api.service import Service
from app.api.tokens import TokenMint
from app.assistant import Assistant
from app.chat import mount_chat
from app.config import Settings
from app.errors import YouJuError
from app.feedback import FeedbackStore
from app.guard import SecurityHeaders, StreamStop
from app.origins import parse_allowed
from app.server import Server, listen

REFRESH_SECONDS = 2.0
"""How often a server looks for a newer index."""
UPLOADS = "/api/admin/documents"

log = logging.getLogger(__name__)


def create_app(assistant: Assistant | None, settings: Settings, problem: YouJuError | None = None) -> FastAPI:
    """Return the application. Without an assistant it runs, is not ready, and says what the problem is."""
    service = make_service(assistant, settings, problem or YouJuError("the index is not loaded"))
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.service = service
    # Gradio answers any origin with its credentials unless its parent configures CORS. Access does that, for all of us.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(BodyLimit, uploads=UPLOADS, upload_bytes=int(settings.max_file_mb * 1_000_000) + MAX_BODY_BYTES)
    app.add_middleware(
        Access, allowed=service.allowed, keys=keys_of(settings), mint=service.mint, limits=service.limits
    )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(StreamStop, stopping=service.stopping)
    for routes in (health, pages):
        app.include_router(routes)
    answer_failures(app)
    app.mount("/api", _make_part(service, asking, context, tokens))
    if assistant is None:
        app.add_api_route("/", _unready_page, response_class=HTMLResponse)
    else:
        mount_chat(app, assistant, service.feedback)
    return app


def make_service(assistant: Assistant | None, settings: Settings, problem: YouJuError) -> Service:
    """Return the parts of a server, as the settings want them."""
    allowance = Allowance(
        settings.limit_minute, settings.limit_day, settings.limit_streams, settings.limit_question_kb * 1000
    )
    return Service(
        assistant=assistant,
        settings=settings,
        problem=problem,
        feedback=FeedbackStore(settings.feedback, bool(settings.log_refusals)),
        mint=TokenMint(settings.secret),
        limits=RateLimits(allowance),
        desk=AnswerDesk(settings.answers_at_once, settings.answers_waiting),
        allowed=parse_allowed(settings.allowed_origins),
    )


def keys_of(settings: Settings) -> tuple[str, ...]:
    """Return the keys that open the API."""
    return tuple(key.strip() for key in settings.api_keys.split(",") if key.strip())


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


UNREADY_STYLE = "main{font:18px/1.8 sans-serif;max-width:36em;margin:18vh auto;padding:0 24px}"


def _unready_page(request: Request) -> HTMLResponse:
    service: Service = request.app.state.service
    digest = base64.b64encode(hashlib.sha256(UNREADY_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'self'"
    page = f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>有据</title><style>{UNREADY_STYLE}</style>'
    message = f"<main><h1>现在不能作答</h1><p>{escape(str(service.problem))}</p></main></html>"
    return HTMLResponse(page + message, 503, {"content-security-policy": policy})
