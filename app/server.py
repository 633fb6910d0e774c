"""Listening and stopping: the address, errors about it in one line, and an end to open streams."""

import asyncio
import errno
import socket

import uvicorn
from fastapi import FastAPI

from app.errors import YouJuError

STOP_SECONDS = 3
"""How long a stop waits for answers under way."""


class Server(uvicorn.Server):
    """Serves an application from `create_app`; prints the address once requests are answered there."""

    def __init__(self, app: FastAPI) -> None:
        config = uvicorn.Config(
            app, log_level="warning", timeout_graceful_shutdown=STOP_SECONDS, server_header=False, lifespan="on"
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
