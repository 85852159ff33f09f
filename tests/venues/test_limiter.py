"""PropBot's own limiter: bursts, rates, the venue's Retry-After, and turns."""

import asyncio

import pytest

from trading.venues.limiter import TokenBucket, UsedWeight


class FakeTime:
    """A clock that moves only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    async def wait(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def bucket(time: FakeTime, rate: float = 10.0, capacity: float = 3.0) -> TokenBucket:
    return TokenBucket(rate, capacity, clock=time.clock, sleep=time.wait)


async def test_a_burst_passes_at_once_and_the_rest_at_the_rate() -> None:
    time = FakeTime()
    limiter = bucket(time)
    for _ in range(3):
        await limiter.acquire()
    assert time.now == 0
    for _ in range(10):
        await limiter.acquire()
    assert abs(time.now - 1.0) < 0.01


async def test_retry_after_stops_everything_for_so_long() -> None:
    time = FakeTime()
    limiter = bucket(time)
    limiter.block(7)
    limiter.block(2)
    await limiter.acquire()
    assert time.now == 7


async def test_a_cost_above_the_capacity_waits_for_a_full_bucket_and_not_for_ever() -> None:
    time = FakeTime()
    limiter = bucket(time)
    await limiter.acquire(100)
    await limiter.acquire(3)
    assert abs(time.now - 0.3) < 0.01


async def test_waiters_are_served_in_turn() -> None:
    time = FakeTime()
    limiter = bucket(time, capacity=1)
    served: list[int] = []

    async def wait(number: int) -> None:
        await limiter.acquire()
        served.append(number)

    await asyncio.gather(*(wait(number) for number in range(5)))
    assert served == [0, 1, 2, 3, 4]


def told(weight: str) -> dict[str, str]:
    return {"X-MBX-USED-WEIGHT-1M": weight}


async def test_what_others_at_this_address_have_used_is_gone_for_us_too() -> None:
    time = FakeTime()
    limiter = bucket(time, rate=1.0, capacity=400.0)
    used = UsedWeight("x-mbx-used-weight-1m", 2160, wall=lambda: 130.0)
    used.heed(limiter, told("2150"))
    await limiter.acquire(10)
    assert time.now == 0
    await limiter.acquire(5)
    assert abs(time.now - 5) < 0.01


async def test_a_minute_that_is_used_up_is_waited_for() -> None:
    time = FakeTime()
    limiter = bucket(time, rate=100.0, capacity=400.0)
    UsedWeight("x-mbx-used-weight-1m", 2160, wall=lambda: 130.0).heed(limiter, told("2160"))
    await limiter.acquire()
    assert abs(time.now - 50) < 0.01


@pytest.mark.parametrize("headers", [{}, told(""), told("-5"), told("many"), {"X-OTHER": "2400"}])
async def test_a_count_that_is_not_told_changes_nothing(headers: dict[str, str]) -> None:
    time = FakeTime()
    limiter = bucket(time)
    UsedWeight("x-mbx-used-weight-1m", 2160, wall=lambda: 0.0).heed(limiter, headers)
    await limiter.acquire(3)
    assert time.now == 0
