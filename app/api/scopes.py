"""What a request says about itself: its path, its language, the page it comes from, the key or token it shows."""

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

from app.api.messages import Language, language_of_request
from app.origins import Origin, parse_origin


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from. `origin` is that of the page, None if none was named or it is no web origin."""

    origin: Origin | None
    is_foreign: bool
    """A page of another site sent it, named or not."""
    address: str


def path_of(scope: Scope) -> str:
    """Return the path of a request below the server's own root, also inside a part that is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("app_root_path", scope.get("root_path", ""))) or "/"


def language_of_scope(scope: Scope) -> Language:
    """Return the language that a request asks for."""
    return language_of_request(Headers(scope=scope).get("accept-language", ""))


def bearer_of(scope: Scope) -> str:
    """Return the key or token that a request shows; empty if it shows none."""
    scheme, _, shown = Headers(scope=scope).get("authorization", "").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else ""


def own_origin(scope: Scope) -> Origin | None:
    """Return the origin that the server was called by."""
    return parse_origin(f"{scope['scheme']}://{Headers(scope=scope).get('host', '')}")


def caller_of(scope: Scope) -> Caller:
    """Return where a request comes from, as the browser says it: a page's scripts cannot forge these headers."""
    headers = Headers(scope=scope)
    named, site = headers.get("origin"), headers.get("sec-fetch-site", "")
    client = scope.get("client")
    address = client[0] if client else ""
    if named is None:
        # Whoever follows a link names no origin; the site with the link does not get to read what is opened.
        is_followed = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        return Caller(None, site in ("cross-site", "same-site") and not is_followed, address)
    origin = parse_origin(named)
    return Caller(origin, origin is None or not _is_own(origin, site, scope), address)


def _is_own(origin: Origin, site: str, scope: Scope) -> bool:
    own = own_origin(scope)
    # A proxy that takes TLS off may not say so: then the browser does.
    return origin == own or (site == "same-origin" and own is not None and origin.host == own.host)
