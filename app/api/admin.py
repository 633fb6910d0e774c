"""Administration: adding documents to the corpus, by upload or from a URL, and building the index. It needs a key."""

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import UploadFile

from app.api.description import ADD_DOCUMENT_BODY, BUILD_EXAMPLE, replies
from app.api.failures import ApiError
from app.api.fetching import Fetcher
from app.api.service import service_of
from app.errors import LoadError
from app.loading import Source, find_entries
from app.loading.sources import BULK_SUFFIXES, NOT_DOCUMENTS, TEXT_SUFFIXES

NAME_BYTES = 200
"""What every file system takes, with room for a suffix while writing."""

admin = APIRouter()


class FromUrl(BaseModel):
    """A document to fetch; `name` is its file name in the corpus, by default the one in the URL."""

    model_config = ConfigDict(extra="forbid")

    url: str
    name: str | None = None
    replace: bool = False


@admin.post(
    "/documents",
    summary="添加文件",
    status_code=201,
    responses=replies({"source": "reply.md", "bytes": 10}, 400, 401, 403, 409, 413, 422, 507, status=201),
    openapi_extra=ADD_DOCUMENT_BODY,
)
async def add_document(request: Request) -> JSONResponse:
    """把文件放进资料库：上传（multipart/form-data 的 file），或给出网址（JSON 的 url）。下一次建索引后才查得到。"""
    service = service_of(request)
    corpus = Path(service.settings.corpus)
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        name, content, replace = await _uploaded(request)
    else:
        wanted = await _from_url(request)
        fetched = await asyncio.to_thread(Fetcher(int(service.settings.max_file_mb * 1_000_000)).fetch, wanted.url)
        name, content, replace = wanted.name or fetched.name, fetched.content, wanted.replace
    stored = await asyncio.to_thread(store, corpus, name, content, replace, service.settings.max_file_mb)
    return JSONResponse({"source": stored, "bytes": len(content)}, 201)


@admin.post("/build", summary="重建索引", status_code=202, responses=replies(BUILD_EXAMPLE, 401, 403, 409, status=202))
async def start_build(request: Request) -> JSONResponse:
    """开始按资料库更新索引，一次只有一个；用 GET 查看进展。"""
    service = service_of(request)
    if not service.builder.start():
        raise ApiError(409, "build_running")
    return JSONResponse(service.builder.state.to_json(), 202)


@admin.get("/build", summary="查看重建的进展", responses=replies(BUILD_EXAMPLE, 401, 403))
async def build_state(request: Request) -> JSONResponse:
    """返回最近一次在这里开始的重建：none、running、done 或 failed。"""
    return JSONResponse(service_of(request).builder.state.to_json())


def check_name(name: str) -> str:
    """Return a file name as the corpus takes it. Raises ApiError for one that leads elsewhere or is no document."""
    is_plain = name == os.path.basename(name) and not set(name) & set('\\/:*?"<>|') and name.isprintable()
    is_known = name.lower().endswith(TEXT_SUFFIXES + BULK_SUFFIXES) and name not in NOT_DOCUMENTS
    is_hidden = name.startswith((".", "~", " ", "-")) or name.endswith((" ", "."))
    if not is_plain or not is_known or is_hidden or len(name.encode("utf-8", "replace")) > NAME_BYTES:
        known = " ".join(TEXT_SUFFIXES + BULK_SUFFIXES)
        raise ApiError(422, "bad_name", f"{name[:100]} ({known})")
    return name


def store(corpus: Path, name: str, content: bytes, replace: bool, max_mb: float) -> str:
    """Put a file into the corpus, once it is found to be readable; whoever builds meanwhile sees all of it or nothing.

    Returns its name. Raises ApiError.
    """
    name = check_name(name)
    if not corpus.is_dir():
        raise ApiError(409, "bad_request", f"corpus {corpus.name} is not a folder")
    handle, written = tempfile.mkstemp(prefix=".new-", dir=corpus)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _check_readable(Source(Path(written), name), max_mb)
        os.chmod(written, 0o644)
        if replace:
            os.replace(written, corpus / name)
        else:
            os.link(written, corpus / name)  # fails where there is one already, whoever else is adding it
    except FileExistsError:
        raise ApiError(409, "exists", name) from None
    except OSError as error:
        raise ApiError(507, "not_stored", error.strerror or str(error)) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(written)
    return name


def _check_readable(source: Source, max_mb: float) -> None:
    try:
        for entry in find_entries(source, max_mb):
            entry.load()
    except LoadError as error:
        raise ApiError(422, "not_a_document", str(error)) from error


async def _uploaded(request: Request) -> tuple[str, bytes, bool]:
    async with request.form(max_files=1, max_fields=2) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise ApiError(422, "invalid_request", "file")
        return file.filename or "", await file.read(), form.get("replace") in ("1", "true")


async def _from_url(request: Request) -> FromUrl:
    try:
        return FromUrl.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise ApiError(400, "bad_json") from None
        place = ".".join(map(str, first["loc"])) or "body"
        raise ApiError(422, "invalid_request", f"{place}: {first['msg']}") from None
