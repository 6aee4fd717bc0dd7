import asyncio

import pytest

from runtime.gauging import gauge_for_ever
from runtime.logs import get_logger


@pytest.mark.parametrize(("seconds", "pause"), [(0.01, 5), (0.25, 5), (1, 20)])
async def test_a_long_look_comes_so_rarely_that_it_takes_a_twentieth_of_the_time(
    seconds: float, pause: float
) -> None:
    now = 0.0

    async def look() -> None:
        nonlocal now
        now += seconds

    async def wait(asked: float) -> None:
        assert asked == pytest.approx(pause)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await gauge_for_ever(look, get_logger(__name__), "stand still", wait, lambda: now)
