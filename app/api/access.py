"""Who may call: every request passes here before anything else of the server sees it.

- A browser tells the page that a call comes from (Origin, Sec-Fetch-Site). From the server's own pages all is allowed;
  from a page of the list `allowed_origins` the API is, with a token of that origin; from any other page nothing is.
- The Host header has to name the server: another name that was made to point here (DNS rebinding) would make a foreign
  page look like one of our own.
- Whoever is no browser page needs a key, if keys are set. Administration always needs one.
- CORS headers are given to the origins of the list alone, by name, never with credentials.
- Questions are counted by token and by address.
"""

import hmac
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_network
from typing import Literal

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.addresses import host_name, is_local_name, parse_address
from app.api.failures import ApiError, error_response
from app.api.limits import ADDRESS_WIDTH, Client, RateLimits, TooManyError
from app.api.scopes import Caller, bearer_of, caller_of, own_origin, path_of
from app.api.tokens import PREFIX, TokenExpiredError, TokenInvalidError, TokenMint
from app.origins import AllowedOrigin, Origin, is_allowed

Area = Literal["api", "admin", "token", "public", "page"]
PUBLIC = ("/widget.js", "/widget/", "/embed", "/demo", "/healthz", "/readyz")
"""What any page may load: the widget itself, which asks for a token before all else."""
ASKING = ("/api/ask", "/api/ask/stream", "/api/search", "/api/feedback", "/v1/chat/completions", "/mcp")
"""What costs an answer or a write, and is therefore counted."""
CHAT_ASKING = "/gradio_api/queue/join"
"""Where the chat page asks; it shows no token, so it is counted by address alone."""
PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-allow-headers": (
        "Authorization, Content-Type, Accept-Language, Mcp-Protocol-Version, Mcp-Session-Id, Last-Event-ID"
    ),
    "access-control-max-age": "600",
}


