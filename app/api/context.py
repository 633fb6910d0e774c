"""A cited span within the text around it: what the widget shows of a document that may have megabytes."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from app.api.description import replies
from app.api.failures import ApiError
from app.api.service import service_of
from app.evidence import window_around
from app.types import Span

MAX_CHARS = 4000
EXAMPLE = {
    "document_id": "reply",
    "title": "对市政协十四届二次会议第 0608 号提案的答复",
    "start": 480,
    "end": 620,
    "before": "二是完善人才政策。",
    "quote": "截至 2023 年底，四类计划共资助了 1 万余人，总资助额 26 亿余元。",
    "after": "三是增加人才交流。",
    "is_cut_before": True,
    "is_cut_after": True,
}

context = APIRouter()


@context.get(
    "/documents/{document_id:path}/context", summary="读取引文的上下文", responses=replies(EXAMPLE, 404, 422, 503)
)
def surroundings(
    request: Request,
    document_id: str,
    start: Annotated[int, Query(ge=0, description="引文从第几个字开始")],
    end: Annotated[int, Query(ge=1, description="引文到第几个字为止（不含）")],
    chars: Annotated[int, Query(ge=0, le=MAX_CHARS, description="前后各取约多少字")] = 600,
) -> JSONResponse:
    """返回一处引文及其前后文；位置为 Unicode 码位，左闭右开。"""
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
