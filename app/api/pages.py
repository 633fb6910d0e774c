"""What the widget is made of: its script, the page for an iframe, and a page to try it on; and the token it carries."""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from app.api.description import replies
from app.api.failures import ApiError
from app.api.scopes import caller_of
from app.api.service import service_of
from app.api.tokens import TOKEN_SECONDS
from app.origins import AllowedOrigin

STATIC = Path(__file__).parent.parent / "static"
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
PARTS = ("embed.css", "embed.js", "demo.css", "demo.js", "icon.svg")
"""The files that the two pages load from widget/."""
SCRIPT_SECONDS = 300
"""How long a site may use the script without asking for a newer one."""
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'; "
    "frame-ancestors "
)

pages = APIRouter()
tokens = APIRouter()


@pages.get("/widget.js")
def widget(request: Request) -> Response:
    """Return the widget's script, which any site may load: what it may do is decided when it asks for a token."""
    headers = {
        "cache-control": f"public, max-age={SCRIPT_SECONDS}",
        "cross-origin-resource-policy": "cross-origin",
    }
    return _file(request, "widget.js", headers)


@pages.get("/widget/{name}")
def part(name: str, request: Request) -> Response:
    """Return a file that the pages below load."""
    if name not in PARTS:
        raise ApiError(404, "not_found", name[:100])
    return _file(request, name, {"cache-control": "no-cache"})


@pages.get("/embed")
def embed(request: Request) -> Response:
    """Return the page for an iframe; only the sites of the list can frame it."""
    return _file(request, "embed.html", _page_headers(service_of(request).allowed))


@pages.get("/demo")
def demo(request: Request) -> Response:
    """Return a page to try the widget on."""
    return _file(request, "demo.html", _page_headers(()))


@tokens.post("/token", summary="领取令牌", responses=replies({"token": "youju1.…", "expires_in": 600}, 403, 429))
def token(request: Request) -> JSONResponse:
    """给页面一个短期令牌，只对浏览器报上的来源（Origin）有效；来源不在允许名单里则为 403。"""
    origin = caller_of(request.scope).origin
    if origin is None:
        raise ApiError(403, "origin_not_allowed")
    minted = service_of(request).mint.make(str(origin))
    return JSONResponse({"token": minted, "expires_in": TOKEN_SECONDS}, headers={"cache-control": "no-store"})


def _page_headers(allowed: tuple[AllowedOrigin, ...]) -> dict[str, str]:
    framers = " ".join(["'self'", *map(str, allowed)])
    return {"content-security-policy": PAGE_POLICY + framers, "cache-control": "no-cache"}


def _file(request: Request, name: str, headers: dict[str, str]) -> Response:
    """Return a file of the static folder, or that the browser has it already."""
    try:
        content, tag = _read(name)
    except FileNotFoundError:
        raise ApiError(404, "not_found", name) from None
    # Weak: the same text, compressed or not.
    headers = {**headers, "etag": f"W/{tag}", "vary": "Accept-Encoding"}
    known = request.headers.get("if-none-match", "")
    if tag in (entry.strip().removeprefix("W/") for entry in known.split(",")):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["content-encoding"] = _compressed(name), "gzip"
    return Response(content, headers=headers, media_type=MEDIA_TYPES[Path(name).suffix])


@lru_cache
def _read(name: str) -> tuple[bytes, str]:
    """Return a file and its ETag."""
    content = (STATIC / name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@lru_cache
def _compressed(name: str) -> bytes:
    return gzip.compress(_read(name)[0], mtime=0)
