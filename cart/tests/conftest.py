import pytest

pytest_plugins = [
    "runtime.testing.databases",
    "runtime.testing.rpc",
    "runtime.testing.tokens",
]


@pytest.fixture
def migrations() -> str:
    return "cart.migrations"
