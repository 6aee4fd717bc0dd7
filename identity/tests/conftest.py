import pytest

from identity.tests.times import HandClock

pytest_plugins = ["runtime.testing.databases"]


@pytest.fixture
def migrations() -> str:
    return "identity.migrations"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()
