"""Short-lived tokens for the widget: signed with the server's secret, bound to the origin of the page it stands on.

`youju1.PAYLOAD.SIGNATURE`, both base64url: PAYLOAD is {"o": origin, "e": seconds since 1970, "n": a number of its own},
SIGNATURE its HMAC-SHA-256. There is one algorithm and the token does not name it.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

PREFIX = "youju1."
TOKEN_SECONDS = 600
"""How long a token lasts; the widget fetches another when one has expired."""
MAX_CHARS = 1000


class TokenInvalidError(Exception):
    """A token was altered, made by another server, or belongs to another origin."""


class TokenExpiredError(Exception):
    """A token was right, but its time is over."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. `id` tells tokens apart, `expires` is in seconds since 1970."""

    origin: str
    expires: float
    id: str


class TokenMint:
    """Makes and checks tokens. Servers that share a secret take each other's; without one each process has its own."""

    def __init__(self, secret: str = "", now: Callable[[], float] = time.time) -> None:
        material = secret.encode("utf-8", "surrogatepass") if secret else secrets.token_bytes(32)
        self._key = hmac.digest(material, b"youju widget token", hashlib.sha256)
        self._now = now

    def make(self, origin: str) -> str:
        """Return a new token for pages of an origin."""
        claims = {"o": origin, "e": int(self._now()) + TOKEN_SECONDS, "n": secrets.token_urlsafe(9)}
        payload = _encode(json.dumps(claims, separators=(",", ":")).encode())
        return f"{PREFIX}{payload}.{_encode(self._sign(payload))}"

    def check(self, text: str, origin: str) -> Token:
        """Return what a token says. Raises TokenInvalidError, TokenExpiredError."""
        token = self._read(text)
        if token.origin != origin:
            raise TokenInvalidError
        if token.expires <= self._now():
            raise TokenExpiredError
        return token

    def _read(self, text: str) -> Token:
        payload, dot, signature = text.removeprefix(PREFIX).partition(".")
        if not text.startswith(PREFIX) or not dot or len(text) > MAX_CHARS or not text.isascii():
            raise TokenInvalidError
        try:
            is_ours = hmac.compare_digest(_decode(signature), self._sign(payload))
            # The alphabet has several spellings of the last bits: only our own is taken.
            if not is_ours or _encode(_decode(signature)) != signature:
                raise TokenInvalidError
            claims = json.loads(_decode(payload))
        except (ValueError, binascii.Error) as error:
            raise TokenInvalidError from error
        return Token(claims["o"], claims["e"], claims["n"])

    def _sign(self, payload: str) -> bytes:
        return hmac.digest(self._key, payload.encode(), hashlib.sha256)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
