"""Reading metrics, and quantiles out of histograms."""

import math
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.shop.metrics import Histogram, History, Sample, read
from tools.shop.part import Calls, Count

BOUNDS = (0.001, 0.005, 0.01, 0.1, 1.0, math.inf)
observations = st.lists(st.floats(min_value=0, max_value=0.999), min_size=1, max_size=200)
quantiles = st.floats(min_value=0.001, max_value=1)


def histogram(values: list[float]) -> Histogram:
    return Histogram(BOUNDS, tuple(sum(v <= bound for v in values) for bound in BOUNDS))


def bucket_of(value: float) -> int:
    return bisect_left(BOUNDS, value)


@given(observations, quantiles)
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], q: float) -> None:
    true = sorted(values)[max(0, math.ceil(q * len(values)) - 1)]
    estimate = histogram(values).quantile(q)
    assert estimate is not None
    bucket = bucket_of(true)
    lower = BOUNDS[bucket - 1] if bucket else 0.0
    assert lower - 1e-12 <= estimate <= BOUNDS[bucket] + 1e-12


@given(observations, quantiles, quantiles)
def test_a_higher_quantile_is_never_less(values: list[float], q: float, r: float) -> None:
    low = histogram(values).quantile(min(q, r))
    high = histogram(values).quantile(max(q, r))
    assert low is not None
    assert high is not None
    assert low <= high + 1e-12


@given(observations, observations, quantiles)
def test_the_past_has_no_part_in_what_came_since(
    past: list[float], now: list[float], q: float
) -> None:
    both = histogram(past + now)
    assert both.since(histogram(past)).quantile(q) == histogram(now).quantile(q)


def test_observations_are_taken_as_evenly_spread_within_a_bucket() -> None:
    assert Histogram((1.0, math.inf), (10, 10)).quantile(0.5) == pytest.approx(0.5)


def test_beyond_the_last_finite_bound_that_bound_is_given() -> None:
    assert Histogram((1.0, math.inf), (0, 4)).quantile(0.99) == 1.0


@pytest.mark.parametrize("empty", [Histogram(), Histogram((1.0, math.inf), (0, 0))])
def test_without_observations_there_is_no_quantile(empty: Histogram) -> None:
    assert empty.quantile(0.5) is None


PAGE = """\
# TYPE bodega_rpc_server_handled_total counter
bodega_rpc_server_handled_total{service="shop",method="Get",code="OK"} 7
bodega_rpc_server_handled_total{service="shop",method="List",code="OK"} 2
bodega_rpc_server_handled_total{service="shop",method="Get",code="NOT_FOUND"} 1
bodega_rpc_server_handled_total{service="grpc.health.v1.Health",method="Check",code="OK"} 50
# TYPE bodega_rpc_client_handled_total counter
bodega_rpc_client_handled_total{service="other",method="Put",code="OK"} 3
# TYPE bodega_rpc_server_duration_seconds histogram
bodega_rpc_server_duration_seconds_bucket{service="shop",method="Get",le="0.1"} 4
bodega_rpc_server_duration_seconds_bucket{service="shop",method="Get",le="+Inf"} 8
bodega_rpc_server_duration_seconds_bucket{service="shop",method="List",le="0.1"} 2
bodega_rpc_server_duration_seconds_bucket{service="shop",method="List",le="+Inf"} 2
# TYPE bodega_http_server_handled_total counter
bodega_http_server_handled_total{route="/token",method="POST",code="200"} 5
bodega_http_server_handled_total{route="/token",method="POST",code="401"} 1
bodega_http_server_handled_total{route="/login",method="GET",code="200"} 2
# TYPE bodega_http_server_duration_seconds histogram
bodega_http_server_duration_seconds_bucket{route="/token",method="POST",le="0.1"} 5
bodega_http_server_duration_seconds_bucket{route="/token",method="POST",le="+Inf"} 6
bodega_http_server_duration_seconds_bucket{route="/login",method="GET",le="0.1"} 2
bodega_http_server_duration_seconds_bucket{route="/login",method="GET",le="+Inf"} 2
# TYPE rows_total counter
rows_total{outcome="inserted",kind="a"} 5
rows_total{outcome="inserted",kind="b"} 6
rows_total{outcome="updated",kind="a"} 1
"""


def test_calls_are_counted_by_code_and_health_checks_are_no_work() -> None:
    assert read(PAGE, 0, Calls.SERVER, ()).calls == {"OK": 9, "NOT_FOUND": 1}


def test_a_client_s_calls_are_told_from_a_server_s() -> None:
    assert read(PAGE, 0, Calls.CLIENT, ()).calls == {"OK": 3}


def test_http_requests_are_counted_by_status() -> None:
    found = read(PAGE, 0, Calls.HTTP, ())
    assert found.calls == {"200": 7, "401": 1}
    assert found.latency == Histogram((0.1, math.inf), (7, 8))


def test_the_latency_of_all_methods_is_one_histogram() -> None:
    assert read(PAGE, 0, Calls.SERVER, ()).latency == Histogram((0.1, math.inf), (6, 10))


def test_a_count_sums_over_the_labels_it_does_not_name() -> None:
    counts = [
        Count("inserted", "rows_total", {"outcome": "inserted"}),
        Count("rows", "rows_total"),
        Count("absent", "no_such_metric"),
    ]
    assert read(PAGE, 0, Calls.SERVER, counts).counts == {"inserted": 11, "rows": 12}


def test_a_count_may_be_one_for_each_value_of_a_label() -> None:
    counts = [Count("rows", "rows_total", by="outcome")]
    found = read(PAGE, 0, Calls.SERVER, counts).counts
    assert found == {"inserted rows": 11, "updated rows": 1}


def test_an_amount_is_counted_in_the_major_units_of_its_currency() -> None:
    page = 'value_minor{currency="EUR"} 123456.0\nvalue_minor{currency="JPY"} 500.0\n'
    counts = [Count("", "value_minor", by="currency", minor_units=True)]
    assert read(page, 0, Calls.SERVER, counts).counts == {"EUR": 1234.56, "JPY": 500.0}


def test_what_a_part_calls_is_counted_by_service_whatever_it_serves() -> None:
    assert read(PAGE, 0, Calls.SERVER, ()).made == {"other": 3}


def sample(at: float, calls: float) -> Sample:
    return Sample(at, {"OK": calls}, Histogram((0.1, math.inf), (calls, calls)), {})


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    history = History()
    for at, calls in ((0, 0), (5, 1000), (10, 1010), (14, 1090)):
        history.add(sample(at, calls))
    assert history.rate() == pytest.approx(10)
    assert history.rates() == pytest.approx([200, 2, 20])


def test_the_busiest_service_that_is_called_comes_first() -> None:
    history = History()
    for at in (0, 10):
        made = {"rare": at * 1.0, "busy": at * 5.0}
        history.add(Sample(at, {}, Histogram(), {}, made))
    assert list(history.made().items()) == [("busy", 5), ("rare", 1)]


def test_one_sample_has_no_rate() -> None:
    history = History()
    history.add(sample(0, 5))
    assert history.rate() is None


def test_the_quantile_forgets_what_is_older_than_ten_seconds() -> None:
    history = History()
    history.add(Sample(0, {}, Histogram((0.1, 1.0, math.inf), (0, 50, 50)), {}))
    history.add(Sample(15, {}, Histogram((0.1, 1.0, math.inf), (0, 50, 50)), {}))
    history.add(Sample(20, {}, Histogram((0.1, 1.0, math.inf), (10, 60, 60)), {}))
    worst = history.quantile(0.99)
    assert worst is not None
    assert worst <= 0.1
