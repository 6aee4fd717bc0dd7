import pytest

from identity.abuse.rate_limit import RateLimits


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def test_a_burst_passes_and_then_one_each_interval(seconds: Seconds) -> None:
    limits = RateLimits(10, burst=5, clock=seconds)
    assert [limits.take("a") for _ in range(5)] == [None] * 5
    assert limits.take("a") == pytest.approx(0.1)
    seconds.now += 0.1
    assert limits.take("a") is None
    assert limits.take("a") == pytest.approx(0.1)


def test_who_waits_as_told_is_served(seconds: Seconds) -> None:
    limits = RateLimits(7, burst=3, clock=seconds)
    for _ in range(100):
        wait = limits.take("a")
        if wait is not None:
            seconds.now += wait
            assert limits.take("a") is None


def test_refused_requests_cost_nothing(seconds: Seconds) -> None:
    limits = RateLimits(1, burst=1, clock=seconds)
    limits.take("a")
    for _ in range(1000):
        assert limits.take("a") is not None
    seconds.now += 1
    assert limits.take("a") is None


def test_subjects_do_not_share_a_bucket(seconds: Seconds) -> None:
    limits = RateLimits(1, burst=1, clock=seconds)
    assert limits.take("a") is None
    assert limits.take("b") is None


def test_over_time_the_rate_holds(seconds: Seconds) -> None:
    limits = RateLimits(50, clock=seconds)
    passed = 0
    for _ in range(1000):
        seconds.now += 0.01
        passed += sum(limits.take("a") is None for _ in range(3))
    assert passed == pytest.approx(50 * 10 + 50, abs=2)


def test_an_unused_bucket_holds_no_more_than_a_burst(seconds: Seconds) -> None:
    limits = RateLimits(10, burst=5, clock=seconds)
    limits.take("a")
    seconds.now += 3600
    assert sum(limits.take("a") is None for _ in range(100)) == 5


def test_the_map_is_bounded_and_who_is_busy_stays_in_it(seconds: Seconds) -> None:
    limits = RateLimits(1, burst=1, most=100, clock=seconds)
    limits.take("busy")
    for number in range(1000):
        limits.take(f"address:{number}")
        assert limits.take("busy") is not None
    assert len(limits) == 100