class Access:
    """The middleware that lets requests in or refuses them."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed: Sequence[AllowedOrigin],
        keys: Sequence[str],
        hosts: Sequence[str] | None,
        mint: TokenMint,
        limits: RateLimits,
    ) -> None:
        """Take the names that the server goes by besides its addresses in `hosts`; None takes any."""
        self.app = app
        self._allowed, self._keys, self._mint, self._limits = allowed, keys, mint, limits
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = path_of(scope)
        area, caller = area_of(path), caller_of(scope)
        is_listed = caller.origin is not None and is_allowed(caller.origin, self._allowed)
        if area in ("api", "token", "admin"):
            send = _with_cors(send, caller.origin if is_listed and area != "admin" else None)
        try:
            if _is_preflight(scope):
                await self._answer_preflight(is_listed and area in ("api", "token"))(scope, receive, send)
                return
            clients = self._admit(scope, area, caller, is_listed)
        except ApiError as error:
            await error_response(scope, error)(scope, receive, send)
            return
        if path.rstrip("/") in (*ASKING, CHAT_ASKING) and scope["method"] in ("GET", "POST"):
            await self._counted(clients, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _admit(self, scope: Scope, area: Area, caller: Caller, is_listed: bool) -> list[Client]:
        """Return who is to be counted for a request. Raises ApiError if it may not be made."""
        name = host_name(Headers(scope=scope).get("host", ""))
        if self._hosts is not None and not is_local_name(name) and name not in self._hosts:
            raise ApiError(421, "host_not_allowed")
        if area == "public":
            return []
        if caller.is_foreign and not (is_listed and area in ("api", "token")):
            raise ApiError(403, "origin_not_allowed")
        by_address = _by_address(scope, caller.address)
        if area == "token":
            if caller.origin is None:
                raise ApiError(403, "origin_not_allowed")
            self._count(by_address)
            return []
        if area == "page":
            return by_address
        return self._identify(scope, area, caller, by_address)

    def _identify(self, scope: Scope, area: Area, caller: Caller, by_address: list[Client]) -> list[Client]:
        """Check the token or key of a call of the API. Returns who is to be counted for it."""
        shown = bearer_of(scope)
        if area == "admin" and not self._keys:
            raise ApiError(403, "admin_off")
        if shown.startswith(PREFIX) and area != "admin":
            return [*by_address, Client(f"token {self._check_token(shown, scope, caller)}")]
        if caller.is_foreign:
            raise ApiError(403, "token_invalid" if shown else "token_missing")
        if self._keys and not (self._allowed and _is_source_link(scope)):
            if not shown:
                raise ApiError(401, "key_missing")
            if not is_key(shown, self._keys):
                raise ApiError(401, "key_invalid")
            return []
        return by_address

    def _check_token(self, shown: str, scope: Scope, caller: Caller) -> str:
        """Return the id of a token that belongs to the page a call comes from."""
        origin = caller.origin or own_origin(scope)
        try:
            return self._mint.check(shown, str(origin)).id
        except TokenExpiredError:
            raise ApiError(403, "token_expired") from None
        except TokenInvalidError:
            raise ApiError(403, "token_invalid") from None

    async def _counted(self, clients: list[Client], scope: Scope, receive: Receive, send: Send) -> None:
        async def counting() -> Message:
            message = await receive()
            self._limits.count_bytes(clients, len(message.get("body", b"")))
            return message

        try:
            self._count(clients)
            with self._limits.stream(clients):
                await self.app(scope, counting, send)
        except TooManyError as error:
            await error_response(scope, _too_many(error))(scope, receive, send)
        except ApiError as error:
            await error_response(scope, error)(scope, receive, send)

    def _count(self, clients: list[Client]) -> None:
        try:
            self._limits.count(clients)
        except TooManyError as error:
            raise _too_many(error) from None

    @staticmethod
    def _answer_preflight(is_fine: bool) -> ASGIApp:
        async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
            await error_response(scope, ApiError(403, "origin_not_allowed"))(scope, receive, send)

        return Response(status_code=204, headers=PREFLIGHT) if is_fine else refuse


def area_of(path: str) -> Area:
    """Return what part of the server a path belongs to."""
    if path == "/api/token":
        return "token"
    if path.startswith("/api/admin/"):
        return "admin"
    if path.startswith(("/api/", "/v1/", "/mcp/")) or path in ("/api", "/v1", "/mcp", "/metrics"):
        return "api"
    if any(path == name or (name.endswith("/") and path.startswith(name)) for name in PUBLIC):
        return "public"
    return "page"


def is_key(shown: str, keys: Sequence[str]) -> bool:
    """Compare with every key, in a time that says nothing about any."""
    given = shown.encode()
    return sum([hmac.compare_digest(given, key.encode()) for key in keys]) > 0


def _is_preflight(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return scope["method"] == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def _is_source_link(scope: Scope) -> bool:
    """Tell a link of the widget that is followed to the file of a document: it can carry no token.

    Where the widget may stand, any reader gets a token, and with it the whole text: the file tells nothing more.
    """
    is_file = path_of(scope).startswith("/api/documents/") and path_of(scope).endswith("/source")
    return is_file and scope["method"] == "GET" and Headers(scope=scope).get("sec-fetch-mode") == "navigate"


def _by_address(scope: Scope, text: str) -> list[Client]:
    """Return whom an address counts as; a program on this machine counts as nobody, unless it speaks for others."""
    address = parse_address(text)
    if address is None:
        return [Client(f"address {text[:100]}", ADDRESS_WIDTH)]
    if address.is_loopback and not scope.get("youju.speaks_for_others"):
        return []
    if isinstance(address, IPv6Address):
        return [Client(f"address {ip_network((address, 64), strict=False)}", ADDRESS_WIDTH)]
    return [Client(f"address {address}", ADDRESS_WIDTH)]


def _too_many(error: TooManyError) -> ApiError:
    return ApiError(429, "rate_limited", str(error.retry_after), error.retry_after)


def _with_cors(send: Send, origin: Origin | None) -> Send:
    """Let a page of an origin read the response; whatever else a response says about origins is taken out."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if "origin" not in headers.get("vary", "").lower():
                headers.add_vary_header("Origin")
            if origin is not None:
                headers["access-control-allow-origin"] = str(origin)
                headers["access-control-expose-headers"] = "Retry-After"
                headers["cross-origin-resource-policy"] = "cross-origin"
        await send(message)

    return marked
