"""What a supervisor asks: whether the process lives, and whether questions can be answered."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from app.api.failures import ApiError, error_response
from app.api.service import service_of
from app.errors import YouJuError

health = APIRouter()


@health.get("/healthz")
async def healthz() -> JSONResponse:
    """Say that the process is alive."""
    return JSONResponse({"status": "alive"})


@health.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """Say whether questions can be answered, and if not, what to do."""
    try:
        assistant = service_of(request).loaded()
        assistant.check()
    except (ApiError, YouJuError) as error:
        detail = error.detail if isinstance(error, ApiError) else str(error)
        return error_response(request.scope, ApiError(503, "not_ready", detail))
    return JSONResponse({"status": "ready", "documents": len(assistant.documents)})


@health.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return figures for Prometheus."""
    figures = service_of(request).metrics
    return Response(figures.text(), media_type=figures.content_type)
