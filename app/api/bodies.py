"""Request bodies: how long they may be, and how long they may take."""

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.failures import ApiError, error_response
from app.api.scopes import path_of

MAX_BODY_BYTES = 2 * 1024 * 1024
"""A question of 100,000 characters is 1.2 MB in the longest spelling of JSON (12 bytes for an emoji)."""
DRAINED_BYTES = 16 * 1024 * 1024
"""So much of a refused body is read and thrown away: a client that is still sending would not see the answer."""
BODY_SECONDS = 20.0
"""How long a body may take to arrive; 2 MB come in that time over 1 Mbit/s."""


class BodyLimit:
    """Refuses a request whose body is too long, whether it says so or not, or does not arrive in time."""

    def __init__(self, app: ASGIApp, uploads: str, upload_bytes: int, seconds: float = BODY_SECONDS) -> None:
        """Take bodies of `upload_bytes` at the path `uploads`, of MAX_BODY_BYTES elsewhere."""
        self.app = app
        self._uploads, self._upload_bytes, self._seconds = uploads, upload_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._upload_bytes if path_of(scope) == self._uploads else MAX_BODY_BYTES
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > limit:
            await _drain(receive, self._seconds)
            await _refuse(_too_large(limit), scope, receive, send)
            return
        body = _Body(receive, limit, self._seconds)
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, body.receive, noting)
        except _BodyError as refused:
            if started:
                raise
            await _refuse(refused.error, scope, receive, send)


class _BodyError(BaseException):
    """Passes through whatever reads a body; the frameworks between turn every Exception into an error of their own."""

    def __init__(self, error: ApiError) -> None:
        super().__init__()
        self.error = error


class _Body:
    """Hands a body on, and counts its bytes and seconds."""

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self._receive, self._limit, self._seconds = receive, limit, seconds
        self._received = 0
        self._is_whole = False
        self._deadline = time.monotonic() + seconds

    async def receive(self) -> Message:
        """Return the next message. Raises _BodyError."""
        if self._is_whole:
            return await self._receive()  # waits for the client to go away: that may take as long as the answer
        try:
            async with asyncio.timeout(self._deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            raise _BodyError(ApiError(408, "body_too_slow", f"{self._seconds:g}")) from None
        self._received += len(message.get("body", b""))
        if self._received > self._limit:
            raise _BodyError(_too_large(self._limit))
        self._is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "body_too_large", f"{limit / 1024 / 1024:g} MB")


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    response = error_response(scope, error)
    response.headers["connection"] = "close"
    await response(scope, receive, send)


async def _drain(receive: Receive, seconds: float) -> None:
    drained = 0
    deadline = time.monotonic() + seconds
    while drained < DRAINED_BYTES and (left := deadline - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(left):
                message = await receive()
        except TimeoutError:
            return
        drained += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
