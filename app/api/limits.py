"""How much one client may ask: requests a minute and a day, streams at once, and bytes of questions a day.

A client is a token (a page of the widget) and, counted apart and ten times as wide, an address: many readers of one
office share an address, and a token costs nothing.
"""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

MINUTE, DAY = 60.0, 86_400.0
ADDRESS_WIDTH = 10
"""How many readers an address counts for."""
REMEMBERED = 20_000
"""Clients that are kept in mind, the latest; about 10 MB."""
STREAM_WAIT = 2
"""Seconds after which a client with too many streams open may try again."""


class TooManyError(Exception):
    """A client has used up what it may; `retry_after` is in whole seconds, 1 or more."""

    def __init__(self, retry_after: float) -> None:
        super().__init__()
        self.retry_after = max(1, math.ceil(retry_after))


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one reader may use; 0 is without limit."""

    per_minute: int
    per_day: int
    streams: int
    bytes_per_day: int


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who is counted: `width` times the allowance of a reader."""

    name: str
    width: int = 1


class Bucket:
    """Holds at most `capacity`, and drains evenly within `period` seconds (a leaky bucket used as a meter)."""

    __slots__ = ("capacity", "level", "period", "seen")

    def __init__(self, capacity: float, period: float) -> None:
        self.capacity, self.period = capacity, period
        self.level = self.seen = 0.0

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until `amount` has room; 0 if it has now."""
        if not self.capacity:
            return 0.0
        self.level = max(0.0, self.level - (now - self.seen) * self.capacity / self.period)
        self.seen = now
        return max(0.0, (self.level + amount - self.capacity) * self.period / self.capacity)

    def add(self, amount: float) -> None:
        """Put something in, even more than there is room for."""
        self.level += amount


@dataclass(frozen=True, slots=True)
class Meter:
    """What a client has used of late."""

    minute: Bucket
    day: Bucket
    bytes: Bucket


class RateLimits:
    """Counts what clients use. For one event loop; its memory is bounded."""

    def __init__(self, allowance: Allowance, now: Callable[[], float] = time.monotonic) -> None:
        self._allowance = allowance
        self._now = now
        self._meters: OrderedDict[str, Meter] = OrderedDict()
        self._streams: Counter[str] = Counter()

    def count(self, clients: Sequence[Client]) -> None:
        """Count a request of all these clients. Raises TooManyError, and then counts it for none."""
        meters = [self._meter(client) for client in clients]
        now = self._now()
        waits = [wait for meter in meters for wait in (meter.minute.wait(1, now), meter.day.wait(1, now))]
        waits += [meter.bytes.wait(0, now) for meter in meters]
        if (longest := max(waits, default=0.0)) > 0:
            raise TooManyError(longest)
        for meter in meters:
            meter.minute.add(1)
            meter.day.add(1)

    def count_bytes(self, clients: Sequence[Client], size: int) -> None:
        """Count bytes of a question that came; what is too much holds up the next one."""
        now = self._now()
        for client in clients:
            bucket = self._meter(client).bytes
            bucket.wait(0, now)
            bucket.add(size)

    @contextmanager
    def stream(self, clients: Sequence[Client]) -> Iterator[None]:
        """Count an answer under way, for the length of the block. Raises TooManyError."""
        limit = self._allowance.streams
        if limit and any(self._streams[client.name] >= limit * client.width for client in clients):
            raise TooManyError(STREAM_WAIT)
        self._streams.update(client.name for client in clients)
        try:
            yield
        finally:
            for client in clients:
                self._streams[client.name] -= 1
                if self._streams[client.name] <= 0:
                    del self._streams[client.name]

    def _meter(self, client: Client) -> Meter:
        allowance, width = self._allowance, client.width
        meter = self._meters.get(client.name)
        if meter is None:
            meter = self._meters[client.name] = Meter(
                Bucket(allowance.per_minute * width, MINUTE),
                Bucket(allowance.per_day * width, DAY),
                Bucket(allowance.bytes_per_day * width, DAY),
            )
            if len(self._meters) > REMEMBERED:
                self._meters.popitem(last=False)
        self._meters.move_to_end(client.name)
        return meter
