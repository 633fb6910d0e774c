"""A real server for browser tests and screenshots: a free port of this machine, stopped at the end."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from app.api import create_app
from app.assistant import Assistant
from app.config import Settings
from app.server import Server, listen, url_of

BROWSER_MS = 20_000
"""What a page is given to come to what is expected of it: two cores may have other work."""
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def served(assistant: Assistant, settings: Settings | None = None) -> Iterator[str]:
    """Serve an assistant in a thread; yields the address of its page."""
    with serving(create_app(assistant, settings or assistant.settings)) as url:
        yield url


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve the application in a thread as `serve` does; yields its address. At the end it is stopped as by a signal."""
    with listen("127.0.0.1", 0) as listener, _running(Server(app), listener) as url:
        yield url


@contextmanager
def stoppable(app: FastAPI) -> Iterator[str]:
    """Serve an application that is not ours, such as a site that embeds the widget; yields its address."""
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, proxy_headers=False)
    with listen("127.0.0.1", 0) as listener, _running(uvicorn.Server(config), listener) as url:
        yield url


@contextmanager
def _running(server: uvicorn.Server, listener: socket.socket) -> Iterator[str]:
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    try:
        yield url_of(listener)
    finally:
        server.should_exit = True
        thread.join(20)
