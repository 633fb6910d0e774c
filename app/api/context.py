"""A cited span within the text around it: what the widget shows of a document that may have megabytes."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from app.api.failures import ApiError
from app.api.service import service_of
from app.evidence import window_around
from app.types import Span

MAX_CHARS = 4000

context = APIRouter()


@context.get("/documents/{document_id:path}/context")
def surroundings(
    request: Request,
    document_id: str,
    start: Annotated[int, Query(ge=0)],
    end: Annotated[int, Query(ge=1)],
    chars: Annotated[int, Query(ge=0, le=MAX_CHARS)] = 600,
) -> JSONResponse:
    """Return a span of a document with about `chars` characters before and after it; offsets count code points."""
    document = service_of(request).loaded().document(document_id)
    if not start < end <= len(document.text):
        raise ApiError(404, "not_found", f"{document_id} [{start}, {end})"[:200])
    span = Span(start, end)
    window = window_around(document.text, span, chars)
    return JSONResponse(
        {
            "document_id": document.id,
            "title": document.title,
            "start": window.start,
            "end": window.end,
            "before": document.text[window.start : start],
            "quote": span.of(document.text),
            "after": document.text[end : window.end],
            "is_cut_before": window.start > 0,
            "is_cut_after": window.end < len(document.text),
        }
    )
