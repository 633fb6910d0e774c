"""Fetching a document from a URL without being led into the network that the server stands in (SSRF).

Every address a host name stands for has to be public, the connection is made to the very address that was checked, and
each redirect is checked anew. Proxies of the environment are not used.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from app.addresses import Address, is_public, parse_address
from app.api.failures import ApiError

PORTS = {"http": 80, "https": 443}
"""Only these: other ports of a public host are as likely its inner services."""
REDIRECTS = 3
SECONDS = 20.0
"""For everything, name look-up excepted; a slow server cannot hold the thread longer."""
STEP_SECONDS = 5.0
PIECE = 65_536
USER_AGENT = "YouJu"

Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL gave: its bytes, and the file name in the URL it came from in the end."""

    content: bytes
    name: str


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Fetcher:
    """Fetches documents from public hosts."""

    def __init__(
        self,
        max_bytes: int,
        *,
        resolve: Resolve = resolve,
        is_public: Callable[[Address], bool] = is_public,
        ports: Mapping[str, int] = PORTS,
        seconds: float = SECONDS,
    ) -> None:
        self._max_bytes, self._resolve, self._is_public = max_bytes, resolve, is_public
        self._ports, self._seconds = ports, seconds

    def fetch(self, url: str) -> Fetched:
        """Return what a URL gives. Raises ApiError, which says why nothing came."""
        deadline = time.monotonic() + self._seconds
        for _ in range(REDIRECTS + 1):
            target = self._check_url(url)
            address = self._choose(target)
            try:
                content, location = self._exchange(target, address, deadline)
            except (OSError, http.client.HTTPException) as error:
                raise self._broken(error, deadline) from error
            if location is None:
                return Fetched(content, unquote(target.path.rpartition("/")[2]))
            url = urljoin(url, location)
        raise ApiError(422, "fetch_failed", f"> {REDIRECTS} redirects")

    def _check_url(self, url: str) -> SplitResult:
        """Return the parts of a URL that may be fetched. Raises ApiError."""
        try:
            target = urlsplit(url)
            port, host = target.port, target.hostname or ""
        except ValueError as error:
            raise ApiError(422, "bad_url", url[:100]) from error
        is_plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
        if not is_plain or target.scheme not in self._ports or not host or "@" in target.netloc:
            raise ApiError(422, "bad_url", url[:100])
        if port not in (None, self._ports[target.scheme]):
            raise ApiError(403, "address_not_allowed", f"{host[:100]}:{port}")
        return target

    def _choose(self, target: SplitResult) -> str:
        """Return an address of the host. Raises ApiError if there is none, or one of them is not public."""
        host = str(target.hostname)
        try:
            addresses = list(self._resolve(host, self._ports[target.scheme]))
        except (OSError, UnicodeError) as error:
            raise ApiError(422, "fetch_failed", f"DNS: {host[:100]}") from error
        for text in addresses:
            address = parse_address(text)
            if address is None or not self._is_public(address):
                raise ApiError(403, "address_not_allowed", host[:100])
        if not addresses:
            raise ApiError(422, "fetch_failed", f"DNS: {host[:100]}")
        return addresses[0]

    def _exchange(self, target: SplitResult, address: str, deadline: float) -> tuple[bytes, str | None]:
        """Return what the host sends, or where it redirects to. Raises ApiError, OSError, HTTPException."""
        host, port = str(target.hostname), self._ports[target.scheme]
        line = socket.create_connection((address, port), STEP_SECONDS)
        with _cut_at(line, deadline):
            if target.scheme == "https":
                line = ssl.create_default_context().wrap_socket(line, server_hostname=host)
        connection = http.client.HTTPConnection(host, port, timeout=STEP_SECONDS)
        connection.sock = line
        with closing(connection), _cut_at(line, deadline), closing(_request(connection, target)) as response:
            if response.status in (301, 302, 303, 307, 308):
                return b"", response.headers.get("location", "")
            if response.status != 200:
                raise ApiError(422, "fetch_failed", f"HTTP {response.status}")
            return self._read(response, deadline), None

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        content = bytearray()
        while piece := response.read1(PIECE):
            content += piece
            if len(content) > self._max_bytes:
                raise ApiError(413, "body_too_large", f"{self._max_bytes / 1_000_000:g} MB")
        if time.monotonic() > deadline or (response.length or 0) > 0:
            raise http.client.IncompleteRead(bytes(content))  # a line that is cut reads like an end
        return bytes(content)

    def _broken(self, error: Exception, deadline: float) -> ApiError:
        is_late = time.monotonic() > deadline or isinstance(error, TimeoutError)
        return ApiError(422, "fetch_failed", f"> {self._seconds:g} s" if is_late else type(error).__name__)


@contextmanager
def _cut_at(line: socket.socket, deadline: float) -> Iterator[None]:
    """Cut a line when the time is over: time-outs of single reads do not stop one who sends a byte now and then."""

    def cut() -> None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _request(connection: http.client.HTTPConnection, target: SplitResult) -> http.client.HTTPResponse:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
    for name, value in (("Host", target.netloc), ("User-Agent", USER_AGENT), ("Accept-Encoding", "identity")):
        connection.putheader(name, value)
    connection.endheaders()
    return connection.getresponse()
