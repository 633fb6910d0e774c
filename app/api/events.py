"""Server-sent events: a response that begins at once, keeps the line alive, and ends when its reader has left."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.failures import ApiError, as_api_error

KEEP_ALIVE_SECONDS = 15.0
"""Proxies cut a line on which nothing was said for 30 to 60 seconds."""
COMMENT = b": \n\n"


def event(name: str, payload: Any) -> bytes:
    """Return an event whose data is one line of JSON."""
    return f"event: {name}\n".encode() + data_line(payload)


def data_line(payload: Any) -> bytes:
    """Return the data of an event as one line of JSON; what JSON escapes holds no line break."""
    return f"data: {json.dumps(payload, ensure_ascii=False, separators=(',', ':'))}\n\n".encode("utf-8", "replace")


async def with_errors(events: AsyncIterator[bytes], tell: Callable[[ApiError], bytes]) -> AsyncIterator[bytes]:
    """Yield the events that are not empty; an error becomes the last, since the status of the response is out already."""
    try:
        async for sent in events:
            if sent:
                yield sent
    except Exception as error:
        told = as_api_error(error)
        yield tell(told)
        if told.code == "internal":
            raise


class EventStream(Response):
    """Streams events; when they have ended, or the reader has left, the iterator is closed and `at_end` called."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncIterator[bytes],
        at_end: Callable[[], None],
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
    ) -> None:
        super().__init__()
        self._events = events
        self._at_end = at_end
        self._keep_alive_seconds = keep_alive_seconds
        del self.headers["content-length"]
        self.headers["cache-control"] = "no-store"
        self.headers["x-accel-buffering"] = "no"  # nginx would hold the events back

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._at_end()
            for task in (sending, leaving):
                if not task.done():
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": COMMENT, "more_body": True})
        end = {"type": "http.response.body", "body": b"", "more_body": False}
        try:
            async with aclosing(_kept_alive(self._events, self._keep_alive_seconds)) as events:
                async for sent in events:
                    await send({"type": "http.response.body", "body": sent, "more_body": True})
        except Exception:
            await send(end)  # the reader has been told by an event; the log is told by whoever runs the application
            raise
        await send(end)


async def _left(receive: Receive) -> None:
    """Return when the reader has left."""
    while (await receive())["type"] != "http.disconnect":
        continue


async def _kept_alive(events: AsyncIterator[bytes], seconds: float) -> AsyncGenerator[bytes]:
    """Yield the events, and a comment whenever there was none for a while."""
    iterator = aiter(events)
    coming: asyncio.Future[bytes] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(iterator))
            done, _ = await asyncio.wait({coming}, timeout=seconds)
            if not done:
                yield COMMENT
                continue
            try:
                sent = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield sent
    finally:
        if coming is not None and not coming.done():
            coming.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming
        if close := getattr(iterator, "aclose", None):
            await close()
