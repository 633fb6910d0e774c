"""The HTTP interface: the REST API under /api, what a supervisor asks (/healthz, /readyz), and the chat page at /.

Errors of the API are one shape, {"error": {"code", "message"}}; the message is written for whoever sent the request.
"""

import asyncio
import contextlib
import logging
import threading
import time
from html import escape
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from app import errors
from app.assistant import Assistant, parse_history
from app.chat import mount_chat
from app.config import Settings
from app.errors import YouJuError
from app.feedback import FeedbackStore
from app.guard import BodyLimit, SecurityHeaders, StreamStop
from app.server import Server, listen
from app.types import Answer

USER_ERRORS: dict[type[YouJuError], tuple[int, str]] = {
    errors.QuestionError: (400, "bad_question"),
    errors.NotFoundError: (404, "not_found"),
    errors.RatingError: (400, "bad_rating"),
    errors.FeedbackOffError: (503, "feedback_off"),
    errors.FeedbackError: (503, "feedback_failed"),
    errors.IndexProblem: (503, "not_ready"),
    errors.EncoderError: (503, "not_ready"),
    YouJuError: (400, "bad_request"),
}
HTTP_CODES = {400: "bad_json", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 503: "not_ready"}
NO_OBJECT = "the body must be a JSON object, sent with Content-Type: application/json"

REFRESH_SECONDS = 2.0
"""How often a server looks for a newer index."""

log = logging.getLogger(__name__)

DocumentId = Annotated[str, Field(min_length=1, max_length=500)]


class AskRequest(BaseModel):
    """A question; what is too long in it is cut by the assistant, which says where."""

    model_config = ConfigDict(extra="forbid")

    question: str
    history: Annotated[list[Any], Field(max_length=100)] = []
    document_ids: Annotated[list[DocumentId], Field(max_length=1000)] | None = None
    answerer: Literal["extractive", "llm"] | None = None


class FeedbackRequest(BaseModel):
    """What a reader says about an answer, named by its id."""

    model_config = ConfigDict(extra="forbid")

    answer_id: str
    rating: str
    comment: str | None = None


def create_app(assistant: Assistant | None, settings: Settings, problem: YouJuError | None = None) -> FastAPI:
    """Return the application. Without an assistant it runs, is not ready, and says what the problem is."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.assistant, app.state.settings = assistant, settings
    app.state.problem = problem or YouJuError("the index is not loaded")
    app.state.feedback = FeedbackStore(settings.feedback, bool(settings.log_refusals))
    # Gradio answers any origin with its credentials unless its parent configures CORS: nobody is allowed here yet.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
    app.state.stopping = asyncio.Event()
    app.add_middleware(StreamStop, stopping=app.state.stopping)
    app.include_router(health)
    app.mount("/api", _make_rest(app))
    if assistant is None:
        app.add_api_route("/", _unready_page, response_class=HTMLResponse)
    else:
        mount_chat(app, assistant, app.state.feedback)
    return app


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


# --- health ---

health = APIRouter()


@health.get("/healthz")
def healthz() -> dict[str, str]:
    """Say that the process is alive."""
    return {"status": "alive"}


@health.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """Say whether questions can be answered, and if not, what to do."""
    assistant: Assistant | None = request.app.state.assistant
    if assistant is None:
        return error_response(503, "not_ready", str(request.app.state.problem))
    try:
        assistant.store.check()
    except YouJuError as error:
        return error_response(503, "not_ready", str(error))
    return JSONResponse({"status": "ready", "documents": len(assistant.documents)})


def _unready_page(request: Request) -> HTMLResponse:
    message = escape(str(request.app.state.problem))
    style = "font:18px/1.8 sans-serif;max-width:36em;margin:18vh auto;padding:0 24px"
    page = f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>有据</title><main style="{style}">'
    return HTMLResponse(f"{page}<h1>现在不能作答</h1><p>{message}</p></main></html>", 503)


# --- REST ---

rest = APIRouter()


@rest.post("/ask")
async def ask(body: AskRequest, request: Request) -> JSONResponse:
    """Answer a question; the reply is an Answer."""
    assistant = loaded_assistant(request)
    history = parse_history(body.history)

    def answer_and_note() -> Answer:
        answer = assistant.ask(body.question, history, body.document_ids, body.answerer)
        request.app.state.feedback.note(answer, history)
        return answer

    return JSONResponse((await asyncio.to_thread(answer_and_note)).to_json())


@rest.post("/feedback")
def rate(body: FeedbackRequest, request: Request) -> JSONResponse:
    """Rate an answer; the reply says that the rating is kept."""
    request.app.state.feedback.rate(body.answer_id, body.rating, body.comment or "")
    return JSONResponse({"answer_id": body.answer_id, "rating": body.rating})


def loaded_assistant(request: Request) -> Assistant:
    """Return the assistant. Raises the problem that kept it from being loaded."""
    assistant: Assistant | None = request.app.state.assistant
    if assistant is None:
        raise HTTPException(503, str(request.app.state.problem))
    return assistant


def _make_rest(parent: FastAPI) -> FastAPI:
    """Return the API as an application of its own: wrong paths and methods in it get its errors, not the page's."""
    api = FastAPI(title="YouJu", docs_url=None, redoc_url=None)
    api.state = parent.state
    api.include_router(rest)
    api.add_exception_handler(YouJuError, _answer_user_error)
    api.add_exception_handler(RequestValidationError, _answer_invalid)
    api.add_exception_handler(HTTPException, _answer_http_error)
    api.add_exception_handler(Exception, _answer_bug)
    return api


def error_response(status: int, code: str, message: str) -> JSONResponse:
    """Return an error of the API."""
    return JSONResponse({"error": {"code": code, "message": message}}, status)


async def _answer_user_error(request: Request, error: Exception) -> JSONResponse:
    status, code = next(shape for kind, shape in USER_ERRORS.items() if isinstance(error, kind))
    return error_response(status, code, str(error))


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    """Name the first field that is wrong; what was sent is not repeated, it may be long."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return error_response(400, "bad_json", "the body is not valid JSON")
    place = ".".join(str(part) for part in first["loc"][1:])
    return error_response(422, "invalid_request", f"{place}: {first['msg']}" if place else NO_OBJECT)


async def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return error_response(error.status_code, HTTP_CODES.get(error.status_code, "http_error"), str(error.detail))


async def _answer_bug(request: Request, error: Exception) -> JSONResponse:
    return error_response(500, "internal", "the server failed on this request; its log says why")
