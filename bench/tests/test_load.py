import pytest

from bench.benchmark import WrongResultError
from bench.load import Load, framed, parse

SUMMARY = """\
starting benchmark...
progress: 100% done

finished in {time}, 2478.15 req/s, 158.80KB/s
requests: 8000 total, 8000 started, 8000 done, {succeeded} succeeded, 0 failed, 0 errored, 0 timeout
status codes: 8000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 512.64KB (524943) total, 148.52KB (152089) headers (space savings 81.89%), 54.69KB (56000) data
                     min         max         median      p95
request     :      553us    175.77ms     90.18ms    154.40ms
"""  # noqa: E501


def test_the_summary_of_h2load_is_read() -> None:
    found = parse(SUMMARY.format(time="3.23s", succeeded=8000))
    assert found == Load(seconds=3.23, rate=2478.15, succeeded=8000, data_bytes=56000)


@pytest.mark.parametrize(
    ("text", "seconds"), [("738.02ms", 0.73802), ("812us", 0.000812), ("61.50s", 61.5)]
)
def test_every_unit_of_time_is_read(text: str, seconds: float) -> None:
    assert parse(SUMMARY.format(time=text, succeeded=1)).seconds == pytest.approx(seconds)


def test_requests_that_failed_are_not_counted_as_succeeded() -> None:
    assert parse(SUMMARY.format(time="1.00s", succeeded=7999)).succeeded == 7999


def test_output_without_a_summary_is_shown_in_the_error() -> None:
    with pytest.raises(WrongResultError, match="could not connect"):
        parse("could not connect to host")


def test_a_message_is_framed_with_its_length() -> None:
    assert framed(b"abc") == b"\x00\x00\x00\x00\x03abc"
