"""Looking at what is indexed: passages for a query, the documents, and where each comes from."""

import hashlib
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from app.api.description import DOCUMENT_EXAMPLE, file_replies, replies
from app.api.service import service_of
from app.errors import LoadError
from app.loading.sources import BULK_SUFFIXES, TEXT_SUFFIXES, decode
from app.types import Document, passage_json

MAX_PASSAGES = 100
MAX_PAGE = 100
MAX_OFFSET = 10_000
"""How far the list can be leafed through: every document before the page has to be read."""

documents = APIRouter()


@documents.get("/search", summary="检索段落", responses=replies({"query": "资助", "passages": []}, 400, 422, 429, 503))
async def search(
    request: Request,
    q: Annotated[str, Query(description="检索词或一句话", examples=["人才计划 资助"])],
    k: Annotated[int, Query(ge=1, le=MAX_PASSAGES, description="返回几段")] = 10,
) -> JSONResponse:
    """返回与一句话最相近的段落，最近的在前；不作回答。"""
    service = service_of(request)
    assistant = service.loaded()

    def rank() -> list[dict[str, Any]]:
        return [passage_json(passage) for passage in assistant.search(q, k)]

    with service.desk.take_place():
        return JSONResponse({"query": q, "passages": await service.desk.run(rank)})


@documents.get(
    "/documents",
    summary="列出文件",
    responses=replies({"total": 1, "offset": 0, "limit": 20, "documents": []}, 422, 503),
)
def list_documents(
    request: Request,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET, description="从第几份开始")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="每页几份")] = 20,
) -> JSONResponse:
    """分页列出收录的文件，按收录顺序。"""
    held = service_of(request).loaded().documents
    page = [_summary(document) for document in islice(held.values(), offset, offset + limit)]
    return JSONResponse({"total": len(held), "offset": offset, "limit": limit, "documents": page})


@documents.get(
    "/documents/{document_id:path}/source", summary="下载来源文件", response_class=Response, responses=file_replies()
)
def source(document_id: str, request: Request) -> Response:
    """返回文件的原件（文本以 UTF-8 返回）；原件已不在或已改动时，返回建索引时的文本。"""
    service = service_of(request)
    document = service.loaded().document(document_id)
    content, is_text = _original(document, Path(service.settings.corpus))
    name = quote(Path(document.source or document.id).name, safe="")
    headers = {"content-disposition": f"{'inline' if is_text else 'attachment'}; filename*=UTF-8''{name}"}
    return Response(content, headers=headers, media_type="text/plain" if is_text else "application/octet-stream")


@documents.get("/documents/{document_id:path}", summary="读取文件", responses=replies(DOCUMENT_EXAMPLE, 404, 503))
def document(document_id: str, request: Request) -> JSONResponse:
    """返回文件的元数据、章节和全文；位置为 Unicode 码位，左闭右开。"""
    held = service_of(request).loaded().document(document_id)
    sections = [
        {"path": list(section.path), "start": section.span.start, "end": section.span.end} for section in held.sections
    ]
    return JSONResponse({**_summary(held), "sections": sections, "text": held.text})


def _summary(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": document.title,
        "characters": len(document.text),
        "source": document.source,
        "sha256": document.sha256,
        "fields": [
            {"key": field.key, "value": field.value, "start": field.span.start, "end": field.span.end}
            for field in document.fields
        ],
    }


def _original(document: Document, corpus: Path) -> tuple[bytes, bool]:
    """Return the file of a document, text in UTF-8, and whether it is text.

    Only the very bytes that were indexed are given out, so a name that leads elsewhere gives nothing away.
    """
    file = corpus if corpus.is_file() else corpus / document.source
    indexed = document.text.encode("utf-8", "replace")
    if document.source.lower().endswith(BULK_SUFFIXES):
        return indexed, True  # a line of a file that holds many
    try:
        content = file.read_bytes() if document.source else b""
    except OSError:
        return indexed, True
    if hashlib.sha256(content).hexdigest() != document.sha256:
        return indexed, True
    if not document.source.lower().endswith(TEXT_SUFFIXES):
        return content, False
    try:
        return decode(content, document.source).encode("utf-8", "replace"), True
    except LoadError:
        return indexed, True
