"""What Prometheus reads at /metrics: requests, answers, how many wait, how many were sent away, memory."""

import os
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.scopes import path_of

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PATHS = (
    "/api/ask",
    "/api/ask/stream",
    "/api/search",
    "/api/documents",
    "/api/suggestions",
    "/api/feedback",
    "/api/token",
    "/api/admin",
    "/v1/chat/completions",
    "/v1/models",
    "/mcp",
    "/widget.js",
    "/embed",
    "/demo",
    "/",
)
"""Paths that are told apart; all others are one, so that nobody can fill the memory with paths."""


class Metrics:
    """The figures of one application, in a registry of its own: several may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("youju_requests", "Requests answered.", ["path", "status"], registry=self.registry)
        self.seconds = Histogram(
            "youju_request_seconds",
            "Seconds to the end of a response.",
            ["path"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.first_byte = Histogram(
            "youju_first_byte_seconds", "Seconds to its beginning.", ["path"], buckets=SECONDS, registry=self.registry
        )
        self.gauge("youju_resident_bytes", "Memory of the process.", resident_bytes)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a figure that is read when Prometheus asks."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def text(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        return generate_latest(self.registry)

    content_type = CONTENT_TYPE_PLAIN_0_0_4


class Measured:
    """The middleware that counts requests and takes their time."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        path = path_label(path_of(scope))
        status = "none"

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                self._metrics.first_byte.labels(path).observe(time.perf_counter() - started)
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            self._metrics.requests.labels(path, status).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - started)


def path_label(path: str) -> str:
    """Return the name that a path is counted under."""
    if path in PATHS:
        return path
    return next((known for known in PATHS if known != "/" and path.startswith(f"{known}/")), "other")


def resident_bytes() -> float:
    """Return the memory that the process holds; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    except OSError:
        return 0.0
