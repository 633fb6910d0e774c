"""Listening and stopping: the address, errors about it in one line, an end to open streams; proxies in front."""

import asyncio
import errno
import socket

import h11
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.addresses import Network, is_within, parse_address
from app.errors import YouJuError

STOP_SECONDS = 3
"""How long a stop waits for answers under way."""
HEAD_SECONDS = 15.0
"""How long the head of a request may take, from the connection's beginning."""


class TimedProtocol(H11Protocol):
    """Closes a connection on which the head of a request does not come to its end in time.

    h11 also bounds the size of a head, at 64 KB. httptools, which uvicorn prefers where it is installed, does neither.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and self.conn.their_state is h11.IDLE:
            self._start_clock()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def _start_clock(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """Serves an application from `create_app`; prints the address once requests are answered there."""

    def __init__(self, app: FastAPI) -> None:
        config = uvicorn.Config(
            app,
            log_level="warning",
            timeout_graceful_shutdown=STOP_SECONDS,
            server_header=False,
            lifespan="on",
            ws="none",
            http=TimedProtocol,
            loop="asyncio",
            proxy_headers=False,  # Proxies does that, and takes the headers of others out
        )
        super().__init__(config)
        self.stopping: asyncio.Event = app.state.service.stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            print(f"YouJu is at {url_of(sockets[0])}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.stopping.set()
        await super().shutdown(sockets)


class Proxies:
    """Believes what a proxy says of a request (X-Forwarded-For, -Proto), if it is one of those that are trusted.

    From others these headers are taken out: whatever reads them further in would believe anybody. What names a host
    (X-Forwarded-Host, X-Gradio-Server) is believed of nobody: the Host header says it. A proxy whose
    readers are not known, for it is not trusted or does not name them, is noted in `scope["youju.speaks_for_others"]`.
    """

    UNWANTED = (b"forwarded", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix", b"x-gradio-server")
    BELIEVED = (b"x-forwarded-for", b"x-forwarded-proto")

    def __init__(self, app: ASGIApp, trusted: tuple[Network, ...]) -> None:
        self.app = app
        self._believing = ProxyHeadersMiddleware(app, [str(network) for network in trusted])  # type: ignore[arg-type]
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        address, port = scope.get("client") or ("", 0)
        is_trusted = is_within(address, self._trusted)
        names = {name for name, _ in scope["headers"]}
        unwanted = self.UNWANTED if is_trusted else self.UNWANTED + self.BELIEVED
        scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] not in unwanted]}
        scope["youju.speaks_for_others"] = is_trusted != (b"x-forwarded-for" in names)
        if not is_trusted:
            await self.app(scope, receive, send)
            return
        scope["client"] = (str(parse_address(address)), port)
        await self._believing(scope, receive, send)  # type: ignore[arg-type]


class SubPath:
    """Serves everything below a path, whether the proxy in front takes that path off or leaves it."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self.app = app
        self._root = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._root:
            path: str = scope["path"]
            is_below = path == self._root or path.startswith(f"{self._root}/")
            scope = {**scope, "path": path if is_below else self._root + path, "root_path": self._root}
        await self.app(scope, receive, send)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises YouJuError that says what is wrong with it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise YouJuError(f"host {host!r} is not an address of this machine; try --host 127.0.0.1") from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise YouJuError(_explain(error, host, port)) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address of a listening socket as a browser takes it."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; choose another, for example: youju serve --port {port % 65535 + 1}"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this user; choose one above 1023: youju serve --port 7860"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"host {host} is not an address of this machine; try --host 127.0.0.1 or --host 0.0.0.0"
    return f"cannot listen on {host}:{port}: {error.strerror}"
