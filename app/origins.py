"""Web origins (scheme, host, port) and the list of those that may embed the widget: pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.errors import ConfigError

_ORIGIN = re.compile(r"(https?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
EXAMPLES = "write https://www.example.gov.cn, or https://*.example.gov.cn for every host below it"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a browser calls the origin of a page; `port` is empty where it is the scheme's own."""

    scheme: str
    host: str
    port: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{f':{self.port}' if self.port else ''}"


@dataclass(frozen=True, slots=True)
class AllowedOrigin:
    """An entry of the list: one origin, or with `is_wildcard` every host below `origin.host` (not that host itself)."""

    origin: Origin
    is_wildcard: bool = False

    def allows(self, origin: Origin) -> bool:
        """Tell whether an origin is meant."""
        if (origin.scheme, origin.port) != (self.origin.scheme, self.origin.port):
            return False
        return origin.host.endswith(f".{self.origin.host}") if self.is_wildcard else origin.host == self.origin.host

    def __str__(self) -> str:
        """Return the entry as a source of a Content-Security-Policy, which means the same by it."""
        text = str(self.origin)
        return text.replace("://", "://*.", 1) if self.is_wildcard else text


def parse_origin(text: str) -> Origin | None:
    """Return the origin that a browser's Origin header names; None for "null" and for what no browser sends."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        return None
    scheme, host, port = match.groups()
    return Origin(scheme, host, "" if port in (None, _DEFAULT_PORTS[scheme]) else str(int(port)))


def parse_allowed(text: str) -> tuple[AllowedOrigin, ...]:
    """Return the entries of a list with commas. Raises ConfigError, which names the entry and what is wrong with it."""
    return tuple(dict.fromkeys(_parse_entry(entry.strip()) for entry in text.split(",") if entry.strip()))


def is_allowed(origin: Origin, allowed: Iterable[AllowedOrigin]) -> bool:
    """Tell whether an origin stands on the list."""
    return any(entry.allows(origin) for entry in allowed)


def _parse_entry(entry: str) -> AllowedOrigin:
    if entry in ("*", "*.*", "https://*", "http://*"):
        raise _wrong(entry, "would let every web site in")
    written = entry if "://" in entry else f"https://{entry}"
    scheme, _, rest = written.partition("://")
    rest = rest.removesuffix("/")
    is_wildcard = rest.startswith("*.")
    host = rest.removeprefix("*.")
    if "*" in host:
        raise _wrong(entry, "may have its * only in front, followed by a dot")
    if any(sign in host for sign in "/?#@ "):
        raise _wrong(entry, "must be an origin alone, without path or user")
    origin = parse_origin(f"{scheme.lower()}://{_ascii(host, entry)}")
    if origin is None or (origin.port and not 0 < int(origin.port) < 65536):
        raise _wrong(entry, "is not an origin")
    if is_wildcard and ("." not in origin.host or origin.host.replace(".", "").isdecimal()):
        raise _wrong(entry, "would let in every host of a whole domain ending, or of an address")
    return AllowedOrigin(origin, is_wildcard)


def _ascii(host: str, entry: str) -> str:
    """Return a host as browsers send it: in punycode where it has other letters."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError as error:
        raise _wrong(entry, "is not a host name") from error


def _wrong(entry: str, what: str) -> ConfigError:
    return ConfigError(f"setting allowed_origins holds {entry[:100]!r}, which {what}; {EXAMPLES}")
