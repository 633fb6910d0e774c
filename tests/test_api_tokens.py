"""Tokens: bound to an origin, short-lived, and not to be made by anybody else."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.tokens import TOKEN_SECONDS, TokenExpiredError, TokenInvalidError, TokenMint

SITE, OTHER = "https://www.example.gov.cn", "https://evil.example"
SECRET = "a secret of the test, long enough"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_token_says_what_it_was_made_for() -> None:
    clock = Clock()
    mint = TokenMint(SECRET, clock)
    token = mint.check(mint.make(SITE), SITE)
    assert (token.origin, token.expires) == (SITE, clock.now + TOKEN_SECONDS)
    assert token.id != mint.check(mint.make(SITE), SITE).id


def test_a_token_of_one_site_is_none_of_another() -> None:
    mint = TokenMint(SECRET)
    with pytest.raises(TokenInvalidError):
        mint.check(mint.make(SITE), OTHER)


def test_a_token_expires() -> None:
    clock = Clock()
    mint = TokenMint(SECRET, clock)
    token = mint.make(SITE)
    clock.now += TOKEN_SECONDS - 1
    mint.check(token, SITE)
    clock.now += 1
    with pytest.raises(TokenExpiredError):
        mint.check(token, SITE)


def test_servers_that_share_a_secret_take_each_others_tokens_and_others_do_not() -> None:
    token = TokenMint(SECRET).make(SITE)
    assert TokenMint(SECRET).check(token, SITE).origin == SITE
    for stranger in (TokenMint(SECRET + "!"), TokenMint(), TokenMint()):
        with pytest.raises(TokenInvalidError):
            stranger.check(token, SITE)


@given(st.data())
def test_no_token_with_a_changed_character_is_taken(data: st.DataObject) -> None:
    token = TokenMint(SECRET).make(SITE)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("AZaz09-_.=+/ é"))
    changed = token[:place] + other + token[place + 1 :]
    if changed != token:
        with pytest.raises((TokenInvalidError, TokenExpiredError)):
            TokenMint(SECRET).check(changed, SITE)


@given(st.text(max_size=300))
def test_no_text_is_a_token(text: str) -> None:
    for shown in (text, f"youju1.{text}"):
        with pytest.raises(TokenInvalidError):
            TokenMint(SECRET).check(shown, SITE)


def test_forged_tokens_are_refused() -> None:
    mint = TokenMint(SECRET)
    prefix, payload, signature = mint.make(SITE).split(".")
    claims = json.loads(decode(payload))
    later = encode(json.dumps({**claims, "e": claims["e"] + 10**9}).encode())
    other = encode(json.dumps({**claims, "o": OTHER}).encode())
    guessed = encode(hmac.digest(SECRET.encode(), later.encode(), hashlib.sha256))
    header = encode(b'{"alg":"none","typ":"JWT"}')
    forgeries = [
        f"{prefix}.{later}.{signature}",
        f"{prefix}.{other}.{signature}",
        f"{prefix}.{later}.{guessed}",
        f"{prefix}.{payload}.",
        f"{prefix}.{payload}",
        f"{prefix}..{signature}",
        f"{prefix}.{payload}.{signature}.{signature}",
        f"{prefix}.{payload}.{signature}=",
        f"{prefix}.{payload}.{signature[:-1]}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature}",
        f"youju2.{payload}.{signature}",
        f"{prefix}.{payload}.{signature}" + "A" * 2000,
    ]
    for forged in forgeries:
        for origin in (SITE, OTHER):
            with pytest.raises(TokenInvalidError):
                mint.check(forged, origin)
