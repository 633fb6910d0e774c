"""A real server for browser tests and screenshots: a free port of this machine, stopped at the end."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.api import create_app
from app.assistant import Assistant
from app.server import Server, listen, url_of

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
def served(assistant: Assistant) -> Iterator[str]:
    """Serve an assistant in a thread; yields the address of its page."""
    with listen("127.0.0.1", 0) as listener:
        server = Server(create_app(assistant, assistant.settings))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        try:
            yield url_of(listener)
        finally:
            server.should_exit = True
            thread.join(20)
