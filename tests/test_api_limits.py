"""How much a client may ask."""

import pytest

from app.api.limits import ADDRESS_WIDTH, DAY, REMEMBERED, Allowance, Client, RateLimits, TooManyError

READER = Client("token a")
OFFICE = Client("address 1", ADDRESS_WIDTH)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def limits(clock: Clock, minute: int = 0, day: int = 0, streams: int = 0, size: int = 0) -> RateLimits:
    return RateLimits(Allowance(minute, day, streams, size), clock)


def refused(limits: RateLimits, *clients: Client) -> int:
    with pytest.raises(TooManyError) as caught:
        limits.count(clients)
    return caught.value.retry_after


def test_the_fourth_request_of_three_a_minute_waits_for_its_turn() -> None:
    clock = Clock()
    held = limits(clock, minute=3)
    for _ in range(3):
        held.count([READER])
    assert refused(held, READER) == 20
    clock.now += 19.9
    assert refused(held, READER) == 1
    clock.now += 0.2
    held.count([READER])
    assert refused(held, READER) == 20


def test_a_day_is_counted_beside_the_minute() -> None:
    clock = Clock()
    held = limits(clock, minute=100, day=2)
    for _ in range(2):
        held.count([READER])
    assert refused(held, READER) == DAY / 2
    clock.now += DAY
    held.count([READER])


def test_an_address_has_room_for_ten_readers_and_what_is_refused_is_counted_for_none() -> None:
    clock = Clock()
    held = limits(clock, minute=1)
    for number in range(ADDRESS_WIDTH):
        held.count([OFFICE, Client(f"token {number}")])
    assert refused(held, OFFICE, Client("token new")) == 6
    held.count([Client("token new")])


def test_bytes_that_came_hold_up_the_next_question() -> None:
    clock = Clock()
    held = limits(clock, size=1000)
    held.count([READER])
    held.count_bytes([READER], 1500)
    assert refused(held, READER) == DAY / 2
    clock.now += DAY / 2 + 1
    held.count([READER])


def test_streams_at_once_are_counted_while_they_are_open() -> None:
    held = limits(Clock(), streams=2)
    with held.stream([READER]), held.stream([READER]):
        with pytest.raises(TooManyError), held.stream([READER]):
            pytest.fail("a third stream was let in")
        with held.stream([Client("token b")]):
            pass
    with held.stream([READER]), held.stream([READER]):
        pass
    assert not held._streams


def test_without_a_limit_everything_is_let_in() -> None:
    held = limits(Clock())
    for _ in range(10_000):
        held.count([READER, OFFICE])
    held.count_bytes([READER], 10**12)
    held.count([READER])


@pytest.mark.slow
def test_the_memory_is_bounded_and_forgets_those_who_were_away_longest() -> None:
    held = limits(Clock(), minute=1)
    held.count([READER])
    for number in range(REMEMBERED):
        held.count([Client(f"token {number}")])
        if number % 1000 == 0:
            refused(held, READER)
    assert len(held._meters) == REMEMBERED
    refused(held, READER)
