"""What every HTTP exchange passes through: the headers that keep a page to itself, and the stop."""

import asyncio
import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREVIEW = re.compile(rb'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>|<link rel="manifest"[^>]*>')
STYLE_ATTRIBUTE = re.compile(rb'(<(?:html|body|gradio-app)\b[^>]*?)\s+style="[^"]*"')
INLINE = re.compile(rb"<(?:script|style)\b")

OWN_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For whatever is no page: errors, JSON, files."""
CHAT_POLICY = "; ".join(
    (
        "default-src 'self'",
        # Gradio starts from inline scripts and styles, which get a nonce (hashes would not do: one holds the
        # configuration, which differs from session to session). What it would compile and set inline while it runs,
        # static/strict.js does in ways that need no leave.
        "script-src 'self' 'nonce-{nonce}'",
        "style-src 'self' 'nonce-{nonce}'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
"""For the chat page alone."""
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": OWN_POLICY,
}


class SecurityHeaders:
    """Adds headers that forbid the page to load from, or be framed by, another site. A route may set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, guarded)


class StreamStop:
    """Ends streams that would stay open when the server stops: the chat page holds one, always with GET.

    Other replies, answers that are streamed among them, are finished.
    """

    def __init__(self, app: ASGIApp, stopping: asyncio.Event) -> None:
        self.app = app
        self.stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_until_stop() -> Message:
            received = asyncio.ensure_future(receive())
            stopped = asyncio.ensure_future(self.stopping.wait())
            try:
                await asyncio.wait({received, stopped}, return_when=asyncio.FIRST_COMPLETED)
                return received.result() if received.done() else {"type": "http.disconnect"}
            finally:
                received.cancel()
                stopped.cancel()

        await self.app(scope, receive_until_stop if scope.get("method") == "GET" else receive, send)


class OwnHead:
    """Puts what is ours into the page's head, and takes out what the page's policy forbids or another host would serve.

    Out go Gradio's link preview, with its picture from another host, and style attributes; scripts and styles get a nonce.
    What the page holds of documents or users stands in JSON or HTML in which every `<` is escaped, so a literal `<script`
    or `<style` is always Gradio's or ours.
    """

    def __init__(self, app: ASGIApp, first: str, last: str) -> None:
        """Take HTML for the beginning of the head, before Gradio's scripts, and for its end, after Gradio's styles."""
        self.app = app
        self.first, self.last = first.encode(), last.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["path"].removeprefix(scope.get("root_path", "")) in ("", "/")
        if not is_page or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        begun: list[Message] = []
        body = bytearray()

        async def rewrite(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.append(message)
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                nonce = secrets.token_urlsafe(16)
                page = PREVIEW.sub(b"", bytes(body)).replace(b'lang="en"', b'lang="zh-CN"', 1)
                page = STYLE_ATTRIBUTE.sub(rb"\1", page)
                page = page.replace(b"<head>", b"<head>" + self.first, 1).replace(b"</head>", self.last + b"</head>", 1)
                page = INLINE.sub(rf'\g<0> nonce="{nonce}"'.encode(), page)
                headers = MutableHeaders(scope=begun[0])
                headers["content-length"] = str(len(page))
                headers["content-security-policy"] = CHAT_POLICY.replace("{nonce}", nonce)
                headers["cache-control"] = "no-store"
                await send(begun[0])
                await send({"type": "http.response.body", "body": page})

        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self.app({**scope, "headers": plain}, receive, rewrite)
