"""Errors of the API: one shape, {"error": {"code", "message"}}, in the language of the request."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from app import errors
from app.api.messages import Language, message_of
from app.api.scopes import language_of_scope, path_of
from app.errors import YouJuError

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
HTTP_CODES = {400: "bad_json", 404: "not_found", 405: "method_not_allowed"}
OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
NO_OBJECT = "the body must be a JSON object, sent with Content-Type: application/json"


class ApiError(Exception):
    """A refusal of the API itself; `retry_after` is in seconds, 0 if waiting does not help.

    `saying` names its message where that is not the code's own.
    """

    def __init__(self, status: int, code: str, detail: str = "", retry_after: int = 0, saying: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.detail, self.retry_after = status, code, detail, retry_after
        self.saying = saying or code

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that belong to the refusal."""
        named = {"retry-after": str(self.retry_after)} if self.retry_after else {}
        return named | ({"www-authenticate": "Bearer"} if self.status == 401 else {})


def as_api_error(error: Exception) -> ApiError:
    """Return any error as one of the API; one that is nobody's fault but the server's as `internal`."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, errors.NoQuestionError):
        return ApiError(400, "bad_question", saying="no_question")
    if isinstance(error, YouJuError):
        status, code = next(shape for kind, shape in USER_ERRORS.items() if isinstance(error, kind))
        return ApiError(status, code, str(error))
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return ApiError(error.status_code, HTTP_CODES.get(error.status_code, "http_error"), str(error.detail))
    return ApiError(500, "internal")


def error_json(error: ApiError, language: Language) -> dict[str, dict[str, str]]:
    """Return an error as the contract's JSON object."""
    return {"error": {"code": error.code, "message": message_of(error.saying, language, error.detail)}}


def openai_error_json(error: ApiError, language: Language) -> dict[str, dict[str, str | None]]:
    """Return an error as clients of OpenAI's API read it."""
    kind = OPENAI_TYPES.get(error.status, "server_error" if error.status >= 500 else "invalid_request_error")
    message = message_of(error.saying, language, error.detail)
    return {"error": {"message": message, "type": kind, "param": None, "code": error.code}}


def error_response(scope: Scope, error: ApiError) -> JSONResponse:
    """Return an error as a response to a request."""
    shape = openai_error_json if path_of(scope).startswith("/v1/") else error_json
    return JSONResponse(shape(error, language_of_scope(scope)), error.status, error.headers)


def answer_failures(app: FastAPI) -> None:
    """Let an application answer every error in the API's shape."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return error_response(request.scope, as_api_error(error))

    for kind in (ApiError, YouJuError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


def _invalid(error: RequestValidationError) -> ApiError:
    """Name the first field that is wrong; what was sent is not repeated, it may be long."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return ApiError(400, "bad_json")
    place = ".".join(str(part) for part in first["loc"][1:])
    return ApiError(422, "invalid_request", f"{place}: {first['msg']}" if place else NO_OBJECT)
